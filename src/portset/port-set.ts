/**
 * Port sets: which layer-4 ports belong to a PSID (RFC 7597 §5.1).
 *
 * A port number has three fields, from the left: `A` with `a` bits (`a` is the PSID offset), the PSID with `k` bits,
 * and `j` with the remaining `m = 16 - a - k` bits. All ports with the same PSID form its port set: `2^m` contiguous
 * ports for each value of `A`. With `a > 0` the value 0 of `A` is excluded, so nobody gets the lowest ports.
 *
 * @example
 * ```ts
 * portRanges({ psidOffset: 0, psidLength: 6 }, 18); // [{ first: 18432, last: 19455 }]
 * psidOfPort({ psidOffset: 6, psidLength: 8 }, 1232); // 52
 * ```
 *
 * @module
 */

/** Port set parameters that all sharers of an address have in common. */
export interface PortSetParams {
  /** `a`, in bits: 0..15. */
  readonly psidOffset: number;
  /** `k`, in bits: 0..16; an address has 2^k sharers. 0 means a full address, whatever the offset. */
  readonly psidLength: number;
}

/** Contiguous ports, first and last included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

const portBits = 16;
const portMax = 0xffff;

/**
 * Checks that the parameters fit in a 16-bit port.
 *
 * @throws {RangeError} When `a` is not in 0..15, `k` not in 0..16, or `a + k` above 16.
 */
export function assertPortSetParams({ psidOffset, psidLength }: PortSetParams): void {
  const refuse = (what: string, found: number, expected: string): never => {
    throw new RangeError(`Cannot divide ports: ${what} is ${found}, expected ${expected}`);
  };
  if (!Number.isInteger(psidOffset) || psidOffset < 0 || psidOffset > 15)
    refuse("psidOffset", psidOffset, "0..15");
  if (!Number.isInteger(psidLength) || psidLength < 0 || psidLength > 16)
    refuse("psidLength", psidLength, "0..16");
  if (psidLength > 0 && psidOffset + psidLength > portBits) {
    refuse("psidOffset + psidLength", psidOffset + psidLength, "at most 16");
  }
}

/**
 * Lists the ports of a PSID.
 *
 * @param params Port set parameters.
 * @param psid 0..2^k-1, right-justified.
 * @param rangesMax The most ranges to list. Default: all.
 * @returns Ranges in ascending order: one for `a = 0`, otherwise `2^a - 1`.
 * @throws {RangeError} When the parameters or the PSID are out of range.
 */
export function portRanges(params: PortSetParams, psid: number, rangesMax = Infinity): PortRange[] {
  assertPsid(params, psid);
  const { psidOffset, psidLength } = params;
  if (psidLength === 0) return [{ first: 0, last: portMax }];
  const rangeBits = portBits - psidOffset - psidLength;
  const ranges: PortRange[] = [];
  for (let a = psidOffset > 0 ? 1 : 0; a < 2 ** psidOffset && ranges.length < rangesMax; a++) {
    const first = a * 2 ** (portBits - psidOffset) + psid * 2 ** rangeBits;
    ranges.push({ first, last: first + 2 ** rangeBits - 1 });
  }
  return ranges;
}

/**
 * Counts the ports in each port set.
 *
 * @returns `2^(16-k)` for `a = 0` or `k = 0`, otherwise `2^(16-k) - 2^m`.
 * @throws {RangeError} When the parameters are out of range.
 */
export function portsPerSet(params: PortSetParams): number {
  assertPortSetParams(params);
  const { psidOffset, psidLength } = params;
  if (psidLength === 0) return portMax + 1;
  const excluded = psidOffset > 0 ? 2 ** (portBits - psidOffset - psidLength) : 0;
  return 2 ** (portBits - psidLength) - excluded;
}

/**
 * Finds the PSID that a port belongs to.
 *
 * @param params Port set parameters.
 * @param port 0..65535.
 * @returns The PSID, or undefined when the port is in no port set: ports below `2^(16-a)` when `a > 0`.
 * @throws {RangeError} When the parameters or the port are out of range.
 */
export function psidOfPort(params: PortSetParams, port: number): number | undefined {
  assertPortSetParams(params);
  if (!Number.isInteger(port) || port < 0 || port > portMax) {
    throw new RangeError(`Cannot find the PSID of a port: port is ${port}, expected 0..65535`);
  }
  return psidOf(params, port);
}

/** Finds the PSID of a port when both are known to be in range. */
function psidOf({ psidOffset, psidLength }: PortSetParams, port: number): number | undefined {
  if (psidLength === 0) return 0;
  if (psidOffset > 0 && port < 2 ** (portBits - psidOffset)) return undefined;
  return (port >> (portBits - psidOffset - psidLength)) & (2 ** psidLength - 1);
}

/**
 * Lists the PSIDs whose port sets contain no reserved port. RFC 7618 §8 requires this for the well-known ports.
 *
 * With `a = 0`, the lowest PSIDs are excluded. With `a` of 7 or more, blocks are smaller than the range of well-known
 * ports, so every port set contains some of them and no PSID is usable.
 *
 * @param params Port set parameters.
 * @param reserved Ports that no client may get. They do not apply to a full address (`k = 0`).
 * @returns Usable PSIDs, ascending.
 * @throws {RangeError} When the parameters or a reserved range are out of range.
 */
export function usablePsids(params: PortSetParams, reserved: readonly PortRange[]): Uint16Array {
  assertPortSetParams(params);
  const count = 2 ** params.psidLength;
  if (params.psidLength === 0) return Uint16Array.of(0);
  const isReserved = new Uint8Array(count);
  let usable = count;
  let next = 0;
  // Ranges may overlap. In order, no port is looked at twice.
  for (const { first, last } of [...reserved].sort((a, b) => a.first - b.first)) {
    if (!(first >= 0 && first <= last && last <= portMax)) {
      throw new RangeError(
        `Cannot reserve ports: range is ${first}-${last}, expected ports of 0..65535 in order`,
      );
    }
    for (let port = Math.max(first, next); port <= last; port++) {
      const psid = psidOf(params, port);
      if (psid === undefined || isReserved[psid] === 1) continue;
      isReserved[psid] = 1;
      usable--;
    }
    next = Math.max(next, last + 1);
  }
  const psids = new Uint16Array(usable);
  let index = 0;
  for (let psid = 0; psid < count; psid++) if (isReserved[psid] === 0) psids[index++] = psid;
  return psids;
}

/**
 * Formats port ranges for people.
 *
 * @returns The ranges: `18432-19455, 20480`.
 */
export function formatPortRanges(ranges: readonly PortRange[]): string {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
}

function assertPsid(params: PortSetParams, psid: number): void {
  assertPortSetParams(params);
  if (!Number.isInteger(psid) || psid < 0 || psid >= 2 ** params.psidLength) {
    throw new RangeError(`Cannot list ports: PSID is ${psid}, expected 0..${2 ** params.psidLength - 1}`);
  }
}
