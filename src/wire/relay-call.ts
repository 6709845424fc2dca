/**
 * What a relay and an allocator agree on beside the frames of a body: names in the HTTP call between them.
 *
 * @module
 */

/** Media type of frames: none is registered for them. */
export const framesType = "application/octet-stream";

/**
 * Header of a POST: how many milliseconds ago the oldest message in it came to the relay. It tells the allocator what it
 * can't know: which messages are late, and must not end what came after them.
 */
export const ageHeader = "apportion-age-ms";
