/**
 * How the targets of the fuzzer state what must hold.
 *
 * @module
 */
import { DecodeError, decodeReasons } from "../../src/wire/decode-error.ts";

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
export function attempt<T>(decode: (octets: Uint8Array) => T, octets: Uint8Array): T | undefined {
  try {
    return decode(octets);
  } catch (error) {
    if (error instanceof DecodeError && decodeReasons.includes(error.reason)) return undefined;
    throw error;
  }
}

/** @returns Whether two strings of octets are equal. */
export function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
