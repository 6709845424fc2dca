/**
 * Interfaces for reporting what a relay does: a log for rare events, and an observer of each datagram and each POST.
 *
 * @module
 */
import type { Endpoint } from "./endpoint.ts";
import type { EndedPost } from "./post.ts";

/** A log that takes fields and a message, such as pino. */
export interface RelayLog {
  /** For each failed POST of an outage. Off by default. */
  readonly debug?: (fields: object, message: string) => void;
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
}

/** Called for each event; it must return quickly, because the relay waits for it. */
type Hook<Event extends readonly unknown[]> = (...event: Event) => void;

/** Observes each datagram and each POST of the relay. A hook that is omitted costs nothing. */
export interface RelayObserver {
  /** A datagram arrived from a client, a downstream relay or a DHCPv6 server. */
  readonly received?: Hook<[datagram: Uint8Array, from: Endpoint, to: Endpoint]> | undefined;
  /** A datagram is about to be sent. */
  readonly sent?: Hook<[datagram: Uint8Array, from: Endpoint, to: Endpoint]> | undefined;
  /** Frames left the queue for a POST; the oldest had waited for `oldestWaitedMs` milliseconds. */
  readonly batched?: Hook<[frames: readonly Uint8Array[], oldestWaitedMs: number]> | undefined;
  /** A POST begins. */
  readonly posting?: Hook<[allocator: string, frames: readonly Uint8Array[]]> | undefined;
  /** A POST has ended. */
  readonly posted?: Hook<[post: EndedPost]> | undefined;
}

/** All hooks, each possibly undefined: an object of this type that omits a hook does not compile. */
type EveryHook = { readonly [Name in keyof Required<RelayObserver>]: RelayObserver[Name] };

/**
 * Joins two observers into one.
 *
 * @returns An observer whose hooks call those of `first`, then those of `second`.
 */
export function joinObservers(first: RelayObserver, second: RelayObserver): RelayObserver {
  const joined: EveryHook = {
    received: joinHooks(first.received, second.received),
    sent: joinHooks(first.sent, second.sent),
    batched: joinHooks(first.batched, second.batched),
    posting: joinHooks(first.posting, second.posting),
    posted: joinHooks(first.posted, second.posted),
  };
  return joined;
}

/** Joins two hooks. A hook that only one observer has is returned unchanged, so that an event costs no extra call. */
function joinHooks<Event extends readonly unknown[]>(
  first: Hook<Event> | undefined,
  second: Hook<Event> | undefined,
): Hook<Event> | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return (...event) => {
    first(...event);
    second(...event);
  };
}
