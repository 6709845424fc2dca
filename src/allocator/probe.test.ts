import { expect, test } from "vitest";
import { wrap } from "../../test/support/allocator.ts";
import { clientProfile, says } from "../../test/support/clients.ts";
import { temporaryDatabase, vectorDomain, onlyDatabase } from "../../test/support/database.ts";
import { createManualTiming } from "../../test/support/manual-timing.ts";
import { readyCommitMsMax } from "../limits.ts";
import { createPartitions } from "../store/partition.ts";
import { DatabaseError } from "../store/store.ts";
import { createCounters } from "./counters.ts";
import { createPipeline } from "./pipeline.ts";

/** A pipeline whose database can be read, but is full when the test says so. */
async function openPipeline() {
  const timing = createManualTiming();
  const [partition] = createPartitions(onlyDatabase(await temporaryDatabase(vectorDomain)));
  const disk = { isFull: false, commits: 0 };
  const quiet = () => undefined;
  const pipeline = createPipeline({
    partition: {
      ...partition,
      commit: (...batch) => {
        disk.commits++;
        if (disk.isFull) return Promise.reject(new DatabaseError("database or disk is full"));
        return partition.commit(...batch);
      },
    },
    counters: createCounters(),
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    localMs: timing.nowMs,
  });
  return { timing, disk, pipeline };
}

test("E24 Pipeline.probe() fails if the database can be read but not written", async () => {
  const { disk, pipeline } = await openPipeline();
  disk.isFull = true;
  await expect(pipeline.probe()).rejects.toThrow("database or disk is full");
  disk.isFull = false;
  await pipeline.probe();
});

test("E24 Pipeline.probe() writes only if no batch was committed within a second", async () => {
  const { timing, disk, pipeline } = await openPipeline();
  for (let time = 0; time < 3; time++) await pipeline.probe();
  expect(disk.commits).toBe(1);
  timing.advance(readyCommitMsMax - 1);
  await pipeline.probe();
  expect(disk.commits).toBe(1);
  timing.advance(1);
  await pipeline.probe();
  expect(disk.commits).toBe(2);
});

test("E24 a batch that was served is proof enough, and after one that failed the next probe writes", async () => {
  const { disk, pipeline } = await openPipeline();
  const serve = () => pipeline.serve([wrap(says.discover(clientProfile(1)), 0)], { receivedMs: 0 });
  expect(await serve()).toHaveLength(1);
  await pipeline.probe();
  expect(disk.commits).toBe(1);
  disk.isFull = true;
  await expect(serve()).rejects.toThrow("database or disk is full");
  await expect(pipeline.probe()).rejects.toThrow("database or disk is full");
});
