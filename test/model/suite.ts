/**
 * The model as a test. Two files each contain one, so that two cores share the work.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import { prepareDatabase } from "../support/database.ts";
import { declaration } from "./domain.ts";
import { checkModel } from "./run.ts";
import { World } from "./world.ts";

const { MODEL_SEED, MODEL_RUNS, MODEL_PATH, MODEL_SHRINK, MODEL_SEEN } = process.env;

/** Whether a seed is given. One test file then does all runs. */
export const isReplay = MODEL_SEED !== undefined;
const runs = Number(MODEL_RUNS ?? (isReplay ? 1000 : 500));
/** 500 runs take half a minute on two idle cores. Shrinking a failure needs additional time. */
const timeLimitMs = 180_000 + runs * 200;

/** Declares the test. */
export function testModel(): void {
  const seed = Number(MODEL_SEED ?? Math.floor(Math.random() * 2 ** 31));
  test(
    `the invariants hold after every step of ${runs} runs (seed ${seed})`,
    async () => {
      console.log(`model: seed ${seed}, ${runs} runs`);
      const folder = await mkdtemp(join(tmpdir(), "apportion-model-"));
      try {
        const world = await openWorld(`file:${join(folder, "apportion.db")}`);
        // Mutant runs need to know only that the model fails, so they do not wait for the shortest failing run.
        const shrinks = MODEL_SHRINK !== "no";
        const done = await checkModel(world, { seed, runs, path: MODEL_PATH, timeLimitMs, shrinks });
        if (MODEL_SEEN !== undefined) console.log(Object.fromEntries([...world.seen].sort()));
        if (MODEL_PATH === undefined) expect(done).toBe(runs);
        world.close();
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    timeLimitMs + 60_000,
  );
}

async function openWorld(databaseUrl: string): Promise<World> {
  (await prepareDatabase({ url: databaseUrl }, parseDeclaration(declaration, "model"))).close();
  return World.open(databaseUrl);
}
