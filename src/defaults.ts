/**
 * Addresses that the programs use unless told otherwise, so that allocator, relay, client and admin CLI find each other
 * on one machine. Ports above 1023 need no rights.
 *
 * @module
 */

/** Where the allocator listens for HTTP. */
export const defaultAllocator = { host: "127.0.0.1", port: 8467 } as const;

/** The allocator, as relay and admin CLI call it. */
export const defaultAllocatorUrl = `http://${defaultAllocator.host}:${defaultAllocator.port}`;

/** The relay's UDP socket, where the client sends to. */
export const defaultRelay = { address: "::1", port: 8547 } as const;

/** The relay's UDP socket, as help texts show it. */
export const defaultRelayEndpoint = `[${defaultRelay.address}]:${defaultRelay.port}`;
