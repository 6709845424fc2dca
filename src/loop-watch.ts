/**
 * Bounds the age of a message when it is read. A process that was stopped or busy reads its sockets late, and the
 * system does not report when a datagram arrived. So this keeps, for each socket, the last time at which it was surely
 * empty. A message that is read after a gap arrived after that time; nothing more is known.
 *
 * In each turn of the event loop, the loop reads what waits in its sockets. If a whole turn read a socket until it was
 * empty, everything that arrived in it before that turn began has been read. So what is read later arrived after that
 * time. A socket that is never empty is read in order, so what had arrived when a turn began is read within a known
 * number of turns.
 *
 * @example
 * ```ts
 * const watch = new LoopWatch({ beatMs: 10, gapMs: 20, readsPerTurnMax: 32, turnsMax: 1000 }, systemTiming);
 * const stop = watch.start();
 * socket.on("message", (datagram) => {
 *   watch.recordRead(0);
 *   decide(datagram, watch.arrivedMs(0));
 * });
 * ```
 *
 * @module
 */

/** Bounds of a watch. */
export interface LoopWatchOptions {
  /** Milliseconds between two turns that an idle loop makes. */
  readonly beatMs: number;
  /** Milliseconds without a turn from which the loop counts as blocked: more than `beatMs`. */
  readonly gapMs: number;
  /** Messages of one socket in a turn from which the socket may hold more of them. */
  readonly readsPerTurnMax: number;
  /** Whole turns in which all that waits in a socket is read, whatever arrives meanwhile. */
  readonly turnsMax: number;
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

/** What is known of a socket. */
interface WatchedSocket {
  /** The last time at which it was surely empty. */
  emptyMs: number;
  /** Messages read in this turn. */
  reads: number;
}

/** Watches one event loop. */
export class LoopWatch {
  readonly #options: LoopWatchOptions;
  readonly #timing: LoopWatchTiming;
  /** By number. A socket is known from its first message: before, nothing waited in it. */
  readonly #sockets: WatchedSocket[] = [];
  /** The last time at which a socket without messages was surely empty. */
  #emptyMs: number;
  /** When the last watched turn ended. */
  #turnEndedMs: number;
  /** When the last turns began: a ring, whose oldest entry is at `#oldestTurn`. */
  readonly #turnsBeganMs: Float64Array;
  #oldestTurn = 0;
  #turnsLeft = 0;
  #isTurnDue = false;

  constructor(options: LoopWatchOptions, timing: LoopWatchTiming) {
    this.#options = options;
    this.#timing = timing;
    this.#emptyMs = this.#turnEndedMs = timing.nowMs();
    this.#turnsBeganMs = new Float64Array(options.turnsMax).fill(-Infinity);
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
   * @param socket Number of the socket, from 0.
   */
  recordRead(socket: number): void {
    this.#socketOf(socket).reads++;
    this.watchTurns();
  }

  /**
   * @param socket Number of the socket, from 0.
   * @returns A time by the clock, not later than the arrival of a message that is read now.
   */
  arrivedMs(socket: number): number {
    const { emptyMs } = this.#socketOf(socket);
    const nowMs = this.#timing.nowMs();
    return nowMs - emptyMs > this.#options.gapMs ? emptyMs : nowMs;
  }

  #socketOf(number: number): WatchedSocket {
    while (this.#sockets.length <= number) this.#sockets.push({ emptyMs: this.#emptyMs, reads: 0 });
    return this.#sockets[number]!;
  }

  #expectTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    this.#timing.soon(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    const { readsPerTurnMax, turnsMax } = this.#options;
    this.#isTurnDue = false;
    this.#emptyMs = this.#turnEndedMs;
    this.#turnsBeganMs[this.#oldestTurn] = this.#turnEndedMs;
    this.#oldestTurn = (this.#oldestTurn + 1) % turnsMax;
    const surelyReadMs = this.#turnsBeganMs[this.#oldestTurn]!;
    for (const socket of this.#sockets) {
      socket.emptyMs =
        socket.reads < readsPerTurnMax ? this.#emptyMs : Math.max(socket.emptyMs, surelyReadMs);
      socket.reads = 0;
    }
    this.#turnEndedMs = this.#timing.nowMs();
    this.#turnsLeft--;
    if (this.#turnsLeft > 0) this.#expectTurn();
  };
}
