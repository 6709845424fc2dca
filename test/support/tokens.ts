/**
 * Tokens of the allocators under test.
 *
 * @module
 */

/** Token with which tests post as a relay. */
export const relayToken = "a-token-of-the-tests";

/** Token with which tests call the admin API. */
export const adminToken = "an-admin-token-of-the-tests";
