/**
 * What the statements of a batch have in common: their parameters, the instant, and the rows of their claims.
 *
 * Parameters: `offers`, `hints`, `binds`, `ends`, `all` (positions of rows, as JSON), `offerCells`, `hintCells`, `bindCells`,
 * `endCells`, `factCells` (these rows, `claim-rows.ts`), `pools` (ids, as JSON), `revision` (the configuration
 * that the claims were made from), `until` (the deadline of the batch: the last Unix second of the database's clock at
 * which it may change anything, or null), `received` (a time before any message of the batch arrived, in milliseconds
 * of the database's clock, or null).
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { configuration, instant } from "../../database/schema.ts";
import { instantSeconds } from "../../database/time.ts";

/** The parameters of all statements. Each statement uses some of them. */
export type ParameterName =
  | "offers"
  | "offerCells"
  | "hints"
  | "hintCells"
  | "binds"
  | "bindCells"
  | "ends"
  | "endCells"
  | "all"
  | "factCells"
  | "pools"
  | "revision"
  | "until"
  | "received";

/** The parameters that list claims: positions of rows, as JSON. */
type ListName = "offers" | "hints" | "binds" | "ends";

/** One statement. */
export interface BatchStatement {
  readonly name: string;
  /**
   * The lists that it works on. In a batch in which all of them are empty, the statement would do nothing, and is left
   * out: on a file, those that do nothing took a third of the time of a batch of four renewals. Undefined for the
   * statement that every batch needs.
   */
  readonly lists?: readonly ListName[];
  readonly template: SQL;
}

export const parameter = (name: ParameterName): SQL => sql`${sql.placeholder(name)}`;

/**
 * The instant of the batch, in seconds and milliseconds: all leases are compared with the same time. `now` is rounded
 * down and `now_up` is rounded up. A time that begins now ends a number of seconds after `now_up`: if it were counted
 * from `now`, it would be too short by a part of a second.
 */
export const clock = sql`clock(now, now_ms, now_up) AS MATERIALIZED (
  SELECT ${instant.nowMs} / 1000, ${instant.nowMs}, (${instant.nowMs} + 999) / 1000 FROM ${instant}
)`;

/**
 * The rows of a parameter. There are none if the claims were made from an old configuration, because a pool that they
 * name may have been deleted. The caller then gets the new revision, and makes new claims. There are none either if the
 * deadline has passed.
 *
 * @param condition A further condition, which depends on no row: `AND …`.
 */
export const claimsOf = (name: ParameterName, condition = sql``): SQL =>
  sql`json_each(iif((SELECT ${configuration.revision} FROM ${configuration}) = ${parameter("revision")}
    AND (${parameter("until")} IS NULL OR ${instantSeconds} <= ${parameter("until")})${condition}, ${parameter(name)}, '[]'))`;

export const claims = (name: ParameterName, columns: SQL): SQL =>
  sql`claim AS MATERIALIZED (SELECT ${columns} FROM ${claimsOf(name)})`;

export const offerCells = parameter("offerCells");
export const bindCells = parameter("bindCells");
export const endCells = parameter("endCells");
export const factCells = parameter("factCells");

export const clientFields = ["domain_id", "client_id", "line"] as const;
export const slotFields = ["first_slot", "last_slot", "slot_step"] as const;
