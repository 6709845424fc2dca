/**
 * Brings a database to the schema of this release. Reads the files of `migrations/`, so it runs where there is a
 * file system (Node, Deno); databases of Workers are migrated from there too.
 *
 * @module
 */
import { join } from "node:path";
import type { Client } from "@libsql/client";
import { drizzle } from "drizzle-orm/libsql";
import { migrate } from "drizzle-orm/libsql/migrator";

const migrationsFolder = join(import.meta.dirname, "../../migrations");

/**
 * Applies the migrations that the database does not have yet. Safe to repeat.
 *
 * @throws {LibsqlError} When the database cannot be reached, or a migration fails.
 */
export async function migrateDatabase(client: Client): Promise<void> {
  await migrate(drizzle(client), { migrationsFolder });
}
