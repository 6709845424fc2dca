import { expect, test } from "vitest";
import { Batcher } from "./batcher.ts";
import type { BatcherLimits } from "./batcher.ts";
import type { PostFailure, PostOutcome } from "./uplink.ts";

const frame = (id: number): Uint8Array => Uint8Array.of(id);
const unavailable: PostFailure = { kind: "unavailable", detail: "no connection" };

const usualLimits: BatcherLimits = {
  lengthMax: 1000,
  octetsMax: 100_000,
  waitMsMax: 2000,
  postsInFlightMax: 2,
  batchFramesMax: 256,
  batchOctetsMax: 1_000_000,
};

/** A batcher whose time stands still until the test lets it pass, and whose POSTs end when the test says so. */
function setUp(limits: Partial<BatcherLimits> = {}) {
  let nowMs = 0;
  const soon: (() => void)[] = [];
  const timers = new Set<{ dueMs: number; run: () => void }>();
  const posts: { ids: number[]; end: (outcome: PostOutcome) => void }[] = [];
  const delivered: number[] = [];
  const dropped: Record<string, number> = {};
  const events: string[] = [];
  const batcher = new Batcher(
    { ...usualLimits, ...limits },
    {
      post: (frames) =>
        new Promise((end) => {
          posts.push({ ids: frames.map((each) => each[0]!), end });
        }),
      deliver: (answers) => delivered.push(...answers.map((each) => each[0]!)),
      drop: (reason, count) => (dropped[reason] = (dropped[reason] ?? 0) + count),
      failed: (failure) => events.push(failure.kind),
      recovered: () => events.push("recovered"),
    },
    {
      nowMs: () => nowMs,
      soon: (run) => soon.push(run),
      later: (run, delayMs) => {
        const timer = { dueMs: nowMs + delayMs, run };
        timers.add(timer);
        return () => timers.delete(timer);
      },
      random: () => 0,
    },
  );
  return {
    batcher,
    posts,
    delivered,
    dropped,
    events,
    timers,
    /** Adds frames within one turn of the event loop, and ends the turn. */
    add: (...ids: number[]) => {
      for (const id of ids) batcher.add(frame(id));
      for (const run of soon.splice(0)) run();
    },
    /** Lets time pass, and runs the timers that are due. */
    pass: (ms: number) => {
      nowMs += ms;
      for (const timer of timers) {
        if (timer.dueMs > nowMs) continue;
        timers.delete(timer);
        timer.run();
      }
    },
    /** Ends the POST with this number. */
    end: async (post: number, outcome: PostOutcome = { kind: "answers", frames: [] }) => {
      posts[post]!.end(outcome);
      // A POST is a promise: what follows from its end happens in the microtasks behind this one.
      await new Promise(setImmediate);
    },
    sent: () => posts.map(({ ids }) => ids),
  };
}

test("Batcher sends a frame at once when a slot is free", () => {
  const { add, sent } = setUp();
  add(1);
  expect(sent()).toEqual([[1]]);
});

test("Batcher sends together what arrived in the same turn of the event loop", () => {
  const { add, sent } = setUp();
  add(1, 2, 3);
  expect(sent()).toEqual([[1, 2, 3]]);
});

test("Batcher never has more POSTs in flight than it may, and gathers meanwhile", async () => {
  const { add, end, sent } = setUp();
  for (const id of [1, 2, 3, 4, 5]) add(id);
  expect(sent()).toEqual([[1], [2]]);
  await end(0);
  expect(sent()).toEqual([[1], [2], [3, 4, 5]]);
});

test("Batcher splits what has gathered into batches of the largest size", async () => {
  const { add, end, sent } = setUp({ postsInFlightMax: 1, batchFramesMax: 2 });
  add(1, 2, 3, 4, 5);
  expect(sent()).toEqual([[1, 2]]);
  await end(0);
  await end(1);
  expect(sent()).toEqual([[1, 2], [3, 4], [5]]);
});

test("Batcher delivers the answers of a POST", async () => {
  const { add, end, delivered } = setUp();
  add(1, 2);
  await end(0, { kind: "answers", frames: [frame(11), frame(12)] });
  expect(delivered).toEqual([11, 12]);
});

test("Batcher drops the oldest frame when the queue is full", async () => {
  const { add, end, sent, dropped } = setUp({ postsInFlightMax: 1, lengthMax: 2 });
  add(1);
  add(2, 3, 4);
  await end(0);
  expect(sent()).toEqual([[1], [3, 4]]);
  expect(dropped).toEqual({ "queue-full": 1 });
});

test("Batcher drops frames that waited too long", async () => {
  const { add, pass, end, sent, dropped } = setUp({ postsInFlightMax: 1 });
  add(1);
  add(2);
  pass(1500);
  add(3);
  pass(1000);
  await end(0);
  expect(sent()).toEqual([[1], [3]]);
  expect(dropped).toEqual({ "deadline-passed": 1 });
});

test.each([
  [unavailable, "allocator-unavailable"],
  [{ kind: "refused", status: 401, detail: "" } as const, "allocator-refused"],
  [{ kind: "malformed", detail: "" } as const, "malformed-body"],
])(
  "Batcher drops the frames of a POST that failed as %j, and does not repeat them",
  async (failure, reason) => {
    const { add, pass, end, sent, dropped, events } = setUp();
    add(1, 2);
    await end(0, failure);
    pass(10_000);
    expect(sent()).toEqual([[1, 2]]);
    expect(dropped).toEqual({ [reason]: 2 });
    expect(events).toEqual([failure.kind]);
  },
);

test("Batcher pauses after a failure, then resumes by itself with one POST, then with all", async () => {
  const { add, pass, end, sent, events } = setUp();
  add(1);
  await end(0, unavailable);
  add(2);
  pass(99);
  expect(sent()).toEqual([[1]]);
  pass(1);
  expect(sent()).toEqual([[1], [2]]);
  add(3);
  expect(sent()).toEqual([[1], [2]]);
  await end(1);
  add(4);
  expect(sent()).toEqual([[1], [2], [3], [4]]);
  expect(events).toEqual(["unavailable", "recovered"]);
});

test("Batcher doubles its pauses up to 2 s while failures go on, and begins anew after a success", async () => {
  const { add, pass, end, timers } = setUp();
  const pauses: number[] = [];
  for (let post = 0; post < 8; post++) {
    add(1);
    await end(post, post === 6 ? undefined : unavailable);
    const pauseMs = timers.size === 0 ? 0 : [...timers][0]!.dueMs - pauses.reduce((sum, ms) => sum + ms, 0);
    pauses.push(pauseMs);
    pass(pauseMs);
  }
  expect(pauses).toEqual([100, 200, 400, 800, 1000, 1000, 0, 100]);
});

test("Batcher waits as long as Retry-After says", async () => {
  const { add, pass, end, sent } = setUp({ waitMsMax: 10_000 });
  add(1);
  await end(0, { ...unavailable, retryAfterMs: 3000 });
  add(2);
  pass(2999);
  expect(sent()).toEqual([[1]]);
  pass(1);
  expect(sent()).toEqual([[1], [2]]);
});

test("Batcher takes several POSTs that fail together for one failure", async () => {
  const { add, pass, end, sent, timers } = setUp();
  add(1);
  add(2);
  await end(0, unavailable);
  await end(1, unavailable);
  expect(timers.size).toBe(1);
  add(3);
  pass(100);
  expect(sent()).toEqual([[1], [2], [3]]);
});

test("Batcher keeps its queue bounded while an allocator is away for long", async () => {
  const { batcher, add, end, dropped } = setUp({ lengthMax: 10 });
  add(1);
  await end(0, { ...unavailable, retryAfterMs: 30_000 });
  for (let id = 0; id < 1000; id++) batcher.add(frame(id % 256));
  expect(dropped).toEqual({ "allocator-unavailable": 1, "queue-full": 990 });
});

test("drain() of a batcher sends what waits and ends with the last POST", async () => {
  const { batcher, add, end, sent } = setUp({ postsInFlightMax: 1 });
  add(1);
  add(2, 3);
  let isDrained = false;
  const drained = batcher.drain().then(() => (isDrained = true));
  await end(0);
  expect([sent(), isDrained]).toEqual([[[1], [2, 3]], false]);
  await end(1);
  await drained;
});

test("drain() of a batcher does not wait for an allocator that is away", async () => {
  const { batcher, add, end, dropped, timers } = setUp({ postsInFlightMax: 1 });
  add(1);
  add(2, 3);
  const drained = batcher.drain();
  await end(0, unavailable);
  await drained;
  expect(dropped).toEqual({ "allocator-unavailable": 1, "relay-closing": 2 });
  expect(timers.size).toBe(0);
});

test("drain() of a batcher that has nothing ends at once", async () => {
  await setUp().batcher.drain();
});
