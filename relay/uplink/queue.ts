/**
 * The frames that wait for a POST, in two lanes. One is for DISCOVERs, the other for the messages of clients that have an
 * offer or a lease: when more clients want a lease than can be served, those that have begun finish first. With one lane,
 * 20,000 clients that started together were served in waves, with seconds in which none got a lease.
 *
 * Each lane is first in, first out. The queue is bounded in number and in octets. A full queue drops the oldest frame of
 * its larger lane: that client will be the first to repeat its message, and no lane can push out the other.
 *
 * A frame that equals a waiting one is not queued. It would get the same answer, and a storm of clients that repeat
 * their messages would only push other clients' frames out. A frame contains the source address and port, so equal
 * frames come from one sender.
 *
 * @example
 * ```ts
 * const queue = new FrameQueue({ lengthMax: 2, octetsMax: 1024, waitMsMax: 2000 });
 * queue.push(discover, "discovers", 0);
 * queue.push(other, "discovers", 1);
 * queue.push(request, "requests", 2); // 1: `discover` was dropped
 * queue.take(256, 65_536, 2); // { frames: [request, other], oldestMs: 1, arrivedMs: 1, expired: 0 }
 * ```
 *
 * @module
 */
import { relayArrivalSpreadMsMax, relayDiscoversTurn } from "../../src/limits.ts";
import type { Lane } from "../messages/lane.ts";
import { FrameRing, hashFrame } from "./frame-ring.ts";

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
  /** One lane after the other, each with its oldest frame first. */
  readonly frames: Uint8Array[];
  /** When the oldest of the frames was queued, in milliseconds; meaningless when `frames` is empty. */
  readonly oldestMs: number;
  /** A time not later than the arrival of any frame, in milliseconds; meaningless when `frames` is empty. */
  readonly arrivedMs: number;
  /** How many frames were dropped because they had waited too long. */
  readonly expired: number;
}

/** A bounded queue of two lanes. */
export class FrameQueue {
  #limits: QueueLimits;
  #lanes: Readonly<Record<Lane, FrameRing>>;
  /** POSTs since DISCOVERs last had their turn. */
  #sinceDiscovers = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
    this.#lanes = createLanes(limits);
  }

  /** Number of waiting frames. */
  get length(): number {
    return this.#lanes.requests.length + this.#lanes.discovers.length;
  }

  /** Octets of the waiting frames. */
  get octets(): number {
    return this.#lanes.requests.octets + this.#lanes.discovers.octets;
  }

  /** When the oldest frame was queued, in milliseconds; 0 when the queue is empty. */
  get oldestMs(): number {
    const { requests, discovers } = this.#lanes;
    if (this.length === 0) return 0;
    return Math.min(requests.oldest?.queuedMs ?? Infinity, discovers.oldest?.queuedMs ?? Infinity);
  }

  /**
   * Adds a frame, and drops old ones if there is no room for it.
   *
   * @param frame Kept, not copied.
   * @param nowMs Time in milliseconds, of any clock that never goes back.
   * @param arrivedMs A time by the same clock, not later than the arrival of the frame.
   * @returns How many frames were dropped, including the new one if it is too large; or `duplicate` if an equal frame
   *   is already queued. That one stays.
   */
  push(frame: Uint8Array, lane: Lane, nowMs: number, arrivedMs = nowMs): number | "duplicate" {
    const { lengthMax, octetsMax } = this.#limits;
    const hash = hashFrame(frame);
    if (this.#lanes[lane].has(frame, hash)) return "duplicate";
    if (frame.length > octetsMax) return 1;
    let dropped = 0;
    while (this.length === lengthMax || this.octets + frame.length > octetsMax) {
      this.#largerLane().shift();
      dropped++;
    }
    this.#lanes[lane].append({ frame, hash, queuedMs: nowMs, arrivedMs });
    return dropped;
  }

  /**
   * Drops the frames that have waited too long, then takes the oldest of the others, as many as fit. Requests come first,
   * but in every fourth POST DISCOVERs do, so that nobody's requests can keep new clients out. The other lane gets the room
   * that is left, unless its oldest frame arrived much earlier or later: the allocator judges the frames of a POST as if
   * all had arrived with the oldest.
   *
   * @param framesMax Most frames to take.
   * @param octetsMax Most octets to take, counting the 2-octet length before each frame (RFC 5460 §5.1).
   * @param nowMs Time in milliseconds, of the same clock as for `push`.
   * @param ageMsMax Milliseconds since its arrival from which a frame is dropped too, however short it waited here.
   */
  take(framesMax: number, octetsMax: number, nowMs: number, ageMsMax = Infinity): TakenFrames {
    const { requests, discovers } = this.#lanes;
    const batch: Batch = { frames: [], octets: 0, oldestMs: 0, arrivedMs: nowMs, expired: 0 };
    for (const lane of [requests, discovers]) batch.expired += this.#expire(lane, nowMs);
    const isTurn = discovers.length > 0 && ++this.#sinceDiscovers >= relayDiscoversTurn;
    const [first, second] = isTurn || requests.length === 0 ? [discovers, requests] : [requests, discovers];
    if (first === discovers) this.#sinceDiscovers = 0;
    const limits = { framesMax, octetsMax, arrivedMsMin: nowMs - ageMsMax };
    fill(batch, first, limits);
    const { oldest } = second;
    const isMixed =
      batch.frames.length === 0 ||
      (oldest !== undefined && Math.abs(oldest.arrivedMs - batch.arrivedMs) <= relayArrivalSpreadMsMax);
    if (isMixed) fill(batch, second, limits);
    const { frames, oldestMs, arrivedMs, expired } = batch;
    return { frames, oldestMs, arrivedMs, expired };
  }

  /**
   * Drops every frame.
   *
   * @returns How many frames were dropped.
   */
  clear(): number {
    const dropped = this.length;
    this.#lanes = createLanes(this.#limits);
    return dropped;
  }

  /**
   * Applies other bounds.
   *
   * @returns How many frames no longer fit and were dropped, the oldest first.
   */
  resize(limits: QueueLimits): number {
    const before = this.#lanes;
    this.#limits = limits;
    this.#lanes = createLanes(limits);
    let dropped = 0;
    for (const lane of ["requests", "discovers"] as const) {
      for (let entry = before[lane].shift(); entry !== undefined; entry = before[lane].shift()) {
        const pushed = this.push(entry.frame, lane, entry.queuedMs, entry.arrivedMs);
        if (pushed !== "duplicate") dropped += pushed;
      }
    }
    return dropped;
  }

  /** Drops frames that have waited too long. All frames may wait equally long, so these are the oldest. */
  #expire(lane: FrameRing, nowMs: number): number {
    let expired = 0;
    while (lane.oldest !== undefined && nowMs - lane.oldest.queuedMs > this.#limits.waitMsMax) {
      lane.shift();
      expired++;
    }
    return expired;
  }

  #largerLane(): FrameRing {
    const { requests, discovers } = this.#lanes;
    return requests.octets > discovers.octets ? requests : discovers;
  }
}

/** The frames that are being taken. */
interface Batch {
  readonly frames: Uint8Array[];
  /** Octets of the frames and their lengths. */
  octets: number;
  oldestMs: number;
  arrivedMs: number;
  expired: number;
}

interface BatchLimits {
  readonly framesMax: number;
  readonly octetsMax: number;
  /** Frames that arrived earlier are dropped. */
  readonly arrivedMsMin: number;
}

/** Takes the oldest frames of a lane into a batch, as many as fit. */
function fill(batch: Batch, lane: FrameRing, { framesMax, octetsMax, arrivedMsMin }: BatchLimits): void {
  const { frames } = batch;
  for (let entry = lane.oldest; entry !== undefined && frames.length < framesMax; entry = lane.oldest) {
    if (entry.arrivedMs < arrivedMsMin) {
      lane.shift();
      batch.expired++;
      continue;
    }
    const octets = batch.octets + 2 + entry.frame.length;
    // A frame that is larger than any POST may be is sent alone, so that it does not block the later ones forever.
    if (octets > octetsMax && frames.length > 0) return;
    lane.shift();
    batch.oldestMs = frames.length === 0 ? entry.queuedMs : Math.min(batch.oldestMs, entry.queuedMs);
    batch.octets = octets;
    batch.arrivedMs = Math.min(batch.arrivedMs, entry.arrivedMs);
    frames.push(entry.frame);
  }
}

/** Each lane can hold the whole queue. */
function createLanes({ lengthMax }: QueueLimits): Readonly<Record<Lane, FrameRing>> {
  return { requests: new FrameRing(lengthMax), discovers: new FrameRing(lengthMax) };
}
