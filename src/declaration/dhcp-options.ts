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
import { decodeHex, encodeHex } from "../wire/hex.ts";
import { formatIPv4Prefix, parseIPv4, parseIPv4Prefix } from "../wire/ipv4-address.ts";
import { canonicalText, listOf, objectOf, textOf } from "./schema-parts.ts";
import { unlessAnyServer, unlessNextHop, unlessUnicast } from "./usable-addresses.ts";
import type { Refusal } from "./usable-addresses.ts";

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
  /**
   * Finds what no client could use in a well-formed value. Only declarations are checked: a database of an earlier
   * release may have such a value.
   *
   * @returns What was found and expected; undefined if the value is usable.
   */
  readonly findFault?: ((value: v.InferOutput<S>) => string | undefined) | undefined;
}

function option<S extends v.GenericSchema>(
  code: number,
  value: S,
  encode: (value: v.InferOutput<S>) => Uint8Array,
  findFault?: (value: v.InferOutput<S>) => string | undefined,
): NamedOption<S> {
  return { code, value, encode, findFault };
}

const addressOption = (code: number, refusal?: Refusal) =>
  option(code, address, (text) => encodeAddress(parseIPv4(text)), refusal && faultOf(refusal));
const addressesOption = (code: number, refusal?: Refusal) =>
  option(
    code,
    addresses,
    (texts) => concat(texts.map((text) => encodeAddress(parseIPv4(text)))),
    refusal && ((texts) => firstFault(texts, refusal)),
  );
const textOption = (code: number, refusal?: Refusal) =>
  option(code, asciiText, (text) => new TextEncoder().encode(text), refusal && faultOf(refusal));

/** Turns a refusal of a text into a fault. */
const faultOf =
  (refusal: Refusal) =>
  (text: string): string | undefined => {
    const expected = refusal(text);
    return expected && `found "${text}", ${expected}`;
  };

const firstFault = (texts: readonly string[], refusal: Refusal): string | undefined =>
  texts.map(faultOf(refusal)).find((fault) => fault !== undefined);

/** Refuses a mask with a zero bit before a one bit. */
const unlessMask: Refusal = (text) => {
  const zeros = 2 ** 32 - parseIPv4(text);
  return Number.isInteger(Math.log2(zeros)) ? undefined : "expected a mask such as 255.255.255.0";
};

const unlessName: Refusal = (text) => {
  try {
    encodeDomainName(text);
    return undefined;
  } catch {
    return "expected a domain name such as example.net";
  }
};

/** Says that there is no captive portal (RFC 8910 §2). */
const noPortal = "urn:ietf:params:capport:unrestricted";

/** Refuses a portal that no browser should open (RFC 8910 §2). */
const unlessPortal: Refusal = (text) => {
  if (text === noPortal) return undefined;
  // The parser of URLs skips spaces at the ends, but a client gets them.
  if (text.includes(" ")) return "expected a URL without spaces";
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username === "" && password === ""
    ? undefined
    : `expected an https or http URL without user and password, or ${noPortal}`;
};

/** Options by their usual names (RFC 2132, unless noted otherwise). */
const namedOptions = {
  "subnet-mask": addressOption(OptionCode.subnetMask, unlessMask),
  "time-offset": option(
    2,
    v.pipe(v.number(), v.integer(), v.minValue(-0x80000000), v.maxValue(0x7fffffff)),
    (seconds) => encodeSeconds(seconds >>> 0),
  ),
  routers: addressesOption(OptionCode.routers, unlessUnicast),
  "dns-servers": addressesOption(OptionCode.domainNameServers, unlessUnicast),
  "log-servers": addressesOption(7, unlessAnyServer),
  "host-name": textOption(12, unlessName),
  "domain-name": textOption(OptionCode.domainName, unlessName),
  mtu: option(
    OptionCode.interfaceMtu,
    v.pipe(v.number(), v.integer(), v.minValue(68), v.maxValue(0xffff)),
    (octets) => Uint8Array.of(octets >> 8, octets & 255),
  ),
  "broadcast-address": addressOption(28),
  "ntp-servers": addressesOption(42, unlessAnyServer),
  "tftp-server-name": textOption(66),
  "bootfile-name": textOption(67),
  /** RFC 4833. */
  "posix-timezone": textOption(100),
  "tzdb-timezone": textOption(101),
  /** RFC 8925: seconds for which a client that does not need IPv4 turns it off. */
  "v6-only-preferred": option(OptionCode.v6OnlyPreferred, uint32, encodeSeconds),
  /** RFC 8910. */
  "captive-portal": option(
    OptionCode.captivePortal,
    v.pipe(asciiText, v.url()),
    (text) => new TextEncoder().encode(text),
    faultOf(unlessPortal),
  ),
  /** RFC 3397. */
  "domain-search": option(119, v.pipe(listOf(domainName, searchDomainsMax), v.minLength(1)), (names) =>
    concat(names.map(encodeDomainName)),
  ),
  /** RFC 3442. */
  "classless-static-routes": option(
    121,
    v.pipe(
      listOf(
        objectOf({ destination: canonicalText(parseIPv4Prefix, formatIPv4Prefix), router: address }),
        staticRoutesMax,
      ),
      v.minLength(1),
    ),
    (routes) => concat(routes.map(encodeRoute)),
    (routes) =>
      firstFault(
        routes.map(({ router }) => router),
        unlessNextHop,
      ),
  ),
} as const;

type OptionName = keyof typeof namedOptions;

/** Codes that cannot be configured, because the server computes them for each message, or only a client sets them. */
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

/** Further codes that cannot be configured, and why. Earlier releases accepted them, so a database may have them. */
const foreignCodes: ReadonlyMap<number, string> = new Map([
  [77, "a client sets (RFC 3004)"],
  [81, "is computed from the client's (RFC 4702)"],
  [82, "a relay sets (RFC 3046)"],
  [90, "is computed for each message (RFC 3118)"],
  [93, "a client sets (RFC 4578)"],
  [94, "a client sets (RFC 4578)"],
  [97, "a client sets (RFC 4578)"],
  [118, "a client sets (RFC 3011)"],
  ...[91, 92, 151, 152, 153, 154, 155, 156, 157].map(
    (code) => [code, "belongs to lease queries (RFC 4388, RFC 6926)"] as const,
  ),
]);
const namedCodes = new Map<number, string>(
  (Object.keys(namedOptions) as OptionName[]).map((name) => [namedOptions[name].code, name]),
);

const storedCode = v.pipe(
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
);

const declaredCode = v.pipe(
  storedCode,
  v.check(
    (code) => !foreignCodes.has(code),
    (issue) =>
      `found ${issue.received}, which ${foreignCodes.get(Number(issue.received)) ?? ""}, expected another code`,
  ),
);

const otherOptions = <C extends v.GenericSchema<number, number>>(code: C) =>
  listOf(
    objectOf({
      code,
      hex: v.pipe(
        canonicalText(decodeHex, encodeHex),
        v.maxLength(configuredOptionOctetsMax * 2, `expected at most ${configuredOptionOctetsMax} octets`),
      ),
    }),
    otherOptionsMax,
  );

/** Refuses a code that occurs twice: a reader could not tell which of its values the clients get. */
const eachCodeOnce = v.rawCheck<{ code: number; hex: string }[]>(({ dataset, addIssue }) => {
  const codes = dataset.typed ? dataset.value.map(({ code }) => code) : [];
  const twice = codes.find((code, index) => codes.indexOf(code) < index);
  if (twice !== undefined) addIssue({ message: `found code ${twice} twice, expected each code once` });
});

type NamedEntries = {
  readonly [N in OptionName]: v.OptionalSchema<(typeof namedOptions)[N]["value"], undefined>;
};

/** @param schemaOf Returns the schema of an option's value. */
const entriesWith = (schemaOf: (each: NamedOption<v.GenericSchema>) => v.GenericSchema) =>
  Object.fromEntries(
    Object.entries(namedOptions).map(([name, each]) => [
      name,
      v.optional(schemaOf(each as unknown as NamedOption<v.GenericSchema>)),
    ]),
  ) as unknown as NamedEntries;

function declaredValue({ value, findFault }: NamedOption<v.GenericSchema>): v.GenericSchema {
  if (findFault === undefined) return value;
  return v.pipe(
    value,
    v.rawCheck(({ dataset, addIssue }) => {
      const message = dataset.typed && dataset.issues === undefined ? findFault(dataset.value) : undefined;
      if (message !== undefined)
        addIssue({ message, received: /^found (.+), expected/.exec(message)?.[1] ?? "" });
    }),
  );
}

/** Schema of the options in a configuration. */
export const dhcpOptionsSchema = objectOf({
  ...entriesWith(declaredValue),
  other: v.optional(v.pipe(otherOptions(declaredCode), eachCodeOnce)),
});

/** Schema of the options in a database. Those of earlier releases may be of no use to a client. */
export const storedOptionsSchema = objectOf({
  ...entriesWith(({ value }) => value),
  other: v.optional(otherOptions(storedCode)),
});
export type DhcpOptions = v.InferOutput<typeof storedOptionsSchema>;

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
