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
  readdirSync,
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

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "apportion-settings-"));
const token = "0123456789abcdef";

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

interface Row {
  /** The program, its arguments, and variables as `NAME=value`. */
  readonly command: string;
  /** What standard error has. */
  readonly line: string;
  /** Default: 2, of a wrong setting. */
  readonly code?: number;
  /** A command that runs the program in another way. */
  readonly through?: readonly string[];
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

const migrations = readdirSync(join(root, "migrations")).filter((name) => name.endsWith(".sql")).length;
const usage = "Cannot read the command line:";
const relay = `relay APPORTION_RELAY_TOKEN=${token} --listen [::1]:0`;
const allocator = `apportion APPORTION_RELAY_TOKEN=${token} allocator --http 127.0.0.1:0`;
const start = "apportion start --http 127.0.0.1:0 --listen [::1]:0";
const admin = `apportion APPORTION_ADMIN_TOKEN=${token} admin`;
const notDatabase =
  "found another kind of file, expected a database: correct the path, or move the file away";
const newer =
  "found 1 unknown migration(s), the last of 2199-01-01T00:00:00.000Z, expected a database of this release or an " +
  "earlier one: install the release that migrated it";
const databaseUrls = 'expected "file:PATH", "https://…", "http://…" or "libsql://…"';
const listenForm = 'expected "HOST:PORT" with a port from 0 to 65535, and IPv6 addresses in brackets';

const noListenPort = `${usage} --listen: found "[::1]:abc", expected "[ADDRESS]:PORT" or "[ADDRESS]:PORT,link=ADDRESS"`;
const metricsForm = 'expected "HOST:PORT" with a port of 0 to 65535, and IPv6 in brackets';

const allocatorRows: readonly Row[] = [
  {
    command: `${start} --database file:FOLDER/a1.db --http 127.0.0.1:TCP`,
    line: "Cannot listen for HTTP on 127.0.0.1:TCP of --http: found it in use (EADDRINUSE), expected a port that no other process uses: end that one, or choose another port",
    code: 1,
  },
  {
    command: `${allocator} --database file:FOLDER/a2.db --http 192.0.2.77:1`,
    line: "Cannot listen for HTTP on 192.0.2.77:1 of --http: found an address that this host does not have (EADDRNOTAVAIL), expected one of its own",
    code: 1,
  },
  {
    command: "apportion start --http 127.0.0.1:70000",
    line: `${usage} --http: found "127.0.0.1:70000", ${listenForm}`,
  },
  ...["65536", "abc"].flatMap((port) => [
    {
      command: `apportion start --http 127.0.0.1:${port}`,
      line: `${usage} --http: found "127.0.0.1:${port}", ${listenForm}`,
    },
    {
      command: `${allocator} --http 127.0.0.1:${port}`,
      line: `${usage} --http: found "127.0.0.1:${port}", ${listenForm}`,
    },
  ]),
  { command: `${start} --listen [::1]:abc`, line: noListenPort },
  {
    command: `${start} --listen [::1]:70000`,
    line: 'Cannot configure the relay: --listen: found "70000", expected a whole number of 0 to 65535',
  },
  {
    command: `${start} --database file:FOLDER/text.db`,
    line: `Cannot open the database file:FOLDER/text.db of --database: ${notDatabase}`,
  },
  {
    command: `${start} --database file:FOLDER/folder`,
    line: "Cannot open the database file:FOLDER/folder of --database: found a folder, expected a file, or a name that is free",
  },
  {
    command: `${start} --database file:FOLDER/text.db/a.db`,
    line: "Cannot open the database file:FOLDER/text.db/a.db of --database: found a file in the place of the folder FOLDER/text.db, expected a folder",
  },
  {
    command: `${allocator} --database file:FOLDER/foldr/a.db`,
    line: "Cannot open the database file:FOLDER/foldr/a.db of --database: found no folder FOLDER/foldr, expected it to exist: create it, or correct the path",
  },
  {
    command: `${allocator} APPORTION_DATABASE_URL=file:FOLDER/newer.db`,
    line: `Cannot use the database of APPORTION_DATABASE_URL: ${newer}`,
    code: 1,
  },
  {
    command: `${allocator} --database http://127.0.0.1:REFUSING`,
    line: "Cannot open the database http://127.0.0.1:REFUSING/ of --database: found status 401, expected a token that the server accepts, in APPORTION_DATABASE_TOKEN",
    code: 1,
  },
  {
    command: `${allocator} --database http://127.0.0.1:FAILING`,
    line: "Cannot open the database http://127.0.0.1:FAILING/ of --database: found status 500, expected a libSQL server at this URL",
    code: 3,
  },
  {
    command: `${start} --databse x`,
    line: `${usage} --databse: found an unknown flag, expected --database, or another that --help lists`,
  },
  {
    command: "apportion strat",
    line: `${usage} strat: found an unknown command, expected start, or another that --help lists`,
  },
  {
    command: `${start} --database file:FOLDER/a3.db LOG_LEVEL=loud`,
    line: 'Cannot read the command line: LOG_LEVEL: found "loud", expected one of debug, info, warn, error, silent',
  },
  {
    command: `${start} --database file:FOLDER/a4.db APPORTION_ADMIN_TOKEN=short`,
    line: "Cannot start: APPORTION_ADMIN_TOKEN: found an invalid value, expected at least 16 characters",
  },
  {
    command: `${start} --config FOLDER/none.yaml`,
    line: "Cannot read FOLDER/none.yaml: found no such file, expected a declared state",
  },
  {
    command: `${start} --config FOLDER/folder`,
    line: "Cannot read FOLDER/folder: found a folder, expected a declared state",
  },
  {
    command: `${start} --config FOLDER/unknown.yaml`,
    line: 'Cannot read FOLDER/unknown.yaml: line 5: domains.0.colour: found "colour", expected no field of this name',
  },
  {
    command: `${start} --config FOLDER/unknown.json`,
    line: 'Cannot read FOLDER/unknown.json: line 3: colour: found "colour", expected no field of this name',
  },
  {
    command: `${start} --config FOLDER/broken.json`,
    line: "Cannot read FOLDER/broken.json: found no JSON (Unexpected end of JSON input), expected JSON, or YAML in a file whose name ends in .yaml or .yml",
  },
  {
    command: `${start} --config FOLDER/state.toml`,
    line: `Cannot read FOLDER/state.toml: found no JSON (Unexpected token 'd', "domains = [] " is not valid JSON), expected JSON, or YAML in a file whose name ends in .yaml or .yml`,
  },
  {
    command: `${start} --config FOLDER/nothing.yaml`,
    line: "Cannot read FOLDER/nothing.yaml: (top level): found null, expected an object",
  },
  {
    command: `${start} --config FOLDER/nobody.yaml`,
    line: "Cannot read FOLDER/nobody.yaml: line 2: domains.0.pools: found nothing, expected this field",
  },
  {
    command: `${start} --config FOLDER/types.yaml`,
    line: 'Cannot read FOLDER/types.yaml: line 3: domains.0.prefixes: found "2001:db8::/32", expected a list',
  },
  {
    command: "apportion allocator APPORTION_DATABASE_URL=file:a.db",
    line: "Cannot configure the allocator: APPORTION_RELAY_TOKEN: found nothing, expected the secret that the relays present",
  },
  {
    command: "apportion allocator APPORTION_DATABASE_URL=file:a.db APPORTION_RELAY_TOKEN=short",
    line: "Cannot configure the allocator: APPORTION_RELAY_TOKEN: found an invalid value, expected at least 16 characters",
  },
  {
    command: allocator,
    line: 'Cannot configure the allocator: APPORTION_DATABASE_URL: found nothing, expected "file:PATH", "https://…", "http://…" or "libsql://…"',
  },
  {
    command: `${allocator} --database data/a.db`,
    line: `Cannot configure the allocator: APPORTION_DATABASE_URL: found an invalid value, ${databaseUrls}`,
  },
  {
    command: `${allocator} --database ftp://a`,
    line: `Cannot configure the allocator: APPORTION_DATABASE_URL: found an invalid value, ${databaseUrls}`,
  },
  {
    command: `${allocator} --database file:a.db APPORTION_PLACEMENTS=none`,
    line: 'Cannot configure the allocator: APPORTION_PLACEMENTS: found an invalid value, expected JSON: {"DOMAIN": {"url": …, "token": …}}',
  },
  {
    command: `${allocator} --database file:a.db APPORTION_HISTORY_DAYS=many`,
    line: `${usage} APPORTION_HISTORY_DAYS: found "many", expected 1 to 36500 days`,
  },
  {
    command: `${allocator} --database file:a.db --binding-log-days 0`,
    line: `${usage} --binding-log-days: found "0", expected 1 to 36500 days`,
  },
];

const commandRows: readonly Row[] = [
  {
    command: "apportion migrate",
    line: `${usage} --database: found nothing, expected a value, here or in APPORTION_DATABASE_URL`,
  },
  {
    command: "apportion migrate --database file:FOLDER/text.db",
    line: `Cannot open the database file:FOLDER/text.db of --database: ${notDatabase}`,
  },
  {
    command: "apportion migrate --database file:FOLDER/text.db --url file:FOLDER/text.db",
    line: `${usage} --url: found an unknown flag, expected one that --help lists`,
  },
  {
    command: "apportion migrate --database data/a.db",
    line: "Cannot open the database of --database: found an invalid URL, expected https://…, http://… or libsql://…",
  },
  {
    command: "apportion migrate --database http://127.0.0.1:1",
    line: "Cannot open the database http://127.0.0.1:1/ of --database: found no answer (ECONNREFUSED), expected a libSQL server that runs at this URL",
    code: 3,
  },
  {
    command: "apportion migrate APPORTION_DATABASE_URL=file:FOLDER/newer.db",
    line: `Cannot use the database of APPORTION_DATABASE_URL: ${newer}`,
    code: 1,
  },
  {
    command: "apportion verify --database file:FOLDER/none.db",
    line: "Cannot open the database file:FOLDER/none.db of --database: found no file, expected a database: correct the path",
  },
  {
    command: "apportion verify --database file:FOLDER/empty.db",
    line: `Cannot use the database of --database: found a schema that lacks ${migrations} of ${migrations} migrations, expected all: run \`npm run migrate\``,
    code: 1,
  },
  {
    command: "apportion verify --database file:FOLDER/newer.db",
    line: `Cannot use the database of --database: ${newer}`,
    code: 1,
  },
  {
    command: "apportion verify --database file:FOLDER/whole.db --wire-log FOLDER/none.log",
    line: "Cannot read FOLDER/none.log: found no such file, expected a wire log",
  },
  {
    command: "apportion housekeeping --database file:FOLDER/none.db",
    line: "Cannot open the database file:FOLDER/none.db of --database: found no file, expected a database: correct the path",
  },
  {
    command: "apportion housekeeping APPORTION_DATABASE_URL=http://127.0.0.1:1",
    line: "Cannot open the database http://127.0.0.1:1/ of APPORTION_DATABASE_URL: found no answer (ECONNREFUSED), expected a libSQL server that runs at this URL",
    code: 3,
  },
  ...["migrate --database file:FOLDER/whole.db", "housekeeping --database file:FOLDER/whole.db"].flatMap(
    (command) => [
      {
        command: `apportion ${command} --token-file FOLDER/none`,
        line: `${usage} --token-file: found "FOLDER/none", expected a file that can be read (ENOENT)`,
      },
      {
        command: `apportion ${command} --token-file FOLDER/relay.token --token x`,
        line: `${usage} --token-file: found --token beside it, expected one of them`,
      },
    ],
  ),
  {
    command: "apportion admin --token-file FOLDER/folder domains list",
    line: `${usage} --token-file: found "FOLDER/folder", expected a file that can be read (EISDIR)`,
  },
  {
    command: "apportion admin --token-file FOLDER/two.token domains list",
    line: `${usage} --token-file: found "FOLDER/two.token", expected a file with one token`,
  },
  {
    command: "apportion admin --token x --token-file FOLDER/relay.token domains list",
    line: `${usage} --token-file: found --token beside it, expected one of them`,
  },
  {
    command: "apportion admin domains list",
    line: "Cannot call the API: found no token, expected --token-file, --token or APPORTION_ADMIN_TOKEN",
  },
  {
    command: `${admin} --api http://127.0.0.1:CLOSED domains list`,
    line: "Cannot reach the allocator http://127.0.0.1:CLOSED: found no answer (ECONNREFUSED), expected an allocator that runs: start it, or correct --api or APPORTION_URL",
    code: 3,
  },
  {
    command: `${admin} --api localhost:8467 domains list`,
    line: "Cannot call the API: found an invalid URL in --api or APPORTION_URL, expected http(s)://HOST[:PORT]",
  },
  {
    command: `${admin} --api http://127.0.0.1:CLOSED/admin/v1 pools list`,
    line: 'Cannot call the API: found "http://127.0.0.1:CLOSED/admin/v1" in --api, expected "http://127.0.0.1:CLOSED": the command adds the path of the API',
  },
  {
    command: `APPORTION_URL=https://a.example/lab/admin/v1/ ${admin} pools list`,
    line: 'Cannot call the API: found "https://a.example/lab/admin/v1/" in APPORTION_URL, expected "https://a.example/lab": the command adds the path of the API',
  },
  {
    command: `${admin} --api http://127.0.0.1:CLOSED/v1/relay metrics`,
    line: 'Cannot call the API: found "http://127.0.0.1:CLOSED/v1/relay" in --api, expected "http://127.0.0.1:CLOSED": the command adds the path of the API',
  },
  {
    command: `${admin} --api http://127.0.0.1:CLOSED?dryRun=true pools list`,
    line: 'Cannot call the API: found a query or a fragment in --api, expected "http://127.0.0.1:CLOSED": the command adds the path of the API',
  },
  {
    command: `${admin} domains put a FOLDER/none.yaml`,
    line: "Cannot read FOLDER/none.yaml: found no such file, expected JSON or YAML",
  },
  {
    command: `${admin} domans list`,
    line: `${usage} domans: found an unknown command, expected domains, or another that --help lists`,
  },
  {
    command: `APPORTION_ADMN_TOKEN=x ${admin} --api http://127.0.0.1:REFUSING domains list`,
    line: "warning: APPORTION_ADMN_TOKEN: found a variable that nothing reads, expected APPORTION_ADMIN_TOKEN?\nCannot call the API: found status 401, expected success",
    code: 1,
  },
  {
    command: "apportion client lease --port 70000",
    line: `${usage} --port: found "70000", expected an integer from 1 to 65535`,
  },
  {
    command: "apportion client lease --server 192.0.2.1",
    line: `${usage} --server: found "192.0.2.1", expected an IPv6 address such as 2001:db8::1`,
  },
  {
    command: "apportion client lease --server ff02::1:2 --interface none0",
    line: "Cannot use --interface none0: found no such interface, expected one that is up and has an address",
  },
  {
    command: "apportion client lease --state FOLDER/folder",
    line: "Cannot read --state FOLDER/folder: found a folder, expected a state file",
  },
];

/** What every command does about a flag that it does not have, a server that is away, and a file that is not there. */
const everyCommand: readonly Row[] = [
  ...[
    "allocator",
    "relay status",
    "client lease",
    "load",
    "admin domains list",
    "check",
    "verify --database file:a.db",
    "housekeeping --database file:a.db",
  ].map((command) => ({
    command: `apportion ${command} --nonsense`,
    line: `${usage} --nonsense: found an unknown flag, expected one that --help lists`,
  })),
  {
    command: "apportion complete csh",
    line: `${usage} <shell>: found "csh", expected one of zsh, bash, fish, powershell`,
  },
  {
    command: "apportion verify --database http://127.0.0.1:1",
    line: "Cannot open the database http://127.0.0.1:1/ of --database: found no answer (ECONNREFUSED), expected a libSQL server that runs at this URL",
    code: 3,
  },
  {
    command: "apportion check FOLDER/nobody.yaml --database http://127.0.0.1:1",
    line: "FOLDER/nobody.yaml:2: domains.0.pools: found nothing, expected this field",
  },
  {
    command: "apportion client lease --port 9 --timeout 1 --state FOLDER/leases.json",
    line: "No offer from ::1 port 9 in 1 s: sent 1 query",
    code: 3,
  },
  ...["start --http 127.0.0.1:0 --listen [::1]:0", "migrate --database file:FOLDER/whole.db"].map(
    (command) => ({
      command: `apportion ${command} --config FOLDER/none.yaml`,
      line: "Cannot read FOLDER/none.yaml: found no such file, expected a declared state",
    }),
  ),
  {
    command: `${allocator} --database file:FOLDER/whole.db --config FOLDER/none.yaml`,
    line: "Cannot read FOLDER/none.yaml: found no such file, expected a declared state",
  },
  ...["plan", "apply"].map((command) => ({
    command: `${admin} ${command} FOLDER/none.yaml`,
    line: "Cannot read FOLDER/none.yaml: found no such file, expected JSON or YAML",
  })),
];

const inFile = (name: string, line: number): string => `Cannot configure the relay: FOLDER/${name}:${line}:`;

const relayRows: readonly Row[] = [
  {
    command: "relay --listen [::1]:0",
    line: "Cannot configure the relay: APPORTION_RELAY_TOKEN: found nothing, expected the token of the relay, here, in a tokenFile or in a systemd credential",
  },
  {
    command: `${relay} --config FOLDER/none.toml`,
    line: "Cannot configure the relay: FOLDER/none.toml: found no such file, expected a readable file",
  },
  {
    command: `${relay} --config FOLDER/folder`,
    line: "Cannot configure the relay: FOLDER/folder: found a folder, expected a readable file",
  },
  {
    command: `${relay} --config FOLDER/unknown.toml`,
    line: `${inFile("unknown.toml", 3)} queue.lenght: found an unknown name, expected one of length, octets, deadlineMs, receiveBufferOctets`,
  },
  {
    command: `${relay} --config FOLDER/text.pem.toml`,
    line: `${inFile("text.pem.toml", 2)} allocator.certificateFile: found no certificate that can be read, expected PEM`,
  },
  {
    command: `${relay} --config FOLDER/text.key.toml`,
    line: `${inFile("text.key.toml", 3)} allocator.keyFile: found no private key that can be read, expected PEM`,
  },
  {
    command: `${relay} --config FOLDER/text.ca.toml`,
    line: `${inFile("text.ca.toml", 2)} allocator.caFile: found no certificate that can be read, expected PEM`,
  },
  {
    command: "relay check FOLDER/other.key.toml",
    line: `${inFile("other.key.toml", 3)} allocator.keyFile: found the key of another certificate, expected that of certificateFile`,
  },
  {
    command: `${relay} --config FOLDER/no.pem.toml`,
    line: `${inFile("no.pem.toml", 2)} allocator.certificateFile: found no such file, expected a readable file at FOLDER/none.pem`,
  },
  {
    command: `${relay} --config FOLDER/no.key.toml`,
    line: `${inFile("no.key.toml", 1)} allocator: found one of certificateFile and keyFile, expected both or neither`,
  },
  {
    command: `relay APPORTION_RELAY_TOKEN=${token} --listen [::1]:65536`,
    line: 'Cannot configure the relay: --listen: found "65536", expected a whole number of 0 to 65535',
  },
  { command: `relay APPORTION_RELAY_TOKEN=${token} --listen [::1]:abc`, line: noListenPort },
  {
    command: `${relay} --http 127.0.0.1:65536`,
    line: 'Cannot configure the relay: --http: found "127.0.0.1:65536", expected a port of 0 to 65535',
  },
  {
    command: `${relay} --http 127.0.0.1:abc`,
    line: `Cannot configure the relay: --http: found "127.0.0.1:abc", ${metricsForm}`,
  },
  {
    command: `${relay} --config FOLDER/metrics.toml`,
    line: `${inFile("metrics.toml", 2)} metrics.listen: found "127.0.0.1:abc", ${metricsForm}`,
  },
  {
    command: "relay check FOLDER/port.toml",
    line: `${inFile("port.toml", 3)} listeners.0.port: found 65536, expected a whole number of 0 to 65535`,
  },
  {
    command: "relay check FOLDER/broken.toml",
    line: "Cannot configure the relay: FOLDER/broken.toml:2:9: found Invalid TOML document: invalid value, expected TOML",
  },
  {
    command: "relay check FOLDER/twice.toml",
    line: `${inFile("twice.toml", 4)} listeners.1: found [0::1]:9, which listeners.0 has too, expected each address and port once`,
  },
  {
    command: "relay check FOLDER/url.toml",
    line: `${inFile("url.toml", 2)} allocator.urls.0: found "http://a:1/v1/relay", expected "http://a:1": the relay adds /v1/relay to it`,
  },
  {
    command: "relay check FOLDER/level.toml",
    line: `${inFile("level.toml", 2)} log.level: found "loud", expected ("debug" | "info" | "warn" | "error" | "silent")`,
  },
  {
    command: `relay APPORTION_RELAY_TOKEN=${token} --interface none0`,
    line: "Cannot listen on [ff02::1:2%none0]:547: found no interface none0 (EINVAL), expected --interface, --listen or listeners to name an interface of this host",
    code: 1,
  },
  {
    command: `relay APPORTION_RELAY_TOKEN=${token} --listen [fe80::1%none0]:547`,
    line: "Cannot listen on [fe80::1%none0]:547: found no interface none0 (EINVAL), expected --interface, --listen or listeners to name an interface of this host",
    code: 1,
  },
  {
    command: "apportion start --http 127.0.0.1:0 --database file:FOLDER/a5.db --interface none0",
    line: "Cannot listen on [ff02::1:2%none0]:547: found no interface none0 (EINVAL), expected --interface, --listen or listeners to name an interface of this host",
    code: 1,
  },
  {
    command: `relay APPORTION_RELAY_TOKEN=${token} --interface a/b`,
    line: 'Cannot configure the relay: --interface: found "a/b", expected the name of an interface',
  },
  {
    command: `relay APPORTION_RELAY_TOKEN=${token} --listen [::]:9`,
    line: 'Cannot configure the relay: --listen: found "::", expected an address of this host, or an interface: answers leave from the address that received the query',
  },
  {
    command: `relay APPORTION_RELAY_TOKEN=${token} --listen [::1]:UDP`,
    line: "Cannot listen on [::1]:UDP: bind EADDRINUSE ::1:UDP, expected an address and port that no other socket uses; a socket on [::] uses every address: to move to [::] or away from it on the same port, restart the relay",
    code: 1,
  },
  {
    command: `${relay} --allocator 127.0.0.1:1`,
    line: 'Cannot configure the relay: --allocator: found "127.0.0.1:1", expected "https://HOST" or "http://HOST"',
  },
  {
    command: `${relay} APPORTION_ALLOCATOR_URL=http://a/v1/relay/`,
    line: 'Cannot configure the relay: APPORTION_ALLOCATOR_URL: found "http://a/v1/relay/", expected "http://a": the relay adds /v1/relay to it',
  },
  {
    command: `${relay} LOG_LEVEL=loud`,
    line: 'Cannot read the command line: LOG_LEVEL: found "loud", expected one of debug, info, warn, error, silent',
  },
  {
    command: "relay --listen [::1]:0 --token-file FOLDER/none",
    line: "Cannot configure the relay: --token-file: found no such file, expected a readable file at FOLDER/none",
  },
  {
    command: "relay --listen [::1]:0 --token-file FOLDER/folder",
    line: "Cannot configure the relay: --token-file: found a folder, expected a readable file at FOLDER/folder",
  },
  {
    command: "relay --listen [::1]:0 --token-file FOLDER/short.token",
    line: "Cannot configure the relay: --token-file: found 5 characters, expected 16 or more",
  },
  {
    command: `${relay} --listn x`,
    line: `${usage} --listn: found an unknown flag, expected --listen, or another that --help lists`,
  },
  {
    command: `${relay} --policy any`,
    line: 'Cannot configure the relay: --policy: found "any", expected ("priority" | "spread")',
  },
  {
    command: `${relay} --http 127.0.0.1:TCP`,
    line: "Cannot listen on 127.0.0.1 port TCP: found listen EADDRINUSE: address already in use 127.0.0.1:TCP, expected --http or metrics.listen to name an address of this host and a free port",
    code: 1,
  },
  {
    command: "relay status --status-socket FOLDER/none.sock",
    line: "Cannot read the status of the relay at FOLDER/none.sock: found connect ENOENT FOLDER/none.sock, expected a relay that runs with this --status-socket or status.socket",
    code: 3,
  },
  {
    command: `${relay} --pcap FOLDER/none/a.pcap`,
    line: "Cannot capture to FOLDER/none/a.pcap: found ENOENT: no such file or directory, open 'FOLDER/none/a.pcap', expected --pcap or capture.file to name a file that this user may write",
  },
];

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
      code: 1,
      line: fill(
        `error: Uncaught (in promise) OpeningError: Cannot open the database file:FOLDER/${name} of APPORTION_DATABASE_URL: found ${found} that cannot be written (EACCES), expected one that the user of this process may write`,
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
