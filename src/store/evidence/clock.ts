/**
 * The clocks of all databases: what they show, the steps of the machine's clock, and their acceptance by an operator.
 *
 * @module
 */
import { count, desc, isNotNull, isNull } from "drizzle-orm";
import { clockStepsShownMax } from "../../limits.ts";
import { formatDate } from "../../declaration/dates.ts";
import { auditOfLast } from "../configuration/audit.ts";
import { isSameStep, isStep, secondsOfStep } from "../database/clock-step.ts";
import { isDatabaseError } from "../database/database.ts";
import type { ClockEvent, ClockLook, Database, OwnClock } from "../database/database.ts";
import { allDatabases } from "../database/databases.ts";
import type { Databases } from "../database/databases.ts";
import { readerOf, readRows, statementOf } from "../database/queries.ts";
import { clockStep } from "../database/schema.ts";
import type { stepEnds } from "../database/schema.ts";
import { assertAllDomains } from "../principal.ts";
import type { Principal } from "../principal.ts";

/** A recorded step. Times are Unix seconds of the database's clock before it followed. */
export interface ClockStep {
  readonly noticedAt: number;
  /** When the database's clock was last set before the step. */
  readonly since: number;
  /** The machine's clock less the database's clock. */
  readonly differenceMs: number;
  /** Null while the step is open. */
  readonly settledAt: number | null;
  readonly how: (typeof stepEnds)[number] | null;
}

/** What is known of the clock of one database. */
export interface ClockReport {
  /** The database's clock: Unix seconds. */
  readonly now: number;
  /** The clock of the machine, if the database is a file; null if a server provides the time. */
  readonly machine: { readonly now: number; readonly differenceMs: number } | null;
  readonly open: ClockStep | null;
  /** The latest first. */
  readonly settled: readonly ClockStep[];
}

/** The result of an acceptance. */
export type ClockAcceptance =
  | { readonly kind: "accepted" }
  | { readonly kind: "no-step" }
  /** The clocks differ by something else. */
  | { readonly kind: "other-difference"; readonly differencesMs: readonly number[] }
  /** Another caller settled the step at the same time. */
  | { readonly kind: "changed-meanwhile" };

/** What monitoring shows of the clock of a file. */
export interface ClockMeasure {
  /** The machine's clock less the database's clock. */
  readonly differenceMs: number;
  /** Steps that were ever recorded. */
  readonly steps: number;
}

/** The clocks of all databases. */
export interface ClockStore {
  /**
   * Reads the clocks.
   *
   * @returns A report for each database, that of the main database first.
   * @throws {DatabaseError} When a database cannot be reached.
   */
  readonly report: (principal: Principal) => Promise<readonly ClockReport[]>;
  /**
   * Follows the open step in each file whose clock differs by this much. Leases move with the clock.
   *
   * @param differenceSeconds The machine's clock less the database's clock, as the caller saw it.
   * @throws {DatabaseError} When a database cannot be reached; others may have followed already.
   */
  readonly accept: (principal: Principal, differenceSeconds: number) => Promise<ClockAcceptance>;
  /** Reads what monitoring shows, of each file that can be read. */
  readonly measure: () => Promise<readonly ClockMeasure[]>;
  /** Adds a listener for what this process sees happen to the clock of a file. */
  readonly onEvent: (listener: (event: ClockEvent) => void) => void;
}

/** Creates the store of clocks. */
export function createClockStore(databases: Databases): ClockStore {
  const all = allDatabases(databases);
  const owned = all.flatMap((database) =>
    database.ownClock === undefined ? [] : [{ database, clock: database.ownClock }],
  );
  return {
    report: (principal) => {
      assertAllDomains(principal, "read the clocks");
      return Promise.all(all.map(reportOf));
    },
    accept: async (principal, differenceSeconds) => {
      assertAllDomains(principal, "set the clocks");
      const looks = await Promise.all(owned.map(async ({ clock }) => ({ clock, look: await clock.look() })));
      const stepped = looks.filter(({ look }) => isStep(look.differenceMs));
      if (stepped.length === 0) return { kind: "no-step" };
      const meant = stepped.filter(({ look }) => isSameStep(look.differenceMs, differenceSeconds * 1000));
      if (meant.length === 0) {
        return { kind: "other-difference", differencesMs: stepped.map(({ look }) => look.differenceMs) };
      }
      const done = await Promise.all(meant.map(({ clock, look }) => acceptIn(clock, look, principal)));
      return { kind: done.every((each) => each) ? "accepted" : "changed-meanwhile" };
    },
    measure: async () => {
      const measures = await Promise.all(owned.map(measureReachable));
      return measures.filter((measure) => measure !== undefined);
    },
    onEvent: (listener) => {
      for (const { clock } of owned) clock.onEvent(listener);
    },
  };
}

const stepColumns = {
  noticedAt: clockStep.noticedAt,
  since: clockStep.since,
  differenceMs: clockStep.differenceMs,
  settledAt: clockStep.settledAt,
  how: clockStep.how,
};

async function reportOf(database: Database): Promise<ClockReport> {
  const reader = readerOf(database);
  const [look, [open, settled]] = await Promise.all([
    database.ownClock?.look(),
    reader.batch([
      reader.select(stepColumns).from(clockStep).where(isNull(clockStep.settledAt)),
      reader
        .select(stepColumns)
        .from(clockStep)
        .where(isNotNull(clockStep.settledAt))
        .orderBy(desc(clockStep.id))
        .limit(clockStepsShownMax),
    ]),
  ]);
  const nowMs = look?.nowMs ?? (await database.clock());
  return {
    now: Math.floor(nowMs / 1000),
    machine: look === undefined ? null : machineOf(look),
    open: open[0] ?? null,
    settled,
  };
}

function machineOf({ machineMs, differenceMs }: ClockLook): ClockReport["machine"] {
  return { now: Math.floor(machineMs / 1000), differenceMs };
}

function acceptIn(clock: OwnClock, look: ClockLook, principal: Principal): Promise<boolean> {
  const time = Math.floor(look.nowMs / 1000);
  const seconds = secondsOfStep(look.differenceMs);
  const record = auditOfLast({
    actor: principal.name,
    action: "accept",
    resource: "clock",
    name: "clock",
    domain: null,
    before: { time: formatDate(time), differenceSeconds: seconds },
    after: { time: formatDate(time + seconds), differenceSeconds: 0 },
  });
  return clock.accept(look, statementOf(record));
}

async function measureReachable({
  database,
  clock,
}: {
  readonly database: Database;
  readonly clock: OwnClock;
}): Promise<ClockMeasure | undefined> {
  try {
    const [{ differenceMs }, [counted]] = await Promise.all([
      clock.look(),
      readRows(database, readerOf(database).select({ steps: count() }).from(clockStep)),
    ]);
    return { differenceMs, steps: counted!.steps };
  } catch (error) {
    // Another metric counts the databases that cannot be read.
    if (isDatabaseError(error)) return undefined;
    throw error;
  }
}
