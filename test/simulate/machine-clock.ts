/**
 * The clock of the machine of a database: right, or set wrong for a while (T9). What is right differs from database to
 * database.
 *
 * @module
 */
import type { Kernel } from "./kernel.ts";

/** Unix milliseconds at which each run begins. */
const startUnixMs = 1_700_000_000_000;
/** Each database has a transaction within this time, which settles what was in doubt. */
const settledMsMax = 600_000;

/** A clock that may be wrong. */
export class MachineClock {
  readonly #kernel: Kernel;
  /** Unix milliseconds at which the run begins. */
  readonly #startMs: number;
  #errorMs = 0;
  /** Until when an error may be in the record of a database. */
  #doubtEndsMs = 0;
  #wrongUntilMs = 0;

  /** @param aheadMs How much it is ahead of others. */
  constructor(kernel: Kernel, aheadMs: number) {
    this.#kernel = kernel;
    this.#startMs = startUnixMs + aheadMs;
  }

  /** The right time, in Unix milliseconds. */
  get trueMs(): number {
    return this.#startMs + this.#kernel.nowMs;
  }

  /** What it shows. */
  get wallMs(): number {
    return this.trueMs + this.#errorMs;
  }

  get isWrong(): boolean {
    return this.#errorMs !== 0;
  }

  /** When it is corrected, in Unix milliseconds of the right time. */
  get wrongUntilMs(): number {
    return this.#startMs + this.#wrongUntilMs;
  }

  /** Whether it is wrong, or was until lately. */
  get isInDoubt(): boolean {
    return this.#kernel.nowMs < this.#doubtEndsMs;
  }

  /** Sets it wrong for some time. */
  set(errorMs: number, forMs: number): void {
    this.#errorMs = errorMs;
    this.#wrongUntilMs = this.#kernel.nowMs + forMs;
    this.#doubtEndsMs = this.#wrongUntilMs + settledMsMax;
    this.#kernel.after(forMs, () => {
      this.correct();
    });
  }

  correct(): void {
    this.#errorMs = 0;
  }
}
