/**
 * Bugs of the relay: when messages arrived, and what becomes of them.
 *
 * @module
 */
import type { PlantedBug } from "./bug.ts";

const uplink = "relay/uplink/uplink.ts";

export const relayBugs: readonly PlantedBug[] = [
  {
    name: "relay-says-that-all-is-new",
    promise: "T4 a delayed message does not end a newer lease of its client",
    file: uplink,
    search: "{ ageMs: startedMs - arrivedMs, clockMs }",
    replacement: "{ ageMs: 0, clockMs: clockMs === 0 ? 0 : undefined }",
  },
  {
    name: "relay-does-not-ask-for-the-clock",
    promise: "T4 a delayed message does not end a newer lease of its client",
    file: uplink,
    search: "return hasAnswered && cancelPause",
    replacement: "return cancelPause",
    needs: "relays that start just before many clients act, on a slow network",
  },
  {
    name: "relay-states-when-it-posts",
    promise: "T4 a delayed message does not end a newer lease of its client",
    file: uplink,
    search: "const clockMs = this.#clock.earliestMs(arrivedMs);",
    replacement: "const clockMs = this.#clock.earliestMs(startedMs);",
    further: { file: uplink, search: "ageMs: startedMs - arrivedMs,", replacement: "ageMs: 0," },
  },
  {
    name: "failover-posts-a-batch-as-new",
    promise: "T4 a delayed message does not end a newer lease of its client",
    file: uplink,
    search: "return second === undefined ? outcome : this.#postTo(second, batch, leftMs);",
    replacement:
      "return second === undefined ? outcome : this.#postTo(second, { ...batch, arrivedMs: nowMs }, leftMs);",
  },
  {
    name: "failover-posts-a-batch-much-later",
    promise: "T4 a delayed message does not end a newer lease of its client",
    file: uplink,
    search: "return second === undefined ? outcome : this.#postTo(second, batch, leftMs);",
    replacement: [
      "if (second === undefined) return outcome;",
      "    await new Promise<void>((resolve) => void this.#timing.later(resolve, 20_000));",
      "    return this.#postTo(second, { ...batch, arrivedMs: this.#timing.nowMs() }, leftMs);",
    ].join("\n"),
  },
  {
    name: "failed-post-keeps-its-place",
    promise: "queues are empty when the faults end",
    file: "relay/uplink/batcher.ts",
    search: "    this.#postsInFlight--;\n    if (outcome.kind",
    replacement: '    if (outcome.kind === "answers") this.#postsInFlight--;\n    if (outcome.kind',
  },
  {
    name: "late-frames-are-not-counted",
    promise: "each datagram that a relay receives has one outcome, which is counted",
    file: "relay/uplink/batcher.ts",
    search: '      counters.drop("deadline-passed", taken.expired);\n',
    replacement: "",
  },
  {
    name: "quarantined-allocator-is-never-tried-again",
    promise: "when faults end, every well-behaved client is bound",
    file: uplink,
    search: "allocator.cancelPause = undefined;\n    if (failure !== undefined)",
    replacement: "if (failure === undefined) allocator.failures = 0;\n    if (failure !== undefined)",
  },
];
