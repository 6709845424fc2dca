/**
 * A pool as an operator declares it, and the slots that follow from it.
 *
 * @module
 */
import * as v from "valibot";
import { poolPrefixLengthMin, reservedPortRangesMax } from "../limits.ts";
import { createPoolGeometry } from "../portset/pool-geometry.ts";
import type { PoolGeometry } from "../portset/pool-geometry.ts";
import type { PortRange } from "../portset/port-set.ts";
import { formatIPv4, parseIPv4, parseIPv4Prefix } from "../wire/ipv4-address.ts";
import { parseWholeNumber } from "../wire/number.ts";
import { dateSchema } from "./dates.ts";
import { dhcpOptionsSchema } from "./dhcp-options.ts";
import { canonicalText, described, listOf, nameSchema, objectOf } from "./schema-parts.ts";
import { unusableInRange, usable } from "./usable-addresses.ts";
import type { IPv4Range } from "./usable-addresses.ts";

/**
 * Parses a port range.
 *
 * @param text `first-last`, or a single port; ports are 0..65535.
 * @returns The range.
 * @throws {SyntaxError} When the text is not such a range.
 */
export function parsePortRange(text: string): PortRange {
  const [first, last = first, ...more] = text.split("-");
  try {
    const range = { first: parseWholeNumber(first!, 0, 0xffff), last: parseWholeNumber(last!, 0, 0xffff) };
    if (range.first <= range.last && more.length === 0) return range;
  } catch {
    // One of the ports is none. The message below shows the whole range.
  }
  throw new SyntaxError(`Cannot parse port range: found "${text}", expected "first-last" within 0-65535`);
}

/** @returns The range as {@link parsePortRange} reads it: `first-last`, or the port if it is only one. */
export function formatPortRange({ first, last }: PortRange): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

/**
 * Parses an IPv4 range.
 *
 * @param text `address/length` or `first-last`.
 * @returns First and last address, as unsigned 32-bit integers.
 * @throws {SyntaxError} When the text is not such a range.
 * @throws {RangeError} When the range is reversed, a prefix has host bits, or it is shorter than
 *   {@link poolPrefixLengthMin}.
 */
export function parseIPv4Range(text: string): IPv4Range {
  const dash = text.indexOf("-");
  if (dash >= 0) {
    const range = {
      firstAddress: parseIPv4(text.slice(0, dash)),
      lastAddress: parseIPv4(text.slice(dash + 1)),
    };
    if (range.firstAddress <= range.lastAddress) return range;
    throw new RangeError(`Cannot parse IPv4 range: found "${text}", expected the lower address first`);
  }
  const { address, length } = parseIPv4Prefix(text);
  if (length < poolPrefixLengthMin) {
    throw new RangeError(
      `Cannot parse IPv4 range: found "${text}", expected a prefix of /${poolPrefixLengthMin} to /32`,
    );
  }
  return { firstAddress: address, lastAddress: address + 2 ** (32 - length) - 1 };
}

/**
 * Formats an IPv4 range.
 *
 * @returns `192.0.2.0/24` if the range is a prefix, otherwise `192.0.2.10-192.0.2.20`.
 */
export function formatIPv4Range({ firstAddress, lastAddress }: IPv4Range): string {
  const size = lastAddress - firstAddress + 1;
  const length = 32 - Math.log2(size);
  return Number.isInteger(length) && length >= poolPrefixLengthMin && firstAddress % size === 0
    ? `${formatIPv4(firstAddress)}/${length}`
    : `${formatIPv4(firstAddress)}-${formatIPv4(lastAddress)}`;
}

const poolFields = {
  range: described(
    "IPv4 addresses, such as `192.0.2.0/24` or `192.0.2.10-192.0.2.20`.",
    v.pipe(
      canonicalText(parseIPv4Range, formatIPv4Range),
      usable((text) => unusableInRange(parseIPv4Range(text))),
    ),
  ),
  fill: v.optional(
    described(
      "Order in which new slots are leased. `spread` keeps subscribers per address low, `pack` fills address by address.",
      v.picklist(["spread", "pack"]),
    ),
    "spread",
  ),
  options: v.optional(
    described(
      "DHCP options for the clients of this pool. They override the options of the domain.",
      dhcpOptionsSchema,
    ),
    {},
  ),
  drainUntil: v.optional(
    described(
      "While this is set, the pool gives no new leases. Existing leases can be renewed until this date.",
      v.nullable(dateSchema),
    ),
    null,
  ),
};

const sharedFields = {
  kind: v.literal("shared"),
  psidOffset: v.optional(
    described(
      "PSID offset in bits (`a` in RFC 7597 §5.1). 0 gives one contiguous range, as in lw4o6; MAP uses 6.",
      v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(15)),
    ),
    0,
  ),
  psidLength: described(
    "PSID length in bits (`k` in RFC 7597 §5.1). An address serves up to 2^k subscribers.",
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16)),
  ),
  reservedPorts: v.optional(
    described(
      "Ports that no subscriber gets (RFC 7618 §8), such as `0-1023` or `8080`.",
      listOf(canonicalText(parsePortRange, formatPortRange), reservedPortRangesMax),
    ),
    ["0-1023"],
  ),
};

/**
 * Creates the schema of a pool.
 *
 * @param entries Fields that identify the pool, such as its name.
 * @returns The schema: these fields, followed by those of a shared or a full pool.
 */
export function poolSchemaWith<E extends v.ObjectEntries>(entries: E) {
  const kinds = v.variant("kind", [
    objectOf({ ...entries, ...sharedFields, ...poolFields }),
    objectOf({ ...entries, kind: v.literal("full"), ...poolFields }),
  ]);
  /** The fields of a pool of either kind, for one whose kind is wrong: it may have other faults. */
  const ofNoKind = objectOf({
    ...entries,
    ...v.partial(v.object(sharedFields)).entries,
    kind: v.optional(v.unknown()),
    ...poolFields,
  });
  return v.pipe(
    {
      ...kinds,
      "~run": (dataset, config) => {
        const { value } = dataset;
        const checked = kinds["~run"](dataset, config);
        if (!checked.issues?.some(({ type, path }) => type === "variant" && path?.length === 1))
          return checked;
        const others = ofNoKind["~run"]({ value }, config);
        const issues = [...checked.issues, ...(others.issues ?? [])];
        return { ...others, typed: false, issues } as typeof checked;
      },
    } satisfies typeof kinds as typeof kinds,
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

/** Schema of a pool in a declared state. */
export const declaredPoolSchema = poolSchemaWith({ name: nameSchema });

/** A pool as an operator declares it. */
export type PoolDeclaration = v.InferOutput<typeof declaredPoolSchema>;

/** The part of a pool that determines its slots. */
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

/** Declared pools do not change, and the slots of one may take a millisecond to compute. */
const geometries = new WeakMap<PoolShape, PoolGeometry>();

/** Keeps the slots of a pool whose declaration equals the stored one. */
export function rememberGeometry(pool: PoolShape, geometry: PoolGeometry): void {
  geometries.set(pool, geometry);
}

/**
 * Computes the slots of a declared pool, once.
 *
 * @param pool The pool; it must not change afterwards.
 * @returns The geometry of the pool.
 * @throws {RangeError} When no PSID is usable, or the parameters do not fit in a 16-bit port (RFC 7597 §5.1).
 */
export function geometryOf(pool: PoolShape): PoolGeometry {
  const known = geometries.get(pool);
  if (known !== undefined) return known;
  const geometry = computeGeometry(pool);
  geometries.set(pool, geometry);
  return geometry;
}

function computeGeometry(pool: PoolShape): PoolGeometry {
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
