/**
 * Counters of a relay since it started.
 *
 * @example
 * ```ts
 * const counters = new RelayCounters();
 * counters.received += 1;
 * counters.drop("runt");
 * counters.snapshot(); // { received: 1, …, dropped: { runt: 1 } }
 * ```
 *
 * @module
 */
import { TypeCounts } from "./messages/message-types.ts";
import type { DropReason } from "./reasons.ts";

/** A copy of the counters. Reasons that never occurred are absent. */
export interface CountersSnapshot {
  readonly received: number;
  readonly forwarded: number;
  readonly posts: number;
  readonly postsFailed: number;
  readonly answered: number;
  readonly sent: number;
  readonly toServers: number;
  readonly untrusted: number;
  /** By name of the message type. */
  readonly receivedByType: Readonly<Record<string, number>>;
  readonly sentByType: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
}

/** Counters of one relay. The fields are plain numbers: the hot path only adds to them. */
export class RelayCounters {
  /** Datagrams from clients and downstream relays. */
  received = 0;
  /** Frames that were put into POSTs. */
  forwarded = 0;
  /** POSTs that have ended, failed ones included. */
  posts = 0;
  /** POSTs that failed. */
  postsFailed = 0;
  /** Frames in the answers to POSTs. */
  answered = 0;
  /** Datagrams passed to the operating system. Those that it refused to send also count as `send-failed`. */
  sent = 0;
  /** Messages relayed to DHCPv6 servers. A message counts once, even if several servers get it. */
  toServers = 0;
  /** Datagrams with a relay level that was not believed, whether they were dropped or not. */
  untrusted = 0;
  readonly receivedByType = new TypeCounts();
  readonly sentByType = new TypeCounts();
  readonly #dropped: Partial<Record<DropReason, number>> = {};

  /** Counts dropped datagrams or answers. */
  drop(reason: DropReason, count = 1): void {
    if (count > 0) this.#dropped[reason] = (this.#dropped[reason] ?? 0) + count;
  }

  /** Copies the counters as they are now. */
  snapshot(): CountersSnapshot {
    const { received, forwarded, posts, postsFailed, answered, sent, toServers, untrusted } = this;
    return {
      received,
      forwarded,
      posts,
      postsFailed,
      answered,
      sent,
      toServers,
      untrusted,
      receivedByType: this.receivedByType.snapshot(),
      sentByType: this.sentByType.snapshot(),
      dropped: { ...this.#dropped },
    };
  }
}
