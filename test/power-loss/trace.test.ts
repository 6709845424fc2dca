/**
 * Reading the output of strace.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { readTrace } from "./trace.ts";

const files = { database: "/d/a.db", marks: "/marks" };
const hex = (text: string) =>
  [...Buffer.from(text)].map((octet) => `\\x${octet.toString(16).padStart(2, "0")}`).join("");
const onFile = (descriptor: number, path: string) => `${descriptor}<${hex(path)}>`;
const create = `9 openat(AT_FDCWD<${hex("/")}>, "${hex("/d/a.db")}", O_RDWR|O_CREAT, 0600) = 3<${hex("/d/a.db")}>`;

async function read(...lines: string[]) {
  const path = join(await temporaryFolder(), "trace");
  await writeFile(path, lines.map((line) => `${line}\n`).join(""));
  return readTrace(path, files);
}

test("readTrace() reads writes, syncs and marks in their order", async () => {
  const events = await read(
    create,
    `9 pwrite64(${onFile(3, "/d/a.db")}, "${hex("page")}", 4, 4096) = 4`,
    `9 pwrite64(${onFile(5, "/marks")}, "${hex("done")}", 4, 0) = 4`,
    `9 pwrite64(${onFile(4, "/d/a.db-shm")}, "${hex("x")}", 1, 0) = 1`,
    `9 pwrite64(${onFile(6, "/other")}, "${hex("x")}", 1, 0) = 1`,
    `9 fsync(${onFile(3, "/d/a.db")}) = 0`,
    `9 fsync(${onFile(7, "/d")}) = 0`,
    `9 ftruncate(${onFile(3, "/d/a.db")}, 2) = 0`,
    `9 unlink("${hex("/d/a.db")}") = 0`,
  );
  expect(events).toEqual([
    { kind: "create", path: "/d/a.db", file: 0 },
    { kind: "write", file: 0, offset: 4096, data: Buffer.from("page") },
    { kind: "mark", text: "done" },
    { kind: "sync", file: 0, from: 3 },
    { kind: "sync-folder", from: 4 },
    { kind: "truncate", file: 0, length: 2 },
    { kind: "unlink", path: "/d/a.db" },
  ]);
});

test("readTrace() takes a sync that another thread interrupts from where it began", async () => {
  const events = await read(
    create,
    `9 fsync(${onFile(3, "/d/a.db")} <unfinished ...>`,
    `8 pwrite64(${onFile(3, "/d/a.db")}, "${hex("page")}", 4, 0) = 4`,
    "9 <... fsync resumed>) = 0",
  );
  expect(events.at(-1)).toEqual({ kind: "sync", file: 0, from: 1 });
});

test("readTrace() ignores calls that failed, and keeps what a short write wrote", async () => {
  const events = await read(
    create,
    `9 pwrite64(${onFile(3, "/d/a.db")}, "${hex("page")}", 4, 0) = -1 ENOSPC (No space left on device)`,
    `9 pwrite64(${onFile(3, "/d/a.db")}, "${hex("page")}", 4, 0) = 2`,
  );
  expect(events.slice(1)).toEqual([{ kind: "write", file: 0, offset: 0, data: Buffer.from("pa") }]);
});

test.each([
  `9 write(${onFile(3, "/d/a.db")}, "${hex("page")}", 4) = 4`,
  `9 fallocate(${onFile(3, "/d/a.db")}, 0, 0, 4096) = 0`,
  `9 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, ${onFile(3, "/d/a.db")}, 0) = 0x7f0000000000`,
  `9 rename("${hex("/d/a.db")}", "${hex("/d/b.db")}") = 0`,
  "9 io_uring_setup(8, {}) = 4",
  `9 pwrite64(${onFile(3, "/d/a.db")}, "${hex("pa")}"..., 4, 0) = 4`,
  `9 openat(AT_FDCWD<${hex("/")}>, "${hex("/d/a.db-wal")}", O_RDWR|O_CREAT|O_TRUNC, 0600) = 4<${hex("/d/a.db-wal")}>`,
])("readTrace() refuses what it cannot replay: %s", async (line) => {
  await expect(read(create, line)).rejects.toThrow(/^Cannot replay/);
});
