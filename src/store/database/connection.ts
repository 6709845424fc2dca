/**
 * The connection to a database file. All its work is synchronous.
 *
 * @module
 */
import Driver from "libsql";
import { preparedStatementsMax } from "../../limits.ts";
import { bindArguments } from "./bind.ts";
import { DatabaseError } from "./database.ts";
import type { Result, Row, Statement } from "./database.ts";
import type { FileTime } from "./file-clock.ts";
import { isLocked } from "./turns.ts";

type PreparedStatement = Driver.Statement<[readonly unknown[]]>;

interface Prepared {
  readonly statement: PreparedStatement;
  readonly columns: readonly string[];
}

/**
 * The only connection to a file. It is replaced after a failure, because its state is then unknown. A locked file is no
 * such failure: nothing was done.
 *
 * Each method throws a {@link DatabaseError} when the database refuses the work. If the file is locked
 * ({@link isLocked}), nothing has been done, and the work may be tried again.
 */
export class Connection {
  readonly #path: string;
  readonly #pragmas: readonly string[];
  readonly #prepared = new Map<string, Prepared>();
  #driver: Driver.Database | undefined;
  #isClosed = false;

  constructor(path: string, pragmas: readonly string[]) {
    this.#path = path;
    this.#pragmas = pragmas;
  }

  /**
   * Opens the connection if it is not open.
   *
   * @throws {DatabaseError} When the file cannot be opened, or is locked.
   */
  open(): Driver.Database {
    if (this.#driver !== undefined) return this.#driver;
    if (this.#isClosed) throw new DatabaseError("Cannot use the database: it was closed");
    let driver: Driver.Database | undefined;
    try {
      // A locked file is an error at once: waiting for it here would block the event loop (`turns.ts`).
      driver = new Driver(this.#path, { timeout: 0 });
      for (const pragma of this.#pragmas) driver.exec(pragma);
      return (this.#driver = driver);
    } catch (error) {
      driver?.close();
      throw databaseError(error);
    }
  }

  /** A single statement sees one consistent state; several statements need a transaction for that. */
  read(statements: readonly Statement[]): readonly Result[] {
    const [only] = statements;
    if (statements.length !== 1 || only === undefined) return this.#transact("BEGIN", statements);
    return this.#guard((driver) => [this.#run(driver, only)]);
  }

  /**
   * Reads the clock after taking the lock, so that a batch that waited for the lock uses the time at which it runs. The
   * first statement of each write sets the instant, and all later ones read it.
   */
  write(statements: readonly Statement[], time: FileTime): readonly Result[] {
    return this.#transact("BEGIN IMMEDIATE", statements, time);
  }

  /** Turns foreign keys off, because a migration that rebuilds a table drops the old one. */
  migrate(statements: readonly Statement[]): void {
    this.open().exec("PRAGMA foreign_keys = OFF");
    try {
      this.#transact("BEGIN IMMEDIATE", statements);
    } finally {
      // The next connection sees the new tables, and checks foreign keys again.
      this.#drop();
    }
  }

  /** Closes the file permanently: a later call must not open it again or create a new one. */
  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  /** Runs statements as one transaction. */
  #transact(begin: string, statements: readonly Statement[], time?: FileTime): readonly Result[] {
    return this.#guard((driver) => {
      driver.exec(begin);
      const instant = time && this.#runForRow(driver, time.setInstant());
      const results = statements.map((statement) => this.#run(driver, statement));
      driver.exec("COMMIT");
      if (instant !== undefined) time?.observe(instant);
      return results;
    });
  }

  #drop(): void {
    this.#prepared.clear();
    this.#driver?.close();
    this.#driver = undefined;
  }

  #guard<T>(work: (driver: Driver.Database) => T): T {
    const driver = this.open();
    try {
      return work(driver);
    } catch (error) {
      rollBack(driver);
      const failure = databaseError(error);
      if (!isLocked(failure)) this.#drop();
      throw failure;
    }
  }

  #run(driver: Driver.Database, { sql: text, args }: Statement): Result {
    const { statement, columns } = this.#prepare(driver, text);
    const bound = bindArguments(args);
    if (columns.length > 0) return { columns, rows: statement.all(bound) as Row[] };
    statement.run(bound);
    return { columns, rows: [] };
  }

  /** Runs a statement that returns one row, or nothing. A list of rows costs the driver twice as much. */
  #runForRow(driver: Driver.Database, { sql: text, args }: Statement): Row | undefined {
    const { statement, columns } = this.#prepare(driver, text);
    const bound = bindArguments(args);
    if (columns.length > 0) return statement.get(bound) as Row | undefined;
    statement.run(bound);
    return undefined;
  }

  #prepare(driver: Driver.Database, text: string): Prepared {
    const known = this.#prepared.get(text);
    if (known !== undefined) {
      this.#keep(text, known);
      return known;
    }
    const statement = driver.prepare<[readonly unknown[]]>(text);
    const columns = statement.reader
      ? statement
          .raw(true)
          .columns()
          .map(({ name }) => name)
      : [];
    const prepared = { statement, columns };
    this.#keep(text, prepared);
    return prepared;
  }

  /** Keeps a prepared statement. When there are too many, the least recently used one is removed. */
  #keep(text: string, prepared: Prepared): void {
    if (!this.#prepared.delete(text) && this.#prepared.size >= preparedStatementsMax) {
      this.#prepared.delete(this.#prepared.keys().next().value!);
    }
    this.#prepared.set(text, prepared);
  }
}

/**
 * Releases the lock. Closing alone does not: a statement that has not been garbage-collected yet keeps the connection
 * and its transaction alive.
 */
function rollBack(driver: Driver.Database): void {
  if (!driver.inTransaction) return;
  try {
    driver.exec("ROLLBACK");
  } catch {
    // The caller gets the error of the batch. The connection is replaced anyway.
  }
}

/** Wraps an error of the driver. A TypeError is a bug in this program, so it is passed on unchanged. */
function databaseError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof TypeError) return error;
  return new DatabaseError(error.message, error);
}
