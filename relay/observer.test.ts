import { expect, test } from "vitest";
import { joinObservers } from "./observer.ts";
import type { RelayObserver } from "./observer.ts";
import type { EndedPost } from "./post.ts";

const here = { address: "::1", port: 547 };
const there = { address: "::2", port: 546 };
const frames = [Uint8Array.of(12)];
const post: EndedPost = { allocator: "a", frames, outcome: { kind: "answers", frames: [] }, elapsedMs: 5 };

/** Creates an observer that records each call with its arguments. A new hook must be added here to compile. */
function recorder(name: string, calls: unknown[]): Required<RelayObserver> {
  const record =
    (hook: string) =>
    (...event: readonly unknown[]): void =>
      void calls.push([name, hook, ...event]);
  return {
    received: record("received"),
    sent: record("sent"),
    batched: record("batched"),
    posting: record("posting"),
    posted: record("posted"),
  };
}

/** Arguments of one call for each hook. */
const events: {
  readonly [Name in keyof Required<RelayObserver>]: Parameters<NonNullable<RelayObserver[Name]>>;
} = {
  received: [frames[0]!, there, here],
  sent: [frames[0]!, here, there],
  batched: [frames, 7],
  posting: ["a", frames],
  posted: [post],
};

function callAll(observer: RelayObserver): void {
  observer.received?.(...events.received);
  observer.sent?.(...events.sent);
  observer.batched?.(...events.batched);
  observer.posting?.(...events.posting);
  observer.posted?.(...events.posted);
}

const callsOf = (name: string) => Object.entries(events).map(([hook, event]) => [name, hook, ...event]);

test("joinObservers() calls every hook of both observers, the first one first", () => {
  const calls: unknown[] = [];
  callAll(joinObservers(recorder("first", calls), recorder("second", calls)));
  expect(calls).toEqual(callsOf("first").flatMap((call, at) => [call, callsOf("second")[at]]));
});

test.each([
  ["first", (one: RelayObserver) => joinObservers(one, {})],
  ["second", (one: RelayObserver) => joinObservers({}, one)],
])("joinObservers() calls every hook that only the %s observer has", (name, join) => {
  const calls: unknown[] = [];
  callAll(join(recorder(name, calls)));
  expect(calls).toEqual(callsOf(name));
});

test("joinObservers() has no hook that neither observer has", () => {
  expect(Object.values(joinObservers({}, {})).every((hook) => hook === undefined)).toBe(true);
});
