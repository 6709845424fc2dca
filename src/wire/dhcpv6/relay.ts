/**
 * RELAY-FORW and RELAY-REPL (RFC 8415 §9, §19): the message in which a relay wraps a client's message, and the one in
 * which the answer returns.
 *
 * @example
 * ```ts
 * const { path, message } = decodeRelayPath(datagram);
 * const answer = encodeRelayReply(path, encodeDhcpV4Response(response));
 * ```
 *
 * @module
 */
import { relayLevelsMax } from "../../limits.ts";
import { DecodeError } from "../decode-error.ts";
import { allocateOctets, readUint16 } from "../octets.ts";
import { MessageType6, OptionCode6 } from "./codes.ts";
import {
  decodeOptions6,
  findOption6,
  optionHeaderOctets,
  optionsOctets,
  takeOption6,
  writeOptionHeader6,
  writeOptions6,
} from "./options.ts";
import type { Option6 } from "./options.ts";

/** What one relay adds to a message. */
export interface RelayLevel {
  /** Number of relays that the message passed before this one. */
  readonly hopCount: number;
  /** An address on the link of the client or of the previous relay; `::` when the relay does not identify the link. */
  readonly linkAddress: Uint8Array;
  /** Address from which the relay received the message. */
  readonly peerAddress: Uint8Array;
  /** All options except the Relay Message (9). */
  readonly options: readonly Option6[];
}

/** A RELAY-FORW or RELAY-REPL and the message that it carries. */
export interface RelayMessage extends RelayLevel {
  readonly type: typeof MessageType6.relayForward | typeof MessageType6.relayReply;
  /** Content of option 9. */
  readonly message: Uint8Array;
}

const linkAddressOffset = 2;
const peerAddressOffset = 18;
/** Octets of a relay message before its options. */
export const relayHeaderOctets = 34;

/**
 * Decodes one level of a relay message.
 *
 * @param octets The message, starting at its type.
 * @returns Views of the octets.
 * @throws {DecodeError} When the message is not a relay message, is shorter than its header, or does not have exactly
 *   one option 9.
 */
export function decodeRelayMessage(octets: Uint8Array): RelayMessage {
  const type = octets[0];
  if (type === undefined || octets.length < relayHeaderOctets) {
    if (type === undefined || isRelayType(type)) {
      throw new DecodeError(
        "message-truncated",
        `Cannot decode relay message: found ${octets.length} octets, expected at least ${relayHeaderOctets}`,
      );
    }
  }
  if (!isRelayType(type)) {
    throw new DecodeError(
      "unexpected-message-type",
      `Cannot decode relay message: type is ${type}, expected 12 or 13`,
    );
  }
  const { data, rest } = takeOption6(decodeOptions6(octets, relayHeaderOctets), OptionCode6.relayMessage, {
    absent: "no-relay-message",
    duplicate: "duplicate-relay-message",
  });
  const { hopCount, linkAddress, peerAddress } = readRelayHeader(octets);
  return { type, hopCount, linkAddress, peerAddress, options: rest, message: data };
}

/**
 * Reads the header of a relay message.
 *
 * @param octets The message. The caller has checked that it has at least {@link relayHeaderOctets}.
 * @returns The fields before the options, as views.
 */
export function readRelayHeader(octets: Uint8Array): Omit<RelayLevel, "options"> {
  return {
    hopCount: octets[1]!,
    linkAddress: octets.subarray(linkAddressOffset, peerAddressOffset),
    peerAddress: octets.subarray(peerAddressOffset, relayHeaderOctets),
  };
}

/**
 * Writes the header of a relay message.
 *
 * @param octets Octets to write to.
 * @param offset Offset of the message.
 * @param type 12 for RELAY-FORW, 13 for RELAY-REPL.
 * @param level Fields of the header; its options are not written.
 * @returns The offset of the options.
 */
export function writeRelayHeader(
  octets: Uint8Array,
  offset: number,
  type: number,
  level: RelayLevel,
): number {
  octets[offset] = type;
  octets[offset + 1] = level.hopCount;
  octets.set(level.linkAddress, offset + linkAddressOffset);
  octets.set(level.peerAddress, offset + peerAddressOffset);
  return offset + relayHeaderOctets;
}

function isRelayType(type: number): type is RelayMessage["type"] {
  return type === MessageType6.relayForward || type === MessageType6.relayReply;
}

/**
 * Encodes one level of a relay message, with the Relay Message as its last option.
 *
 * @param type 12 for RELAY-FORW, 13 for RELAY-REPL.
 * @param level Header fields and options.
 * @param message Content of the Relay Message.
 * @returns The message, starting at its type.
 * @throws {RangeError} When the content or an option is longer than 65535 octets.
 */
export function encodeRelayMessage(
  type: RelayMessage["type"],
  level: RelayLevel,
  message: Uint8Array,
): Uint8Array {
  const octets = allocateOctets(
    relayHeaderOctets + optionsOctets(level.options) + optionHeaderOctets + message.length,
  );
  const start = writeLevel(octets, 0, type, level, level.options, message.length);
  octets.set(message, start);
  return octets;
}

/** Writes a level up to its Relay Message, and returns the offset of that message's content. */
function writeLevel(
  octets: Uint8Array,
  offset: number,
  type: number,
  level: RelayLevel,
  options: readonly Option6[],
  messageOctets: number,
): number {
  const at = writeOptions6(octets, writeRelayHeader(octets, offset, type, level), options);
  return writeOptionHeader6(octets, at, OptionCode6.relayMessage, messageOctets);
}

/**
 * Decodes all levels of a RELAY-FORW.
 *
 * @param octets The outermost message.
 * @returns The path, outermost level first, and the innermost message, which can be anything but a RELAY-FORW.
 * @throws {DecodeError} When the outermost message is not a RELAY-FORW, a level is malformed, or there are too many
 *   levels.
 */
export function decodeRelayPath(octets: Uint8Array): {
  readonly path: RelayLevel[];
  readonly message: Uint8Array;
} {
  const path: RelayLevel[] = [];
  let message = octets;
  do {
    if (path.length === relayLevelsMax) {
      throw new DecodeError(
        "relay-too-deep",
        `Cannot decode relay path: found more than ${relayLevelsMax} levels, expected at most ${relayLevelsMax}`,
      );
    }
    // Every message comes through here, so no rest pattern: V8 copies the fields one by one.
    const { type, hopCount, linkAddress, peerAddress, options, message: inner } = decodeRelayMessage(message);
    if (type !== MessageType6.relayForward) {
      throw new DecodeError(
        "unexpected-message-type",
        `Cannot decode relay path: type is ${type}, expected 12`,
      );
    }
    path.push({ hopCount, linkAddress, peerAddress, options });
    message = inner;
  } while (message[0] === MessageType6.relayForward);
  return { path, message };
}

/**
 * Wraps an answer in one RELAY-REPL for each level of a relay path. Each level copies hop-count, link-address and
 * peer-address of its RELAY-FORW, and the options that must be returned (RFC 8415 §19.3).
 *
 * @param path Relay path as {@link decodeRelayPath} returned it, outermost level first.
 * @param message The answer to wrap.
 * @returns The outermost RELAY-REPL.
 * @throws {RangeError} When the content of a Relay Message would be longer than 65535 octets.
 */
export function encodeRelayReply(path: readonly RelayLevel[], message: Uint8Array): Uint8Array {
  const echoes = path.map((level) => echoedOptions(level.options));
  let size = message.length;
  const sizes = new Array<number>(path.length);
  for (let level = path.length - 1; level >= 0; level--) {
    sizes[level] = size;
    size += relayHeaderOctets + optionsOctets(echoes[level]!) + optionHeaderOctets;
  }
  const octets = allocateOctets(size);
  let offset = 0;
  for (const [index, level] of path.entries()) {
    offset = writeLevel(octets, offset, MessageType6.relayReply, level, echoes[index]!, sizes[index]!);
  }
  octets.set(message, offset);
  return octets;
}

/**
 * Selects the options to return: always Interface-Id (RFC 8415 §19.3) and Relay Source Port (RFC 8357 §5.2), and the
 * options that option 43 lists (RFC 4994 §4).
 */
function echoedOptions(options: readonly Option6[]): readonly Option6[] {
  const requested = findOption6(options, OptionCode6.echoRequest);
  const echoed = options.filter(
    ({ code }) => code === OptionCode6.interfaceId || code === OptionCode6.relayPort,
  );
  if (requested === undefined) return echoed;
  // The list may be as long as a datagram: the first option of each code is found without a search.
  const first = new Map([...options].reverse().map((option) => [option.code, option]));
  for (const { code } of echoed) first.delete(code);
  for (let at = 0; at + 1 < requested.length; at += 2) {
    const code = readUint16(requested, at);
    const option = first.get(code);
    if (option !== undefined) echoed.push(option);
    first.delete(code);
  }
  return echoed;
}
