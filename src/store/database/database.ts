/**
 * The database port: all that the store asks of a database. There are two implementations, `file.ts` and `server.ts`.
 *
 * **Time.** SQL takes its time from the port only, so that whoever owns the port owns the clock. A write has one
 * instant: the port puts it into the table `instant` before the first statement of the batch, and statements and
 * triggers read it there (`time.ts`). A read takes the clock as an expression ({@link Database.clockMs}).
 *
 * @module
 */
import type { SQL } from "drizzle-orm";

/** A value that SQLite stores. A number that is a safe integer is bound as INTEGER, any other as REAL. */
export type Value = string | number | bigint | Uint8Array | null;

/** One SQL statement with its arguments, in the order of its `?`. */
export interface Statement {
  readonly sql: string;
  readonly args: readonly Value[];
}

/** A row: its values in the order of the columns. Integers come as numbers, blobs as octets of their own. */
export type Row = readonly (string | number | Uint8Array | null)[];

/** What a statement returned. */
export interface Result {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/** One database: a file of this process, or a database of a libSQL server. */
export interface Database {
  /**
   * Runs statements that only read. All of them see one state of the database.
   *
   * @returns One result for each statement. One round trip, whatever their number.
   * @throws {DatabaseError} When the database cannot be reached or refuses a statement.
   */
  readonly read: (statements: readonly Statement[]) => Promise<readonly Result[]>;
  /**
   * Runs statements as one transaction that holds the write lock from its start. All or none of them take effect;
   * when the promise resolves, they are durable.
   *
   * @returns One result for each statement. One round trip, whatever their number.
   * @throws {DatabaseError} When the database cannot be reached or refuses a statement. If the answer of a server was
   *   lost, the transaction may have been committed all the same.
   */
  readonly write: (statements: readonly Statement[]) => Promise<readonly Result[]>;
  /**
   * The same for migrations: without an instant, because an unmigrated database has no table for it.
   *
   * @throws {DatabaseError} As {@link write}.
   */
  readonly migrate: (statements: readonly Statement[]) => Promise<void>;
  /**
   * Reads the clock of the database: one round trip to a server, none to a file.
   *
   * @returns Milliseconds of Unix time.
   * @throws {DatabaseError} When the database cannot be reached.
   */
  readonly clock: () => Promise<number>;
  /** @returns The clock as an expression for a statement that reads: milliseconds of Unix time. */
  readonly clockMs: () => SQL<number>;
  /** Closes all connections. */
  readonly close: () => void;
}

/** A database that cannot be reached, or that refused a statement. */
export class DatabaseError extends Error {
  /** @param cause What the driver or the network reported. */
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "DatabaseError";
  }
}

/** @returns Whether an error is the database's, and not a fault of this program. */
export function isDatabaseError(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError;
}
