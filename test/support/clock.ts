/**
 * The clock of a test: the real one until the test sets it, and then it stands still until the test moves it.
 *
 * @module
 */

/** A clock that a test owns. */
export class TestClock {
  /** Unix seconds; undefined for the real time. */
  seconds: number | undefined;

  constructor(seconds?: number) {
    this.seconds = seconds;
  }

  /** Milliseconds of Unix time, for a database. */
  readonly clockMs = (): number => (this.seconds === undefined ? Date.now() : this.seconds * 1000);

  /** Milliseconds of a clock that goes forward with it, for an allocator. */
  readonly localMs = (): number => (this.seconds === undefined ? performance.now() : this.seconds * 1000);
}
