import { join } from "node:path";
import Database from "libsql";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/support/database.ts";
import { openEmbedded } from "./embedded.ts";

async function openNumbers() {
  const path = join(await temporaryFolder(), "numbers.db");
  const database = await openEmbedded(`file:${path}`);
  onTestFinished(() => {
    database.close();
  });
  await database.execute("CREATE TABLE number (value INTEGER PRIMARY KEY)");
  const insert = (value: bigint) => ({ sql: "INSERT INTO number (value) VALUES (:value)", args: { value } });
  const count = async () => (await database.execute("SELECT count(*) AS count FROM number")).rows[0]!.count;
  return { path, database, insert, count };
}

test("a batch that writes is whole or nothing, and the next one works", async () => {
  const { database, insert, count } = await openNumbers();
  await expect(database.batch([insert(1n), insert(1n)], "write")).rejects.toMatchObject({
    name: "LibsqlError",
  });
  expect(await count()).toBe(0);
  const results = await database.batch(
    [insert(1n), insert(2n), "SELECT max(value) AS most FROM number"],
    "write",
  );
  expect(results[2]!.rows[0]!.most).toBe(2);
  expect(await count()).toBe(2);
});

test("a statement that is kept prepared runs with new arguments each time", async () => {
  const { database, insert, count } = await openNumbers();
  for (const value of [1n, 2n, 3n]) await database.batch([insert(value)], "write");
  expect(await count()).toBe(3);
});

test("a file that another process holds is refused, and served again when it is free", async () => {
  const { path, database, insert, count } = await openNumbers();
  const other = new Database(path);
  onTestFinished(() => {
    other.close();
  });
  other.exec("BEGIN IMMEDIATE");
  await expect(database.batch([insert(1n)], "write")).rejects.toMatchObject({ name: "LibsqlError" });
  other.exec("ROLLBACK");
  await database.batch([insert(1n)], "write");
  expect(await count()).toBe(1);
});
