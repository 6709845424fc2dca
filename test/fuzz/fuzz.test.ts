/**
 * A million mutated messages, all cases that were ever found, and faults that the fuzzer must find.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { runCampaign } from "./campaign.ts";
import { foundCases, runCase } from "./cases.ts";
import { plant, plantedFaults } from "./planted.ts";

const root = join(import.meta.dirname, "../..");
/** The machine of the tests may be busy with others. */
const timeoutMs = 600_000;

interface Run {
  readonly code: number | string | null;
  readonly output: string;
}

/** Runs `npm run fuzz` of a copy of the project. */
function fuzz(folder: string, ...flags: string[]): Promise<Run> {
  const main = join(folder, "test/fuzz/main.ts");
  return new Promise((done) => {
    const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, ["--import", "tsx", main, ...flags], options, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : (error.code ?? error.signal ?? null), output: stdout + stderr });
    });
  });
}

test(
  "a million mutated messages change nothing that they should not, and all good queries are answered",
  { timeout: timeoutMs },
  async () => {
    const seed = Number(process.env.FUZZ_SEED ?? 1);
    const halves = [seed, seed + 1].map((each) => fuzz(root, "--seed", String(each), "--messages", "500000"));
    for (const { code, output } of await Promise.all(halves)) {
      expect(output).toContain("no failure, hash");
      expect(code).toBe(0);
    }
  },
);

test.each([...foundCases().keys()])("%s holds", async (file) => {
  await runCase(foundCases().get(file)!);
});

test("two runs of one seed have the same hash, and runs of two seeds have different ones", async () => {
  const messages = 4000;
  const run = async (seed: number) => {
    const nextEpoch = (soFar: number) => messages - soFar;
    const { hash, outcomes } = await runCampaign({ seed, target: "both", firstEpoch: 0, nextEpoch });
    expect(outcomes.get("batch ack")).toBeGreaterThan(0);
    return hash;
  };
  const first = await run(1);
  expect(await run(1)).toBe(first);
  expect(await run(2)).not.toBe(first);
});

test(
  "several processes divide the messages, and the report adds up what they saw",
  { timeout: timeoutMs },
  async () => {
    const { code, output } = await fuzz(root, "--seed", "1", "--messages", "5001", "--processes", "2");
    expect(output).toMatch(/^2 processes, seeds 1, 2: 5001 messages in 2 epochs and /m);
    expect(output).toMatch(/^no failure, hash [0-9a-f]{64} [0-9a-f]{64}$/m);
    expect(code).toBe(0);
  },
);

describe("the fuzzer finds that", () => {
  test.each(plantedFaults.map((planted) => [planted.name, planted] as const))(
    "%s",
    { timeout: timeoutMs },
    async (_name, planted) => {
      const { folder, remove } = plant(planted);
      onTestFinished(remove);
      const { code, output } = await fuzz(folder, "--seed", "1", "--shrink", "0s", ...planted.flags);
      expect(output).toMatch(planted.found);
      expect([2, "SIGKILL"]).toContain(code);
    },
  );
});
