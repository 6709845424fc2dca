/**
 * Checks that the avalanche runs and what it counts. The load is too small to measure anything.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import type { AvalancheReport } from "./avalanche.ts";

const main = join(import.meta.dirname, "main.ts");

test("npm run bench --avalanche gives each client a lease", { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "bench-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const json = join(folder, "report.json");
  const flags = ["--avalanche", "300", "--warm-up", "10", "--json", json];
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", main, ...flags], {
    env: { ...process.env, TMPDIR: folder },
  });
  expect(stdout).toContain("300 clients, 300 in flight: all bound after");
  expect(stdout).toContain("no two clients held the same port, and each client got a lease");
  const { avalanche } = JSON.parse(await readFile(json, "utf8")) as AvalancheReport;
  expect([avalanche.exchange.count, avalanche.alone.after.count]).toEqual([300, 200]);
});
