/**
 * Which lane of the queue a client's message waits in.
 *
 * @module
 */
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { peekMessageType } from "../../src/wire/dhcpv6/peek-message-type.ts";

/**
 * DISCOVERs wait in one lane, and with them what needs no quick answer: an INFORM, or a message without a type. All others
 * are from clients that have an offer or a lease.
 */
export type Lane = "requests" | "discovers";

/** @param datagram From a client or a downstream relay, not yet checked. */
export function laneOf(datagram: Uint8Array): Lane {
  const type = peekMessageType(datagram);
  const isRequest =
    type === MessageType.request || type === MessageType.decline || type === MessageType.release;
  return isRequest ? "requests" : "discovers";
}
