/**
 * Hands what was watched at a database to its judge: transactions, and then the facts that they returned.
 *
 * @module
 */
import type { CommitResult } from "../../src/store/batch/commit.ts";
import { checkDeadlines } from "./deadlines.ts";
import { checkFacts, expectFacts } from "./facts.ts";
import type { ExpectedFact } from "./facts.ts";
import type { Judge } from "./judge.ts";
import type { NamedPair } from "./pools.ts";
import { rowsToEnd } from "./obeyed-ends.ts";
import type { LeaseRow } from "./rows.ts";
import { must } from "./violation.ts";
import type { BatchCause } from "./watched-batches.ts";
import type { Commit } from "./watched-database.ts";

/** The clocks at a commit, in milliseconds. */
export interface CommitTime {
  /** By the judge's clock. */
  readonly atMs: number;
  /** Unix time, which the database must have. */
  readonly trueMs: number;
}

/** Facts that are expected. */
interface Expected {
  readonly judge: Judge;
  readonly facts: readonly (ExpectedFact | undefined)[];
  /** Rows that should have ended, and have not. */
  readonly kept: readonly LeaseRow[];
}

/** The transactions of any number of databases. */
export class Commits {
  readonly #expected = new WeakMap<BatchCause, Expected>();

  /**
   * A database committed a transaction.
   *
   * @returns The pairs that an operator took from their clients.
   */
  committed(
    judge: Judge,
    commit: Commit,
    cause: BatchCause | undefined,
    { atMs, trueMs }: CommitTime,
  ): NamedPair[] {
    const { clockMs } = commit;
    must(
      Math.abs(clockMs - trueMs) <= 1,
      "a transaction has another time than its database",
      clockMs,
      trueMs,
    );
    const toClockMs = (ms: number): number => trueMs + ms - atMs;
    if (cause !== undefined) {
      const { claims, options } = cause;
      const [sentMs, hasChanges] = [toClockMs(commit.sentMs), commit.changed.length > 0];
      checkDeadlines(
        {
          claims,
          sentMs,
          committedMs: clockMs,
          hasChanges,
          until: options.until,
          received: options.received,
        },
        (client) => judge.givenUpBy(client),
        toClockMs,
        judge.excuses,
      );
    }
    const toEnd =
      cause === undefined
        ? []
        : rowsToEnd(judge.leases, cause.claims, { clockMs, received: cause.options.received });
    const operated = judge.commit({
      ...commit,
      atMs,
      claims: cause?.claims,
      by: cause?.allocator,
    });
    if (cause !== undefined) {
      const kept = toEnd.filter((row) => judge.leases.rows.get(row.slot) === row);
      this.#expected.set(cause, { judge, facts: expectFacts(judge.leases, cause.claims, clockMs), kept });
    }
    return operated.map((slot) => judge.pairOf(slot)).filter((pair) => pair !== undefined);
  }

  /** An allocator got the result of a transaction. */
  answered(cause: BatchCause, { facts, isLate, revision }: CommitResult): void {
    const expected = this.#expected.get(cause);
    if (expected === undefined) return;
    const isVoid = isLate || revision !== cause.options.revision;
    if (expected.judge.excuses.count("facts: batch not served", isVoid)) return;
    checkFacts(cause.claims, expected.facts, facts);
    must(expected.kept.length === 0, "a message that gives a pair up was ignored", expected.kept);
  }
}
