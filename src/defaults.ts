/**
 * Default addresses, so that allocator, relay, client and admin CLI find each other on one machine. The ports are above
 * 1023, so that no privileges are needed.
 *
 * @module
 */

/** Default address where the allocator listens for HTTP. */
export const defaultAllocator = { host: "127.0.0.1", port: 8467 } as const;

/** Default URL of the allocator, for the relay and the admin CLI. */
export const defaultAllocatorUrl = `http://${defaultAllocator.host}:${defaultAllocator.port}`;

/** Default UDP socket of the relay, where the client sends its queries. */
export const defaultRelay = { address: "::1", port: 8547 } as const;

/** Default UDP socket of the relay, formatted for help texts. */
export const defaultRelayEndpoint = `[${defaultRelay.address}]:${defaultRelay.port}`;
