/**
 * Mutants of the relay.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const relayTests = ["relay", "test/relay/relay.test.ts"];
const envelope = "relay/messages/envelope.ts";
const information = "relay/information/information.ts";
const queue = "relay/uplink/queue.ts";
const uplink = "relay/uplink/uplink.ts";

export const relayMutants: readonly Mutant[] = [
  {
    name: "multicast-to-servers",
    rules: ["R8415-19-01", "R8415-19-02"],
    file: "relay/config/config-values.ts",
    search:
      'if (isMulticast(address) || isUnspecified(address)) throw new RangeError("expected a unicast address");',
    replacement: 'if (isUnspecified(address)) throw new RangeError("expected a unicast address");',
    tests: relayTests,
  },
  {
    name: "relay-closes-a-listener-before-its-answers",
    rules: ["a reload loses no answer"],
    file: "relay/sockets/listener-table.ts",
    search: "if (!kept.has(entry)) this.#leave(entry, deadlineMs);",
    replacement: "if (!kept.has(entry)) void this.#close(entry);",
    tests: ["test/relay/reload.test.ts"],
  },
  {
    name: "queries-sent-to-the-servers",
    rules: ["R7341-10-02"],
    file: envelope,
    search: 'return wrap(datagram, origin, client, servers?.queries ?? "allocator", servers);',
    replacement:
      'return wrap(datagram, origin, client, servers === undefined ? "allocator" : "servers", servers);',
    tests: relayTests,
  },
  {
    name: "relay-forwards-responses-from-below",
    rules: ["R8415-19-04"],
    file: envelope,
    search: 'if (serverMessages.includes(type)) return drop("response-from-below");',
    replacement: 'if (type === 21) return wrap(datagram, origin, client, "allocator", servers);',
    tests: relayTests,
  },
  {
    name: "other-messages-not-forwarded",
    rules: ["R7341-10-01", "R8415-19-03"],
    file: envelope,
    search: 'if (servers === undefined) return drop("unserved-message-type");',
    replacement: 'if (servers === undefined || type > 20) return drop("unserved-message-type");',
    tests: relayTests,
  },
  {
    name: "relay-sends-other-types-to-the-allocator",
    rules: ["R7341-10-02"],
    file: envelope,
    search: 'return wrap(datagram, origin, client, "servers", servers);',
    replacement: 'return wrap(datagram, origin, client, "allocator", servers);',
    tests: relayTests,
  },
  {
    name: "unknown-options-of-a-relay-dropped",
    rules: ["R8415-16-01"],
    file: envelope,
    search: 'if (message === undefined) return drop("malformed-relay-forward");',
    replacement:
      'if (message === undefined || message.options.some(({ code }) => code > 200)) return drop("malformed-relay-forward");',
    tests: relayTests,
  },
  {
    name: "hop-count-8-forwarded",
    rules: ["R8415-19.1.2-01"],
    file: envelope,
    search: 'if (message.hopCount >= hopCountLimit) return drop("hop-limit");',
    replacement: 'if (message.hopCount > hopCountLimit) return drop("hop-limit");',
    tests: relayTests,
  },
  {
    name: "hop-count-not-increased",
    rules: ["R8415-19.1.2-02"],
    file: envelope,
    search: "hopCount: message.hopCount + 1, isRelay: true",
    replacement: "hopCount: message.hopCount, isRelay: true",
    tests: relayTests,
  },
  {
    name: "relayed-messages-always-examined",
    rules: ["R7341-10-03"],
    file: envelope,
    search: 'if (servers?.relayed !== "examine") return servers?.relayed ?? "allocator";',
    replacement: 'if (servers === undefined) return "allocator";',
    tests: relayTests,
  },
  {
    name: "relayed-messages-never-examined",
    rules: ["R7341-10-03"],
    file: envelope,
    search: 'return type === undefined || type === MessageType6.dhcpv4Query ? servers.queries : "servers";',
    replacement: "return servers.queries;",
    tests: relayTests,
  },
  {
    name: "client-messages-start-at-hop-count-1",
    rules: ["R8415-19.1.1-01"],
    file: envelope,
    search: "const client: Sender = { hopCount: 0,",
    replacement: "const client: Sender = { hopCount: 1,",
    tests: relayTests,
  },
  {
    name: "link-address-for-a-far-relay",
    rules: ["R8415-19.1.2-02"],
    file: envelope,
    search: "sender.isRelay && !isLinkLocal(peerAddress) ? unspecified : origin.linkAddress;",
    replacement: "sender.isRelay && isLinkLocal(peerAddress) ? unspecified : origin.linkAddress;",
    tests: relayTests,
  },
  {
    name: "no-peer-address",
    rules: ["R8415-19.1-01"],
    file: envelope,
    search: "const level = { hopCount: sender.hopCount, linkAddress, peerAddress, options };",
    replacement:
      "const level = { hopCount: sender.hopCount, linkAddress, peerAddress: linkAddress, options };",
    tests: relayTests,
  },
  {
    name: "query-modified-by-relay",
    rules: ["R8415-19.1-01", "R8415-19.4-01"],
    file: envelope,
    search: "frame: encodeRelayMessage(MessageType6.relayForward, level, datagram) };",
    replacement: "frame: encodeRelayMessage(MessageType6.relayForward, level, datagram.with(1, 0)) };",
    tests: relayTests,
  },
  {
    name: "answers-of-other-types-not-delivered",
    rules: ["R8415-19.2-02"],
    file: envelope,
    search: "if (answer?.type !== MessageType6.relayReply || answer.message.length < messageHeaderOctets) {",
    replacement: "if (answer?.type !== MessageType6.relayReply || ![13, 21].includes(answer.message[0]!)) {",
    tests: relayTests,
  },
  {
    name: "answers-sent-by-the-first-listener",
    rules: ["R7341-11-06", "R8415-19.1.1-02"],
    file: envelope,
    search: "    listener: interfaceId.listener,\n    address: formatPeer",
    replacement: "    listener: 0,\n    address: formatPeer",
    tests: relayTests,
  },
  {
    name: "answer-modified-by-relay",
    rules: ["R8415-19.2-01"],
    file: envelope,
    search: "standardPort(payload, answer.options),\n    payload,",
    replacement: "standardPort(payload, answer.options),\n    payload: payload.with(1, 0),",
    tests: relayTests,
  },
  {
    name: "relay-answers-relays-on-port-546",
    rules: ["R8415-7.2-01"],
    file: envelope,
    search: "if (payload[0] !== MessageType6.relayReply) return clientPort;",
    replacement: "if (payload[0] !== 0) return clientPort;",
    tests: relayTests,
  },
  {
    name: "relay-port-of-135-ignored",
    rules: ["R8357-5.1-01"],
    file: envelope,
    search: "return requested === 0 ? serverPort : requested;",
    replacement: "return serverPort;",
    tests: relayTests,
  },
  {
    name: "relay-answers-unicast-information-requests",
    rules: ["RFC 8415 §16"],
    file: information,
    search: 'if (!relayed && !origin.isGroup) return drop("unicast-information-request");',
    replacement: "",
    tests: relayTests,
  },
  {
    name: "relay-sends-unrequested-options",
    rules: ["RFC 8415 §18.3.6"],
    file: information,
    search: "  return requested.flatMap((code): Option6[] => {",
    replacement: "  return [...requested, 88].flatMap((code): Option6[] => {",
    tests: relayTests,
  },
  {
    name: "relay-queues-identical-datagrams",
    rules: ["identical datagrams are queued once"],
    file: queue,
    search: 'if (this.#isQueued(frame, hash)) return "duplicate";',
    replacement: "if (this.#isQueued(frame, hash)) Math.abs(0);",
    tests: relayTests,
  },
  {
    name: "relay-drops-the-newest",
    rules: ["a full queue drops its oldest"],
    file: queue,
    search:
      "    while (this.#length === this.#limits.lengthMax || this.#octets + frame.length > this.#limits.octetsMax) {",
    replacement:
      "    if (this.#length === this.#limits.lengthMax) return 1;\n    while (this.#octets + frame.length > this.#limits.octetsMax) {",
    tests: relayTests,
  },
  {
    name: "relay-sends-expired-datagrams",
    rules: ["a datagram that waited too long is dropped"],
    file: queue,
    search: "nowMs - this.#ring[this.#first]!.queuedMs > this.#limits.waitMsMax",
    replacement: "nowMs - this.#ring[this.#first]!.queuedMs > Infinity",
    tests: relayTests,
  },
  {
    name: "relay-repeats-a-batch-at-the-failed-allocator",
    rules: ["a batch is never repeated at the allocator that failed"],
    file: uplink,
    search: "const second = this.#choose(first);",
    replacement: "const second = this.#choose(first) && first;",
    tests: relayTests,
  },
  {
    name: "relay-resets-age-at-the-second-try",
    rules: ["a delayed message does not end a newer lease of its client"],
    file: uplink,
    search: "{ ageMs: startedMs - arrivedMs, clockMs }",
    replacement: "{ ageMs: this.#options.timeoutMs - timeoutMs, clockMs }",
    tests: relayTests,
  },
  {
    name: "relay-posts-to-quarantined-allocator",
    rules: ["a quarantined allocator gets no POST"],
    file: uplink,
    search: "return cancelPause === undefined && (failures === 0 || postsInFlight === 0);",
    replacement: "return cancelPause === undefined || failures === 0 || postsInFlight === 0;",
    tests: relayTests,
  },
  {
    name: "relay-accepts-answers-from-unknown-servers",
    rules: ["R8415-19.2-01"],
    file: "relay/sockets/servers.ts",
    search: "if (this.#known.has(keyOf(source.address))) this.#deliver(datagram);",
    replacement: "if (keyOf(source.address) !== '') this.#deliver(datagram);",
    tests: ["test/relay/services.test.ts"],
  },
];
