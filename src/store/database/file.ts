/**
 * A database file, opened with the synchronous driver of libSQL. Statements are prepared once and kept, because
 * preparing the statements of a batch costs more than running them. A commit is on the disk before it returns.
 *
 * The driver is native code, so only the entry modules of platforms with a file system import this module.
 *
 * @module
 */
import Driver from "libsql";
import { sql } from "drizzle-orm";
import { fileBusyMs, preparedStatementsMax, walCheckpointPages } from "../../limits.ts";
import { bindArguments } from "./bind.ts";
import { DatabaseError } from "./database.ts";
import type { Database, Result, Row, Statement } from "./database.ts";
import { FileClock, givenTime, lookOf } from "./file-clock.ts";
import type { FileTime } from "./file-clock.ts";
import { thisMachine } from "./machine.ts";
import type { Machine } from "./machine.ts";
import { statementOf } from "./queries.ts";

/** Options of {@link openFile}. */
export interface FileOptions {
  /** The time in milliseconds of Unix time, for tests of the rules. Default: the file's own clock. */
  readonly clockMs?: (() => number) | undefined;
  /** What the file's own clock is made of. Default: this machine. */
  readonly machine?: Machine | undefined;
  /**
   * How a commit waits for the disk. `full`, the default, makes it durable. `off` is for tests of the rules, where a
   * sync at each commit would take most of the time.
   */
  readonly sync?: "full" | "off" | undefined;
}

/** The pragmas of each connection. With `full`, a lease is on the disk before its DHCPACK is sent. */
const pragmasOf = (sync: "full" | "off"): readonly string[] => [
  "PRAGMA journal_mode = WAL",
  `PRAGMA synchronous = ${sync}`,
  `PRAGMA wal_autocheckpoint = ${walCheckpointPages}`,
];

/**
 * Opens a database file, and creates it if it is missing.
 *
 * @param url `file:PATH`.
 * @throws {DatabaseError} When the file cannot be opened.
 */
export function openFile(url: string, options: FileOptions = {}): Database {
  const { clockMs, machine, sync = "full" } = options;
  const connection = new Connection(url.slice("file:".length), pragmasOf(sync));
  connection.open();
  const clock = clockMs === undefined ? new FileClock(machine ?? thisMachine()) : undefined;
  const time: FileTime = clock ?? givenTime(clockMs!);
  const write = (statements: readonly Statement[]) => connection.write(statements, time);
  const readRow = (statement: Statement) => connection.read([statement])[0]!.rows[0];
  return {
    read: (statements) => settle(() => connection.read(statements)),
    write: (statements) =>
      settle(() => {
        const results = write(statements);
        time.settle(write);
        return results;
      }),
    migrate: (statements) =>
      settle(() => {
        connection.migrate(statements);
      }),
    clock: () => settle(() => readRow(statementOf(sql`SELECT ${time.now()}`))![0] as number),
    clockMs: () => time.now(),
    ownClock: clock && {
      look: () => settle(() => lookOf(readRow(clock.lookStatement()))),
      accept: (look, record) => settle(() => clock.accept(write, look, record)),
      onEvent: (listener) => {
        clock.onEvent(listener);
      },
    },
    close: () => {
      connection.close();
    },
  };
}

/** Turns the outcome of synchronous work into a promise. */
function settle<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work());
  });
}

type PreparedStatement = Driver.Statement<[readonly unknown[]]>;

interface Prepared {
  readonly statement: PreparedStatement;
  readonly columns: readonly string[];
}

/** The only connection to a file. It is replaced after a failure, because its state is then unknown. */
class Connection {
  readonly #path: string;
  readonly #pragmas: readonly string[];
  readonly #prepared = new Map<string, Prepared>();
  #driver: Driver.Database | undefined;
  #isClosed = false;

  constructor(path: string, pragmas: readonly string[]) {
    this.#path = path;
    this.#pragmas = pragmas;
  }

  /** Opens the connection if it is not open. */
  open(): Driver.Database {
    if (this.#driver !== undefined) return this.#driver;
    if (this.#isClosed) throw new DatabaseError("Cannot use the database: it was closed");
    try {
      const driver = new Driver(this.#path, { timeout: fileBusyMs });
      for (const pragma of this.#pragmas) driver.exec(pragma);
      return (this.#driver = driver);
    } catch (error) {
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
    this.#transact("BEGIN IMMEDIATE", statements);
    // The next connection sees the new tables, and checks foreign keys again.
    this.#drop();
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
      this.#drop();
      throw databaseError(error);
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
