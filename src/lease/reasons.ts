/**
 * Why a message gets no lease: the closed list. An id here is the word in the log, in the counters and in the
 * documentation; nothing is dropped or refused for a reason that is not in it.
 *
 * @module
 */
import type { DecodeReason } from "../wire/decode-error.ts";

/** What an operator reads about a reason. */
interface ReasonText {
  /** One sentence. */
  readonly meaning: string;
  /** Where the rule is from. */
  readonly source: string;
}

/** Octets that are no query: what the decoders say. */
const decodeReasonTexts = {
  "message-truncated": {
    meaning: "A DHCPv6 message is shorter than its header.",
    source: "RFC 8415 §8, §9",
  },
  "option-overrun": {
    meaning: "A DHCPv6 option says that it is longer than what is left of its message.",
    source: "RFC 8415 §21.1",
  },
  "too-many-options": {
    meaning: "A DHCPv6 message has more options at one level than real ones ever do.",
    source: "this server",
  },
  "bad-option-length": {
    meaning: "An option that the message can't do without has a wrong length.",
    source: "RFC 8415 §16",
  },
  "bad-option-value": {
    meaning: "An option that the message can't do without has a value that is not allowed.",
    source: "RFC 8415 §16",
  },
  "unexpected-message-type": {
    meaning: "The DHCPv6 message is of a type that is not for this server: only DHCPV4-QUERY is.",
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
    meaning: "The message passed more relays than RFC 8415 allows.",
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
    meaning: "The DHCPv4 message is shorter than a BOOTP header and its cookie.",
    source: "RFC 2131 §2",
  },
  "dhcpv4-bad-cookie": {
    meaning: "The DHCPv4 message does not have the magic cookie before its options.",
    source: "RFC 2131 §3",
  },
  "dhcpv4-option-overrun": {
    meaning: "A DHCPv4 option says that it is longer than what is left of its field.",
    source: "RFC 2132 §2",
  },
  "bad-frame": {
    meaning: "A frame says that it is longer than what is left of the body.",
    source: "RFC 5460 §5.1",
  },
  "too-many-frames": {
    meaning: "The body has more frames than one POST may have.",
    source: "this server",
  },
} as const satisfies Record<DecodeReason, ReasonText>;

/** What the rules say of a query. */
const ruleReasons = {
  // Messages that are not a query of a 4o6 client.
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
    meaning: "The client sent no client identifier (option 61), which 4o6 clients must.",
    source: "RFC 7618 §6, A11",
  },
  "bad-client-identifier": {
    meaning: "The client identifier is shorter than 2 octets, or longer than an answer has room for.",
    source: "RFC 2132 §9.14",
  },
  "unknown-request-state": {
    meaning: "A DHCPREQUEST names no server, no address of its own and no wanted address.",
    source: "RFC 2131 §4.3.2",
  },
  // Nothing to give to this client.
  "no-domain": {
    meaning: "No domain serves the link or the source address of the client.",
    source: "RFC 7341 §11",
  },
  "shared-pools-only": {
    meaning: "The client does not list option 159, and its domain has shared pools only.",
    source: "RFC 7618 §8.1",
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
    meaning: "The customer site of the client uses as many leases as it may.",
    source: "RFC 7618 §10",
  },
  "holds-shared-lease": {
    meaning: "The client holds a lease of a kind that it no longer asks for; it is kept until it ends.",
    source: "RFC 7618 §8.1, A12",
  },
  // Requests that can't be granted.
  "other-server-chosen": {
    meaning: "The client chose the offer of another server; ours is withdrawn.",
    source: "RFC 2131 §4.3.2",
  },
  "wrong-network": {
    meaning: "The wanted address belongs to no pool of the client's domain.",
    source: "RFC 2131 §4.3.2",
  },
  "pair-not-offered": {
    meaning: "The client requests a pair of address and port set that is not offered to it.",
    source: "RFC 2131 §4.3.2",
  },
  "pair-not-held": {
    meaning: "The client asks to keep a pair of address and port set that is not its lease.",
    source: "RFC 2131 §4.3.2",
  },
  "pool-drained": {
    meaning: "The pool of the lease is drained: its leases went on until a date that has passed.",
    source: "this server",
  },
  "unknown-client": {
    meaning: "The client asks to keep a lease, and there is no record of it; another server may have one.",
    source: "RFC 2131 §4.3.2",
  },
  "shared-lease-without-option-159": {
    meaning:
      "The client asks to keep a shared address but does not list option 159, so it can't be told its ports.",
    source: "RFC 7618 §8, A2",
  },
  "source-changed": {
    meaning: "The client reboots with another IPv6 source address than its lease was given to.",
    source: "RFC 7618 §6, A10",
  },
  "softwire-taken": {
    meaning: "The softwire source address belongs to the running lease of another client.",
    source: "RFC 8539 §8.2",
  },
  // Messages that never have an answer.
  released: { meaning: "The client gave its pair back.", source: "RFC 7618 §8" },
  declined: {
    meaning: "The client can't use a pair; if it is the client's own, it is kept from everyone for a while.",
    source: "RFC 2131 §4.3.3",
  },
  "release-without-lease": {
    meaning: "The client gives back a pair of address and port set that is not its own; nothing changed.",
    source: "RFC 7618 §8",
  },
  "release-overtaken": {
    meaning:
      "The message came late, and would end what its client got or renewed meanwhile; nothing changed.",
    source: "this server",
  },
  // Limits of one batch.
  "batch-rounds-exhausted": {
    meaning:
      "The client sent more different messages at once than one batch serves in order; it will repeat the last.",
    source: "this server",
  },
} as const satisfies Record<string, ReasonText>;

/** The whole list, in the order in which a message meets it. */
export const reasons = { ...decodeReasonTexts, ...ruleReasons } as const;

/** Id of a reason. */
export type Reason = keyof typeof reasons;
