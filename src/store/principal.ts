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
