/**
 * What a domain says about itself, beside its name, its pools and its reservations.
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
  softwireUpdateSecondsMax,
} from "../limits.ts";
import { decodeHex } from "../wire/hex.ts";
import { parseIPv4 } from "../wire/ipv4-address.ts";
import { parseIPv6, parseIPv6Prefix } from "../wire/ipv6-address.ts";
import { dhcpOptionsSchema } from "./dhcp-options.ts";
import { textOf } from "./schema-parts.ts";

const dayOfSeconds = 86_400;

const seconds = (min: number, max: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));

/** An Interface-Id as text, or `hex:` and its octets. */
export function parseInterfaceId(text: string): Uint8Array {
  const octets = text.startsWith("hex:")
    ? decodeHex(text.slice("hex:".length))
    : new TextEncoder().encode(text);
  if (octets.length > 0) return octets;
  throw new SyntaxError(`Cannot parse Interface-Id: found "${text}", expected text, or "hex:" and octets`);
}

const leaseSecondsSchema = v.pipe(
  v.strictObject({
    default: v.optional(seconds(leaseSecondsMin, leaseSecondsMax), 3600),
    min: v.optional(seconds(leaseSecondsMin, leaseSecondsMax), 60),
    max: v.optional(seconds(leaseSecondsMin, leaseSecondsMax), dayOfSeconds),
  }),
  v.check(({ default: usual, min, max }) => min <= usual && usual <= max, "expected min <= default <= max"),
);

/** What a domain says about itself, without its name and pools: the database keeps it as JSON. */
export const domainSettingsFields = {
  /** Takes the clients that no prefix of any domain covers. */
  default: v.optional(v.boolean(), false),
  /** Link-addresses and client addresses that belong to this domain. */
  prefixes: v.optional(v.pipe(v.array(textOf(parseIPv6Prefix)), v.maxLength(domainPrefixesMax)), []),
  /** Lines that belong to this domain: Interface-Id (text, or `hex:` and octets) and link-address of its relay. */
  lines: v.optional(
    v.pipe(
      v.array(v.strictObject({ linkAddress: textOf(parseIPv6), interfaceId: textOf(parseInterfaceId) })),
      v.maxLength(linesMax),
    ),
    [],
  ),
  /** Option 54. */
  serverIdentifier: textOf(parseIPv4),
  leaseSeconds: v.optional(leaseSecondsSchema, {}),
  offerHoldSeconds: v.optional(seconds(1, offerHoldSecondsMax), 60),
  quarantineSeconds: v.optional(seconds(0, quarantineSecondsMax), 60),
  declineSeconds: v.optional(seconds(0, declineSecondsMax), dayOfSeconds),
  siteLeasesMax: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1))), null),
  options: v.optional(dhcpOptionsSchema, {}),
  rebootNeedsSameSource: v.optional(v.boolean(), true),
  ignoresOption159: v.optional(v.boolean(), false),
  acceptsRequestWithoutPortSet: v.optional(v.boolean(), false),
  identifiesByHardwareAddress: v.optional(v.boolean(), false),
  refusesUnknownRenewals: v.optional(v.boolean(), false),
  rapidCommit: v.optional(v.boolean(), false),
  sitePrefixLength: v.optional(v.picklist([56, 64]), 56),
  softwire: v.optional(
    v.strictObject({
      borderRelays: v.optional(v.pipe(v.array(textOf(parseIPv6)), v.maxLength(borderRelaysMax)), []),
      bindPrefix: v.optional(v.nullable(textOf(parseIPv6Prefix)), null),
      updateIntervalSeconds: v.optional(seconds(0, softwireUpdateSecondsMax), 60),
    }),
    {},
  ),
};

/** Settings of a domain, as the database keeps them. */
export const domainSettingsSchema = v.strictObject(domainSettingsFields);
export type DomainSettings = v.InferOutput<typeof domainSettingsSchema>;
