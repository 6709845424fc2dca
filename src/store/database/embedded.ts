/**
 * A database in a file of this process, with its statements prepared once.
 *
 * `@libsql/client` prepares a statement each time that it runs; for the statements of a batch that costs more than
 * to run them. So batches that write go through the driver beneath it, which can keep them. All else is the client.
 *
 * @module
 */
import { createClient } from "@libsql/client";
import type { Client, InStatement, ResultSet, TransactionMode } from "@libsql/client";
import Database from "libsql";
import { preparedStatementsMax } from "../../limits.ts";
import { busyTimeoutMs, filePragmas, setFilePragmas } from "./connect.ts";

type Prepared = Database.Statement<[Record<string, unknown>]>;

/**
 * Opens a database file as the client does: with write-ahead logging and a sync at every commit.
 *
 * @param url `file:PATH`.
 * @throws {LibsqlError} When the file can't be opened.
 */
export async function openFile(url: string): Promise<Client> {
  // One connection: pragmas hold for a connection, and SQLite has one writer anyway.
  const client = createClient({ url, concurrency: 1, timeout: busyTimeoutMs });
  await setFilePragmas(client);
  return client;
}

/**
 * Opens a database file, and keeps the statements of batches prepared.
 *
 * @param url `file:PATH`.
 * @returns A client like any other.
 * @throws {LibsqlError} When the file can't be opened.
 */
export async function openEmbedded(url: string): Promise<Client> {
  const client = await openFile(url);
  const connection = new Connection(url.slice("file:".length));
  const [batch, close] = [client.batch.bind(client), client.close.bind(client)];
  return Object.assign(client, {
    batch: async (statements: InStatement[], mode?: TransactionMode): Promise<ResultSet[]> =>
      mode === "write" ? connection.write(statements) : batch(statements, mode),
    close: () => {
      connection.close();
      close();
    },
  });
}

/** One connection that writes. After a failure it is replaced: what state it is in would be a guess. */
class Connection {
  readonly #path: string;
  #database: Database.Database | undefined;
  readonly #prepared = new Map<string, Prepared>();

  constructor(path: string) {
    this.#path = path;
  }

  /** Runs the statements as one transaction, which is on the disk when this returns. */
  write(statements: readonly InStatement[]): ResultSet[] {
    const database = (this.#database ??= this.#open());
    try {
      database.exec("BEGIN IMMEDIATE");
      const results = statements.map((statement) => this.#run(database, statement));
      database.exec("COMMIT");
      return results;
    } catch (error) {
      rollBack(database);
      this.close();
      throw asDatabaseError(error);
    }
  }

  close(): void {
    this.#prepared.clear();
    this.#database?.close();
    this.#database = undefined;
  }

  #open(): Database.Database {
    const database = new Database(this.#path, { timeout: busyTimeoutMs });
    for (const pragma of filePragmas) database.exec(pragma);
    return database;
  }

  #run(database: Database.Database, statement: InStatement): ResultSet {
    const { sql, args = {} } = typeof statement === "string" ? { sql: statement } : statement;
    if (Array.isArray(args))
      throw new TypeError("Cannot run a statement: found a list of arguments, expected names");
    const prepared = this.#prepare(database, sql);
    const rows = prepared.reader ? prepared.all(args) : [];
    if (!prepared.reader) prepared.run(args);
    return { rows } as ResultSet;
  }

  #prepare(database: Database.Database, sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const prepared = database.prepare<[Record<string, unknown>]>(sql);
    // The statements of a batch are few; those that come and go are not worth keeping.
    if (this.#prepared.size < preparedStatementsMax) this.#prepared.set(sql, prepared);
    return prepared;
  }
}

/**
 * Gives the lock back. Closing alone does not: statements that are not collected yet keep the closed connection, and
 * the transaction in it, alive.
 */
function rollBack(database: Database.Database): void {
  if (!database.inTransaction) return;
  try {
    database.exec("ROLLBACK");
  } catch {
    // The failure of the batch is what the caller has to know; the connection is replaced either way.
  }
}

/** Failures of the driver, under the name that those of the client have. */
function asDatabaseError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof TypeError) return error;
  return Object.assign(new Error(error.message, { cause: error }), { name: "LibsqlError" });
}
