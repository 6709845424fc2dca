/**
 * Port sets: which Layer-4 ports belong to a PSID (RFC 7597 §5.1).
 *
 * A port has three fields, from the left: `A` of `a` bits (the PSID offset), the PSID of `k` bits, and `j` of the
 * `m = 16 - a - k` bits that are left. All ports with one PSID are its set: `2^m` neighbours for each value of `A`.
 * With `a > 0` the value 0 of `A` is left out, which keeps the lowest ports from everyone.
 *
 * @example
 * ```ts
 * portRanges({ psidOffset: 0, psidLength: 6 }, 18); // [{ first: 18432, last: 19455 }]
 * psidOfPort({ psidOffset: 6, psidLength: 8 }, 1232); // 52
 * ```
 *
 * @module
 */

/** What all sharers of one address have in common. */
export interface PortSetParams {
  /** `a`, in bits: 0..15. */
  readonly psidOffset: number;
  /** `k`, in bits: 0..16; an address has 2^k sharers. 0 is a whole address, whatever the offset. */
  readonly psidLength: number;
}

/** Neighbouring ports, both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

const portBits = 16;
const portMax = 0xffff;

/**
 * Refuses parameters that no port has room for.
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
 * @param psid 0..2^k-1, right-justified.
 * @returns Ranges in ascending order: one for `a = 0`, else `2^a - 1`.
 * @throws {RangeError} When the parameters or the PSID are out of range.
 */
export function portRanges(params: PortSetParams, psid: number): PortRange[] {
  assertPsid(params, psid);
  const { psidOffset, psidLength } = params;
  if (psidLength === 0) return [{ first: 0, last: portMax }];
  const rangeBits = portBits - psidOffset - psidLength;
  const ranges: PortRange[] = [];
  for (let a = psidOffset > 0 ? 1 : 0; a < 2 ** psidOffset; a++) {
    const first = a * 2 ** (portBits - psidOffset) + psid * 2 ** rangeBits;
    ranges.push({ first, last: first + 2 ** rangeBits - 1 });
  }
  return ranges;
}

/**
 * Counts the ports of every set.
 *
 * @returns `2^(16-k)` for `a = 0` or `k = 0`, else `2^(16-k) - 2^m`.
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
 * @param port 0..65535.
 * @returns The PSID, or undefined for a port of no set: those below `2^(16-a)` when `a > 0`.
 * @throws {RangeError} When the parameters or the port are out of range.
 */
export function psidOfPort(params: PortSetParams, port: number): number | undefined {
  assertPortSetParams(params);
  if (!Number.isInteger(port) || port < 0 || port > portMax) {
    throw new RangeError(`Cannot find the PSID of a port: port is ${port}, expected 0..65535`);
  }
  const { psidOffset, psidLength } = params;
  if (psidLength === 0) return 0;
  if (psidOffset > 0 && port < 2 ** (portBits - psidOffset)) return undefined;
  return (port >> (portBits - psidOffset - psidLength)) & (2 ** psidLength - 1);
}

/**
 * Lists the PSIDs whose sets have no reserved port, as RFC 7618 §8 wants it for the well-known ports.
 *
 * With `a = 0` the lowest PSIDs go. With `a` of 7 and more, blocks are smaller than the well-known ports, so each
 * set has some of them and nothing is left.
 *
 * @param reserved Ports that no client may get. A whole address (`k = 0`) ignores them.
 * @returns Usable PSIDs, ascending.
 * @throws {RangeError} When the parameters or a reserved range are out of range.
 */
export function usablePsids(params: PortSetParams, reserved: readonly PortRange[]): Uint16Array {
  assertPortSetParams(params);
  const count = 2 ** params.psidLength;
  if (params.psidLength === 0) return Uint16Array.of(0);
  const isReserved = new Uint8Array(count);
  for (const { first, last } of reserved) {
    if (!(first >= 0 && first <= last && last <= portMax)) {
      throw new RangeError(
        `Cannot reserve ports: range is ${first}-${last}, expected ports of 0..65535 in order`,
      );
    }
    for (let port = first; port <= last; port++) {
      const psid = psidOfPort(params, port);
      if (psid !== undefined) isReserved[psid] = 1;
    }
  }
  return Uint16Array.from({ length: count }, (_, psid) => psid).filter((psid) => isReserved[psid] === 0);
}

/** @returns The ranges as people write them: `18432-19455, 20480`. */
export function formatPortRanges(ranges: readonly PortRange[]): string {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
}

function assertPsid(params: PortSetParams, psid: number): void {
  assertPortSetParams(params);
  if (!Number.isInteger(psid) || psid < 0 || psid >= 2 ** params.psidLength) {
    throw new RangeError(`Cannot list ports: PSID is ${psid}, expected 0..${2 ** params.psidLength - 1}`);
  }
}
