/**
 * `npm run model -- --seed N [--runs M] [--path P]`: runs the model with the given seed, or replays a failure.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";

function wholeNumber(text: string): string {
  if (!/^-?\d{1,10}$/.test(text)) throw new InvalidArgumentError("Expected a whole number.");
  return text;
}

const flags = new Command("model")
  .description("Runs the model of clients, allocators and the pool against the real store")
  .option("--seed <number>", "the seed that a failure printed", wholeNumber)
  .option("--runs <count>", "how many runs (default: 1000)", wholeNumber)
  .option("--path <path>", "the path that a failure printed; replays only that run")
  .parse()
  .opts<{ seed?: string; runs?: string; path?: string }>();

const root = join(import.meta.dirname, "../..");
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const { status } = spawnSync(process.execPath, [vitest, "run", "test/model/model.test.ts"], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    ...(flags.seed !== undefined && { MODEL_SEED: flags.seed }),
    ...(flags.runs !== undefined && { MODEL_RUNS: flags.runs }),
    ...(flags.path !== undefined && { MODEL_PATH: flags.path }),
  },
});
process.exitCode = status ?? 1;
