import { expect, test } from "vitest";
import { RelayCounters } from "../counters.ts";
import type { PostFailure, PostOutcome } from "../post.ts";
import { Batcher } from "./batcher.ts";
import type { BatcherLimits } from "./batcher.ts";

const frame = (id: number): Uint8Array => new Uint8Array(4).fill(id);
const unavailable: PostFailure = { kind: "unavailable", detail: "no connection" };

const usualLimits: BatcherLimits = {
  lengthMax: 1000,
  octetsMax: 100_000,
  waitMsMax: 2000,
  postsInFlightMax: 2,
  gatherMsMax: 0,
  batchFramesMax: 256,
  batchOctetsMax: 1_000_000,
};

/** A batcher with a clock that the test advances and POSTs that the test completes. */
function setUp(limits: Partial<BatcherLimits> = {}) {
  let nowMs = 0;
  const soon: (() => void)[] = [];
  const timers: { dueMs: number; run: () => void }[] = [];
  /** What the uplink reports about its allocators. */
  const allocators = { canPost: true, allQuarantined: false, ageMsMax: Infinity };
  const posts: { ids: number[]; arrivedMs: number; end: (outcome: PostOutcome) => void }[] = [];
  const delivered: number[] = [];
  const counters = new RelayCounters();
  const taken: (readonly [number, number])[] = [];
  const batcher = new Batcher({ ...usualLimits, ...limits }, (answer) => delivered.push(answer[0]!), {
    uplink: {
      post: (frames, arrivedMs) =>
        new Promise((end) => {
          posts.push({ ids: frames.map((each) => each[0]!), arrivedMs, end });
        }),
      canPost: () => allocators.canPost,
      allQuarantined: () => allocators.allQuarantined,
      ageMsMax: () => allocators.ageMsMax,
    },
    counters,
    observer: { batched: (frames, waitedMs) => taken.push([frames.length, waitedMs]) },
    timing: {
      nowMs: () => nowMs,
      soon: (run) => soon.push(run),
      later: (run, delayMs) => {
        const timer = { dueMs: nowMs + delayMs, run };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), 1);
      },
    },
  });
  return {
    batcher,
    posts,
    delivered,
    counters,
    dropped: () => counters.snapshot().dropped,
    taken,
    allocators,
    /** Adds frames within one turn of the event loop, and ends the turn. */
    add: (...ids: number[]) => {
      for (const id of ids) batcher.add(frame(id), "requests", nowMs);
      for (const run of soon.splice(0)) run();
    },
    /** Advances the clock, and runs the timers that are due then. */
    pass: (ms: number) => {
      nowMs += ms;
      for (const timer of timers.filter(({ dueMs }) => dueMs <= nowMs)) {
        timers.splice(timers.indexOf(timer), 1);
        timer.run();
      }
    },
    timers,
    /** Completes the POST with this number. */
    end: async (post: number, outcome: PostOutcome = { kind: "answers", frames: [] }) => {
      posts[post]!.end(outcome);
      // Let the batcher react to the completed POST: it does so in microtasks.
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

test("Batcher sends in one POST what arrived in the same turn of the event loop", () => {
  const { add, sent } = setUp();
  add(1, 2, 3);
  expect(sent()).toEqual([[1, 2, 3]]);
});

test("Batcher keeps within the limit of POSTs in flight, and gathers frames meanwhile", async () => {
  const { add, end, sent } = setUp();
  for (const id of [1, 2, 3, 4, 5]) add(id);
  expect(sent()).toEqual([[1], [2]]);
  await end(0);
  expect(sent()).toEqual([[1], [2], [3, 4, 5]]);
});

test("Batcher lets a few frames wait for the POST in flight, and no longer than a short time", async () => {
  const { add, end, pass, sent, timers } = setUp({ batchFramesMax: 3, gatherMsMax: 5 });
  add(1);
  add(2);
  add(3);
  expect(sent()).toEqual([[1]]);
  await end(0);
  expect(sent()).toEqual([[1], [2, 3]]);
  add(4);
  pass(3);
  add(5);
  pass(1.9);
  expect(sent()).toEqual([[1], [2, 3]]);
  pass(0.1);
  expect(sent()).toEqual([[1], [2, 3], [4, 5]]);
  expect(timers).toEqual([]);
});

test.each([
  ["frames", { batchFramesMax: 3 }],
  ["octets, with the length of each", { batchOctetsMax: 3 * (2 + frame(0).length) }],
])("Batcher sends a POST beside others when it is full by %s", async (_, limits) => {
  const { add, sent, timers, batcher, end } = setUp({ ...limits, gatherMsMax: 5 });
  add(1);
  add(2, 3);
  expect([sent(), timers.length]).toEqual([[[1]], 1]);
  add(4);
  expect([sent(), timers]).toEqual([[[1], [2, 3, 4]], []]);
  add(5);
  await end(0);
  expect([sent().length, timers.length]).toEqual([2, 1]);
  const drained = batcher.drain();
  expect([sent().length, timers]).toEqual([3, []]);
  await end(1);
  await end(2);
  await drained;
});

test("Batcher splits the gathered frames into batches of the largest size", async () => {
  const { add, end, sent } = setUp({ postsInFlightMax: 1, batchFramesMax: 2 });
  add(1, 2, 3, 4, 5);
  expect(sent()).toEqual([[1, 2]]);
  await end(0);
  await end(1);
  expect(sent()).toEqual([[1, 2], [3, 4], [5]]);
});

test("Batcher delivers the answers of a POST, and counts them", async () => {
  const { add, end, delivered, counters } = setUp();
  add(1, 2, 3);
  await end(0, { kind: "answers", frames: [frame(11), frame(12)] });
  expect(delivered).toEqual([11, 12]);
  expect(counters.snapshot()).toMatchObject({ forwarded: 3, answered: 2 });
});

test("Batcher drops the oldest frame when the queue is full", async () => {
  const { add, end, sent, dropped } = setUp({ postsInFlightMax: 1, lengthMax: 2 });
  add(1);
  add(2, 3, 4);
  await end(0);
  expect(sent()).toEqual([[1], [3, 4]]);
  expect(dropped()).toEqual({ "queue-full": 1 });
});

test("T4 Batcher drops frames that are older than a POST can state, and sends those behind them", () => {
  const { batcher, add, pass, sent, dropped, taken, allocators } = setUp();
  pass(100_000);
  allocators.ageMsMax = 60_000;
  batcher.add(frame(1), "requests", 39_999);
  batcher.add(frame(2), "requests", 40_000);
  batcher.add(frame(3), "requests", 0);
  add(4);
  expect([sent(), dropped(), taken]).toEqual([[[2, 4]], { "deadline-passed": 2 }, [[2, 0]]]);
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
  expect(dropped()).toEqual({ "deadline-passed": 1 });
});

test("Batcher reports the size and the longest wait of each batch, and passes the oldest arrival on", async () => {
  const { add, pass, end, taken, posts } = setUp({ postsInFlightMax: 1 });
  pass(100);
  add(1);
  pass(5);
  add(2);
  pass(7);
  add(3);
  await end(0);
  expect(taken).toEqual([
    [1, 0],
    [2, 7],
  ]);
  expect(posts.map(({ arrivedMs }) => arrivedMs)).toEqual([100, 105]);
});

test("Batcher counts the wait of a frame from when it was added, and its age from its arrival", async () => {
  const { batcher, add, pass, end, taken, posts, sent, dropped } = setUp({ postsInFlightMax: 1 });
  pass(9000);
  add(1);
  batcher.add(frame(2), "requests", 100);
  pass(999);
  await end(0);
  expect([sent(), dropped(), taken[1]]).toEqual([[[1], [2]], {}, [1, 999]]);
  expect(posts[1]!.arrivedMs).toBe(100);
});

test("Batcher drops a duplicate of a waiting frame", async () => {
  const { add, end, sent, dropped } = setUp({ postsInFlightMax: 1 });
  add(1);
  add(2, 3, 2);
  await end(0);
  expect(sent()).toEqual([[1], [2, 3]]);
  expect(dropped()).toEqual({ duplicate: 1 });
});

test.each([
  [unavailable, "allocator-unavailable"],
  [{ kind: "refused", status: 401, detail: "" } as const, "allocator-refused"],
  [{ kind: "malformed", detail: "" } as const, "malformed-body"],
])(
  "Batcher drops the frames of a POST that failed as %j, and does not repeat them",
  async (failure, reason) => {
    const { add, pass, end, sent, dropped } = setUp();
    add(1, 2);
    await end(0, failure);
    pass(10_000);
    expect(sent()).toEqual([[1, 2]]);
    expect(dropped()).toEqual({ [reason]: 2 });
  },
);

test("Batcher keeps frames while no allocator can get a POST, and sends them on wake()", () => {
  const { batcher, add, allocators, sent } = setUp();
  allocators.canPost = false;
  add(1, 2);
  batcher.wake();
  expect(sent()).toEqual([]);
  allocators.canPost = true;
  batcher.wake();
  expect(sent()).toEqual([[1, 2]]);
});

test("Batcher keeps its queue bounded during a long outage", () => {
  const { batcher, allocators, dropped } = setUp({ lengthMax: 10 });
  allocators.canPost = false;
  for (let id = 0; id < 1000; id++) batcher.add(frame(id % 256), "requests", 0);
  expect(dropped()).toEqual({ "queue-full": 990 });
});

test("reconfigure() of a batcher applies the new bounds to waiting frames", async () => {
  const { batcher, add, end, sent, dropped } = setUp({ postsInFlightMax: 1 });
  add(1);
  add(2, 3, 4, 5);
  batcher.reconfigure({ ...usualLimits, lengthMax: 3, batchFramesMax: 2, postsInFlightMax: 1 });
  expect(dropped()).toEqual({ "queue-full": 1 });
  await end(0);
  expect(sent()).toEqual([[1], [3, 4]]);
  batcher.reconfigure({ ...usualLimits, postsInFlightMax: 2 });
  expect(sent()).toEqual([[1], [3, 4], [5]]);
});

test("drain() of a batcher sends the waiting frames, and resolves after the last POST", async () => {
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

test("drain() of a batcher does not wait for unavailable allocators", async () => {
  const { batcher, add, end, dropped, allocators } = setUp({ postsInFlightMax: 1 });
  add(1);
  add(2, 3);
  const drained = batcher.drain();
  allocators.canPost = false;
  allocators.allQuarantined = true;
  await end(0, unavailable);
  await drained;
  expect(dropped()).toEqual({ "allocator-unavailable": 1, "relay-closing": 2 });
});

test("drain() of an empty batcher resolves at once", async () => {
  await setUp().batcher.drain();
});
