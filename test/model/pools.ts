/**
 * The pools of the model, implemented independently of `src/portset`: one pool of two addresses with three port sets
 * each, and one of two full addresses. Slots are numbered in the order in which they are first used.
 *
 * @module
 */
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";

/** A pair as messages name it. */
export interface NamedPair {
  readonly address: number;
  readonly portParams:
    { readonly psidOffset: number; readonly psidLength: number; readonly psid: number } | undefined;
}

const slotsPerPool = 2 ** 32;
const psidLength = 2;
/** PSID 0 is excluded, because it contains the system ports. */
const psids = [1, 2, 3];
const sharedAddress = parseIPv4("192.0.2.0");
const fullAddress = parseIPv4("203.0.113.0");
const portSet = (psid: number): NamedPair["portParams"] => ({ psidOffset: 0, psidLength, psid });

/** A pool, with its slots in the order in which they are first used. */
export interface ModelPool {
  readonly id: number;
  readonly kind: "shared" | "full";
  readonly firstAddress: number;
  readonly lastAddress: number;
  readonly pairs: readonly NamedPair[];
  /** Slot keys, in the same order as `pairs`. */
  readonly keys: readonly number[];
}

const sharedPairs: Record<"pack" | "spread", readonly NamedPair[]> = {
  pack: [0, 1].flatMap((index) =>
    psids.map((psid) => ({ address: sharedAddress + index, portParams: portSet(psid) })),
  ),
  spread: psids.flatMap((psid) =>
    [0, 1].map((index) => ({ address: sharedAddress + index, portParams: portSet(psid) })),
  ),
};
const fullPairs = [0, 1].map((index) => ({ address: fullAddress + index, portParams: undefined }));

function createPool(
  id: number,
  kind: ModelPool["kind"],
  firstAddress: number,
  pairs: readonly NamedPair[],
): ModelPool {
  const keys = pairs.map((_, number) => id * slotsPerPool + number);
  return { id, kind, firstAddress, lastAddress: firstAddress + 1, pairs, keys };
}

/** Both pools, and conversions between slot keys and pairs. */
export class Pools {
  readonly shared: ModelPool;
  readonly full: ModelPool;
  readonly all: readonly ModelPool[];
  /** Keys of all slots. The slots of an address are in the order of its port sets. */
  readonly keys: readonly number[];

  constructor(fill: "pack" | "spread") {
    this.shared = createPool(1, "shared", sharedAddress, sharedPairs[fill]);
    this.full = createPool(2, "full", fullAddress, fullPairs);
    this.all = [this.shared, this.full];
    this.keys = this.all.flatMap(({ keys }) => keys);
  }

  /** @returns The pool of a slot; undefined when no pool has it. */
  poolOf(key: number): ModelPool | undefined {
    return this.all.find(({ keys }) => keys.includes(key));
  }

  /** @returns The pair of a slot. */
  pairOf(key: number): NamedPair {
    const { keys, pairs } = this.poolOf(key)!;
    return pairs[keys.indexOf(key)]!;
  }

  /**
   * @returns The slot whose address and port parameters all equal those of the pair. A full address has no port
   *   parameters, so those of the pair do not matter.
   */
  keyOf(pair: NamedPair): number | undefined {
    return this.keys.find((key) => {
      const own = this.pairOf(key);
      if (own.address !== pair.address) return false;
      const [a, b] = [own.portParams, pair.portParams];
      if (a === undefined || b === undefined) return a === undefined;
      return a.psidOffset === b.psidOffset && a.psidLength === b.psidLength && a.psid === b.psid;
    });
  }

  /** @returns The slots of an address. */
  keysOf(address: number): number[] {
    return this.keys.filter((key) => this.pairOf(key).address === address);
  }

  /** @returns First and last port of a slot. */
  portsOf(key: number): { readonly address: number; readonly first: number; readonly last: number } {
    const { address, portParams } = this.pairOf(key);
    if (portParams === undefined) return { address, first: 0, last: 65_535 };
    const size = 65_536 / 2 ** portParams.psidLength;
    return { address, first: portParams.psid * size, last: (portParams.psid + 1) * size - 1 };
  }
}

const byFill = { pack: new Pools("pack"), spread: new Pools("spread") };

/** @returns The pools for the fill order of a run. */
export const poolsOf = ({ fill }: { readonly fill: "pack" | "spread" }): Pools => byFill[fill];

/**
 * Pairs by number: those of all slots, then one with another PSID-length, one with reserved ports, one whose
 * address is in no pool, and a full address with a port set.
 */
export const namedPairs: readonly NamedPair[] = [
  ...sharedPairs.pack,
  ...fullPairs,
  { address: sharedAddress, portParams: { psidOffset: 0, psidLength: 3, psid: 5 } },
  { address: sharedAddress, portParams: portSet(0) },
  { address: parseIPv4("198.51.100.77"), portParams: portSet(1) },
  { address: fullAddress + 1, portParams: portSet(1) },
];
