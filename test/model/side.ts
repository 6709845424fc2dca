/**
 * An allocator of the model, with a database connection that can be made to fail.
 *
 * @module
 */
import type { CommitResult } from "../../src/store/batch/commit.ts";
import { DatabaseError } from "../../src/store/database/database.ts";
import type { Database } from "../../src/store/database/database.ts";
import { watchBatches } from "../oracle/watched-batches.ts";
import type { BatchCause } from "../oracle/watched-batches.ts";
import type { DatabaseWatch } from "../oracle/watched-database.ts";
import { createTestAllocator } from "../support/allocator.ts";
import type { TestAllocator, TestAnswer } from "../support/allocator.ts";
import type { TestClock } from "../support/clock.ts";
import type { Built } from "./messages.ts";
import type { Fate } from "./plan.ts";

/** What an allocator needs. */
export interface SideOptions {
  readonly name: string;
  readonly clock: TestClock;
  readonly watch: DatabaseWatch<BatchCause>;
  /** Opens a connection that is watched. */
  readonly connect: () => Promise<Database>;
  readonly onFacts: (cause: BatchCause, result: CommitResult) => void;
}

/** An allocator and its connection. */
export class Side {
  readonly #options: SideOptions;
  #database!: Database;
  #allocator!: TestAllocator;
  /** Whether the next write batch fails before its commit, after it, or not at all. */
  #fault: "none" | "before" | "after" = "none";

  private constructor(options: SideOptions) {
    this.#options = options;
  }

  static async open(options: SideOptions): Promise<Side> {
    const side = new Side(options);
    side.#database = await options.connect();
    await side.forget();
    return side;
  }

  close(): void {
    this.#database.close();
  }

  /** Starts the allocator again, with another connection. */
  async restart(): Promise<void> {
    this.#database.close();
    this.#database = await this.#options.connect();
    await this.forget();
  }

  /** Replaces the allocator by one that knows nothing yet. */
  async forget(): Promise<void> {
    const { name, clock, watch, onFacts } = this.#options;
    let cause: BatchCause | undefined;
    const write: Database["write"] = async (statements) => {
      const fault = this.#fault;
      if (fault === "before") this.#fail("before");
      const results = await watch.write(this.#database, statements, clock.clockMs(), cause);
      if (fault === "after") this.#fail("after");
      return results;
    };
    this.#allocator = await createTestAllocator(
      { ...this.#database, write },
      {
        clock,
        watch: (store) =>
          watchBatches(store, { allocator: name, setCause: (next) => (cause = next), onFacts }),
      },
    );
  }

  #fail(when: string): never {
    this.#fault = "none";
    throw new DatabaseError(`the connection broke ${when} the commit`);
  }

  /** Sends messages in one POST. */
  async send(built: readonly Built[], fate: Fate): Promise<(TestAnswer | undefined | "unknown")[]> {
    if (built.length === 0) return [];
    this.#fault = fate === "commit-unknown" ? "after" : fate === "not-committed" ? "before" : "none";
    try {
      return await this.#allocator.ask(...built);
    } catch (error) {
      const isExpected = fate === "commit-unknown" || fate === "not-committed";
      if (!(error instanceof Error)) throw error;
      if (!isExpected || !error.message.includes("503")) {
        const { err } = (this.#allocator.logged.at(-1)?.fields ?? {}) as { err?: Error };
        throw new Error(`${error.message}; last error in the allocator's log: ${err?.message ?? "none"}`, {
          cause: error,
        });
      }
      return built.map(() => "unknown");
    } finally {
      this.#fault = "none";
    }
  }
}
