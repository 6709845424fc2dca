/**
 * The DHCPv4 message: a BOOTP header, a magic cookie, and options that may continue in two fields of the header,
 * `file` and `sname` (RFC 2131 §2, RFC 2132 §9.3, RFC 3396).
 *
 * @module
 */
import { DecodeError } from "../decode-error.ts";
import { allocateOctets, readUint16, readUint32, writeUint16, writeUint32 } from "../octets.ts";
import { OptionCode } from "./codes.ts";

/** A message whose options are joined from all fields. IPv4 addresses are unsigned 32-bit integers. */
export interface DhcpV4Message {
  /** 1 for BOOTREQUEST, 2 for BOOTREPLY. */
  readonly op: number;
  readonly htype: number;
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  /** Seconds since the client started to acquire or renew its address. */
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: number;
  readonly yiaddr: number;
  readonly siaddr: number;
  readonly giaddr: number;
  /** 16 octets. */
  readonly chaddr: Uint8Array;
  /** 64 octets; all zero when the field holds options. */
  readonly sname: Uint8Array;
  /** 128 octets; all zero when the field holds options. */
  readonly file: Uint8Array;
  /** Option 52: which of `file` (1) and `sname` (2) hold options. */
  readonly overload: Overload;
  /** Code -> data, in order of first appearance. Several options with the same code form one value (RFC 3396). */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Value of option 52, or 0 when the message has none. */
export type Overload = 0 | 1 | 2 | 3;

const overloadFile = 1;
const overloadSname = 2;

const chaddrAt = { offset: 28, octets: 16 };
const snameAt = { offset: 44, octets: 64 };
const fileAt = { offset: 108, octets: 128 };
const cookieOffset = 236;
const cookie = 0x63825363;
/** Octets before the options of a DHCPv4 message. */
export const dhcpV4OptionsOffset = 240;

/** `sname` and `file` of a message that uses neither field: all zero. */
export const emptySname = new Uint8Array(snameAt.octets);
export const emptyFile = new Uint8Array(fileAt.octets);

/**
 * Decodes a DHCPv4 message. The caller checks `op` and the values of the options.
 *
 * @param octets The message, starting at `op`. BOOTP's minimum of 300 octets does not apply, because 4o6 carries the
 *   message without a UDP header.
 * @returns The message; its fields are views of the octets.
 * @throws {DecodeError} When the header is incomplete, the cookie is wrong, or an option is longer than its field.
 */
export function decodeDhcpV4(octets: Uint8Array): DhcpV4Message {
  if (octets.length < dhcpV4OptionsOffset) {
    throw new DecodeError(
      "dhcpv4-truncated",
      `Cannot decode DHCPv4 message: found ${octets.length} octets, expected at least ${dhcpV4OptionsOffset}`,
    );
  }
  if (readUint32(octets, cookieOffset) !== cookie) {
    throw new DecodeError(
      "dhcpv4-bad-cookie",
      "Cannot decode DHCPv4 message: found a wrong magic cookie, expected 63825363",
    );
  }
  const options = new Map<number, Uint8Array>();
  const sname = fieldOf(octets, snameAt);
  const file = fieldOf(octets, fileAt);
  decodeOptions(octets, dhcpV4OptionsOffset, octets.length, options);
  // Only option 52 in the options field itself can say that other fields hold options too.
  const overload = takeOverload(options);
  if ((overload & overloadFile) !== 0) decodeOptions(file, 0, file.length, options);
  if ((overload & overloadSname) !== 0) decodeOptions(sname, 0, sname.length, options);
  if (overload !== 0) options.delete(OptionCode.overload);
  return {
    op: octets[0]!,
    htype: octets[1]!,
    hlen: octets[2]!,
    hops: octets[3]!,
    xid: readUint32(octets, 4),
    secs: readUint16(octets, 8),
    flags: readUint16(octets, 10),
    ciaddr: readUint32(octets, 12),
    yiaddr: readUint32(octets, 16),
    siaddr: readUint32(octets, 20),
    giaddr: readUint32(octets, 24),
    chaddr: fieldOf(octets, chaddrAt),
    sname: (overload & overloadSname) === 0 ? sname : emptySname,
    file: (overload & overloadFile) === 0 ? file : emptyFile,
    overload,
    options,
  };
}

function fieldOf(
  octets: Uint8Array,
  { offset, octets: length }: { readonly offset: number; readonly octets: number },
) {
  return octets.subarray(offset, offset + length);
}

/**
 * Decodes the options of one field. A field without END ends at its last octet. The parts of one option are joined in
 * the order in which they appear, and only once the whole field is read: joining at every part would copy 270 MB for
 * a 64 KiB datagram whose parts have two octets each.
 */
function decodeOptions(field: Uint8Array, start: number, end: number, into: Map<number, Uint8Array>): void {
  let parts: Map<number, Uint8Array[]> | undefined;
  let at = start;
  while (at < end) {
    const code = field[at]!;
    if (code === OptionCode.end) break;
    if (code === OptionCode.pad) {
      at++;
      continue;
    }
    const dataStart = at + 2;
    const dataEnd = dataStart + (field[at + 1] ?? 0);
    if (dataStart > end || dataEnd > end) {
      throw new DecodeError(
        "dhcpv4-option-overrun",
        `Cannot decode DHCPv4 options: option ${code} ends at octet ${dataEnd}, expected at most ${end}`,
      );
    }
    const data = field.subarray(dataStart, dataEnd);
    const before = into.get(code);
    if (before === undefined) into.set(code, data);
    else {
      parts ??= new Map();
      const partsOfCode = parts.get(code);
      if (partsOfCode === undefined) parts.set(code, [before, data]);
      else partsOfCode.push(data);
    }
    at = dataEnd;
  }
  if (parts !== undefined) for (const [code, partsOfCode] of parts) into.set(code, join(partsOfCode));
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((octets, part) => octets + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Removes option 52 and returns its value. A malformed one counts as 0: no field is overloaded. */
function takeOverload(options: Map<number, Uint8Array>): Overload {
  const data = options.get(OptionCode.overload);
  options.delete(OptionCode.overload);
  const value = data?.length === 1 ? data[0]! : 0;
  return value <= 3 ? (value as Overload) : 0;
}

/** Size limits of an encoded message, in octets. */
export interface DhcpV4Size {
  /** The message is padded to this length. Default 300: BOOTP's fixed size, which old clients expect. */
  readonly octetsMin?: number;
  /** Options that do not fit go to the fields that `overload` allows. Default 65535. */
  readonly octetsMax?: number;
}

/**
 * Encodes a message: options in their order, and options of more than 255 octets in parts (RFC 3396).
 *
 * @param message The message to encode.
 * @param size Size limits of the result.
 * @returns The message, starting at `op`.
 * @throws {RangeError} When the options do not fit.
 */
export function encodeDhcpV4(message: DhcpV4Message, size: DhcpV4Size = {}): Uint8Array {
  const { octetsMin = 300, octetsMax = 0xffff } = size;
  if (message.overload !== 0) return encodeOverloaded(message, octetsMin, octetsMax);
  const end = measureDhcpV4(message.options);
  if (end > octetsMax) {
    throw new RangeError(`Cannot encode DHCPv4 message: it has ${end} octets, expected at most ${octetsMax}`);
  }
  const octets = allocateOctets(Math.max(end, octetsMin));
  writeHeader(octets, message);
  octets.set(message.sname, snameAt.offset);
  octets.set(message.file, fileAt.offset);
  let at = dhcpV4OptionsOffset;
  for (const [code, data] of message.options) at = writeOption(octets, at, code, data);
  octets[at] = OptionCode.end;
  return octets;
}

function writeHeader(octets: Uint8Array, message: DhcpV4Message): void {
  octets[0] = message.op;
  octets[1] = message.htype;
  octets[2] = message.hlen;
  octets[3] = message.hops;
  writeUint32(octets, 4, message.xid);
  writeUint16(octets, 8, message.secs);
  writeUint16(octets, 10, message.flags);
  writeUint32(octets, 12, message.ciaddr);
  writeUint32(octets, 16, message.yiaddr);
  writeUint32(octets, 20, message.siaddr);
  writeUint32(octets, 24, message.giaddr);
  octets.set(message.chaddr, chaddrAt.offset);
  writeUint32(octets, cookieOffset, cookie);
}

const partOctetsMax = 255;

/**
 * Computes the length of a message before it is encoded.
 *
 * @param options The message's options: code -> data.
 * @returns Length in octets with all options in the options field, including END but without padding.
 */
export function measureDhcpV4(options: ReadonlyMap<number, Uint8Array>): number {
  let octets = dhcpV4OptionsOffset + 1;
  for (const data of options.values()) octets += optionOctets(data);
  return octets;
}

/** Length of an encoded option in octets, including the two octets of code and length in front of each part. */
function optionOctets(data: Uint8Array): number {
  return data.length <= partOctetsMax
    ? data.length + 2
    : data.length + 2 * Math.ceil(data.length / partOctetsMax);
}

/** Writes an option in as many parts as it needs, and returns the offset after it. */
function writeOption(octets: Uint8Array, offset: number, code: number, data: Uint8Array): number {
  let at = offset;
  let from = 0;
  do {
    const length = Math.min(data.length - from, partOctetsMax);
    octets[at] = code;
    octets[at + 1] = length;
    // Most options have only a few octets, and for those a loop is faster than `set()`.
    for (let index = 0; index < length; index++) octets[at + 2 + index] = data[from + index]!;
    at += 2 + length;
    from += length;
  } while (from < data.length);
  return at;
}

/** Length in octets of a message whose options field holds only option 52 and END. */
const overloadedOctetsMin = dhcpV4OptionsOffset + 4;

/** A field that holds options up to `end`. The octet at `end` is reserved for END. */
interface Field {
  readonly octets: Uint8Array;
  at: number;
  readonly end: number;
}

/** Fills the options field first, then `file`, then `sname`: receivers read them in that order (RFC 3396 §5). */
function encodeOverloaded(message: DhcpV4Message, octetsMin: number, octetsMax: number): Uint8Array {
  if (octetsMax < overloadedOctetsMin) {
    throw new RangeError(
      `Cannot encode DHCPv4 message: option 52 needs ${overloadedOctetsMin} octets, expected at most ${octetsMax}`,
    );
  }
  const octets = new Uint8Array(octetsMax);
  writeHeader(octets, message);
  const main: Field = { octets, at: dhcpV4OptionsOffset, end: octetsMax - 1 };
  main.at = writeOption(octets, main.at, OptionCode.overload, Uint8Array.of(message.overload));
  const fields = [main];
  for (const [bit, { offset, octets: length }, value] of [
    [overloadFile, fileAt, message.file],
    [overloadSname, snameAt, message.sname],
  ] as const) {
    if ((message.overload & bit) === 0) octets.set(value, offset);
    else fields.push({ octets, at: offset, end: offset + length - 1 });
  }
  let current = 0;
  for (const [code, data] of message.options) {
    while (current < fields.length && fields[current]!.at + optionOctets(data) > fields[current]!.end)
      current++;
    const field = fields[current];
    if (field === undefined) {
      throw new RangeError(
        `Cannot encode DHCPv4 message: option ${code} does not fit in ${octetsMax} octets`,
      );
    }
    field.at = writeOption(octets, field.at, code, data);
  }
  for (const field of fields) octets[field.at] = OptionCode.end;
  return octets.slice(0, Math.max(main.at + 1, octetsMin));
}
