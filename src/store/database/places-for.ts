/**
 * Where the store looks for what a caller asks.
 *
 * @module
 */
import type { Principal } from "../principal.ts";
import { allPlaces, placeOf } from "./databases.ts";
import type { Databases, Place } from "./databases.ts";

/**
 * Lists the places where a caller may find something: those of one domain, or all.
 *
 * @param domain The domain that is asked for, if one is; the caller may see it.
 */
export function placesFor(
  databases: Databases,
  principal: Principal,
  domain: string | undefined = principal.domain?.name,
): readonly Place[] {
  return domain === undefined ? allPlaces(databases) : [placeOf(databases, domain)];
}
