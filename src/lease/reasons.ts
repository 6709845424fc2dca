/**
 * The closed list of reasons for which a message gets no lease. The log, the counters and the documentation use the
 * same ids. No message is dropped or refused for a reason that is not in this list.
 *
 * @module
 */
import type { DecodeReason } from "../wire/decode-error.ts";

/** Documentation of a reason for operators. */
interface ReasonText {
  /** One sentence. */
  readonly meaning: string;
  /** Source of the rule: the section of an RFC, or this server. */
  readonly source: string;
}

/** Reasons of the decoders: the octets are not a valid query. */
const decodeReasonTexts = {
  "message-truncated": {
    meaning: "A DHCPv6 message is shorter than its header.",
    source: "RFC 8415 §8, §9",
  },
  "option-overrun": {
    meaning: "A DHCPv6 option is longer than the rest of its message.",
    source: "RFC 8415 §21.1",
  },
  "too-many-options": {
    meaning: "A DHCPv6 message has more than 64 options at one level.",
    source: "this server",
  },
  "bad-option-length": {
    meaning: "A required option has a wrong length.",
    source: "RFC 8415 §16",
  },
  "bad-option-value": {
    meaning: "A required option has an invalid value.",
    source: "RFC 8415 §16",
  },
  "unexpected-message-type": {
    meaning: "The DHCPv6 message is not a DHCPV4-QUERY, the only type that this server accepts.",
    source: "RFC 8415 §16",
  },
  "no-relay-message": {
    meaning: "A RELAY-FORW has no Relay Message (option 9).",
    source: "RFC 8415 §19.1",
  },
  "duplicate-relay-message": {
    meaning: "A RELAY-FORW has more than one Relay Message (option 9).",
    source: "RFC 8415 §19.1",
  },
  "relay-too-deep": {
    meaning: "The message passed more than 16 relays.",
    source: "RFC 8415 §19.1.2",
  },
  "no-dhcpv4-message": {
    meaning: "A DHCPV4-QUERY has no DHCPv4 message (option 87), or an empty one.",
    source: "RFC 7341 §11",
  },
  "duplicate-dhcpv4-message": {
    meaning: "A DHCPV4-QUERY has more than one DHCPv4 message (option 87).",
    source: "RFC 7341 §9",
  },
  "dhcpv4-truncated": {
    meaning: "The DHCPv4 message is shorter than a BOOTP header with the magic cookie.",
    source: "RFC 2131 §2",
  },
  "dhcpv4-bad-cookie": {
    meaning: "The DHCPv4 message does not have the magic cookie before its options.",
    source: "RFC 2131 §3",
  },
  "dhcpv4-option-overrun": {
    meaning: "A DHCPv4 option is longer than the rest of its field.",
    source: "RFC 2132 §2",
  },
  "bad-frame": {
    meaning: "A frame is longer than the rest of the body.",
    source: "RFC 5460 §5.1",
  },
  "too-many-frames": {
    meaning: "The body has more frames than one POST may have.",
    source: "this server",
  },
} as const satisfies Record<DecodeReason, ReasonText>;

/** Reasons of the rules: the query is decoded, but it gets no lease. */
const ruleReasons = {
  // The message is not a query of a 4o6 client.
  "not-a-bootrequest": {
    meaning: "The DHCPv4 message in a query is not a BOOTREQUEST.",
    source: "RFC 2131 §2",
  },
  "no-message-type": {
    meaning: "The DHCPv4 message has no message type (option 53): plain BOOTP is not served.",
    source: "RFC 7341 §5",
  },
  "unserved-message-type": {
    meaning: "The DHCPv4 message is of a type that clients do not send to servers.",
    source: "RFC 2131 §3",
  },
  "no-client-identifier": {
    meaning: "The client sent no client identifier (option 61), which 4o6 clients must send.",
    source: "RFC 7618 §6, A11",
  },
  "bad-client-identifier": {
    meaning: "The client identifier is shorter than 2 octets, or too long to fit in an answer.",
    source: "RFC 2132 §9.14",
  },
  "unusable-hardware-address": {
    meaning:
      "The hardware address of the client, in option 61 or chaddr, isn't of one device: zeros, ones, multicast, a bad length.",
    source: "RFC 2131 §4.2, A11",
  },
  "unknown-request-state": {
    meaning: "The fields of the DHCPREQUEST match no client state.",
    source: "RFC 2131 §4.3.2",
  },
  // The server has no pair for this client.
  "no-domain": {
    meaning: "No domain serves the link or the source address of the client.",
    source: "RFC 7341 §11",
  },
  "shared-pools-only": {
    meaning: "The client does not list option 159, and its domain has only shared pools.",
    source: "RFC 7618 §8.1",
  },
  "answer-too-large": {
    meaning: "The answer, with the relay levels and options that it has to repeat, would be too long.",
    source: "this server",
  },
  "no-pool": {
    meaning: "The domain has no pool that may serve this client.",
    source: "RFC 7618 §8",
  },
  "pools-exhausted": {
    meaning: "Every slot of the pools that may serve this client is in use.",
    source: "RFC 2131 §4.3.1",
  },
  "site-limit": {
    meaning: "The customer site of the client has as many leases as it is allowed.",
    source: "RFC 7618 §10",
  },
  "holds-shared-lease": {
    meaning:
      "The client holds a shared lease but no longer lists option 159; the lease remains until it ends.",
    source: "RFC 7618 §8.1, A12",
  },
  // The request cannot be granted.
  "other-server-chosen": {
    meaning: "The client chose the offer of another server; ours is withdrawn.",
    source: "RFC 2131 §4.3.2",
  },
  "wrong-network": {
    meaning: "The requested address is in no pool of the client's domain.",
    source: "RFC 2131 §4.3.2",
  },
  "pair-not-offered": {
    meaning: "The client requests a pair of address and port set that was not offered to it.",
    source: "RFC 2131 §4.3.2",
  },
  "pair-not-held": {
    meaning: "The client asks to keep a pair of address and port set that is not its lease.",
    source: "RFC 2131 §4.3.2",
  },
  "pool-drained": {
    meaning: "The pool of the lease was drained, and the date on which its leases end has passed.",
    source: "this server",
  },
  "unknown-client": {
    meaning: "The client asks to keep a lease that is unknown to this server; another server may know it.",
    source: "RFC 2131 §4.3.2",
  },
  "shared-lease-without-option-159": {
    meaning:
      "The client asks to keep a shared address but does not list option 159, so it cannot learn its ports.",
    source: "RFC 7618 §8, A2",
  },
  "source-changed": {
    meaning: "The client rebooted with an IPv6 source address other than that of its lease.",
    source: "RFC 7618 §6, A10",
  },
  "softwire-taken": {
    meaning: "The softwire source address belongs to the active lease of another client.",
    source: "RFC 8539 §8.2",
  },
  "softwire-forbidden": {
    meaning:
      "The softwire source address is one that the domain does not allow, or that no softwire can begin at.",
    source: "RFC 8539 §8.2",
  },
  "other-line": {
    meaning: "The lease of this client is on another line, and this line can neither extend nor end it.",
    source: "this server",
  },
  "given-up-since": {
    meaning: "A later message of the client in the same batch gives up the pair that this one asks for.",
    source: "this server",
  },
  // The message ends a lease and is never answered.
  released: { meaning: "The client released its pair.", source: "RFC 7618 §8" },
  declined: {
    meaning: "The client declined a pair; if it was the client's own, it is quarantined.",
    source: "RFC 2131 §4.3.3",
  },
  "release-without-lease": {
    meaning:
      "The client released or declined a pair of address and port set that is not its own; nothing changed.",
    source: "RFC 7618 §8",
  },
  "release-overtaken": {
    meaning:
      "The message arrived late and would end a pair that the client got or renewed since; nothing changed.",
    source: "this server",
  },
  // A batch has reached a limit, or a message met a fault of this program.
  "internal-error": {
    meaning:
      "This message caused an internal error, which is in the log of the allocator; other messages are served.",
    source: "this server",
  },
  "batch-rounds-exhausted": {
    meaning:
      "The client sent more different messages at once than one batch can process; it will repeat the last one.",
    source: "this server",
  },
} as const satisfies Record<string, ReasonText>;

/** The complete list, in the order in which the reasons are checked. */
export const reasons = { ...decodeReasonTexts, ...ruleReasons } as const;

/** Id of a reason. */
export type Reason = keyof typeof reasons;
