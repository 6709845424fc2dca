/**
 * One pool, as the API shows it, and where it is.
 *
 * @module
 */
import type { Context } from "hono";
import { allPlaces, findIn } from "../../../store/database/databases.ts";
import type { Databases, Found } from "../../../store/database/databases.ts";
import type { StoredPool } from "../../../store/configuration/declared.ts";
import { findPool } from "../../../store/configuration/pools.ts";
import type { Principal } from "../../auth.ts";
import { formatETag } from "../etag.ts";
import { sizesOf } from "./plan.ts";
import { notFound, placesFor } from "../resource.ts";

/** @returns A pool as the API shows it. */
export const showPool = ({ domain, declared, geometry }: StoredPool) => ({
  domain,
  ...declared,
  sizes: sizesOf(geometry),
});

/** @returns The pool, wherever it is and whoever may see it. */
export function findPoolAnywhere(databases: Databases, name: string): Promise<Found<StoredPool> | undefined> {
  return findIn(allPlaces(databases), (place) => findPool(place, name));
}

/**
 * @returns The pool, where the caller may look.
 * @throws {HTTPException} 404 when it is not there.
 */
export async function readPool(
  databases: Databases,
  principal: Principal,
  name: string,
): Promise<Found<StoredPool>> {
  const stored = await findIn(placesFor(databases, principal), (place) => findPool(place, name));
  if (stored === undefined) throw notFound("pool", name);
  return stored;
}

/** Answers with a pool and its ETag; one that was created has its Location, too. */
export function respondPool(context: Context, stored: StoredPool, status: 200 | 201 = 200) {
  context.header("etag", formatETag(stored.version));
  if (status === 201) context.header("location", new URL(context.req.url).pathname);
  return context.json(showPool(stored), status);
}
