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

/**
 * @returns The ports of a port set, one bit a port: those whose bits after the offset are the PSID, without the ports
 *   below the first block if there is an offset (RFC 7597 §5.1).
 */
export function portsOf({ portParams }: NamedPair): Uint8Array {
  const ports = new Uint8Array(portsCount).fill(1);
  if (portParams === undefined) return ports;
  const { psidOffset, psidLength, psid } = portParams;
  const restBits = 16 - psidOffset - psidLength;
  for (let port = 0; port < portsCount; port++) {
    const isOfSet = ((port >> restBits) & (2 ** psidLength - 1)) === psid;
    const isExcluded = psidOffset > 0 && port >> (16 - psidOffset) === 0;
    ports[port] = isOfSet && !isExcluded ? 1 : 0;
  }
  return ports;
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

  /** @returns The pair of a slot; undefined if the pool has no such slot. */
  pairOf(slot: number): NamedPair | undefined {
    const number = slot - this.shape.id * slotsPerPool;
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
    const { id, firstAddress, lastAddress, psidOffset, psidLength, fill } = this.shape;
    if (address < firstAddress || address > lastAddress) return undefined;
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
    return id * slotsPerPool + number;
  }
}

/** Results of {@link usablePsids}: pools of one shape are common. */
const known = new Map<string, readonly number[]>();

function usablePsids({ psidOffset, psidLength, reservedPorts }: PoolShape): readonly number[] {
  if (psidLength === 0) return [0];
  const key = JSON.stringify([psidOffset, psidLength, reservedPorts]);
  const before = known.get(key);
  if (before !== undefined) return before;
  const reserved = new Uint8Array(portsCount);
  for (const { first, last } of reservedPorts) reserved.fill(1, first, last + 1);
  const psids = Array.from({ length: 2 ** psidLength }, (_, psid) => psid).filter(
    (psid) =>
      !portsOf({ address: 0, portParams: { psidOffset, psidLength, psid } }).some(
        (bit, port) => bit === 1 && reserved[port] === 1,
      ),
  );
  known.set(key, psids);
  return psids;
}
