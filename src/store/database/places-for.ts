/**
 * Which databases the store searches for a caller.
 *
 * @module
 */
import type { Principal } from "../principal.ts";
import { allPlaces, placeOf } from "./databases.ts";
import type { Databases, Place } from "./databases.ts";

/**
 * Lists the places where a caller may find something: that of one domain, or all.
 *
 * @param domain The domain that is asked for, if any; the caller must be allowed to see it.
 */
export function placesFor(
  databases: Databases,
  principal: Principal,
  domain: string | undefined = principal.domain?.name,
): readonly Place[] {
  return domain === undefined ? allPlaces(databases) : [placeOf(databases, domain)];
}
