/**
 * Brings a database to the schema of this release. Reads the files of `migrations/`, so it runs where there is a
 * file system (Node, Deno); databases of Workers are migrated from there too.
 *
 * drizzle-kit writes those files, and the table of what was applied is the one that its own migrator keeps. That
 * one knows neither of two processes that migrate at once nor of a database from a later release, so the applying
 * is done here.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readMigrationFiles } from "drizzle-orm/migrator";
import type { Database, Statement } from "./database.ts";

const releaseFolder = fileURLToPath(new URL("../../../migrations", import.meta.url).href);

/** What {@link migrateDatabase} did, by names of migrations. */
export interface MigrationReport {
  /** What was applied now; empty when nothing was to do. */
  readonly applied: readonly string[];
  /** What the database had already. */
  readonly present: readonly string[];
}

/** A database that a later release has migrated. */
export class NewerSchemaError extends Error {
  constructor(unknown: readonly number[]) {
    super(
      `Cannot migrate the database: found ${unknown.length} migration(s) that this release does not know, the last of ` +
        `${new Date(unknown.at(-1)!).toISOString()}; expected a database of this release or an earlier one`,
    );
    this.name = "NewerSchemaError";
  }
}

interface Migration {
  readonly name: string;
  /** Milliseconds since 1970, when it was made: its identity. */
  readonly when: number;
  readonly statements: readonly string[];
  readonly hash: string;
}

/**
 * Applies the migrations that the database does not have yet, all in one transaction. Safe to repeat, and safe when
 * several processes do it at once: each migration is applied once.
 *
 * @param migrationsFolder Where the migrations are; by default, those of this release.
 * @throws {NewerSchemaError} When the database has a migration that the folder has not.
 * @throws {DatabaseError} When the database cannot be reached, or a migration fails; then nothing has changed.
 */
export async function migrateDatabase(
  database: Database,
  migrationsFolder: string = releaseFolder,
): Promise<MigrationReport> {
  const migrations = readMigrations(migrationsFolder);
  await makeRecord(database);
  for (;;) {
    const found = await appliedMigrations(database);
    const unknown = found.filter((when) => !migrations.some((each) => each.when === when));
    if (unknown.length > 0) throw new NewerSchemaError(unknown);
    const pending = migrations.filter(({ when }) => !found.includes(when));
    const present = migrations.filter(({ when }) => found.includes(when)).map(({ name }) => name);
    if (pending.length === 0) return { applied: [], present };
    try {
      await database.migrate(pending.flatMap(statementsOf));
      // The first write gives the new tables a time.
      await database.write([]);
      return { applied: pending.map(({ name }) => name), present };
    } catch (error) {
      // Another process may have been first; then there is less to do, and a look tells what.
      if ((await appliedMigrations(database)).length <= found.length) throw error;
    }
  }
}

/** As drizzle's migrator makes it, so that either can go on where the other was. */
const createTable = `CREATE TABLE IF NOT EXISTS __drizzle_migrations (
  id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric
)`;

/** Only where it is missing: a start that has nothing to migrate must not wait for the write lock. */
async function makeRecord(database: Database): Promise<void> {
  const statement = "SELECT 1 FROM sqlite_schema WHERE name = '__drizzle_migrations'";
  const [found] = await database.read([{ sql: statement, args: [] }]);
  if (found!.rows.length === 0) await database.migrate([{ sql: createTable, args: [] }]);
}

function readMigrations(migrationsFolder: string): Migration[] {
  const journal = JSON.parse(readFileSync(join(migrationsFolder, "meta/_journal.json"), "utf8")) as {
    readonly entries: readonly { readonly tag: string }[];
  };
  return readMigrationFiles({ migrationsFolder }).map(({ sql, folderMillis, hash }, index) => ({
    name: journal.entries[index]!.tag,
    when: folderMillis,
    statements: sql,
    hash,
  }));
}

async function appliedMigrations(database: Database): Promise<number[]> {
  const statement = "SELECT created_at FROM __drizzle_migrations ORDER BY created_at";
  const [applied] = await database.read([{ sql: statement, args: [] }]);
  return applied!.rows.map(([createdAt]) => Number(createdAt));
}

/**
 * The record comes first. It takes the write lock; and where another process has already written it, the sum overflows
 * and the transaction fails as a whole, before anything is done twice.
 */
const recordOnce = `INSERT INTO __drizzle_migrations (hash, created_at)
  SELECT ?, ? WHERE abs(-9223372036854775807 - (
    SELECT count(*) FROM __drizzle_migrations WHERE created_at = ?
  )) > 0`;

function statementsOf({ when, hash, statements }: Migration): Statement[] {
  return [
    { sql: recordOnce, args: [hash, when, when] },
    ...statements.map((statement) => ({ sql: statement, args: [] })),
  ];
}
