/**
 * Gathers frames into POSTs. A frame goes at once when a POST slot is free; while all slots are taken, frames gather,
 * and the batch grows with the load by itself.
 *
 * A POST that fails is not repeated: its clients repeat their messages, and a relay that did so too would double the
 * load of an allocator that is already in trouble. Sending pauses instead, then one POST tries, and after its success
 * all slots are used again.
 *
 * @module
 */
import { pauseAfterFailure } from "./backoff.ts";
import { FrameQueue } from "./queue.ts";
import type { QueueLimits } from "./queue.ts";
import type { DropReason } from "./reasons.ts";
import type { Timing } from "./timing.ts";
import type { PostFailure, PostOutcome } from "./uplink.ts";

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
  /** Sends frames to the allocator. Never rejects. */
  readonly post: (frames: readonly Uint8Array[]) => Promise<PostOutcome>;
  /** Delivers the answers of a POST. */
  readonly deliver: (answers: readonly Uint8Array[]) => void;
  /** Learns of frames that were dropped. */
  readonly drop: (reason: DropReason, count: number) => void;
  /** Learns of a POST that brought no answers. */
  readonly failed: (failure: PostFailure) => void;
  /** Learns of the first success after failures. */
  readonly recovered: () => void;
}

const reasonOfFailure = {
  unavailable: "allocator-unavailable",
  refused: "allocator-refused",
  malformed: "malformed-body",
} as const satisfies Record<PostFailure["kind"], DropReason>;

/** Gathers frames into POSTs. */
export class Batcher {
  readonly #limits: BatcherLimits;
  readonly #ports: BatcherPorts;
  readonly #timing: Timing;
  readonly #queue: FrameQueue;
  #postsInFlight = 0;
  /** Failures since the last success. While there are any, one POST at a time tries whether the trouble is over. */
  #failures = 0;
  #isFlushDue = false;
  #cancelPause: (() => void) | undefined;
  /** Set when the batcher drains; called when the last POST has ended. */
  #onDrained: (() => void) | undefined;

  constructor(limits: BatcherLimits, ports: BatcherPorts, timing: Timing) {
    this.#limits = limits;
    this.#ports = ports;
    this.#timing = timing;
    this.#queue = new FrameQueue(limits);
  }

  /** Takes a frame for one of the next POSTs. */
  add(frame: Uint8Array): void {
    const dropped = this.#queue.push(frame, this.#timing.nowMs());
    if (dropped > 0) this.#ports.drop("queue-full", dropped);
    if (this.#isFlushDue || !this.#hasFreeSlot()) return;
    this.#isFlushDue = true;
    this.#timing.soon(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
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
    const slots = this.#failures > 0 ? 1 : this.#limits.postsInFlightMax;
    return this.#cancelPause === undefined && this.#postsInFlight < slots;
  }

  #flush(): void {
    const { batchFramesMax, batchOctetsMax } = this.#limits;
    while (this.#hasFreeSlot()) {
      const { frames, expired } = this.#queue.take(batchFramesMax, batchOctetsMax, this.#timing.nowMs());
      if (expired > 0) this.#ports.drop("deadline-passed", expired);
      if (frames.length === 0) break;
      void this.#send(frames);
    }
    if (this.#onDrained !== undefined) this.#finishDraining(this.#onDrained);
  }

  async #send(frames: readonly Uint8Array[]): Promise<void> {
    this.#postsInFlight++;
    const outcome = await this.#ports.post(frames);
    this.#postsInFlight--;
    if (outcome.kind === "answers") {
      if (this.#failures > 0) this.#ports.recovered();
      this.#failures = 0;
      this.#ports.deliver(outcome.frames);
    } else {
      this.#ports.failed(outcome);
      this.#ports.drop(reasonOfFailure[outcome.kind], frames.length);
      this.#pause(outcome);
    }
    this.#flush();
  }

  /** The other POSTs of the same outage fail too: only the first of them begins a pause. */
  #pause(failure: PostFailure): void {
    if (this.#cancelPause !== undefined) return;
    this.#failures++;
    const wishMs = failure.kind === "unavailable" ? failure.retryAfterMs : undefined;
    const pauseMs = pauseAfterFailure(this.#failures, wishMs, this.#timing.random());
    this.#cancelPause = this.#timing.later(() => {
      this.#cancelPause = undefined;
      this.#flush();
    }, pauseMs);
  }

  /** A pause ends the draining: who stops a relay does not want to wait for an allocator that is down. */
  #finishDraining(onDrained: () => void): void {
    if (this.#cancelPause !== undefined) {
      const left = this.#queue.clear();
      if (left > 0) this.#ports.drop("relay-closing", left);
    }
    if (this.#postsInFlight > 0) return;
    this.#cancelPause?.();
    onDrained();
  }
}
