/**
 * Runs the same black-box tests on every platform. The cases are in `cases/`, one file for each kind of caller.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { deno } from "../support/deno.ts";
import { adminCases, adminDomains } from "./cases/admin.ts";
import { relayCases, relayDomains } from "./cases/relay.ts";
import { adminToken, platforms, relayToken } from "./platforms.ts";
import type { Target } from "./platforms.ts";
import { execute, query } from "../support/sql.ts";

const domains = [...relayDomains, ...adminDomains];

/** Name of a platform -> whether its cases ran. */
const table = new Map<string, string>();

afterAll(() => {
  console.info(
    ["", "platform        cases", ...[...table].map(([name, what]) => `${name.padEnd(16)}${what}`)].join(
      "\n",
    ),
  );
});

for (const { name, missing, start } of platforms) {
  const title = missing === "" ? name : `${name} (${missing})`;
  describe.skipIf(missing !== "")(title, () => {
    let folder: string;
    let target: Target;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "apportion-platform-"));
      target = await start(folder, { domains });
      table.set(name, "ran");
    });
    afterAll(async () => {
      // The target is undefined if it did not start, and vitest has already reported that failure.
      await (target as Target | undefined)?.close();
      await rm(folder, { recursive: true, force: true });
    });
    relayCases(() => ({ ...target, relayToken, adminToken }));
    adminCases(() => ({ ...target, relayToken, adminToken }));
    if (name.startsWith("workerd")) {
      test("the cron trigger deletes history that is older than its retention time", async () => {
        const tenure = (days: number) =>
          `(4294967296, 1, x'ff', unixepoch() - ${days} * 86400 - 60, unixepoch() - ${days} * 86400)`;
        await execute(
          target.database,
          `INSERT INTO history (slot, domain_id, client_id, since, until) VALUES ${tenure(40)}, ${tenure(20)}`,
        );
        await target.trigger!();
        const rows = await query(
          target.database,
          "SELECT count(*) AS n FROM history WHERE client_id = x'ff'",
        );
        expect(rows[0]!.n).toBe(1);
      });
    }
  });
  table.set(name, missing === "" ? "did not start" : missing);
}

test.skipIf(deno === undefined)(
  `deno check accepts the Deno entry${deno ? "" : " (skipped: no deno)"}`,
  async () => {
    const root = join(import.meta.dirname, "../..");
    // A fresh cache: with the cache of an earlier check, Deno would skip work, and the test would check less.
    const cache = await mkdtemp(join(tmpdir(), "apportion-deno-check-"));
    onTestFinished(() => rm(cache, { recursive: true }));
    const env = { ...process.env, DENO_DIR: cache };
    await promisify(execFile)(deno!, ["check", "src/runtime/deno.ts"], { cwd: root, env });
  },
);

test("no platform is skipped where APPORTION_ALL_PLATFORMS is set, as in CI", () => {
  if (process.env.APPORTION_ALL_PLATFORMS === undefined) return;
  expect(platforms.filter(({ missing }) => missing !== "").map(({ name }) => name)).toEqual([]);
});
