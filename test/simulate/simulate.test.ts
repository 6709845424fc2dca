import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

/** Runs the command, and returns what it printed. */
async function simulate(
  ...flags: readonly string[]
): Promise<{ readonly output: string; readonly code: unknown }> {
  const main = join(root, "test/simulate/main.ts");
  const child = spawn(
    process.execPath,
    ["--expose-gc", "--max-semi-space-size=32", "--import", "tsx", main, ...flags],
    {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const exited = once(child, "exit") as Promise<[number | null]>;
  const output = await text(child.stdout);
  const [code] = await exited;
  return { output, code };
}

const { SIMULATE_SEED, SIMULATE_SEEDS } = process.env;

/** These seeds held. New ones are for campaigns, as long as these still find faults of the oracle itself. */
const heldSeed = "3100";

test("no promise breaks in 300 simulated runs", { timeout: 600_000 }, async () => {
  const seed = SIMULATE_SEED ?? heldSeed;
  const seeds = SIMULATE_SEEDS ?? "300";
  const { output, code } = await simulate(
    ...["--seed", seed, "--seeds", seeds, "--exchanges", "250", "--processes", "2"],
  );
  console.log(output);
  expect(output).toContain("0 violations");
  expect(output).toContain("memory of a process:");
  expect(code).toBe(0);
});

describe("a seed", () => {
  const hashOf = (output: string): string | undefined => /hash ([0-9a-f]{64})/.exec(output)?.[1];

  test("gives the same trace each time, and another seed another one", { timeout: 120_000 }, async () => {
    const [first, again, other] = await Promise.all(
      ["7", "7", "8"].map(async (seed) => (await simulate("--seed", seed, "--exchanges", "600")).output),
    );
    expect(hashOf(first!)).toBeDefined();
    expect(hashOf(again!)).toBe(hashOf(first!));
    expect(hashOf(other!)).not.toBe(hashOf(first!));
  });

  test("is replayed step by step", { timeout: 120_000 }, async () => {
    const { output, code } = await simulate(
      ...["--seed", "7", "--exchanges", "100", "--clients", "10", "--without", "kills,pauses", "--replay"],
    );
    expect(output).toMatch(/^ +\d+\.\d{3} s {2}client-\d+ sends discover/m);
    expect(output).toContain("the faults end");
    expect(output).not.toContain("is killed");
    expect(output).toMatch(/seed 7: no violation, hash [0-9a-f]{64}/);
    expect(code).toBe(0);
  });
});
