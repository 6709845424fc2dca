/**
 * The frames that wait for a POST: first in, first out, bounded in number and in octets. A full queue drops its oldest
 * frame, because that client will be the first to repeat its message; the newest frame has the most time left.
 *
 * A frame that equals a waiting one is not queued. It would get the same answer, and a storm of clients that repeat
 * their messages would only push other clients' frames out. A frame contains the source address and port, so equal
 * frames come from one sender.
 *
 * @example
 * ```ts
 * const queue = new FrameQueue({ lengthMax: 2, octetsMax: 1024, waitMsMax: 2000 });
 * queue.push(first, 0);
 * queue.push(second, 1);
 * queue.push(third, 2); // 1: `first` was dropped
 * queue.take(256, 65_536, 2); // { frames: [second, third], oldestMs: 1, arrivedMs: 1, expired: 0 }
 * ```
 *
 * @module
 */
import { relayComparedFramesMax, relayHashedHeadOctets, relayHashedTailOctets } from "../../src/limits.ts";

/** Bounds of a queue. */
export interface QueueLimits {
  /** Maximum number of waiting frames: 1 or more. */
  readonly lengthMax: number;
  /** Maximum number of waiting octets. A larger frame is dropped on arrival. */
  readonly octetsMax: number;
  /** Milliseconds that a frame may wait. */
  readonly waitMsMax: number;
}

/** Frames for one POST. */
export interface TakenFrames {
  /** Oldest first. */
  readonly frames: Uint8Array[];
  /** When the first frame was queued, in milliseconds; meaningless when `frames` is empty. */
  readonly oldestMs: number;
  /** A time not later than the arrival of any frame, in milliseconds; meaningless when `frames` is empty. */
  readonly arrivedMs: number;
  /** How many frames were dropped because they had waited too long. */
  readonly expired: number;
}

/** A waiting frame. */
interface QueuedFrame {
  readonly frame: Uint8Array;
  /** Its wait counts from here: a gap of the event loop, after which all frames look old, must not expire them. */
  readonly queuedMs: number;
  readonly arrivedMs: number;
  readonly hash: number;
  /** Neighbours in its hash slot: frames whose hashes have the same low bits. */
  older: QueuedFrame | undefined;
  newer: QueuedFrame | undefined;
}

/** A ring buffer: entries never move, and each frame allocates one entry only. */
export class FrameQueue {
  #limits: QueueLimits;
  #ring: (QueuedFrame | undefined)[];
  /**
   * Waiting frames by the low bits of their hash. Each slot holds the newest of its frames, which links to the older
   * ones. The size is fixed, like that of the ring.
   */
  #byHash: (QueuedFrame | undefined)[];
  #first = 0;
  #length = 0;
  #octets = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
    this.#ring = new Array<QueuedFrame | undefined>(limits.lengthMax);
    this.#byHash = createTable(limits.lengthMax);
  }

  /** Number of waiting frames. */
  get length(): number {
    return this.#length;
  }

  /** Octets of the waiting frames. */
  get octets(): number {
    return this.#octets;
  }

  /** When the oldest frame was queued, in milliseconds; 0 when the queue is empty. */
  get oldestMs(): number {
    return this.#ring[this.#first]?.queuedMs ?? 0;
  }

  /**
   * Adds a frame, and drops the oldest ones if there is no room for it.
   *
   * @param frame Kept, not copied.
   * @param nowMs Time in milliseconds, of any clock that never goes back.
   * @param arrivedMs A time by the same clock, not later than the arrival of the frame.
   * @returns How many frames were dropped, including the new one if it is too large; or `duplicate` if an equal frame
   *   is already queued. That one stays.
   */
  push(frame: Uint8Array, nowMs: number, arrivedMs = nowMs): number | "duplicate" {
    const hash = hashOf(frame);
    if (this.#isQueued(frame, hash)) return "duplicate";
    if (frame.length > this.#limits.octetsMax) return 1;
    let dropped = 0;
    while (this.#length === this.#limits.lengthMax || this.#octets + frame.length > this.#limits.octetsMax) {
      this.#shift();
      dropped++;
    }
    this.#append({ frame, queuedMs: nowMs, arrivedMs, hash, older: undefined, newer: undefined });
    return dropped;
  }

  /**
   * Drops the frames that have waited too long, then takes the oldest of the others, as many as fit.
   *
   * @param framesMax Most frames to take.
   * @param octetsMax Most octets to take, counting the 2-octet length before each frame (RFC 5460 §5.1).
   * @param nowMs Time in milliseconds, of the same clock as for `push`.
   * @param ageMsMax Milliseconds since its arrival from which a frame is dropped too, however short it waited here.
   */
  take(framesMax: number, octetsMax: number, nowMs: number, ageMsMax = Infinity): TakenFrames {
    let expired = this.#expire(nowMs);
    const frames: Uint8Array[] = [];
    let oldestMs = 0;
    let arrivedMs = nowMs;
    let octets = 0;
    while (this.#length > 0 && frames.length < framesMax) {
      const entry = this.#ring[this.#first]!;
      if (nowMs - entry.arrivedMs > ageMsMax) {
        this.#shift();
        expired++;
        continue;
      }
      octets += 2 + entry.frame.length;
      // A frame that is larger than any POST may be is sent alone, so that it does not block the later ones forever.
      if (octets > octetsMax && frames.length > 0) break;
      this.#shift();
      if (frames.length === 0) oldestMs = entry.queuedMs;
      frames.push(entry.frame);
      arrivedMs = Math.min(arrivedMs, entry.arrivedMs);
    }
    return { frames, oldestMs, arrivedMs, expired };
  }

  /**
   * Drops every frame.
   *
   * @returns How many frames were dropped.
   */
  clear(): number {
    const dropped = this.#length;
    while (this.#length > 0) this.#shift();
    return dropped;
  }

  /**
   * Applies other bounds.
   *
   * @returns How many frames no longer fit and were dropped, the oldest first.
   */
  resize(limits: QueueLimits): number {
    const before = { ring: this.#ring, first: this.#first, length: this.#length };
    this.#limits = limits;
    this.#ring = new Array<QueuedFrame | undefined>(limits.lengthMax);
    this.#byHash = createTable(limits.lengthMax);
    this.#first = this.#length = this.#octets = 0;
    let dropped = 0;
    for (let at = 0; at < before.length; at++) {
      const entry = before.ring[(before.first + at) % before.ring.length]!;
      const pushed = this.push(entry.frame, entry.queuedMs, entry.arrivedMs);
      if (pushed !== "duplicate") dropped += pushed;
    }
    return dropped;
  }

  /** Drops frames that have waited too long. All frames may wait equally long, so these are the oldest. */
  #expire(nowMs: number): number {
    let expired = 0;
    while (this.#length > 0 && nowMs - this.#ring[this.#first]!.queuedMs > this.#limits.waitMsMax) {
      this.#shift();
      expired++;
    }
    return expired;
  }

  #isQueued(frame: Uint8Array, hash: number): boolean {
    let other = this.#byHash[hash & (this.#byHash.length - 1)];
    for (let compared = 0; other !== undefined && compared < relayComparedFramesMax; compared++) {
      if (other.hash === hash && isEqual(other.frame, frame)) return true;
      other = other.older;
    }
    return false;
  }

  #append(entry: QueuedFrame): void {
    const at = entry.hash & (this.#byHash.length - 1);
    const older = this.#byHash[at];
    entry.older = older;
    if (older !== undefined) older.newer = entry;
    this.#byHash[at] = entry;
    this.#ring[(this.#first + this.#length) % this.#ring.length] = entry;
    this.#length++;
    this.#octets += entry.frame.length;
  }

  #shift(): void {
    const entry = this.#ring[this.#first]!;
    const { frame, hash, newer } = entry;
    // The oldest frame of the queue is also the oldest in its hash slot.
    if (newer === undefined) this.#byHash[hash & (this.#byHash.length - 1)] = undefined;
    else newer.older = undefined;
    this.#ring[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#ring.length;
    this.#length--;
    this.#octets -= frame.length;
  }
}

/** @returns An empty hash table with one slot for each possible frame, rounded up to a power of two. */
function createTable(lengthMax: number): (QueuedFrame | undefined)[] {
  return new Array<QueuedFrame | undefined>(2 ** Math.ceil(Math.log2(lengthMax))).fill(undefined);
}

/**
 * Hashes the beginning and the end of a frame with FNV-1a over words of 4 octets. Frames whose hashes are equal are
 * compared octet by octet.
 */
function hashOf(octets: Uint8Array): number {
  const { length } = octets;
  const head = hashWords(octets, 0, Math.min(length, relayHashedHeadOctets), 0x811c9dc5 ^ length);
  return hashWords(octets, Math.max(0, length - relayHashedTailOctets), length, head);
}

function hashWords(octets: Uint8Array, from: number, to: number, seed: number): number {
  let hash = seed;
  for (let at = from + 3; at < to; at += 4) {
    const word = octets[at - 3]! | (octets[at - 2]! << 8) | (octets[at - 1]! << 16) | (octets[at]! << 24);
    hash = Math.imul(hash ^ word, 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
