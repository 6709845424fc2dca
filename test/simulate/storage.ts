/**
 * A database of the simulation. It is the real store's file, opened once as a server would; allocators reach it over a
 * link with faults, or directly if they run on the machine of the file. Each committed transaction is reported.
 *
 * @module
 */
import { databaseAnswerMsMax } from "../../src/limits.ts";
import { DatabaseError } from "../../src/store/database/database.ts";
import type { Database } from "../../src/store/database/database.ts";
import type { BatchCause } from "../oracle/watched-batches.ts";
import { DatabaseWatch } from "../oracle/watched-database.ts";
import type { WatchListener } from "../oracle/watched-database.ts";
import type { Random } from "../support/random.ts";
import type { Kernel } from "./kernel.ts";
import type { SimulatedProcess } from "./process.ts";

/** What a database does wrong. Probabilities are from 0 to 1, for each request. */
export interface StorageFaults {
  /** The answer is lost after the commit. */
  readonly answerLost: number;
  /** The request is lost before anything was done. */
  readonly requestLost: number;
  readonly slow: number;
  readonly slowMsMax: number;
  /** The disk is full, or the file locked: refused, nothing done. */
  readonly refused: number;
}

export const noStorageFaults: StorageFaults = {
  answerLost: 0,
  requestLost: 0,
  slow: 0,
  slowMsMax: 0,
  refused: 0,
};

/** What happened at a database, for the report. */
export type StorageEvent = "answer lost" | "request lost" | "slow" | "refused" | "away";

/** Options of a storage. */
export interface StorageOptions extends WatchListener<BatchCause> {
  readonly name: string;
  readonly database: Database;
  /** Milliseconds of a usual round trip; 0 for a file on the same machine. */
  readonly roundTripMs: number;
  readonly count: (event: StorageEvent) => void;
}

/** One database. */
export class Storage {
  readonly name: string;
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #options: StorageOptions;
  /** Changed when the faults end. */
  faults: StorageFaults;
  isAway = false;
  readonly #watch: DatabaseWatch<BatchCause>;

  constructor(kernel: Kernel, random: Random, faults: StorageFaults, options: StorageOptions) {
    this.name = options.name;
    this.#kernel = kernel;
    this.#random = random;
    this.faults = faults;
    this.#options = options;
    this.#watch = new DatabaseWatch(options);
  }

  /** Starts to note changes. */
  async open(): Promise<void> {
    const { database } = this.#options;
    await this.#watch.attach(database);
    // So that the configuration is reported.
    await this.#watch.write(database, [], 0, undefined);
  }

  close(): void {
    this.#options.database.close();
  }

  /** The database itself, without faults, for those who look on. */
  get database(): Database {
    return this.#options.database;
  }

  /**
   * Connects a process.
   *
   * @param causeOf Called when a write begins: what it is for.
   */
  connect(process: SimulatedProcess, causeOf: () => BatchCause | undefined): Database {
    const { database } = this.#options;
    return {
      read: (statements) => this.#call(process, () => database.read(statements)),
      write: (statements) => {
        const cause = causeOf();
        const sentMs = this.#kernel.nowMs;
        return this.#call(process, () => this.#watch.write(database, statements, sentMs, cause));
      },
      migrate: (statements) => this.#call(process, () => database.migrate(statements)),
      clock: () => this.#call(process, () => database.clock()),
      clockMs: () => database.clockMs(),
      ownClock: database.ownClock,
      close: () => undefined,
    };
  }

  /** Does work at the database, and gives the process the result. */
  #call<T>(process: SimulatedProcess, work: () => Promise<T>): Promise<T> {
    const { outcome, toMs, backMs } = this.#decideFate();
    const isLost =
      outcome === "request lost" || outcome === "answer lost" || toMs + backMs > databaseAnswerMsMax;
    return new Promise((resolve, reject) => {
      const deliver = (delayMs: number, settle: () => void): void => {
        this.#kernel.after(delayMs, () => {
          process.deliver("connections", settle);
        });
      };
      const fail = (delayMs: number, message: string): void => {
        deliver(delayMs, () => {
          reject(new DatabaseError(message));
        });
      };
      if (isLost) fail(databaseAnswerMsMax, "no answer in time");
      if (outcome === "request lost") return;
      this.#kernel.after(toMs, () => {
        if (outcome === "refused" || this.isAway) {
          if (this.isAway) this.#options.count("away");
          fail(backMs, this.isAway ? "the connection was refused" : "database or disk is full");
          return;
        }
        this.#kernel.run(() => {
          work().then(
            (result) => {
              if (!isLost)
                deliver(backMs, () => {
                  resolve(result);
                });
            },
            (error: unknown) => {
              fail(backMs, (error as Error).message);
            },
          );
        });
      });
    });
  }

  /** Decides what happens to a request, and how long its two ways take. */
  #decideFate(): {
    readonly outcome: StorageEvent | "served";
    readonly toMs: number;
    readonly backMs: number;
  } {
    const { roundTripMs, count } = this.#options;
    const { answerLost, requestLost, slow, slowMsMax, refused } = this.faults;
    const happens = (probability: number): boolean =>
      probability > 0 && this.#random.fraction() < probability;
    const backMs = roundTripMs * this.#random.between(0.3, 0.7);
    const isSlow = happens(slow);
    if (isSlow) count("slow");
    const toMs = roundTripMs - backMs + (isSlow ? Math.exp(this.#random.between(0, Math.log(slowMsMax))) : 0);
    let outcome: StorageEvent | "served" = "served";
    if (happens(requestLost)) outcome = "request lost";
    else if (happens(answerLost)) outcome = "answer lost";
    else if (happens(refused)) outcome = "refused";
    if (outcome !== "served") count(outcome);
    return { outcome, toMs, backMs };
  }
}
