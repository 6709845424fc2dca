/**
 * A storm, in time that passes only when the test lets it: more datagrams than the allocator can serve, for a while. What
 * the relay makes of it must not depend on how busy the machine is that runs the test.
 */
import { expect, test } from "vitest";
import type { AllocatorClient } from "../../relay/allocator-client.ts";
import { Batcher } from "../../relay/batcher.ts";
import { parseRelaySettings } from "../../relay/config.ts";
import { Uplink } from "../../relay/uplink.ts";
import { relayBodyOctetsMax } from "../../src/limits.ts";
import { readUint32, writeUint32 } from "../../src/wire/octets.ts";
import { createManualTiming } from "../support/manual-timing.ts";

/** Frames a millisecond that the allocator can serve. */
const capacity = 2;

const { queue, allocator } = parseRelaySettings({});

/** What clients send in one millisecond: numbers; a number again is the same octets again. */
type Arrivals = (ms: number) => readonly number[];

/** Lets a storm rage for so many milliseconds, with the relay's default settings. */
async function rage(arrivals: Arrivals, durationMs: number) {
  const timing = createManualTiming();
  const soon: (() => void)[] = [];
  const firstSentMs = new Map<number, number>();
  const answeredInTime = new Set<number>();
  const dropped: Record<string, number> = {};
  let [freeAtMs, served] = [0, 0];
  const client: AllocatorClient = {
    url: "https://allocator.example",
    post: (frames, timeoutMs) =>
      new Promise((resolve) => {
        served += frames.length;
        freeAtMs = Math.max(freeAtMs, timing.nowMs()) + frames.length / capacity;
        const waitMs = freeAtMs - timing.nowMs();
        if (waitMs > timeoutMs)
          timing.later(() => {
            resolve({ kind: "unavailable", detail: "late" });
          }, timeoutMs);
        else
          timing.later(() => {
            resolve({ kind: "answers", frames: [...frames] });
          }, waitMs);
      }),
    probe: () => Promise.resolve(undefined),
    close: () => Promise.resolve(),
  };
  const uplink = new Uplink(
    [client],
    { policy: "priority", timeoutMs: queue.deadlineMs / 2 },
    {
      began: () => undefined,
      ended: () => undefined,
      recovered: () => undefined,
      available: () => {
        batcher.wake();
      },
    },
    { ...timing, soon: (run) => soon.push(run) },
  );
  const batcher: Batcher = new Batcher(
    {
      ...{ lengthMax: queue.length, octetsMax: queue.octets, waitMsMax: queue.deadlineMs / 2 },
      ...{ postsInFlightMax: allocator.postsInFlight, batchFramesMax: allocator.batchFrames },
      batchOctetsMax: relayBodyOctetsMax,
    },
    {
      canPost: () => uplink.canPost(),
      isAway: () => uplink.isAway(),
      taken: () => undefined,
      post: (frames) => uplink.post(frames),
      deliver: (answers) => {
        for (const answer of answers) {
          const number = readUint32(answer, 0);
          if (timing.nowMs() - firstSentMs.get(number)! <= queue.deadlineMs) answeredInTime.add(number);
        }
      },
      drop: (reason, count) => (dropped[reason] = (dropped[reason] ?? 0) + count),
    },
    { ...timing, soon: (run) => soon.push(run) },
  );
  for (let ms = 0; ms < durationMs; ms++) {
    for (const number of arrivals(ms)) {
      const frame = new Uint8Array(350);
      writeUint32(frame, 0, number);
      if (!firstSentMs.has(number)) firstSentMs.set(number, timing.nowMs());
      batcher.add(frame);
    }
    for (const run of soon.splice(0)) run();
    timing.advance(1);
    await new Promise(setImmediate);
  }
  return { goodput: answeredInTime.size / durationMs / capacity, served, dropped, batcher };
}

/** So many times the capacity, each datagram another. */
const distinct =
  (load: number): Arrivals =>
  (ms) =>
    Array.from({ length: capacity * load }, (_, index) => ms * capacity * load + index);

test("at five times of what the allocator can serve, the relay serves at least 90 % of what it does at best", async () => {
  const best = await rage(distinct(1), 10_000);
  expect(best.goodput).toBeGreaterThan(0.9);
  const flooded = await rage(distinct(5), 10_000);
  expect(flooded.goodput).toBeGreaterThan(0.9 * best.goodput);
  expect(flooded.batcher.waiting.frames).toBeLessThanOrEqual(queue.length);
});

test("a slow allocator gets no work whose answer would come too late", async () => {
  // Queue and allocator together hold more than a deadline's worth of it, unless the relay drops what is too old.
  const { served, goodput, dropped } = await rage(distinct(20), 10_000);
  expect(goodput).toBeGreaterThan(0.85);
  expect(served).toBeLessThanOrEqual(10_000 * capacity + allocator.postsInFlight * allocator.batchFrames);
  expect(Object.keys(dropped)).toEqual(["queue-full"]);
});

test("clients that repeat themselves cost no one else an answer", async () => {
  // Each datagram is sent five times within 40 ms; without the repetitions the load would be 90 %.
  const arrivals: Arrivals = (ms) =>
    [0, 10, 20, 30, 40].flatMap((ago) => {
      const at = ms - ago;
      return at < 0 || at % 10 === 9 ? [] : [2 * at, 2 * at + 1];
    });
  const { goodput, dropped } = await rage(arrivals, 5000);
  expect(dropped.duplicate).toBeGreaterThan(0);
  // Those that came again while the first was with the allocator are served twice.
  expect(goodput).toBeGreaterThan(0.75);
});
