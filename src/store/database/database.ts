/**
 * The database port: everything that the store needs from a database. There are two implementations, `file.ts` and
 * `server.ts`.
 *
 * **Time.** SQL takes the time only from the port, so the port controls the clock. Each write has one instant: the port
 * writes it into the table `instant` before the first statement of the batch, and statements and triggers read it from
 * there (`time.ts`). A read contains the clock as an expression ({@link Database.clockMs}).
 *
 * @module
 */
import type { SQL } from "drizzle-orm";

/** A value that SQLite stores. Safe integers are bound as INTEGER, all other numbers as REAL. */
export type Value = string | number | bigint | Uint8Array | null;

/** One SQL statement, with one argument for each `?` in order. */
export interface Statement {
  readonly sql: string;
  readonly args: readonly Value[];
}

/** A row: its values in column order. Integers are returned as numbers, blobs as octets that the caller owns. */
export type Row = readonly (string | number | Uint8Array | null)[];

/** The result of a statement. */
export interface Result {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/** One database: a file that this process opened, or a database of a libSQL server. */
export interface Database {
  /**
   * Runs read-only statements. All of them see the same state of the database.
   *
   * @returns One result for each statement, in one round trip for any number of statements.
   * @throws {DatabaseError} When the database cannot be reached or refuses a statement.
   */
  readonly read: (statements: readonly Statement[]) => Promise<readonly Result[]>;
  /**
   * Runs statements as one transaction that holds the write lock from its start. Either all of them take effect or
   * none does. When the promise resolves, the changes are durable.
   *
   * @returns One result for each statement, in one round trip for any number of statements.
   * @throws {DatabaseError} When the database cannot be reached or refuses a statement. The transaction may still have
   *   been committed, if the response of a server was lost.
   */
  readonly write: (statements: readonly Statement[]) => Promise<readonly Result[]>;
  /**
   * Runs migrations like {@link write}, but sets no instant: an unmigrated database has no table for it.
   *
   * @throws {DatabaseError} As {@link write}.
   */
  readonly migrate: (statements: readonly Statement[]) => Promise<void>;
  /**
   * Reads the clock of the database. This takes one round trip to a server, and none for a file.
   *
   * @returns Milliseconds of Unix time.
   * @throws {DatabaseError} When the database cannot be reached.
   */
  readonly clock: () => Promise<number>;
  /** @returns The clock as an expression for a read-only statement, in milliseconds of Unix time. */
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

/** @returns Whether an error comes from the database, rather than from a bug in this program. */
export function isDatabaseError(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError;
}
