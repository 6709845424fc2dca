/**
 * Runs `npm run bench -- --against` as a process with a small load, to check that it completes.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import type { PairReport } from "./pair-report.ts";
import { thisFolder } from "./side.ts";

const main = join(import.meta.dirname, "main.ts");
const small = ["--clients", "120", "--warm-up", "10", "--in-flight", "16", "--pairs", "1"];

/** Each round starts three processes that compile their TypeScript, while other tests use the machine as well. */
const timeoutMs = 180_000;

/** Creates a folder for all files of the bench. */
async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bench-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

const leftovers = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.startsWith("apportion-bench-"));

const flagsOfNode = (...flags: readonly string[]) => [
  "--import",
  "tsx",
  main,
  "--against",
  thisFolder,
  ...flags,
];

test(
  "npm run bench --against measures both sides and deletes its temporary files",
  async () => {
    const folder = await temporaryFolder();
    const json = join(folder, "report.json");
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      flagsOfNode(...small, "--json", json),
      { env: { ...process.env, TMPDIR: folder } },
    );
    expect(stdout).toMatch(
      /^this {3}\/.*\nother {2}\/.*\nload {3}dora, 120 clients after 10 others, 16 in flight/m,
    );
    expect(stdout).toMatch(/^exchanges\/s +[\d.]+ +[\d.]+ +[\d.]+ +\([\d.]+-[\d.]+\)$/m);
    expect(stdout).toContain("no two clients held the same port, and no exchange was lost");
    expect(stderr).toMatch(/^pair 1 of 1: this \d+\/s, other \d+\/s$/m);
    const report = JSON.parse(await readFile(json, "utf8")) as PairReport;
    const round = { exchange: { count: 120 }, violations: [], dropped: {} };
    expect(report).toMatchObject({ pairs: [{ first: "this", this: round, other: round }], faults: [] });
    expect(report.sides.this).toEqual(report.sides.other);
    expect(await leftovers(folder)).toEqual([]);
  },
  timeoutMs,
);

test(
  "npm run bench --against shows the last lines of a side that does not start",
  async () => {
    const folder = await temporaryFolder();
    const failing = promisify(execFile)(process.execPath, flagsOfNode(...small, "--relay-flag=--nonsense"), {
      env: { ...process.env, TMPDIR: folder },
    });
    await expect(failing).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^The relay of \/.* exited with 2 before it was ready\nCannot read the command line: --nonsense: found an unknown flag, expected one that --help lists\n$/,
      ) as string,
    });
    expect(await leftovers(folder)).toEqual([]);
  },
  timeoutMs,
);

test(
  "npm run bench --against ends all its processes on SIGINT",
  async () => {
    const folder = await temporaryFolder();
    const bench = spawn(process.execPath, flagsOfNode("--clients", "20000"), {
      env: { ...process.env, TMPDIR: folder },
      stdio: ["ignore", "ignore", "pipe"],
    });
    onTestFinished(() => {
      bench.kill("SIGKILL");
    });
    const closed = once(bench, "close");
    const said = text(bench.stderr);
    let servers: readonly number[] = [];
    while (servers.length < 2) {
      await delay(50);
      servers = await serversOf(bench.pid!);
    }
    bench.kill("SIGINT");
    bench.kill("SIGINT");
    expect(await closed).toEqual([130, null]);
    expect(await said).toBe("stopped by SIGINT\n");
    for (const pid of servers) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    expect(await leftovers(folder)).toEqual([]);
  },
  timeoutMs,
);

/** @returns The process ids of the allocator and the relay that a bench has started. */
async function serversOf(pid: number): Promise<number[]> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(" ");
  const found: number[] = [];
  for (const child of children.filter((each) => each !== "")) {
    const command = await readFile(`/proc/${child}/cmdline`, "utf8").catch(() => "");
    if (/\0allocator\0|relay\/main\.ts\0/.test(command)) found.push(Number(child));
  }
  return found;
}
