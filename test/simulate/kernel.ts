/**
 * Virtual time. Events happen one after the other, in the order of their times; between two of them no time passes.
 *
 * Code of the product uses promises. Everything that one event makes ready has to run before the next event, so the
 * kernel continues from a tick of Node, which runs after the last microtask.
 *
 * @module
 */

/** Something that the kernel runs. */
export type Action = () => void;

/** A simulated process, as the kernel sees it. */
export interface Runnable {
  /** @returns What the process does next in this turn of its event loop; undefined if the turn has ended. */
  readonly next: () => Action | undefined;
}

/** An event in the queue. */
interface Entry {
  readonly atMs: number;
  /** Events of the same time happen in the order in which they were planned. */
  readonly number: number;
  readonly action: Action;
}

/** Runs events in virtual time. */
export class Kernel {
  /** Milliseconds since the simulation began. */
  nowMs = 0;
  /** Events and callbacks that have run. */
  steps = 0;
  readonly #heap: Entry[] = [];
  #planned = 0;
  #running: Runnable | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** Plans an event. One in the past happens next. */
  at(atMs: number, action: Action): void {
    const heap = this.#heap;
    const entry = { atMs: Math.max(atMs, this.nowMs), number: this.#planned++, action };
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent]!, entry)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  /** Plans an event after some time. */
  after(delayMs: number, action: Action): void {
    this.at(this.nowMs + delayMs, action);
  }

  /** Lets a process have its turn when the current event has ended. Called once in an event. */
  give(process: Runnable): void {
    this.#running = process;
  }

  /** Runs something in the current event, and what it makes ready, before the next event. */
  run(action: Action): void {
    let left: Action | undefined = action;
    this.give({
      next: () => {
        const next = left;
        left = undefined;
        return next;
      },
    });
  }

  /** Ends the run with an error: what was found, not what went wrong with the simulator. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Checks something. What the check throws ends the run, wherever it was called. */
  check(work: Action): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * Runs events up to a time.
   *
   * @returns When the next event is later than that.
   * @throws {unknown} What an event threw, or {@link Kernel.fail} was called with.
   */
  runUntil(endMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        try {
          if (this.#runOne(endMs)) queueMicrotask(again);
          else resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      const again = (): void => {
        process.nextTick(step);
      };
      process.nextTick(step);
    });
  }

  /** Runs events that need no microtasks, then one callback of a process. Returns whether there was one. */
  #runOne(endMs: number): boolean {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const action = this.#running?.next();
      if (action !== undefined) {
        this.steps++;
        action();
        return true;
      }
      this.#running = undefined;
      const first = this.#heap[0];
      if (first === undefined || first.atMs > endMs) {
        this.nowMs = Math.max(this.nowMs, endMs);
        return false;
      }
      this.#removeFirst();
      this.nowMs = first.atMs;
      this.steps++;
      first.action();
    }
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    const { length } = heap;
    if (length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number);
}
