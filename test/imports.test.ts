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

/**
 * The rooms inside the relay, lowest first: folders, and files that stand alone. A room may import itself, the rooms
 * below it that it names, `src/wire` and `src/limits.ts`. Anything else points up or makes a circle.
 */
const relayRooms: Record<string, readonly string[]> = {
  "reasons.ts": [],
  "endpoint.ts": [],
  "post.ts": [],
  "observer.ts": ["endpoint.ts", "post.ts"],
  messages: ["reasons.ts"],
  "counters.ts": ["messages", "reasons.ts"],
  information: ["messages"],
  config: ["information", "messages", "endpoint.ts"],
  sockets: ["config", "counters.ts", "messages", "observer.ts", "endpoint.ts"],
  uplink: ["config", "counters.ts", "observer.ts", "post.ts", "reasons.ts"],
  capture: ["observer.ts", "endpoint.ts"],
  "relay.ts": [
    "uplink",
    "sockets",
    "config",
    "information",
    "counters.ts",
    "messages",
    "observer.ts",
    "endpoint.ts",
  ],
  service: ["relay.ts", "capture", "sockets", "config", "observer.ts", "reasons.ts"],
  "main.ts": ["service", "config"],
  packaging: [],
};

const relayRoomOf = (path: string): string => relative("relay", path).split("/")[0]!;

/** What a source imports by a relative path, as paths from the root. */
const importsOf = (path: string): string[] =>
  [...readFileSync(join(root, path), "utf8").matchAll(/(?:from|import) "(\.[^"]+)"/g)].map((match) =>
    join(dirname(path), match[1]!),
  );

const relaySources = sources.filter((path) => path.startsWith("relay/"));

test("a room of the relay names rooms below it only, and every room exists", () => {
  const rooms = Object.keys(relayRooms);
  for (const [at, room] of rooms.entries()) {
    expect(rooms.slice(0, at), room).toEqual(expect.arrayContaining([...relayRooms[room]!]));
  }
  expect(new Set(relaySources.map(relayRoomOf))).toEqual(new Set(rooms));
});

test.each(relaySources)(
  "%s imports from rooms below it in the relay, src/wire and src/limits.ts only",
  (path) => {
    const room = relayRoomOf(path);
    for (const imported of importsOf(path)) {
      if (leaves.includes(imported) || imported.startsWith("src/wire/")) continue;
      expect(imported, `${path} imports ${imported}`).toMatch(/^relay\//);
      expect([room, ...relayRooms[room]!], `${path} imports ${imported}`).toContain(relayRoomOf(imported));
    }
  },
);

/** @returns The files of a circle of imports, each importing the next; undefined when there is none. */
function findCircle(files: readonly string[], importsOfFile: (file: string) => readonly string[]) {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    const circle = importsOfFile(file)
      .map((imported) => visit(imported, [...path, file]))
      .find((found) => found !== undefined);
    done.add(file);
    return circle;
  };
  return files.map((file) => visit(file, [])).find((found) => found !== undefined);
}

test("findCircle() finds a circle of imports", () => {
  const imports: Record<string, string[]> = { a: ["b"], b: ["c", "d"], c: [], d: ["b"] };
  expect(findCircle(["a"], (file) => imports[file]!)).toEqual(["b", "d", "b"]);
  expect(findCircle(["a"], (file) => imports[file]!.filter((each) => each !== "d"))).toBeUndefined();
});

test("no file of the relay imports itself, directly or through others", () => {
  const inRelay = (path: string) => importsOf(path).filter((imported) => imported.startsWith("relay/"));
  expect(findCircle(relaySources, inRelay)).toBeUndefined();
});
