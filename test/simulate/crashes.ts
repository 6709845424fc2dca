/**
 * Crashes at chosen steps: hosts name the step at which they are, and some of them end there.
 *
 * @module
 */
import type { Random } from "../support/random.ts";
import type { Kernel } from "./kernel.ts";
import type { Trace } from "./trace.ts";

/** A step at which a process may end. */
export type CrashPoint =
  | "before a transaction"
  | "inside a transaction"
  | "after a commit"
  | "before an answer"
  | "within an answer"
  | "after an answer"
  | "after a POST"
  | "before a datagram"
  | "after a datagram";

/** A host whose process may end. */
export interface CrashingHost {
  readonly name: string;
  readonly start: () => void;
  readonly kill: () => void;
}

/** How long a host is down, in milliseconds. */
const [downMsMin, downMsMax] = [50, 5000];

/** Ends processes, and starts them again. */
export class Crashes {
  readonly #kernel: Kernel;
  readonly #trace: Trace;
  readonly #random: Random;
  /** One step in so many is the last of its process; 0 means none. */
  readonly #oneIn: number;
  #areOver = false;

  constructor(
    kernel: Kernel,
    trace: Trace,
    { random, oneIn }: { readonly random: Random; readonly oneIn: number },
  ) {
    this.#kernel = kernel;
    this.#trace = trace;
    this.#random = random;
    this.#oneIn = oneIn;
  }

  /** @returns Whether the process ends at this step. It still runs: its host ends it by {@link Crashes.kill}. */
  strikes(): boolean {
    return this.#oneIn > 0 && !this.#areOver && this.#random.oneIn(this.#oneIn);
  }

  /** Ends the process of a host if this step is its last. */
  strike(host: CrashingHost, point: CrashPoint): boolean {
    if (!this.strikes()) return false;
    this.kill(host, point);
    return true;
  }

  /** Ends the process of a host, which starts again after a while. */
  kill(host: CrashingHost, point: CrashPoint | undefined, random = this.#random): void {
    this.#trace.tell(`${host.name} is killed${point === undefined ? "" : ` ${point}`}`);
    this.#trace.count(point === undefined ? "kill" : `kill ${point}`);
    host.kill();
    this.#kernel.after(random.between(downMsMin, downMsMax), () => {
      this.#trace.tell(`${host.name} starts`);
      host.start();
    });
  }

  /** Nobody crashes any more. */
  end(): void {
    this.#areOver = true;
  }
}
