/**
 * Selects the databases that the store searches for a caller.
 *
 * @module
 */
import type { Principal } from "../principal.ts";
import { allPlaces, placeOf } from "./databases.ts";
import type { Databases, Place } from "./databases.ts";

/**
 * Lists the places that a caller may search: the place of one domain, or all.
 *
 * @param domain The requested domain, if any, which the caller must be allowed to see. Default: the domain that the
 *   caller is restricted to.
 */
export function placesFor(
  databases: Databases,
  principal: Principal,
  domain: string | undefined = principal.domain?.name,
): readonly Place[] {
  return domain === undefined ? allPlaces(databases) : [placeOf(databases, domain)];
}
