/**
 * Checks that the bench runs and reports faults. The loads are too small to measure anything.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { createLeaseTable } from "../../src/load/lease-table.ts";
import type { LoadCounts } from "../../src/load/result.ts";
import { benchDeclaration } from "./declaration.ts";
import type { Report } from "./report.ts";
import { modes } from "./measure.ts";
import { startService } from "./service.ts";
import { violationsOf } from "./violations.ts";

const main = join(import.meta.dirname, "main.ts");

test.each(modes)("npm run bench --mode %s measures without violations", async (mode) => {
  const folder = await mkdtemp(join(tmpdir(), "bench-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const json = join(folder, "report.json");
  const flags = ["--clients", "150", "--warm-up", "10", "--in-flight", "16", "--repeat", "1"];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--import", "tsx", main, ...flags, "--mode", mode, "--json", json],
    { env: { ...process.env, TMPDIR: folder } },
  );
  expect(stdout).toContain("no two clients hold the same port");
  const { rounds } = JSON.parse(await readFile(json, "utf8")) as Report;
  expect(rounds).toHaveLength(1);
  expect(rounds[0]).toMatchObject({ exchange: { count: 150 }, violations: [], dropped: {} });
});

const noCounts: LoadCounts = {
  retransmits: 0,
  naks: 0,
  timeouts: 0,
  withoutOffer: 0,
  unfinished: 0,
  ignored: 0,
  moved: 0,
  lost: 0,
  socketErrors: 0,
};

/** Two clients that each hold port set 18 of 64 of an address. */
function twoLeases() {
  const leases = createLeaseTable(7, 2);
  leases.isHeld.fill(1);
  leases.untilMs.fill(Infinity);
  leases.address.set([0xc6120000, 0xc6120001]);
  leases.portParams.fill(0x00064800); // offset 0, PSID-length 6, PSID 18
  return leases;
}

test("violationsOf() finds nothing when no two clients share a port", () => {
  expect(violationsOf([{ leases: twoLeases(), counts: noCounts }])).toEqual([]);
});

test("violationsOf() finds two clients with the same port, in one load or in two", () => {
  const leases = twoLeases();
  leases.address[1] = 0xc6120000;
  expect(violationsOf([{ leases, counts: noCounts }])).toEqual([
    "clients 7 and 8 both hold port 18432 of 198.18.0.0",
  ]);
  const others = { leases: twoLeases(), counts: noCounts };
  expect(violationsOf([{ leases: twoLeases(), counts: noCounts }, others])).toHaveLength(2);
});

test("violationsOf() finds renewals with another pair, and clients without a lease", () => {
  const leases = twoLeases();
  leases.isHeld[0] = 0;
  expect(violationsOf([{ leases, counts: { ...noCounts, moved: 3 } }])).toEqual([
    "3 renewals were acknowledged with another pair",
    "1 of 2 clients hold no lease",
  ]);
});

test("benchDeclaration() has 5 % more slots than clients", () => {
  expect(benchDeclaration(20_000, true).domains[0]!.pools[0]!.range).toBe("198.18.0.0-198.18.1.77"); // 334 x 63
  expect(benchDeclaration(100, false).domains[0]!.pools[0]!.range).toBe("198.19.0.0-198.19.0.104");
});

test("benchDeclaration() rejects more clients than 65536 addresses can serve", () => {
  expect(() => benchDeclaration(70_000, false)).toThrow(RangeError);
});

test("startService() shows the log of a process that exits before it is ready", async () => {
  const starting = startService({
    name: "relay",
    script: [join(import.meta.dirname, "../../relay/main.ts")],
    environment: { APPORTION_RELAY_TOKEN: "short" },
    readyMessage: "relay listening",
  });
  await expect(starting).rejects.toThrow(
    /^The relay exited with 2 before it was ready\nCannot configure the relay: APPORTION_RELAY_TOKEN: found 5 characters/,
  );
});

test("npm run bench --leases fills a file, keeps it, and compares it with an empty one", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bench-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const flags = [
    "--leases",
    "3000",
    "--clients",
    "60",
    "--warm-up",
    "0",
    "--in-flight",
    "16",
    "--pairs",
    "1",
  ];
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ["--import", "tsx", main, ...flags],
    {
      env: { ...process.env, TMPDIR: folder },
    },
  );
  const file = join(folder, "apportion-bench-3000-leases.db");
  expect(stderr).toContain("3000 rows");
  expect(stdout).toMatch(new RegExp(`^this .*, ${file} with 3000 leases$`, "m"));
  expect(stdout).toContain("no two clients held the same port, and no exchange was lost");
  const left = (await readdir(folder)).filter((name) => !name.startsWith("tsx-"));
  expect(left).toEqual(["apportion-bench-3000-leases.db"]);
});
