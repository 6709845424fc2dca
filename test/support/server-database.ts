/**
 * A database on a separate libSQL server for each test.
 *
 * @module
 */
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Database } from "../../src/store/database/database.ts";
import { migrateDatabase } from "../../src/store/database/migrate.ts";
import { openServer } from "../../src/store/database/server.ts";
import { temporaryFolder } from "./folder.ts";
import { startSqld } from "./sqld.ts";

/** Starts a server with a fresh, migrated database. */
export async function temporaryServerDatabase(): Promise<Database> {
  const server = await startSqld({ folder: join(await temporaryFolder(), "data") });
  onTestFinished(() => server.kill());
  const database = openServer({ url: server.url });
  onTestFinished(() => {
    database.close();
  });
  await migrateDatabase(database);
  return database;
}
