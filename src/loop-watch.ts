/**
 * Finds out how old a message may be when it is read. A process that stands still, because it was stopped or because
 * something kept it busy, reads its sockets late, and the system does not say when a datagram arrived. So this remembers
 * the last time at which the sockets were surely empty: what is read after a gap arrived after that time, and no more
 * is known.
 *
 * In each turn of the event loop, the loop reads what waits in its sockets. A time that was taken before a whole turn,
 * in which every socket was read until it was empty, is a time at which they were empty.
 *
 * @example
 * ```ts
 * const watch = new LoopWatch({ beatMs: 10, gapMs: 20, readsPerTurnMax: 32 }, systemTiming);
 * const stop = watch.start();
 * socket.on("message", (datagram) => {
 *   watch.recordRead(0);
 *   decide(datagram, watch.arrivedMs());
 * });
 * ```
 *
 * @module
 */

/** Bounds of a watch. */
export interface LoopWatchOptions {
  /** Milliseconds between two looks at an idle loop. */
  readonly beatMs: number;
  /** Milliseconds without a look from which the loop counts as having stood still: more than `beatMs`. */
  readonly gapMs: number;
  /** Messages of one socket in a turn from which the socket may hold more of them. */
  readonly readsPerTurnMax: number;
}

/** The clock and timers of a watch. */
export interface LoopWatchTiming {
  /** Milliseconds of a monotonic clock. */
  readonly nowMs: () => number;
  /** Calls `run` once the loop has read its sockets. */
  readonly soon: (run: () => void) => void;
  /** Calls `run` after `delayMs` milliseconds. Returns a function that cancels the call. */
  readonly later: (run: () => void, delayMs: number) => () => void;
}

/** Turns that are watched after each beat and each message: one to take the time, one to see the sockets empty. */
const turnsWatched = 2;

/** Watches one event loop. */
export class LoopWatch {
  readonly #options: LoopWatchOptions;
  readonly #timing: LoopWatchTiming;
  /** The last time at which all sockets were surely empty. */
  #emptyMs: number;
  /** When the last watched turn ended. */
  #turnEndedMs: number;
  #turnsLeft = 0;
  #isTurnDue = false;
  /** Messages read since then, by socket, and the largest of these numbers. */
  readonly #reads = new Map<number, number>();
  #mostReads = 0;

  constructor(options: LoopWatchOptions, timing: LoopWatchTiming) {
    this.#options = options;
    this.#timing = timing;
    this.#emptyMs = this.#turnEndedMs = timing.nowMs();
  }

  /**
   * Starts the beat.
   *
   * @returns Function that stops it.
   */
  start(): () => void {
    const { beatMs } = this.#options;
    let cancel = (): void => undefined;
    const beat = (): void => {
      this.watchTurns();
      cancel = this.#timing.later(beat, beatMs);
    };
    beat();
    return () => {
      cancel();
    };
  }

  /** Watches the next turns. Called when something was read or sent, because then a gap matters most. */
  watchTurns(): void {
    this.#turnsLeft = turnsWatched;
    this.#expectTurn();
  }

  /**
   * Records that a message was read.
   *
   * @param socket Any number of the socket.
   */
  recordRead(socket: number): void {
    const reads = (this.#reads.get(socket) ?? 0) + 1;
    this.#reads.set(socket, reads);
    if (reads > this.#mostReads) this.#mostReads = reads;
    this.watchTurns();
  }

  /** @returns A time by the clock, not later than the arrival of a message that is read now. */
  arrivedMs(): number {
    const nowMs = this.#timing.nowMs();
    return nowMs - this.#emptyMs > this.#options.gapMs ? this.#emptyMs : nowMs;
  }

  #expectTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    this.#timing.soon(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#isTurnDue = false;
    if (this.#mostReads < this.#options.readsPerTurnMax) this.#emptyMs = this.#turnEndedMs;
    if (this.#mostReads > 0) {
      this.#reads.clear();
      this.#mostReads = 0;
    }
    this.#turnEndedMs = this.#timing.nowMs();
    this.#turnsLeft--;
    if (this.#turnsLeft > 0) this.#expectTurn();
  };
}
