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
import { createPoolGeometry } from "../portset/pool-geometry.ts";
import type { PoolGeometry } from "../portset/pool-geometry.ts";
import type { PortRange } from "../portset/port-set.ts";
import { decodeHex } from "../wire/hex.ts";
import { parseIPv4, parseIPv4Prefix } from "../wire/ipv4-address.ts";
import { parseIPv6, parseIPv6Prefix } from "../wire/ipv6-address.ts";
import { dhcpOptionsSchema } from "./dhcp-options.ts";
import { textOf } from "./schema-text.ts";

const name = v.pipe(
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

const poolFields = {
  name,
  range: textOf(parseIPv4Range),
  fill: v.optional(v.picklist(["spread", "pack"]), "spread"),
  /** Options for the clients of this pool; they come before those of the domain. */
  options: v.optional(dhcpOptionsSchema, {}),
};

const sharedPool = v.strictObject({
  ...poolFields,
  kind: v.literal("shared"),
  /** RFC 7597 §5.1 `a`: 0 is one contiguous range, as lw4o6 wants it; MAP uses 6. */
  psidOffset: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(15)), 0),
  /** RFC 7597 §5.1 `k`: an address serves up to 2^k clients. */
  psidLength: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16)),
  /** Ports that no client gets (R7618-8-10, R7618-8-11). */
  reservedPorts: v.optional(v.pipe(v.array(textOf(parsePortRange)), v.maxLength(64)), ["0-1023"]),
});

const fullPool = v.strictObject({ ...poolFields, kind: v.literal("full") });

const poolSchema = v.pipe(
  v.variant("kind", [sharedPool, fullPool]),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.issues !== undefined) return;
    try {
      geometryOf(dataset.value);
    } catch (error) {
      addIssue({ message: error instanceof Error ? error.message : String(error) });
    }
  }),
);

/** A pool as it is declared. */
export type PoolDeclaration = v.InferOutput<typeof sharedPool> | v.InferOutput<typeof fullPool>;

/**
 * Computes the slots of a declared pool.
 *
 * @throws {RangeError} When no PSID is usable, or the parameters do not fit in a port (RFC 7597 §5.1).
 */
export function geometryOf(pool: PoolDeclaration): PoolGeometry {
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
const settingsFields = {
  /** Takes the clients that no prefix of any domain covers. */
  default: v.optional(v.boolean(), false),
  /** Link-addresses and client addresses that belong to this domain. */
  prefixes: v.optional(v.pipe(v.array(textOf(parseIPv6Prefix)), v.maxLength(1024)), []),
  /** Lines that belong to this domain: Interface-Id (text, or `hex:` and octets) and link-address of its relay. */
  lines: v.optional(
    v.pipe(
      v.array(v.strictObject({ linkAddress: textOf(parseIPv6), interfaceId: textOf(parseInterfaceId) })),
      v.maxLength(65_536),
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
export const domainSettingsSchema = v.strictObject(settingsFields);
export type DomainSettings = v.InferOutput<typeof domainSettingsSchema>;

const domainSchema = v.strictObject({
  name,
  ...settingsFields,
  pools: v.pipe(v.array(poolSchema), v.maxLength(1024)),
});
export type DomainDeclaration = v.InferOutput<typeof domainSchema>;

/** The whole of a declared state. */
export const declarationSchema = v.pipe(
  v.strictObject({ domains: v.pipe(v.array(domainSchema), v.maxLength(1024)) }),
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
      "domain",
      domains.map((domain) => domain.name),
    ),
  );
  const pools = domains.flatMap((domain) => domain.pools);
  found.push(
    ...repeated(
      "pool",
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
  return found;
}

function repeated(what: string, names: readonly string[]): string[] {
  const twice = new Set(names.filter((each, index) => names.indexOf(each) !== index));
  return [...twice].map((each) => `${what} name: found "${each}" twice, expected it once`);
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
