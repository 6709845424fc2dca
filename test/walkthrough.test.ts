/**
 * The walk-throughs of the documents, word for word: that of the README on a fresh clone, that of the admin API's guide
 * against an allocator without domains; and the command line over the same.
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import pino from "pino";
import { expect, onTestFinished, test } from "vitest";
import { startAllocator } from "../src/runtime/node.ts";
import { createStore } from "../src/store/store.ts";
import { commandLine } from "./support/command-line.ts";
import { adminToken, relayToken } from "./support/allocator.ts";
import { temporaryDatabase, temporaryFolder } from "./support/database.ts";
import { codeBlocksOf, readDocument, root, untrackedFolders } from "./support/documents.ts";
import { query } from "./support/sql.ts";

async function open() {
  const database = await temporaryDatabase();
  const listen = { host: "127.0.0.1", port: 0 };
  const allocator = await startAllocator(
    createStore({ main: database, placed: new Map() }),
    { relayToken, adminToken },
    listen,
    pino({ level: "silent" }),
  );
  onTestFinished(() => allocator.close());
  const folder = await temporaryFolder();
  const environment = { ...process.env, APPORTION_URL: allocator.url, APPORTION_ADMIN_TOKEN: adminToken };
  return { database, environment, folder };
}

/**
 * Makes what a clone would have. The packages are those of this checkout, so `npm install` has nothing to do there.
 *
 * @returns The folder, which goes with the test.
 */
async function freshClone(): Promise<string> {
  const folder = await temporaryFolder();
  const isTracked = (path: string) => path === root || !untrackedFolders.has(basename(path));
  cpSync(root, folder, { recursive: true, filter: isTracked });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** A network of one's own, where one can be had: the README's ports are free there, whatever else runs here. */
function ownNetwork(): readonly string[] {
  const command = ["unshare", "--map-root-user", "--net", "bash", "-c"];
  try {
    execFileSync(command[0]!, [...command.slice(1), "ip link set lo up"], { stdio: "ignore" });
    return [...command, 'ip link set lo up && exec bash -c "$0"'];
  } catch {
    return ["bash", "-c"];
  }
}

/** Runs a script in a process group that is ended when the test is. */
async function runScript(script: string, folder: string) {
  const [command, ...args] = ownNetwork();
  const child = spawn(command!, [...args, script], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString("utf8")));
  const code = await new Promise((resolve) => child.on("exit", resolve));
  return { ...output, code };
}

/** The first block is for one terminal, the others are for a second one, once the first says that it is ready. */
function twoTerminals([first, ...others]: readonly string[]): string {
  return `set -euo pipefail
(${first}) >start.log 2>&1 &
until grep -q "Apportion is running" start.log; do
  kill -0 $! || { cat start.log >&2; exit 1; }
  sleep 0.1
done
${others.join("\n")}
`;
}

test("the commands of the README run on a fresh clone, in the order in which they stand", async () => {
  const blocks = codeBlocksOf(readDocument("README.md").text);
  const commands = blocks.filter(({ language }) => language === "sh").map(({ code }) => code);
  const [install, ...start] = commands[0]!.split("\n");
  expect(install).toBe("npm install"); // The clone has its packages already.
  const script = twoTerminals([start.join("\n"), ...commands.slice(1)]);
  const { code, stdout, stderr } = await runScript(script, await freshClone());
  expect(code, stderr).toBe(0);
  const shown = blocks.find(({ language }) => language === "text")!.code;
  for (const line of shown.trimEnd().split("\n")) {
    expect(stdout).toContain(line.replace(/until .*$/, "until "));
  }
  expect(stdout).toContain('"usablePsids":63');
  expect(stdout).toContain("203.0.113.128 (shared)");
  expect(stdout).toContain('"id":"203.0.113.128-1"');
  expect(stdout).toMatch(/^north-shared +access-north +shared +203\.0\.113\.128\/25 /m);
}, 300_000);

const guide = "src/http/README.md";

test.skipIf(!existsSync(join(root, guide)))(
  "the walk-through of the admin API's guide runs as it stands",
  async () => {
    const [, marked] = /<!-- walkthrough -->(.*?)<!-- \/walkthrough -->/s.exec(readDocument(guide).text)!;
    const script = codeBlocksOf(marked!).map(({ code }) => code);
    const { database, environment, folder } = await open();
    const { stdout } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script.join("\n")], {
      cwd: folder,
      env: environment,
    });
    expect(stdout).toContain('"lostPsidsCount":1');
    expect(stdout).toMatch(/"secret":"apportion_[\w-]{43}"/);
    expect(stdout).toContain('"applied":false');
    expect(stdout).not.toContain('"refuse"');
    const rows = await query(database, "SELECT resource, action FROM audit ORDER BY id");
    expect(rows.map(({ resource, action }) => `${action as string} ${resource as string}`)).toEqual([
      ...["create domain", "create pool", "create reservation", "change pool", "create token"],
    ]);
  },
);
test("apportion admin: tables, JSON, declared states, refusals and exit codes", async () => {
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
  expect((await run("apply", file, "--dry-run")).stdout).toContain("pool    north  create");
  expect((await run("pools", "list")).stdout).toBe(
    "NAME  DOMAIN  KIND  RANGE  PSIDOFFSET  PSIDLENGTH  SUBSCRIBERS  DRAINUNTIL\n",
  );
  expect(await run("apply", file)).toMatchObject({ code: 0, stderr: "" });
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
  expect((await run("export")).stdout).toContain("drainUntil: 2099-01-01T00:00:00Z");
  const refused = await run("domains", "patch", "isp", '{"colour": "red"}');
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toContain('colour: found "colour", expected no field of this name');
  expect((await run("pools", "get", "nowhere")).code).toBe(1);
  expect((await run("pools", "paint")).code).toBe(2);
  expect((await run("pools", "plan", join(folder, "none.json"))).code).toBe(2);
  expect((await run("--url", "http://127.0.0.1:1", "pools", "list")).code).toBe(3);
});
