import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Driver from "libsql";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/support/folder.ts";
import type { FileEvent } from "./database.ts";
import { openFile } from "./file.ts";

const setUp = [
  "CREATE TABLE instant (now_ms INTEGER)",
  "INSERT INTO instant VALUES (0)",
  "CREATE TABLE t (value)",
];
const insert = { sql: "INSERT INTO t VALUES (1)", args: [] };
const count = { sql: "SELECT count(*) FROM t", args: [] };

function open(path: string) {
  const events: FileEvent[] = [];
  let look = (): void => undefined;
  const database = openFile(`file:${path}`, {
    clockMs: () => 0,
    everySecond: (run) => {
      look = run;
      return () => undefined;
    },
  });
  onTestFinished(() => {
    database.close();
  });
  database.onFileEvent!((event) => events.push(event));
  return {
    database,
    events,
    /** A second passes. */
    look: () => {
      look();
    },
    count: async () => (await database.read([count]))[0]!.rows[0]![0],
  };
}

/** A database in a folder of its own, with one row. */
async function openOne() {
  const path = join(await temporaryFolder(), "a.db");
  const opened = open(path);
  await opened.database.migrate(setUp.map((text) => ({ sql: text, args: [] })));
  await opened.database.write([insert]);
  return { path, ...opened };
}

type Opened = Awaited<ReturnType<typeof openOne>>;

async function expectLost({ database }: Opened, message: RegExp): Promise<void> {
  for (const run of [
    () => database.read([count]),
    () => database.write([insert]),
    () => database.migrate([insert]),
    () => database.clock(),
  ]) {
    await expect(run()).rejects.toThrow(message);
  }
}

const suffixes = ["", "-wal", "-shm"] as const;

test.each(suffixes)(
  "T10 a database whose file%s was moved serves nothing until it is back",
  async (suffix) => {
    const opened = await openOne();
    const path = opened.path + suffix;
    renameSync(path, `${path}.moved`);
    await expectLost(
      opened,
      /^Cannot use the database: found no file at .*, expected the file that was opened$/,
    );
    expect(readdirSync(join(path, ".."))).not.toContain(path);
    renameSync(`${path}.moved`, path);
    expect(await opened.count()).toBe(1);
    await opened.database.write([insert]);
    expect(await opened.count()).toBe(2);
    expect(opened.events).toEqual([
      { kind: "lost", fault: { path, found: "no file" } },
      { kind: "returned" },
    ]);
  },
);

test.each(suffixes)("T10 a copy in the place of file%s is not the file that was opened", async (suffix) => {
  const opened = await openOne();
  const path = opened.path + suffix;
  copyFileSync(path, `${path}.copy`);
  renameSync(path, `${path}.moved`);
  renameSync(`${path}.copy`, path);
  await expectLost(opened, /found another file at/);
  renameSync(`${path}.moved`, path);
  expect(await opened.count()).toBe(1);
});

test("T10 a write has no result if the file was moved while it ran", async () => {
  const path = join(await temporaryFolder(), "a.db");
  let move = (): void => undefined;
  const database = openFile(`file:${path}`, {
    // The clock is read when the transaction has begun.
    clockMs: () => {
      move();
      return 0;
    },
  });
  onTestFinished(() => {
    database.close();
  });
  await database.migrate(setUp.map((text) => ({ sql: text, args: [] })));
  move = () => {
    renameSync(path, `${path}.moved`);
  };
  await expect(database.write([insert])).rejects.toThrow(/found no file/);
  renameSync(`${path}.moved`, path);
  // It was committed all the same, as the port says of writes that fail.
  expect((await database.read([count]))[0]!.rows).toEqual([[1]]);
});

test("T10 a lost file is noticed within a second although nobody uses it, and told once", async () => {
  const { path, look, events } = await openOne();
  look();
  expect(events).toEqual([]);
  rmSync(path);
  look();
  look();
  expect(events).toEqual([{ kind: "lost", fault: { path, found: "no file" } }]);
});

test("T10 a lost database is not created again, neither by a failed statement nor by a new connection", async () => {
  const opened = await openOne();
  // A failure replaces the connection.
  await expect(opened.database.read([{ sql: "SELECT nothing", args: [] }])).rejects.toThrow(/nothing/);
  rmSync(opened.path);
  await expectLost(opened, /found no file/);
  expect(readdirSync(join(opened.path, "..")).filter((name) => name === "a.db")).toEqual([]);
});

test("T10 a folder that was moved, or another folder in its place, has not the file that was opened", async () => {
  const folder = join(await temporaryFolder(), "data");
  mkdirSync(folder);
  const { database, count: countRows } = open(join(folder, "a.db"));
  await database.migrate(setUp.map((text) => ({ sql: text, args: [] })));
  renameSync(folder, `${folder}.moved`);
  await expect(database.read([count])).rejects.toThrow(/found no file/);
  mkdirSync(folder);
  await expect(database.read([count])).rejects.toThrow(/found no file/);
  rmSync(folder, { recursive: true });
  renameSync(`${folder}.moved`, folder);
  expect(await countRows()).toBe(0);
});

test("T10 a symbolic link that names another database is not the file that was opened", async () => {
  const folder = await temporaryFolder();
  const [real, link] = [join(folder, "real.db"), join(folder, "a.db")];
  writeFileSync(real, "");
  symlinkSync(real, link);
  const { database } = open(link);
  await database.migrate(setUp.map((text) => ({ sql: text, args: [] })));
  expect((await database.read([count]))[0]!.rows).toEqual([[0]]);
  rmSync(link);
  copyFileSync(real, join(folder, "other.db"));
  symlinkSync(join(folder, "other.db"), link);
  await expect(database.read([count])).rejects.toThrow(/found another file/);
});

test("T10 a second name of the file is no fault", async () => {
  const { path, count: countRows } = await openOne();
  linkSync(path, `${path}.link`);
  expect(await countRows()).toBe(1);
});

test.each(["-wal", ""])(
  "T10 a truncated file%s serves nothing, not even when it grows again",
  async (suffix) => {
    const opened = await openOne();
    const path = opened.path + suffix;
    truncateSync(path, 0);
    await expect(opened.database.write([insert])).rejects.toThrow(/found a truncated file at/);
    await expectLost(opened, /found a truncated file at/);
    writeFileSync(path, "anything");
    await expectLost(opened, /found a truncated file at/);
    expect(opened.events).toEqual([{ kind: "lost", fault: { path, found: "a truncated file" } }]);
  },
);

test("T10 a log that another process has emptied by a checkpoint is whole", async () => {
  const { path, database, count: countRows, events } = await openOne();
  const other = new Driver(path);
  other.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  expect(statSync(`${path}-wal`).size).toBe(0);
  expect(await countRows()).toBe(1);
  await database.migrate([]);
  await database.write([insert]);
  other.close();
  await database.write([insert]);
  expect([await countRows(), events]).toEqual([3, []]);
});

test("T10 closing a database whose log was deleted keeps what was committed", async () => {
  const { path, database } = await openOne();
  rmSync(`${path}-wal`);
  await expect(database.read([count])).rejects.toThrow(/found no file at .*-wal/);
  database.close();
  const { count: countRows } = open(path);
  expect(await countRows()).toBe(1);
});

test("T10 closing a moved database changes neither it nor its log", async () => {
  const { path, database } = await openOne();
  renameSync(path, `${path}.moved`);
  await expect(database.read([count])).rejects.toThrow(/found no file/);
  database.close();
  renameSync(`${path}.moved`, path);
  const { count: countRows } = open(path);
  expect(await countRows()).toBe(1);
});

test("T10 openFile() does not create a database beside the log of a missing one", async () => {
  const { path } = await openOne();
  renameSync(path, `${path}.moved`);
  const before = statSync(`${path}-wal`).size;
  expect(() => openFile(`file:${path}`)).toThrow(
    new RegExp(`^Cannot create .*: found ${path}-wal, the log of a database that is missing`),
  );
  expect(statSync(`${path}-wal`).size).toBe(before);
});

test.each([":memory:", ""])('openFile() rejects "file:%s", which no restart would find again', (path) => {
  expect(() => openFile(`file:${path}`)).toThrow(/^Cannot open the database: found/);
});

const modes = (path: string) => suffixes.map((suffix) => statSync(path + suffix).mode & 0o777);

test.skipIf(process.platform === "win32")(
  "T21 only its owner may read a new database, its log and index",
  async () => {
    const folder = await temporaryFolder();
    chmodSync(folder, 0o755);
    const link = join(folder, "link.db");
    symlinkSync(join(folder, "target.db"), link);
    for (const [path, target] of [
      [join(folder, "a.db"), join(folder, "a.db")],
      [link, join(folder, "target.db")],
    ] as const) {
      const { database, events } = open(path);
      await database.migrate(setUp.map((text) => ({ sql: text, args: [] })));
      await database.write([insert]);
      expect([modes(target), events]).toEqual([[0o600, 0o600, 0o600], []]);
    }
  },
);

test.skipIf(process.platform === "win32")(
  "T21 an old database that others may read is reported, once",
  async () => {
    const path = join(await temporaryFolder(), "a.db");
    writeFileSync(path, "");
    chmodSync(path, 0o640);
    const { database: again, events } = open(path);
    await again.migrate(setUp.map((text) => ({ sql: text, args: [] })));
    await again.write([insert]);
    expect(events).toEqual([{ kind: "exposed", paths: suffixes.map((suffix) => path + suffix) }]);
  },
);
