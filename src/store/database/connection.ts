/**
 * The connection to a database file. All its work is synchronous.
 *
 * @module
 */
import Driver from "libsql";
import { preparedStatementsMax } from "../../limits.ts";
import { bindArguments } from "./bind.ts";
import { DatabaseFiles } from "./database-files.ts";
import type { Extent } from "./database-files.ts";
import { DatabaseError } from "./database.ts";
import type { FileFault, Result, Row, Statement } from "./database.ts";
import type { FileTime } from "./file-clock.ts";
import { isRefusal } from "./refusal.ts";
import { isLocked } from "./lock-queue.ts";

type PreparedStatement = Driver.Statement<[readonly unknown[]]>;

interface Prepared {
  readonly statement: PreparedStatement;
  readonly columns: readonly string[];
}

/**
 * The only connection to a file. It is replaced after a failure, because its state is then unknown. A locked file is no
 * such failure: nothing was done. Neither are refused values: the transaction was rolled back.
 *
 * Each method throws a {@link DatabaseError} when the database refuses the work. If the file is locked
 * ({@link isLocked}), nothing has been done, and the work may be tried again.
 */
export class Connection {
  readonly files: DatabaseFiles;
  readonly #path: string;
  readonly #pragmas: readonly string[];
  readonly #prepared = new Map<string, Prepared>();
  #driver: Driver.Database | undefined;
  #isClosed = false;

  constructor(path: string, pragmas: readonly string[]) {
    this.files = new DatabaseFiles(path);
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
    this.files.prepare();
    let driver: Driver.Database | undefined;
    try {
      // A locked file is an error at once: waiting for it here would block the event loop (`lock-queue.ts`).
      driver = new Driver(this.#path, { timeout: 0 });
      for (const pragma of this.#pragmas) driver.exec(pragma);
      const opened = driver;
      this.files.opened(findRealPath(opened), () => extentOf(opened));
      return (this.#driver = opened);
    } catch (error) {
      this.files.closed();
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
    try {
      this.#guard((driver) => {
        driver.exec("PRAGMA foreign_keys = OFF");
      });
      this.#transact("BEGIN IMMEDIATE", statements);
    } finally {
      // The next connection sees the new tables, and checks foreign keys again.
      if (this.files.fault === undefined) this.#drop();
      else this.#driver?.exec("PRAGMA foreign_keys = ON");
    }
  }

  /** Closes the file permanently: a later call must not open it again or create a new one. */
  close(): void {
    this.#isClosed = true;
    this.files.watch();
    const { fault } = this.files;
    if (fault === undefined) this.#drop();
    else if (this.#driver !== undefined) this.#abandon(this.#driver, fault);
    this.#driver = undefined;
  }

  /** Runs statements as one transaction. */
  #transact(begin: string, statements: readonly Statement[], time?: FileTime): readonly Result[] {
    return this.#guard((driver) => {
      driver.exec(begin);
      const instant = time && this.#runForRow(driver, time.setInstant());
      const results = statements.map((statement) => this.#run(driver, statement));
      driver.exec("COMMIT");
      if (time !== undefined) this.files.checkLog();
      if (instant !== undefined) time?.observe(instant);
      return results;
    });
  }

  #drop(): void {
    this.#prepared.clear();
    this.files.closed();
    this.#driver?.close();
    this.#driver = undefined;
  }

  /**
   * Leaves files that are not the ones that were opened. If the log was deleted, this connection still has it, and puts
   * what it contains into the database. Otherwise nothing may be written, and closing could do so: it could copy the
   * holes of a truncated log into the database, or work on files that another process uses by now.
   */
  #abandon(driver: Driver.Database, { path, found }: FileFault): void {
    if (found !== "no file" || !path.endsWith("-wal")) return;
    try {
      driver.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // The rest of the log is lost; nothing more can be done.
    }
  }

  /** Does work, and withholds its result unless the files are the ones that were opened. */
  #guard<T>(work: (driver: Driver.Database) => T): T {
    const driver = this.open();
    if (this.files.fault !== undefined) this.files.assertSame();
    try {
      const result = work(driver);
      this.files.assertSame();
      return result;
    } catch (error) {
      rollBack(driver);
      const failure = databaseError(error);
      this.files.watch();
      // Keep the connection to a file that was moved away: it serves again once the file is back.
      const isUndone = isLocked(failure) || isRefusal(failure);
      if (this.files.fault === undefined && !isUndone) this.#drop();
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

/**
 * Opens the log too, which SQLite does at the first read.
 *
 * @returns The path of the database without symbolic links.
 */
function findRealPath(driver: Driver.Database): string {
  driver.exec("SELECT 1 FROM sqlite_schema LIMIT 1");
  const [, , path] = driver.prepare("PRAGMA database_list").raw(true).get([]) as [number, string, string];
  return path;
}

/** @throws {DatabaseError} When the database cannot be read, or is locked. */
function extentOf(driver: Driver.Database): Extent {
  const numberOf = (pragma: string) => (driver.prepare(`PRAGMA ${pragma}`).raw(true).get([]) as [number])[0];
  try {
    return {
      octets: numberOf("page_count") * numberOf("page_size"),
      schemaVersion: numberOf("schema_version"),
    };
  } catch (error) {
    throw databaseError(error);
  }
}

/** Wraps an error of the driver. A TypeError is a bug in this program, so it is passed on unchanged. */
function databaseError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof DatabaseError) return error;
  return new DatabaseError(error.message, error);
}
