/**
 * The caller of the API, and which domains it may see.
 *
 * @module
 */

/** What a token may do. `admin` includes `read`; `relay` is for relays only. */
export type TokenScope = "relay" | "read" | "admin";

/** The holder of a token. */
export interface Principal {
  /** Name of the token; the audit records it. */
  readonly name: string;
  readonly scope: TokenScope;
  /** The one domain that the token is restricted to; null for all domains. */
  readonly domain: { readonly id: number; readonly name: string } | null;
}

/**
 * @param domain Name of a domain; null for data that belongs to no domain.
 * @returns Whether a principal may see the data of the domain.
 */
export function canAccess(principal: Principal, domain: string | null): boolean {
  return principal.domain === null || principal.domain.name === domain;
}

/**
 * Stops a principal of one domain from using an operation that concerns all domains. Callers refuse such a principal
 * earlier, with a better message; this check catches a caller that forgets to.
 *
 * @param what The attempted action, for example `access tokens`.
 * @throws {TypeError} When the principal is restricted to one domain.
 */
export function assertAllDomains({ domain }: Principal, what: string): void {
  if (domain === null) return;
  throw new TypeError(
    `Cannot ${what}: found a principal of domain "${domain.name}", expected one for all domains`,
  );
}
