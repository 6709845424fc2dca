/**
 * Bugs in what clients are told: pairs, ports, times and refusals.
 *
 * @module
 */
import type { PlantedBug } from "./bug.ts";

const response = "src/lease/response.ts";

export const answerBugs: readonly PlantedBug[] = [
  {
    name: "some-answers-cannot-be-encoded",
    promise: "nothing that a client asks for is an internal error",
    file: response,
    search:
      '  const dhcpv4 = encodeWithin(replyMessage(query, domain, reply), octetsMax, reply.kind !== "nak");',
    replacement: [
      '  if (reply.kind === "ack" && query.message.xid % 64 === 0) throw new Error("planted");',
      '  const dhcpv4 = encodeWithin(replyMessage(query, domain, reply), octetsMax, reply.kind !== "nak");',
    ].join("\n"),
  },
  {
    name: "ports-of-the-neighbour",
    promise: "an answer names the ports of its row",
    file: "src/lease/domain.ts",
    search: "pair: { address, portSet: { psidOffset, psidLength, psid } } };",
    replacement: "pair: { address, portSet: { psidOffset, psidLength, psid: psid ^ 1 } } };",
  },
  {
    name: "lease-time-a-minute-too-long",
    promise: "no client is told a later end than its row has",
    file: response,
    search: "options.set(OptionCode.leaseTime, encodeSeconds(leaseSeconds));",
    replacement: "options.set(OptionCode.leaseTime, encodeSeconds(leaseSeconds + 60));",
  },
  {
    name: "lease-time-a-second-too-long",
    promise: "no client is told a later end than its row has",
    file: response,
    search: "options.set(OptionCode.leaseTime, encodeSeconds(leaseSeconds));",
    replacement: "options.set(OptionCode.leaseTime, encodeSeconds(leaseSeconds + 1));",
  },
  {
    name: "ack-of-the-requested-time",
    promise: "R3 an ACK tells the time that is left",
    file: "src/lease/decision.ts",
    search:
      "leaseSeconds: secondsBeforeDrain(Math.min(remainingSeconds, statedSeconds ?? granted), pool, now),",
    replacement: "leaseSeconds: secondsBeforeDrain(Math.max(granted, remainingSeconds), pool, now),",
  },
  {
    name: "softwire-of-the-message-acknowledged",
    promise: "an ACK tells the softwire address of its row",
    file: "src/lease/request.ts",
    search: "const { leaseSeconds, softwire } = runningTerms(held, claim.lease, { domain, pool, now });",
    replacement:
      "const { leaseSeconds } = runningTerms(held, claim.lease, { domain, pool, now });\n  const { softwire } = claim.lease;",
  },
  {
    name: "rebinding-is-refused",
    promise: "a client that renews its lease in time is not refused",
    file: "src/lease/request.ts",
    search: 'return claimed(bindClaim(query, domain, onlySlot(slot), "lease", sourceMustMatch));',
    replacement:
      'return state === "rebinding" ? nak("pair-not-held") : claimed(bindClaim(query, domain, onlySlot(slot), "lease", sourceMustMatch));',
  },
  {
    name: "offer-held-for-too-long",
    promise: "an offer is held for offerHoldSeconds",
    file: "src/lease/discover.ts",
    search: "offerHoldSeconds: domain.offerHoldSeconds,",
    replacement: "offerHoldSeconds: domain.offerHoldSeconds * 2,",
  },
  {
    name: "quarantine-is-forgotten",
    promise: "no pair is assigned before its quarantine ends",
    file: "src/lease/decision.ts",
    search: "quarantineSeconds: domain.quarantineSeconds,",
    replacement: "quarantineSeconds: domain.quarantineSeconds === 1 ? 1 : 0,",
  },
  {
    name: "slot-of-a-pair-miscounted",
    promise: "a pair is one slot, and a slot one pair",
    file: "src/portset/pool-geometry.ts",
    search: "return first + psidIndex * step;",
    replacement: "return first + (psidIndex === 0 ? 0 : psidIndex - 1) * step;",
  },
  {
    name: "answers-go-to-the-neighbour",
    promise: "an answer goes to the client that asked",
    file: "relay/messages/envelope.ts",
    search: "address: formatPeer({ address: peerAddress, zone: interfaceId.zone }),",
    replacement:
      "address: formatPeer({ address: peerAddress.with(15, peerAddress[15]! ^ (payload.at(-1)! & 1)), zone: interfaceId.zone }),",
  },
  {
    name: "renewal-time-too-late",
    promise: "R2131-4.4.5-01 a client renews its lease before it ends",
    file: response,
    search: "options.set(OptionCode.renewalTime, encodeSeconds(times.renewalSeconds));",
    replacement: "options.set(OptionCode.renewalTime, encodeSeconds(times.renewalSeconds * 3));",
  },
  {
    name: "ack-of-half-the-time",
    promise: "R3 an ACK tells the time that is left",
    file: "src/lease/decision.ts",
    search:
      "leaseSeconds: secondsBeforeDrain(Math.min(remainingSeconds, statedSeconds ?? granted), pool, now),",
    replacement:
      "leaseSeconds: secondsBeforeDrain(Math.ceil(Math.min(remainingSeconds, statedSeconds ?? granted) / 2), pool, now),",
  },
  {
    name: "answer-of-another-server",
    promise: "R2131-4.3.1-T3-01 an answer names the server of its domain",
    file: response,
    search: "options.set(OptionCode.serverIdentifier, encodeAddress(domain.serverIdentifier));",
    replacement:
      "options.set(OptionCode.serverIdentifier, encodeAddress(domain.serverIdentifier ^ (query.message.xid & 1)));",
  },
  {
    name: "site-is-the-whole-source",
    promise: "R7618-10-02 a site has at most siteLeasesMax leases",
    file: "src/lease/decision.ts",
    search: "site: siteOf(query, line, domain),",
    replacement: "site: `${siteOf(query, line, domain)}${query.source.at(-1)}`,",
  },
];
