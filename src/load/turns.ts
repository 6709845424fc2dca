/**
 * The queue of a load: which client begins the next exchange, and when.
 *
 * @module
 */
import type { LoadSettings } from "./options.ts";
import type { EarlyEnd } from "./result.ts";

/** The settings that decide about turns. */
type TurnSettings = Pick<LoadSettings, "perSecond" | "beginsForMs" | "stop" | "timing">;

/** A queue of the clients that wait for their turn, named by their rows in the lease table. */
export class Turns {
  readonly #settings: TurnSettings;
  /** A ring: client after client leaves it, and with `beginsForMs` comes back at its end. */
  readonly #rows: Uint32Array;
  #first = 0;
  #waiting: number;
  #startMs = 0;
  #begun = 0;

  /** @param rows The clients, in the order of their first turns. The queue owns the array from then on. */
  constructor(settings: TurnSettings, rows: Uint32Array) {
    this.#settings = settings;
    this.#rows = rows;
    this.#waiting = rows.length;
  }

  /** Starts the clock of the load. */
  start(): void {
    this.#startMs = this.#settings.timing.nowMs();
  }

  /** Milliseconds since {@link start}. */
  get elapsedMs(): number {
    return this.#settings.timing.nowMs() - this.#startMs;
  }

  /** @returns The client whose exchange is due now; undefined when none is due, or no client waits. */
  take(): number | undefined {
    if (this.isOver || !this.#isDue()) return undefined;
    const row = this.#rows[this.#first]!;
    this.#first = (this.#first + 1) % this.#rows.length;
    this.#waiting--;
    this.#begun++;
    return row;
  }

  /** Puts a client back into the queue, if clients have several turns. */
  giveBack(row: number): void {
    if (this.#settings.beginsForMs === undefined) return;
    this.#rows[(this.#first + this.#waiting) % this.#rows.length] = row;
    this.#waiting++;
  }

  /** Whether no exchange will begin, unless one in flight puts its client back. */
  get isOver(): boolean {
    return this.#waiting === 0 || this.#isTimeOver() || this.#settings.stop?.aborted === true;
  }

  /** Clients that have not had their turn, if each has one. */
  get unserved(): number {
    return this.#settings.beginsForMs === undefined ? this.#waiting : 0;
  }

  /** Why the load ended although clients or time were left. Only valid without an exchange in flight. */
  get earlyEnd(): EarlyEnd | undefined {
    if (this.#isTimeOver() || (this.#settings.beginsForMs === undefined && this.#waiting === 0))
      return undefined;
    return this.#settings.stop?.aborted === true ? "stopped" : "no-leases";
  }

  #isTimeOver(): boolean {
    const { beginsForMs } = this.#settings;
    return beginsForMs !== undefined && this.elapsedMs >= beginsForMs;
  }

  /** Whether fewer exchanges have begun than should have by now. */
  #isDue(): boolean {
    const { perSecond } = this.#settings;
    return perSecond === undefined || this.#begun < 1 + Math.floor((this.elapsedMs * perSecond) / 1000);
  }
}
