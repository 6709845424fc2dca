/**
 * The header `traceparent` (W3C Trace Context, §3.2), by which the logs of relay and allocator name the same POST.
 *
 * @module
 */
import { encodeHex } from "./hex.ts";

/** Name of the header. */
export const traceHeader = "traceparent";

/** Octets of a trace id, and of the id of one request of it. */
const [traceOctets, parentOctets] = [16, 8];

/** A new trace: the value of the header, and its trace id for the log. */
export interface Trace {
  readonly header: string;
  readonly traceId: string;
}

/**
 * Begins a trace, which is not sampled.
 *
 * @param fill Fills octets at random, such as `crypto.getRandomValues`.
 */
export function beginTrace(fill: (octets: Uint8Array<ArrayBuffer>) => void): Trace {
  const octets = new Uint8Array(traceOctets + parentOctets);
  fill(octets);
  // An id of zeros is invalid.
  octets[0] ||= 1;
  octets[traceOctets] ||= 1;
  const traceId = encodeHex(octets.subarray(0, traceOctets));
  return { header: `00-${traceId}-${encodeHex(octets.subarray(traceOctets))}-00`, traceId };
}

/** @returns The trace id of a header; undefined if the header is missing or malformed. */
export function traceIdOf(header: string | undefined): string | undefined {
  const [, traceId] = /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}/.exec(header ?? "") ?? [];
  return traceId;
}
