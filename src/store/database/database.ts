/**
 * The database port: everything that the store needs from a database. There are two implementations, `file.ts` and
 * `server.ts`.
 *
 * **Time.** SQL takes the time only from the port, so the port controls the clock. Each write has one instant: the port
 * writes it into the table `instant` before the first statement of the batch, and statements and triggers read it from
 * there (`time.ts`). A read contains the clock as an expression ({@link Database.clockMs}). A server uses the clock of
 * its machine. A file has its own clock (`file-clock.ts`), which does not move when the machine's clock is set.
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
   * Reads the clock of the database, in one round trip.
   *
   * @returns Milliseconds of Unix time.
   * @throws {DatabaseError} When the database cannot be reached.
   */
  readonly clock: () => Promise<number>;
  /** @returns The clock as an expression for a read-only statement, in milliseconds of Unix time. */
  readonly clockMs: () => SQL<number>;
  /** The clock that the database keeps itself; undefined if a server or a test provides the time. */
  readonly ownClock?: OwnClock | undefined;
  /**
   * Adds a listener for what happens to the files of the database. It is called at once for the current state.
   * Undefined where there are no files.
   */
  readonly onFileEvent?: ((listener: (event: FileEvent) => void) => void) | undefined;
  /** Closes all connections. */
  readonly close: () => void;
}

/** The clock that a file keeps itself, for those who look at it and set it. */
export interface OwnClock {
  /**
   * Reads both clocks.
   *
   * @throws {DatabaseError} When the file cannot be read.
   */
  readonly look: () => Promise<ClockLook>;
  /**
   * Follows a step of the machine's clock, and moves the leases with it (`clock-step.ts`).
   *
   * @param look The clocks as the caller saw them. If the file's clock was set since, nothing happens.
   * @param record A statement that records the change, in the same transaction. It runs even if nothing was followed.
   * @returns Whether it was followed.
   * @throws {DatabaseError} When the file cannot be written.
   */
  readonly accept: (look: ClockLook, record: Statement) => Promise<boolean>;
  /** Adds a listener. If a step is open, the listener is called at once. */
  readonly onEvent: (listener: (event: ClockEvent) => void) => void;
}

/** The clocks of a file and of its machine, in milliseconds. */
export interface ClockLook {
  /** The file's clock: Unix time. */
  readonly nowMs: number;
  /** The machine's clock: Unix time. */
  readonly machineMs: number;
  /** The machine's clock less the file's clock. */
  readonly differenceMs: number;
  /** The file's clock when the machine booted. */
  readonly baseMs: number;
}

/** What this process saw happen to the clock of a file. */
export type ClockEvent =
  /** The machine's clock was set by more than time synchronization does. The file's clock runs on. */
  | { readonly kind: "step"; readonly differenceMs: number }
  /** The file's clock has followed. */
  | { readonly kind: "followed"; readonly how: "leases-ended" | "accepted"; readonly differenceMs: number }
  /** Both clocks agree again: the step was undone, or another process followed it. */
  | { readonly kind: "agrees" };

/** What is wrong with a file of a database, such as its write-ahead log. */
export interface FileFault {
  readonly path: string;
  /** What is there instead of the file that was opened. */
  readonly found: "no file" | "another file" | "a truncated file";
}

/** What this process saw happen to the files of a database. */
export type FileEvent =
  /** A file is not the one that was opened. Nothing is served. */
  | { readonly kind: "lost"; readonly fault: FileFault }
  /** All files are the ones that were opened again. */
  | { readonly kind: "returned" }
  /** Other users of the machine may read or write these files. */
  | { readonly kind: "exposed"; readonly paths: readonly string[] };

/** A database that cannot be reached, or that refused a statement. */
export class DatabaseError extends Error {
  /** @param cause What the driver or the network reported. */
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "DatabaseError";
  }
}

/**
 * Whether a database lacks what this release needs: it is empty, or only an earlier release has migrated it. The
 * statements are fixed, so nothing else can lack a table or a column.
 */
export function isUnmigrated(error: unknown): boolean {
  return error instanceof DatabaseError && /no such (table|column)|has no column named/i.test(error.message);
}

/** @returns Whether an error comes from the database, rather than from a bug in this program. */
export function isDatabaseError(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError;
}
