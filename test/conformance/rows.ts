/**
 * The rules of a server and of a relay, one row each: what `npm run conformance` expects a test for. A test proves a row
 * by its id in the test's title, and is to fail when that rule alone is broken (`npm run mutants`).
 *
 * An id is the RFC, its section, and a number. A1 to A17 are questions that the RFCs leave open, with our answer.
 *
 * @module
 */

/** How binding a rule is: as its RFC says, or `policy` where it is a choice of ours. */
export type Level = "MUST" | "MUST NOT" | "SHOULD" | "SHOULD NOT" | "MAY" | "is" | "policy";

/** One rule. */
export interface Row {
  readonly id: string;
  readonly who: "server" | "relay";
  readonly level: Level;
  readonly rule: string;
  /** Why there is nothing to test; such a row is shown, and needs no test. */
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
  ["R7618-5-01", "is", "clients that share an address have port sets without a port in common"],
  ["R7618-5-03", "is", "a client can share when option 55 lists 159, and not because it sends 159"],
  [
    "R7618-5-04",
    "is",
    "a lease is an address and a PSID: ending one does not affect other PSIDs of the address",
  ],
  ["R7618-6-03", "MUST", "an OFFER of a shared address has exactly one option 159, with a usable PSID"],
  ["R7618-6-04", "MAY", "a hint of a size may get a set of that size, and never a malformed one"],
  ["R7618-6-05", "is", "the OFFER travels in a DHCPV4-RESPONSE"],
  [
    "R7618-6-07",
    "is",
    "client identifier, address and PSID identify a lease: no other client gets or extends it",
  ],
  ["R7618-6-08", "MUST", "the ACK has option 159, octet for octet that of the OFFER"],
  ["R7618-6-11", "MUST", "INIT-REBOOT keeps a lease only from the IPv6 source that it was given to"],
  ["R7618-6-13", "MUST", "a DISCOVER from another source gets the client's own pair again"],
  [
    "R7618-7-04",
    "SHOULD",
    "a shared address is never sent without option 159: the client would use all its ports",
  ],
  ["R7618-7-06", "MUST", "RENEW and RELEASE name offset, length and PSID, and all three have to match"],
  ["R7618-8-01", "MUST NOT", "no option 159 to a client whose option 55 does not list it"],
  ["R7618-8-02", "SHOULD", "option 159 in OFFER and ACK when option 55 lists it"],
  ["R7618-8-03", "MUST", "a pool of port sets works as a pool of addresses does"],
  [
    "R7618-8-04",
    "is",
    "an address without a free set is skipped: the next client gets a set of the next address",
  ],
  ["R7618-8-05", "MUST", "the database has address, PSID and client identifier of each lease"],
  ["R7618-8-06", "is", "a DISCOVER that lists 159 is given one address with one PSID"],
  ["R7618-8-07a", "SHOULD", "first choice: the pair that the client has"],
  ["R7618-8-07b", "SHOULD", "second choice: the pair that the client had, if it is still free"],
  ["R7618-8-07c", "SHOULD", "third choice: the pair that the client asks for, when valid and free"],
  ["R7618-8-07d", "SHOULD", "last choice: a new pair of the pool"],
  [
    "R7618-8-08",
    "is",
    "RELEASE ends the lease of this client, address and PSID, or nothing; it has no answer",
  ],
  ["R7618-8-09", "MUST", "address and port set are given in the same message, or neither"],
  ["R7618-8-10", "MUST", "port sets with a reserved port are not leased"],
  ["R7618-8-11", "SHOULD", "the reserved ports are configured"],
  ["R7618-8.1-01", "MAY", "one server serves clients that share and clients that do not"],
  ["R7618-8.1-02", "MUST", "a client that can't share never gets an address that is shared"],
  ["R7618-8.1-03", "MUST", "where all pools are shared, a client that can't share is not answered"],
  ["R7618-8.1-04", "MAY", "a domain may give full addresses to clients that list 159 too"],
  ["R7618-9-01", "is", "option 159 has 4 octets"],
  ["R7618-9-02", "SHOULD", "its first octet is the offset: 0 unless a pool has another"],
  ["R7618-9-03", "is", "its second octet is the length of the PSID; with 0 the PSID is ignored"],
  ["R7618-9-04", "is", "the PSID stands in the leftmost bits; the others are sent as zero, and ignored"],
  ["R7618-9-05", "MUST NOT", "sets with system ports are not leased unless the operator allows it"],
  ["R7618-10-02", "MAY", "a customer site has a limit of leases and offers at a time"],
  [
    "R7618-2-01",
    "SHOULD",
    "only for links where a client cannot impersonate another",
    "about networks: see src/lease/README.md",
  ],
]);

/** RFC 8539: softwire source addresses. */
const softwires = rowsOf("server", [
  ["R8539-5-01", "is", "options 90 and 137 answer an option request, beside option 87, and only then"],
  ["R8539-6.1-01", "MUST NOT", "option 137 is sent once at most"],
  ["R8539-8-01", "MUST", "the softwire address is stored with address and client identifier"],
  ["R8539-8-02", "MUST", "each ACK of a lease that has a softwire address has option 109 with it"],
  ["R8539-8-03", "is", "the binding of a softwire address ends with the lease"],
  ["R8539-8.1-01", "is", "a REQUEST with another option 109 changes the binding of a running lease"],
  ["R8539-8.1-02", "MAY", "changes that come too soon are acknowledged with the old address"],
  ["R8539-8.2-01", "MUST", "an address of another client's running lease is neither stored nor changed to"],
  ["R8539-8.2-02", "is", "a client without a lease that sends such an address gets DHCPNAK"],
  ["R8539-8.2-03", "is", "a client with a lease that sends such an address keeps its binding"],
]);

/** RFC 7341: DHCPv4 over DHCPv6, server side. */
const transport = rowsOf("server", [
  ["R7341-5-01", "MAY", "plain BOOTP may be carried; it is dropped here"],
  ["R7341-6.2-01", "MUST", "a response carries option 87, once"],
  ["R7341-6.2-02", "MUST NOT", "no option that is only about IPv6 in a response"],
  ["R7341-6.3-01", "MUST", "the reserved flags of a query are ignored"],
  ["R7341-6.3-02", "policy", "a query with several options 87 is dropped"],
  ["R7341-6.4-01", "MUST", "all flags of a response are zero"],
  ["R7341-9-01", "policy", "a DHCPv4 message without cookie, BOOTREQUEST, or whole options is dropped"],
  ["R7341-11-01", "MUST", "a query without option 87 is dropped"],
  ["R7341-11-02", "MAY", "malformed messages are counted by reason"],
  ["R7341-11-03", "MAY", "link-address, or the source of a direct query, selects the pools"],
  ["R7341-11-04", "SHOULD", "the U flag distinguishes RENEWING from REBINDING"],
  ["R7341-11-05", "is", "the answer is one option 87 of a DHCPV4-RESPONSE"],
  ["R7341-11-07", "is", "a query in RELAY-FORW is answered in RELAY-REPL"],
  [
    "R7341-11-08",
    "MAY",
    "a 4o6 server may be a DHCPv4 relay instead",
    "not chosen: Apportion decides about leases itself",
  ],
]);

/** RFC 8415 §19.3 and what else a server does to relay messages. */
const relayed = rowsOf("server", [
  ["R8415-13.1-01", "MUST", "the innermost link-address that is not :: locates a client"],
  ["R8415-13.1-02", "policy", "a link-local link-address is skipped"],
  ["R8415-16-01", "MUST NOT", "a message with an unknown option is not dropped"],
  ["R8415-16-02", "MUST", "other message types, a DHCPV4-RESPONSE too, are dropped"],
  ["R8415-16.14-01", "MUST", "a RELAY-REPL is dropped"],
  [
    "R8415-19.3-01",
    "MUST",
    "each level of the answer has hop-count, link-address and peer-address of its query",
  ],
  ["R8415-19.3-02", "MUST", "Interface-Id returns at its own level"],
  ["R8415-19.3-03", "policy", "a RELAY-FORW without exactly one Relay Message is dropped"],
  ["R8415-19.3-04", "is", "nine levels, as many as RFC 8415 allows, are served"],
  ["R8357-5.2-01", "MUST", "option 135 returns at its own level"],
  ["R4994-3-01", "MUST", "options that an Echo Request names return at its level"],
  ["R7969-3.2-01", "is", "an Interface-Id is compared whole, and with the link-address of its relay"],
]);

/** RFC 2131 and what belongs to it. */
const dhcpv4 = rowsOf("server", [
  ["R2131-3-01", "is", "message types that clients do not send to servers are dropped"],
  ["R2131-4.2-01", "MUST", "a client is its option 61, octet for octet, whatever its hardware address"],
  ["R4361-6-01", "is", "equal DUIDs with different IAIDs are two clients"],
  ["R2131-4.3.1-01", "SHOULD", "a DISCOVER that is repeated gets the same offer"],
  ["R2131-4.3.1-02", "SHOULD NOT", "an offered pair is not offered to others while it is held"],
  ["R2131-4.3.1-03", "SHOULD", "an offer that was not accepted can go to another client"],
  ["R2131-4.3.1-04", "is", "without a free pair, a DISCOVER has no answer"],
  [
    "R2131-4.3.1-05",
    "is",
    "the lease time is the requested time within bounds, the remaining time, or the default",
  ],
  [
    "R2131-4.3.2-01",
    "is",
    "the state of a REQUEST follows from option 54, ciaddr and U, option 50, in this order",
  ],
  ["R2131-4.3.2-02", "is", "SELECTING of another server has no answer, and frees our offer"],
  ["R2131-4.3.2-03", "MUST", "a lease is committed before its ACK leaves"],
  ["R2131-4.3.2-04", "SHOULD", "SELECTING that can't be satisfied gets DHCPNAK"],
  ["R2131-4.3.2-05", "SHOULD", "INIT-REBOOT on the wrong network gets DHCPNAK, an unknown client too"],
  ["R2131-4.3.2-06", "MUST", "INIT-REBOOT of an unknown client has no answer"],
  ["R2131-4.3.2-07", "SHOULD", "INIT-REBOOT with another pair than the record's gets DHCPNAK"],
  ["R2131-4.3.2-08", "is", "INIT-REBOOT that matches its record gets DHCPACK"],
  ["R2131-4.3.2-09", "policy", "INIT-REBOOT of an ended lease whose pair is still free gets it again"],
  ["R2131-4.3.2-10", "is", "RENEWING that matches gets DHCPACK and is extended"],
  ["R2131-4.3.2-11", "is", "REBINDING that matches gets DHCPACK and is extended"],
  ["R2131-4.3.2-12", "policy", "RENEWING or REBINDING of a known client with another pair gets DHCPNAK"],
  ["R2131-4.3.2-13", "policy", "RENEWING or REBINDING of a pair that another client holds gets DHCPNAK"],
  [
    "R2131-4.3.2-14",
    "is",
    "REBINDING of an unknown client has no answer; RENEWING as the domain is configured",
  ],
  ["R2131-4.3.3-01", "MUST", "a declined pair is quarantined and logged for the operator; no answer"],
  ["R2131-4.3.4-01", "is", "RELEASE frees the pair and remembers the client; no answer"],
  ["R2131-4.3.5-01", "MUST NOT", "the ACK of an INFORM has no yiaddr and no lease time, whatever is leased"],
  ["R2131-4.4.5-01", "MUST", "T1 < T2 < lease time: a half and seven eighths of it"],
  ["R2131-4.3.1-T3-01", "is", "op 2; htype, hlen, xid as in the query; hops and secs 0"],
  ["R2131-4.3.1-T3-02", "is", "ciaddr as in a REQUEST in an ACK, else 0"],
  ["R2131-4.3.1-T3-03", "is", "yiaddr in OFFER and ACK, 0 in NAK and for INFORM"],
  ["R2131-4.3.1-T3-04", "is", "flags, giaddr and chaddr as in the query"],
  ["R2131-4.3.1-T3-05", "MUST NOT", "options 50, 55 and 57 never return"],
  ["R2131-4.3.1-T3-06", "MUST", "lease time in OFFER and ACK, and in nothing else"],
  ["R2131-4.3.1-T3-07", "MUST", "options 53 and 54 in every answer"],
  ["R2131-4.3.1-T3-08", "SHOULD", "option 56 in a NAK contains the reason"],
  ["R2131-4.3.1-T3-09", "MUST NOT", "a NAK has options 53, 54, 56 and 61 only"],
  ["R6842-3-01", "MUST", "option 61 returns unaltered in OFFER, ACK and NAK"],
  ["R6842-3-02", "MUST NOT", "no option 61 to a client that sent none"],
  ["R2132-9.8-01", "MUST", "listed options come in the client's order, each once"],
  ["R2132-9.8-02", "is", "options that a client does not list are not sent"],
  ["R2132-9.10-01", "MUST", "an answer has 548 octets at most, or as many as option 57 allows"],
  ["R2132-9.3-01", "is", "option 52: options in file and sname are read, in this order"],
  ["R3396-7-01", "MUST", "several options of one code are one, joined in their order"],
  ["R951-3-01", "policy", "answers are padded to 300 octets; shorter queries are served"],
  [
    "R4039-3.1-01",
    "MUST",
    "with rapid commit, a DISCOVER with option 80 gets a committed ACK with option 80",
  ],
  ["R4039-3.1-02", "MUST NOT", "option 80 is in no other answer, and off by default"],
  ["R8925-3.3-01", "MUST NOT", "option 108 goes only to clients that list it, and rules out rapid commit"],
  ["R8910-2-01", "is", "option 114 goes to clients that list it"],
]);

/** RFC 8415 §19 and RFC 7341 §10: the relay. */
const relay = rowsOf("relay", [
  [
    "R7341-10-01",
    "MUST",
    "message types that a relay does not know are forwarded like any other, where a list is set",
  ],
  ["R7341-10-02", "MAY", "DHCPV4-QUERY has destinations of its own: the allocators"],
  [
    "R7341-10-03",
    "policy",
    "the destination of a RELAY-FORW depends on its content, unless configured otherwise",
  ],
  ["R7341-11-06", "MUST", "answers are unicast to the query's source, from where the query arrived"],
  ["R8415-7.2-01", "MUST", "answers go to port 546 of clients and 547 of relays"],
  ["R8415-16-01", "MUST NOT", "a message with an unknown option is not dropped"],
  ["R8415-19-01", "SHOULD", "the servers for other message types are configured, as unicast addresses"],
  ["R8415-19-02", "policy", "nothing is sent to servers by multicast, so that no Hop Limit matters"],
  ["R8415-19-03", "MUST", "any type except RELAY-FORW and RELAY-REPL is treated as a client's message"],
  ["R8415-19-04", "policy", "runts, and messages that only servers send, are dropped and counted by reason"],
  ["R8415-19.1-01", "is", "peer-address is the source; the message is enclosed unchanged"],
  ["R8415-19.1.1-01", "is", "for a client: hop-count 0, link-address of its link"],
  ["R8415-19.1.1-02", "MUST", "Interface-Id contains the destination of the answer"],
  ["R8415-19.1.2-01", "MUST", "a RELAY-FORW with hop-count 8 or more is dropped"],
  ["R8415-19.1.2-02", "is", "for a relay: hop-count one more, link-address :: if its source is global"],
  ["R8415-19.2-01", "MUST NOT", "the content of a RELAY-REPL is forwarded unmodified"],
  ["R8415-19.2-02", "MUST", "whatever its type"],
  ["R8415-19.4-01", "MUST NOT", "nothing within option 9 is changed, and no state is kept"],
  ["R8357-5.1-01", "MUST", "a relay at another port gets its answers there: option 135"],
]);

/** What the RFCs leave open, and our answer. */
const ambiguities = rowsOf("server", [
  [
    "A1",
    "policy",
    "the discard of R7618-8.1-03 is for DISCOVER, REQUEST and INFORM, never RELEASE or DECLINE",
  ],
  ["A2", "policy", "RENEW or REBIND of a shared lease without 159 in option 55 has no answer"],
  ["A3", "policy", "SELECTING without option 159 gets DHCPNAK; a lenient domain binds the offered pair"],
  ["A4", "policy", "RELEASE without option 159 ends a full lease only"],
  ["A5", "policy", "another offset or length is another port set: NAK for RENEW, nothing for RELEASE"],
  ["A6", "policy", "a hint of PSID-length 0 is no hint"],
  ["A7", "policy", "option 159 with PSID 0 and no option 50 is a size, not PSID 0"],
  ["A8", "policy", "option 50 without 159 is any set of that address, if there is one"],
  ["A9", "policy", "all sets of an address have one offset and length: another size needs another pool"],
  ["A10", "policy", "INIT-REBOOT from another source gets DHCPNAK, unless the domain allows it"],
  [
    "A11",
    "policy",
    "without option 61 there is no service; a domain may serve full addresses by hardware address",
  ],
  [
    "A12",
    "policy",
    "a client with a shared lease that no longer lists 159 is not offered it; the lease stays",
  ],
  ["A13", "policy", "a site is what the domain's siteBy says, read from believed relay levels"],
  ["A14", "policy", "DECLINE is about the client's own pair of that address only"],
  ["A15", "policy", "no option 159 in a NAK"],
  ["A16", "policy", "a full address has no option 159"],
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
