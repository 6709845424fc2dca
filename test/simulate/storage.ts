/**
 * A database of the simulation. It is the real store's file, opened once as a server would; allocators reach it over a
 * link with faults, or directly if they run on the machine of the file. Each committed transaction is reported.
 *
 * @module
 */
import { databaseAnswerMsMax } from "../../src/limits.ts";
import { DatabaseError } from "../../src/store/database/database.ts";
import type { Database, Result, Statement } from "../../src/store/database/database.ts";
import type { BatchCause } from "../oracle/watched-batches.ts";
import { DatabaseWatch } from "../oracle/watched-database.ts";
import type { WatchListener } from "../oracle/watched-database.ts";
import type { Random } from "../support/random.ts";
import type { Crashes, CrashingHost } from "./crashes.ts";
import type { Kernel } from "./kernel.ts";
import type { MachineClock } from "./machine-clock.ts";
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
  /** The clock of its machine. */
  readonly clock: MachineClock;
  /** The connection of a server, or of those who look on. */
  readonly database: Database;
  /** Opens another connection to the file. */
  readonly open: () => Database;
  /** Milliseconds of a usual round trip; 0 if each process opens the file itself. */
  readonly roundTripMs: number;
  readonly count: (event: StorageEvent) => void;
  /** Called before each write. */
  readonly beforeWrite: (cause: BatchCause | undefined) => void;
}

/** A process that uses a database. */
export interface StorageClient {
  readonly host: CrashingHost;
  readonly process: SimulatedProcess;
  readonly crashes: Crashes;
  /** Called when a write begins: what it is for. */
  readonly causeOf: () => BatchCause | undefined;
}

/** Fails in the middle of a transaction, as its end would. */
const broken: Statement = { sql: "SELECT json_extract('{', '$')", args: [] };

/** One database. */
export class Storage {
  readonly name: string;
  readonly clock: MachineClock;
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #options: StorageOptions;
  /** Changed when the faults end. */
  faults: StorageFaults;
  isAway = false;
  readonly #watch: DatabaseWatch<BatchCause>;

  constructor(kernel: Kernel, random: Random, faults: StorageFaults, options: StorageOptions) {
    this.name = options.name;
    this.clock = options.clock;
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

  /** Connects a process: to the server, or to the file. */
  connect(client: StorageClient): Database {
    return this.#options.roundTripMs === 0 ? this.#openFile(client) : this.#connectToServer(client);
  }

  #connectToServer(client: StorageClient): Database {
    const { database } = this.#options;
    return {
      read: (statements) => this.#call(client, () => database.read(statements)),
      write: (statements) => {
        const { host, process, crashes } = client;
        const sent = { cause: client.causeOf(), sentMs: this.#kernel.nowMs };
        const answer = this.#call(client, () => this.#write(client, database, statements, sent));
        if (process.isAlive) crashes.strike(host, "before a transaction");
        return answer;
      },
      migrate: (statements) => this.#call(client, () => database.migrate(statements)),
      clock: () => this.#call(client, () => database.clock()),
      clockMs: () => database.clockMs(),
      ownClock: database.ownClock,
      close: () => undefined,
    };
  }

  /** A process that has the file open waits for its disk, and does nothing else meanwhile. */
  #openFile(client: StorageClient): Database {
    const { host, process, crashes, causeOf } = client;
    const own = this.#options.open();
    const isAttached = this.#watch.attach(own);
    /** Does something unless the process has ended. Its connection is closed then. */
    const use = async <T>(work: () => Promise<T>): Promise<T> => {
      await isAttached;
      if (!process.isAlive) return never();
      this.#stall(process);
      return work();
    };
    return {
      read: (statements) => use(() => own.read(statements)),
      write: (statements) => {
        const sent = { cause: causeOf(), sentMs: this.#kernel.nowMs };
        return use(() => {
          if (crashes.strike(host, "before a transaction")) return never();
          this.#refuse();
          return this.#write(client, own, statements, sent);
        });
      },
      migrate: (statements) => use(() => own.migrate(statements)),
      clock: () => use(() => own.clock()),
      clockMs: () => own.clockMs(),
      ownClock: own.ownClock,
      close: () => {
        // What it has begun to attach needs it open.
        void isAttached.then(() => {
          own.close();
        });
      },
    };
  }

  /** Writes. The process may end inside the transaction, of which nothing is left then, or after its commit. */
  async #write(
    { host, process, crashes }: StorageClient,
    database: Database,
    statements: readonly Statement[],
    { cause, sentMs }: { readonly cause: BatchCause | undefined; readonly sentMs: number },
  ): Promise<readonly Result[]> {
    this.#options.beforeWrite(cause);
    if (process.isAlive && crashes.strikes()) {
      const at = 1 + this.#random.below(statements.length);
      const half = [...statements.slice(0, at), broken, ...statements.slice(at)];
      await this.#watch.write(database, half, sentMs, cause).catch(() => undefined);
      crashes.kill(host, "inside a transaction");
      return never();
    }
    const results = await this.#watch.write(database, statements, sentMs, cause);
    if (process.isAlive) crashes.strike(host, "after a commit");
    return results;
  }

  /** The disk of a file is slow. */
  #stall(process: SimulatedProcess): void {
    const { slow, slowMsMax } = this.faults;
    if (!this.#happens(slow)) return;
    this.#options.count("slow");
    process.pause(Math.exp(this.#random.between(0, Math.log(slowMsMax))));
  }

  /** @throws {DatabaseError} If the disk of a file is full. */
  #refuse(): void {
    if (!this.#happens(this.faults.refused)) return;
    this.#options.count("refused");
    throw new DatabaseError("database or disk is full");
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#random.fraction() < probability;
  }

  /** Does work at the server, and gives the process the result. */
  #call<T>({ process }: StorageClient, work: () => Promise<T>): Promise<T> {
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
    const backMs = roundTripMs * this.#random.between(0.3, 0.7);
    const isSlow = this.#happens(slow);
    if (isSlow) count("slow");
    const toMs = roundTripMs - backMs + (isSlow ? Math.exp(this.#random.between(0, Math.log(slowMsMax))) : 0);
    let outcome: StorageEvent | "served" = "served";
    if (this.#happens(requestLost)) outcome = "request lost";
    else if (this.#happens(answerLost)) outcome = "answer lost";
    else if (this.#happens(refused)) outcome = "refused";
    if (outcome !== "served") count(outcome);
    return { outcome, toMs, backMs };
  }
}

/** What a process that has ended waits for. */
function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}
