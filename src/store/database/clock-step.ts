/**
 * Steps of the machine's clock, as facts and as statements. A step is a difference between the machine's clock and the
 * clock of a file that is too large for time synchronization to have made it. Which of the two clocks is wrong is not
 * known. The file's clock runs on, so a step alone moves no lease. It is recorded, and followed in either of two cases:
 * no lease or offer is running or held, or an operator accepts it.
 *
 * **Following moves the leases together with the clock**, in one transaction. So none ends early or late, and none waits
 * for a time that is years away.
 *
 * - Forward: what is held ends later by the difference. Nothing else changes, because what has ended stays ended.
 * - Back: what would lie in the future moves back by the difference. A row that was last changed before the clock was
 *   last set has a time of another clock, so it counts as changed now: its lease may end late, but never early. All
 *   tenures end in the history, by the old clock, and running leases get new tenures by the new one.
 *
 * So whatever was recorded before, has the times of the old clock. `evidence/clock-doubt.ts` reads it accordingly.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import { clockStepSecondsMin } from "../../limits.ts";
import { nameOf, namesOf } from "./columns.ts";
import type { Statement } from "./database.ts";
import { statementOf } from "./queries.ts";
import {
  bindingLog,
  clockStep,
  configuration,
  freeNever,
  history,
  instant,
  lease,
  LeaseState,
  longerHold,
  pool,
  retention,
} from "./schema.ts";
import { instantSeconds } from "./time.ts";

const { bound, released } = LeaseState;

/** Smallest difference that is a step, in milliseconds. */
export const stepMsMin = clockStepSecondsMin * 1000;

/** @returns Whether a difference between the machine's clock and the file's clock is a step. */
export function isStep(differenceMs: number): boolean {
  return Math.abs(differenceMs) >= stepMsMin;
}

/** @returns Whether two differences are one step. */
export function isSameStep(a: number, b: number): boolean {
  return isStep(a) && isStep(b) && !isStep(a - b);
}

/** @returns The whole seconds by which a step is followed: times of leases are in seconds. */
export function secondsOfStep(differenceMs: number): number {
  return Math.trunc(differenceMs / 1000);
}

/** The step is open or was followed, so it puts times in doubt. */
export const isDoubtful = sql`(${clockStep.settledAt} IS NULL OR ${clockStep.how} IN ('leases-ended', 'accepted'))`;

/** The clock was set back. What was recorded before may have later times than what was recorded after. */
export const wasSetBack = sql`(${clockStep.how} IN ('leases-ended', 'accepted') AND ${clockStep.differenceMs} < 0)`;

const sinceMs = sql`(SELECT ${instant.sinceMs} FROM ${instant})`;

/** The difference between the clocks, as somebody saw it. */
export interface SeenDifference {
  /** The machine's clock less the file's clock. */
  readonly differenceMs: number;
  /** The base of the file's clock then. A step does not change it, so if it is another by now, the clock was set. */
  readonly baseMs: number;
}

const isBaseStill = (baseMs: number): SQL => sql`(SELECT ${instant.baseMs} FROM ${instant}) = ${baseMs}`;

/** The clocks agree, so no step is open any more. */
const settleUndone = sql`
  UPDATE ${clockStep} SET ${nameOf(clockStep.settledAt)} = ${instantSeconds}, ${nameOf(clockStep.how)} = 'undone'
  WHERE ${clockStep.settledAt} IS NULL`;

/** Settles the open step if the difference is another one by now. */
const settleChanged = ({ differenceMs, baseMs }: SeenDifference): SQL => sql`
  UPDATE ${clockStep} SET ${nameOf(clockStep.settledAt)} = ${instantSeconds}, ${nameOf(clockStep.how)} = 'changed'
  WHERE ${clockStep.settledAt} IS NULL AND abs(${clockStep.differenceMs} - ${differenceMs}) >= ${stepMsMin}
    AND ${isBaseStill(baseMs)}`;

/** Records a step, once for all processes that notice it. */
const recordStep = ({ differenceMs, baseMs }: SeenDifference): SQL => sql`
  INSERT INTO ${clockStep} (${namesOf(clockStep.noticedAt, clockStep.since, clockStep.differenceMs)})
  SELECT ${instantSeconds}, ${sinceMs} / 1000, ${differenceMs}
  WHERE ${isBaseStill(baseMs)}
    AND NOT EXISTS (SELECT 1 FROM ${clockStep} WHERE ${clockStep.settledAt} IS NULL)`;

/**
 * A lease or an offer is running, or its pair is held for its client. Reserved pairs are always held, so they count only
 * while they are in use. The pairs of each pool are found by index.
 */
const someHeld = sql`EXISTS (SELECT 1 FROM ${pool} CROSS JOIN ${lease} ON ${lease.poolId} = ${pool.id}
    AND ${lease.freeAt} > ${instantSeconds}
  WHERE ${lease.freeAt} <> ${freeNever} OR (${lease.state} <= ${bound} AND ${lease.expiresAt} > ${instantSeconds}))`;

/**
 * Brings the record in line with the difference.
 *
 * @returns Statements of a write. The last one returns one row with one column: whether a step can be followed because
 *   nothing is held.
 */
export function recordStatements(seen: SeenDifference): readonly Statement[] {
  const statements = isStep(seen.differenceMs)
    ? [settleChanged(seen), recordStep(seen), sql`SELECT NOT ${someHeld} AS idle`]
    : [settleUndone, sql`SELECT 0 AS idle`];
  return statements.map(statementOf);
}

/** How a file's clock follows a step. If the clock was set since the difference was seen, it does not. */
export interface Following extends SeenDifference {
  readonly how: "leases-ended" | "accepted";
}

/** The step is being followed: the statements after the first depend on it. */
const following = sql`EXISTS (SELECT 1 FROM ${clockStep} WHERE ${clockStep.how} = 'following')`;

/**
 * @returns Statements of a write that follow a step. The last one returns a row, or none if its conditions do not hold;
 *   then nothing was followed.
 */
export function followStatements({ how, ...seen }: Following): readonly Statement[] {
  const { differenceMs, baseMs } = seen;
  const seconds = secondsOfStep(differenceMs);
  const begin = sql`
    UPDATE ${clockStep} SET ${nameOf(clockStep.how)} = 'following', ${nameOf(clockStep.differenceMs)} = ${differenceMs},
      ${nameOf(clockStep.settledAt)} = ${instantSeconds}
    WHERE ${clockStep.settledAt} IS NULL AND ${isBaseStill(baseMs)}
      ${how === "leases-ended" ? sql`AND NOT ${someHeld}` : sql``}`;
  const setClock = sql`
    UPDATE ${instant} SET ${nameOf(instant.baseMs)} = ${instant.baseMs} + ${seconds * 1000},
      ${nameOf(instant.nowMs)} = ${instant.nowMs} + ${seconds * 1000},
      ${nameOf(instant.sinceMs)} = ${instant.nowMs} + ${seconds * 1000}
    WHERE ${following}`;
  // Allocators make their claims again, with a new reading of the clock. A binding table that is being read is lost.
  const tellAllocators = sql`
    UPDATE ${configuration} SET ${nameOf(configuration.revision)} = ${configuration.revision} + 1 WHERE ${following}`;
  const end = sql`
    UPDATE ${clockStep} SET ${nameOf(clockStep.how)} = ${how},
      ${nameOf(clockStep.lastHistory)} = (SELECT coalesce(max(${history.id}), 0) FROM ${history})
    WHERE ${clockStep.how} = 'following'
    RETURNING ${nameOf(clockStep.id)}`;
  const moves = seconds > 0 ? moveForward(seconds) : moveBack(seconds);
  return [settleChanged(seen), recordStep(seen), begin, ...moves, tellAllocators, setClock, end].map(
    statementOf,
  );
}

/** What is held ends later. Binding tables stay right: a lease that ends later is in no list of ended ones. */
function moveForward(seconds: number): SQL[] {
  const later = (column: Column): SQL =>
    sql`iif(${column} > ${instantSeconds} AND ${column} <> ${freeNever}, ${column} + ${seconds}, ${column})`;
  return [
    sql`UPDATE ${lease} SET ${nameOf(lease.expiresAt)} = ${later(lease.expiresAt)},
      ${nameOf(lease.freeAt)} = ${later(lease.freeAt)},
      ${nameOf(lease.quarantineUntil)} = ${later(lease.quarantineUntil)}
    WHERE ${following} AND (${lease.expiresAt} > ${instantSeconds}
      OR (${lease.freeAt} > ${instantSeconds} AND ${lease.freeAt} <> ${freeNever}))`,
    sql`UPDATE ${longerHold} SET ${nameOf(longerHold.until)} = ${longerHold.until} + ${seconds}
    WHERE ${following} AND ${longerHold.until} > ${instantSeconds}`,
  ];
}

/** Moves times back that would lie in the future. Versions of the binding table contain times, so its log is cleared. */
function moveBack(seconds: number): SQL[] {
  const newNow = sql`(${instantSeconds} + ${seconds})`;
  const isOfThisClock = sql`${lease.updatedAt} * 1000 >= ${sinceMs}`;
  const shift = sql`iif(${isOfThisClock}, ${seconds}, ${newNow} - ${lease.updatedAt})`;
  const isRunning = sql`(${lease.since} IS NOT NULL AND ${lease.expiresAt} > ${instantSeconds})`;
  const isEnded = sql`(${lease.since} IS NOT NULL AND ${lease.expiresAt} <= ${instantSeconds})`;
  return [
    sql`UPDATE ${lease} SET ${nameOf(lease.state)} = iif(${isEnded}, ${released}, ${lease.state}),
      ${nameOf(lease.since)} = iif(${isRunning}, ${newNow}, NULL),
      ${nameOf(lease.softwire)} = iif(${isEnded}, NULL, ${lease.softwire}),
      ${nameOf(lease.firstRelayPath)} = iif(${isRunning}, ${lease.relayPath}, NULL),
      ${nameOf(lease.expiresAt)} = ${lease.expiresAt} + ${shift},
      ${nameOf(lease.freeAt)} = iif(${lease.freeAt} = ${freeNever}, ${freeNever}, ${lease.freeAt} + ${shift}),
      ${nameOf(lease.quarantineUntil)} = ${lease.quarantineUntil} + ${shift},
      ${nameOf(lease.updatedAt)} = ${lease.updatedAt} + ${shift},
      ${nameOf(lease.touchedMs)} = ${lease.touchedMs} + ${shift} * 1000
    WHERE ${following} AND (${lease.updatedAt} > ${newNow} OR (${isOfThisClock}
      AND (${lease.expiresAt} > ${newNow} OR (${lease.freeAt} > ${newNow} AND ${lease.freeAt} <> ${freeNever}))))`,
    sql`DELETE FROM ${bindingLog} WHERE ${following}`,
    sql`INSERT INTO ${bindingLog} (${nameOf(bindingLog.version)}) SELECT (${newNow} << 20) + 1 WHERE ${following}`,
    sql`UPDATE ${retention} SET ${nameOf(retention.historyFrom)} = min(${retention.historyFrom}, ${newNow})
    WHERE ${following}`,
  ];
}
