/**
 * Chooses an allocator for each batch, and quarantines allocators that fail.
 *
 * - A failed POST quarantines its allocator. The quarantine lasts for a pause that grows with every failure. Then the
 *   allocator is probed (GET /readyz). If it can serve, it gets one POST at a time until one succeeds; after that it
 *   serves normally again.
 * - A relay that does not know the judging clock yet asks for it before it sends frames: without it, a POST could not state
 *   how long it was on its way, and a RELEASE in it could end a lease that its client got since.
 * - A batch whose POST failed without an answer of status 200 is sent once more, to another allocator, if there is
 *   enough time left. All allocators use the same database, where a repeated message changes nothing and gets the same
 *   answer (RFC 2131 §3.1), so a client can't get two leases. The batch is never sent to the failed allocator again.
 * - A batch that is still unanswered is dropped. Its clients repeat their messages; if the relay repeated them too, it
 *   would double the load on allocators that are already failing.
 *
 * @module
 */
import { relayDeadlineMsMax, relayFailoverMsMin } from "../../src/limits.ts";
import type { EndedPost, PostFailure, PostOutcome } from "../post.ts";
import type { Timing } from "../../src/timing.ts";
import type { AllocatorClient, ProbeOutcome, StatedArrival } from "./allocator-client.ts";
import { pauseAfterFailure } from "./backoff.ts";
import { JudgingClock } from "./judging-clock.ts";

/** Settings of an uplink. */
export interface UplinkOptions {
  /** `priority`: the first allocator that can serve. `spread`: the one with the fewest POSTs in flight. */
  readonly policy: "priority" | "spread";
  /** Milliseconds that the POSTs of one batch may take together. */
  readonly timeoutMs: number;
}

/** Events of an uplink, at most one of each kind per POST. */
export interface UplinkHooks {
  /** Called when a POST begins. */
  readonly onPosting: (allocator: string, frames: readonly Uint8Array[]) => void;
  /** Called when a POST has ended. */
  readonly onPosted: (post: EndedPost) => void;
  /** Called on the first success of an allocator after failures. */
  readonly onRecovered: (allocator: string) => void;
  /** Called when an allocator may get a POST again, or may get none for a while. */
  readonly onChanged: () => void;
}

/** State of an allocator, as shown to the operator. */
export interface AllocatorStatus {
  readonly url: string;
  /** `serving`; `quarantined`: paused after a failure; `on-trial`: one POST at a time until one succeeds. */
  readonly state: "serving" | "quarantined" | "on-trial";
  readonly postsInFlight: number;
  readonly posts: number;
  readonly postsFailed: number;
  /** Reason that the last POST or probe failed; absent when none has failed. */
  readonly lastFailure?: string;
}

/** An allocator that could not serve when it was first asked. */
export interface FirstFailure {
  readonly allocator: string;
  readonly failure: PostFailure;
}

/** The arrival of no frame. */
const noFrames: StatedArrival = { ageMs: 0, clockMs: undefined };

/** Content of a POST. */
interface Batch {
  readonly frames: readonly Uint8Array[];
  /** A time, not later than the arrival of the oldest frame, in milliseconds by the uplink's clock. */
  readonly arrivedMs: number;
}

/** An allocator with its state. */
interface KnownAllocator {
  readonly client: AllocatorClient;
  postsInFlight: number;
  posts: number;
  postsFailed: number;
  /** Failures in a row. Above 0, the allocator gets one POST at a time, until one succeeds. */
  failures: number;
  lastFailure: string | undefined;
  /** Set while the allocator is quarantined. */
  cancelPause: (() => void) | undefined;
  /** It was asked for the judging clock. An older allocator answers without it. */
  hasAnswered: boolean;
}

/** Sends batches to one of several allocators. */
export class Uplink {
  readonly #allocators: readonly KnownAllocator[];
  readonly #options: UplinkOptions;
  readonly #hooks: UplinkHooks;
  readonly #timing: Timing;
  /** One for all allocators, because all use the same database. */
  readonly #clock = new JudgingClock();
  /** Rotates with `spread`, so that allocators with the same number of POSTs in flight take turns. */
  #turn = 0;
  #isClosed = false;
  /** Batches that were not answered yet. Between the two POSTs of a batch, no POST is in flight. */
  #batches = 0;
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
      hasAnswered: false,
    }));
    this.#options = options;
    this.#hooks = hooks;
    this.#timing = timing;
  }

  /** @returns Whether an allocator may get a POST now. */
  canPost(): boolean {
    return this.#allocators.some((each) => this.#isOpen(each));
  }

  /** @returns Whether all allocators are quarantined. */
  allQuarantined(): boolean {
    return this.#allocators.every(({ cancelPause }) => cancelPause !== undefined);
  }

  /**
   * Returns how old frames may be. Without a reading of the judging clock, a POST can only state an age that allocators
   * accept. An older frame would look newer than it is, and a RELEASE could end a lease that its client got since.
   *
   * @returns Milliseconds since the arrival.
   */
  ageMsMax(): number {
    return this.#clock.isKnown ? Infinity : relayDeadlineMsMax;
  }

  /** @returns The state of each allocator, in the order of the settings. */
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
   * @param arrivedMs A time not later than the arrival of the oldest frame, in milliseconds by the uplink's clock. Each
   *   POST states how old that frame is, and when it arrived by the judging clock.
   * @returns The outcome of the last POST. Failures are data, so this never rejects.
   */
  async post(frames: readonly Uint8Array[], arrivedMs: number): Promise<PostOutcome> {
    this.#batches++;
    const outcome = await this.#postWithFailover({ frames, arrivedMs });
    this.#batches--;
    if (this.#batches === 0) this.#onIdle?.();
    return outcome;
  }

  async #postWithFailover(batch: Batch): Promise<PostOutcome> {
    const { timeoutMs } = this.#options;
    const dueMs = this.#timing.nowMs() + timeoutMs;
    const first = this.#choose();
    if (first === undefined) return { kind: "unavailable", detail: "No allocator is available" };
    const outcome = await this.#postTo(first, batch, timeoutMs);
    const nowMs = this.#timing.nowMs();
    const leftMs = dueMs - nowMs;
    // A batch that was answered with status 200 was served, even if the answer can't be decoded.
    if (outcome.kind === "answers" || outcome.kind === "malformed" || leftMs < relayFailoverMsMin)
      return outcome;
    if (nowMs - batch.arrivedMs > this.ageMsMax()) return outcome;
    const second = this.#choose(first);
    return second === undefined ? outcome : this.#postTo(second, batch, leftMs);
  }

  /**
   * Tries each allocator once. First it is asked for the judging clock, so that even the first POST can state an arrival
   * on it; later, answers to POSTs keep the clock known. Frames wait for its answer. If the allocator can serve, it also
   * gets a POST without frames, so that a wrong token or URL is found even if no client needs it.
   *
   * @returns The allocators that can't serve now, each with the reason.
   */
  async tryAllocators(): Promise<readonly FirstFailure[]> {
    const failures = await Promise.all(
      this.#allocators.map(async (each) => ({ each, failure: await this.#tryFirst(each) })),
    );
    return failures.flatMap(({ each, failure }) =>
      failure === undefined || this.#isClosed ? [] : [{ allocator: each.client.url, failure }],
    );
  }

  /** Stops probing, waits for the batches in flight, and closes the connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { cancelPause } of this.#allocators) cancelPause?.();
    if (this.#batches > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    await Promise.all(this.#allocators.map(({ client }) => client.close()));
  }

  /** Whether an allocator may get a POST: it is not quarantined, and has no POST in flight while it is on trial. */
  #isOpen({ cancelPause, failures, postsInFlight, hasAnswered }: KnownAllocator): boolean {
    return hasAnswered && cancelPause === undefined && (failures === 0 || postsInFlight === 0);
  }

  #choose(other?: KnownAllocator): KnownAllocator | undefined {
    const open = this.#allocators.filter((each) => each !== other && this.#isOpen(each));
    if (this.#options.policy === "priority" || open.length < 2) return open[0];
    const least = Math.min(...open.map(({ postsInFlight }) => postsInFlight));
    const idlest = open.filter(({ postsInFlight }) => postsInFlight === least);
    return idlest[this.#turn++ % idlest.length];
  }

  async #postTo(
    allocator: KnownAllocator,
    { frames, arrivedMs }: Batch,
    timeoutMs: number,
  ): Promise<PostOutcome> {
    const { client } = allocator;
    const startedMs = this.#timing.nowMs();
    allocator.posts++;
    allocator.postsInFlight++;
    this.#hooks.onPosting(client.url, frames);
    const clockMs = this.#clock.earliestMs(arrivedMs);
    const outcome = await client.post(frames, timeoutMs, { ageMs: startedMs - arrivedMs, clockMs });
    allocator.postsInFlight--;
    const endedMs = this.#timing.nowMs();
    const elapsedMs = endedMs - startedMs;
    if (outcome.kind === "answers") {
      this.#recordClock(outcome.clockMs, startedMs, endedMs);
      this.#recordSuccess(allocator);
    } else {
      allocator.postsFailed++;
      this.#recordFailure(allocator, outcome);
    }
    this.#hooks.onPosted({ allocator: client.url, frames, outcome, elapsedMs });
    return outcome;
  }

  /** Ignores a success during the quarantine: that POST began earlier, so it says nothing about the present state. */
  #recordSuccess(allocator: KnownAllocator): void {
    if (allocator.failures === 0 || allocator.cancelPause !== undefined) return;
    allocator.failures = 0;
    this.#hooks.onRecovered(allocator.client.url);
  }

  /** Starts a quarantine on the first failure of an outage only, because the other POSTs in flight fail too. */
  #recordFailure(allocator: KnownAllocator, failure: PostFailure): void {
    allocator.lastFailure = failure.detail;
    if (allocator.cancelPause !== undefined || this.#isClosed) return;
    allocator.failures++;
    const retryAfterMs = failure.kind === "unavailable" ? failure.retryAfterMs : undefined;
    const pauseMs = pauseAfterFailure(allocator.failures, retryAfterMs, this.#timing.random());
    allocator.cancelPause = this.#timing.later(() => void this.#probe(allocator), pauseMs);
  }

  #recordClock(clockMs: number | undefined, sentMs: number, answeredMs: number): void {
    if (clockMs !== undefined) this.#clock.record({ clockMs, sentMs, answeredMs });
  }

  async #readProbe(allocator: KnownAllocator): Promise<ProbeOutcome["failure"]> {
    const sentMs = this.#timing.nowMs();
    const { failure, clockMs } = await allocator.client.probe(this.#options.timeoutMs);
    allocator.hasAnswered ||= failure === undefined;
    this.#recordClock(clockMs, sentMs, this.#timing.nowMs());
    return failure;
  }

  async #tryFirst(allocator: KnownAllocator): Promise<PostFailure | undefined> {
    const failure = await this.#readProbe(allocator);
    if (failure !== undefined) this.#recordFailure(allocator, failure);
    if (this.#isClosed) return failure;
    this.#hooks.onChanged();
    if (failure !== undefined) return failure;
    const outcome = await allocator.client.post([], this.#options.timeoutMs, noFrames);
    return outcome.kind === "answers" ? undefined : outcome;
  }

  async #probe(allocator: KnownAllocator): Promise<void> {
    const failure = await this.#readProbe(allocator);
    if (this.#isClosed) return;
    allocator.cancelPause = undefined;
    if (failure !== undefined) this.#recordFailure(allocator, failure);
    this.#hooks.onChanged();
  }
}
