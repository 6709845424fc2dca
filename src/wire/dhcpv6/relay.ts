/**
 * RELAY-FORW and RELAY-REPL (RFC 8415 §9, §19): what a relay wraps around a message, and what comes back.
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
import { readUint16 } from "../octets.ts";
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

/** What one relay says. */
export interface RelayLevel {
  /** How many relays the message had passed before. */
  readonly hopCount: number;
  /** An address of the link that the client, or the relay before, is on; `::` says nothing. */
  readonly linkAddress: Uint8Array;
  /** Where the relay got the message from. */
  readonly peerAddress: Uint8Array;
  /** Options but for the Relay Message. */
  readonly options: readonly Option6[];
}

/** A RELAY-FORW or RELAY-REPL with what it carries. */
export interface RelayMessage extends RelayLevel {
  readonly type: typeof MessageType6.relayForward | typeof MessageType6.relayReply;
  /** Content of option 9. */
  readonly message: Uint8Array;
}

const linkAddressOffset = 2;
const peerAddressOffset = 18;
/** Octets before the options. */
export const relayHeaderOctets = 34;

/**
 * Decodes one level.
 *
 * @returns Views of the octets.
 * @throws {DecodeError} When it is no relay's message, is shorter than its header, or has not exactly one option 9.
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
  return { type, ...readRelayHeader(octets), options: rest, message: data };
}

/** @returns What stands before the options, which is known to be there, as views. */
export function readRelayHeader(octets: Uint8Array): Omit<RelayLevel, "options"> {
  return {
    hopCount: octets[1]!,
    linkAddress: octets.subarray(linkAddressOffset, peerAddressOffset),
    peerAddress: octets.subarray(peerAddressOffset, relayHeaderOctets),
  };
}

/**
 * Writes what stands before the options.
 *
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
 * Encodes one level, the Relay Message last.
 *
 * @throws {RangeError} When the message or an option is too long.
 */
export function encodeRelayMessage(
  type: RelayMessage["type"],
  level: RelayLevel,
  message: Uint8Array,
): Uint8Array {
  const octets = new Uint8Array(
    relayHeaderOctets + optionsOctets(level.options) + optionHeaderOctets + message.length,
  );
  const start = writeLevel(octets, 0, type, level, level.options, message.length);
  octets.set(message, start);
  return octets;
}

/** Writes a level up to the content of its Relay Message, and returns where that begins. */
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
 * Follows all levels of a RELAY-FORW.
 *
 * @returns The path, outermost level first, and the message within: anything that is not a RELAY-FORW.
 * @throws {DecodeError} When the outermost message is no RELAY-FORW, a level is malformed, or there are too many.
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
        `Cannot decode relay path: found more than ${relayLevelsMax} levels`,
      );
    }
    const { type, message: inner, ...level } = decodeRelayMessage(message);
    if (type !== MessageType6.relayForward) {
      throw new DecodeError(
        "unexpected-message-type",
        `Cannot decode relay path: type is ${type}, expected 12`,
      );
    }
    path.push(level);
    message = inner;
  } while (message[0] === MessageType6.relayForward);
  return { path, message };
}

/**
 * Mirrors a path around an answer: RELAY-REPL at each level, with hop-count, link-address and peer-address of the
 * RELAY-FORW, and the options that have to return (RFC 8415 §19.3).
 *
 * @param path As {@link decodeRelayPath} gave it, outermost first.
 * @throws {RangeError} When the whole is longer than a Relay Message can be.
 */
export function encodeRelayReply(path: readonly RelayLevel[], message: Uint8Array): Uint8Array {
  const echoes = path.map((level) => echoedOptions(level.options));
  let size = message.length;
  const sizes = new Array<number>(path.length);
  for (let level = path.length - 1; level >= 0; level--) {
    sizes[level] = size;
    size += relayHeaderOctets + optionsOctets(echoes[level]!) + optionHeaderOctets;
  }
  const octets = new Uint8Array(size);
  let offset = 0;
  for (const [index, level] of path.entries()) {
    offset = writeLevel(octets, offset, MessageType6.relayReply, level, echoes[index]!, sizes[index]!);
  }
  octets.set(message, offset);
  return octets;
}

/** Interface-Id and Relay Source Port always return (RFC 8415 §19.3, RFC 8357 §5.2), others where option 43 lists them. */
function echoedOptions(options: readonly Option6[]): readonly Option6[] {
  const requested = findOption6(options, OptionCode6.echoRequest);
  const echoed = options.filter(
    ({ code }) => code === OptionCode6.interfaceId || code === OptionCode6.relayPort,
  );
  if (requested === undefined) return echoed;
  for (let at = 0; at + 1 < requested.length; at += 2) {
    const code = readUint16(requested, at);
    const option = options.find((each) => each.code === code);
    if (option !== undefined && !echoed.some((each) => each.code === code)) echoed.push(option);
  }
  return echoed;
}
