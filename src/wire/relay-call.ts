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
