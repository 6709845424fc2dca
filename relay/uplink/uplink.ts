/**
 * The way up: which of several allocators is asked, and which is left alone.
 *
 * - A failed POST quarantines its allocator. Once its pause is over, which grows with every failure, the allocator is
 *   probed (GET /readyz); when it can serve, one POST at a time tries, and after a success all of them go there again.
 * - A batch whose POST failed without being answered is sent once more, to another allocator, while there is time. All
 *   allocators work on the same database, where a repeated message changes nothing and gets the same answer
 *   (RFC 2131 §3.1), so this can't give a client two leases. It is never repeated at the allocator that failed.
 * - What is not answered by then is dropped: its clients repeat it, and a relay that did so too would double the load of
 *   allocators that are already in trouble.
 *
 * @module
 */
import { relayFailoverMsMin } from "../../src/limits.ts";
import type { EndedPost, PostFailure, PostOutcome } from "../post.ts";
import type { Timing } from "../../src/timing.ts";
import type { AllocatorClient } from "./allocator-client.ts";
import { pauseAfterFailure } from "./backoff.ts";

/** How an uplink chooses. */
export interface UplinkOptions {
  /** `priority`: the first that can serve. `spread`: the one with the fewest POSTs in flight. */
  readonly policy: "priority" | "spread";
  /** Milliseconds that the POSTs of one batch may take together. */
  readonly timeoutMs: number;
}

/** What an uplink tells, once a POST or less often. */
export interface UplinkHooks {
  /** Learns of the begin of each POST. */
  readonly onPosting: (allocator: string, frames: readonly Uint8Array[]) => void;
  /** Learns of the end of each POST. */
  readonly onPosted: (post: EndedPost) => void;
  /** Learns of the first success of an allocator after failures. */
  readonly onRecovered: (allocator: string) => void;
  /** Learns that an allocator may be asked again. */
  readonly onAvailable: () => void;
}

/** An allocator, as an operator wants to see it. */
export interface AllocatorStatus {
  readonly url: string;
  /** `serving`; `quarantined` since a failure; `on-trial`: one POST at a time until one succeeds. */
  readonly state: "serving" | "quarantined" | "on-trial";
  readonly postsInFlight: number;
  readonly posts: number;
  readonly postsFailed: number;
  /** What the last failed POST or probe said; absent when none has failed. */
  readonly lastFailure?: string;
}

/** What goes into a POST. */
interface Batch {
  readonly frames: readonly Uint8Array[];
  /** When the oldest of them came. */
  readonly oldestMs: number;
}

/** What is known of an allocator. */
interface KnownAllocator {
  readonly client: AllocatorClient;
  postsInFlight: number;
  posts: number;
  postsFailed: number;
  /** Failures in a row. While there are any, one POST at a time tries whether it serves again. */
  failures: number;
  lastFailure: string | undefined;
  /** Set while it is quarantined. */
  cancelPause: (() => void) | undefined;
}

/** The way to several allocators. */
export class Uplink {
  readonly #allocators: readonly KnownAllocator[];
  readonly #options: UplinkOptions;
  readonly #hooks: UplinkHooks;
  readonly #timing: Timing;
  /** Where `spread` begins to look, so that equals take turns. */
  #turn = 0;
  #isClosed = false;
  #onIdle: (() => void) | undefined;

  /** @param clients At least one, in the order of their priority. */
  constructor(
    clients: readonly AllocatorClient[],
    options: UplinkOptions,
    hooks: UplinkHooks,
    timing: Timing,
  ) {
    this.#allocators = clients.map((client) => ({
      client,
      postsInFlight: 0,
      posts: 0,
      postsFailed: 0,
      failures: 0,
      lastFailure: undefined,
      cancelPause: undefined,
    }));
    this.#options = options;
    this.#hooks = hooks;
    this.#timing = timing;
  }

  /** @returns Whether an allocator may be asked now. */
  canPost(): boolean {
    return this.#allocators.some(isOpen);
  }

  /** @returns Whether all allocators are quarantined. */
  allQuarantined(): boolean {
    return this.#allocators.every(({ cancelPause }) => cancelPause !== undefined);
  }

  /** @returns What is known of each allocator, in the order of the settings. */
  status(): readonly AllocatorStatus[] {
    return this.#allocators.map(
      ({ client, postsInFlight, posts, postsFailed, failures, lastFailure, cancelPause }) => ({
        url: client.url,
        state: cancelPause !== undefined ? "quarantined" : failures > 0 ? "on-trial" : "serving",
        postsInFlight,
        posts,
        postsFailed,
        ...(lastFailure !== undefined && { lastFailure }),
      }),
    );
  }

  /**
   * Sends frames to an allocator, and to a second one when the first fails early.
   *
   * @param frames RELAY-FORW messages, at least one.
   * @param oldestMs When the oldest of them came, by the uplink's clock: each allocator that is asked learns its age.
   * @returns What became of them; failures are data, so this never rejects.
   */
  async post(frames: readonly Uint8Array[], oldestMs: number): Promise<PostOutcome> {
    const { timeoutMs } = this.#options;
    const dueMs = this.#timing.nowMs() + timeoutMs;
    const first = this.#choose();
    if (first === undefined) return { kind: "unavailable", detail: "No allocator can serve" };
    const batch = { frames, oldestMs };
    const outcome = await this.#postTo(first, batch, timeoutMs);
    const leftMs = dueMs - this.#timing.nowMs();
    // What was answered with 200 was served, however the answer looks.
    if (outcome.kind === "answers" || outcome.kind === "malformed" || leftMs < relayFailoverMsMin)
      return outcome;
    const second = this.#choose(first);
    return second === undefined ? outcome : this.#postTo(second, batch, leftMs);
  }

  /** Probes no more, waits for the POSTs that are in flight, and closes the connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { cancelPause } of this.#allocators) cancelPause?.();
    if (this.#postsInFlight() > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    await Promise.all(this.#allocators.map(({ client }) => client.close()));
  }

  #postsInFlight(): number {
    return this.#allocators.reduce((sum, { postsInFlight }) => sum + postsInFlight, 0);
  }

  #choose(other?: KnownAllocator): KnownAllocator | undefined {
    const open = this.#allocators.filter((each) => each !== other && isOpen(each));
    if (this.#options.policy === "priority" || open.length < 2) return open[0];
    const least = Math.min(...open.map(({ postsInFlight }) => postsInFlight));
    const idlest = open.filter(({ postsInFlight }) => postsInFlight === least);
    return idlest[this.#turn++ % idlest.length];
  }

  async #postTo(
    allocator: KnownAllocator,
    { frames, oldestMs }: Batch,
    timeoutMs: number,
  ): Promise<PostOutcome> {
    const { client } = allocator;
    const startedMs = this.#timing.nowMs();
    allocator.posts++;
    allocator.postsInFlight++;
    this.#hooks.onPosting(client.url, frames);
    const outcome = await client.post(frames, timeoutMs, startedMs - oldestMs);
    allocator.postsInFlight--;
    const elapsedMs = this.#timing.nowMs() - startedMs;
    if (outcome.kind === "answers") this.#recordSuccess(allocator);
    else {
      allocator.postsFailed++;
      this.#recordFailure(allocator, outcome);
    }
    this.#hooks.onPosted({ allocator: client.url, frames, outcome, elapsedMs });
    if (this.#isClosed && this.#postsInFlight() === 0) this.#onIdle?.();
    return outcome;
  }

  /** A success of a POST that began before the quarantine says nothing of what is now. */
  #recordSuccess(allocator: KnownAllocator): void {
    if (allocator.failures === 0 || allocator.cancelPause !== undefined) return;
    allocator.failures = 0;
    this.#hooks.onRecovered(allocator.client.url);
  }

  /** The other POSTs of the same outage fail too: only the first of them begins a quarantine. */
  #recordFailure(allocator: KnownAllocator, failure: PostFailure): void {
    allocator.lastFailure = failure.detail;
    if (allocator.cancelPause !== undefined || this.#isClosed) return;
    allocator.failures++;
    const retryAfterMs = failure.kind === "unavailable" ? failure.retryAfterMs : undefined;
    const pauseMs = pauseAfterFailure(allocator.failures, retryAfterMs, this.#timing.random());
    allocator.cancelPause = this.#timing.later(() => void this.#probe(allocator), pauseMs);
  }

  async #probe(allocator: KnownAllocator): Promise<void> {
    const failure = await allocator.client.probe(this.#options.timeoutMs);
    if (this.#isClosed) return;
    allocator.cancelPause = undefined;
    if (failure === undefined) this.#hooks.onAvailable();
    else this.#recordFailure(allocator, failure);
  }
}

/** Not quarantined, and not busy with the one POST that tries. */
function isOpen({ cancelPause, failures, postsInFlight }: KnownAllocator): boolean {
  return cancelPause === undefined && (failures === 0 || postsInFlight === 0);
}
