/**
 * Runs the walkthrough of the admin API in `src/http/README.md`, word for word, against an allocator, and then the
 * command line.
 */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import pino from "pino";
import { expect, onTestFinished, test } from "vitest";
import { startAllocator } from "../src/runtime/node.ts";
import { createStore } from "../src/store/store.ts";
import { commandLine } from "./support/command-line.ts";
import { adminToken, askBy, postTo, relayToken } from "./support/allocator.ts";
import { clientProfile, says } from "./support/clients.ts";
import { temporaryDatabase, temporaryFolder } from "./support/database.ts";
import { query } from "./support/sql.ts";
import type { DeclarationInput } from "../src/declaration/declaration.ts";
import { demoDeclaration } from "../src/runtime/demo.ts";

const guide = readFileSync(join(import.meta.dirname, "../src/http/README.md"), "utf8");
const script = /<!-- walkthrough -->\s*```sh\n(.*?)```/s.exec(guide)![1]!;

async function open(declaration?: DeclarationInput) {
  const database = await temporaryDatabase(declaration);
  const listen = { host: "127.0.0.1", port: 0 };
  const store = createStore({ main: database, placed: new Map() });
  const log = pino({ level: "silent" });
  const allocator = await startAllocator(store, { relayToken, adminToken }, listen, log);
  onTestFinished(() => allocator.close());
  const folder = await temporaryFolder();
  const environment = { ...process.env, APPORTION_URL: allocator.url, APPORTION_ADMIN_TOKEN: adminToken };
  return { database, environment, folder };
}

test("the walkthrough of the admin API runs as written in its guide", async () => {
  // The walkthrough expects the demo that `npm start` creates.
  const { database, environment, folder } = await open(demoDeclaration);
  const { stdout } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script], {
    cwd: folder,
    env: environment,
  });
  expect(stdout).toContain('"lostPsidsCount":1');
  expect(stdout).toMatch(/"secret":"apportion_[\w-]{43}"/);
  expect(stdout).toContain('"applied":false');
  expect(stdout).not.toContain('"refuse"');
  const rows = await query(
    database,
    "SELECT resource, action FROM audit WHERE actor = 'environment' ORDER BY id",
  );
  expect(rows.map(({ resource, action }) => `${action as string} ${resource as string}`)).toEqual([
    ...["create domain", "create pool", "create reservation", "change pool", "create token"],
  ]);
});

test("E18 apportion admin: tables, JSON, declared states, refusals and exit codes", async () => {
  const { environment, folder } = await open();
  const run = commandLine(environment);
  const file = join(folder, "state.yaml");
  writeFileSync(
    file,
    `domains:
  - name: isp
    default: true
    serverIdentifier: 203.0.113.1
    pools:
      - { name: north, kind: shared, range: 192.0.2.0/24, psidLength: 6 }
`,
  );
  const planned = await run("apply", file, "--dry-run");
  expect(planned.stdout).toContain("pool    north  isp     create");
  expect(planned.stdout).toMatch(/\nonly planned: nothing was changed\n$/);
  expect((await run("pools", "list")).stdout).toBe(
    "NAME  DOMAIN  KIND  RANGE  PSIDOFFSET  PSIDLENGTH  SUBSCRIBERS  DRAINUNTIL\n",
  );
  const applied = await run("apply", file);
  expect(applied).toMatchObject({ code: 0, stderr: "" });
  expect(applied.stdout).toMatch(/\napplied: 2 changed\n$/);
  expect((await run("apply", file)).stdout).toMatch(/\napplied: there was nothing to change\n$/);
  expect((await run("plan", file)).stdout).toContain("unchanged");
  expect((await run("pools", "list", "--domain", "isp")).stdout).toMatch(
    /^north +isp +shared +192\.0\.2\.0\/24 +0 +6 +16128 +-$/m,
  );
  expect(JSON.parse((await run("--json", "pools", "get", "north")).stdout)).toMatchObject({ name: "north" });
  expect((await run("pools", "drain", "north", "--until", "2099-01-01T00:00:00Z")).stdout).toContain(
    "2099-01-01",
  );
  expect((await run("domains", "patch", "isp", '{"rapidCommit": true}')).stdout).toContain(
    "rapidCommit: true",
  );
  expect((await run("export")).stdout).toContain('drainUntil: "2099-01-01T00:00:00Z"');
  const refused = await run("domains", "patch", "isp", '{"colour": "red"}');
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain('colour: found "colour", expected no field of this name');
  expect((await run("pools", "get", "nowhere")).code).toBe(1);
  expect((await run("pools", "paint")).code).toBe(2);
  expect((await run("pools", "plan", join(folder, "none.json"))).code).toBe(2);
  expect((await run("--api", "http://127.0.0.1:1", "pools", "list")).code).toBe(3);
});

test("E6 E7 apportion admin: --prune says what is in use before it drains, --force drains at once", async () => {
  const full = (name: string, range: string) => ({ name, kind: "full", range }) as const;
  const pools = [full("north", "192.0.2.0/24"), full("south", "198.51.100.0/24")];
  const domain = { name: "isp", default: true, serverIdentifier: "203.0.113.1" };
  const { environment, folder } = await open({ domains: [{ ...domain, pools }] });
  const run = commandLine(environment);
  const ask = askBy(postTo(environment.APPORTION_URL, relayToken));
  const client = clientProfile(1);
  const [offer] = await ask(says.discover(client));
  await ask(says.selecting(client, offer!));
  const { items } = JSON.parse((await run("--json", "leases", "list")).stdout) as {
    items: { pool: string }[];
  };
  const [used] = items.map(({ pool }) => pool);
  const file = join(folder, "state.json");
  writeFileSync(file, JSON.stringify({ domains: [{ ...domain, pools: [] }] }));

  const kept = await run("apply", file);
  expect(kept).toMatchObject({ code: 0, stderr: "" });
  expect(kept.stdout.match(/keep .*not named/g)).toHaveLength(2);
  expect((await run("plan", file, "--prune")).stdout).toMatch(
    new RegExp(`${used!} +isp +drain +drainUntil: null -> ".+" +1 `),
  );
  expect((await run("pools", "list")).stdout).not.toContain("20");
  const pruned = await run("apply", file, "--prune");
  expect(pruned).toMatchObject({
    code: 0,
    stderr: `prune: 1 leases are in use in the pools that it drains: ${used!} (1)\n`,
  });
  expect((await run("pools", "list")).stdout.match(/^(north|south) .*Z$/gm)).toHaveLength(1);

  writeFileSync(
    file,
    JSON.stringify({
      domains: [
        {
          ...domain,
          pools: [{ ...pools.find(({ name }) => name === used)!, drainUntil: "2020-01-01T00:00:00Z" }],
        },
      ],
    }),
  );
  const refused = await run("apply", file);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain(
    'domains.0.pools.0.drainUntil: found "2020-01-01T00:00:00Z", expected a date after',
  );
  expect((await run("pools", "drain", used!, "--until", "2021-01-01T00:00:00Z")).code).toBe(2);
  expect((await run("apply", file, "--force")).stdout).toContain(
    "drainUntil is past: the pool is drained at once",
  );
  expect((await run("pools", "patch", used!, '{"drainUntil": null}')).code).toBe(0);
  expect((await run("pools", "drain", used!, "--force")).code).toBe(0);
  const [renewed] = await ask(says.renew(client, offer!));
  expect(renewed!.type).toBe("nak");
  expect((await run("pools", "patch", used!, '{"drainUntil": "2021-01-01T00:00:00Z"}', "--force")).code).toBe(
    0,
  );
});

test("E18 apportion admin: the URL of a call is refused with the setting that has it, and a prefix of a proxy is not", async () => {
  const { environment } = await open();
  const { APPORTION_URL: url, ...others } = environment;
  const says = (found: string, setting: string): string =>
    `Cannot call the API: found "${found}" in ${setting}, expected "${url}": the command adds the path of the API\n`;
  for (const path of ["/admin/v1", "/admin/v1/", "/admin/v1/pools", "/v1/relay", "/metrics", "/readyz"]) {
    const flagged = await commandLine(others)("--api", url + path, "pools", "list");
    expect(flagged).toEqual({ code: 2, stdout: "", stderr: says(url + path, "--api") });
    const given = await commandLine({ ...others, APPORTION_URL: url + path })("pools", "list");
    expect(given).toEqual({ code: 2, stdout: "", stderr: says(url + path, "APPORTION_URL") });
  }
  const proxied = await commandLine(others)("--api", `${url}/lab/`, "pools", "list");
  expect(proxied).toEqual({ code: 1, stdout: "", stderr: "Cannot find GET /lab/admin/v1/pools\n" });
  const slash = await commandLine(others)("--api", `${url}/`, "pools", "list");
  expect(slash).toMatchObject({ code: 0, stderr: "" });
});

test("E18 apportion admin names the file that the API refuses, with the line, and each fault once", async () => {
  const { environment, folder } = await open(demoDeclaration);
  const run = commandLine(environment);
  const texts = {
    "empty.yaml": "",
    "braces.json": "{}",
    "one.yaml":
      "domains:\n  - name: isp\n    serverIdentifier: 203.0.113.1\n    pools: []\n    colour: red\n",
    "two.yaml": "domains:\n  - name: isp\n    serverIdentifier: 203.0.113.1\n    colour: red\n    pools: 5\n",
    "pool.yaml": "domain: isp\ncolour: red\n",
  };
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text);
  const told = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args.map((arg) => arg.replace("FOLDER", folder)));
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    return stderr.replaceAll(folder, "FOLDER");
  };
  const colour = 'colour: found "colour", expected no field of this name';
  for (const command of ["plan", "apply"]) {
    expect(await told(command, "FOLDER/empty.yaml")).toBe(
      "Cannot read FOLDER/empty.yaml: (top level): found null, expected an object\n",
    );
    expect(await told(command, "FOLDER/braces.json")).toBe(
      "Cannot read FOLDER/braces.json: domains: found nothing, expected this field\n",
    );
    expect(await told(command, "FOLDER/one.yaml")).toBe(
      `Cannot read FOLDER/one.yaml: line 5: domains.0.${colour}\n`,
    );
    expect(await told(command, "FOLDER/two.yaml")).toBe(
      "Cannot read FOLDER/two.yaml: line 5: domains.0.pools: found 5, expected a list, and 1 more\n" +
        `  line 4: domains.0.${colour}\n`,
    );
  }
  expect(await told("pools", "patch", "demo-shared", '{"colour": 1}')).toBe(
    `Cannot read <json>: ${colour}\n`,
  );
  expect(await told("pools", "plan", "FOLDER/pool.yaml")).toMatch(
    /^Cannot read FOLDER\/pool.yaml: .*\n( .*\n)*$/,
  );
});
