/**
 * Names that the relay and the allocator share in the HTTP call between them. The body of that call consists of frames
 * (`frames.ts`).
 *
 * @module
 */

/** Media type of frames; no specific type is registered for them. */
export const framesType = "application/octet-stream";

/**
 * Header of a POST: how many milliseconds ago the relay received the oldest message in the body. The allocator cannot
 * know this itself. It needs the age to recognize late messages, which must not end leases that changed after the
 * messages were received.
 */
export const ageHeader = "apportion-age-ms";

/**
 * Header of an answer: a lower bound on the clock of the allocator's main database, in milliseconds of
 * Unix time. All leases of that database are judged by this clock, so relay and allocator can exchange times on
 * it.
 */
export const clockHeader = "apportion-clock-ms";

/**
 * Header of a POST: the latest time on that clock that is surely not later than the arrival of the oldest message in
 * the body, in milliseconds of Unix time. Unlike the age, it also covers the time between relay and allocator.
 */
export const arrivalHeader = "apportion-arrival-ms";

/**
 * Parses a time of {@link clockHeader} or {@link arrivalHeader}.
 *
 * @returns Milliseconds of Unix time; undefined when the text is not a whole number of them.
 */
export function parseClockMs(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
