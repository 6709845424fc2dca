/**
 * The uplink of the current settings, and the uplinks of earlier settings while their POSTs are in flight.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { answerGrowthOctetsMax, relayBodyOctetsMax, relayGatherMsMax } from "../../src/limits.ts";
import type { RelayConfig } from "../config/config.ts";
import type { RelayCounters } from "../counters.ts";
import type { RelayLog, RelayObserver } from "../observer.ts";
import type { EndedPost, PostFailure, PostOutcome } from "../post.ts";
import type { Timing } from "../../src/timing.ts";
import { createAllocatorClient } from "./allocator-client.ts";
import type { OpenConnections } from "./connections.ts";
import type { BatcherLimits } from "./batcher.ts";
import { Uplink } from "./uplink.ts";
import type { AllocatorStatus } from "./uplink.ts";

/** Settings of an uplink. */
export type UplinkConfig = Pick<RelayConfig, "allocator" | "queue" | "secrets">;

/** Dependencies of the uplinks. */
export interface UplinksContext {
  /** Counts POSTs and failed POSTs. */
  readonly counters: RelayCounters;
  readonly log: RelayLog;
  readonly observer: RelayObserver;
  readonly timing: Timing;
  readonly openConnections: OpenConnections;
  /** Called when an allocator may get a POST again, or may get none for a while. */
  readonly onChanged: () => void;
}

/** The uplinks of a relay. */
export class Uplinks {
  readonly #context: UplinksContext;
  #config: UplinkConfig;
  #current: Uplink;
  readonly #leaving = new Set<Promise<void>>();
  /** Failure last logged for each unavailable allocator, by URL. */
  readonly #loggedFailures = new Map<string, string>();

  constructor(config: UplinkConfig, context: UplinksContext) {
    this.#context = context;
    this.#config = config;
    this.#current = this.#create(config);
  }

  /** @returns Whether an allocator may get a POST now. */
  canPost(): boolean {
    return this.#current.canPost();
  }

  /** @returns Whether all allocators are quarantined. */
  allQuarantined(): boolean {
    return this.#current.allQuarantined();
  }

  /** @returns How old frames may be; see {@link Uplink.ageMsMax}. */
  ageMsMax(): number {
    return this.#current.ageMsMax();
  }

  /** Sends frames with the current settings; see {@link Uplink.post}. */
  post(frames: readonly Uint8Array[], arrivedMs: number): Promise<PostOutcome> {
    return this.#current.post(frames, arrivedMs);
  }

  /** @returns The state of each allocator, in the order of the settings. */
  status(): readonly AllocatorStatus[] {
    return this.#current.status();
  }

  /** Switches to other settings. POSTs in flight finish with the settings they began with. */
  reconfigure(config: UplinkConfig): void {
    const before = this.#config;
    this.#config = config;
    if (isSame(before, config)) return;
    const leaving = this.#current.close().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
    this.#loggedFailures.clear();
    this.#current = this.#create(config);
  }

  /** Waits for the POSTs in flight, and closes the connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#leaving, this.#current.close()]);
  }

  #create({ allocator, queue, secrets }: UplinkConfig): Uplink {
    const { log, observer, timing, openConnections, onChanged } = this.#context;
    const { urls, postsInFlight, policy, tokenFile } = allocator;
    const timeoutMs = postMs(queue.deadlineMs);
    const clients = urls.map((url) => {
      const connections = openConnections({ url, secrets, postsInFlight, connectTimeoutMs: timeoutMs });
      return createAllocatorClient({ url, secrets, connections });
    });
    const hooks = {
      onPosting: (url: string, frames: readonly Uint8Array[]) => {
        observer.posting?.(url, frames);
      },
      onPosted: (post: EndedPost) => {
        this.#recordPost(post);
      },
      onRecovered: (url: string) => {
        this.#loggedFailures.delete(url);
        log.info({ allocator: url }, "allocator available again");
      },
      onChanged,
    };
    const uplink = new Uplink(clients, { policy, timeoutMs }, hooks, timing);
    void uplink.tryAllocators().then((failures) => {
      for (const { allocator: url, failure } of failures) {
        if (failure.kind === "unavailable") this.#logFailure(url, failure);
        else
          log.warn(
            { allocator: url, detail: failure.detail, traceId: failure.traceId },
            describeFirstFailure(failure, tokenFile),
          );
      }
    });
    return uplink;
  }

  #recordPost(post: EndedPost): void {
    const { counters, observer } = this.#context;
    const { allocator, outcome } = post;
    counters.posts += 1;
    observer.posted?.(post);
    if (outcome.kind === "answers") return;
    counters.postsFailed += 1;
    this.#logFailure(allocator, outcome);
  }

  /** Logs an outage once as a warning, and each attempt at level debug. */
  #logFailure(allocator: string, failure: PostFailure): void {
    const { log } = this.#context;
    log.debug?.({ allocator, ...failure }, "POST failed");
    if (failure.detail === this.#loggedFailures.get(allocator)) return;
    this.#loggedFailures.set(allocator, failure.detail);
    log.warn({ allocator, ...failure }, "allocator unavailable: retrying after a pause");
  }
}

/**
 * Computes the bounds of the queue and of its batches from the settings. A datagram may wait for its deadline less the
 * time that is reserved for its POST.
 */
export function batcherLimitsOf({
  queue,
  allocator,
}: Pick<RelayConfig, "queue" | "allocator">): BatcherLimits {
  return {
    lengthMax: queue.length,
    octetsMax: queue.octets,
    waitMsMax: queue.deadlineMs - postMs(queue.deadlineMs),
    postsInFlightMax: allocator.postsInFlight,
    gatherMsMax: relayGatherMsMax,
    batchFramesMax: allocator.batchFrames,
    // The answers have to fit in a body, too, and each may be longer than its frame.
    batchOctetsMax: relayBodyOctetsMax - allocator.batchFrames * answerGrowthOctetsMax,
  };
}

/** @returns What the first try of an allocator found that can serve, and which setting to correct. */
function describeFirstFailure(failure: PostFailure, tokenFile: string | undefined): string {
  if (failure.kind === "refused" && (failure.status === 401 || failure.status === 403)) {
    const setting = tokenFile === undefined ? "APPORTION_RELAY_TOKEN" : `--token-file or allocator.tokenFile`;
    return `allocator refuses the token of ${setting}: expected one of scope relay that this allocator knows`;
  }
  return "found no allocator at this URL: expected --allocator, APPORTION_ALLOCATOR_URL or allocator.urls to name one";
}

/**
 * Gives half of a datagram's deadline to the queue and half to the POST, so that a POST never begins with no time left.
 *
 * @returns Milliseconds for the POST.
 */
function postMs(deadlineMs: number): number {
  return deadlineMs / 2;
}

/** Compares the settings that matter to an uplink. If they are equal, it keeps its connections and allocator states. */
function isSame(a: UplinkConfig, b: UplinkConfig): boolean {
  const comparedParts = ({ allocator, secrets, queue }: UplinkConfig) => [
    allocator.urls.map(({ href }) => href),
    [allocator.policy, allocator.postsInFlight, queue.deadlineMs],
    secrets,
  ];
  return isDeepStrictEqual(comparedParts(a), comparedParts(b));
}
