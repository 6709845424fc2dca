/**
 * Gathers frames into POSTs. A frame is sent at once when no POST is in flight. Otherwise frames wait until none is, for a
 * short time, or until they fill a POST of their own, so the size of a batch adapts to the load.
 *
 * Frames whose POST failed are dropped, because their clients repeat them. Frames wait while no allocator can get a
 * POST.
 *
 * @module
 */
import type { RelayCounters } from "../counters.ts";
import type { Lane } from "../messages/lane.ts";
import type { RelayObserver } from "../observer.ts";
import type { PostFailure } from "../post.ts";
import type { DropReason } from "../reasons.ts";
import type { Timing } from "../../src/timing.ts";
import { FrameQueue } from "./queue.ts";
import type { QueueLimits, TakenFrames } from "./queue.ts";
import type { Uplink } from "./uplink.ts";

/** Bounds of a batcher. */
export interface BatcherLimits extends QueueLimits {
  /** Maximum number of POSTs at the same time. */
  readonly postsInFlightMax: number;
  /** Milliseconds that a frame waits while a POST is in flight and another one would not be full. */
  readonly gatherMsMax: number;
  /** Maximum number of frames in one POST. */
  readonly batchFramesMax: number;
  /** Maximum number of octets in the body of one POST. */
  readonly batchOctetsMax: number;
}

/** Dependencies of a batcher. */
export interface BatcherContext {
  /** Sends batches to the allocators. */
  readonly uplink: Pick<Uplink, "canPost" | "allQuarantined" | "ageMsMax" | "post">;
  /** Counts frames, their answers, and drops. */
  readonly counters: Pick<RelayCounters, "forwarded" | "answered" | "drop">;
  /** Called with the frames of each batch before it is sent. */
  readonly observer: Pick<RelayObserver, "batched">;
  readonly timing: Pick<Timing, "nowMs" | "soon" | "later">;
}

const reasonOfFailure = {
  unavailable: "allocator-unavailable",
  refused: "allocator-refused",
  malformed: "malformed-body",
} as const satisfies Record<PostFailure["kind"], DropReason>;

/** Gathers frames into POSTs. */
export class Batcher {
  #limits: BatcherLimits;
  readonly #deliver: (answer: Uint8Array) => void;
  readonly #context: BatcherContext;
  readonly #queue: FrameQueue;
  #postsInFlight = 0;
  #isFlushDue = false;
  /** Set while a timer runs for frames that gather beside a POST. */
  #cancelGather: (() => void) | undefined;
  /** Set while the batcher drains; called when the last POST has ended. */
  #onDrained: (() => void) | undefined;

  /** @param deliver Called with each answer to a POST. */
  constructor(limits: BatcherLimits, deliver: (answer: Uint8Array) => void, context: BatcherContext) {
    this.#limits = limits;
    this.#deliver = deliver;
    this.#context = context;
    this.#queue = new FrameQueue(limits);
  }

  /** Number of waiting frames, their octets, and how long the oldest has waited, in milliseconds. */
  get waiting(): { readonly frames: number; readonly octets: number; readonly oldestMs: number } {
    const { length, octets, oldestMs } = this.#queue;
    return { frames: length, octets, oldestMs: length === 0 ? 0 : this.#context.timing.nowMs() - oldestMs };
  }

  /**
   * Queues a frame for one of the next POSTs.
   *
   * @param arrivedMs A time, not later than the arrival of its datagram, in milliseconds by the batcher's clock.
   */
  add(frame: Uint8Array, lane: Lane, arrivedMs: number): void {
    const { counters, timing } = this.#context;
    const pushed = this.#queue.push(frame, lane, timing.nowMs(), arrivedMs);
    if (pushed === "duplicate") counters.drop("duplicate");
    else counters.drop("queue-full", pushed);
    const isTimed = this.#cancelGather !== undefined && !this.#fillsPost();
    if (this.#isFlushDue || isTimed || !this.#hasFreeSlot()) return;
    this.#isFlushDue = true;
    timing.soon(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  /** Sends waiting frames, or drops them if the batcher drains. Called when an allocator may get a POST again, or none may. */
  wake(): void {
    this.#flush();
  }

  /** Applies other bounds. Frames that no longer fit are dropped, the oldest first. */
  reconfigure(limits: BatcherLimits): void {
    this.#limits = limits;
    this.#context.counters.drop("queue-full", this.#queue.resize(limits));
    this.#flush();
  }

  /**
   * Sends waiting frames and resolves when the last POST has ended. If all allocators are quarantined, drops the frames
   * instead. No frame may be added afterwards.
   */
  async drain(): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#onDrained = resolve;
    });
    this.#flush();
    await drained;
  }

  #hasFreeSlot(): boolean {
    return this.#postsInFlight < this.#limits.postsInFlightMax && this.#context.uplink.canPost();
  }

  #flush(): void {
    const { batchFramesMax, batchOctetsMax } = this.#limits;
    const { counters, observer, timing, uplink } = this.#context;
    this.#cancelGather?.();
    this.#cancelGather = undefined;
    while (this.#hasFreeSlot() && !this.#gathers()) {
      const nowMs = timing.nowMs();
      const taken = this.#queue.take(batchFramesMax, batchOctetsMax, nowMs, uplink.ageMsMax());
      counters.drop("deadline-passed", taken.expired);
      if (taken.frames.length === 0) break;
      counters.forwarded += taken.frames.length;
      observer.batched?.(taken.frames, nowMs - taken.oldestMs);
      void this.#send(taken);
    }
    if (this.#queue.length > 0 && this.#hasFreeSlot()) this.#flushInTime();
    if (this.#onDrained !== undefined) this.#finishDraining(this.#onDrained);
  }

  /** Whether the waiting frames fill no POST, and may wait until none is in flight. */
  #gathers(): boolean {
    if (this.#postsInFlight === 0 || this.#onDrained !== undefined) return false;
    return !this.#fillsPost() && this.waiting.oldestMs < this.#limits.gatherMsMax;
  }

  #fillsPost(): boolean {
    const { batchFramesMax, batchOctetsMax } = this.#limits;
    const { length, octets } = this.#queue;
    return length >= batchFramesMax || octets + 2 * length >= batchOctetsMax;
  }

  /** Sends the frames that gather when the oldest has waited for long enough. */
  #flushInTime(): void {
    this.#cancelGather = this.#context.timing.later(
      () => {
        this.#cancelGather = undefined;
        this.#flush();
      },
      Math.ceil(this.#limits.gatherMsMax - this.waiting.oldestMs),
    );
  }

  async #send({ frames, arrivedMs }: TakenFrames): Promise<void> {
    const { uplink, counters } = this.#context;
    this.#postsInFlight++;
    const outcome = await uplink.post(frames, arrivedMs);
    this.#postsInFlight--;
    if (outcome.kind === "answers") {
      counters.answered += outcome.frames.length;
      for (const answer of outcome.frames) this.#deliver(answer);
    } else counters.drop(reasonOfFailure[outcome.kind], frames.length);
    this.#flush();
  }

  /** Drops waiting frames if all allocators are quarantined: a relay that stops does not wait for them to recover. */
  #finishDraining(onDrained: () => void): void {
    const { uplink, counters } = this.#context;
    if (uplink.allQuarantined()) counters.drop("relay-closing", this.#queue.clear());
    if (this.#postsInFlight === 0 && this.#queue.length === 0) onDrained();
  }
}
