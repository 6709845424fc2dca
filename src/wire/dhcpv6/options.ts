/**
 * The options field of a DHCPv6 message: code and length of two octets each, then the data (RFC 8415 §21.1).
 *
 * @module
 */
import { optionsPerMessageMax } from "../../limits.ts";
import { DecodeError } from "../decode-error.ts";
import { readUint16, writeUint16 } from "../octets.ts";

/** One option, its data not yet understood. */
export interface Option6 {
  readonly code: number;
  readonly data: Uint8Array;
}

/** Octets of code and length. */
export const optionHeaderOctets = 4;

/**
 * @param offset Where the options begin; they go on to the end.
 * @returns The options in their order, their data as views of the message.
 * @throws {DecodeError} `option-overrun`, `too-many-options`.
 */
export function decodeOptions6(message: Uint8Array, offset = 0): Option6[] {
  const options: Option6[] = [];
  let at = offset;
  while (at < message.length) {
    const start = at + optionHeaderOctets;
    const end = start <= message.length ? start + readUint16(message, at + 2) : start;
    if (end > message.length) {
      throw new DecodeError(
        "option-overrun",
        `Cannot decode DHCPv6 options: the option at octet ${at} ends at ${end}, expected at most ${message.length}`,
      );
    }
    if (options.length === optionsPerMessageMax) {
      throw new DecodeError(
        "too-many-options",
        `Cannot decode DHCPv6 options: found more than ${optionsPerMessageMax}`,
      );
    }
    options.push({ code: readUint16(message, at), data: message.subarray(start, end) });
    at = end;
  }
  return options;
}

/** @returns Octets that {@link writeOptions6} needs. */
export function optionsOctets(options: readonly Option6[]): number {
  let octets = 0;
  for (const { data } of options) octets += optionHeaderOctets + data.length;
  return octets;
}

/**
 * Writes options into a message that has room for them.
 *
 * @returns The offset after the last one.
 * @throws {RangeError} When an option is longer than its length field can say.
 */
export function writeOptions6(message: Uint8Array, offset: number, options: readonly Option6[]): number {
  let at = offset;
  for (const { code, data } of options) {
    at = writeOptionHeader6(message, at, code, data.length);
    message.set(data, at);
    at += data.length;
  }
  return at;
}

/**
 * Writes code and length of an option.
 *
 * @returns The offset of its data.
 */
export function writeOptionHeader6(
  message: Uint8Array,
  offset: number,
  code: number,
  length: number,
): number {
  if (length > 0xffff) {
    throw new RangeError(`Cannot encode option ${code}: length is ${length}, expected at most 65535`);
  }
  writeUint16(message, offset, code);
  writeUint16(message, offset + 2, length);
  return offset + optionHeaderOctets;
}

/** @returns The data of the first option with the code. */
export function findOption6(options: readonly Option6[], code: number): Uint8Array | undefined {
  for (const option of options) if (option.code === code) return option.data;
  return undefined;
}

/**
 * Takes the one option that a message must have exactly once.
 *
 * @returns Its data, and the options without it.
 * @throws {DecodeError} With one reason when it is absent, with the other when it is there twice.
 */
export function takeOption6(
  options: readonly Option6[],
  code: number,
  reasons: { readonly absent: DecodeError["reason"]; readonly duplicate: DecodeError["reason"] },
): { readonly data: Uint8Array; readonly rest: Option6[] } {
  let data: Uint8Array | undefined;
  const rest: Option6[] = [];
  for (const option of options) {
    if (option.code !== code) rest.push(option);
    else if (data === undefined) data = option.data;
    else
      throw new DecodeError(
        reasons.duplicate,
        `Cannot decode option ${code}: found it twice, expected it once`,
      );
  }
  if (data === undefined) {
    throw new DecodeError(reasons.absent, `Cannot decode option ${code}: found none, expected one`);
  }
  return { data, rest };
}
