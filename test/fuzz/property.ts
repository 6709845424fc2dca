/**
 * How the targets of the fuzzer state what must hold.
 *
 * @module
 */
import { DecodeError, decodeReasons } from "../../src/wire/decode-error.ts";
import type { DecodeReason } from "../../src/wire/decode-error.ts";

/** A property of the fuzzer that does not hold: a fault of the project. */
export class PropertyError extends Error {
  /** @param message Property, what was found, what was expected. */
  constructor(message: string) {
    super(message);
    this.name = "PropertyError";
  }
}

/** @throws {PropertyError} Unless the condition holds. */
export function ensure(holds: boolean, message: () => string): asserts holds {
  if (!holds) throw new PropertyError(message());
}

/**
 * Runs a decoder.
 *
 * @returns What it decoded, or undefined if it rejected the octets with a reason of the closed list.
 * @throws Any other error of the decoder.
 */
export function attempt<T extends object>(
  decode: (octets: Uint8Array) => T,
  octets: Uint8Array,
): T | undefined {
  const decoded = decodeOrReason(decode, octets);
  return typeof decoded === "string" ? undefined : decoded;
}

/** Like {@link attempt}, but returns the reason. */
export function decodeOrReason<T extends object>(
  decode: (octets: Uint8Array) => T,
  octets: Uint8Array,
): T | DecodeReason {
  try {
    return decode(octets);
  } catch (error) {
    if (error instanceof DecodeError && decodeReasons.includes(error.reason)) return error.reason;
    throw error;
  }
}

/** @returns Whether two strings of octets are equal. */
export function same(a: Uint8Array, b: Uint8Array): boolean {
  const { length } = a;
  if (length !== b.length) return false;
  if (length > loopOctetsMax) return Buffer.compare(a, b) === 0;
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Octets up to which a loop compares faster than `Buffer.compare()`. */
const loopOctetsMax = 48;
