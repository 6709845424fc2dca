import {
  chmodSync,
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { symlinkSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import Driver from "libsql";
import { describe, expect, onTestFinished, test } from "vitest";
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

/** Rows of about a page each, so that there is something to cut off. */
const fill = { sql: `INSERT INTO t VALUES (hex(randomblob(2000)))`, args: [] };

/** Overwrites a file in place: it keeps its inode. */
function overwrite(path: string, octets: Uint8Array): void {
  truncateSync(path, 0);
  writeFileSync(path, octets, { flag: "r+" });
}

/** A database with 60 rows: most are in its log only. With copies of both files when it had fewer. */
async function openFilled() {
  const opened = await openOne();
  const fillTimes = async (rows: number) => {
    for (let row = 0; row < rows; row += 1) await opened.database.write([fill]);
  };
  const other = new Driver(opened.path);
  const copyAfterCheckpoint = () => {
    other.exec("PRAGMA wal_checkpoint(PASSIVE)");
    return readFileSync(opened.path);
  };
  await fillTimes(10);
  const database = copyAfterCheckpoint();
  await fillTimes(10);
  copyAfterCheckpoint();
  other.close();
  await fillTimes(30);
  const log = readFileSync(`${opened.path}-wal`);
  await fillTimes(10);
  return { ...opened, copies: { "": database, "-wal": log } };
}

const damages: readonly [string, (path: string, copy: Buffer) => void][] = [
  [
    "cut to a part",
    (path) => {
      truncateSync(path, Math.floor(statSync(path).size / 2));
    },
  ],
  [
    "cut by an octet",
    (path) => {
      truncateSync(path, statSync(path).size - 1);
    },
  ],
  ["overwritten by an older copy", overwrite],
];

describe.each(["", "-wal"] as const)("a file%s", (suffix) => {
  test.each(damages)("T10 that was %s is noticed at the next commit", async (_, damage) => {
    const opened = await openFilled();
    const path = opened.path + suffix;
    damage(path, opened.copies[suffix]);
    await expect(opened.database.write([fill])).rejects.toThrow(/found a truncated file at/);
    await expectLost(opened, /found a truncated file at/);
    expect(opened.events).toEqual([{ kind: "lost", fault: { path, found: "a truncated file" } }]);
  });

  test.each(damages)(
    "T10 that was %s is noticed within a second although nobody uses it",
    async (_, damage) => {
      const opened = await openFilled();
      const path = opened.path + suffix;
      damage(path, opened.copies[suffix]);
      opened.look();
      opened.look();
      expect(opened.events).toEqual([{ kind: "lost", fault: { path, found: "a truncated file" } }]);
      const damaged = readFileSync(path);
      opened.database.close();
      expect(readFileSync(path)).toEqual(damaged);
    },
  );
});

test("T10 a database that another process changes too, and that an older copy overwrites, is noticed", async () => {
  const opened = await openFilled();
  const other = new Driver(opened.path);
  other.exec("PRAGMA wal_checkpoint(RESTART)");
  // The first page, with the number of pages, is then read from the file and not from the log.
  other.exec("UPDATE instant SET now_ms = 1");
  opened.look();
  overwrite(opened.path, opened.copies[""]);
  opened.look();
  other.close();
  expect(opened.events).toEqual([{ kind: "lost", fault: { path: opened.path, found: "a truncated file" } }]);
});

test("T10 a log that a copy of an earlier generation overwrites is noticed at the next commit", async () => {
  const opened = await openFilled();
  const path = `${opened.path}-wal`;
  const size = statSync(path).size;
  const other = new Driver(opened.path);
  // Everything is in the database, so the next commit begins the log again, in the same octets.
  other.exec("PRAGMA wal_checkpoint(PASSIVE)");
  const copy = readFileSync(path);
  for (let row = 0; row < 3; row += 1) await opened.database.write([fill]);
  other.close();
  expect([statSync(path).size, copy.length]).toEqual([size, size]);
  overwrite(path, copy);
  await expect(opened.database.write([fill])).rejects.toThrow(/found a truncated file at .*-wal/);
});

test("T10 a log that was emptied after a commit is noticed at the next one", async () => {
  const opened = await openFilled();
  truncateSync(`${opened.path}-wal`, 0);
  opened.look();
  await expect(opened.database.write([fill])).rejects.toThrow(/found a truncated file at .*-wal/);
});

test("T10 a database that another process vacuums shrinks without a fault", async () => {
  const { database, path, look, events, count: countRows } = await openFilled();
  const other = new Driver(path);
  const sizes: number[] = [];
  for (const rows of [31, 11]) {
    await database.write([{ sql: `DELETE FROM t WHERE rowid > ${rows}`, args: [] }]);
    other.exec("VACUUM");
    await database.write([insert]);
    other.exec("PRAGMA wal_checkpoint(RESTART)");
    sizes.push(statSync(path).size);
    look();
    await database.write([insert]);
  }
  other.close();
  expect(sizes[1]).toBeLessThan(sizes[0]!);
  expect([await countRows(), events]).toEqual([13, []]);
});

test("T10 a log that other processes fill, checkpoint, cut and begin again is whole", async () => {
  const { database, path, look, events, count: countRows } = await openFilled();
  const other = new Driver(path);
  other.exec("PRAGMA journal_size_limit = 8192");
  for (const mode of ["PASSIVE", "FULL", "RESTART", "TRUNCATE", "TRUNCATE", "RESTART"]) {
    for (let row = 0; row < 3; row += 1) other.exec(fill.sql);
    other.exec(`PRAGMA wal_checkpoint(${mode})`);
    if (mode !== "TRUNCATE") other.exec(fill.sql);
    await database.write([fill]);
    look();
    other.exec(`BEGIN; ${fill.sql}; ROLLBACK`);
    await database.write([fill]);
  }
  other.close();
  expect([await countRows(), events]).toEqual([61 + 6 * 5 + 4, []]);
});

test("T10 a commit in the place of one that was killed before it ended is no fault", async () => {
  const { database, path, look, events } = await openFilled();
  const before = statSync(`${path}-wal`).size;
  // What a process leaves in the log that is killed in its commit: frames that the index does not have.
  await database.write([fill, fill, fill, fill]);
  const killed = readFileSync(`${path}-wal`).subarray(before);
  await database.write([insert]);
  const file = openSync(`${path}-wal`, "r+");
  writeSync(file, killed, 0, killed.length, statSync(`${path}-wal`).size);
  closeSync(file);
  await database.write([insert]);
  for (let row = 0; row < 5; row += 1) await database.write([fill]);
  look();
  expect(events).toEqual([]);
});

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

test.each(["?authToken=s3cret", "#s3cret", "?authToken=s3cret/x"])(
  "T20 a file URL that ends in %s creates no file, and the error does not show it",
  async (end) => {
    const folder = await temporaryFolder();
    const url = `file:${join(folder, "a.db")}${end}`;
    const error =
      /^(?!.*s3cret)Cannot open the database: found a \? or # in the URL of a file, expected file:PATH/;
    expect(() => openFile(url)).toThrow(error);
    expect(readdirSync(folder)).toEqual([]);
  },
);

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
