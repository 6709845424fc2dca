import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameQueue } from "./queue.ts";

const frame = (id: number, octets = 10): Uint8Array => new Uint8Array(octets).fill(id);
const ids = (frames: readonly Uint8Array[]): number[] => frames.map((each) => each[0]!);
const roomy = { lengthMax: 100, octetsMax: 10_000, waitMsMax: 1000 };

test("FrameQueue returns frames in order of arrival", () => {
  const queue = new FrameQueue(roomy);
  for (const id of [1, 2, 3]) expect(queue.push(frame(id), "requests", 0)).toBe(0);
  expect(ids(queue.take(2, 1000, 0).frames)).toEqual([1, 2]);
  expect(ids(queue.take(2, 1000, 0).frames)).toEqual([3]);
  expect(queue.take(2, 1000, 0)).toEqual({ frames: [], oldestMs: 0, arrivedMs: 0, expired: 0 });
});

test("FrameQueue drops the oldest frame when it is full", () => {
  const queue = new FrameQueue({ ...roomy, lengthMax: 2 });
  expect([1, 2, 3, 4].map((id) => queue.push(frame(id), "requests", 0))).toEqual([0, 0, 1, 1]);
  expect(ids(queue.take(9, 1000, 0).frames)).toEqual([3, 4]);
});

test("FrameQueue drops as many of the oldest frames as a large frame needs room for", () => {
  const queue = new FrameQueue({ ...roomy, octetsMax: 100 });
  for (const id of [1, 2, 3]) queue.push(frame(id, 30), "requests", 0);
  expect(queue.push(frame(4, 70), "requests", 0)).toBe(2);
  expect(ids(queue.take(9, 1000, 0).frames)).toEqual([3, 4]);
});

test("FrameQueue rejects a frame that is larger than the queue, and keeps the others", () => {
  const queue = new FrameQueue({ ...roomy, octetsMax: 100 });
  queue.push(frame(1), "requests", 0);
  expect(queue.push(frame(2, 101), "requests", 0)).toBe(1);
  expect(ids(queue.take(9, 1000, 0).frames)).toEqual([1]);
});

test("FrameQueue drops only frames that have waited too long", () => {
  const queue = new FrameQueue(roomy);
  queue.push(frame(1), "requests", 0);
  queue.push(frame(2), "requests", 1);
  queue.push(frame(3), "requests", 2);
  const { frames, expired } = queue.take(9, 1000, 1001);
  expect({ frames: ids(frames), expired }).toEqual({ frames: [2, 3], expired: 1 });
});

test("FrameQueue takes no more octets than fit in a POST, length fields included", () => {
  const queue = new FrameQueue(roomy);
  for (const id of [1, 2, 3]) queue.push(frame(id), "requests", 0);
  expect(ids(queue.take(9, 24, 0).frames)).toEqual([1, 2]);
});

test("FrameQueue sends alone a frame that is larger than a POST may be", () => {
  const queue = new FrameQueue(roomy);
  for (const id of [1, 2]) queue.push(frame(id, 50), "requests", 0);
  expect(ids(queue.take(9, 20, 0).frames)).toEqual([1]);
});

test("FrameQueue does not queue a duplicate of a waiting frame, but queues it again later", () => {
  const queue = new FrameQueue(roomy);
  expect([1, 2, 1].map((id) => queue.push(frame(id), "requests", 0))).toEqual([0, 0, "duplicate"]);
  expect(ids(queue.take(1, 1000, 0).frames)).toEqual([1]);
  expect([1, 2].map((id) => queue.push(frame(id), "requests", 0))).toEqual([0, "duplicate"]);
  expect(ids(queue.take(9, 1000, 0).frames)).toEqual([2, 1]);
});

test.each([
  ["in one octet", frame(1).with(7, 2)],
  ["in its last octet, beyond the last word", frame(1).with(9, 2)],
  ["in its length", frame(1, 9)],
])("FrameQueue queues a frame that differs %s", (_where, other) => {
  const queue = new FrameQueue(roomy);
  expect([queue.push(frame(1), "requests", 0), queue.push(other, "requests", 0)]).toEqual([0, 0]);
});

test("FrameQueue reports its length, its octets and when the oldest frame arrived", () => {
  const queue = new FrameQueue(roomy);
  queue.push(frame(1), "requests", 5);
  queue.push(frame(2, 20), "requests", 7);
  expect(queue).toMatchObject({ length: 2, octets: 30, oldestMs: 5 });
  expect(queue.take(1, 1000, 9).oldestMs).toBe(5);
  expect(queue).toMatchObject({ length: 1, octets: 20, oldestMs: 7 });
});

test("T4 FrameQueue knows the earliest arrival of the frames that it returns, in whatever order they were read", () => {
  const queue = new FrameQueue(roomy);
  queue.push(frame(1), "requests", 2000, 1990);
  queue.push(frame(2), "requests", 2000, 50);
  queue.push(frame(3), "requests", 2001, 1995);
  expect(queue.take(2, 1000, 2001)).toMatchObject({ oldestMs: 2000, arrivedMs: 50, expired: 0 });
  expect(queue.resize({ ...roomy, lengthMax: 5 })).toBe(0);
  expect(queue.take(2, 1000, 2001)).toMatchObject({ oldestMs: 2001, arrivedMs: 1995 });
});

test.each([
  [{ lengthMax: 2 }, 1, [2, 3]],
  [{ lengthMax: 50 }, 0, [1, 2, 3]],
  [{ octetsMax: 10 }, 2, [3]],
])("FrameQueue resizes to %j, and drops the %i oldest frames", (limits, dropped, left) => {
  const queue = new FrameQueue({ ...roomy, lengthMax: 5 });
  for (const id of [9, 9, 9, 1, 2, 3]) queue.push(frame(id), "requests", 0);
  queue.take(1, 1000, 0);
  expect(queue.resize({ ...roomy, ...limits })).toBe(dropped);
  expect(queue.push(frame(3), "requests", 0)).toBe("duplicate");
  expect(ids(queue.take(9, 1000, 0).frames)).toEqual(left);
});

test("clear() drops every frame", () => {
  const queue = new FrameQueue(roomy);
  for (const id of [1, 2]) queue.push(frame(id), "requests", 0);
  expect(queue.clear()).toBe(2);
  expect(queue).toMatchObject({ length: 0, octets: 0, oldestMs: 0 });
  expect(queue.push(frame(1), "requests", 0)).toBe(0);
});

/** Numbers of the frames that POSTs of so many frames take, one after the other. */
function takeAll(queue: FrameQueue, framesMax: number, nowMs = 0): number[][] {
  const posts: number[][] = [];
  while (queue.length > 0) posts.push(ids(queue.take(framesMax, 10_000, nowMs).frames));
  return posts;
}

test("FrameQueue sends requests before DISCOVERs that came first, and fills a POST with those", () => {
  const queue = new FrameQueue(roomy);
  for (const id of [1, 2, 3]) queue.push(frame(id), "discovers", 0);
  for (const id of [11, 12, 13]) queue.push(frame(id), "requests", 1);
  expect(takeAll(queue, 4)).toEqual([
    [11, 12, 13, 1],
    [2, 3],
  ]);
});

test("FrameQueue lets DISCOVERs be first in every fourth POST, however many requests wait", () => {
  const queue = new FrameQueue(roomy);
  for (const id of [1, 2, 3]) queue.push(frame(id), "discovers", 0);
  for (let id = 11; id <= 20; id++) queue.push(frame(id), "requests", 0);
  expect(takeAll(queue, 2)).toEqual([[11, 12], [13, 14], [15, 16], [1, 2], [17, 18], [19, 20], [3]]);
});

test("FrameQueue takes turns anew after DISCOVERs had a POST of their own", () => {
  const queue = new FrameQueue(roomy);
  const push = (lane: "discovers" | "requests", ...each: number[]): void => {
    for (const id of each) queue.push(frame(id), lane, 0);
  };
  push("discovers", 1, 2, 3);
  push("requests", 11, 12);
  expect(ids(queue.take(1, 1000, 0).frames)).toEqual([11]);
  expect(ids(queue.take(1, 1000, 0).frames)).toEqual([12]);
  expect(ids(queue.take(1, 1000, 0).frames)).toEqual([1]);
  push("requests", 13, 14, 15, 16);
  expect(takeAll(queue, 1).flat()).toEqual([13, 14, 15, 2, 16, 3]);
});

test.each([
  [50, [[11, 1]]],
  [51, [[11], [1]]],
])("T4 FrameQueue lets lanes share a POST if their frames arrived %i ms apart: %j", (apartMs, posts) => {
  const queue = new FrameQueue(roomy);
  queue.push(frame(1), "discovers", 0);
  queue.push(frame(11), "requests", apartMs);
  expect(takeAll(queue, 9, apartMs)).toEqual(posts);
});

test("FrameQueue drops the oldest frame of the larger lane when it is full", () => {
  const queue = new FrameQueue({ ...roomy, octetsMax: 100 });
  for (const id of [1, 2]) queue.push(frame(id, 20), "requests", 0);
  for (const id of [11, 12, 13]) queue.push(frame(id, 20), "discovers", 0);
  expect(queue.push(frame(3, 20), "requests", 0)).toBe(1);
  expect(queue.push(frame(4, 20), "requests", 0)).toBe(1);
  expect(takeAll(queue, 9)).toEqual([[2, 3, 4, 12, 13]]);
});

test("FrameQueue takes the other lane when all frames of the first are too old for a POST", () => {
  const queue = new FrameQueue(roomy);
  queue.push(frame(1), "requests", 900, 10);
  queue.push(frame(11), "discovers", 901);
  const { frames, expired } = queue.take(9, 1000, 1000, 500);
  expect({ frames: ids(frames), expired, left: queue.length }).toEqual({ frames: [11], expired: 1, left: 0 });
});

test("FrameQueue reports the oldest frame of both lanes", () => {
  const queue = new FrameQueue(roomy);
  queue.push(frame(1), "requests", 7);
  queue.push(frame(2), "discovers", 5);
  expect(queue.oldestMs).toBe(5);
  expect(queue.take(9, 1000, 9)).toMatchObject({ oldestMs: 5, arrivedMs: 5 });
  expect(queue.oldestMs).toBe(0);
});

/** Reference model: the same rules on an array, which is slow. */
class Model {
  entries: { frame: Uint8Array; arrivedMs: number }[] = [];
  push(pushed: Uint8Array, nowMs: number, limits: typeof roomy): number | "duplicate" {
    if (this.entries.some((entry) => Buffer.compare(entry.frame, pushed) === 0)) return "duplicate";
    if (pushed.length > limits.octetsMax) return 1;
    this.entries.push({ frame: pushed, arrivedMs: nowMs });
    const before = this.entries.length;
    const octets = () => this.entries.reduce((sum, entry) => sum + entry.frame.length, 0);
    while (this.entries.length > limits.lengthMax || octets() > limits.octetsMax) this.entries.shift();
    return before - this.entries.length;
  }
  take(framesMax: number, nowMs: number, limits: typeof roomy) {
    const alive = this.entries.filter((entry) => nowMs - entry.arrivedMs <= limits.waitMsMax);
    const expired = this.entries.length - alive.length;
    const taken = alive.slice(0, framesMax);
    const frames = taken.map((entry) => entry.frame);
    const arrivedMs = Math.min(nowMs, ...taken.map((entry) => entry.arrivedMs));
    this.entries = alive.slice(framesMax);
    return { frames, oldestMs: alive[0]?.arrivedMs ?? 0, arrivedMs, expired };
  }
}

test("FrameQueue behaves like a linear search over an array", () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("push" as const),
      octets: fc.integer({ min: 1, max: 60 }),
      id: fc.integer({ min: 0, max: 9 }),
    }),
    fc.record({ kind: fc.constant("take" as const), framesMax: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 8 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const limits = { lengthMax: 5, octetsMax: 100, waitMsMax: 10 };
      const [queue, model] = [new FrameQueue(limits), new Model()];
      let nowMs = 0;
      for (const each of steps) {
        if (each.kind === "wait") nowMs += each.ms;
        if (each.kind === "push") {
          const pushed = frame(each.id, each.octets);
          expect(queue.push(pushed, "requests", nowMs)).toBe(model.push(pushed, nowMs, limits));
        }
        if (each.kind === "take") {
          expect(queue.take(each.framesMax, 10_000, nowMs)).toEqual(
            model.take(each.framesMax, nowMs, limits),
          );
        }
        expect(queue.length).toBe(model.entries.length);
      }
    }),
    // Frames whose hashes share a slot of the table.
    {
      examples: [
        [
          [
            { kind: "push", octets: 2, id: 3 },
            { kind: "push", octets: 33, id: 8 },
            { kind: "push", octets: 2, id: 3 },
          ],
        ],
      ],
    },
  );
});
