/**
 * A machine whose clocks a test owns: the clock that people set, and the time since boot.
 *
 * @module
 */
import type { Machine } from "../../src/store/database/machine.ts";

/** A machine of a test. Its clocks stand still until the test moves them. */
export class TestMachine implements Machine {
  bootId: string | null = "boot 1";
  #trueMs: number;
  #wallErrorMs = 0;
  #bootedMs: number;
  #sleptMs = 0;
  #boots = 1;

  /** @param seconds The true time: Unix seconds. The machine booted 1,000 s before. */
  constructor(seconds: number) {
    this.#trueMs = seconds * 1000;
    this.#bootedMs = this.#trueMs - 1_000_000;
  }

  readonly wallMs = (): number => this.#trueMs + this.#wallErrorMs;
  readonly bootMs = (): number => this.#trueMs - this.#bootedMs;
  /** A monotonic clock, which stands still while the machine sleeps. */
  readonly localMs = (): number => this.#trueMs - this.#sleptMs;

  /** The true time in Unix seconds. */
  get seconds(): number {
    return Math.floor(this.#trueMs / 1000);
  }

  /** Time passes. */
  pass(seconds: number): void {
    this.#trueMs += seconds * 1000;
  }

  /** Time passes while the machine sleeps. */
  sleep(seconds: number): void {
    this.#sleptMs += seconds * 1000;
    this.pass(seconds);
  }

  /** Sets the machine's clock: from now on it is off by this much. */
  setOff(seconds: number): void {
    this.#wallErrorMs = seconds * 1000;
  }

  /** The machine is off for some seconds, and boots with its clock off by this much. */
  reboot(secondsAway: number, wallErrorSeconds: number): void {
    this.pass(secondsAway);
    this.#bootedMs = this.#trueMs - 1000;
    this.#boots += 1;
    if (this.bootId !== null) this.bootId = `boot ${this.#boots}`;
    this.setOff(wallErrorSeconds);
  }
}
