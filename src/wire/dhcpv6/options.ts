/**
 * The options field of a DHCPv6 message. Each option has a two-octet code, a two-octet length, and its data
 * (RFC 8415 §21.1).
 *
 * @module
 */
import { optionsPerMessageMax } from "../../limits.ts";
import { DecodeError } from "../decode-error.ts";
import { readUint16, writeUint16 } from "../octets.ts";

/** One option with its data still encoded. */
export interface Option6 {
  readonly code: number;
  readonly data: Uint8Array;
}

/** Octets of an option's code and length. */
export const optionHeaderOctets = 4;

/**
 * Decodes the options of a message.
 *
 * @param message The message, or any octets that end with options.
 * @param offset Offset of the first option. The options extend to the end of the message.
 * @returns The options in order; their data are views of the message.
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
        `Cannot decode DHCPv6 options: found more than ${optionsPerMessageMax}, expected at most ${optionsPerMessageMax}`,
      );
    }
    options.push({ code: readUint16(message, at), data: message.subarray(start, end) });
    at = end;
  }
  return options;
}

/**
 * Computes the encoded length of options.
 *
 * @param options Options to measure.
 * @returns The number of octets that {@link writeOptions6} needs.
 */
export function optionsOctets(options: readonly Option6[]): number {
  let octets = 0;
  for (const { data } of options) octets += optionHeaderOctets + data.length;
  return octets;
}

/**
 * Writes options into a message that has enough room for them.
 *
 * @param message The message to write to.
 * @param offset Offset of the first option.
 * @param options Options to write, in order.
 * @returns The offset after the last option.
 * @throws {RangeError} When an option is longer than 65535 octets.
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
 * Writes the code and length of an option.
 *
 * @param message The message to write to.
 * @param offset Offset of the option.
 * @param code Option code, 0..65535.
 * @param length Length of the data in octets, 0..65535.
 * @returns The offset of the option's data.
 * @throws {RangeError} When the length is above 65535.
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

/**
 * Finds an option by its code.
 *
 * @param options Options to search.
 * @param code Option code.
 * @returns The data of the first option with this code, or undefined when there is no such option.
 */
export function findOption6(options: readonly Option6[], code: number): Uint8Array | undefined {
  for (const option of options) if (option.code === code) return option.data;
  return undefined;
}

/**
 * Takes out an option that a message must have exactly once.
 *
 * @param options All options of the message.
 * @param code Code of the required option.
 * @param reasons Error reasons for an absent and for a repeated option.
 * @returns The option's data, and the other options.
 * @throws {DecodeError} With `reasons.absent` or `reasons.duplicate`.
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
