/**
 * `apportion check` with real files and databases: every fault with its file and line, and what would change.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findFreePort } from "../src/free-port.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "apportion-check-"));

const pool = (name: string, range: string) =>
  `      - { name: ${name}, kind: shared, range: ${range}, psidLength: 6 }`;
const state = (...pools: string[]) =>
  [
    "domains:",
    "  - name: isp",
    '    prefixes: ["2001:db8::/32"]',
    "    serverIdentifier: 192.0.2.1",
    "    siteBy: [source]",
    "    pools:",
    ...pools,
    "",
  ].join("\n");

const files: Readonly<Record<string, string>> = {
  "good.yaml": state(pool("isp-1", "198.51.100.0/28")),
  "changed.yaml": state(pool("isp-1", "198.51.100.0/27"), pool("isp-2", "203.0.113.0/28")),
  "bad.yaml": state(
    pool("isp-1", "198.51.100.0/99"),
    "      - { name: isp-2, kind: shared, range: 203.0.113.0/28, psidLength: 6, colour: red }",
  ),
  "broken.json": '{"domains": [',
  "allocator.env": [
    "# of the service",
    "APPORTION_RELAY_TOKEN=short",
    "APPORTION_DATABASE_URL=ftp://x",
    "APPORTION_HISTORY_DAYS=many",
    "LOG_LEVEL=loud",
    "APPORTION_ADMN_TOKEN=x",
    'APPORTION_PLACEMENTS=\'{"isp": {"url": "x"}}\'',
    "export APPORTION_URL=http://127.0.0.1",
    "DEBUG=1 # for now",
  ].join("\n"),
  "broken.yaml": "domains:\n  - name: a\n    name: b\n    x: [1\n    y: }\n",
  "relay.toml": "[allocator]\n",
  "twice.yaml":
    state(
      pool("isp-1", "198.51.100.0/28").replace("isp-1", '"isp-1\\e[31m"'),
      "      - { name: isp-2, range: 192.0.2.0/28 }",
    ) +
    state(pool("isp-2", "192.0.2.8/29"))
      .replace("domains:\n", "")
      .replace('["2001', '["2001:db8:1::/48", "2001'),
  "nobody.yaml": state(pool("isp-1", "198.51.100.0/28")).replace(/ {4}prefixes.*\n/, ""),
  "good.env": "APPORTION_DATABASE_URL=file:/var/lib/apportion/\\\nleases.db\nLOG_LEVEL=\n",
};

beforeAll(async () => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  await apportion("migrate --database file:leases.db --config good.yaml");
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function apportion(args: string, environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const command = ["--import", import.meta.resolve("tsx"), join(root, "src/cli/main.ts"), ...args.split(" ")];
  const options = { cwd: folder, env: { PATH: process.env.PATH, LOG_LEVEL: "silent", ...environment } };
  return new Promise((resolve) => {
    execFile(process.execPath, command, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

test("tells every fault of several files, each with its line and path, and ends with 2", async () => {
  const { code, stdout, stderr } = await apportion(
    "check bad.yaml good.yaml broken.json allocator.env good.env none.yaml",
  );
  expect([code, stdout]).toEqual([2, "good.yaml: no faults\ngood.env: no faults\n"]);
  const databaseUrls = 'expected "file:PATH", "https://…", "http://…" or "libsql://…"';
  expect(stderr.trimEnd().split("\n").sort()).toEqual([
    "allocator.env:2: APPORTION_RELAY_TOKEN: found an invalid value, expected at least 16 characters",
    `allocator.env:3: APPORTION_DATABASE_URL: found an invalid value, ${databaseUrls}`,
    "allocator.env:4: APPORTION_HISTORY_DAYS: found an invalid value, expected 1 to 36500 days",
    'allocator.env:5: LOG_LEVEL: found "loud", expected one of debug, info, warn, error, silent',
    "allocator.env:6: APPORTION_ADMN_TOKEN: found a variable that nothing reads, expected APPORTION_ADMIN_TOKEN?",
    `allocator.env:7: APPORTION_PLACEMENTS.isp.url: found an invalid value, ${databaseUrls}`,
    'allocator.env:8: found "export", for which systemd ignores the line, expected NAME=VALUE',
    expect.stringMatching(
      /^allocator\.env:9: DEBUG: found " #" in a value without quotes, .*expected quotes/,
    ),
    expect.stringMatching(/^bad\.yaml:7: domains\.0\.pools\.0\.range: .*"198\.51\.100\.0\/99"/),
    'bad.yaml:8: domains.0.pools.1.colour: found "colour", expected no field of this name',
    "broken.json: found no JSON (Unexpected end of JSON input), expected JSON, or YAML in a file whose name ends in .yaml or .yml",
    "none.yaml: found no such file, expected a declared state, or a file of variables",
  ]);
});

test("tells contradictions beside the faults of fields, at the second of two places, and shows control characters", async () => {
  const { code, stderr } = await apportion("check twice.yaml");
  expect(code).toBe(2);
  expect(stderr.trimEnd().split("\n")).toEqual([
    "twice.yaml:7: domains.0.pools.0.name: found \"isp-1\\u001b[31m\", expected 1 to 63 of a-z, 0-9, '-' and '.'",
    'twice.yaml:8: domains.0.pools.1.kind: found nothing, expected ("shared" | "full")',
    "twice.yaml:8: domains.0.pools.1.range: found 192.0.2.0/28, expected a range without 192.0.2.1, the server identifier of the domain",
    'twice.yaml:9: domains.1.name: found "isp", which domains.0 has, expected each name once',
    'twice.yaml:10: domains.1.prefixes.1: found "2001:db8::/32", which domains.0.prefixes.0 has, expected what no other domain serves',
    'twice.yaml:14: domains.1.pools.0.name: found "isp-2", which domains.0.pools.1 has, expected each name once',
    "twice.yaml:14: domains.1.pools.0.range: found 192.0.2.8/29, which overlaps 192.0.2.0/28 of domains.0.pools.1, expected disjoint ranges",
  ]);
  const { stderr: ofMigrate } = await apportion("migrate --database file:other.db --config twice.yaml");
  expect(ofMigrate).toContain(
    '\n  line 9: domains.1.name: found "isp", which domains.0 has, expected each name once\n',
  );
});

test("tells all faults of YAML, each with its line, and what another file is", async () => {
  writeFileSync(join(folder, "u16.env"), Buffer.from("\ufeffLOG_LEVEL=info", "utf16le"));
  const { code, stdout, stderr } = await apportion(
    "check broken.yaml u16.env relay.toml leases.db /dev/zero good.yaml",
  );
  expect([code, stdout]).toEqual([2, "good.yaml: no faults\n"]);
  expect(stderr.trimEnd().split("\n")).toEqual([
    "broken.yaml:3: found no YAML (Map keys must be unique at line 3, column 5), expected YAML",
    expect.stringMatching(/^broken\.yaml:5: found no YAML \(Flow sequence .* expected YAML$/),
    expect.stringMatching(/^broken\.yaml:5: found no YAML \(Unexpected flow-map-end .* expected YAML$/),
    "u16.env: found UTF-16, expected UTF-8",
    expect.stringMatching(/^relay\.toml: found TOML, .*`relay check`/),
    "leases.db: found a database, expected a declared state, or a file of variables",
    "/dev/zero: found a device or socket, expected a declared state, or a file of variables",
  ]);
});

test("a domain that serves nobody is a warning", async () => {
  expect(await apportion("check nobody.yaml")).toEqual({
    code: 0,
    stdout: "nobody.yaml: no faults\n",
    stderr: 'warning: domain "isp" serves nobody. Set prefixes, lines or default.\n',
  });
});

test.each(["verify", "housekeeping", "check good.yaml", "migrate", "start", "allocator"])(
  "%s names --database when its URL is none",
  async (command) => {
    const environment = { APPORTION_RELAY_TOKEN: "0123456789abcdef" };
    const { code, stderr } = await apportion(`${command} --database file:`, environment);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/--database: found .*, expected the path of a file that keeps the leases\n$/),
    ]);
  },
);

test.each(["verify", "housekeeping", "check good.yaml"])(
  "%s makes no database of an empty file",
  async (command) => {
    const path = join(folder, "empty.db");
    writeFileSync(path, "");
    const { code, stderr } = await apportion(`${command} --database file:empty.db`);
    expect([code, stderr]).toEqual([
      2,
      "Cannot open the database file:empty.db of --database: found an empty file, expected a database: correct the path\n",
    ]);
    expect(statSync(path).size).toBe(0);
  },
);

test("--json has the same faults on standard output", async () => {
  const { code, stdout, stderr } = await apportion("check --json bad.yaml");
  expect([code, stderr]).toEqual([2, ""]);
  expect(JSON.parse(stdout)).toMatchObject({
    faults: [
      { file: "bad.yaml", line: 7, path: "domains.0.pools.0.range" },
      { file: "bad.yaml", line: 8, path: "domains.0.pools.1.colour" },
    ],
    plans: [],
  });
});

test("--environment checks what the allocator requires", async () => {
  const wrong = await apportion("check --environment", { APPORTION_RELAY_TOKEN: "0123456789abcdef" });
  expect(wrong).toMatchObject({ code: 2, stdout: "" });
  expect(wrong.stderr).toMatch(/^environment: APPORTION_DATABASE_URL: found nothing, expected .*\n$/);
  const right = await apportion("check --environment", {
    APPORTION_RELAY_TOKEN: "0123456789abcdef",
    APPORTION_DATABASE_URL: "file:leases.db",
  });
  expect(right).toEqual({ code: 0, stdout: "environment: no faults\n", stderr: "" });
});

test("--database shows what would change, and 1 if that would be refused", async () => {
  const same = await apportion("check good.yaml --database file:leases.db");
  expect([same.code, same.stderr]).toEqual([0, ""]);
  expect(same.stdout).toMatch(/pool +isp-1 +isp +unchanged/);
  const refused = await apportion("check changed.yaml --database file:leases.db");
  expect(refused.code).toBe(1);
  expect(refused.stdout).toMatch(/pool +isp-1 +isp +refuse/);
  expect(refused.stdout).toMatch(/pool +isp-2 +isp +refuse .* owned by file good\.yaml/);
  expect(refused.stdout).toContain("only planned: nothing was changed, and to apply it would be refused");
  const again = await apportion("check --json good.yaml --database file:leases.db");
  expect(JSON.parse(again.stdout)).toMatchObject({ plans: [{ file: "good.yaml" }] });
});

test.each([
  ["check", 2, "Cannot check: found neither files nor --environment, expected one of them"],
  [
    "check good.yaml --database file:none.db",
    2,
    "Cannot open the database file:none.db of --database: found no file",
  ],
  ["check good.yaml --database http://127.0.0.1:CLOSED", 3, "found no answer (ECONNREFUSED)"],
  ["check good.yaml --databse x", 2, "Cannot read the command line: --databse: found an unknown flag"],
])("%s ends with %i", async (args, code, line) => {
  const ended = await apportion(args.replace("CLOSED", String(await findFreePort())));
  expect([ended.code, ended.stdout]).toEqual([code, ""]);
  expect(ended.stderr).toContain(line);
  expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
});
