/**
 * Gathers frames into POSTs. A frame goes at once when a POST slot is free; while all slots are taken, frames gather,
 * and the batch grows with the load by itself.
 *
 * Frames whose POST failed are dropped: their clients repeat them. While no allocator can be asked, frames wait.
 *
 * @module
 */
import type { PostFailure, PostOutcome } from "./allocator-client.ts";
import { FrameQueue } from "./queue.ts";
import type { QueueLimits, Taken } from "./queue.ts";
import type { DropReason } from "../reasons.ts";
import type { Timing } from "../../src/timing.ts";

/** Bounds of a batcher. */
export interface BatcherLimits extends QueueLimits {
  /** POSTs at the same time. */
  readonly postsInFlightMax: number;
  /** Frames in one POST. */
  readonly batchFramesMax: number;
  /** Octets in the body of one POST. */
  readonly batchOctetsMax: number;
}

/** What happens outside of the batcher. */
export interface BatcherPorts {
  /** @returns Whether an allocator may be asked now. */
  readonly canPost: () => boolean;
  /** @returns Whether there is none that will be asked soon. */
  readonly isAway: () => boolean;
  /** Sends frames to the allocator; `oldestMs` is when the first of them came. Never rejects. */
  readonly post: (frames: readonly Uint8Array[], oldestMs: number) => Promise<PostOutcome>;
  /** Delivers the answers of a POST. */
  readonly deliver: (answers: readonly Uint8Array[]) => void;
  /** Learns of frames that were dropped. */
  readonly drop: (reason: DropReason, count: number) => void;
  /** Learns of frames that are about to be sent. */
  readonly taken: (batch: Taken, nowMs: number) => void;
}

const reasonOfFailure = {
  unavailable: "allocator-unavailable",
  refused: "allocator-refused",
  malformed: "malformed-body",
} as const satisfies Record<PostFailure["kind"], DropReason>;

/** Gathers frames into POSTs. */
export class Batcher {
  #limits: BatcherLimits;
  readonly #ports: BatcherPorts;
  readonly #timing: Timing;
  readonly #queue: FrameQueue;
  #postsInFlight = 0;
  #isFlushDue = false;
  /** Set when the batcher drains; called when the last POST has ended. */
  #onDrained: (() => void) | undefined;

  constructor(limits: BatcherLimits, ports: BatcherPorts, timing: Timing) {
    this.#limits = limits;
    this.#ports = ports;
    this.#timing = timing;
    this.#queue = new FrameQueue(limits);
  }

  /** Frames that wait, and for how long the oldest of them has waited, in milliseconds. */
  get waiting(): { readonly frames: number; readonly octets: number; readonly oldestMs: number } {
    const { length, octets, oldestMs } = this.#queue;
    return { frames: length, octets, oldestMs: length === 0 ? 0 : this.#timing.nowMs() - oldestMs };
  }

  /** Takes a frame for one of the next POSTs. */
  add(frame: Uint8Array): void {
    const pushed = this.#queue.push(frame, this.#timing.nowMs());
    if (pushed === "duplicate") this.#ports.drop("duplicate", 1);
    else if (pushed > 0) this.#ports.drop("queue-full", pushed);
    if (this.#isFlushDue || !this.#hasFreeSlot()) return;
    this.#isFlushDue = true;
    this.#timing.soon(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  /** Sends what waits, when it can: an allocator may be asked again. */
  wake(): void {
    this.#flush();
  }

  /** Goes on within other bounds. */
  reconfigure(limits: BatcherLimits): void {
    this.#limits = limits;
    const dropped = this.#queue.resize(limits);
    if (dropped > 0) this.#ports.drop("queue-full", dropped);
    this.#flush();
  }

  /**
   * Sends what waits, unless the allocator can't serve, and resolves when the last POST has ended. Nothing may be
   * added afterwards.
   */
  async drain(): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#onDrained = resolve;
    });
    this.#flush();
    await drained;
  }

  #hasFreeSlot(): boolean {
    return this.#postsInFlight < this.#limits.postsInFlightMax && this.#ports.canPost();
  }

  #flush(): void {
    const { batchFramesMax, batchOctetsMax } = this.#limits;
    while (this.#hasFreeSlot()) {
      const nowMs = this.#timing.nowMs();
      const taken = this.#queue.take(batchFramesMax, batchOctetsMax, nowMs);
      if (taken.expired > 0) this.#ports.drop("deadline-passed", taken.expired);
      if (taken.frames.length === 0) break;
      this.#ports.taken(taken, nowMs);
      void this.#send(taken);
    }
    if (this.#onDrained !== undefined) this.#finishDraining(this.#onDrained);
  }

  async #send({ frames, oldestMs }: Taken): Promise<void> {
    this.#postsInFlight++;
    const outcome = await this.#ports.post(frames, oldestMs);
    this.#postsInFlight--;
    if (outcome.kind === "answers") this.#ports.deliver(outcome.frames);
    else this.#ports.drop(reasonOfFailure[outcome.kind], frames.length);
    this.#flush();
  }

  /** Who stops a relay does not want to wait for allocators that are down. */
  #finishDraining(onDrained: () => void): void {
    if (this.#ports.isAway()) {
      const left = this.#queue.clear();
      if (left > 0) this.#ports.drop("relay-closing", left);
    }
    if (this.#postsInFlight === 0 && this.#queue.length === 0) onDrained();
  }
}
