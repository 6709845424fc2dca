/**
 * What becomes of a datagram from below: an answer of our own, a frame for one above, or nothing. Pure.
 *
 * @module
 */
import { wrapDatagram } from "./envelope.ts";
import type { Delivery, Origin, ReplyPort, ServersRule, Wrapped } from "./envelope.ts";
import { answerDatagram } from "../information/information.ts";
import type { Information } from "../information/information.ts";

/** What this relay does beside 4o6. */
export interface Services {
  /** Absent: Information-Requests are not answered here. */
  readonly information?: Information | undefined;
  /** Absent: there are no DHCPv6 servers to forward other messages to. */
  readonly servers?: ServersRule | undefined;
  readonly replyPort: ReplyPort;
}

/**
 * Decides what becomes of a datagram.
 *
 * @param datagram From a client or a downstream relay. What is forwarded is a copy.
 */
export function takeDatagram(datagram: Uint8Array, origin: Origin, services: Services): Wrapped | Delivery {
  const { information, servers, replyPort } = services;
  if (information !== undefined) {
    const hasServers = servers !== undefined;
    const answered = answerDatagram(datagram, origin, information, { hasServers, replyPort });
    if (answered.kind !== "pass") return answered;
  }
  return wrapDatagram(datagram, origin, servers);
}
