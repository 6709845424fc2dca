/**
 * An allocator whose writes are recorded. It has the real store on a file, and takes one task at a time. As soon as the
 * answer of a task could leave, it writes a mark: a call that is in the recording between those of the store.
 *
 * @module
 */
import { writeSync } from "node:fs";
import { openFile } from "../../src/store/database/file.ts";
import { migrateDatabase } from "../../src/store/database/migrate.ts";
import type { Database } from "../../src/store/database/database.ts";
import type { HousekeepingOptions } from "../../src/store/evidence/retention.ts";
import { operator } from "../support/admin.ts";
import { createTestAllocator } from "../support/allocator.ts";
import type { TestAllocator } from "../support/allocator.ts";
import { TestMachine } from "../support/machine.ts";
import { digestOf } from "./digest.ts";

/** Faults that can be planted, to see that they are noticed. */
export const plants = [
  "synchronous-off",
  "synchronous-normal",
  "answer-before-commit",
  "lying-disk",
] as const;
export type Plant = (typeof plants)[number];

/** How a recording is made. */
export interface ActorOptions {
  readonly path: string;
  /** Descriptor of the file for marks. */
  readonly marks: number;
  /** Frames of the log between two checkpoints: a low number, so that a short run has many. */
  readonly checkpointPages: number;
  readonly plant: Plant | undefined;
}

/** What an actor can do. */
export type Task =
  | { readonly kind: "open" }
  | { readonly kind: "close" }
  | { readonly kind: "migrate"; readonly folder?: string }
  | { readonly kind: "post"; readonly body: Uint8Array }
  | { readonly kind: "admin"; readonly method: string; readonly path: string; readonly body?: unknown }
  | { readonly kind: "housekeeping"; readonly options: HousekeepingOptions };

/** The outcome of a task. */
export interface Outcome {
  readonly status: number;
  /** Frames, or JSON. */
  readonly body: Uint8Array;
  readonly etag: string | undefined;
}

const nothing: Outcome = { status: 200, body: new Uint8Array(), etag: undefined };

/** True time at the start of each recording: Unix seconds. */
export const startSeconds = 1_750_000_000;

/** What a mark says. */
export type Mark =
  /** The answer of the step with this number could leave now. */
  | { readonly kind: "acknowledged"; readonly step: number }
  /** The content of the database after that. */
  | { readonly kind: "content"; readonly digest: string };

/** See the module. */
export class Actor {
  readonly #options: ActorOptions;
  readonly #machine = new TestMachine(startSeconds);
  #allocator: TestAllocator | undefined;

  constructor(options: ActorOptions) {
    this.#options = options;
  }

  /**
   * Does a task.
   *
   * @param step Number of the step.
   * @param now True time in Unix seconds.
   */
  async do(task: Task, step: number, now: number): Promise<Outcome> {
    this.#machine.pass(now - this.#machine.seconds);
    const mark = (outcome: Outcome): Outcome => {
      this.#mark({ kind: "acknowledged", step });
      return outcome;
    };
    const isEarly = this.#options.plant === "answer-before-commit" && task.kind === "post";
    const outcome = isEarly ? await this.#run(task, mark(nothing)) : mark(await this.#run(task, nothing));
    if (this.#allocator !== undefined) {
      this.#mark({ kind: "content", digest: await digestOf(this.#allocator.database) });
    }
    return outcome;
  }

  async #run(task: Task, done: Outcome): Promise<Outcome> {
    if (task.kind === "open") {
      this.#allocator = await this.#open();
      return done;
    }
    const { app, database, store, post } = this.#allocator!;
    if (task.kind === "close") {
      store.close();
      this.#allocator = undefined;
    } else if (task.kind === "migrate") {
      await migrateDatabase(database, task.folder);
      // The migration has replaced the connection.
      await this.#set(database);
    } else if (task.kind === "post") {
      const response = await post(task.body);
      return { ...done, status: response.status, body: new Uint8Array(await response.arrayBuffer()) };
    } else if (task.kind === "admin") {
      const { method, path, body: request } = task;
      const headers = {
        ...(method === "DELETE" && { "if-match": "*" }),
        ...(method === "PATCH" && { "content-type": "application/merge-patch+json" }),
      };
      const { status, body, etag } = await operator(app)(method, path, request, headers);
      return { status, body: Buffer.from(JSON.stringify(body)), etag };
    } else {
      const reports = store.maintenance.runHousekeeping(task.options);
      while ((await reports.next()).done !== true);
    }
    return done;
  }

  async #open(): Promise<TestAllocator> {
    const { path, plant } = this.#options;
    const sync = plant === "synchronous-off" ? "off" : "full";
    const database = openFile(`file:${path}`, { machine: this.#machine, sync });
    await this.#set(database);
    const { wallMs, localMs } = this.#machine;
    const clock = { seconds: undefined, clockMs: wallMs, localMs };
    return createTestAllocator(database, { clock });
  }

  async #set(database: Database): Promise<void> {
    const { plant, checkpointPages } = this.#options;
    const pragmas = [`wal_autocheckpoint = ${checkpointPages}`];
    if (plant === "synchronous-normal") pragmas.push("synchronous = NORMAL");
    for (const pragma of pragmas) await database.read([{ sql: `PRAGMA ${pragma}`, args: [] }]);
  }

  #mark(mark: Mark): void {
    // The position makes this a call of another kind than those of the event loop.
    writeSync(this.#options.marks, JSON.stringify(mark), 0);
  }
}
