/**
 * `GET /readyz` needs no token, so anyone may send any number of them. All requests share one check of the database.
 *
 * @module
 */
import { sharedWorkMsMax, readinessKeptMs, readinessWaitMsMax } from "../limits.ts";
import { DatabaseError } from "../store/store.ts";
import { within } from "../timing.ts";
import type { Timing } from "../timing.ts";

/** Dependencies of the readiness check. */
export interface ReadinessDeps {
  /** Rejects when the allocator cannot serve. */
  readonly check: () => Promise<void>;
  /** A monotonic clock of this process, in milliseconds. */
  readonly localMs: () => number;
  readonly later: Timing["later"];
}

/** A check, in progress or finished. */
interface Check {
  readonly startedMs: number;
  readonly result: Promise<void>;
  /** What requests get that do not wait for the check any longer. One for all of them. */
  readonly overdue: DatabaseError;
  endedMs?: number;
}

/**
 * Creates a function that says whether the allocator can serve. It starts a check only if none is in progress and the
 * last one ended more than {@link readinessKeptMs} ago; all other calls share the last one. While a check hangs, calls
 * wait until it is {@link readinessWaitMsMax} old, and later ones do not wait.
 *
 * @returns A function that rejects, with the same error for all that share a check, when the allocator cannot serve.
 */
export function createReadiness({ check, localMs, later }: ReadinessDeps): () => Promise<void> {
  let last: Check | undefined;
  const start = (): Check => {
    const overdue = new DatabaseError(
      `Cannot check the database: found no answer after ${readinessWaitMsMax} ms, expected one`,
    );
    const started: Check = { startedMs: localMs(), result: check(), overdue };
    const end = (): void => {
      started.endedMs = localMs();
    };
    started.result.then(end, end);
    return started;
  };
  return () => {
    if (last === undefined || isPast(last, localMs())) last = start();
    return waitFor(last, localMs, later);
  };
}

function isPast({ startedMs, endedMs }: Check, nowMs: number): boolean {
  return endedMs === undefined ? nowMs - startedMs >= sharedWorkMsMax : nowMs - endedMs >= readinessKeptMs;
}

async function waitFor(check: Check, localMs: () => number, later: Timing["later"]): Promise<void> {
  if (check.endedMs !== undefined) return check.result;
  const leftMs = check.startedMs + readinessWaitMsMax - localMs();
  if (leftMs <= 0) throw check.overdue;
  // A timer for each request: on Workers, a request may not use a timer of another one.
  await within(later, leftMs, check.result, () => check.overdue);
}
