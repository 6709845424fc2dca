/**
 * Migrations of a file and of a real libSQL server: repeated, concurrent, and from a later release.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../src/runtime/node.ts";
import { migrateDatabase } from "../src/store/database/migrate.ts";
import { temporaryFolder } from "./support/database.ts";
import { laterRelease } from "./support/later-release.ts";
import { hasSqld, startSqld, withoutSqld } from "./support/sqld.ts";
import { queryNumber } from "./support/sql.ts";

const root = join(import.meta.dirname, "..");

async function open(url: string) {
  const database = await openDatabase({ url });
  onTestFinished(() => {
    database.close();
  });
  return database;
}

const kinds = [
  ["a file", async () => `file:${join(await temporaryFolder(), "apportion.db")}`],
  [
    "a server",
    async () => {
      const sqld = await startSqld({ folder: join(await temporaryFolder(), "sqld") });
      onTestFinished(() => sqld.kill());
      return sqld.url;
    },
  ],
] as const;

describe.each(kinds)("on %s", (kind, makeUrl) => {
  const isSkipped = kind === "a server" && !hasSqld;

  test.skipIf(isSkipped)(
    `npm run migrate prints what it applied, and applies it once${withoutSqld}`,
    async () => {
      const url = await makeUrl();
      const command = () =>
        promisify(execFile)(
          process.execPath,
          ["--import", "tsx", join(root, "src/cli/main.ts"), "migrate", "--database", url],
          { cwd: root },
        );
      const first = await command();
      expect(first.stdout).toMatch(
        /^applied 0000_tables\napplied 0001_triggers\n(.*\n)*done: \d+ applied, 0 already present\n$/,
      );
      expect((await command()).stdout).toMatch(/^nothing to do: the database has all \d+ migrations\n$/);
    },
  );

  test.skipIf(isSkipped)(`eight concurrent runs apply each migration once${withoutSqld}`, async () => {
    const url = await makeUrl();
    const databases = await Promise.all(Array.from({ length: 8 }, () => open(url)));
    const reports = await Promise.all(databases.map((database) => migrateDatabase(database)));
    const [once] = reports.filter(({ applied }) => applied.length > 0);
    expect(reports.flatMap(({ applied }) => applied)).toEqual(once!.applied);
    const count = (table: string) => queryNumber(databases[0]!, `SELECT count(*) FROM ${table}`);
    expect(await count("__drizzle_migrations")).toBe(once!.applied.length);
    expect(await count("configuration")).toBe(1);
  });

  test.skipIf(isSkipped)(`a start with nothing to migrate writes nothing${withoutSqld}`, async () => {
    const database = await open(await makeUrl());
    await migrateDatabase(database);
    const refuse = () => Promise.reject(new Error("database is locked"));
    const locked = { ...database, write: refuse, migrate: refuse };
    expect((await migrateDatabase(locked)).applied).toEqual([]);
  });

  test.skipIf(isSkipped)(
    `a database of a later release is refused and not changed${withoutSqld}`,
    async () => {
      const database = await open(await makeUrl());
      const later = await laterRelease("CREATE TABLE later (id integer);");
      await migrateDatabase(database);
      expect((await migrateDatabase(database, later)).applied).toEqual(["9999_later"]);
      await expect(migrateDatabase(database)).rejects.toThrow(/found 1 unknown migration\(s\)/);
      expect((await migrateDatabase(database, later)).applied).toEqual([]);
    },
  );

  test.skipIf(isSkipped)(`a migration that fails changes nothing${withoutSqld}`, async () => {
    const database = await open(await makeUrl());
    await migrateDatabase(database);
    const later = await laterRelease(
      "CREATE TABLE later (id integer);\n--> statement-breakpoint\nINSERT INTO nowhere VALUES (1);",
    );
    await expect(migrateDatabase(database, later)).rejects.toThrow(/nowhere/);
    const tables = await queryNumber(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'later'");
    expect(tables).toBe(0);
    expect((await migrateDatabase(database)).applied).toEqual([]);
  });
});
