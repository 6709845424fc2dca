/** The allocator as a process, started again and again with a file: who owns what it names is the same as before. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { operatorBy } from "./support/admin.ts";
import { adminToken, relayToken } from "./support/allocator.ts";
import { commandLine } from "./support/command-line.ts";
import { temporaryFolder } from "./support/folder.ts";
import { startAllocatorProcess, startProgram } from "./support/processes.ts";

const tokens = { adminToken, relayToken };
const pool = { name: "north", kind: "full", range: "192.0.2.0/24" };
const domain = { name: "isp", default: true, serverIdentifier: "203.0.113.1" };
const declared = { domains: [{ ...domain, leaseSeconds: { max: 7200 }, pools: [pool] }] };

test("E4 a restart with --config undoes nothing silently, in any mode", async () => {
  const folder = await temporaryFolder();
  const file = join(folder, "isp.json");
  await writeFile(file, JSON.stringify(declared));
  const databaseUrl = `file:${join(folder, "apportion.db")}`;
  const start = async (...flags: string[]) => {
    const process = await startAllocatorProcess(databaseUrl, tokens, ["--config", file, ...flags]);
    const { url, log } = process;
    return {
      call: operatorBy((path, init) => fetch(url + path, init), adminToken),
      admin: commandLine({ APPORTION_URL: url, APPORTION_ADMIN_TOKEN: adminToken }),
      warned: () =>
        log
          .map((line) => JSON.parse(line) as Record<string, unknown>)
          .filter(({ level, msg }) => level === 40 && msg === "declared state applied"),
      stop: async () => {
        process.child.kill("SIGTERM");
        expect(await process.exited).toEqual([0, null]);
      },
    };
  };
  const patch = { leaseSeconds: { max: 3600 } };

  const first = await start();
  const refused = await first.call("PATCH", "/domains/isp", patch);
  expect(refused).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("owned by file isp.json") as string },
  });
  expect(refused.body.detail).not.toContain(folder);
  expect((await first.admin("domains", "release", "isp")).stdout).toContain("ownedBy: null");
  expect((await first.call("PATCH", "/domains/isp", patch)).status).toBe(200);
  expect((await first.call("POST", "/pools/north/drain", { until: "2099-01-01T00:00:00Z" })).status).toBe(
    200,
  );
  const changed = (await first.call("GET", "/config")).body;
  await first.stop();

  // Without a mode, it does not start over what operators set.
  const environment = { APPORTION_DATABASE_URL: databaseUrl, APPORTION_RELAY_TOKEN: relayToken };
  const flags = ["allocator", "--http", "127.0.0.1:0", "--config", file];
  const stopped = startProgram("apportion", flags, environment);
  expect(await stopped.exited).toEqual([1, null]);
  expect(stopped.log.join("\n")).toMatch(
    /domain "isp".*--config-mode own[^]*pool "north".*--config-mode create/,
  );

  const second = await start("--config-mode", "create");
  expect((await second.call("GET", "/config")).body).toEqual(changed);
  expect((await second.call("PATCH", "/domains/isp", { rapidCommit: true })).status).toBe(200);
  const differs = "it differs from file isp.json, which only creates what is missing";
  expect(second.warned()).toMatchObject([
    { domain: "isp", change: "keep", reason: differs },
    { pool: "north", change: "keep", reason: differs },
  ]);
  await second.stop();

  const third = await start("--config-mode", "own");
  const replaces = "it replaces what was set without file isp.json";
  expect(third.warned()).toMatchObject([
    {
      domain: "isp",
      reason: replaces,
      fields: expect.arrayContaining([{ path: "leaseSeconds.max", from: 3600, to: 7200 }]) as object,
    },
    {
      pool: "north",
      reason: replaces,
      fields: [{ path: "drainUntil", from: "2099-01-01T00:00:00Z", to: null }],
    },
  ]);
  expect((await third.call("GET", "/domains/isp")).body).toMatchObject({
    ownedBy: "isp.json",
    leaseSeconds: { max: 7200 },
  });
  expect((await third.call("PATCH", "/domains/isp", patch)).status).toBe(409);
  await third.stop();

  const fourth = await start();
  expect(fourth.warned()).toEqual([]);
  expect((await fourth.call("PATCH", "/domains/isp", patch)).status).toBe(409);
  await fourth.stop();
});
