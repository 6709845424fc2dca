/**
 * A clock that shows real time until a test sets it. From then on only the test moves it.
 *
 * @module
 */

/** A clock that a test can set. */
export class TestClock {
  /** Unix seconds, with milliseconds as a fraction; undefined means the real time. */
  seconds: number | undefined;

  constructor(seconds?: number) {
    this.seconds = seconds;
  }

  /** Unix time in milliseconds, for a database. */
  readonly clockMs = (): number =>
    this.seconds === undefined ? Date.now() : Math.round(this.seconds * 1000);

  /** Milliseconds of a monotonic clock that moves together with {@link TestClock.clockMs}, for an allocator. */
  readonly localMs = (): number =>
    this.seconds === undefined ? performance.now() : Math.round(this.seconds * 1000);
}
