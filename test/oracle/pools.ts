/**
 * Pools as the oracle reckons them, independently of `src/portset`: which pair a slot is, and which ports a pair has.
 *
 * @module
 */

/** A pair as messages name it. */
export interface NamedPair {
  readonly address: number;
  readonly portParams:
    { readonly psidOffset: number; readonly psidLength: number; readonly psid: number } | undefined;
}

/** A pool, from its row in the database. */
export interface PoolShape {
  readonly id: number;
  readonly name: string;
  readonly domainId: number;
  readonly firstAddress: number;
  readonly lastAddress: number;
  readonly psidOffset: number;
  readonly psidLength: number;
  /** Ports that no client gets. */
  readonly reservedPorts: readonly { readonly first: number; readonly last: number }[];
  readonly fill: string;
  readonly drainUntil: number | null;
}

const slotsPerPool = 2 ** 32;
const portsCount = 65_536;

/** @returns The id of the pool of a slot. */
export const poolIdOf = (slot: number): number => Math.floor(slot / slotsPerPool);

/** @returns The first slot of a pool. */
export const firstSlotOf = (poolId: number): number => poolId * slotsPerPool;

/**
 * @returns The ports of a port set, one bit a port: those whose bits after the offset are the PSID, without the ports
 *   below the first block if there is an offset (RFC 7597 §5.1).
 */
export function portsOf({ portParams }: NamedPair): Uint8Array {
  const ports = new Uint8Array(portsCount).fill(1);
  if (portParams === undefined) return ports;
  const { restBits, isExcluded } = splitPort(portParams);
  for (let port = 0; port < portsCount; port++) {
    const isOfSet = ((port >> restBits) & (2 ** portParams.psidLength - 1)) === portParams.psid;
    ports[port] = isOfSet && !isExcluded(port) ? 1 : 0;
  }
  return ports;
}

/**
 * @param choose Gets how many ports there are, and returns the number of one of them.
 * @returns A port of a pair.
 */
export function somePortOf({ portParams }: NamedPair, choose: (count: number) => number): number {
  if (portParams === undefined) return choose(portsCount);
  const { psidOffset, psid } = portParams;
  const { restBits } = splitPort(portParams);
  const blocks = psidOffset === 0 ? 1 : 2 ** psidOffset - 1;
  const chosen = choose(blocks * 2 ** restBits);
  // With an offset, the first block of ports is left out.
  const block = Math.floor(chosen / 2 ** restBits) + (psidOffset === 0 ? 0 : 1);
  return (block << (16 - psidOffset)) + (psid << restBits) + (chosen % 2 ** restBits);
}

/** Where the PSID is in a port, and which ports no set has. */
function splitPort({ psidOffset, psidLength }: { readonly psidOffset: number; readonly psidLength: number }) {
  return {
    restBits: 16 - psidOffset - psidLength,
    isExcluded: (port: number): boolean => psidOffset > 0 && port >> (16 - psidOffset) === 0,
  };
}

/** @returns The name of a pair in the API. */
export function nameOfPair({ address, portParams }: NamedPair): string {
  const text = [24, 16, 8, 0].map((bits) => Math.floor(address / 2 ** bits) % 256).join(".");
  return portParams === undefined ? text : `${text}-${portParams.psid}`;
}

/** @returns Whether a message that names one pair means the other. A full address is meant with any port set. */
export function names(named: NamedPair, { address, portParams }: NamedPair): boolean {
  if (named.address !== address) return false;
  if (portParams === undefined) return true;
  const { psidOffset, psidLength, psid } = portParams;
  const other = named.portParams;
  return other?.psidOffset === psidOffset && other.psidLength === psidLength && other.psid === psid;
}

/** @returns Whether two pairs have a port in common. */
export function share(a: NamedPair, b: NamedPair): boolean {
  if (a.address !== b.address) return false;
  const [one, other] = [a.portParams, b.portParams];
  if (one === undefined || other === undefined) return true;
  if (one.psidOffset === other.psidOffset && one.psidLength === other.psidLength)
    return one.psid === other.psid;
  const ports = portsOf(b);
  return portsOf(a).some((bit, port) => bit === 1 && ports[port] === 1);
}

/** The slots of a pool. */
export class OraclePool {
  readonly shape: PoolShape;
  readonly slots: number;
  readonly #psids: readonly number[];
  readonly #addresses: number;

  constructor(shape: PoolShape) {
    this.shape = shape;
    this.#addresses = shape.lastAddress - shape.firstAddress + 1;
    this.#psids = usablePsids(shape);
    this.slots = this.#addresses * this.#psids.length;
  }

  /** All slots, in the order in which they are first used. */
  get keys(): readonly number[] {
    return Array.from({ length: this.slots }, (_, number) => firstSlotOf(this.shape.id) + number);
  }

  /** Whether its addresses are shared by port sets. */
  get isShared(): boolean {
    return this.shape.psidLength > 0;
  }

  /** @returns The pair of a slot; undefined if the pool has no such slot. */
  pairOf(slot: number): NamedPair | undefined {
    const number = slot - firstSlotOf(this.shape.id);
    if (number < 0 || number >= this.slots) return undefined;
    const { firstAddress, psidOffset, psidLength, fill } = this.shape;
    const addressIndex = fill === "pack" ? Math.floor(number / this.#psids.length) : number % this.#addresses;
    const psidIndex = fill === "pack" ? number % this.#psids.length : Math.floor(number / this.#addresses);
    const address = firstAddress + addressIndex;
    const portParams =
      psidLength === 0 ? undefined : { psidOffset, psidLength, psid: this.#psids[psidIndex]! };
    return { address, portParams };
  }

  /** @returns The slot of a pair; undefined if the pool has no such pair. */
  slotOf({ address, portParams }: NamedPair): number | undefined {
    const { id, firstAddress, psidOffset, psidLength, fill } = this.shape;
    if (!hasAddress(this.shape, address)) return undefined;
    let psidIndex = 0;
    if (psidLength > 0) {
      if (portParams?.psidOffset !== psidOffset || portParams.psidLength !== psidLength) return undefined;
      psidIndex = this.#psids.indexOf(portParams.psid);
      if (psidIndex < 0) return undefined;
    }
    const addressIndex = address - firstAddress;
    const number =
      fill === "pack"
        ? addressIndex * this.#psids.length + psidIndex
        : psidIndex * this.#addresses + addressIndex;
    return firstSlotOf(id) + number;
  }
}

/** @returns Whether the range of a pool has an address. */
export const hasAddress = ({ firstAddress, lastAddress }: PoolShape, address: number): boolean =>
  address >= firstAddress && address <= lastAddress;

/** @returns The slot of a pair; undefined if none of the pools has the pair. */
export function slotOfPair(pools: readonly OraclePool[], pair: NamedPair): number | undefined {
  for (const pool of pools) {
    const slot = pool.slotOf(pair);
    if (slot !== undefined) return slot;
  }
  return undefined;
}

/** @returns The slots of an address, in the order of their port sets. */
export const slotsOfAddress = (pools: readonly OraclePool[], address: number): number[] =>
  pools.flatMap((pool) => pool.keys.filter((slot) => pool.pairOf(slot)!.address === address));

/** @returns The pair of an address that has a port, in pools of one shape; undefined if the offset leaves the port out. */
export function pairOfPort(
  { psidOffset, psidLength }: PoolShape,
  address: number,
  port: number,
): NamedPair | undefined {
  if (psidLength === 0) return { address, portParams: undefined };
  if (psidOffset > 0 && port >> (16 - psidOffset) === 0) return undefined;
  const psid = (port >> (16 - psidOffset - psidLength)) & (2 ** psidLength - 1);
  return { address, portParams: { psidOffset, psidLength, psid } };
}

/** @returns The first port of a pair. */
export function firstPortOf({ portParams }: NamedPair): number {
  if (portParams === undefined) return 0;
  const { psidOffset, psidLength, psid } = portParams;
  const block = psidOffset === 0 ? 0 : 2 ** (16 - psidOffset);
  return block + psid * 2 ** (16 - psidOffset - psidLength);
}

/** Results of {@link usablePsids}: pools of one shape are common. */
const known = new Map<string, readonly number[]>();

function usablePsids({ psidOffset, psidLength, reservedPorts }: PoolShape): readonly number[] {
  if (psidLength === 0) return [0];
  const key = JSON.stringify([psidOffset, psidLength, reservedPorts]);
  const before = known.get(key);
  if (before !== undefined) return before;
  const { restBits, isExcluded } = splitPort({ psidOffset, psidLength });
  const withReserved = new Set<number>();
  for (const { first, last } of reservedPorts)
    for (let port = first; port <= last; port++)
      if (!isExcluded(port)) withReserved.add((port >> restBits) & (2 ** psidLength - 1));
  const psids = Array.from({ length: 2 ** psidLength }, (_, psid) => psid).filter(
    (psid) => !withReserved.has(psid),
  );
  known.set(key, psids);
  return psids;
}
