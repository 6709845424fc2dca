/**
 * The closed list of reasons for which the relay drops a datagram or an answer. Counters, log, metrics and status use
 * these ids.
 *
 * @module
 */

/** Reasons, each with its meaning for the operator. */
export const dropReasons = {
  // Datagrams from clients and downstream relays.
  runt: "The datagram is shorter than the header of its message type.",
  "response-from-below":
    "A message that only servers send (DHCPV4-RESPONSE, Advertise, Reply, Reconfigure) came from below.",
  "relay-reply-from-below": "A RELAY-REPL came from below, but answers come only from above.",
  "unserved-message-type":
    "The message is neither a DHCPV4-QUERY nor a RELAY-FORW, and no DHCPv6 servers are configured.",
  "malformed-relay-forward":
    "The options of the RELAY-FORW cannot be decoded, or it does not contain exactly one message.",
  "hop-limit":
    "The RELAY-FORW has passed the most relays that RFC 8415 allows (§19.1.2). It may be in a loop.",
  oversized: "The message does not fit in a frame together with our relay level.",
  "unusable-source": "The source of the datagram is not one that an answer can be sent to.",
  "untrusted-relay": "A relay level was added by an address that is in none of the listener's trustedRelays.",
  "source-rate": "The source exceeded its rate limit.",
  // Information-Requests, if this relay answers them.
  "malformed-information-request":
    "The Information-Request cannot be decoded, or contains an IA option (RFC 8415 §16.12).",
  "unicast-information-request":
    "A client sent an Information-Request to a unicast address. Servers must discard it (RFC 8415 §16).",
  "information-of-another-server": "The Information-Request names another server.",
  "information-not-served": "The Information-Request requests no option that this relay is configured with.",
  // Datagrams from DHCPv6 servers.
  "unknown-server":
    "A datagram to the relay's upstream socket came from an address that is not a configured server.",
  // Datagrams in the queue, or while the relay is stopping.
  duplicate: "An identical datagram is already waiting, and is served.",
  "queue-full":
    "The queue was full, because clients sent faster than the allocator served. The oldest datagram of the larger lane was dropped.",
  "deadline-passed":
    "The datagram waited too long. An answer would come too late, and the client repeats its message.",
  "relay-closing": "The relay was stopping, or the listener was no longer configured.",
  // Exchanges with the allocator.
  "allocator-unavailable": "The allocator did not answer in time, or answered that it cannot serve now.",
  "allocator-refused": "The allocator rejected the POST: wrong token, wrong URL, or incompatible release.",
  "malformed-body": "The allocator's answer is not a sequence of frames, or has more frames than the POST.",
  // Answers on their way down.
  "malformed-answer": "An answer from above is not a RELAY-REPL that contains one message.",
  "unknown-interface-id": "The Interface-Id of an answer does not name a listener that this relay has.",
  "unusable-destination": "The peer-address of an answer is not one that a datagram can be sent to.",
  "send-failed": "The operating system refused to send a datagram.",
} as const satisfies Record<string, string>;

/** Id of a reason. */
export type DropReason = keyof typeof dropReasons;
