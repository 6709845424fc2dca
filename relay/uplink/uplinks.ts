/**
 * The uplink of the settings that apply, and those of former settings while their POSTs are in flight.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { createAllocatorClient } from "./allocator-client.ts";
import type { RelayConfig } from "../config/config.ts";
import type { Counters } from "../counters.ts";
import type { Log, RelayObserver } from "../observer.ts";
import type { Timing } from "../../src/timing.ts";
import { Uplink } from "./uplink.ts";
import type { EndedPost } from "./uplink.ts";

/** Settings that an uplink comes from. */
export type UplinkConfig = Pick<RelayConfig, "allocator" | "queue" | "secrets">;

/** What uplinks work with, and tell of their POSTs. */
export interface UplinksContext {
  /** Its POSTs are counted here. */
  readonly counters: Counters;
  readonly log: Log;
  readonly observer: RelayObserver;
  readonly timing: Timing;
  /** Learns that an allocator may be asked again. */
  readonly onAvailable: () => void;
}

/** The uplinks of a relay. */
export class Uplinks {
  readonly #context: UplinksContext;
  #config: UplinkConfig;
  #current: Uplink;
  readonly #leaving = new Set<Promise<void>>();
  /** What the log last said about each allocator that can't serve. */
  readonly #troubles = new Map<string, string>();

  constructor(config: UplinkConfig, context: UplinksContext) {
    this.#context = context;
    this.#config = config;
    this.#current = this.#create(config);
  }

  /** The one that new POSTs go to. */
  get current(): Uplink {
    return this.#current;
  }

  /** Goes on with other settings. POSTs that are in flight end as they began. */
  reconfigure(config: UplinkConfig): void {
    const before = this.#config;
    this.#config = config;
    if (isSame(before, config)) return;
    const leaving = this.#current.close().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
    this.#troubles.clear();
    this.#current = this.#create(config);
  }

  /** Waits for the POSTs that are in flight, and closes the connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#leaving, this.#current.close()]);
  }

  #create({ allocator, queue, secrets }: UplinkConfig): Uplink {
    const { log, observer, timing, onAvailable } = this.#context;
    const { urls, postsInFlight, policy } = allocator;
    const timeoutMs = postMs(queue.deadlineMs);
    const clients = urls.map((url) =>
      createAllocatorClient({ url, secrets, postsInFlight, connectTimeoutMs: timeoutMs }),
    );
    const ports = {
      began: (url: string, frames: readonly Uint8Array[]) => {
        observer.posting?.(url, frames);
      },
      ended: (post: EndedPost) => {
        this.#endPost(post);
      },
      recovered: (url: string) => {
        this.#troubles.delete(url);
        log.info({ allocator: url }, "allocator serves again");
      },
      available: onAvailable,
    };
    return new Uplink(clients, { policy, timeoutMs }, ports, timing);
  }

  #endPost(post: EndedPost): void {
    const { counters, log, observer } = this.#context;
    const { allocator, outcome } = post;
    counters.posts += 1;
    observer.posted?.(post);
    if (outcome.kind === "answers") return;
    counters.postsFailed += 1;
    // An outage is one line, not one for each attempt.
    if (outcome.detail === this.#troubles.get(allocator)) return;
    this.#troubles.set(allocator, outcome.detail);
    log.warn({ allocator, ...outcome }, "allocator can't serve: it is left alone for a while");
  }
}

/**
 * Half of a datagram's time is for the queue and half for the POST, so that a POST never begins with no time left.
 *
 * @returns Milliseconds for the POST.
 */
export function postMs(deadlineMs: number): number {
  return deadlineMs / 2;
}

/** An uplink that stays the same keeps its connections, and what it knows of its allocators. */
function isSame(a: UplinkConfig, b: UplinkConfig): boolean {
  const of = ({ allocator, secrets, queue }: UplinkConfig) => [
    allocator.urls.map(({ href }) => href),
    [allocator.policy, allocator.postsInFlight, queue.deadlineMs],
    secrets,
  ];
  return isDeepStrictEqual(of(a), of(b));
}
