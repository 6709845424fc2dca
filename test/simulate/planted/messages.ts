/**
 * Bugs by which clients do not get what their messages ask for, although no row is wrong.
 *
 * @module
 */
import type { PlantedBug } from "./bug.ts";

const decision = "src/lease/decision.ts";
const end = "src/lease/end.ts";
const peers = "relay/sockets/peers.ts";
const response = "src/lease/response.ts";

export const messageBugs: readonly PlantedBug[] = [
  {
    name: "release-is-not-obeyed",
    promise: "a message that gives a pair up is obeyed",
    file: end,
    search: 'return claimed(endClaim(query, domain, onlySlot(slot), "released", domain.quarantineSeconds));',
    replacement: 'return silence("release-without-lease");',
  },
  {
    name: "decline-is-not-obeyed",
    promise: "a message that gives a pair up is obeyed",
    file: end,
    search: 'return claimed(endClaim(query, domain, slots, "declined", domain.declineSeconds));',
    replacement: 'return silence("release-without-lease");',
  },
  {
    name: "rebinding-is-not-answered",
    promise: "a client that extends its lease is answered",
    file: "src/lease/request.ts",
    search: "  if (message.ciaddr !== 0)\n",
    replacement:
      '  if (message.ciaddr !== 0 && !unicast) return silence("other-server-chosen");\n  if (message.ciaddr !== 0)\n',
  },
  {
    name: "messages-of-later-rounds-are-lost",
    promise: "each message has a decision",
    file: "src/allocator/pipeline.ts",
    search: "waiting = turns.next(entries, [...served.unserved, ...later]);",
    replacement: "waiting = turns.next(entries, served.unserved);",
  },
  {
    name: "softwire-address-differs-in-a-bit",
    promise: "a lease has the softwire address that its client asked for",
    file: decision,
    search: "softwireForbidden ? null : encodeHex(softwire),",
    replacement: "softwireForbidden ? null : encodeHex(softwire.with(15, softwire[15]! ^ 1)),",
  },
  {
    name: "source-is-a-prefix",
    promise: "a lease has the source of its client",
    file: decision,
    search: "source: query.source,",
    replacement: "source: query.source.with(15, 0),",
  },
  {
    name: "offer-is-held-for-a-tenth",
    promise: "an offer is held as configured",
    file: "src/lease/discover.ts",
    search: "offerHoldSeconds: domain.offerHoldSeconds,",
    replacement: "offerHoldSeconds: Math.ceil(domain.offerHoldSeconds / 10),",
  },
  {
    name: "rapid-commit-everywhere",
    promise: "RFC 4039 only where it is configured",
    file: "src/lease/discover.ts",
    search: "if (!query.rapidCommit || !domain.rapidCommit) return false;",
    replacement: "if (!query.rapidCommit) return false;",
  },
  {
    name: "answers-without-option-61",
    promise: "RFC 6842 an answer names its client",
    file: response,
    search: "if (clientIdentifier !== undefined) options.set(OptionCode.clientIdentifier, clientIdentifier);",
    replacement: "",
  },
  {
    name: "renewal-after-a-second",
    promise: "R9 T1 is about a half of the lease time",
    file: response,
    search: "encodeSeconds(times.renewalSeconds)",
    replacement: "encodeSeconds(1)",
  },
  {
    name: "answers-without-t1-and-t2",
    promise: "R9 a lease has T1 and T2",
    file: "src/lease/renewal-times.ts",
    search: "  if (leaseSeconds < renewalTimesLeaseSecondsMin",
    replacement: "  if (leaseSeconds < 1e9 || leaseSeconds < renewalTimesLeaseSecondsMin",
  },
  {
    name: "answers-go-to-a-neighbour",
    promise: "an answer goes to whoever asked",
    file: peers,
    search: "const known = this.#known.get(text);",
    replacement: 'const known = this.#known.get(text.slice(0, text.lastIndexOf(":")));',
    further: {
      file: peers,
      search: "this.#known.set(text, peer);",
      replacement: 'this.#known.set(text.slice(0, text.lastIndexOf(":")), peer);',
    },
  },
  {
    name: "queue-counts-octets-that-left-it",
    promise: "an empty queue has no octets",
    file: "relay/uplink/frame-ring.ts",
    search: "    this.#octets -= frame.length;\n",
    replacement: "",
  },
  {
    name: "moved-client-gets-no-pair",
    promise: "a client that moves has one of its two pairs",
    needs: "a rule for the target of a move",
    file: "src/store/database/moves.ts",
    search: "SELECT 1, ${goal.slot}, ${own.domainId}, ${own.clientId}, ${own.line},",
    replacement:
      "SELECT 1, ${goal.slot}, ${own.domainId}, iif(l.selects, ${own.clientId}, NULL), ${own.line},",
  },
];
