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
    "A client or downstream relay sent a message that only servers send (DHCPV4-RESPONSE, Advertise, Reply, Reconfigure).",
  "relay-reply-from-below": "A RELAY-REPL arrived from a client or downstream relay; only servers send it.",
  "unserved-message-type":
    "The message is neither a DHCPV4-QUERY nor a RELAY-FORW, and no DHCPv6 servers are configured.",
  "malformed-relay-forward": "The RELAY-FORW has malformed options, or does not contain exactly one message.",
  "hop-limit": "The RELAY-FORW has reached the hop limit of RFC 8415 §19.1.2; it may be in a loop.",
  oversized: "The message does not fit in a frame together with our relay level.",
  "unusable-source": "The source address of the datagram cannot receive an answer.",
  "untrusted-relay": "A relay level was added by an address that is in none of the listener's trustedRelays.",
  "source-rate": "The source exceeds its rate limit.",
  // Information-Requests, if this relay answers them.
  "malformed-information-request":
    "The Information-Request cannot be decoded, or has options of leases (RFC 8415 §16.12).",
  "unicast-information-request":
    "A client sent an Information-Request to a unicast address; servers must discard it (RFC 8415 §16).",
  "information-of-another-server": "The Information-Request names another server.",
  "information-not-served": "The Information-Request requests no option that this relay has.",
  // Datagrams from DHCPv6 servers.
  "unknown-server": "A datagram on the upstream socket came from an address that is not a configured server.",
  // Datagrams in the queue, or while the relay is stopping.
  duplicate: "An equal datagram is already waiting; that one is served.",
  "queue-full":
    "The queue was full, because the allocator is slower than the clients; the oldest frame was dropped.",
  "deadline-passed":
    "The datagram waited too long; its client has repeated it, and an answer would come too late.",
  "relay-closing": "The relay was stopping, or the listener was no longer configured.",
  // Exchanges with the allocator.
  "allocator-unavailable": "The allocator did not answer in time, or answered that it is unavailable.",
  "allocator-refused": "The allocator refused the POST: wrong token, wrong URL, or another release.",
  "malformed-body":
    "The allocator's answer is not a sequence of frames, or contains more frames than were sent.",
  // Answers on their way down.
  "malformed-answer":
    "An answer from the allocator or a server is not a RELAY-REPL with exactly one message.",
  "unknown-interface-id":
    "The Interface-Id of an answer does not belong to this relay, or its listener no longer exists.",
  "unusable-destination": "The peer-address of an answer cannot receive a datagram.",
  "send-failed": "The operating system refused to send the datagram of an answer.",
} as const satisfies Record<string, string>;

/** Id of a reason. */
export type DropReason = keyof typeof dropReasons;
