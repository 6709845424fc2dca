/**
 * The rules that a server or a relay must keep, one row each. `npm run conformance` expects a test for every row. A test
 * proves a row if its title has the row's id, and it must fail when only that rule is broken (`npm run mutants`).
 *
 * An id consists of the RFC, the section and a number. A1 to A17 are questions that the RFCs leave open, with our answers.
 *
 * @module
 */

/** How binding a rule is: the word of its RFC, or `policy` if it is our own choice. */
export type Level = "MUST" | "MUST NOT" | "SHOULD" | "SHOULD NOT" | "MAY" | "is" | "policy";

/** One rule. */
export interface Row {
  readonly id: string;
  readonly who: "server" | "relay";
  readonly level: Level;
  readonly rule: string;
  /** Why there is nothing to test. Such a row is listed but needs no test. */
  readonly untested?: string;
}

type Line = readonly [id: string, level: Level, rule: string, untested?: string];

const rowsOf = (who: Row["who"], lines: readonly Line[]): Row[] =>
  lines.map(([id, level, rule, untested]) => ({
    id,
    who,
    level,
    rule,
    ...(untested !== undefined && { untested }),
  }));

/** RFC 7618: shared addresses. */
const sharedAddresses = rowsOf("server", [
  ["R7618-5-01", "is", "clients that share an address have disjoint port sets"],
  [
    "R7618-5-03",
    "is",
    "a client can share an address if its option 55 lists 159; sending option 159 is not enough",
  ],
  ["R7618-5-04", "is", "a lease is an address and a PSID: ending one does not end the others of its address"],
  ["R7618-6-03", "MUST", "an OFFER of a shared address has exactly one option 159, with a usable PSID"],
  ["R7618-6-04", "MAY", "a size hint may get a port set of that size, and never gets a malformed one"],
  ["R7618-6-05", "is", "the OFFER is sent in a DHCPV4-RESPONSE"],
  [
    "R7618-6-07",
    "is",
    "client identifier, address and PSID identify a lease: no other client gets or extends it",
  ],
  ["R7618-6-08", "MUST", "the ACK repeats option 159 of the OFFER, octet for octet"],
  ["R7618-6-11", "MUST", "INIT-REBOOT keeps a lease only from the IPv6 source that the lease was given to"],
  ["R7618-6-13", "MUST", "a DISCOVER from another source is offered the client's own pair again"],
  [
    "R7618-7-04",
    "SHOULD",
    "a shared address is never sent without option 159: the client would use all its ports",
  ],
  ["R7618-7-06", "MUST", "RENEW and RELEASE carry offset, length and PSID, and all three must match"],
  ["R7618-8-01", "MUST NOT", "option 159 is not sent to a client whose option 55 does not list it"],
  ["R7618-8-02", "SHOULD", "OFFER and ACK have option 159 when option 55 lists it"],
  ["R7618-8-03", "MUST", "a pool of addresses and port sets works like a pool of addresses"],
  [
    "R7618-8-04",
    "is",
    "when all port sets of an address are in use, the next client gets one of the next address",
  ],
  ["R7618-8-05", "MUST", "the database stores address, PSID and client identifier of each lease"],
  ["R7618-8-06", "is", "a DISCOVER that lists 159 is offered one address with one PSID"],
  ["R7618-8-07a", "SHOULD", "first choice: the pair that the client has now"],
  [
    "R7618-8-07b",
    "SHOULD",
    "second choice: the pair that the client had last, unless another client has taken it",
  ],
  ["R7618-8-07c", "SHOULD", "third choice: the pair that the client requests, if it is valid and free"],
  ["R7618-8-07d", "SHOULD", "last choice: a new pair from the pool"],
  [
    "R7618-8-08",
    "is",
    "RELEASE ends the lease of this client, address and PSID, or nothing; it gets no answer",
  ],
  ["R7618-8-09", "MUST", "address and port set are sent in the same message, or neither is sent"],
  ["R7618-8-10", "MUST", "port sets that contain a reserved port are not leased"],
  ["R7618-8-11", "SHOULD", "the operator configures which ports are reserved"],
  ["R7618-8.1-01", "MAY", "one server serves clients that can share and clients that can't"],
  ["R7618-8.1-02", "MUST", "a client that can't share never gets a shared address"],
  ["R7618-8.1-03", "MUST", "if all pools are shared, a client that can't share gets no answer"],
  ["R7618-8.1-04", "MAY", "a domain may also give full addresses to clients that list 159"],
  ["R7618-9-01", "is", "option 159 has 4 octets"],
  ["R7618-9-02", "SHOULD", "its first octet is the PSID offset: 0 unless the pool has another"],
  ["R7618-9-03", "is", "its second octet is the PSID length; if it is 0, the PSID is ignored"],
  [
    "R7618-9-04",
    "is",
    "the PSID is in the leftmost bits; the other bits are sent as zero and ignored when received",
  ],
  ["R7618-9-05", "MUST NOT", "port sets with system ports are not leased unless the operator allows it"],
  ["R7618-10-02", "MAY", "the leases and offers that a customer site has at a time may be limited"],
  [
    "R7618-2-01",
    "SHOULD",
    "only for links on which a client can't impersonate another",
    "a rule for networks, not for software: see src/lease/README.md",
  ],
]);

/** RFC 8539: softwire source addresses. */
const softwires = rowsOf("server", [
  [
    "R8539-5-01",
    "is",
    "options 90 and 137 are sent next to option 87, and only to a client that requests them",
  ],
  ["R8539-6.1-01", "MUST NOT", "option 137 is not sent more than once"],
  ["R8539-8-01", "MUST", "the softwire address is stored with address and client identifier"],
  ["R8539-8-02", "MUST", "every ACK of a lease with a softwire address has that address in option 109"],
  ["R8539-8-03", "is", "the binding of a softwire address ends with its lease"],
  ["R8539-8.1-01", "is", "a REQUEST with a different option 109 changes the binding of a running lease"],
  ["R8539-8.1-02", "MAY", "a change that comes too soon is acknowledged with the stored address"],
  ["R8539-8.2-01", "MUST", "a softwire address of another client's running lease is not stored"],
  ["R8539-8.2-02", "is", "a client without a lease that sends such an address gets DHCPNAK"],
  ["R8539-8.2-03", "is", "a client with a lease that sends such an address keeps its binding"],
]);

/** RFC 7341: DHCPv4 over DHCPv6, server side. */
const transport = rowsOf("server", [
  ["R7341-5-01", "MAY", "plain BOOTP may be carried; this server drops it"],
  ["R7341-6.2-01", "MUST", "a response has exactly one option 87"],
  ["R7341-6.2-02", "MUST NOT", "a response has no option that concerns only IPv6"],
  ["R7341-6.3-01", "MUST", "the reserved flags of a query are ignored"],
  ["R7341-6.3-02", "policy", "a query with more than one option 87 is dropped"],
  ["R7341-6.4-01", "MUST", "all flags of a response are zero"],
  [
    "R7341-9-01",
    "policy",
    "a DHCPv4 message without magic cookie, with truncated options, or other than BOOTREQUEST is dropped",
  ],
  ["R7341-11-01", "MUST", "a query without option 87 is dropped"],
  ["R7341-11-02", "MAY", "malformed messages are counted by reason"],
  ["R7341-11-03", "MAY", "link-address, or the source of a direct query, selects the pools"],
  ["R7341-11-04", "SHOULD", "the U flag distinguishes RENEWING from REBINDING"],
  ["R7341-11-05", "is", "the answer is one option 87 in a DHCPV4-RESPONSE"],
  ["R7341-11-07", "is", "a query in a RELAY-FORW is answered in a RELAY-REPL"],
  [
    "R7341-11-08",
    "MAY",
    "a 4o6 server may act as a DHCPv4 relay instead",
    "not implemented: Apportion leases addresses itself",
  ],
]);

/** RFC 8415 §19.3, and other rules for how a server answers relay messages. */
const relayed = rowsOf("server", [
  ["R8415-13.1-01", "MUST", "the innermost link-address other than :: determines the link of the client"],
  ["R8415-13.1-02", "policy", "a link-local link-address is skipped"],
  ["R8415-16-01", "MUST NOT", "a message is not dropped because of an unknown option"],
  ["R8415-16-02", "MUST", "other message types, including DHCPV4-RESPONSE, are dropped"],
  ["R8415-16.14-01", "MUST", "a RELAY-REPL is dropped"],
  [
    "R8415-19.3-01",
    "MUST",
    "each level of the answer has the hop-count, link-address and peer-address of the query's level",
  ],
  ["R8415-19.3-02", "MUST", "Interface-Id is returned at its own level"],
  ["R8415-19.3-03", "policy", "a RELAY-FORW without exactly one Relay Message is dropped"],
  ["R8415-19.3-04", "is", "nine levels, as many as RFC 8415 allows, are served"],
  ["R8357-5.2-01", "MUST", "option 135 is returned at its own level"],
  ["R4994-3-01", "MUST", "options that an Echo Request lists are returned at its level"],
  [
    "R7969-3.2-01",
    "is",
    "an Interface-Id is compared octet for octet, together with the link-address of its relay",
  ],
]);

/** RFC 2131 and the RFCs that extend it. */
const dhcpv4 = rowsOf("server", [
  ["R2131-3-01", "is", "message types that clients do not send to servers are dropped"],
  ["R2131-4.2-01", "MUST", "option 61 identifies a client, octet for octet, whatever its hardware address"],
  ["R4361-6-01", "is", "equal DUIDs with different IAIDs are two clients"],
  ["R2131-4.3.1-01", "SHOULD", "a repeated DISCOVER gets the same offer"],
  ["R2131-4.3.1-02", "SHOULD NOT", "an offered pair is not offered to other clients while it is held"],
  ["R2131-4.3.1-03", "SHOULD", "a pair whose offer expired can be given to another client"],
  ["R2131-4.3.1-04", "is", "a DISCOVER gets no answer if no pair is available"],
  [
    "R2131-4.3.1-05",
    "is",
    "the lease time is the requested time within bounds, else the remaining time, else the default",
  ],
  [
    "R2131-4.3.2-01",
    "is",
    "the state of a REQUEST follows from option 54, ciaddr and U, option 50, in this order",
  ],
  ["R2131-4.3.2-02", "is", "SELECTING of another server gets no answer and frees our offer"],
  ["R2131-4.3.2-03", "MUST", "a lease is committed before its ACK is sent"],
  ["R2131-4.3.2-04", "SHOULD", "SELECTING that can't be satisfied gets DHCPNAK"],
  ["R2131-4.3.2-05", "SHOULD", "INIT-REBOOT on the wrong network gets DHCPNAK, even from an unknown client"],
  ["R2131-4.3.2-06", "MUST", "INIT-REBOOT of an unknown client gets no answer"],
  ["R2131-4.3.2-07", "SHOULD", "INIT-REBOOT with a pair other than the recorded one gets DHCPNAK"],
  ["R2131-4.3.2-08", "is", "INIT-REBOOT with the recorded pair gets DHCPACK"],
  [
    "R2131-4.3.2-09",
    "policy",
    "INIT-REBOOT with the pair of an ended lease gets it again unless another client has taken it",
  ],
  ["R2131-4.3.2-10", "is", "RENEWING with the leased pair gets DHCPACK and extends the lease"],
  ["R2131-4.3.2-11", "is", "REBINDING with the leased pair gets DHCPACK and extends the lease"],
  ["R2131-4.3.2-12", "policy", "RENEWING or REBINDING of a known client with another pair gets DHCPNAK"],
  ["R2131-4.3.2-13", "policy", "RENEWING or REBINDING of a pair that another client holds gets DHCPNAK"],
  ["R2131-4.3.2-15", "MUST", "a NAK to a query with giaddr has the broadcast bit"],
  ["R2131-4.3.2-14", "is", "REBINDING of an unknown client gets no answer; for RENEWING the domain decides"],
  [
    "R2131-4.3.3-01",
    "MUST",
    "a declined pair is kept from every client, and the operator is warned; there is no answer",
  ],
  ["R2131-4.3.4-01", "is", "RELEASE frees the pair and remembers the client; there is no answer"],
  [
    "R2131-4.3.5-01",
    "MUST NOT",
    "the ACK of an INFORM has no yiaddr and no lease time, even if the client has a lease",
  ],
  [
    "R2131-4.4.5-01",
    "MUST",
    "T1 < T2 < lease time: T1 is 0.45 to 0.5 of it and T2 0.85 to 0.875; a lease under 60 s has neither",
  ],
  ["R2131-4.4.5-02", "SHOULD", "T1 and T2 differ between clients, so that renewals do not stay in step"],
  ["R2131-4.3.1-T3-01", "is", "op is 2; htype, hlen and xid are those of the query; hops and secs are 0"],
  ["R2131-4.3.1-T3-02", "is", "ciaddr of an ACK is that of the query; in other answers it is 0"],
  ["R2131-4.3.1-T3-03", "is", "yiaddr is the leased address in OFFER and ACK, and 0 in NAK and for INFORM"],
  ["R2131-4.3.1-T3-04", "is", "flags, giaddr and chaddr are those of the query, except as in R2131-4.3.2-15"],
  ["R2131-4.3.1-T3-05", "MUST NOT", "options 50, 55 and 57 are never returned"],
  ["R2131-4.3.1-T3-06", "MUST", "OFFER and ACK have a lease time; a NAK and the ACK of an INFORM have none"],
  ["R2131-4.3.1-T3-07", "MUST", "every answer has options 53 and 54"],
  ["R2131-4.3.1-T3-08", "SHOULD", "option 56 of a NAK states why"],
  ["R2131-4.3.1-T3-09", "MUST NOT", "a NAK has no options other than 53, 54, 56 and 61"],
  ["R6842-3-01", "MUST", "option 61 is returned unaltered in OFFER, ACK and NAK"],
  ["R6842-3-02", "MUST NOT", "option 61 is not sent to a client that sent none"],
  ["R2132-3.3-01", "MUST", "the subnet mask precedes the routers, whatever the client's order"],
  ["R2132-9.8-01", "MUST", "the options that the client lists are sent in its order, each once"],
  ["R2132-9.8-02", "is", "a configured option that the client does not list is not sent"],
  ["R2132-9.10-01", "MUST", "an answer has at most 548 octets, or as many as option 57 allows"],
  ["R2132-9.3-01", "is", "with option 52, the options in file and sname are decoded, in this order"],
  ["R3396-7-01", "MUST", "several options with one code are one option, concatenated in their order"],
  ["R951-3-01", "policy", "answers are padded to 300 octets; shorter queries are served"],
  [
    "R4039-3.1-01",
    "MUST",
    "with rapid commit, a DISCOVER with option 80 gets a committed ACK with option 80",
  ],
  ["R4039-3.1-02", "MUST NOT", "option 80 is in no other answer, and rapid commit is off by default"],
  ["R8925-3.3-01", "MUST NOT", "option 108 is sent only to clients that list it, and rules out rapid commit"],
  ["R8910-2-01", "is", "option 114 is sent to clients that list it"],
]);

/** RFC 8415 §19 and RFC 7341 §10: the relay. */
const relay = rowsOf("relay", [
  [
    "R7341-10-01",
    "MUST",
    "unknown message types are forwarded like any other if a list of servers is configured",
  ],
  ["R7341-10-02", "MAY", "DHCPV4-QUERY has its own destinations: the allocators"],
  ["R7341-10-03", "policy", "a RELAY-FORW is routed by the message in it, or unexamined if so configured"],
  [
    "R7341-11-06",
    "MUST",
    "answers are unicast to the source of the query, from the listener that received it",
  ],
  ["R8415-7.2-01", "MUST", "answers go to port 546 of clients and 547 of relays"],
  ["R8415-16-01", "MUST NOT", "a message is not dropped because of an unknown option"],
  ["R8415-19-01", "SHOULD", "the servers for other message types are configured, as unicast addresses"],
  ["R8415-19-02", "policy", "nothing is sent to servers by multicast, so Hop Limit does not matter"],
  ["R8415-19-03", "MUST", "every type except RELAY-FORW and RELAY-REPL is treated as a client's message"],
  [
    "R8415-19-04",
    "policy",
    "truncated messages, and types that only servers send, are dropped and counted by reason",
  ],
  ["R8415-19.1-01", "is", "peer-address is the source of the datagram; the message is enclosed unchanged"],
  ["R8415-19.1.1-01", "is", "for a client: hop-count is 0, link-address is that of its link"],
  ["R8415-19.1.1-02", "MUST", "Interface-Id records where the answer goes"],
  ["R8415-19.1.2-01", "MUST", "a RELAY-FORW with hop-count 8 or more is dropped"],
  ["R8415-19.1.2-02", "is", "for a relay: hop-count is one more, link-address is :: if its source is global"],
  ["R8415-19.2-01", "MUST NOT", "the content of a RELAY-REPL is not modified before it is sent on"],
  ["R8415-19.2-02", "MUST", "the content of a RELAY-REPL is sent on whatever its type"],
  ["R8415-19.4-01", "MUST NOT", "the content of option 9 is not changed, and no state is kept"],
  ["R8357-5.1-01", "MUST", "a relay that uses another port gets its answers there: option 135"],
]);

/** Questions that the RFCs leave open, with our answers. */
const ambiguities = rowsOf("server", [
  ["A1", "policy", "R7618-8.1-03 drops DISCOVER, REQUEST and INFORM, never RELEASE or DECLINE"],
  ["A2", "policy", "RENEW or REBIND of a shared lease gets no answer if option 55 does not list 159"],
  [
    "A3",
    "policy",
    "SELECTING without option 159 gets DHCPNAK; a lenient domain assumes the offered port set",
  ],
  ["A4", "policy", "RELEASE without option 159 ends a full lease only"],
  [
    "A5",
    "policy",
    "another offset or length is another port set: RENEW gets DHCPNAK, RELEASE changes nothing",
  ],
  ["A6", "policy", "option 159 with PSID length 0 is not a hint"],
  ["A7", "policy", "option 159 with PSID 0 and without option 50 requests a size, not PSID 0"],
  ["A8", "policy", "option 50 without 159 requests any free port set of that address"],
  [
    "A9",
    "policy",
    "all port sets of an address have the same offset and length; another size needs another pool",
  ],
  ["A10", "policy", "INIT-REBOOT from another source gets DHCPNAK, unless the domain allows it"],
  [
    "A11",
    "policy",
    "a client without option 61 is not served; a domain may give full addresses by hardware address",
  ],
  [
    "A12",
    "policy",
    "a client that no longer lists 159 gets no offer while it has a shared lease; the lease stays",
  ],
  ["A13", "policy", "a site is identified as the domain's siteBy says, from believed relay levels only"],
  ["A14", "policy", "DECLINE affects only the client's own pair of that address"],
  ["A15", "policy", "a NAK has no option 159"],
  ["A16", "policy", "a full address is sent without option 159"],
  ["A17", "policy", "the ACK of an INFORM has no option 159"],
]);

/** All rows. */
export const rows: readonly Row[] = [
  ...sharedAddresses,
  ...softwires,
  ...transport,
  ...relayed,
  ...dhcpv4,
  ...relay,
  ...ambiguities,
];
