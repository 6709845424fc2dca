/**
 * A storm: more datagrams than the allocator can serve, for a while. The test drives the clock, so that the result does
 * not depend on how busy the machine is.
 */
import { expect, test } from "vitest";
import { parseRelaySettings } from "../../relay/config/config.ts";
import { RelayCounters } from "../../relay/counters.ts";
import type { Unavailable } from "../../relay/post.ts";
import type { AllocatorClient } from "../../relay/uplink/allocator-client.ts";
import { pauseAfterFailure } from "../../relay/uplink/backoff.ts";
import { Batcher } from "../../relay/uplink/batcher.ts";
import type { BatcherLimits } from "../../relay/uplink/batcher.ts";
import { Uplink } from "../../relay/uplink/uplink.ts";
import { relayBodyOctetsMax, relayGatherMsMax, relayPauseMsMax } from "../../src/limits.ts";
import { readUint32, writeUint32 } from "../../src/wire/octets.ts";
import { createManualTiming } from "../support/manual-timing.ts";
import type { ManualTiming } from "../support/manual-timing.ts";

/** Frames that the allocator can serve per millisecond. */
const capacity = 2;

const { queue, allocator } = parseRelaySettings({});

const limits: BatcherLimits = {
  lengthMax: queue.length,
  octetsMax: queue.octets,
  waitMsMax: queue.deadlineMs / 2,
  postsInFlightMax: allocator.postsInFlight,
  gatherMsMax: relayGatherMsMax,
  batchFramesMax: allocator.batchFrames,
  batchOctetsMax: relayBodyOctetsMax,
};

/** Numbers of the datagrams that clients send in one millisecond. Equal numbers have equal octets. */
type Arrivals = (ms: number) => readonly number[];

/** An outage: the allocator refuses connections, or does not answer. */
interface Outage {
  readonly kind: "refusing" | "silent";
  readonly fromMs: number;
  readonly toMs: number;
}

/** Creates an allocator that serves frames one at a time, unless it is down, and records its POSTs and probes. */
function createAllocator(timing: ManualTiming, outage?: Outage) {
  const posts: { readonly atMs: number; readonly numbers: readonly number[] }[] = [];
  const probesAtMs: number[] = [];
  let freeAtMs = 0;
  const isDown = () =>
    outage !== undefined && timing.nowMs() >= outage.fromMs && timing.nowMs() < outage.toMs;
  const failAfter = (ms: number) =>
    new Promise<Unavailable>((resolve) => {
      timing.later(() => {
        resolve({ kind: "unavailable", detail: "late or down" });
      }, ms);
    });
  const fail = (timeoutMs: number) => failAfter(outage?.kind === "refusing" ? 0 : timeoutMs);
  const client: AllocatorClient = {
    url: "https://allocator.example",
    post: (frames, timeoutMs) => {
      posts.push({ atMs: timing.nowMs(), numbers: frames.map((frame) => readUint32(frame, 0)) });
      if (isDown()) return fail(timeoutMs);
      freeAtMs = Math.max(freeAtMs, timing.nowMs()) + frames.length / capacity;
      const waitMs = freeAtMs - timing.nowMs();
      if (waitMs > timeoutMs) return failAfter(timeoutMs);
      return new Promise((resolve) => {
        timing.later(() => {
          resolve({ kind: "answers", frames: [...frames] });
        }, waitMs);
      });
    },
    probe: async (timeoutMs) => {
      probesAtMs.push(timing.nowMs());
      return { failure: isDown() ? await fail(timeoutMs) : undefined, clockMs: undefined };
    },
    close: () => Promise.resolve(),
  };
  return { client, posts, probesAtMs };
}

/** Runs a storm for `durationMs` milliseconds, with the relay's default settings. */
async function runStorm(arrivals: Arrivals, durationMs: number, outage?: Outage) {
  const timing = createManualTiming();
  const soon: (() => void)[] = [];
  const firstSentMs = new Map<number, number>();
  const answeredInTime = new Set<number>();
  const answersAtMs: number[] = [];
  const counters = new RelayCounters();
  const { client, posts, probesAtMs } = createAllocator(timing, outage);
  const uplink = new Uplink(
    [client],
    { policy: "priority", timeoutMs: queue.deadlineMs / 2 },
    {
      onPosting: () => undefined,
      onPosted: () => undefined,
      onRecovered: () => undefined,
      onChanged: () => {
        batcher.wake();
      },
    },
    { ...timing, soon: (run) => soon.push(run) },
  );
  const batcher: Batcher = new Batcher(
    limits,
    (answer) => {
      const number = readUint32(answer, 0);
      answersAtMs.push(timing.nowMs());
      if (timing.nowMs() - firstSentMs.get(number)! <= queue.deadlineMs) answeredInTime.add(number);
    },
    { uplink, counters, observer: {}, timing: { ...timing, soon: (run) => soon.push(run) } },
  );
  const tried = uplink.tryAllocators();
  await new Promise(setImmediate);
  timing.advance(0);
  await tried;
  for (const list of [posts, probesAtMs]) list.length = 0;
  for (let ms = 0; ms < durationMs; ms++) {
    for (const number of arrivals(ms)) {
      if (!firstSentMs.has(number)) firstSentMs.set(number, timing.nowMs());
      batcher.add(frameOf(number), "discovers", timing.nowMs());
    }
    for (const run of soon.splice(0)) run();
    timing.advance(1);
    await new Promise(setImmediate);
  }
  const goodput = answeredInTime.size / durationMs / capacity;
  const { dropped } = counters.snapshot();
  return { goodput, firstSentMs, answersAtMs, dropped, batcher, posts, probesAtMs };
}

function frameOf(number: number): Uint8Array {
  const frame = new Uint8Array(350);
  writeUint32(frame, 0, number);
  return frame;
}

/** Load in multiples of the capacity, without repeated datagrams. */
const distinct =
  (load: number): Arrivals =>
  (ms) =>
    Array.from({ length: capacity * load }, (_, index) => ms * capacity * load + index);

test("at five times the allocator's capacity, the relay delivers at least 90 % of its best rate", async () => {
  const best = await runStorm(distinct(1), 10_000);
  expect(best.goodput).toBeGreaterThan(0.9);
  const flooded = await runStorm(distinct(5), 10_000);
  expect(flooded.goodput).toBeGreaterThan(0.9 * best.goodput);
  expect(flooded.batcher.waiting.frames).toBeLessThanOrEqual(queue.length);
});

test("a slow allocator gets no datagram whose answer would come too late", async () => {
  // Queue and allocator together could hold more than one deadline of work, unless the relay drops old datagrams.
  const { posts, goodput, dropped } = await runStorm(distinct(20), 10_000);
  const served = posts.reduce((sum, { numbers }) => sum + numbers.length, 0);
  expect(goodput).toBeGreaterThan(0.85);
  expect(served).toBeLessThanOrEqual(10_000 * capacity + allocator.postsInFlight * allocator.batchFrames);
  expect(Object.keys(dropped)).toEqual(["queue-full"]);
});

test("repeated messages do not displace other clients' messages", async () => {
  // Each datagram is sent five times within 40 ms; without the repetitions the load would be 90 %.
  const arrivals: Arrivals = (ms) =>
    [0, 10, 20, 30, 40].flatMap((ago) => {
      const at = ms - ago;
      return at < 0 || at % 10 === 9 ? [] : [2 * at, 2 * at + 1];
    });
  const { goodput, dropped } = await runStorm(arrivals, 5000);
  expect(dropped.duplicate).toBeGreaterThan(0);
  // A datagram that is repeated while the allocator has the first copy is served twice.
  expect(goodput).toBeGreaterThan(0.75);
});

test.each(["refusing", "silent"] as const)(
  "an allocator that is %s for 60 s under load loses only the datagrams of that time",
  async (kind) => {
    const outage: Outage = { kind, fromMs: 5000, toMs: 65_000 };
    const { fromMs, toMs } = outage;
    const [loadMs, quietMs] = [75_000, 5000];
    const load = distinct(0.5);
    const arrivals: Arrivals = (ms) => (ms < loadMs ? load(ms) : []);
    const run = await runStorm(arrivals, loadMs + quietMs, outage);

    // Probes follow the backoff, and stop after the first success.
    const failureMs = kind === "silent" ? queue.deadlineMs / 2 : 0;
    const gaps = run.probesAtMs.slice(1).map((atMs, index) => atMs - run.probesAtMs[index]!);
    expect(gaps).toEqual(gaps.map((_gap, index) => pauseAfterFailure(index + 2, undefined, 0.5) + failureMs));
    expect(run.probesAtMs.filter((atMs) => atMs >= toMs)).toHaveLength(1);

    // Until then, the only POSTs are those that met the outage.
    const backAtMs = run.probesAtMs.at(-1)!;
    const during = run.posts.filter(({ atMs }) => atMs >= fromMs && atMs < backAtMs);
    expect(during.length).toBeGreaterThan(0);
    expect(during.length).toBeLessThanOrEqual(allocator.postsInFlight);

    // Service is back within one interval of probes, with one POST first.
    expect(backAtMs - toMs).toBeLessThanOrEqual(relayPauseMsMax + failureMs);
    const firstAnswerMs = run.answersAtMs.find((atMs) => atMs >= toMs)!;
    expect(firstAnswerMs - backAtMs).toBeLessThanOrEqual(allocator.batchFrames / capacity);
    expect(run.posts.filter(({ atMs }) => atMs >= backAtMs && atMs < firstAnswerMs)).toHaveLength(1);

    // The relay repeats nothing, and sends no datagram that waited too long: there is no burst of old work.
    const posted = run.posts.flatMap(({ atMs, numbers }) => numbers.map((number) => ({ atMs, number })));
    expect(new Set(posted.map(({ number }) => number)).size).toBe(posted.length);
    const ages = posted.map(({ atMs, number }) => atMs - run.firstSentMs.get(number)!);
    expect(ages.reduce((a, b) => Math.max(a, b))).toBeLessThanOrEqual(limits.waitMsMax);

    // Every datagram was answered, or dropped and counted with its reason.
    const drops = Object.values(run.dropped).reduce((sum, count) => sum + count, 0);
    expect(run.answersAtMs.length + drops).toBe(run.firstSentMs.size);
    expect(Object.keys(run.dropped).toSorted()).toEqual([
      ...["allocator-unavailable", "deadline-passed", "queue-full"],
    ]);
    expect(run.dropped["allocator-unavailable"]).toBe(during.flatMap(({ numbers }) => numbers).length);
    expect(run.batcher.waiting.frames).toBe(0);
  },
);
