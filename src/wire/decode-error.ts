/**
 * The one error of all decoders, and the closed list of its reasons.
 *
 * @module
 */

/** Why octets are not what they should be. The ids are counters and log words too. */
export const decodeReasons = [
  "message-truncated",
  "option-overrun",
  "too-many-options",
  "bad-option-length",
  "bad-option-value",
  "unexpected-message-type",
  "no-relay-message",
  "duplicate-relay-message",
  "relay-too-deep",
  "no-dhcpv4-message",
  "duplicate-dhcpv4-message",
  "dhcpv4-truncated",
  "dhcpv4-bad-cookie",
  "dhcpv4-option-overrun",
  "bad-frame",
  "too-many-frames",
] as const;

/** One of {@link decodeReasons}. */
export type DecodeReason = (typeof decodeReasons)[number];

/** Octets that can't be decoded. No decoder throws anything else, whatever it is given. */
export class DecodeError extends Error {
  readonly reason: DecodeReason;

  /** @param message What was attempted, what was found, what was expected. */
  constructor(reason: DecodeReason, message: string) {
    super(message);
    this.name = "DecodeError";
    this.reason = reason;
  }
}

/**
 * Decodes an option that only wishes something: when it is malformed, it is as if it were not there.
 *
 * @param octets The option's data, or undefined when it is absent.
 * @returns What was decoded, or undefined.
 */
export function tryDecode<T>(
  decode: (octets: Uint8Array) => T,
  octets: Uint8Array | undefined,
): T | undefined {
  if (octets === undefined) return undefined;
  try {
    return decode(octets);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/**
 * Refuses data of an option that has another length than its only one.
 *
 * @param option Name and code, as in `option 159`.
 * @throws {DecodeError} `bad-option-length`.
 */
export function assertLength(option: string, data: Uint8Array, expected: number): void {
  if (data.length !== expected) {
    throw new DecodeError(
      "bad-option-length",
      `Cannot decode ${option}: length is ${data.length}, expected ${expected}`,
    );
  }
}
