/**
 * A second reader of relay levels and DHCPV4-QUERYs, written from RFC 8415 §9 and RFC 7341 §6 and not from the decoders
 * under test. A decoder that cuts an option short agrees with its own encoder, but not with this reader.
 *
 * @module
 */
import { optionsPerMessageMax, relayLevelsMax } from "../../src/limits.ts";
import type { DecodeReason } from "../../src/wire/decode-error.ts";
import type { Option6 } from "../../src/wire/dhcpv6/options.ts";
import type { RelayLevel } from "../../src/wire/dhcpv6/relay.ts";
import { ensure, same } from "./property.ts";
import { clientHeader, dhcpv4Message, relayHeader, relayMessage } from "./tree.ts";

const relayForward = 12;
const dhcpv4Query = 20;

/** Where the option is that each message must have exactly once. */
const taken = { from: -1, to: -1 };

/**
 * Walks the options of a message. If it is given what a decoder found, it compares each option with it.
 *
 * @param required The code of the option that must be there exactly once; {@link taken} says where it is.
 * @param found The other options, as the decoder found them.
 * @returns Whether a receiver may accept the options.
 */
function walk(
  octets: Uint8Array,
  start: number,
  stop: number,
  required: number,
  found: readonly Option6[] | undefined,
): boolean {
  taken.from = -1;
  let count = 0;
  let others = 0;
  for (let at = start; at < stop; count++) {
    if (count === optionsPerMessageMax || at + 4 > stop) return false;
    const code = octets[at]! * 256 + octets[at + 1]!;
    const from = at + 4;
    const next = from + octets[at + 2]! * 256 + octets[at + 3]!;
    if (next > stop) return false;
    if (code !== required) {
      if (found !== undefined) checkOption(octets, code, from, next, found[others]);
      others++;
    } else if (taken.from >= 0) return false;
    else {
      taken.from = from;
      taken.to = next;
    }
    at = next;
  }
  ensure(
    found === undefined || found.length === others,
    () => `The decoder finds no other DHCPv6 options: found ${found?.length}, expected ${others}`,
  );
  return taken.from >= 0;
}

function checkOption(
  octets: Uint8Array,
  code: number,
  from: number,
  to: number,
  found: Option6 | undefined,
): void {
  ensure(
    found?.code === code && isAt(octets, from, to, found.data),
    () => `The decoder finds each DHCPv6 option: found ${found?.code} instead of ${code}, or other data`,
  );
}

/** @returns Whether `data` is this part of the octets: a view of it, or a copy. */
function isAt(octets: Uint8Array, from: number, to: number, data: Uint8Array): boolean {
  if (data.length !== to - from) return false;
  return (
    (data.buffer === octets.buffer && data.byteOffset === octets.byteOffset + from) ||
    same(data, octets.subarray(from, to))
  );
}

/** What the decoder of a relay path returns. */
interface DecodedPath {
  readonly path: readonly RelayLevel[];
  readonly message: Uint8Array;
}

/** @returns Whether a receiver may accept the levels; {@link taken} says where the innermost message is. */
function walkPath(octets: Uint8Array, path: readonly RelayLevel[] | undefined): boolean {
  let start = 0;
  let stop = octets.length;
  let levels = 0;
  do {
    if (levels === relayLevelsMax || stop - start < relayHeader || octets[start] !== relayForward)
      return false;
    const level = path?.[levels];
    if (path !== undefined) checkHeader(octets, start, level);
    if (!walk(octets, start + relayHeader, stop, relayMessage, level?.options)) return false;
    start = taken.from;
    stop = taken.to;
    levels++;
  } while (start < stop && octets[start] === relayForward);
  ensure(
    path === undefined || path.length === levels,
    () => `The decoder finds no other levels: found ${path?.length}, expected ${levels}`,
  );
  return true;
}

function checkHeader(octets: Uint8Array, start: number, level: RelayLevel | undefined): void {
  ensure(
    level !== undefined &&
      level.hopCount === octets[start + 1] &&
      isAt(octets, start + 2, start + 18, level.linkAddress) &&
      isAt(octets, start + 18, start + 34, level.peerAddress),
    () => "The decoder finds the header of each relay level",
  );
}

const told = (decoded: object | DecodeReason) => (typeof decoded === "string" ? decoded : "no fault");

/**
 * Compares what the decoder made of relay levels with what the octets say.
 *
 * @param decoded What the decoder returned, or the reason for which it rejected the octets.
 * @throws {PropertyError} When the decoder accepts what it must reject, the other way round, or finds something else.
 */
export function checkPathReading(octets: Uint8Array, decoded: DecodedPath | DecodeReason): void {
  const isRejected = typeof decoded === "string";
  const isFine = walkPath(octets, isRejected ? undefined : decoded.path);
  ensure(
    isFine !== isRejected,
    () => `The decoder accepts the relay levels that a second reader accepts: found ${told(decoded)}`,
  );
  ensure(
    isRejected || isAt(octets, taken.from, taken.to, decoded.message),
    () => "The decoder finds the innermost message",
  );
}

/** Compares what the decoder made of a DHCPV4-QUERY, like {@link checkPathReading}. */
export function checkQueryReading(
  octets: Uint8Array,
  decoded: { readonly options: readonly Option6[]; readonly dhcpv4: Uint8Array } | DecodeReason,
): void {
  const isRejected = typeof decoded === "string";
  const isFine =
    octets.length >= clientHeader &&
    octets[0] === dhcpv4Query &&
    walk(octets, clientHeader, octets.length, dhcpv4Message, isRejected ? undefined : decoded.options) &&
    taken.to > taken.from;
  ensure(
    isFine !== isRejected,
    () => `The decoder accepts the DHCPV4-QUERYs that a second reader accepts: found ${told(decoded)}`,
  );
  ensure(
    isRejected || isAt(octets, taken.from, taken.to, decoded.dhcpv4),
    () => "The decoder finds the DHCPv4 message",
  );
}
