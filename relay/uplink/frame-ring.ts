/**
 * Waiting frames, first in, first out, which can also be found by their octets. Entries never move.
 *
 * @example
 * ```ts
 * const ring = new FrameRing(2);
 * ring.append({ frame, hash: hashFrame(frame), queuedMs: 5, arrivedMs: 4 });
 * ring.has(frame, hashFrame(frame)); // true
 * ring.shift(); // the same entry
 * ```
 *
 * @module
 */
import { relayComparedFramesMax, relayHashedHeadOctets, relayHashedTailOctets } from "../../src/limits.ts";

/** A waiting frame. */
export interface WaitingFrame {
  /** Kept, not copied. */
  readonly frame: Uint8Array;
  /** Of {@link hashFrame}. */
  readonly hash: number;
  /** Its wait counts from here: a gap of the event loop, after which all frames look old, must not expire them. */
  readonly queuedMs: number;
  /** A time not later than the arrival of its datagram. */
  readonly arrivedMs: number;
}

interface Entry extends WaitingFrame {
  /** Neighbours in its hash slot: frames whose hashes have the same low bits. */
  older: Entry | undefined;
  newer: Entry | undefined;
}

/** A ring buffer of frames. */
export class FrameRing {
  readonly #ring: (Entry | undefined)[];
  /**
   * Waiting frames by the low bits of their hash. Each slot holds the newest of its frames, which links to the older
   * ones. The size is fixed, like that of the ring.
   */
  readonly #byHash: (Entry | undefined)[];
  #first = 0;
  #length = 0;
  #octets = 0;

  /** @param lengthMax Most frames that it can hold: 1 or more. */
  constructor(lengthMax: number) {
    this.#ring = new Array<Entry | undefined>(lengthMax);
    this.#byHash = new Array<Entry | undefined>(2 ** Math.ceil(Math.log2(lengthMax))).fill(undefined);
  }

  /** Number of waiting frames. */
  get length(): number {
    return this.#length;
  }

  /** Octets of the waiting frames. */
  get octets(): number {
    return this.#octets;
  }

  /** The frame that has waited for longest. */
  get oldest(): WaitingFrame | undefined {
    return this.#ring[this.#first];
  }

  /** Whether an equal frame waits. */
  has(frame: Uint8Array, hash: number): boolean {
    let other = this.#byHash[hash & (this.#byHash.length - 1)];
    for (let compared = 0; other !== undefined && compared < relayComparedFramesMax; compared++) {
      if (other.hash === hash && isEqual(other.frame, frame)) return true;
      other = other.older;
    }
    return false;
  }

  /** Adds a frame as the newest one. The caller sees to it that there is room. */
  append({ frame, hash, queuedMs, arrivedMs }: WaitingFrame): void {
    const at = hash & (this.#byHash.length - 1);
    const older = this.#byHash[at];
    const entry: Entry = { frame, hash, queuedMs, arrivedMs, older, newer: undefined };
    if (older !== undefined) older.newer = entry;
    this.#byHash[at] = entry;
    this.#ring[(this.#first + this.#length) % this.#ring.length] = entry;
    this.#length++;
    this.#octets += frame.length;
  }

  /** Removes the oldest frame, and returns it; undefined if none waits. */
  shift(): WaitingFrame | undefined {
    const entry = this.#ring[this.#first];
    if (entry === undefined) return undefined;
    const { frame, hash, newer } = entry;
    // The oldest frame of the ring is also the oldest in its hash slot.
    if (newer === undefined) this.#byHash[hash & (this.#byHash.length - 1)] = undefined;
    else newer.older = undefined;
    this.#ring[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#ring.length;
    this.#length--;
    this.#octets -= frame.length;
    return entry;
  }
}

/**
 * Hashes the beginning and the end of a frame with FNV-1a over words of 4 octets. Frames whose hashes are equal are
 * compared octet by octet.
 */
export function hashFrame(octets: Uint8Array): number {
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
