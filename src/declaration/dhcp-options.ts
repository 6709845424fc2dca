/**
 * DHCP options that an operator configures for clients: known options by name with typed values, any other option by
 * code and octets. They are validated when they are configured, so that clients only ever receive well-formed options.
 *
 * @example
 * ```ts
 * encodeDhcpOptions({ "dns-servers": ["192.0.2.53"], mtu: 1460, other: [{ code: 224, hex: "0a0b" }] });
 * ```
 *
 * @module
 */
import * as v from "valibot";
import {
  configuredAddressesMax,
  configuredOptionOctetsMax,
  otherOptionsMax,
  searchDomainsMax,
  staticRoutesMax,
} from "../limits.ts";
import { OptionCode } from "../wire/dhcpv4/codes.ts";
import { encodeAddress } from "../wire/dhcpv4/options/address.ts";
import { encodeSeconds } from "../wire/dhcpv4/options/seconds.ts";
import { decodeHex } from "../wire/hex.ts";
import { parseIPv4, parseIPv4Prefix } from "../wire/ipv4-address.ts";
import { listOf, objectOf, textOf } from "./schema-parts.ts";

const address = textOf(parseIPv4);
const addresses = v.pipe(listOf(address, configuredAddressesMax), v.minLength(1));
const asciiText = v.pipe(
  v.string(),
  v.regex(/^[\x20-\x7e]{1,255}$/, "expected 1 to 255 printable ASCII characters"),
);
const domainName = textOf(encodeDomainName);
const uint32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff));

/** How an option is written in a configuration, and how it is encoded. */
interface NamedOption<S extends v.GenericSchema> {
  readonly code: number;
  readonly value: S;
  readonly encode: (value: v.InferOutput<S>) => Uint8Array;
}

function option<S extends v.GenericSchema>(
  code: number,
  value: S,
  encode: (value: v.InferOutput<S>) => Uint8Array,
): NamedOption<S> {
  return { code, value, encode };
}

const addressOption = (code: number) => option(code, address, (text) => encodeAddress(parseIPv4(text)));
const addressesOption = (code: number) =>
  option(code, addresses, (texts) => concat(texts.map((text) => encodeAddress(parseIPv4(text)))));
const textOption = (code: number) => option(code, asciiText, (text) => new TextEncoder().encode(text));

/** Options by their usual names (RFC 2132, unless noted otherwise). */
const namedOptions = {
  "subnet-mask": addressOption(OptionCode.subnetMask),
  "time-offset": option(
    2,
    v.pipe(v.number(), v.integer(), v.minValue(-0x80000000), v.maxValue(0x7fffffff)),
    (seconds) => encodeSeconds(seconds >>> 0),
  ),
  routers: addressesOption(OptionCode.routers),
  "dns-servers": addressesOption(OptionCode.domainNameServers),
  "log-servers": addressesOption(7),
  "host-name": textOption(12),
  "domain-name": textOption(OptionCode.domainName),
  mtu: option(
    OptionCode.interfaceMtu,
    v.pipe(v.number(), v.integer(), v.minValue(68), v.maxValue(0xffff)),
    (octets) => Uint8Array.of(octets >> 8, octets & 255),
  ),
  "broadcast-address": addressOption(28),
  "ntp-servers": addressesOption(42),
  "tftp-server-name": textOption(66),
  "bootfile-name": textOption(67),
  /** RFC 4833. */
  "posix-timezone": textOption(100),
  "tzdb-timezone": textOption(101),
  /** RFC 8925: seconds for which a client that does not need IPv4 turns it off. */
  "v6-only-preferred": option(OptionCode.v6OnlyPreferred, uint32, encodeSeconds),
  /** RFC 8910. */
  "captive-portal": option(OptionCode.captivePortal, v.pipe(asciiText, v.url()), (text) =>
    new TextEncoder().encode(text),
  ),
  /** RFC 3397. */
  "domain-search": option(119, v.pipe(listOf(domainName, searchDomainsMax), v.minLength(1)), (names) =>
    concat(names.map(encodeDomainName)),
  ),
  /** RFC 3442. */
  "classless-static-routes": option(
    121,
    v.pipe(
      listOf(objectOf({ destination: textOf(parseIPv4Prefix), router: address }), staticRoutesMax),
      v.minLength(1),
    ),
    (routes) => concat(routes.map(encodeRoute)),
  ),
} as const;

type OptionName = keyof typeof namedOptions;

/** Codes that cannot be configured, because only the server or a client sets them. */
const reservedCodes: readonly number[] = [
  OptionCode.pad,
  OptionCode.requestedAddress,
  OptionCode.leaseTime,
  OptionCode.overload,
  OptionCode.messageType,
  OptionCode.serverIdentifier,
  OptionCode.parameterRequestList,
  OptionCode.message,
  OptionCode.maxMessageSize,
  OptionCode.renewalTime,
  OptionCode.rebindingTime,
  OptionCode.clientIdentifier,
  OptionCode.rapidCommit,
  OptionCode.softwireSourceAddress,
  OptionCode.portParams,
  OptionCode.end,
];
const namedCodes = new Map<number, string>(
  (Object.keys(namedOptions) as OptionName[]).map((name) => [namedOptions[name].code, name]),
);

const otherOption = objectOf({
  code: v.pipe(
    v.number(),
    v.integer(),
    v.minValue(1),
    v.maxValue(254),
    v.check(
      (code) => !reservedCodes.includes(code),
      (issue) => `found ${issue.received}, which only the server or a client sets, expected another code`,
    ),
    v.check(
      (code) => !namedCodes.has(code),
      (issue) =>
        `found ${issue.received}, expected the option by name: "${namedCodes.get(Number(issue.received)) ?? ""}"`,
    ),
  ),
  hex: v.pipe(
    textOf(decodeHex),
    v.maxLength(configuredOptionOctetsMax * 2, `expected at most ${configuredOptionOctetsMax} octets`),
  ),
});

type NamedEntries = {
  readonly [N in OptionName]: v.OptionalSchema<(typeof namedOptions)[N]["value"], undefined>;
};

const namedEntries = Object.fromEntries(
  Object.entries(namedOptions).map(([name, { value }]) => [name, v.optional(value as v.GenericSchema)]),
) as unknown as NamedEntries;

/** Schema of the options in a configuration. */
export const dhcpOptionsSchema = objectOf({
  ...namedEntries,
  other: v.optional(listOf(otherOption, otherOptionsMax)),
});
export type DhcpOptions = v.InferOutput<typeof dhcpOptionsSchema>;

/**
 * Encodes validated options.
 *
 * @param options Options that {@link dhcpOptionsSchema} accepted.
 * @returns The options: code -> data.
 */
export function encodeDhcpOptions(options: DhcpOptions): Map<number, Uint8Array> {
  const encoded = new Map<number, Uint8Array>();
  for (const name of Object.keys(namedOptions) as OptionName[]) {
    const value = options[name];
    if (value === undefined) continue;
    // Value and encoder match because they have the same name, but the type checker cannot see that in a loop.
    const { code, encode } = namedOptions[name] as unknown as NamedOption<v.GenericSchema<typeof value>>;
    encoded.set(code, encode(value));
  }
  for (const { code, hex } of options.other ?? []) encoded.set(code, decodeHex(hex));
  return encoded;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

/**
 * Encodes a domain name (RFC 1035 §3.1): each label after its length, then the root.
 *
 * @throws {SyntaxError} When the text is not a valid domain name.
 */
function encodeDomainName(name: string): Uint8Array {
  const labels = name.replace(/\.$/, "").split(".");
  if (name.length > 253 || labels.some((label) => !/^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?$/i.test(label))) {
    throw new SyntaxError(`found "${name}", expected a domain name such as example.net`);
  }
  const octets = labels.flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
  return Uint8Array.from([...octets, 0]);
}

/** Encodes a route (RFC 3442): the length of the prefix, its significant octets, the router. */
function encodeRoute({
  destination,
  router,
}: {
  readonly destination: string;
  readonly router: string;
}): Uint8Array {
  const prefix = parseIPv4Prefix(destination);
  const significant = encodeAddress(prefix.address).subarray(0, Math.ceil(prefix.length / 8));
  return Uint8Array.of(prefix.length, ...significant, ...encodeAddress(parseIPv4(router)));
}
