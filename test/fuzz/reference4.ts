/**
 * A second reader of DHCPv4 options, written from the RFCs and not from the decoder under test. A decoder that cuts an
 * option short, or reads beyond a field, agrees with its own encoder, but not with this reader.
 *
 * @module
 */
import type { DecodeReason } from "../../src/wire/decode-error.ts";
import type { DhcpV4Message } from "../../src/wire/dhcpv4/message.ts";
import { ensure } from "./property.ts";
import { bootpHeader, end, fileAt, fileOctets, overload, pad, snameAt, snameOctets } from "./tree.ts";

/** The magic cookie (RFC 2131 §3), and where it is. */
const cookie = [99, 130, 83, 99];
const cookieAt = bootpHeader - cookie.length;

/** For each code, how many octets of its value the walk has passed. */
const passed = new Int32Array(256);
/** For each code, the number of its parts. */
const parts = new Int32Array(256);

/** Told the code and the data of each option. */
type Visit = (octets: Uint8Array, code: number, from: number, to: number) => void;

/** @returns Whether each option before END ends within the field (RFC 2132 §2). */
function walk(octets: Uint8Array, start: number, stop: number, visit: Visit): boolean {
  let at = start;
  while (at < stop) {
    const code = octets[at]!;
    if (code === end) return true;
    if (code === pad) {
      at += 1;
      continue;
    }
    if (at + 2 > stop) return false;
    const next = at + 2 + octets[at + 1]!;
    if (next > stop) return false;
    visit(octets, code, at + 2, next);
    at = next;
  }
  return true;
}

let overloadFrom = 0;

const noteOverload: Visit = (_octets, code, from, to) => {
  if (code !== overload) return;
  parts[overload] = parts[overload]! + 1;
  passed[overload] = passed[overload]! + to - from;
  if (to > from) overloadFrom = from;
};

/** @returns Which fields option 52 names: 1 for `file`, 2 for `sname`, 3 for both, 0 for none or a malformed value. */
function overloadOf(octets: Uint8Array): number {
  parts[overload] = 0;
  passed[overload] = 0;
  walk(octets, bootpHeader, octets.length, noteOverload);
  if (passed[overload] !== 1) return 0;
  const value = octets[overloadFrom]!;
  return value <= 3 ? value : 0;
}

/** Walks all fields that hold options, in the order of RFC 3396 §5. */
function walkAll(octets: Uint8Array, bits: number, visit: Visit): boolean {
  return (
    walk(octets, bootpHeader, octets.length, visit) &&
    ((bits & 1) === 0 || walk(octets, fileAt, fileAt + fileOctets, visit)) &&
    ((bits & 2) === 0 || walk(octets, snameAt, snameAt + snameOctets, visit))
  );
}

const ignore: Visit = () => undefined;

/** @returns Why a receiver must reject the message; undefined if it must accept it. */
function faultOf(octets: Uint8Array, bits: number): DecodeReason | undefined {
  if (octets.length < bootpHeader) return "dhcpv4-truncated";
  if (cookie.some((octet, at) => octets[cookieAt + at] !== octet)) return "dhcpv4-bad-cookie";
  return walkAll(octets, bits, ignore) ? undefined : "dhcpv4-option-overrun";
}

/** What the decoder found, for {@link checkPart}. */
let found: ReadonlyMap<number, Uint8Array>;
let codes = 0;

/** Each part must continue the value of its code (RFC 3396 §7). */
const checkPart: Visit = (octets, code, from, to) => {
  if (code === overload) return;
  const data = found.get(code);
  ensure(data !== undefined, () => `The decoder finds each DHCPv4 option: found no option ${code}`);
  const start = passed[code]!;
  if (parts[code] === 0) codes++;
  parts[code] = parts[code]! + 1;
  passed[code] = start + to - from;
  let at = from;
  while (at < to && data[start + at - from] === octets[at]) at++;
  ensure(at === to, () => `The decoder finds the data of a DHCPv4 option: option ${code} differs`);
};

/**
 * Compares what the decoder made of a DHCPv4 message with what the octets say.
 *
 * @param decoded What the decoder returned, or the reason for which it rejected the octets.
 * @throws {PropertyError} When the decoder accepts what it must reject, the other way round, or finds other options.
 */
export function checkDhcpV4Reading(octets: Uint8Array, decoded: DhcpV4Message | DecodeReason): void {
  const bits = octets.length < bootpHeader ? 0 : overloadOf(octets);
  const fault = faultOf(octets, bits);
  const told = typeof decoded === "string" ? decoded : undefined;
  ensure(
    told === fault,
    () =>
      `The decoder accepts what a second reader accepts: found ${told ?? "no fault"}, expected ${fault ?? "none"}`,
  );
  if (typeof decoded === "string") return;
  found = decoded.options;
  codes = 0;
  passed.fill(0);
  parts.fill(0);
  walkAll(octets, bits, checkPart);
  ensure(
    codes === found.size,
    () => `The decoder finds no other options: found ${found.size}, expected ${codes}`,
  );
  for (const [code, data] of found) {
    ensure(
      passed[code] === data.length,
      () => `The decoder finds the data of a DHCPv4 option: found ${data.length} octets of option ${code}`,
    );
  }
}
