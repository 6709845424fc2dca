/**
 * The statement that gives clients the pair that an operator moves them to.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { handOver, isPendingMove } from "../../database/moves.ts";
import { lease } from "../../database/schema.ts";
import { bindRows, endRows, offerRows } from "../claim-rows.ts";
import { isDrained, isLeased, names, offered, own, ownSlot } from "./clauses.ts";
import { bindCells, claimsOf, clientFields, clock, endCells, offerCells, slotFields } from "./statement.ts";
import type { BatchStatement, ParameterName } from "./statement.ts";

const goal = alias(lease, "goal");

/** A further condition of {@link claimsOf}: a move is pending. */
const andAnyoneMoves = sql` AND EXISTS (SELECT 1 FROM ${lease} ${own} WHERE ${own.domainId} > 0 AND ${own.moveTo} IS NOT NULL)`;

/**
 * The claims of clients that move. While nobody moves, this costs one look-up in a partial index, and the claims are not
 * read. While somebody does, it costs one look-up for each claim, and only the claims of clients that move are read any
 * further.
 */
const moverClaims = (name: ParameterName, claimant: Claimant, columns: SQL): SQL =>
  sql`SELECT ${columns} FROM ${claimsOf(name, andAnyoneMoves)}
    WHERE EXISTS (SELECT 1 FROM ${lease} ${own} WHERE ${own.domainId} = ${claimant.domainId}
      AND ${own.clientId} = ${claimant.clientId} AND ${own.moveTo} IS NOT NULL)`;

/** Domain and client of a row, before any other field is read. */
interface Claimant {
  readonly domainId: SQL;
  readonly clientId: SQL;
}

const claimantOf = (rows: typeof bindRows | typeof offerRows | typeof endRows, cells: SQL): Claimant => ({
  domainId: rows.read(cells, sql`value`, "domain_id"),
  clientId: rows.read(cells, sql`value`, "client_id"),
});

/**
 * Which clients leave their pair for the one that an operator moves them to (`database/moves.ts`)? Those whose lease has
 * ended, those that ask to keep the pair, because they are refused, and those that accept the new one. A DISCOVER takes no
 * running lease, unless Rapid Commit gives the new one at once or the old pair's pool is drained.
 *
 * The statements that follow see a client whose own row is the new one.
 */
export const handOverMoved: BatchStatement = {
  name: "hand-over-moved",
  lists: ["binds", "offers", "ends"],
  template: sql`WITH ${clock}, claim AS MATERIALIZED (
  ${moverClaims("binds", claimantOf(bindRows, bindCells), sql`'bind' AS kind, ${bindRows.columns(bindCells, ...clientFields, ...slotFields, "pool_ids", "oldest_state")}`)}
  UNION ALL ${moverClaims("offers", claimantOf(offerRows, offerCells), sql`'offer', ${offerRows.columns(offerCells, ...clientFields)}, NULL, NULL, NULL, NULL, NULL`)}
  UNION ALL ${moverClaims("ends", claimantOf(endRows, endCells), sql`'end', ${endRows.columns(endCells, ...clientFields)}, NULL, NULL, NULL, NULL, NULL`)}
), leaving AS MATERIALIZED (
  SELECT DISTINCT ${own.slot} AS slot, ${goal.slot} AS goal,
    ${names(goal.slot)} AND c.oldest_state = ${offered} AS selects
  FROM clock CROSS JOIN claim c
  CROSS JOIN ${lease} ${own} ON ${own.domainId} = c.domain_id AND ${own.clientId} = c.client_id
    AND ${own.moveTo} IS NOT NULL AND +${own.slot} = ${ownSlot}
  CROSS JOIN ${lease} ${goal} ON ${isPendingMove(own, goal)}
  WHERE CASE c.kind
    WHEN 'bind' THEN iif(c.pool_ids IS NULL, ${names(own.slot)} OR ${names(goal.slot)} AND c.oldest_state = ${offered},
      ${goal.poolId} IN (SELECT value FROM json_each(c.pool_ids)))
    WHEN 'offer' THEN NOT ${isLeased} OR ${isDrained}
    ELSE NOT ${isLeased} END
)
${handOver(sql`leaving`)}`,
};
