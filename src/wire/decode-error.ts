/**
 * The error that every decoder throws, and the closed list of its reasons.
 *
 * @module
 */

/** Why octets are malformed. The ids also appear as counter labels and in the log. */
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

/** Octets cannot be decoded. Decoders throw no other error, whatever their input. */
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
 * Decodes an option that is only a hint: a malformed hint is treated as absent.
 *
 * @param decode Decoder of the option's data.
 * @param octets The option's data, or undefined when the option is absent.
 * @returns The decoded value, or undefined when the option is absent or malformed.
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
 * Checks the length of an option that has a fixed length.
 *
 * @param option Name of the option for the error message, such as `option 159`.
 * @param data The option's data.
 * @param expected The only valid length, in octets.
 * @throws {DecodeError} `bad-option-length`, when the data has another length.
 */
export function assertLength(option: string, data: Uint8Array, expected: number): void {
  if (data.length !== expected) {
    throw new DecodeError(
      "bad-option-length",
      `Cannot decode ${option}: length is ${data.length}, expected ${expected}`,
    );
  }
}
