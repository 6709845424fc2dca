/**
 * The walls of the house: who may import whom, and which words stay in which room. Imports point down only, so that the
 * rules know no database and the codecs know nothing but octets.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDatabase } from "./support/database.ts";
import { query } from "./support/sql.ts";

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

const leaves = [
  "src/limits.ts",
  "src/defaults.ts",
  "src/text-table.ts",
  "src/timing.ts",
  "src/udp-socket.ts",
];

const sources = ["src", "relay"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
    .map((path) => join(folder, path)),
);

const textOf = (path: string): string => readFileSync(join(root, path), "utf8");

/** The code of a source: its text without comments. */
const codeOf = (path: string): string =>
  textOf(path)
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/(?<=^|\s)\/\/.*$/gm, "");

/** What a source imports by a relative path, as paths from the root. */
const importsOf = (path: string): string[] =>
  [...codeOf(path).matchAll(/(?:from |import |import\()"(\.[^"]+)"/g)].map((match) =>
    join(dirname(path), match[1]!),
  );

/** The packages that a source imports. */
const packagesOf = (path: string): string[] =>
  [...codeOf(path).matchAll(/(?:from |import |import\()"([^."][^"]*)"/g)].map((match) => match[1]!);

const roomOf = (path: string): string | undefined =>
  Object.keys(mayImport).find((room) => path.startsWith(`${room}/`));

const inRooms = (...rooms: string[]) => sources.filter((path) => rooms.includes(roomOf(path) ?? ""));

test.each(sources)("%s imports from rooms below only", (path) => {
  const room = roomOf(path);
  if (room === undefined) expect([leaves.includes(path), importsOf(path)]).toEqual([true, []]);
  for (const imported of importsOf(path).filter((each) => !leaves.includes(each))) {
    expect([room, ...mayImport[room!]!], `${path} imports ${imported}`).toContain(roomOf(imported));
  }
});

/**
 * Rooms inside of a room, lowest first: folders, and files that stand alone. A room may import itself and the rooms
 * below it that it names. Anything else points up or makes a circle.
 */
const innerRooms: Record<string, Record<string, readonly string[]>> = {
  "src/store": {
    "principal.ts": [],
    database: ["principal.ts"],
    batch: ["database"],
    configuration: ["database", "principal.ts"],
    evidence: ["configuration", "database", "principal.ts"],
    "partition.ts": ["configuration", "batch", "database"],
    "store.ts": ["partition.ts", "evidence", "configuration", "database"],
  },
  relay: {
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
    service: ["relay.ts", "capture", "sockets", "config", "observer.ts", "reasons.ts", "endpoint.ts"],
    "main.ts": ["service", "config"],
    packaging: [],
  },
};

describe.each(Object.entries(innerRooms))("inside %s", (outer, rooms) => {
  const innerRoomOf = (path: string): string => relative(outer, path).split("/")[0]!;
  const inside = sources.filter((path) => path.startsWith(`${outer}/`));

  test("a room names rooms below it only, and every room exists", () => {
    const names = Object.keys(rooms);
    for (const [at, room] of names.entries()) {
      expect(names.slice(0, at), room).toEqual(expect.arrayContaining([...rooms[room]!]));
    }
    expect(new Set(inside.map(innerRoomOf))).toEqual(new Set(names));
  });

  test.each(inside)("%s imports from rooms below it only", (path) => {
    const room = innerRoomOf(path);
    for (const imported of importsOf(path).filter((each) => each.startsWith(`${outer}/`))) {
      expect([room, ...rooms[room]!], `${path} imports ${imported}`).toContain(innerRoomOf(imported));
    }
  });
});

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

test("no file imports itself, directly or through others", () => {
  expect(findCircle(sources, importsOf)).toBeUndefined();
});

/** Databases are spoken to in the store only, in SQL that nobody else sees. */
const databasePackages = ["libsql", "@libsql/client", "@libsql/client/http", "drizzle-orm"];

test.each(sources.filter((path) => !path.startsWith("src/store/")))(
  "%s has no database client and no SQL",
  (path) => {
    for (const name of packagesOf(path)) {
      expect(databasePackages.some((each) => name === each || name.startsWith("drizzle-orm/"))).toBe(false);
    }
    expect(codeOf(path)).not.toMatch(
      /\b(SELECT\s+\S+\s+FROM|INSERT INTO|DELETE FROM|UPDATE\s+\S+\s+SET|PRAGMA)\b/,
    );
  },
);

test.each(inRooms("src/http", "src/cli", "src/allocator", "src/runtime"))(
  "%s does not know that there are several databases",
  (path) => {
    const names = codeOf(path).replaceAll(/"[^"\n]*"/g, "");
    expect(names).not.toMatch(/\b(Databases|Place|Found|onlyDatabase|placeOf|allPlaces|homeOf)\b/);
    // A platform opens databases; what is opened goes into the store.
    const isEntry = path.startsWith("src/runtime/");
    const opened = importsOf(path).filter((each) => each.startsWith("src/store/database/"));
    if (!isEntry) expect(opened).toEqual([]);
  },
);

test.each(inRooms("src/wire", "src/portset", "src/lease", "src/declaration", "src/store", "src/allocator"))(
  "%s knows no HTTP framework",
  (path) => {
    expect(packagesOf(path).filter((name) => name === "hono" || name.startsWith("hono"))).toEqual([]);
  },
);

/** The clock of a server decides; all other SQL takes its time from the port. */
const serverClock = "src/store/database/server.ts";

test.each(sources.filter((path) => path !== serverClock))("%s asks no clock in SQL", (path) => {
  expect(codeOf(path)).not.toMatch(/unixepoch|strftime|julianday|CURRENT_TIME|datetime\(/);
});

test("no trigger asks a clock: the time is that of the batch", async () => {
  const database = await temporaryDatabase();
  const triggers = await query(database, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'");
  expect(triggers.length).toBeGreaterThan(10);
  for (const { name, sql } of triggers)
    expect(sql, String(name)).not.toMatch(/unixepoch|strftime|CURRENT_TIME/);
});
