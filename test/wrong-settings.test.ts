/**
 * Starts the real programs with wrong settings. Each says in one line which setting is wrong, what was found and what is
 * expected, prints nothing else, and ends.
 */
import { execFile, execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openFile } from "../src/store/database/file.ts";
import { migrateDatabase } from "../src/store/database/migrate.ts";
import { createAuthority } from "./relay/certificates.ts";
import { deno, filePermissions } from "./support/deno.ts";
import { findFreePort } from "../src/free-port.ts";
import { startAllocatorProcess, startProgram } from "./support/processes.ts";
import { whyWithout } from "./support/tools.ts";
import { allocatorRows } from "./wrong-settings/allocator.ts";
import { commandRows, everyCommand } from "./wrong-settings/commands.ts";
import { relayRows } from "./wrong-settings/relay.ts";
import { allocator, start, token } from "./wrong-settings/rows.ts";
import type { Row } from "./wrong-settings/rows.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "apportion-settings-"));

const programs = { relay: "relay/main.ts", apportion: "src/cli/main.ts" } as const;

/** Ports that are in use, and files that are wrong: their names in the rows stand for them. */
const ports = { TCP: 0, UDP: 0, REFUSING: 0, FAILING: 0, CLOSED: 0, EMPTY: 0 };
const closers: (() => void)[] = [];

async function listen(answer?: number): Promise<number> {
  const server = createServer((_, response) => response.writeHead(answer ?? 200).end("{}")).listen(
    0,
    "127.0.0.1",
  );
  closers.push(() => server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const files: Readonly<Record<string, string>> = {
  "text.db": "this is no database, however long its text may be ".repeat(30),
  "empty.db": "",
  "unknown.yaml":
    "domains:\n  - name: isp\n    serverIdentifier: 192.0.2.1\n    pools: []\n    colour: red\n",
  "unknown.json": '{\n  "domains": [],\n  "colour": 1\n}\n',
  "broken.yaml": "domains:\n  - name: [\n",
  "broken.json": '{"domains": \n',
  "unknown.toml": "[queue]\nlength = 9\nlenght = 9\n",
  "broken.toml": "[queue]\nlength =\n",
  "twice.toml": '[[listeners]]\naddress = "::1"\nport = 9\n[[listeners]]\naddress = "0::1"\nport = 9\n',
  "url.toml": '[allocator]\nurls = ["http://a:1/v1/relay"]\n',
  "level.toml": '[log]\nlevel = "loud"\n',
  "tls.toml": '[allocator]\ncertificateFile = "/no/cert"\nkeyFile = "/no/key"\n',
  "text.pem.toml": '[allocator]\ncertificateFile = "FOLDER/wire.log"\nkeyFile = "FOLDER/a.key"\n',
  "text.key.toml": '[allocator]\ncertificateFile = "FOLDER/a.pem"\nkeyFile = "FOLDER/wire.log"\n',
  "text.ca.toml": '[allocator]\ncaFile = "FOLDER/wire.log"\n',
  "other.key.toml": '[allocator]\ncertificateFile = "FOLDER/a.pem"\nkeyFile = "FOLDER/b.key"\n',
  "no.pem.toml": '[allocator]\ncertificateFile = "FOLDER/none.pem"\nkeyFile = "FOLDER/a.key"\n',
  "no.key.toml": '[allocator]\ncertificateFile = "FOLDER/a.pem"\n',
  "port.toml": '[[listeners]]\naddress = "::1"\nport = 65536\n',
  "metrics.toml": '[metrics]\nlisten = "127.0.0.1:abc"\n',
  "short.token": "short\n",
  "two.token": "one two\n",
  "relay.token": `${token}\n`,
  "wrong.token": "fedcba9876543210\n",
  "state.json": "[]",
  "state.toml": "domains = []\n",
  "nothing.yaml": "",
  "nobody.yaml": 'domains:\n  - name: a\n    prefixes: ["2001:db8::/32"]\n    serverIdentifier: 192.0.2.1\n',
  "types.yaml":
    'domains:\n  - name: a\n    prefixes: "2001:db8::/32"\n    serverIdentifier: 192.0.2.1\n    pools: []\n',
  "wire.log": "no record\n",
};

beforeAll(async () => {
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text.replaceAll("FOLDER", folder), { mode: 0o600 });
  }
  const authority = createAuthority(folder, "authority");
  for (const name of ["a", "b"]) authority.certify(name);
  mkdirSync(join(folder, "folder"));
  mkdirSync(join(folder, "locked"), { mode: 0o555 });
  const newer = openFile(`file:${join(folder, "newer.db")}`);
  await migrateDatabase(newer);
  const future = Date.parse("2199-01-01T00:00:00Z");
  await newer.migrate([
    { sql: "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('x', ?)", args: [future] },
  ]);
  newer.close();
  const unmigrated = openFile(`file:${join(folder, "unmigrated.db")}`);
  await unmigrated.migrate([{ sql: "CREATE TABLE other (id INTEGER)", args: [] }]);
  unmigrated.close();
  const whole = openFile(`file:${join(folder, "whole.db")}`);
  await migrateDatabase(whole);
  whole.close();
  for (const [name, owner] of [
    ["readable.db", 0],
    ["log.db", stranger],
    ["index.db", stranger],
  ] as const) {
    copyFileSync(join(folder, "whole.db"), join(folder, name));
    chmodSync(join(folder, name), 0o644);
    if (notRoot === "") chownSync(join(folder, name), owner, owner);
  }
  for (const name of ["log.db-wal", "index.db-shm"]) writeFileSync(join(folder, name), "", { mode: 0o644 });
  chmodSync(folder, 0o777);
  const socket = createSocket("udp6").bind(0, "::1");
  closers.push(() => socket.close());
  await once(socket, "listening");
  ports.UDP = socket.address().port;
  ports.TCP = await listen();
  ports.REFUSING = await listen(401);
  ports.EMPTY = await listen(404);
  ports.FAILING = await listen(500);
  ports.CLOSED = await findFreePort();
});

afterAll(() => {
  for (const close of closers) close();
  rmSync(folder, { recursive: true });
});

/** Replaces the names of ports and of the folder by what they stand for. */
function fill(text: string): string {
  const named = Object.entries(ports).reduce(
    (all, [name, port]) => all.replaceAll(`:${name}`, `:${port}`),
    text,
  );
  return named.replaceAll("FOLDER", folder);
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run({ command, through = [] }: Row): Promise<Ended> {
  const words = command.split(" ").map(fill);
  const isVariable = (word: string): boolean => /^[A-Z_]+=/.test(word);
  const environment = Object.fromEntries(
    words
      .filter(isVariable)
      .map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]),
  );
  const [program, ...args] = words.filter((word) => !isVariable(word));
  const file = join(root, programs[program as keyof typeof programs]);
  const whole = [...through, process.execPath, "--import", import.meta.resolve("tsx"), file, ...args].map(
    fill,
  );
  return new Promise((resolve) => {
    execFile(
      whole[0]!,
      whole.slice(1),
      { cwd: folder, env: { PATH: process.env.PATH, LOG_LEVEL: "silent", ...environment } },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code ?? -1);
        resolve({ code, stdout, stderr });
      },
    );
  });
}

test.each(["apportion", "relay"])("E18 %s --version prints the version of package.json", async (program) => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const ended = await run({ command: `${program} --version`, line: "" });
  expect(ended).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});

test.each([
  [start.replace("--http 127.0.0.1:0", "--http 127.0.0.1:TCP"), "start and its HTTP port"],
  [start.replace("--listen [::1]:0", "--listen [::1]:UDP"), "start and its UDP port"],
  [start.replace("--listen [::1]:0", "--interface none0"), "start and its interface"],
  [allocator.replace("127.0.0.1:0", "127.0.0.1:TCP"), "allocator and its port"],
])("E18 %s: what cannot be listened on is found before a database is made", async (command) => {
  const free = join(folder, "free.db");
  const ended = await run({ command: `${command} --database file:${free}`, line: "" });
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toMatch(/^Cannot listen .*\n$/);
  expect(existsSync(free)).toBe(false);
});

async function expectLine(row: Row): Promise<void> {
  const { code, stdout, stderr } = await run(row);
  expect({ code, stdout, stderr }).toEqual({
    code: row.code ?? 2,
    stdout: "",
    stderr: `${portsIn(fill(row.line))}\n`,
  });
}

/** A port stands without a colon, too. */
function portsIn(text: string): string {
  return text.replaceAll(/\bport TCP\b/g, `port ${ports.TCP}`);
}

/** The user `nobody`, to whom root's files belong to somebody else. */
const stranger = 65534;
const asStranger = ["setpriv", `--reuid=${stranger}`, `--regid=${stranger}`, "--clear-groups"];
const notRoot = process.getuid?.() === 0 ? whyWithout("setpriv") : " (skipped: not root)";

describe.skipIf(notRoot !== "")(`E18 on somebody else's files${notRoot}`, { timeout: 240_000 }, () => {
  test.each<Row>([
    {
      command: `${start} --database file:FOLDER/readable.db`,
      line: "Cannot open the database file:FOLDER/readable.db of --database: found a file that cannot be written (EACCES), expected one that user 65534 may write",
      through: asStranger,
    },
    {
      command: "apportion migrate --database file:FOLDER/log.db",
      line: "Cannot open the database file:FOLDER/log.db of --database: found FOLDER/log.db-wal, a file that cannot be written (EACCES), expected one that user 65534 may write",
      through: asStranger,
    },
    {
      command: `${allocator} --database file:FOLDER/index.db`,
      line: "Cannot open the database file:FOLDER/index.db of --database: found FOLDER/index.db-shm, a file that cannot be written (EACCES), expected one that user 65534 may write",
      through: asStranger,
    },
  ])("$command", expectLine);
});

/** Deno prints an error of its entry module with a stack. */
async function endedOnDeno(database: string): Promise<Ended> {
  const args = ["serve", "--no-prompt", "--port", "0", ...filePermissions(folder), "src/runtime/deno.ts"];
  const [file, ...before] = asStranger;
  const environment = {
    PATH: process.env.PATH,
    NO_COLOR: "1",
    DENO_DIR: join(folder, "deno"),
    APPORTION_DATABASE_URL: `file:${join(folder, database)}`,
    APPORTION_RELAY_TOKEN: token,
  };
  return new Promise((resolve) => {
    execFile(file!, [...before, deno!, ...args], { cwd: root, env: environment }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

const notOnDeno = deno === undefined ? " (skipped: no Deno)" : notRoot;

describe.skipIf(notOnDeno !== "")(`E18 on Deno${notOnDeno}`, { timeout: 240_000 }, () => {
  test.each([
    ["readable.db", "a file"],
    ["log.db", "FOLDER/log.db-wal, a file"],
    ["index.db", "FOLDER/index.db-shm, a file"],
  ])("%s is refused", async (name, found) => {
    const { code, stderr } = await endedOnDeno(name);
    const [line] = /^.*Cannot open .*$/m.exec(stderr) ?? [stderr];
    expect({ code, line }).toEqual({
      code: 2,
      line: fill(
        `Cannot open the database file:FOLDER/${name} of APPORTION_DATABASE_URL: found ${found} that cannot be written (EACCES), expected one that the user of this process may write`,
      ),
    });
  });
});

/** Root may write everywhere, except on a file system that is mounted read-only. */
const readOnly = [
  ...["unshare", "--mount", "sh", "-c"],
  'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"',
  "FOLDER",
];

function whyNotMounted(): string {
  const without = whyWithout("unshare", "mount");
  if (without !== "") return without;
  try {
    execFileSync("unshare", ["--mount", "mount", "--bind", tmpdir(), tmpdir()], { stdio: "ignore" });
    return "";
  } catch {
    return " (skipped: may not mount)";
  }
}

const notMounted = whyNotMounted();

describe.skipIf(notMounted !== "")(`on a read-only file system${notMounted}`, { timeout: 240_000 }, () => {
  test.each<Row>([
    {
      command: "apportion migrate --database file:FOLDER/empty.db",
      line: "Cannot open the database file:FOLDER/empty.db of --database: found a file that cannot be written (EROFS), expected one that user 0 may write",
      through: readOnly,
    },
    {
      command: "apportion migrate --database file:FOLDER/new.db",
      line: "Cannot open the database file:FOLDER/new.db of --database: found a folder FOLDER that cannot be written (EROFS), expected one that user 0 may write",
      through: readOnly,
    },
  ])("$command", expectLine);
});

/** The long list comes late, so that a broken guard of the tests above is noticed soon. */
describe("E18 a wrong setting is told in one line", { concurrent: true, timeout: 240_000 }, () => {
  test.each(allocatorRows)("$command", async (row) => expectLine(row));
  test.each(commandRows)("$command", async (row) => expectLine(row));
  test.each(everyCommand)("$command", async (row) => expectLine(row));
  test.each(relayRows)("$command", async (row) => expectLine(row));
});

describe("a service waits for what may come back, and says so", { timeout: 240_000 }, () => {
  test("an allocator whose database server is away tries it again", async () => {
    const url = `http://127.0.0.1:${ports.CLOSED}`;
    const { child, log } = startProgram("apportion", ["allocator", "--http", "127.0.0.1:0"], {
      APPORTION_DATABASE_URL: url,
      APPORTION_RELAY_TOKEN: token,
      APPORTION_ADMN_TOKEN: token,
    });
    while (log.length < 2) await once(child.stderr!, "data");
    const lines = log.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toMatchObject([
      {
        level: 40,
        msg: "APPORTION_ADMN_TOKEN: found a variable that nothing reads, expected APPORTION_ADMIN_TOKEN?",
      },
      {
        level: 40,
        error: `Cannot open the database ${url}/ of APPORTION_DATABASE_URL: found no answer (ECONNREFUSED), expected a libSQL server that runs at this URL`,
        msg: "not serving yet: trying again in 5 s",
      },
    ]);
    expect(child.exitCode).toBeNull();
  });

  test("a relay whose allocator is away serves, and says so", async () => {
    const { child, logged } = startProgram("relay", ["--listen", "[::1]:0"], {
      APPORTION_ALLOCATOR_URL: `http://127.0.0.1:${ports.CLOSED}`,
      APPORTION_RELAY_TOKEN: token,
    });
    expect(await logged("allocator unavailable: retrying after a pause")).toMatchObject({
      level: 40,
      allocator: `http://127.0.0.1:${ports.CLOSED}/`,
      detail: `connect ECONNREFUSED 127.0.0.1:${ports.CLOSED}`,
    });
    expect(child.exitCode).toBeNull();
  });

  const noAllocator =
    "found no allocator at this URL: expected --allocator, APPORTION_ALLOCATOR_URL or allocator.urls to name one";
  const tokens = { relayToken: "another-token-of-relays", adminToken: "the-token-of-the-operator" };
  const refuses = (setting: string): string =>
    `allocator refuses the token of ${setting}: expected one of scope relay that this allocator knows`;
  test.each<
    [
      what: string,
      port: keyof typeof ports | "a real allocator",
      flags: readonly string[],
      msg: string,
      detail: string,
    ]
  >([
    [
      "refuses its token",
      "a real allocator",
      [],
      refuses("APPORTION_RELAY_TOKEN"),
      "Status is 401, expected 200: wrong token?",
    ],
    [
      "refuses the token of its file",
      "a real allocator",
      ["--token-file", join(folder, "wrong.token")],
      refuses("--token-file or allocator.tokenFile"),
      "Status is 401, expected 200: wrong token?",
    ],
    ["is not there (404)", "EMPTY", [], noAllocator, "Status is 404, expected 200: wrong URL?"],
    ["is another program", "TCP", [], noAllocator, "Content type is none, expected application/octet-stream"],
  ])("a relay whose allocator %s serves, and says so at its start", async (_, port, flags, msg, detail) => {
    const url =
      port === "a real allocator"
        ? (await startAllocatorProcess(`file:${join(folder, "guarded.db")}`, tokens)).url
        : `http://127.0.0.1:${ports[port]}`;
    const { child, logged } = startProgram("relay", ["--listen", "[::1]:0", ...flags], {
      APPORTION_ALLOCATOR_URL: url,
      APPORTION_RELAY_TOKEN: token,
    });
    expect(await logged(msg)).toMatchObject({ level: 40, allocator: `${url}/`, detail });
    expect(child.exitCode).toBeNull();
  });
});
