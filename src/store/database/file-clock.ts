/**
 * The clock of a database file. It is the time since boot plus a base that is stored in the table `instant`, so all
 * processes that use the file have the same clock, and setting the machine's clock moves no lease.
 *
 * The first statement of each write moves the clock on, in one row, once the lock is held:
 *
 * - After a boot, or if the base is missing, the base comes from the machine's clock; but the clock is never earlier than
 *   the last time that was written. A time since boot that went back is a boot too.
 * - A difference between both clocks that time synchronization makes is followed at once: the base is set again. The
 *   clock never goes back for it, but stops until the base has caught up.
 * - A larger difference is a step: the clock runs on by its base. `clock-step.ts` records and follows steps.
 *
 * Two processes set the base from the same two clocks, so it does not matter that both do.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { clockStepLookMs } from "../../limits.ts";
import { followStatements, isSameStep, isStep, recordStatements, stepMsMin } from "./clock-step.ts";
import type { Following } from "./clock-step.ts";
import { literal, nameOf } from "./columns.ts";
import { isDatabaseError } from "./database.ts";
import type { ClockEvent, ClockLook, Result, Row, Statement } from "./database.ts";
import type { Machine } from "./machine.ts";
import { statementOf } from "./queries.ts";
import { clockStep, instant } from "./schema.ts";

/** Runs statements as one transaction. */
type Write = (statements: readonly Statement[]) => readonly Result[];

/** How a file has the time. */
export interface FileTime {
  /** The statement that sets the instant. A write makes it once the lock is held, because it reads the clock. */
  readonly setInstant: () => Statement;
  /** Takes the row that the statement returned, once the write is committed. */
  readonly observe: (row: Row) => void;
  /** Does what the last write made necessary, in separate transactions. */
  readonly settle: (write: Write) => void;
  /** The clock as an expression for a statement that reads, in milliseconds of Unix time. */
  readonly now: () => SQL<number>;
}

/** The time of a test: one clock that is believed in everything. */
export function givenTime(clockMs: () => number): FileTime {
  return {
    setInstant: () => ({ sql: "UPDATE instant SET now_ms = ?", args: [Math.floor(clockMs())] }),
    observe: () => undefined,
    settle: () => undefined,
    now: () => sql<number>`${Math.floor(clockMs())}`,
  };
}

/** The readings of a machine, as parts of a statement. */
interface MachineSql {
  readonly wall: SQL;
  readonly boot: SQL;
  readonly bootId: SQL;
}

const stepLiteral = literal(stepMsMin);

/** The machine was booted since the base was stored. The comparison is null, which is not true, if a name is. */
const isBooted = ({ boot, bootId }: MachineSql): SQL =>
  sql`(${instant.baseMs} IS NULL OR ${instant.bootId} <> ${bootId}
      OR ${instant.baseMs} + ${boot} < ${instant.nowMs} - ${stepLiteral})`;

/** The difference of the open step; 0 if none is open. */
const openDifference = sql`coalesce((SELECT ${clockStep.differenceMs} FROM ${clockStep}
      WHERE ${clockStep.settledAt} IS NULL), 0)`;

/**
 * The clock after a boot, before the last time written is considered. A step that is open stays open: a boot must not
 * follow it. It was undone if the clock would otherwise have gone back.
 */
const clockAtBoot = ({ wall }: MachineSql): SQL =>
  sql`(${wall} - iif(${wall} - ${openDifference} > ${instant.nowMs} - ${stepLiteral}, ${openDifference}, 0))`;

/** The base by the readings. */
const baseOf = (machine: MachineSql): SQL => sql`CASE
    WHEN ${isBooted(machine)} THEN max(${clockAtBoot(machine)}, ${instant.nowMs}) - ${machine.boot}
    WHEN abs(${machine.wall} - ${machine.boot} - ${instant.baseMs}) < ${stepLiteral}
      THEN ${machine.wall} - ${machine.boot}
    ELSE ${instant.baseMs} END`;

const clockOf = (machine: MachineSql): SQL =>
  sql`max(${instant.nowMs}, ${baseOf(machine)} + ${machine.boot})`;

/**
 * The whole statement, with numbered parameters because each occurs several times. A clock that runs on after a boot,
 * because the machine's clock differs, was not set then.
 */
const setInstant = (() => {
  const machine = { wall: sql.raw("?1"), boot: sql.raw("?2"), bootId: sql.raw("?3") };
  const { wall, boot, bootId } = machine;
  return statementOf(sql`UPDATE ${instant} SET
    ${nameOf(instant.sinceMs)} = iif(${isBooted(machine)} AND (${instant.sinceMs} IS NULL
      OR abs(${clockOf(machine)} - ${wall}) < ${stepLiteral}), ${clockOf(machine)}, ${instant.sinceMs}),
    ${nameOf(instant.baseMs)} = ${baseOf(machine)},
    ${nameOf(instant.nowMs)} = ${clockOf(machine)},
    ${nameOf(instant.bootId)} = coalesce(${bootId}, ${instant.bootId})
  RETURNING ${nameOf(instant.baseMs)}, ${wall} - ${boot} - ${nameOf(instant.baseMs)}, ${boot}`).sql;
})();

/** The difference between both clocks, as this process last saw it. */
interface Known {
  readonly differenceMs: number;
  readonly baseMs: number;
  /** When it was read: milliseconds since boot. */
  readonly bootMs: number;
}

/** The clock of a file. */
export class FileClock implements FileTime {
  readonly #machine: Machine;
  readonly #listeners: ((event: ClockEvent) => void)[] = [];
  #observed: Known | undefined;
  /** The difference that the record of steps has; undefined before this process looked at the record. */
  #recorded: Known | undefined;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  setInstant(): Statement {
    const { wallMs, bootMs } = this.#readMachine();
    return { sql: setInstant, args: [wallMs, bootMs, this.#machine.bootId] };
  }

  observe(row: Row): void {
    const [baseMs, differenceMs, bootMs] = row as [number, number, number];
    this.#observed = { baseMs, differenceMs, bootMs };
  }

  settle(write: Write): void {
    const seen = this.#observed;
    if (seen === undefined || !isDue(seen, this.#recorded)) return;
    try {
      const isIdle = write(recordStatements(seen)).at(-1)!.rows[0]![0] === 1;
      const before = this.#recorded?.differenceMs ?? 0;
      this.#recorded = seen;
      this.#report(before, seen.differenceMs);
      if (isIdle) this.#follow(write, { ...seen, how: "leases-ended" });
    } catch (error) {
      // The write before is committed and must not fail for it. The next one tries again.
      if (!isDatabaseError(error)) throw error;
    }
  }

  now(): SQL<number> {
    return sql<number>`(SELECT ${clockOf(this.#machineSql())} FROM ${instant})`;
  }

  /** @returns A statement that reads both clocks; {@link lookOf} reads its row. */
  lookStatement(): Statement {
    const machine = this.#machineSql();
    const base = baseOf(machine);
    const columns = [clockOf(machine), machine.wall, sql`${machine.wall} - ${machine.boot} - ${base}`, base];
    return statementOf(sql`SELECT ${sql.join(columns, sql`, `)} FROM ${instant}`);
  }

  /** Follows a step because an operator accepts it: see {@link OwnClock.accept}. */
  accept(write: Write, { differenceMs, baseMs }: ClockLook, record: Statement): boolean {
    return this.#follow(write, { differenceMs, baseMs, how: "accepted" }, [record]);
  }

  /** Adds a listener: see {@link OwnClock.onEvent}. */
  onEvent(listener: (event: ClockEvent) => void): void {
    this.#listeners.push(listener);
    this.#report(0, this.#recorded?.differenceMs ?? 0);
  }

  #follow(write: Write, following: Following, further: readonly Statement[] = []): boolean {
    const statements = followStatements(following);
    const results = write([...statements, ...further]);
    if (results[statements.length - 1]!.rows.length === 0) return false;
    this.#recorded = undefined;
    const { how, differenceMs } = following;
    this.#emit({ kind: "followed", how, differenceMs });
    return true;
  }

  /** Reports a step once, and its end. */
  #report(before: number, now: number): void {
    if (isStep(now) && !isSameStep(before, now)) this.#emit({ kind: "step", differenceMs: now });
    if (isStep(before) && !isStep(now)) this.#emit({ kind: "agrees" });
  }

  #emit(event: ClockEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #machineSql(): MachineSql {
    const { wallMs, bootMs } = this.#readMachine();
    return { wall: sql`${wallMs}`, boot: sql`${bootMs}`, bootId: sql`${this.#machine.bootId}` };
  }

  #readMachine() {
    return { wallMs: Math.floor(this.#machine.wallMs()), bootMs: Math.floor(this.#machine.bootMs()) };
  }
}

/** Whether the record of steps has to be brought in line: at the first write, at a change, and while a step is open. */
function isDue(seen: Known, recorded: Known | undefined): boolean {
  if (recorded === undefined) return true;
  if (!isStep(seen.differenceMs)) return isStep(recorded.differenceMs);
  return (
    !isSameStep(seen.differenceMs, recorded.differenceMs) || seen.bootMs - recorded.bootMs >= clockStepLookMs
  );
}

/** @returns The clocks, from the row of {@link FileClock.lookStatement}. */
export function lookOf(row: Row | undefined): ClockLook {
  const [nowMs, machineMs, differenceMs, baseMs] = row as [number, number, number, number];
  return { nowMs, machineMs, differenceMs, baseMs };
}
