/**
 * The settings of a domain: everything in its declaration except its name, pools and reservations.
 *
 * @module
 */
import * as v from "valibot";
import {
  borderRelaysMax,
  declineSecondsMax,
  domainPrefixesMax,
  leaseSecondsMax,
  leaseSecondsMin,
  linesMax,
  offerHoldSecondsMax,
  quarantineSecondsMax,
  siteLeasesDefault,
  softwireUpdateSecondsMax,
} from "../limits.ts";
import { decodeHex, encodeHex } from "../wire/hex.ts";
import { parseIPv4 } from "../wire/ipv4-address.ts";
import { formatIPv6, formatIPv6Prefix, parseIPv6, parseIPv6Prefix } from "../wire/ipv6-address.ts";
import { dhcpOptionsSchema, storedOptionsSchema } from "./dhcp-options.ts";
import { canonicalText, listOf, objectOf, textOf } from "./schema-parts.ts";
import {
  unlessGlobal,
  unlessGlobalPrefix,
  unlessHost,
  unlessLink,
  unlessServed,
  usable,
} from "./usable-addresses.ts";

const secondsPerDay = 86_400;

const seconds = (min: number, max: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));

/**
 * Parses an Interface-Id.
 *
 * @param text The Interface-Id as text, or `hex:` followed by its octets in hexadecimal.
 * @returns The octets, at least one.
 * @throws {SyntaxError} When the text is empty or not hexadecimal after `hex:`.
 */
export function parseInterfaceId(text: string): Uint8Array {
  const octets = text.startsWith("hex:")
    ? decodeHex(text.slice("hex:".length))
    : new TextEncoder().encode(text);
  if (octets.length > 0) return octets;
  throw new SyntaxError(
    `Cannot parse Interface-Id: found "${text}", expected text, or "hex:" and at least one octet`,
  );
}

/**
 * Formats an Interface-Id.
 *
 * @param octets At least one.
 * @returns The text that {@link parseInterfaceId} parses to these octets: plain if all of it can be read, else `hex:`.
 */
export function formatInterfaceId(octets: Uint8Array): string {
  const text = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(octets);
  const isPlain =
    !text.startsWith("hex:") &&
    !/[\p{C}\p{Zl}\p{Zp}\ufffd]/u.test(text) &&
    encodeHex(new TextEncoder().encode(text)) === encodeHex(octets);
  return isPlain ? text : `hex:${encodeHex(octets)}`;
}

const ipv6 = canonicalText(parseIPv6, formatIPv6);
const ipv6Prefix = canonicalText(parseIPv6Prefix, formatIPv6Prefix);

/**
 * Creates a function that returns the canonical text of a link-address. The lines of one relay share their link-address,
 * so each address is parsed once.
 */
export function linkFormatter(): (text: string) => string {
  const links = new Map<string, string>();
  return (text) => {
    const link = links.get(text) ?? formatIPv6(parseIPv6(text));
    links.set(text, link);
    return link;
  };
}

/** Returns the canonical text of an Interface-Id, as {@link formatInterfaceId} writes it. */
export function canonicalInterfaceId(text: string): string {
  // Most are plain, and a domain may have 65,536.
  const isPlain = /^[\x20-\x7e]+$/.test(text) && !text.startsWith("hex:");
  return isPlain ? text : formatInterfaceId(parseInterfaceId(text));
}

const interfaceId = canonicalText(parseInterfaceId, formatInterfaceId);

const leaseSecondsSchema = v.pipe(
  objectOf({
    default: v.optional(seconds(leaseSecondsMin, leaseSecondsMax), 3600),
    min: v.optional(seconds(leaseSecondsMin, leaseSecondsMax), 60),
    max: v.optional(seconds(leaseSecondsMin, leaseSecondsMax), secondsPerDay),
  }),
  v.check(({ default: usual, min, max }) => min <= usual && usual <= max, "expected min <= default <= max"),
);

const siteIdentifiers = ["remote-id", "subscriber-id", "interface-id", "source", "link"] as const;

const siteBySchema = v.pipe(
  listOf(v.picklist(siteIdentifiers), siteIdentifiers.length),
  v.minLength(1),
  v.check((list) => new Set(list).size === list.length, "expected each identifier once"),
);

const softwireWith = <
  R extends v.GenericSchema<string[] | undefined, string[]>,
  P extends v.GenericSchema<string, string>,
>(
  borderRelays: R,
  prefix: P,
) =>
  v.pipe(
    objectOf({
      borderRelays,
      bindPrefix: v.optional(v.nullable(prefix), null),
      bindPrefixOnly: v.optional(v.boolean(), false),
      updateIntervalSeconds: v.optional(seconds(0, softwireUpdateSecondsMax), 60),
    }),
    v.check(
      ({ bindPrefix, bindPrefixOnly }) => !bindPrefixOnly || bindPrefix !== null,
      "bindPrefixOnly: found true without a bindPrefix, expected one",
    ),
  );

/** A client would be told an address twice, so it is refused, however it is spelt. */
const usableBorderRelays = v.pipe(
  listOf(v.pipe(ipv6, usable(unlessGlobal)), borderRelaysMax),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.issues !== undefined) return;
    const twice = dataset.value.find((text, index) => dataset.value.indexOf(text) < index);
    if (twice === undefined) return;
    addIssue({ message: `found "${twice}" twice, expected it once`, received: `"${twice}" twice` });
  }),
);

/** The fields of a domain's settings, as an operator declares them. The database stores the settings as JSON. */
export const domainSettingsFields = {
  /** Serves the clients that no prefix of any domain covers. */
  default: v.optional(v.boolean(), false),
  /** Link-addresses and client addresses that belong to this domain. */
  prefixes: v.optional(listOf(v.pipe(ipv6Prefix, usable(unlessServed)), domainPrefixesMax), []),
  /** Lines that belong to this domain: link-address of the relay, and Interface-Id (text, or `hex:` and octets). */
  lines: v.optional(
    listOf(objectOf({ linkAddress: v.pipe(ipv6, usable(unlessLink)), interfaceId }), linesMax),
    [],
  ),
  /** Value of option 54. */
  serverIdentifier: v.pipe(textOf(parseIPv4), usable(unlessHost)),
  leaseSeconds: v.optional(leaseSecondsSchema, {}),
  offerHoldSeconds: v.optional(seconds(1, offerHoldSecondsMax), 60),
  quarantineSeconds: v.optional(seconds(0, quarantineSecondsMax), 60),
  declineSeconds: v.optional(seconds(0, declineSecondsMax), secondsPerDay),
  /** What identifies a customer, best first; null for the usual order. */
  siteBy: v.optional(v.nullable(siteBySchema), null),
  /** Null: see {@link siteLimitOf}. */
  siteLeasesMax: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1))), null),
  /** No two lines of the domain have the same Interface-Id. */
  interfaceIdsAreUnique: v.optional(v.boolean(), false),
  options: v.optional(dhcpOptionsSchema, {}),
  rebootNeedsSameSource: v.optional(v.boolean(), true),
  ignoresOption159: v.optional(v.boolean(), false),
  acceptsRequestWithoutPortSet: v.optional(v.boolean(), false),
  identifiesByHardwareAddress: v.optional(v.boolean(), false),
  refusesUnknownRenewals: v.optional(v.boolean(), false),
  rapidCommit: v.optional(v.boolean(), false),
  sitePrefixLength: v.optional(v.picklist([56, 64]), 56),
  softwire: v.optional(
    softwireWith(v.optional(usableBorderRelays, []), v.pipe(ipv6Prefix, usable(unlessGlobalPrefix))),
    {},
  ),
};

/**
 * Schema of a domain's settings, as the database stores them. Earlier releases accepted addresses and options that no
 * client can use; a database that has them is still read.
 */
export const storedSettingsSchema = objectOf({
  ...domainSettingsFields,
  prefixes: v.optional(listOf(ipv6Prefix, domainPrefixesMax), []),
  lines: v.optional(listOf(objectOf({ linkAddress: ipv6, interfaceId }), linesMax), []),
  serverIdentifier: textOf(parseIPv4),
  options: v.optional(storedOptionsSchema, {}),
  softwire: v.optional(softwireWith(v.optional(listOf(ipv6, borderRelaysMax), []), ipv6Prefix), {}),
});
export type DomainSettings = v.InferOutput<typeof storedSettingsSchema>;

/** What {@link warningsOf} looks at. */
export interface WarnedDomain {
  readonly name: string;
  /** The limit of a site, from {@link siteLimitOf}. */
  readonly siteLeasesMax: number | null;
  readonly isDefault: boolean;
  readonly prefixes: readonly unknown[];
  readonly lines: readonly unknown[];
}

/**
 * Lists what an operator should know about a domain although it is valid.
 *
 * @returns One sentence or two for each warning.
 */
export function warningsOf({
  name,
  siteLeasesMax,
  isDefault,
  prefixes,
  lines,
}: WarnedDomain): readonly string[] {
  const servesNobody = !isDefault && prefixes.length === 0 && lines.length === 0;
  return [
    ...(siteLeasesMax === null
      ? [`domain "${name}" has no site limit: one customer can take every pair. Set siteBy.`]
      : []),
    ...(servesNobody ? [`domain "${name}" serves nobody. Set prefixes, lines or default.`] : []),
  ];
}

/** Lists the warnings of a declared domain. */
export function warningsOfDeclared(domain: DomainSettings & { readonly name: string }): readonly string[] {
  return warningsOf({ ...domain, isDefault: domain.default, siteLeasesMax: siteLimitOf(domain) });
}

/**
 * Returns the limit of a customer site.
 *
 * @returns The most leases and offers of one site at a time; null when nothing is limited, because the operator set
 *   neither a limit nor what a site is.
 */
export function siteLimitOf({ siteBy, siteLeasesMax }: Pick<DomainSettings, "siteBy" | "siteLeasesMax">) {
  return siteLeasesMax ?? (siteBy === null ? null : siteLeasesDefault);
}
