/**
 * The statement that reads what is now true of each claim.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { movesTo } from "../../database/moves.ts";
import { configuration, lease } from "../../database/schema.ts";
import { factRows } from "../claim-rows.ts";
import { bound, other, own, ownOfClaim } from "./clauses.ts";
import { firstPoolWithRoom, siteLeasesBut } from "./room.ts";
import { claims, clock, factCells } from "./statement.ts";
import type { BatchStatement } from "./statement.ts";

/** A field of the row of `c` that few claims need. */
const factField = (name: Parameters<typeof factRows.read>[2]): SQL =>
  factRows.read(factCells, sql`c.position`, name);

/**
 * What is the result of each claim? All facts are in a single row, so they take one fetch. Where a value is needed, SQLite
 * evaluates both sides of AND and OR, but only one branch of `iif`.
 *
 * The remaining time is rounded down, because a client counts it from now on. -1 means that it has ended, and 0 that less
 * than a second is left.
 */
export const readFacts: BatchStatement = {
  name: "read-facts",
  template: sql`WITH ${clock}, ${claims("all", factRows.columns(factCells, "domain_id", "client_id", "line", "softwire"))}
SELECT (SELECT ${configuration.revision} FROM ${configuration}) AS revision, now_ms, (
  SELECT json_group_array(json_array(
    c.ordinal, ${own.slot}, ${own.state}, iif(${own.expiresAt} > now, ${own.expiresAt} - now_up, -1), ${own.statedSeconds}, hex(${own.softwire}), hex(${own.source}),
    iif(${own.slot} IS NULL, ${firstPoolWithRoom(factField("pool_ids"))} IS NOT NULL, FALSE),
    iif(${own.slot} IS NOT NULL OR ${factField("site_max")} IS NULL, 0,
      ${siteLeasesBut(sql`NULL`, factField("site"))}),
    iif(c.softwire IS NULL, FALSE, EXISTS (
      SELECT 1 FROM ${lease} ${other} WHERE ${other.softwire} = c.softwire AND ${other.slot} IS NOT ${own.slot}
        AND ${other.state} = ${bound} AND ${other.expiresAt} > now
    )),
    iif(${own.slot} IS NULL, EXISTS (
      SELECT 1 FROM ${lease} ${other} WHERE ${other.slot} = ${factField("first_slot")}
        AND ${other.state} = ${bound} AND ${other.expiresAt} > now
    ), FALSE),
    iif(${own.slot} IS NULL AND c.line <> '', EXISTS (
      SELECT 1 FROM ${lease} ${other} WHERE ${other.domainId} = c.domain_id AND ${other.clientId} = c.client_id
    ), FALSE),
    ${movesTo(own)}
  ))
  FROM clock CROSS JOIN claim c
  LEFT JOIN ${ownOfClaim}
) AS facts
FROM clock`,
};
