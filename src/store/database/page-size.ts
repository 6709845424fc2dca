/**
 * Bounds the octets of a page of rows whose values may be large.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { pageOctetsMax } from "../../limits.ts";

/**
 * Builds a condition: the rows before this one have {@link pageOctetsMax} or more, so it is left out. The first row never
 * is. The rows that it is computed for should be limited by a subquery.
 *
 * @param size Octets of a row.
 * @param order Order of the page.
 * @returns 1 or 0.
 */
export function exceedsPage(size: SQL, order: SQL): SQL<number> {
  return sql<number>`(ifnull(sum(${size})
    OVER (ORDER BY ${order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) >= ${pageOctetsMax})`;
}
