/**
 * Who calls, and which domains they may see.
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
 * @param domain Name of a domain; null for what belongs to no domain.
 * @returns Whether a principal may see what belongs to the domain.
 */
export function canAccess(principal: Principal, domain: string | null): boolean {
  return principal.domain === null || principal.domain.name === domain;
}

/**
 * Stops what concerns all domains for a principal of one domain. Callers refuse such a principal before, in words of
 * their own; this makes sure that none forgets it.
 *
 * @param what What is attempted, as in `see tokens`.
 * @throws {TypeError} When the principal is restricted to one domain.
 */
export function assertAllDomains({ domain }: Principal, what: string): void {
  if (domain === null) return;
  throw new TypeError(
    `Cannot ${what}: found a principal of domain "${domain.name}", expected one of all domains`,
  );
}
