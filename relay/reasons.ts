/**
 * Why the relay drops a datagram or an answer: the closed list. The same ids appear in the counters and in the log.
 *
 * @module
 */

/** Each reason with a sentence for the operator. */
export const dropReasons = {
  // Datagrams from clients and downstream relays.
  runt: "The datagram is shorter than the header of its message type.",
  "response-from-below":
    "A message that only servers send (DHCPV4-RESPONSE, Advertise, Reply, Reconfigure) came from below.",
  "relay-reply-from-below":
    "A RELAY-REPL came from the side of the clients, where only servers' answers go to.",
  "unserved-message-type":
    "The message is neither a DHCPV4-QUERY nor a RELAY-FORW, and no DHCPv6 servers are configured.",
  "malformed-relay-forward":
    "The options of the RELAY-FORW cannot be told apart, or it does not hold one message.",
  "hop-limit": "The RELAY-FORW passed as many relays as RFC 8415 allows (§19.1.2); it may be in a loop.",
  oversized: "The message would not fit in a frame with our relay level around it.",
  "unusable-source": "The datagram names no source that an answer could be sent to.",
  "untrusted-relay": "A relay level was added by an address that is in none of the listener's trustedRelays.",
  "source-rate": "The source sent more than its rate allows.",
  // Information-Requests, if this relay answers them.
  "malformed-information-request":
    "The Information-Request cannot be decoded, or has options of leases (RFC 8415 §16.12).",
  "unicast-information-request":
    "A client sent an Information-Request to a unicast address, which servers have to discard (RFC 8415 §16).",
  "information-of-another-server": "The Information-Request names another server.",
  "information-not-served": "The Information-Request asks for nothing that this relay is configured with.",
  // Datagrams from DHCPv6 servers.
  "unknown-server":
    "A datagram for the relay's upstream socket came from an address of no configured server.",
  // Datagrams in the queue, or while the relay is stopping.
  duplicate: "The datagram is the same as one that waits already; that one is served.",
  "queue-full":
    "The allocator was slower than the clients for so long that the queue filled; the oldest was dropped.",
  "deadline-passed":
    "The datagram waited so long that its client repeats it, and an answer would come too late.",
  "relay-closing": "The relay was stopping, or the listener was no longer configured.",
  // Exchanges with the allocator.
  "allocator-unavailable": "The allocator did not answer in time, or answered that it can't serve now.",
  "allocator-refused": "The allocator refused the POST: wrong token, wrong URL, or another release.",
  "malformed-body":
    "The allocator's answer is not a sequence of frames, or holds more of them than were asked.",
  // Answers on their way down.
  "malformed-answer": "An answer from above is not a RELAY-REPL with one message in it.",
  "unknown-interface-id":
    "The Interface-Id of an answer is not of this relay, or of listeners that it no longer has.",
  "unusable-destination": "The peer-address of an answer is not one that a datagram can be sent to.",
  "send-failed": "The operating system did not take the datagram of an answer.",
} as const satisfies Record<string, string>;

/** Id of a reason. */
export type DropReason = keyof typeof dropReasons;
