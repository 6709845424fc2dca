/**
 * Who learns what a relay does: a log of what is rare, and an observer of each datagram and each POST.
 *
 * @module
 */
import type { EndedPost } from "./uplink/uplink.ts";

/** A log that takes fields and a message, such as pino. */
export interface Log {
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
}

/** One end of a UDP datagram. */
export interface UdpEnd {
  /** IPv6 address as text, perhaps with `%zone`. */
  readonly address: string;
  readonly port: number;
}

/** Sees what the relay does, datagram by datagram and POST by POST. Whatever it does with it, it does quickly. */
export interface RelayObserver {
  /** Datagrams of clients and of relays nearer them, and of DHCPv6 servers. */
  readonly received?: (datagram: Uint8Array, from: UdpEnd, to: UdpEnd) => void;
  readonly sent?: (datagram: Uint8Array, from: UdpEnd, to: UdpEnd) => void;
  /** Frames left the queue for a POST; the oldest had waited for so many milliseconds. */
  readonly batched?: (frames: readonly Uint8Array[], oldestWaitedMs: number) => void;
  /** A POST begins. */
  readonly posting?: (allocator: string, frames: readonly Uint8Array[]) => void;
  /** A POST is over. */
  readonly posted?: (post: EndedPost) => void;
}
