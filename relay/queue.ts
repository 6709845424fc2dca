/**
 * The frames that wait for a POST: first in, first out, bounded in number and in octets. A full queue drops its
 * oldest, because that client will be the first to repeat its message; the newest has the most time left.
 *
 * @example
 * ```ts
 * const queue = new FrameQueue({ lengthMax: 2, octetsMax: 1024, waitMsMax: 2000 });
 * queue.push(first, 0);
 * queue.push(second, 1);
 * queue.push(third, 2); // 1: `first` was dropped
 * queue.take(256, 65_536, 2); // { frames: [second, third], expired: 0 }
 * ```
 *
 * @module
 */

/** Bounds of a queue. */
export interface QueueLimits {
  /** Frames that may wait, 1 or more. */
  readonly lengthMax: number;
  /** Octets that may wait. A frame larger than this is dropped on arrival. */
  readonly octetsMax: number;
  /** Milliseconds that a frame may wait. */
  readonly waitMsMax: number;
}

/** Frames for one POST. */
export interface Taken {
  /** Oldest first. */
  readonly frames: Uint8Array[];
  /** How many had waited too long and were dropped. */
  readonly expired: number;
}

/** A frame and when it came. */
interface Entry {
  readonly frame: Uint8Array;
  readonly arrivedMs: number;
}

/** A ring: no entry moves, and none is allocated for but the frame's own. */
export class FrameQueue {
  readonly #limits: QueueLimits;
  readonly #ring: (Entry | undefined)[];
  #first = 0;
  #length = 0;
  #octets = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
    this.#ring = new Array<Entry | undefined>(limits.lengthMax);
  }

  /** Frames that wait. */
  get length(): number {
    return this.#length;
  }

  /**
   * Adds a frame, after making room for it.
   *
   * @param frame The queue keeps it, and does not copy it.
   * @param nowMs Time in milliseconds, of any clock that never goes back.
   * @returns How many frames were dropped, the oldest first.
   */
  push(frame: Uint8Array, nowMs: number): number {
    if (frame.length > this.#limits.octetsMax) return 1;
    let dropped = 0;
    while (this.#length === this.#limits.lengthMax || this.#octets + frame.length > this.#limits.octetsMax) {
      this.#shift();
      dropped++;
    }
    this.#ring[(this.#first + this.#length) % this.#ring.length] = { frame, arrivedMs: nowMs };
    this.#length++;
    this.#octets += frame.length;
    return dropped;
  }

  /**
   * Takes the oldest frames, as many as fit, and drops those that have waited too long.
   *
   * @param framesMax Most frames to take.
   * @param octetsMax Most octets to take, counting the 2-octet length before each frame (RFC 5460 §5.1).
   * @param nowMs Time in milliseconds, of the same clock as for `push`.
   */
  take(framesMax: number, octetsMax: number, nowMs: number): Taken {
    const expired = this.#expire(nowMs);
    const frames: Uint8Array[] = [];
    let octets = 0;
    while (this.#length > 0 && frames.length < framesMax) {
      octets += 2 + this.#ring[this.#first]!.frame.length;
      // A frame that fits in no POST must not block those behind it for ever: it goes alone.
      if (octets > octetsMax && frames.length > 0) break;
      frames.push(this.#shift());
    }
    return { frames, expired };
  }

  /**
   * Drops every frame.
   *
   * @returns How many there were.
   */
  clear(): number {
    const dropped = this.#length;
    while (this.#length > 0) this.#shift();
    return dropped;
  }

  /** All frames may wait equally long, so those that have waited too long are the oldest. */
  #expire(nowMs: number): number {
    let expired = 0;
    while (this.#length > 0 && nowMs - this.#ring[this.#first]!.arrivedMs > this.#limits.waitMsMax) {
      this.#shift();
      expired++;
    }
    return expired;
  }

  #shift(): Uint8Array {
    const { frame } = this.#ring[this.#first]!;
    this.#ring[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#ring.length;
    this.#length--;
    this.#octets -= frame.length;
    return frame;
  }
}
