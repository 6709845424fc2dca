/**
 * Migrates a database to the schema of this release. This needs a file system (Node, Deno), because it reads the files
 * of `migrations/`. The databases of Workers are migrated from Node as well.
 *
 * drizzle-kit writes those files, and applied migrations are recorded in the table of drizzle's own migrator. That
 * migrator is not used: it handles neither two processes that migrate at the same time nor a database from a later
 * release.
 *
 * @module
 */
import { migrateCommand } from "../../migrate-advice.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { isInstalled } from "../../installed.ts";
import { DatabaseError } from "./database.ts";
import type { Database, Statement } from "./database.ts";

const releasePath = isInstalled ? "migrations" : "../../../migrations";
const releaseFolder = fileURLToPath(new URL(releasePath, import.meta.url).href);

/** The result of {@link migrateDatabase}, as names of migrations. */
export interface MigrationReport {
  /** Migrations that were applied now; empty when there was nothing to do. */
  readonly applied: readonly string[];
  /** Migrations that had been applied earlier. */
  readonly present: readonly string[];
}

/** Thrown when a later release has migrated the database. */
export class NewerSchemaError extends Error {
  constructor(unknown: readonly number[]) {
    super(
      `Cannot use the database: found ${unknown.length} unknown migration(s), the last of ` +
        `${new Date(unknown.at(-1)!).toISOString()}, expected a database of this release or an earlier one: ` +
        "install the release that migrated it",
    );
    this.name = "NewerSchemaError";
  }
}

interface Migration {
  readonly name: string;
  /** When it was generated, in milliseconds of Unix time. This identifies the migration. */
  readonly when: number;
  readonly statements: readonly string[];
  readonly hash: string;
}

/**
 * Applies the migrations that the database does not have yet, all in one transaction. Safe to repeat, and safe when
 * several processes do it at once: each migration is applied once.
 *
 * @param migrationsFolder The folder of the migrations. Default: those of this release.
 * @throws {NewerSchemaError} When the database has a migration that is not in the folder.
 * @throws {DatabaseError} When the database cannot be reached, or a migration fails; then nothing has changed.
 */
export async function migrateDatabase(
  database: Database,
  migrationsFolder: string = releaseFolder,
): Promise<MigrationReport> {
  const migrations = readMigrations(migrationsFolder);
  await createRecordTable(database);
  for (;;) {
    const found = await appliedMigrations(database);
    const unknown = found.filter((when) => !migrations.some((each) => each.when === when));
    if (unknown.length > 0) throw new NewerSchemaError(unknown);
    const pending = migrations.filter(({ when }) => !found.includes(when));
    const present = migrations.filter(({ when }) => found.includes(when)).map(({ name }) => name);
    if (pending.length === 0) return { applied: [], present };
    try {
      await database.migrate(pending.flatMap(statementsOf));
      // The first write sets the time in the new tables.
      await database.write([]);
      return { applied: pending.map(({ name }) => name), present };
    } catch (error) {
      // Another process may have applied some of them first. Then the next attempt applies only the rest.
      if ((await appliedMigrations(database)).length <= found.length) throw error;
    }
  }
}

/**
 * Checks that a database has the schema of this release, and changes nothing.
 *
 * @param migrationsFolder The folder of the migrations. Default: those of this release.
 * @throws {NewerSchemaError} When a later release has migrated the database.
 * @throws {DatabaseError} When the database cannot be reached, or lacks migrations.
 */
export async function assertMigrated(
  database: Database,
  migrationsFolder: string = releaseFolder,
): Promise<void> {
  const migrations = readMigrations(migrationsFolder);
  const found = (await hasRecordTable(database)) ? await appliedMigrations(database) : [];
  const unknown = found.filter((when) => !migrations.some((each) => each.when === when));
  if (unknown.length > 0) throw new NewerSchemaError(unknown);
  if (found.length === migrations.length) return;
  const lacking = migrations.length - found.length;
  throw new DatabaseError(
    `Cannot use the database: found a schema that lacks ${lacking} of ${migrations.length} migrations, expected all: ` +
      `run ${migrateCommand}`,
  );
}

/** The table that drizzle's migrator creates, so that either migrator can continue after the other. */
const createTable = `CREATE TABLE IF NOT EXISTS __drizzle_migrations (
  id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric
)`;

/**
 * Creates the table only if it is missing, so that a start with nothing to migrate does not wait for the write lock.
 */
async function createRecordTable(database: Database): Promise<void> {
  if (!(await hasRecordTable(database))) await database.migrate([{ sql: createTable, args: [] }]);
}

async function hasRecordTable(database: Database): Promise<boolean> {
  const statement = "SELECT 1 FROM sqlite_schema WHERE name = '__drizzle_migrations'";
  const [found] = await database.read([{ sql: statement, args: [] }]);
  return found!.rows.length > 0;
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
 * Records a migration before it runs. If another process has already recorded it, `abs()` of the smallest integer
 * overflows, and the whole transaction fails before any migration runs twice.
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
