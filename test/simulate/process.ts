/**
 * A simulated process with its event loop, as Node's: in each turn it runs the timers that are due, then reads what has
 * arrived, then runs what was put off (`setImmediate`). A turn takes some time; a pause is a long turn. What arrives
 * meanwhile waits.
 *
 * @module
 */
import { datagramsPerTurnMax, loopBeatMs } from "../../src/limits.ts";
import type { Timing } from "../../src/timing.ts";
import type { Action, Kernel, Runnable } from "./kernel.ts";
import type { Random } from "../support/random.ts";

/** A timer. */
interface Timer {
  /** By the kernel's clock. */
  readonly dueMs: number;
  run: Action | undefined;
}

/**
 * Where deliveries wait: in connections, or in a UDP socket, by its address. The event loop reads a bounded number of
 * datagrams from each socket in a turn.
 */
export type Channel = "connections" | `socket ${string}`;

/** Something that waits to be read. */
interface Arrival {
  readonly channel: Channel;
  readonly run: Action;
}

/** How long turns take. */
export interface Pace {
  /** Milliseconds of a usual turn. */
  readonly turnMs: number;
  /** One turn in so many takes up to {@link Pace.gapMs}, as with a garbage collection; 0 means never. */
  readonly gapOneIn: number;
  readonly gapMs: number;
}

/** Beats that are run after a time without events. What an earlier one has recorded, they overwrite. */
const beatsMax = 3;

/** One life of a process, from its start to its end. */
export class SimulatedProcess implements Runnable {
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #pace: () => Pace;
  /** How fast its clock runs. */
  readonly #rate: number;
  /** What its monotonic clock showed when the simulation began. */
  readonly #clockOffsetMs: number;
  #isAlive = true;
  #isPlanned = false;
  /** When its current turn ends. */
  #busyUntilMs: number;
  #timers: Timer[] = [];
  /** The timer that beats (`LoopWatch`): between two events it changes nothing that is seen. */
  #beat: Timer | undefined;
  #arrived: Arrival[] = [];
  #soon: Action[] = [];
  /** What is left of the current turn. */
  #turn: Action[] = [];
  #turnPosition = 0;
  #hasPolled = true;
  #hasEnded = true;
  /** The time that the process sees while it beats; else that of the kernel. */
  #beatMs: number | undefined;

  constructor(
    kernel: Kernel,
    random: Random,
    pace: () => Pace,
    { driftRatio }: { readonly driftRatio: number },
  ) {
    this.#kernel = kernel;
    this.#random = random;
    this.#pace = pace;
    this.#rate = 1 + driftRatio;
    this.#clockOffsetMs = random.below(1_000_000);
    this.#busyUntilMs = kernel.nowMs;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** The process ends at once. What it has begun never goes on. */
  kill(): void {
    this.#isAlive = false;
    this.#timers = [];
    this.#beat = undefined;
    this.#arrived = [];
    this.#soon = [];
    this.#turn = [];
    this.#turnPosition = 0;
  }

  /** Stops the process for some time, as SIGSTOP does. */
  pause(ms: number): void {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#kernel.nowMs + ms);
  }

  /** Hands something to the process: a datagram, a request, an answer. It is read in one of the next turns. */
  deliver(channel: Channel, run: Action): void {
    if (!this.#isAlive) return;
    this.#arrived.push({ channel, run });
    this.#plan(this.#kernel.nowMs);
  }

  /** Clock, timers and randomness of the code in this process. */
  readonly timing: Timing = {
    nowMs: () => this.#clockOffsetMs + (this.#beatMs ?? this.#kernel.nowMs) * this.#rate,
    soon: (run) => {
      this.#soon.push(run);
    },
    later: (run, delayMs) => this.#later(run, delayMs),
    random: () => this.#random.fraction(),
  };

  next(): Action | undefined {
    for (;;) {
      if (this.#turnPosition < this.#turn.length) return this.#turn[this.#turnPosition++];
      if (this.#hasEnded || !this.#isAlive) return undefined;
      this.#turn = [];
      this.#turnPosition = 0;
      if (!this.#hasPolled) {
        this.#hasPolled = true;
        this.#turn = this.#poll();
      } else {
        this.#turn = this.#soon;
        this.#soon = [];
        this.#hasEnded = true;
        this.#rest();
      }
    }
  }

  #later(run: Action, delayMs: number): () => void {
    const nowMs = this.#beatMs ?? this.#kernel.nowMs;
    const timer: Timer = { dueMs: nowMs + Math.max(1, delayMs) / this.#rate, run };
    // The watch is the first to set such a timer, and each beat sets the next one before anything else runs.
    if (delayMs === loopBeatMs && this.#beat === undefined) this.#beat = timer;
    else {
      this.#timers.push(timer);
      this.#kernel.at(timer.dueMs, () => {
        if (timer.run !== undefined && this.#isAlive) this.#plan(this.#kernel.nowMs);
      });
    }
    return () => {
      timer.run = undefined;
    };
  }

  /** Plans the next turn, unless one is planned. */
  #plan(atMs: number): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#kernel.at(Math.max(atMs, this.#busyUntilMs), () => {
      this.#isPlanned = false;
      this.#begin();
    });
  }

  #begin(): void {
    if (!this.#isAlive) return;
    const { nowMs } = this.#kernel;
    // It was paused after this turn was planned.
    if (nowMs < this.#busyUntilMs) {
      this.#plan(nowMs);
      return;
    }
    this.#beatUntil(nowMs);
    const due = this.#timers.filter(({ dueMs, run }) => run !== undefined && dueMs <= nowMs);
    this.#timers = this.#timers.filter(({ dueMs, run }) => run !== undefined && dueMs > nowMs);
    due.sort((a, b) => a.dueMs - b.dueMs);
    this.#turn = due.map((timer) => () => timer.run?.());
    if (this.#beat !== undefined && this.#beat.dueMs <= nowMs) {
      const { run } = this.#beat;
      this.#beat = undefined;
      this.#turn.unshift(() => run?.());
    }
    this.#turnPosition = 0;
    this.#hasPolled = false;
    this.#hasEnded = false;
    this.#kernel.give(this);
  }

  /** @returns What this turn reads. The rest waits for the next one. */
  #poll(): Action[] {
    const read: Action[] = [];
    const left: Arrival[] = [];
    const counts = new Map<Channel, number>();
    for (const each of this.#arrived) {
      const count = (counts.get(each.channel) ?? 0) + 1;
      counts.set(each.channel, count);
      if (each.channel !== "connections" && count > datagramsPerTurnMax) left.push(each);
      else read.push(each.run);
    }
    this.#arrived = left;
    return read;
  }

  /** Decides how long this turn takes, and plans the next one if there is something to do. */
  #rest(): void {
    const { turnMs, gapOneIn, gapMs } = this.#pace();
    const isGap = gapOneIn > 0 && this.#random.oneIn(gapOneIn);
    const takesMs = (isGap ? gapMs : turnMs) * (0.2 + this.#random.fraction());
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#kernel.nowMs + takesMs);
    // What is put off in this turn, or was left to read, is for the next one.
    this.#turn.push(() => {
      if (this.#soon.length > 0 || this.#arrived.length > 0) this.#plan(this.#busyUntilMs);
    });
  }

  /** Runs the beats of the time in which nothing happened. Each is a turn of its own. */
  #beatUntil(nowMs: number): void {
    for (let left = beatsMax; this.#beat !== undefined; left--) {
      const beat = this.#beat;
      const firstMs = Math.max(beat.dueMs, this.#busyUntilMs);
      if (firstMs >= nowMs) return;
      const skipped = left === beatsMax ? Math.floor((nowMs - firstMs) / loopBeatMs) - beatsMax : 0;
      this.#beatMs = firstMs + Math.max(0, skipped) * loopBeatMs;
      this.#beat = undefined;
      beat.run?.();
      while (this.#soon.length > 0) {
        const soon = this.#soon;
        this.#soon = [];
        for (const run of soon) run();
      }
      this.#beatMs = undefined;
    }
  }
}
