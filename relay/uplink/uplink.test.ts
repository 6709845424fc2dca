import { expect, test } from "vitest";
import { relayDeadlineMsMax } from "../../src/limits.ts";
import { createManualTiming } from "../../test/support/manual-timing.ts";
import type { EndedPost, PostOutcome, Unavailable } from "../post.ts";
import type { AllocatorClient, StatedArrival } from "./allocator-client.ts";
import { RelayCounters } from "../counters.ts";
import { Batcher } from "./batcher.ts";
import type { BatcherLimits } from "./batcher.ts";
import { Uplink } from "./uplink.ts";

const unavailable: Unavailable = { kind: "unavailable", detail: "no connection" };
const refused: PostOutcome = { kind: "refused", status: 401, detail: "Status is 401, expected 200" };
const malformed: PostOutcome = { kind: "malformed", detail: "half a frame" };
const answers: PostOutcome = { kind: "answers", frames: [] };
const frames = [Uint8Array.of(1)];

/** An allocator client whose POSTs and probes the test completes. */
function fakeClient(url: string) {
  const posts: { timeoutMs: number; arrival: StatedArrival; end: (outcome: PostOutcome) => void }[] = [];
  const probes: ((failure?: Unavailable, clockMs?: number) => void)[] = [];
  const state = { isClosed: false };
  const client: AllocatorClient = {
    url,
    post: (_frames, timeoutMs, arrival) => new Promise((end) => posts.push({ timeoutMs, arrival, end })),
    probe: () =>
      new Promise((end) => {
        probes.push((failure, clockMs) => {
          end({ failure, clockMs });
        });
      }),
    close: () => Promise.resolve(void (state.isClosed = true)),
  };
  return { client, posts, probes, state };
}

function createUplink(policy: "priority" | "spread" = "priority", count = 2) {
  const timing = createManualTiming(0);
  const fakes = ["a", "b", "c"].slice(0, count).map(fakeClient);
  const events: string[] = [];
  const ended: EndedPost[] = [];
  const began: string[] = [];
  const uplink = new Uplink(
    fakes.map(({ client }) => client),
    { policy, timeoutMs: 2000 },
    {
      onPosting: (allocator) => began.push(allocator),
      onPosted: (post) => ended.push(post),
      onRecovered: (allocator) => events.push(`${allocator} recovered`),
      onChanged: () => events.push("changed"),
    },
    { ...timing, soon: setImmediate },
  );
  const states = () => uplink.status().map(({ state }) => state);
  return { uplink, timing, fakes, events, began, ended, states, a: fakes[0]!, b: fakes[1]! };
}

/** The same, after the allocators were tried: all serve, and none knows a clock, as those of earlier releases. */
async function setUp(policy?: "priority" | "spread", count?: number) {
  const world = createUplink(policy, count);
  const tried = world.uplink.tryAllocators();
  for (const { probes } of world.fakes) probes.shift()!();
  await settle();
  for (const { posts } of world.fakes) posts.shift()!.end(answers);
  await tried;
  world.events.length = 0;
  return world;
}

const limits: BatcherLimits = {
  lengthMax: 10,
  octetsMax: 1000,
  waitMsMax: 2000,
  postsInFlightMax: 2,
  gatherMsMax: 10,
  batchFramesMax: 256,
  batchOctetsMax: 1_000_000,
};

/** Lets the uplink react to a completed POST or probe: it does so in microtasks. */
const settle = () => new Promise(setImmediate);

test("Uplink uses the first allocator of the list while it serves", async () => {
  const { uplink, a, b } = await setUp();
  for (let turn = 0; turn < 3; turn++) void uplink.post(frames, 0);
  expect([a.posts.length, b.posts.length]).toEqual([3, 0]);
  a.posts[0]!.end(answers);
  await settle();
  expect(uplink.status()).toMatchObject([
    { url: "a", state: "serving", postsInFlight: 2, posts: 3, postsFailed: 0 },
    { url: "b", state: "serving", postsInFlight: 0, posts: 0, postsFailed: 0 },
  ]);
});

test("Uplink with `spread` uses the allocator with the fewest POSTs in flight, in turns among equals", async () => {
  const { uplink, fakes } = await setUp("spread", 3);
  for (let turn = 0; turn < 6; turn++) void uplink.post(frames, 0);
  expect(fakes.map(({ posts }) => posts.length)).toEqual([2, 2, 2]);
  for (const { end } of fakes[1]!.posts) end(answers);
  await settle();
  void uplink.post(frames, 0);
  expect(fakes.map(({ posts }) => posts.length)).toEqual([2, 3, 2]);
});

test.each([unavailable, refused])(
  "Uplink sends a batch that failed as %j once more, to another allocator, within the time left",
  async (failure) => {
    const { uplink, timing, a, b, began } = await setUp();
    const outcome = uplink.post(frames, 0);
    timing.advance(500);
    a.posts[0]!.end(failure);
    await settle();
    expect([a.posts.length, b.posts.map(({ timeoutMs }) => timeoutMs)]).toEqual([1, [1500]]);
    b.posts[0]!.end(answers);
    expect(await outcome).toBe(answers);
    expect([a.posts.length, began]).toEqual([1, ["a", "b"]]);
  },
);

test("Uplink states the age of a batch at the time of each POST", async () => {
  const { uplink, timing, a, b } = await setUp();
  timing.advance(700);
  void uplink.post(frames, 400);
  timing.advance(500);
  a.posts[0]!.end(unavailable);
  await settle();
  expect([a.posts[0]!.arrival.ageMs, b.posts[0]!.arrival.ageMs]).toEqual([300, 800]);
});

test("T4 Uplink states when a batch arrived by the judging clock, once an answer or a probe has told it", async () => {
  const { uplink, timing, a, b } = await setUp();
  const statedBy = ({ posts }: typeof a) => posts.map(({ arrival }) => arrival.clockMs);
  void uplink.post(frames, 0);
  timing.advance(100);
  a.posts[0]!.end({ ...answers, clockMs: 5000 });
  await settle();
  timing.advance(10);
  void uplink.post(frames, 105);
  expect(statedBy(a)).toEqual([undefined, 5004]);
  // The same arrival is stated to the second allocator, which has the same database.
  a.posts[1]!.end(unavailable);
  await settle();
  expect(statedBy(b)).toEqual([5004]);
});

test("T4 Uplink knows the judging clock before the first POST", async () => {
  const { uplink, timing, a, b } = createUplink();
  void uplink.tryAllocators();
  timing.advance(20);
  a.probes[0]!(unavailable);
  b.probes[0]!(undefined, 7000);
  await settle();
  void uplink.post(frames, 20);
  expect(b.posts.at(-1)!.arrival.clockMs).toBe(7000);
});

test("T4 Uplink takes no frames until an allocator was asked for the judging clock", async () => {
  const { uplink, timing, events, states, a, b } = createUplink();
  expect([uplink.canPost(), uplink.allQuarantined()]).toEqual([false, false]);
  void uplink.tryAllocators();
  timing.advance(400);
  a.probes[0]!(unavailable);
  await settle();
  expect([uplink.canPost(), states(), events]).toEqual([false, ["quarantined", "serving"], ["changed"]]);
  b.probes[0]!(undefined, 7400);
  await settle();
  expect([uplink.canPost(), events]).toEqual([true, ["changed", "changed"]]);
  void uplink.post(frames, 10);
  // The clock may have shown 7400 at any time since it was asked; a millisecond is for the drift.
  expect(b.posts.at(-1)!.arrival).toEqual({ ageMs: 390, clockMs: 7009 });
});

test("Uplink gives no frames to an allocator that has not answered yet, while another one has", async () => {
  const { uplink, a, b } = createUplink();
  void uplink.tryAllocators();
  b.probes[0]!(undefined, 7400);
  await settle();
  b.posts.shift()!.end(answers);
  void uplink.post(frames, 0);
  expect([a.posts.length, b.posts.length]).toEqual([0, 1]);
});

test("Uplink says when the last allocator is away, so that a relay that stops waits for none", async () => {
  const { uplink, a, events } = createUplink("priority", 1);
  const counters = new RelayCounters();
  const { timing } = createUplink();
  const batcher = new Batcher(limits, () => undefined, { uplink, counters, observer: {}, timing });
  batcher.add(Uint8Array.of(1), "requests", 0);
  void uplink.tryAllocators();
  const drained = batcher.drain();
  a.probes[0]!(unavailable);
  await settle();
  expect(events).toEqual(["changed"]);
  batcher.wake();
  await drained;
  expect(counters.snapshot().dropped).toEqual({ "relay-closing": 1 });
});

test("T4 Uplink takes frames once an allocator has answered that does not know the judging clock", async () => {
  const { uplink, timing, a, b } = createUplink();
  void uplink.tryAllocators();
  for (const { probes } of [a, b]) probes[0]!(unavailable);
  await settle();
  expect([uplink.canPost(), uplink.allQuarantined()]).toEqual([false, true]);
  timing.advance(5000);
  b.probes[1]!();
  await settle();
  void uplink.post(frames, 5000);
  expect([a.posts.length, b.posts[0]!.arrival]).toEqual([0, { ageMs: 0, clockMs: undefined }]);
});

test("E19 Uplink tries the token with a POST without frames, of an allocator that answers", async () => {
  const { uplink, a, b } = createUplink();
  const failures = uplink.tryAllocators();
  a.probes[0]!(unavailable);
  b.probes[0]!(undefined);
  await settle();
  expect([a.posts.length, b.posts.length]).toEqual([0, 1]);
  b.posts[0]!.end(refused);
  expect(await failures).toEqual([
    { allocator: "a", failure: unavailable },
    { allocator: "b", failure: refused },
  ]);
});

test("T4 Uplink takes no frames that are older than it can state, until it knows the judging clock", async () => {
  const { uplink, timing, a, b } = await setUp();
  expect(uplink.ageMsMax()).toBe(relayDeadlineMsMax);
  timing.advance(relayDeadlineMsMax);
  const outcome = uplink.post(frames, 0);
  timing.advance(1);
  a.posts[0]!.end(unavailable);
  // By now they are too old for a second POST.
  expect([await outcome, b.posts]).toEqual([unavailable, []]);
  void uplink.post(frames, relayDeadlineMsMax);
  b.posts[0]!.end({ ...answers, clockMs: 5000 });
  await settle();
  expect(uplink.ageMsMax()).toBe(Infinity);
});

test("Uplink never sends a batch to a third allocator", async () => {
  const { uplink, fakes } = await setUp("priority", 3);
  const outcome = uplink.post(frames, 0);
  for (const { posts } of fakes.slice(0, 2)) {
    posts[0]!.end(unavailable);
    await settle();
  }
  expect(await outcome).toEqual(unavailable);
  expect(fakes.map(({ posts }) => posts.length)).toEqual([1, 1, 0]);
});

test("Uplink does not resend a batch that was answered or has no time left", async () => {
  const { uplink, timing, a, b, ended } = await setUp();
  const first = uplink.post(frames, 0);
  const second = uplink.post(frames, 0);
  a.posts[0]!.end(malformed);
  expect(await first).toBe(malformed);
  timing.advance(1990);
  a.posts[1]!.end(unavailable);
  expect(await second).toBe(unavailable);
  expect(b.posts).toEqual([]);
  expect(ended).toEqual([
    { allocator: "a", frames, outcome: malformed, elapsedMs: 0 },
    { allocator: "a", frames, outcome: unavailable, elapsedMs: 1990 },
  ]);
});

test("Uplink quarantines a failed allocator, probes it, tries one POST, and then uses it again", async () => {
  const { uplink, timing, a, events, states } = await setUp("priority", 1);
  void uplink.post(frames, 0);
  a.posts[0]!.end(unavailable);
  await settle();
  expect([states(), uplink.canPost(), uplink.allQuarantined()]).toEqual([["quarantined"], false, true]);
  expect(await uplink.post(frames, 0)).toMatchObject({ kind: "unavailable" });
  timing.advance(99);
  expect(a.probes.length).toBe(0);
  timing.advance(1);
  expect(a.probes.length).toBe(1);
  expect(uplink.canPost()).toBe(false);
  a.probes[0]!();
  await settle();
  expect([states(), uplink.canPost(), uplink.allQuarantined(), events]).toEqual([
    ...[["on-trial"], true, false, ["changed"]],
  ]);
  void uplink.post(frames, 0);
  expect(uplink.canPost()).toBe(false);
  a.posts[1]!.end(answers);
  await settle();
  expect([states(), uplink.canPost(), events]).toEqual([["serving"], true, ["changed", "a recovered"]]);
});

test("Uplink doubles the pauses between probes up to 2 s, and starts over after a success", async () => {
  const { uplink, timing, a } = await setUp("priority", 1);
  const pauses: number[] = [];
  const untilProbe = async (count: number): Promise<void> => {
    let ms = 0;
    for (; a.probes.length < count; ms += 10) timing.advance(10);
    pauses.push(ms);
    await settle();
  };
  void uplink.post(frames, 0);
  a.posts[0]!.end(unavailable);
  await settle();
  for (let probe = 1; probe <= 6; probe++) {
    await untilProbe(probe);
    a.probes[probe - 1]!(probe === 6 ? undefined : unavailable);
    await settle();
  }
  for (const outcome of [answers, unavailable]) {
    void uplink.post(frames, 0);
    a.posts.at(-1)!.end(outcome);
    await settle();
  }
  await untilProbe(7);
  expect(pauses).toEqual([100, 200, 400, 800, 1000, 1000, 100]);
});

test("Uplink waits for the Retry-After of a POST and of a probe", async () => {
  const { uplink, timing, a } = await setUp("priority", 1);
  void uplink.post(frames, 0);
  a.posts[0]!.end({ ...unavailable, retryAfterMs: 3000 });
  await settle();
  timing.advance(2999);
  expect(a.probes.length).toBe(0);
  timing.advance(1);
  a.probes[0]!({ ...unavailable, retryAfterMs: 5000 });
  await settle();
  timing.advance(4999);
  expect(a.probes.length).toBe(1);
  timing.advance(1);
  expect(a.probes.length).toBe(2);
});

test("Uplink counts POSTs that fail together as one failure, and ignores a success that comes later", async () => {
  const { uplink, timing, a, states } = await setUp("priority", 1);
  for (let turn = 0; turn < 3; turn++) void uplink.post(frames, 0);
  a.posts[0]!.end(unavailable);
  a.posts[1]!.end(unavailable);
  a.posts[2]!.end(answers);
  await settle();
  expect([states(), timing.waiting()]).toEqual([["quarantined"], 1]);
  timing.advance(100);
  expect(a.probes.length).toBe(1);
});

test("Uplink uses the second allocator while the first is quarantined, and tries the first with one POST", async () => {
  const { uplink, timing, a, b } = await setUp();
  void uplink.post(frames, 0);
  a.posts[0]!.end(unavailable);
  await settle();
  expect(b.posts.length).toBe(1);
  void uplink.post(frames, 0);
  expect([a.posts.length, b.posts.length]).toEqual([1, 2]);
  timing.advance(100);
  a.probes[0]!();
  await settle();
  for (let turn = 0; turn < 3; turn++) void uplink.post(frames, 0);
  expect([a.posts.length, b.posts.length]).toEqual([2, 4]);
});

test("close() of an uplink waits for its POSTs, and stops probing", async () => {
  const { uplink, timing, a, b } = await setUp();
  void uplink.post(frames, 0);
  a.posts[0]!.end(unavailable);
  await settle();
  const closed = uplink.close();
  await settle();
  expect([timing.waiting(), b.state.isClosed]).toEqual([0, false]);
  b.posts[0]!.end(answers);
  await closed;
  expect([a.state.isClosed, b.state.isClosed]).toEqual([true, true]);
});

test("close() of an uplink also waits for the second POST of a batch whose first one is in flight", async () => {
  const { uplink, a, b } = await setUp();
  const outcome = uplink.post(frames, 0);
  const closed = uplink.close();
  a.posts[0]!.end(unavailable);
  await settle();
  expect([b.posts.length, b.state.isClosed]).toEqual([1, false]);
  b.posts[0]!.end(answers);
  await closed;
  expect([await outcome, b.state.isClosed]).toEqual([answers, true]);
});
