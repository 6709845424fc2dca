/**
 * The whole path of a datagram, as a new user starts it: `apportion start` and `apportion client` as processes.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "./support/database.ts";
import { openFile } from "../src/store/database/file.ts";
import { query, queryNumber } from "./support/sql.ts";

const main = join(import.meta.dirname, "../src/cli/main.ts");

function run(folder: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), main, ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/**
 * Starts allocator and relay, and waits until the command to run a client is printed.
 *
 * @returns The process, and the flags that lead a client to it.
 */
async function start(
  folder: string,
  ...args: string[]
): Promise<{ service: ChildProcess; server: string[] }> {
  const service = run(folder, ["start", "--http", "127.0.0.1:0", "--listen", "[::1]:0", ...args]);
  const errors: string[] = [];
  service.stderr!.on("data", (chunk: Buffer) => errors.push(chunk.toString()));
  for await (const line of createInterface(service.stdout!)) {
    const match = /npm run client -- lease --server (\S+) --port (\d+)/.exec(line);
    if (match !== null) return { service, server: ["--server", match[1]!, "--port", match[2]!] };
  }
  throw new Error(`Cannot start: ${errors.join("")}`);
}

async function finish(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const [stdout, stderr] = [[] as string[], [] as string[]];
  child.stdout!.on("data", (chunk: Buffer) => stdout.push(chunk.toString()));
  child.stderr!.on("data", (chunk: Buffer) => stderr.push(chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout: stdout.join(""), stderr: stderr.join("") };
}

/** Runs a client command. @returns The address of the lease that it prints. */
async function client(folder: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await finish(run(folder, ["client", ...args, "--json"]));
  expect(code, stderr).toBe(0);
  return (JSON.parse(stdout) as { readonly lease: { readonly address: string } }).lease.address;
}

test("apportion start serves shared and full leases, and they survive a kill -9", async () => {
  const folder = await temporaryFolder();
  const first = await start(folder);
  const shared = await client(folder, "lease", ...first.server);
  const full = await client(folder, "lease", "--full", "--mac", "02:00:00:00:00:02", ...first.server);
  expect(shared).toBe("192.0.2.0");
  expect(full).toBe("198.51.100.0");
  first.service.kill("SIGKILL");
  await once(first.service, "close");

  const second = await start(folder);
  const renewed = await client(folder, "renew", ...second.server);
  expect(renewed).toBe(shared);
  // The lease that was acknowledged before the kill still exists, so the next client gets another pair.
  const other = await client(folder, "lease", "--mac", "02:00:00:00:00:03", ...second.server);
  expect(other).toBe("192.0.2.1");
  second.service.kill("SIGTERM");
  expect((await once(second.service, "close"))[0]).toBe(0);
});

test("a declared state is applied at each start, and one that contradicts the database stops the start", async () => {
  const folder = await temporaryFolder();
  const domain = {
    name: "isp",
    default: true,
    serverIdentifier: "192.0.2.1",
    pools: [{ name: "one", kind: "shared", range: "203.0.113.0/24", psidOffset: 6, psidLength: 8 }],
  };
  const config = join(folder, "apportion.json");
  await writeFile(config, JSON.stringify({ domains: [domain] }));
  for (let starts = 0; starts < 2; starts++) {
    const { service, server } = await start(folder, "--config", config);
    expect(await client(folder, "lease", ...server)).toBe("203.0.113.0");
    service.kill("SIGTERM");
    await once(service, "close");
  }
  domain.pools[0]!.psidLength = 6;
  await writeFile(config, JSON.stringify({ domains: [domain] }));
  const { code, stderr } = await finish(run(folder, ["start", "--config", config]));
  expect(code).toBe(1);
  expect(stderr).toMatch(/pool "one": psidLength: found 6, expected 8: these fields never change/);
});

test.each([
  ["{", /Cannot read .*apportion\.json: .*JSON/],
  [
    '{"domains":[{"name":"a","serverIdentifier":"192.0.2.300","pools":[]}]}',
    /domains\.0\.serverIdentifier: .*found "192\.0\.2\.300"/,
  ],
  [
    '{"domains":[{"name":"a","serverIdentifier":"192.0.2.1","pools":[{"name":"p","kind":"shared","range":"192.0.2.0/24","psidOffset":7,"psidLength":6}]}]}',
    /domains\.0\.pools\.0: .*leave no PSID without a reserved port/,
  ],
  ['{"domains":[{"name":"a","serverIdentifier":"192.0.2.1","pols":[]}]}', /domains\.0\.pols: /],
])(
  "an invalid configuration stops the start with an error that names the field: %s",
  async (text, message) => {
    const folder = await temporaryFolder();
    const config = join(folder, "apportion.json");
    await writeFile(config, text);
    const { code, stderr } = await finish(run(folder, ["start", "--config", config]));
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  },
);

test("an allocator whose secret is too short does not start, and says what it expects", async () => {
  const folder = await temporaryFolder();
  const env = { APPORTION_DATABASE_URL: "file:a.db", APPORTION_RELAY_TOKEN: "short" };
  const { code, stderr } = await finish(run(folder, ["allocator", "--http", "127.0.0.1:0"], env));
  expect(code).toBe(2);
  expect(stderr).toMatch(/APPORTION_RELAY_TOKEN: .*expected at least 16 characters/);
  expect(stderr).not.toMatch(/\bshort\b/);
});

test("leases are in the file that the README names, in WAL mode", async () => {
  const folder = await temporaryFolder();
  const { server } = await start(folder);
  await client(folder, "lease", ...server);
  const database = openFile(`file:${join(folder, "data/apportion.db")}`);
  onTestFinished(() => {
    database.close();
  });
  expect(await query(database, "PRAGMA journal_mode")).toEqual([{ journal_mode: "wal" }]);
  expect(await queryNumber(database, "SELECT count(*) FROM lease WHERE state = 2")).toBe(1);
});
