/**
 * The declared state: what an operator writes about domains and pools. One schema for the configuration file and
 * for what the database keeps.
 *
 * @example
 * ```json
 * { "domains": [ { "name": "demo", "default": true, "serverIdentifier": "192.0.2.1",
 *     "pools": [ { "name": "shared", "kind": "shared", "range": "192.0.2.0/24", "psidLength": 6 } ] } ] }
 * ```
 *
 * @module
 */
import * as v from "valibot";
import {
  clientIdentifierOctetsMax,
  domainsMax,
  linesMax,
  poolsPerDomainMax,
  reservationsPerDomainMax,
} from "../limits.ts";
import { createPoolGeometry, slotOf } from "../portset/pool-geometry.ts";
import type { PoolGeometry } from "../portset/pool-geometry.ts";
import type { PortRange } from "../portset/port-set.ts";
import { decodeHex } from "../wire/hex.ts";
import { parseIPv4, parseIPv4Prefix } from "../wire/ipv4-address.ts";
import { parseIPv6, parseIPv6Prefix } from "../wire/ipv6-address.ts";
import { dateSchema } from "./dates.ts";
import { dhcpOptionsSchema } from "./dhcp-options.ts";
import { textOf } from "./schema-text.ts";

/** Names are ids: they never change. */
export const nameSchema = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, "expected 1 to 63 of a-z, 0-9, '-' and '.'"),
);
const seconds = (min: number, max: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const dayOfSeconds = 86_400;
const yearOfSeconds = 365 * dayOfSeconds;

/** Port range `first-last` or a single port. */
export function parsePortRange(text: string): PortRange {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match === null || first > last || last > 0xffff) {
    throw new SyntaxError(`Cannot parse port range: found "${text}", expected "first-last" within 0-65535`);
  }
  return { first, last };
}

/** An Interface-Id as text, or `hex:` and its octets. */
export function parseInterfaceId(text: string): Uint8Array {
  const octets = text.startsWith("hex:")
    ? decodeHex(text.slice("hex:".length))
    : new TextEncoder().encode(text);
  if (octets.length > 0) return octets;
  throw new SyntaxError(`Cannot parse Interface-Id: found "${text}", expected text, or "hex:" and octets`);
}

/** IPv4 range `address/length` or `first-last`. */
export function parseIPv4Range(text: string): {
  readonly firstAddress: number;
  readonly lastAddress: number;
} {
  const dash = text.indexOf("-");
  if (dash >= 0) {
    const range = {
      firstAddress: parseIPv4(text.slice(0, dash)),
      lastAddress: parseIPv4(text.slice(dash + 1)),
    };
    if (range.firstAddress <= range.lastAddress) return range;
    throw new RangeError(`Cannot parse IPv4 range: "${text}" ends before it begins`);
  }
  const { address, length } = parseIPv4Prefix(text);
  if (length < 8)
    throw new RangeError(`Cannot parse IPv4 range: found "${text}", expected a prefix of /8 to /32`);
  return { firstAddress: address, lastAddress: address + 2 ** (32 - length) - 1 };
}

const described = <S extends v.GenericSchema>(text: string, schema: S) => v.pipe(schema, v.description(text));

const poolFields = {
  range: described("IPv4 addresses: `192.0.2.0/24` or `192.0.2.10-192.0.2.20`.", textOf(parseIPv4Range)),
  fill: v.optional(
    described(
      "How new slots are taken: fewest subscribers an address first, or one address after the other.",
      v.picklist(["spread", "pack"]),
    ),
    "spread",
  ),
  options: v.optional(
    described(
      "DHCP options for the clients of this pool; they come before those of the domain.",
      dhcpOptionsSchema,
    ),
    {},
  ),
  drainUntil: v.optional(
    described(
      "While set, the pool gives no new leases; those that run may be renewed until this date.",
      v.nullable(dateSchema),
    ),
    null,
  ),
};

const sharedFields = {
  kind: v.literal("shared"),
  psidOffset: v.optional(
    described(
      "RFC 7597 §5.1 `a`: 0 is one contiguous range, as lw4o6 wants it; MAP uses 6.",
      v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(15)),
    ),
    0,
  ),
  psidLength: described(
    "RFC 7597 §5.1 `k`: an address serves up to 2^k subscribers.",
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16)),
  ),
  reservedPorts: v.optional(
    described(
      "Ports that no subscriber gets (RFC 7618 §8): `0-1023`, `8080`.",
      v.pipe(v.array(textOf(parsePortRange)), v.maxLength(64)),
    ),
    ["0-1023"],
  ),
};

/** The schema of a pool with what it is known by, where that is not its name alone. */
export function poolSchemaWith<E extends v.ObjectEntries>(entries: E) {
  return v.pipe(
    v.variant("kind", [
      v.strictObject({ ...entries, ...sharedFields, ...poolFields }),
      v.strictObject({ ...entries, kind: v.literal("full"), ...poolFields }),
    ]),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed || dataset.issues !== undefined) return;
      try {
        geometryOf(dataset.value as PoolShape);
      } catch (error) {
        addIssue({ message: error instanceof Error ? error.message : String(error) });
      }
    }),
  );
}

const poolSchema = poolSchemaWith({ name: nameSchema });

/** A pool as it is declared. */
export type PoolDeclaration = v.InferOutput<typeof poolSchema>;

/** What a pool's slots follow from. */
export type PoolShape = Pick<PoolDeclaration, "range" | "fill"> &
  (
    | { readonly kind: "full" }
    | {
        readonly kind: "shared";
        readonly psidOffset: number;
        readonly psidLength: number;
        readonly reservedPorts: readonly string[];
      }
  );

/**
 * Computes the slots of a declared pool.
 *
 * @throws {RangeError} When no PSID is usable, or the parameters do not fit in a port (RFC 7597 §5.1).
 */
export function geometryOf(pool: PoolShape): PoolGeometry {
  const range = { ...parseIPv4Range(pool.range), fill: pool.fill };
  return pool.kind === "full"
    ? createPoolGeometry({ ...range, psidOffset: 0, psidLength: 0, reservedPorts: [] })
    : createPoolGeometry({
        ...range,
        psidOffset: pool.psidOffset,
        psidLength: pool.psidLength,
        reservedPorts: pool.reservedPorts.map(parsePortRange),
      });
}

const leaseSecondsSchema = v.pipe(
  v.strictObject({
    default: v.optional(seconds(60, yearOfSeconds), 3600),
    min: v.optional(seconds(60, yearOfSeconds), 60),
    max: v.optional(seconds(60, yearOfSeconds), dayOfSeconds),
  }),
  v.check(({ default: usual, min, max }) => min <= usual && usual <= max, "expected min <= default <= max"),
);

/** What a domain says about itself, without its name and pools: the database keeps it as JSON. */
export const domainSettingsFields = {
  /** Takes the clients that no prefix of any domain covers. */
  default: v.optional(v.boolean(), false),
  /** Link-addresses and client addresses that belong to this domain. */
  prefixes: v.optional(v.pipe(v.array(textOf(parseIPv6Prefix)), v.maxLength(1024)), []),
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
  offerHoldSeconds: v.optional(seconds(1, 3600), 60),
  quarantineSeconds: v.optional(seconds(0, dayOfSeconds), 60),
  declineSeconds: v.optional(seconds(0, yearOfSeconds), dayOfSeconds),
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
      borderRelays: v.optional(v.pipe(v.array(textOf(parseIPv6)), v.maxLength(8)), []),
      bindPrefix: v.optional(v.nullable(textOf(parseIPv6Prefix)), null),
      updateIntervalSeconds: v.optional(seconds(0, dayOfSeconds), 60),
    }),
    {},
  ),
};

/** Settings of a domain, as the database keeps them. */
export const domainSettingsSchema = v.strictObject(domainSettingsFields);
export type DomainSettings = v.InferOutput<typeof domainSettingsSchema>;

/** Octets of a client identifier in hexadecimal; colons may stand between them. */
export function parseClientIdentifier(text: string): Uint8Array {
  const octets = decodeHex(text.replaceAll(":", ""));
  if (octets.length >= 2 && octets.length <= clientIdentifierOctetsMax) return octets;
  throw new RangeError(
    `Cannot parse client identifier: found ${octets.length} octets, expected 2 to ${clientIdentifierOctetsMax}`,
  );
}

/** Which pair belongs to whom. */
export const reservationFields = {
  clientIdentifier: described(
    "Option 61 in hexadecimal: type 255, IAID and DUID for 4o6 clients (RFC 7618 §6).",
    textOf(parseClientIdentifier),
  ),
  address: textOf(parseIPv4),
  psid: v.optional(
    described(
      "Port set of the address, right-justified; null in a full pool.",
      v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff))),
    ),
    null,
  ),
};

const reservationSchema = v.strictObject({ name: nameSchema, ...reservationFields });
export type ReservationDeclaration = v.InferOutput<typeof reservationSchema>;

const domainSchema = v.strictObject({
  name: nameSchema,
  ...domainSettingsFields,
  pools: v.pipe(v.array(poolSchema), v.maxLength(poolsPerDomainMax)),
  reservations: v.optional(v.pipe(v.array(reservationSchema), v.maxLength(reservationsPerDomainMax)), []),
});
export type DomainDeclaration = v.InferOutput<typeof domainSchema>;

/** The whole of a declared state. */
export const declarationSchema = v.pipe(
  v.strictObject({ domains: v.pipe(v.array(domainSchema), v.maxLength(domainsMax)) }),
  v.rawCheck(({ dataset, addIssue }) => {
    // What has faults of its own can't be compared with others.
    if (!dataset.typed || dataset.issues !== undefined) return;
    for (const message of contradictions(dataset.value.domains)) addIssue({ message });
  }),
);
export type Declaration = v.InferOutput<typeof declarationSchema>;

/** What no single field can show: names given twice, ranges that overlap, two defaults. */
function contradictions(domains: readonly DomainDeclaration[]): string[] {
  const found: string[] = [];
  const defaults = domains.filter((domain) => domain.default);
  if (defaults.length > 1) {
    found.push(
      `default: found ${defaults.map((domain) => domain.name).join(" and ")}, expected one domain at most`,
    );
  }
  found.push(
    ...repeated(
      "domain name",
      domains.map((domain) => domain.name),
    ),
  );
  const pools = domains.flatMap((domain) => domain.pools);
  found.push(
    ...repeated(
      "pool name",
      pools.map((pool) => pool.name),
    ),
  );
  const ranges = pools
    .map((pool) => ({ name: pool.name, ...parseIPv4Range(pool.range) }))
    .sort((a, b) => a.firstAddress - b.firstAddress);
  for (let index = 1; index < ranges.length; index++) {
    const [before, after] = [ranges[index - 1]!, ranges[index]!];
    if (after.firstAddress <= before.lastAddress) {
      found.push(
        `pools: range of "${after.name}" overlaps that of "${before.name}", expected disjoint ranges`,
      );
    }
  }
  found.push(
    ...repeated(
      "reservation name",
      domains.flatMap((domain) => domain.reservations.map((each) => each.name)),
    ),
    ...domains.flatMap(reservationFaults),
  );
  return found;
}

/** A pair and a client have one reservation at most, and the pair is one of the domain's pools. */
function reservationFaults({ name, pools, reservations }: DomainDeclaration): string[] {
  if (reservations.length === 0) return [];
  const geometries = pools.map((pool) => ({ kind: pool.kind, geometry: geometryOf(pool) }));
  const hasPair = ({ address, psid }: ReservationDeclaration): boolean =>
    geometries.some(
      ({ kind, geometry }) =>
        (kind === "full") === (psid === null) &&
        slotOf(geometry, parseIPv4(address), psid ?? 0) !== undefined,
    );
  const pairOf = ({ address, psid }: ReservationDeclaration) =>
    `${address}${psid === null ? "" : ` PSID ${psid}`}`;
  return [
    ...reservations
      .filter((each) => !hasPair(each))
      .map(
        (each) => `reservation "${each.name}": found ${pairOf(each)}, expected a pair of a pool of "${name}"`,
      ),
    ...repeated(`domain "${name}": reserved pair`, reservations.map(pairOf)),
    ...repeated(
      `domain "${name}": reserved client`,
      reservations.map((each) => each.clientIdentifier.replaceAll(":", "").toLowerCase()),
    ),
  ];
}

function repeated(what: string, names: readonly string[]): string[] {
  const seen = new Set<string>();
  const twice = new Set(names.filter((each) => seen.has(each) || !seen.add(each)));
  return [...twice].map((each) => `${what}: found "${each}" twice, expected it once`);
}

/** Wrong configuration: one line for each fault, with the path of the field. */
export class DeclarationError extends TypeError {
  readonly issues: readonly string[];
  constructor(source: string, issues: readonly string[]) {
    super(`Cannot read ${source}:\n${issues.map((issue) => `  ${issue}`).join("\n")}`);
    this.name = "DeclarationError";
    this.issues = issues;
  }
}

/**
 * Checks a declared state and fills in the defaults.
 *
 * @param input Parsed JSON.
 * @param source What it was read from, for the message.
 * @throws {DeclarationError} With each fault's path, what was found and what was expected.
 */
export function parseDeclaration(input: unknown, source: string): Declaration {
  const result = v.safeParse(declarationSchema, input);
  if (result.success) return result.output;
  throw new DeclarationError(
    source,
    result.issues.map((issue) => {
      const path = v.getDotPath(issue) ?? "(top level)";
      return `${path}: ${issue.message}`;
    }),
  );
}

/** What may be written: all that has a default may be left out. */
export type DeclarationInput = v.InferInput<typeof declarationSchema>;
