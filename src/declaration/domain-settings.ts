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
import { decodeHex } from "../wire/hex.ts";
import { parseIPv4 } from "../wire/ipv4-address.ts";
import { parseIPv6, parseIPv6Prefix } from "../wire/ipv6-address.ts";
import { dhcpOptionsSchema } from "./dhcp-options.ts";
import { listOf, objectOf, textOf } from "./schema-parts.ts";

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

const softwireSchema = v.pipe(
  objectOf({
    borderRelays: v.optional(listOf(textOf(parseIPv6), borderRelaysMax), []),
    bindPrefix: v.optional(v.nullable(textOf(parseIPv6Prefix)), null),
    bindPrefixOnly: v.optional(v.boolean(), false),
    updateIntervalSeconds: v.optional(seconds(0, softwireUpdateSecondsMax), 60),
  }),
  v.check(
    ({ bindPrefix, bindPrefixOnly }) => !bindPrefixOnly || bindPrefix !== null,
    "bindPrefixOnly: found true without a bindPrefix, expected one",
  ),
);

/** The fields of a domain's settings. The database stores the settings as JSON. */
export const domainSettingsFields = {
  /** Serves the clients that no prefix of any domain covers. */
  default: v.optional(v.boolean(), false),
  /** Link-addresses and client addresses that belong to this domain. */
  prefixes: v.optional(listOf(textOf(parseIPv6Prefix), domainPrefixesMax), []),
  /** Lines that belong to this domain: link-address of the relay, and Interface-Id (text, or `hex:` and octets). */
  lines: v.optional(
    listOf(objectOf({ linkAddress: textOf(parseIPv6), interfaceId: textOf(parseInterfaceId) }), linesMax),
    [],
  ),
  /** Value of option 54. */
  serverIdentifier: textOf(parseIPv4),
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
  softwire: v.optional(softwireSchema, {}),
};

/** Schema of a domain's settings, as the database stores them. */
export const domainSettingsSchema = objectOf(domainSettingsFields);
export type DomainSettings = v.InferOutput<typeof domainSettingsSchema>;

/**
 * Lists what an operator should know about a domain although it is valid.
 *
 * @param name Name of the domain.
 * @param siteLeasesMax The limit of a site, from {@link siteLimitOf}.
 * @returns One sentence or two for each warning.
 */
export function warningsOf(name: string, siteLeasesMax: number | null): readonly string[] {
  return siteLeasesMax === null
    ? [`domain "${name}" has no site limit: one customer can take every pair. Set siteBy.`]
    : [];
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
