/**
 * Checks which room may import which, and which words may appear in which room. Imports point down only, so that the
 * rules depend on no database and the codecs on nothing but octets.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDatabase } from "./support/database.ts";
import { query } from "./support/sql.ts";

const root = join(import.meta.dirname, "..");

/**
 * The rooms, lowest first. A room may import itself and the rooms that are listed for it, all of them below it. Every
 * room may import the leaves, which import at most those of {@link lowest}.
 */
const allowedImports: Record<string, readonly string[]> = {
  "src/wire": [],
  "src/portset": [],
  "src/log": [],
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
  "src/runtime": ["src/http", "src/allocator", "src/store", "src/declaration", "src/log", "src/wire"],
  "src/cli": [
    "src/runtime",
    "src/load",
    "src/client",
    "src/http",
    "src/allocator",
    "src/store",
    "src/declaration",
    "src/lease",
    "src/log",
    "src/portset",
    "src/wire",
    "relay",
  ],
  relay: ["src/log", "src/wire"],
};

/** Data, which any leaf may read. */
const manifest = "package.json";

/** Leaves, lowest first, that other leaves may import. */
const lowest = [
  "src/failure.ts",
  "src/help.ts",
  "src/file-fault.ts",
  "src/visible-text.ts",
  "src/program-output.ts",
];

const leaves = [
  "src/bundle.ts",
  "src/byte-order-mark.ts",
  "src/migrate-advice.ts",
  "src/clock-reading.ts",
  "src/completion.ts",
  "src/duration.ts",
  "src/environment.ts",
  ...lowest,
  "src/group-by.ts",
  "src/field-path.ts",
  "src/free-port.ts",
  "src/installed.ts",
  "src/is-record.ts",
  "src/limits.ts",
  "src/loop-watch.ts",
  "src/defaults.ts",
  "src/process-metrics.ts",
  "src/service-manager.ts",
  "src/setting-names.ts",
  "src/text-file.ts",
  "src/text-table.ts",
  "src/timing.ts",
  "src/udp-socket.ts",
  "src/usage-fault.ts",
  "src/version.ts",
];

const sources = ["src", "relay"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
    .map((path) => join(folder, path)),
);

const textOf = (path: string): string => readFileSync(join(root, path), "utf8");

/** @returns The text of a source file without its comments. */
const codeOf = (path: string): string =>
  textOf(path)
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/(?<=^|\s)\/\/.*$/gm, "");

/** @returns The files that a source file imports by relative path, as paths from the root. */
const importsOf = (path: string): string[] =>
  [...codeOf(path).matchAll(/(?:from |import |import\()"(\.[^"]+)"/g)]
    .map((match) => join(dirname(path), match[1]!))
    .filter((imported) => imported !== manifest);

/** @returns The packages that a source file imports. */
const packagesOf = (path: string): string[] =>
  [...codeOf(path).matchAll(/(?:from |import |import\()"([^."][^"]*)"/g)].map((match) => match[1]!);

const roomOf = (path: string): string | undefined =>
  Object.keys(allowedImports).find((room) => path.startsWith(`${room}/`));

const inRooms = (...rooms: string[]) => sources.filter((path) => rooms.includes(roomOf(path) ?? ""));

test.each(sources)("%s imports only from its room and rooms below it", (path) => {
  const room = roomOf(path);
  if (room === undefined) {
    const imported = importsOf(path).filter(
      (each) => !(lowest.includes(path) ? lowest.slice(0, lowest.indexOf(path)) : lowest).includes(each),
    );
    expect([leaves.includes(path), imported]).toEqual([true, []]);
  }
  for (const imported of importsOf(path).filter((each) => !leaves.includes(each))) {
    expect([room, ...allowedImports[room!]!], `${path} imports ${imported}`).toContain(roomOf(imported));
  }
});

/**
 * The inner rooms of a room, lowest first: its folders, and single files. An inner room may import itself and those
 * that are listed for it. Any other import points up or makes a cycle.
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
    uplink: ["config", "counters.ts", "messages", "observer.ts", "post.ts", "reasons.ts"],
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
    service: [
      "relay.ts",
      "capture",
      "sockets",
      "config",
      "counters.ts",
      "observer.ts",
      "reasons.ts",
      "endpoint.ts",
    ],
    "main.ts": ["service", "config"],
    packaging: [],
  },
};

describe.each(Object.entries(innerRooms))("inside %s", (outer, rooms) => {
  const innerRoomOf = (path: string): string => relative(outer, path).split("/")[0]!;
  const inside = sources.filter((path) => path.startsWith(`${outer}/`));

  test("a room lists only rooms below it, and every room exists", () => {
    const names = Object.keys(rooms);
    for (const [at, room] of names.entries()) {
      expect(names.slice(0, at), room).toEqual(expect.arrayContaining([...rooms[room]!]));
    }
    expect(new Set(inside.map(innerRoomOf))).toEqual(new Set(names));
  });

  test.each(inside)("%s imports only from its inner room and inner rooms below it", (path) => {
    const room = innerRoomOf(path);
    for (const imported of importsOf(path).filter((each) => each.startsWith(`${outer}/`))) {
      expect([room, ...rooms[room]!], `${path} imports ${imported}`).toContain(innerRoomOf(imported));
    }
  });
});

/** @returns The files of an import cycle, each importing the next, or undefined if there is no cycle. */
function findCycle(files: readonly string[], importsOfFile: (file: string) => readonly string[]) {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    const cycle = importsOfFile(file)
      .map((imported) => visit(imported, [...path, file]))
      .find((found) => found !== undefined);
    done.add(file);
    return cycle;
  };
  return files.map((file) => visit(file, [])).find((found) => found !== undefined);
}

test("findCycle() finds an import cycle", () => {
  const imports: Record<string, string[]> = { a: ["b"], b: ["c", "d"], c: [], d: ["b"] };
  expect(findCycle(["a"], (file) => imports[file]!)).toEqual(["b", "d", "b"]);
  expect(findCycle(["a"], (file) => imports[file]!.filter((each) => each !== "d"))).toBeUndefined();
});

test("no file imports itself, directly or through other files", () => {
  expect(findCycle(sources, importsOf)).toBeUndefined();
});

/** Packages that only the store may import: SQL stays in there. */
const databasePackages = ["libsql", "@libsql/client", "@libsql/client/http", "drizzle-orm"];

test.each(sources.filter((path) => !path.startsWith("src/store/")))(
  "%s imports no database client and has no SQL",
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
  "%s does not handle several databases",
  (path) => {
    const names = codeOf(path).replaceAll(/"[^"\n]*"/g, "");
    expect(names).not.toMatch(/\b(Databases|Place|Found|onlyDatabase|placeOf|allPlaces|homeOf)\b/);
    // Only an entry of a platform opens databases. It hands them to the store.
    const isEntry = path.startsWith("src/runtime/");
    const opened = importsOf(path).filter((each) => each.startsWith("src/store/database/"));
    if (!isEntry) expect(opened).toEqual([]);
  },
);

test.each(inRooms("src/wire", "src/portset", "src/lease", "src/declaration", "src/store", "src/allocator"))(
  "%s imports no HTTP framework",
  (path) => {
    expect(packagesOf(path).filter((name) => name === "hono" || name.startsWith("hono"))).toEqual([]);
  },
);

/** With a libSQL server, the server's clock decides. All other SQL gets the time from the database port. */
const serverClock = "src/store/database/server.ts";

test.each(sources.filter((path) => path !== serverClock))("%s reads no clock in SQL", (path) => {
  expect(codeOf(path)).not.toMatch(/unixepoch|strftime|julianday|CURRENT_TIME|datetime\(/);
});

test("no trigger reads a clock: the time is that of the batch", async () => {
  const database = await temporaryDatabase();
  const triggers = await query(database, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'");
  expect(triggers.length).toBeGreaterThan(10);
  for (const { name, sql } of triggers)
    expect(sql, String(name)).not.toMatch(/unixepoch|strftime|CURRENT_TIME/);
});
