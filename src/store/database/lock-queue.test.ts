import { expect, test } from "vitest";
import { createManualTiming } from "../../../test/support/manual-timing.ts";
import { fileLockPauseMsMax, fileWaitersMax } from "../../limits.ts";
import { DatabaseError } from "./database.ts";
import { isLocked, LockQueue } from "./lock-queue.ts";

const busy = () =>
  new DatabaseError("database is locked", Object.assign(new Error(), { code: "SQLITE_BUSY" }));

/** A file that is locked until the test says otherwise, and the work that was done on it. */
function createFile() {
  const timing = createManualTiming();
  const queue = new LockQueue({
    ...timing,
    soon: (run) => {
      timing.later(run, 0);
    },
  });
  const done: number[] = [];
  const file = { isLocked: true, attempts: 0 };
  const work = (number: number) => () => {
    file.attempts++;
    if (file.isLocked) throw busy();
    done.push(number);
    return number;
  };
  return { timing, queue, done, file, work };
}

test("T16 LockQueue.run() does work at once if the file is free", async () => {
  const { timing, queue, file, work } = createFile();
  file.isLocked = false;
  const result = queue.run(work(1), 1000);
  expect(timing.waiting()).toBe(0);
  expect(await result).toBe(1);
});

test("T16 LockQueue.run() waits for a locked file, and keeps the order of the work", async () => {
  const { timing, queue, done, file, work } = createFile();
  const results = [1, 2, 3].map((number) => queue.run(work(number), 1000));
  timing.advance(500);
  file.isLocked = false;
  // The file is free, but others wait.
  results.push(queue.run(work(4), 1000));
  expect(done).toEqual([]);
  timing.advance(fileLockPauseMsMax);
  expect(await Promise.all(results)).toEqual([1, 2, 3, 4]);
  expect(done).toEqual([1, 2, 3, 4]);
  expect(timing.waiting()).toBe(0);
  await queue.run(work(5), 1000);
});

test("T16 LockQueue.run() gives up work that has waited for too long, but not what came after it", async () => {
  const { timing, queue, file, work } = createFile();
  const [first, second] = [queue.run(work(1), 1000), queue.run(work(2), 10_000)];
  const failed = expect(first).rejects.toThrow(
    /^Cannot lock the database: another process has held its lock for 1000 ms/,
  );
  timing.advance(1100);
  await failed;
  file.isLocked = false;
  timing.advance(fileLockPauseMsMax);
  expect(await second).toBe(2);
});

test("T16 LockQueue.run() gives up late work behind work that may wait longer", async () => {
  const { timing, queue, work } = createFile();
  queue.run(work(1), 10_000).catch(() => undefined);
  const failed = expect(queue.run(work(2), 1000)).rejects.toSatisfy(isDatabaseErrorOf(/1000 ms/));
  timing.advance(1100);
  await failed;
});

test("T16 LockQueue.run() pauses longer from one attempt to the next, up to a bound", () => {
  const { timing, queue, file, work } = createFile();
  queue.run(work(1), 10_000).catch(() => undefined);
  const before = file.attempts;
  timing.advance(1000);
  // The pauses are 0.75 to 18.75 ms with this randomness.
  expect(file.attempts - before).toBeLessThan(70);
  expect(file.attempts - before).toBeGreaterThan(40);
});

test("T16 LockQueue.run() bounds the work that waits", async () => {
  const { queue, work } = createFile();
  for (let number = 0; number < fileWaitersMax; number++)
    queue.run(work(number), 1000).catch(() => undefined);
  await expect(queue.run(work(9999), 1000)).rejects.toSatisfy(isDatabaseErrorOf(/wait for its lock already/));
});

test("LockQueue.run() passes other failures on at once", async () => {
  const { queue } = createFile();
  const fail = () => {
    throw new TypeError("a bug");
  };
  await expect(queue.run(fail, 1000)).rejects.toBeInstanceOf(TypeError);
});

test("isLocked() knows all codes of a locked file, and no others", () => {
  const codes = ["SQLITE_BUSY", "SQLITE_BUSY_RECOVERY", "SQLITE_FULL", undefined];
  const errors = codes.map((code) => new DatabaseError("", { code }));
  expect([...errors, new TypeError("")].map(isLocked)).toEqual([true, true, false, false, false]);
});

const isDatabaseErrorOf = (message: RegExp) => (error: unknown) =>
  error instanceof DatabaseError && message.test(error.message);
