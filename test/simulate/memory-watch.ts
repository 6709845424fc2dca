/**
 * Whether the memory of a process stays what it was while it runs one seed after the other.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";

/** Memory of a process, in octets. */
export interface MemoryReport {
  /** After the first seeds, when everything was loaded and compiled. */
  readonly firstOctets: number;
  readonly nowOctets: number;
}

/** Collecting garbage takes as long as a small run, so memory is measured after so many. */
const seedsPerMeasure = 50;

/** Measures the memory of this process between runs. */
export class MemoryWatch {
  #seeds = 0;
  #firstOctets: number | undefined;

  /** A seed has ended. Returns what was measured, every now and then. */
  async afterSeed(): Promise<MemoryReport | undefined> {
    // Native code frees what is garbage, as closed databases are, in a turn of the event loop.
    await setImmediate();
    this.#seeds++;
    if (this.#seeds % seedsPerMeasure !== 0 || globalThis.gc === undefined) return undefined;
    globalThis.gc();
    await setImmediate();
    const nowOctets = process.memoryUsage().rss;
    this.#firstOctets ??= nowOctets;
    return { firstOctets: this.#firstOctets, nowOctets };
  }
}
