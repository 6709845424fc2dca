import { statSync } from "node:fs";
import { join } from "node:path";
import Driver from "libsql";
import { sql } from "drizzle-orm";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/support/folder.ts";
import { lockFile } from "../../../test/support/lock-file.ts";
import { openFile } from "./file.ts";
import { statementOf } from "./queries.ts";

async function openNumbers(clockMs: () => number = () => Date.now()) {
  const path = join(await temporaryFolder(), "numbers.db");
  const database = openFile(`file:${path}`, { clockMs });
  onTestFinished(() => {
    database.close();
  });
  await database.migrate(
    [
      "CREATE TABLE instant (now_ms INTEGER)",
      "INSERT INTO instant VALUES (0)",
      "CREATE TABLE number (value INTEGER PRIMARY KEY)",
    ].map((text) => ({ sql: text, args: [] })),
  );
  const insert = (value: number) => ({ sql: "INSERT INTO number (value) VALUES (?)", args: [value] });
  const ask = async (text: string, ...args: (number | Uint8Array)[]) =>
    (await database.read([{ sql: text, args }]))[0]!.rows[0];
  const count = async () => (await ask("SELECT count(*) FROM number"))![0];
  return { path, database, insert, ask, count };
}

const fails = { name: "DatabaseError" };

test("Database.write() commits all statements or none, and works after a failure", async () => {
  const { database, insert, count } = await openNumbers();
  await expect(database.write([insert(1), insert(1)])).rejects.toMatchObject(fails);
  expect(await count()).toBe(0);
  const most = { sql: "SELECT max(value) AS most FROM number", args: [] };
  const results = await database.write([insert(1), insert(2), most]);
  expect(results).toEqual([
    { columns: [], rows: [] },
    { columns: [], rows: [] },
    { columns: ["most"], rows: [[2]] },
  ]);
  expect(await count()).toBe(2);
});

test("T2 refused values do not cost the connection, which would copy and delete the log", async () => {
  const { path, database, insert } = await openNumbers();
  await database.write([insert(1)]);
  const { ino, size } = statSync(`${path}-wal`);
  await expect(database.write([insert(1)])).rejects.toMatchObject(fails);
  expect(statSync(`${path}-wal`)).toMatchObject({ ino, size });
});

test("a prepared statement that was kept runs with new arguments each time", async () => {
  const { database, insert, count } = await openNumbers();
  for (const value of [1, 2, 3]) await database.write([insert(value)]);
  expect(await count()).toBe(3);
});

test("T16 Database.write() fails while another process has locked the file, and works afterwards", async () => {
  const { path, database, insert, count } = await openNumbers();
  const other = lockFile(path);
  await expect(database.write([insert(1)])).rejects.toThrow(/^Cannot lock the database/);
  other.exec("ROLLBACK");
  await database.write([insert(1)]);
  expect(await count()).toBe(1);
});

test("T16 SQLite itself does not wait for a lock, because that would block the event loop", async () => {
  const { ask } = await openNumbers();
  expect(await ask("PRAGMA busy_timeout")).toEqual([0]);
});

test("T16 Database.write() waits for the lock in order, while the event loop and reads go on", async () => {
  const { path, database, insert, count, ask } = await openNumbers();
  const other = lockFile(path);
  const ended: number[] = [];
  const writes = [1, 2, 3].map(async (value) => {
    await database.write([insert(value)]);
    ended.push(value);
  });
  await new Promise(setImmediate);
  expect(await count()).toBe(0);
  expect(ended).toEqual([]);
  other.exec("COMMIT");
  await Promise.all(writes);
  expect(ended).toEqual([1, 2, 3]);
  expect((await ask("SELECT group_concat(value) FROM (SELECT value FROM number ORDER BY rowid)"))![0]).toBe(
    "1,2,3",
  );
});

test("T16 openFile() and a migration wait for the lock of a new file", async () => {
  const path = join(await temporaryFolder(), "new.db");
  const other = new Driver(path);
  other.exec("BEGIN EXCLUSIVE");
  const database = openFile(`file:${path}`);
  onTestFinished(() => {
    database.close();
  });
  const migrated = database.migrate([{ sql: "CREATE TABLE instant (now_ms INTEGER)", args: [] }]);
  const read = database.read([{ sql: "PRAGMA journal_mode", args: [] }]);
  await new Promise(setImmediate);
  other.exec("COMMIT");
  other.close();
  await migrated;
  expect((await read)[0]!.rows).toEqual([["wal"]]);
});

test("a migration that waited leaves foreign keys checked", async () => {
  const { path, database, ask } = await openNumbers();
  const other = lockFile(path);
  const migrated = database.migrate([]);
  expect(await ask("PRAGMA foreign_keys")).toEqual([1]);
  other.exec("COMMIT");
  await migrated;
  expect(await ask("PRAGMA foreign_keys")).toEqual([1]);
});

test("Database.read() sees the same state in all its statements", async () => {
  const { path, database, insert } = await openNumbers();
  await database.write([insert(1)]);
  const other = openFile(`file:${path}`);
  onTestFinished(() => {
    other.close();
  });
  const counted = { sql: "SELECT count(*) FROM number", args: [] };
  const [first, second] = await other.read([counted, counted]);
  expect([first!.rows, second!.rows]).toEqual([[[1]], [[1]]]);
  expect(await other.read([])).toEqual([]);
});

test("a safe integer is bound as INTEGER, any other number as REAL, octets as BLOB", async () => {
  const { ask } = await openNumbers();
  const types = "SELECT typeof(?), typeof(?), typeof(?), hex(?)";
  const octets = Uint8Array.of(0, 255);
  expect(await ask(types, 2 ** 32, 0.5, 2 ** 60, octets)).toEqual(["integer", "real", "real", "00FF"]);
  const [blob] = (await ask("SELECT ?", octets))!;
  expect(blob).toBeInstanceOf(Uint8Array);
  expect([...(blob as Uint8Array)]).toEqual([0, 255]);
});

test("a write uses one instant of the port's clock, and a read uses the clock itself", async () => {
  let now = 1_000_000;
  const { database, ask } = await openNumbers(() => now++);
  const instant = { sql: "SELECT now_ms FROM instant", args: [] };
  const [first, second] = await database.write([instant, instant]);
  expect([first!.rows, second!.rows]).toEqual([[[1_000_000]], [[1_000_000]]]);
  expect(await database.clock()).toBe(1_000_001);
  const reading = statementOf(sql`SELECT ${database.clockMs()}`);
  expect(await ask(reading.sql, ...(reading.args as number[]))).toEqual([1_000_002]);
});

test("a write reads the clock while it holds the lock, so a batch that waited uses the time at which it runs", async () => {
  const locked: boolean[] = [];
  const others: Driver.Database[] = [];
  const isLocked = (other: Driver.Database): boolean => {
    try {
      other.exec("BEGIN IMMEDIATE");
      other.exec("ROLLBACK");
      return false;
    } catch {
      return true;
    }
  };
  const { path, database, insert } = await openNumbers(() => {
    locked.push(...others.map(isLocked));
    return 1_000_000;
  });
  others.push(new Driver(path, { timeout: 0 }));
  await database.write([insert(1)]);
  expect(locked).toEqual([true]);
  for (const other of others) other.close();
});

test("a TypeError is passed on: it is a bug in the program, not a failure of the database", async () => {
  const { database } = await openNumbers();
  for (const value of [undefined, true, {}] as unknown as null[]) {
    const wrong = { sql: "SELECT ?", args: [value] };
    await expect(database.read([wrong])).rejects.toBeInstanceOf(TypeError);
  }
  await expect(database.read([{ sql: "SELECT nothing", args: [] }])).rejects.toMatchObject(fails);
});

test("a closed database stays closed", async () => {
  const { database } = await openNumbers();
  database.close();
  const work = [{ sql: "SELECT 1", args: [] }];
  for (const run of [database.read, database.write, database.migrate])
    await expect(run(work)).rejects.toMatchObject(fails);
});

test("openFile() reports why it cannot open a file", async () => {
  const folder = await temporaryFolder();
  expect(statSync(folder).isDirectory()).toBe(true);
  expect(() => openFile(`file:${folder}`)).toThrow(expect.objectContaining(fails));
});
