/**
 * The rooms of the house: who may import whom. Imports point downward only, so that the rules know no database, and
 * the codecs know nothing but octets.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

/**
 * The rooms, lowest first. A room may import itself and the rooms below it that it names. The leaves are open to all,
 * and import nothing.
 */
const mayImport: Record<string, readonly string[]> = {
  "src/wire": [],
  "src/portset": [],
  "src/lease": ["src/wire", "src/portset"],
  "src/declaration": ["src/wire", "src/portset"],
  "src/binding-table": ["src/lease", "src/wire", "src/portset"],
  "src/store": ["src/declaration", "src/lease", "src/portset", "src/wire"],
  "src/allocator": ["src/store", "src/lease", "src/wire"],
  "src/http": [
    "src/allocator",
    "src/binding-table",
    "src/store",
    "src/declaration",
    "src/lease",
    "src/portset",
    "src/wire",
  ],
  "src/client": ["src/portset", "src/wire"],
  "src/load": ["src/client", "src/portset", "src/wire"],
  "src/runtime": ["src/http", "src/allocator", "src/store", "src/declaration"],
  "src/cli": [
    "src/runtime",
    "src/load",
    "src/client",
    "src/http",
    "src/allocator",
    "src/store",
    "src/declaration",
    "src/lease",
    "src/portset",
    "src/wire",
    "relay",
  ],
  relay: ["src/wire"],
};

const leaves = ["src/limits.ts", "src/defaults.ts", "src/text-table.ts", "src/timing.ts"];

const roomOf = (path: string): string | undefined =>
  Object.keys(mayImport).find((room) => path.startsWith(`${room}/`));

const sources = ["src", "relay"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
    .map((path) => join(folder, path)),
);

test.each(sources)("%s imports from rooms below only", (path) => {
  const room = roomOf(path);
  const imports = [...readFileSync(join(root, path), "utf8").matchAll(/from "(\.[^"]+)"/g)].map((match) =>
    relative(root, join(root, dirname(path), match[1]!)),
  );
  if (room === undefined) expect([leaves.includes(path), imports]).toEqual([true, []]);
  for (const imported of imports.filter((each) => !leaves.includes(each))) {
    expect([room, ...mayImport[room!]!], `${path} imports ${imported}`).toContain(roomOf(imported));
  }
});
