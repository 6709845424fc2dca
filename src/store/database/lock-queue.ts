/**
 * Waits for the lock of a database file without blocking the event loop. SQLite's own wait (`busy_timeout`) would stop
 * the whole process, `/healthz` and all, for as long as another process holds the lock.
 *
 * Work is tried at once. If the file is locked, it is tried again after a pause, and work that comes later waits behind
 * it, so that batches stay in order.
 *
 * @module
 */
import { fileLockPauseMsMax, fileLockPauseMsMin, fileWaitersMax } from "../../limits.ts";
import type { Timing } from "../../timing.ts";
import { DatabaseError, isDatabaseError } from "./database.ts";

/** Work that waits for its turn. */
interface Waiter {
  readonly deadlineMs: number;
  /** @returns Whether the work has ended, with success or not. If not, the file is still locked. */
  readonly attempt: () => boolean;
  readonly giveUp: () => void;
}

/** Takes turns at a file that other processes may lock. */
export class LockQueue {
  readonly #timing: Timing;
  #waiting: Waiter[] = [];
  #pauseMs = fileLockPauseMsMin;

  constructor(timing: Timing) {
    this.#timing = timing;
  }

  /**
   * Runs work after all work before it.
   *
   * @param work Throws a {@link DatabaseError} when the file is locked, and has done nothing then.
   * @param waitMsMax Milliseconds that it may wait for the lock.
   * @throws {DatabaseError} When the file stays locked for so long, or too much work waits. Whatever else the work throws
   *   is passed on.
   */
  run<T>(work: () => T, waitMsMax: number): Promise<T> {
    return new Promise((resolve, reject) => {
      let locked: unknown;
      const attempt = (): boolean => {
        try {
          resolve(work());
        } catch (error) {
          if (isLocked(error)) {
            locked = error;
            return false;
          }
          const failure = error as Error;
          reject(failure);
        }
        return true;
      };
      if (this.#waiting.length === 0 && attempt()) return;
      if (this.#waiting.length >= fileWaitersMax) {
        throw new DatabaseError(
          `Cannot use the database: ${fileWaitersMax} requests wait for its lock already`,
        );
      }
      this.#enqueue({
        deadlineMs: this.#timing.nowMs() + waitMsMax,
        attempt,
        giveUp: () => {
          reject(stayedLocked(waitMsMax, locked));
        },
      });
    });
  }

  #enqueue(waiter: Waiter): void {
    this.#waiting.push(waiter);
    if (this.#waiting.length === 1) this.#pause();
  }

  /** Pauses. Each pause is longer than the one before, and of random length, so that processes do not meet again. */
  #pause(): void {
    const pauseMs = this.#pauseMs * (0.5 + this.#timing.random() / 2);
    this.#pauseMs = Math.min(this.#pauseMs * 2, fileLockPauseMsMax);
    this.#timing.later(() => {
      this.#serve();
    }, pauseMs);
  }

  /** Serves the one that waits longest. Other events run before the next one does: a backlog must not block them. */
  #serve(): void {
    this.#dropLate();
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#pauseMs = fileLockPauseMsMin;
      return;
    }
    if (!first.attempt()) {
      this.#pause();
      return;
    }
    this.#pauseMs = fileLockPauseMsMin;
    this.#waiting.shift();
    if (this.#waiting.length === 0) return;
    this.#timing.soon(() => {
      this.#serve();
    });
  }

  #dropLate(): void {
    const now = this.#timing.nowMs();
    const late = this.#waiting.filter(({ deadlineMs }) => deadlineMs <= now);
    if (late.length === 0) return;
    this.#waiting = this.#waiting.filter(({ deadlineMs }) => deadlineMs > now);
    for (const { giveUp } of late) giveUp();
  }
}

/** @returns Whether work failed because another connection has locked the file. */
export function isLocked(error: unknown): boolean {
  if (!isDatabaseError(error)) return false;
  return String((error.cause as { code?: unknown } | undefined)?.code).startsWith("SQLITE_BUSY");
}

function stayedLocked(waitMs: number, locked: unknown): DatabaseError {
  return new DatabaseError(
    `Cannot lock the database: another process has held its lock for ${waitMs} ms, expected at most some 100 ms`,
    (locked as DatabaseError | undefined)?.cause,
  );
}
