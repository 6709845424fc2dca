/**
 * OPTION_V4_PORTPARAMS (159), RFC 7618 §9: the port set that a client may use with a shared address. DHCPv6 carries
 * the same four octets in S46_PORTPARAMS (93), RFC 7598 §4.5.
 *
 * @example
 * ```ts
 * encodePortParams({ psidOffset: 0, psidLength: 6, psid: 18 }); // 00 06 48 00
 * ```
 *
 * @module
 */
import { assertLength, DecodeError } from "../../decode-error.ts";
import { readUint16, writeUint16 } from "../../octets.ts";

/** A port set as the option encodes it. */
export interface PortParams {
  /** `a`, in bits: 0..15. */
  readonly psidOffset: number;
  /** `k`, in bits: 0..16, `a + k` at most 16. 0 means no port set. */
  readonly psidLength: number;
  /** Right-justified: 0..2^k-1. Only the encoded form puts it in the leftmost bits. */
  readonly psid: number;
}

const psidBits = 16;

/**
 * Decodes the port parameters. Bits after the PSID are padding and are ignored.
 *
 * @param data The option's data.
 * @returns The port set.
 * @throws {DecodeError} When the data is not 4 octets long, or the parameters do not fit in a 16-bit port.
 */
export function decodePortParams(data: Uint8Array): PortParams {
  assertLength("option 159", data, 4);
  const [psidOffset, psidLength] = [data[0]!, data[1]!];
  const fault = faultOf(psidOffset, psidLength);
  if (fault !== undefined) throw new DecodeError("bad-option-value", `Cannot decode option 159: ${fault}`);
  return { psidOffset, psidLength, psid: readUint16(data, 2) >>> (psidBits - psidLength) };
}

/**
 * Encodes port parameters: the PSID in the leftmost bits, followed by zeros (R7618-9-04).
 *
 * @returns The option's data: 4 octets.
 * @throws {RangeError} When the parameters do not fit in a 16-bit port, or the PSID does not fit in its length.
 */
export function encodePortParams({ psidOffset, psidLength, psid }: PortParams): Uint8Array {
  const fault = faultOf(psidOffset, psidLength);
  if (fault !== undefined) throw new RangeError(`Cannot encode option 159: ${fault}`);
  if (psid < 0 || psid >= 2 ** psidLength) {
    throw new RangeError(`Cannot encode option 159: PSID is ${psid}, expected 0..${2 ** psidLength - 1}`);
  }
  const data = new Uint8Array(4);
  data[0] = psidOffset;
  data[1] = psidLength;
  writeUint16(data, 2, psid << (psidBits - psidLength));
  return data;
}

/** Says what is wrong with the parameters; undefined when they are valid (R7618-9-02, R7618-9-03). */
function faultOf(psidOffset: number, psidLength: number): string | undefined {
  if (psidOffset > 15) return `offset is ${psidOffset}, expected 0..15`;
  if (psidLength > psidBits) return `PSID-len is ${psidLength}, expected 0..16`;
  if (psidOffset + psidLength > psidBits) {
    return `offset + PSID-len is ${psidOffset + psidLength}, expected at most 16`;
  }
  return undefined;
}
