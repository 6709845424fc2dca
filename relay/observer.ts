/**
 * Who learns what a relay does: a log of what is rare, and an observer of each datagram and each POST.
 *
 * @module
 */
import type { Endpoint } from "./endpoint.ts";
import type { EndedPost } from "./post.ts";

/** A log that takes fields and a message, such as pino. */
export interface RelayLog {
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
}

/** Called for each event; it must return quickly, because the relay waits for it. */
type Hook<Event extends readonly unknown[]> = (...event: Event) => void;

/** Sees what the relay does, datagram by datagram and POST by POST. A hook that is left out costs nothing. */
export interface RelayObserver {
  /** A datagram came from a client, from a relay nearer to it, or from a DHCPv6 server. */
  readonly received?: Hook<[datagram: Uint8Array, from: Endpoint, to: Endpoint]> | undefined;
  /** A datagram leaves. */
  readonly sent?: Hook<[datagram: Uint8Array, from: Endpoint, to: Endpoint]> | undefined;
  /** Frames left the queue for a POST; the oldest had waited for this many milliseconds. */
  readonly batched?: Hook<[frames: readonly Uint8Array[], oldestWaitedMs: number]> | undefined;
  /** A POST begins. */
  readonly posting?: Hook<[allocator: string, frames: readonly Uint8Array[]]> | undefined;
  /** A POST is over. */
  readonly posted?: Hook<[post: EndedPost]> | undefined;
}

/** Every hook, whether it is set or not: an object of this type that leaves a hook out does not compile. */
type EveryHook = { readonly [Name in keyof Required<RelayObserver>]: RelayObserver[Name] };

/**
 * Makes one observer of two.
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

/** A hook that only one of them has stays as it is, so that a datagram costs no further call. */
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
