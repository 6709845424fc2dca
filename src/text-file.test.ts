import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readTextFile } from "./text-file.ts";

const folder = mkdtempSync(join(tmpdir(), "apportion-text-file-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const rules = { octetsMax: 32, expected: "a note" };
const fileOf = (content: string | Uint8Array): string => {
  const path = join(folder, "file");
  writeFileSync(path, content);
  return path;
};

test.each([
  ["text", "Zürich\n", "Zürich\n"],
  ["nothing", "", ""],
  ["as much as is allowed", "x".repeat(32), "x".repeat(32)],
  ["a byte order mark", "\ufeffa=1", "a=1"],
])("readTextFile() reads a file with %s", (_what, content, text) => {
  expect(readTextFile(fileOf(content), rules)).toBe(text);
});

test.each<[what: string, path: () => string, message: RegExp]>([
  ["a longer file", () => fileOf("x".repeat(33)), /^found a longer file, expected at most 32 octets$/],
  ["no file", () => join(folder, "none"), /^found no such file, expected a note$/],
  ["a folder", () => folder, /^found a folder, expected a note$/],
  ["a device without an end", () => "/dev/zero", /^found a device or socket, expected a note$/],
  ["a pipe without a writer", namedPipe, /^found a named pipe, expected a note$/],
  ["UTF-16", () => fileOf(Buffer.from("\ufeffa=1", "utf16le")), /^found UTF-16, expected UTF-8$/],
  [
    "other octets",
    () => fileOf(Uint8Array.of(0x80, 0xff)),
    /^found octets that are no UTF-8, expected a note$/,
  ],
  ["a database", () => fileOf(`SQLite format 3\0${"x".repeat(99)}`), /^found a database, expected a note$/],
])("readTextFile() refuses %s", (_what, path, message) => {
  expect(() => readTextFile(path(), rules)).toThrow(message);
});

function namedPipe(): string {
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  return path;
}
