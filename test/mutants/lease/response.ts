/**
 * Mutants of the answer: its size, its DHCPv6 options, and the fields of its header.
 *
 * @module
 */
import type { Mutant } from "../mutant.ts";
import {
  answerTests,
  endTests,
  leaseTests,
  optionTests,
  sharingTests,
  transportTests,
} from "../noticing-tests.ts";

const response = "src/lease/response.ts";

export const responseMutants: readonly Mutant[] = [
  {
    name: "ethernet-size-without-option-57",
    rules: ["R2132-9.10-01"],
    file: response,
    search: "const acceptedMax = (query.maxMessageSize ?? maxMessageSizeMin) - datagramHeaderOctets;",
    replacement:
      "const acceptedMax = (query.maxMessageSize ?? Math.max(maxMessageSizeMin, 1500)) - datagramHeaderOctets;",
    tests: optionTests,
  },
  {
    name: "nak-overloaded",
    rules: ["R2132-9.10-01"],
    file: response,
    search: 'octetsMax, reply.kind !== "nak");',
    replacement: "octetsMax, true);",
    tests: optionTests,
  },
  {
    name: "option-87-sent-twice",
    rules: ["R7341-6.2-01", "R7341-11-05"],
    file: response,
    search: 'const options = reply.kind === "nak" ? [] : softwireOptions(query, domain);',
    replacement: [
      'const options = reply.kind === "nak" ? [] : softwireOptions(query, domain);',
      '  if (reply.kind === "offer") options.push({ code: OptionCode6.dhcpv4Message, data: dhcpv4 });',
    ].join("\n"),
    tests: transportTests,
  },
  {
    name: "dhcpv6-options-of-the-query-returned",
    rules: ["R7341-6.2-02"],
    file: response,
    search: 'const options = reply.kind === "nak" ? [] : softwireOptions(query, domain);',
    replacement: [
      'const options = reply.kind === "nak" ? [] : softwireOptions(query, domain);',
      "  options.push({ code: OptionCode6.optionRequest, data: new Uint8Array(0) });",
    ].join("\n"),
    tests: transportTests,
  },
  {
    name: "answer-only-in-the-outermost-relay-repl",
    rules: ["R7341-11-07"],
    file: response,
    search: "return encodeRelayReply(query.path, ",
    replacement: "return encodeRelayReply(query.path.slice(0, 1), ",
    tests: transportTests,
  },
  {
    name: "option-57-without-header-octets",
    rules: ["R2132-9.10-01"],
    file: response,
    search: "const datagramHeaderOctets = 28;",
    replacement: "const datagramHeaderOctets = 0;",
    tests: optionTests,
  },
  {
    name: "message-size-of-the-client-ignored",
    rules: ["R2132-9.10-01"],
    file: response,
    search: "if (measureDhcpV4(message.options) <= octetsMax) return encodeDhcpV4(message);",
    replacement: "if (octetsMax > 0) return encodeDhcpV4(message);",
    tests: optionTests,
  },
  {
    name: "first-options-left-out",
    rules: ["R2132-9.10-01"],
    file: response,
    search: "const last = omittable.pop();",
    replacement: "const last = omittable.shift();",
    tests: optionTests,
  },
  {
    name: "softwire-options-sent-unrequested",
    rules: ["R8539-5-01"],
    file: response,
    search: "if (query.optionRequest.includes(OptionCode6.s46Br)) {",
    replacement: "if (query.optionRequest.length >= 0) {",
    tests: leaseTests,
  },
  {
    name: "bind-prefix-sent-for-each-listing",
    rules: ["R8539-6.1-01"],
    file: response,
    search:
      "if (query.optionRequest.includes(OptionCode6.s46BindIPv6Prefix) && softwire.bindPrefix !== null) {",
    replacement:
      "for (const code of query.optionRequest) if (code === OptionCode6.s46BindIPv6Prefix && softwire.bindPrefix !== null) {",
    tests: sharingTests,
  },
  {
    name: "op-copied",
    rules: ["R2131-4.3.1-T3-01"],
    file: response,
    search: "    op: bootReply,",
    replacement: "    op: message.op,",
    tests: answerTests,
  },
  {
    name: "hops-copied",
    rules: ["R2131-4.3.1-T3-01"],
    file: response,
    search: "    hops: 0,",
    replacement: "    hops: message.hops,",
    tests: answerTests,
  },
  {
    name: "xid-not-echoed",
    rules: ["R2131-4.3.1-T3-01"],
    file: response,
    search: "    xid: message.xid,",
    replacement: '    xid: reply.kind === "nak" ? 0 : message.xid,',
    tests: answerTests,
  },
  {
    name: "secs-copied",
    rules: ["R2131-4.3.1-T3-01"],
    file: response,
    search: "    secs: 0,",
    replacement: "    secs: message.secs,",
    tests: answerTests,
  },
  {
    name: "broadcast-flag-cleared",
    rules: ["R2131-4.3.1-T3-04"],
    file: response,
    search: "message.flags | broadcastFlag : message.flags,",
    replacement: "message.flags | broadcastFlag : message.flags & 0x7fff,",
    tests: answerTests,
  },
  {
    name: "ciaddr-always-copied",
    rules: ["R2131-4.3.1-T3-02"],
    file: response,
    search: 'ciaddr: reply.kind === "ack" || reply.kind === "settings" ? message.ciaddr : 0,',
    replacement: "ciaddr: message.ciaddr,",
    tests: answerTests,
  },
  {
    name: "ciaddr-never-copied",
    rules: ["R2131-4.3.1-T3-02"],
    file: response,
    search: 'ciaddr: reply.kind === "ack" || reply.kind === "settings" ? message.ciaddr : 0,',
    replacement: "ciaddr: 0,",
    tests: answerTests,
  },
  {
    name: "nak-has-an-address",
    rules: ["R2131-4.3.1-T3-03"],
    file: response,
    search: "yiaddr: isLease ? reply.pair.address : 0,",
    replacement: "yiaddr: isLease ? reply.pair.address : message.ciaddr,",
    tests: answerTests,
  },
  {
    name: "inform-ack-has-the-address",
    rules: ["R2131-4.3.5-01", "R2131-4.3.1-T3-03"],
    file: response,
    search: "yiaddr: isLease ? reply.pair.address : 0,",
    replacement: 'yiaddr: isLease ? reply.pair.address : reply.kind === "settings" ? message.ciaddr : 0,',
    tests: [...endTests, ...answerTests],
  },
  {
    name: "giaddr-cleared",
    rules: ["R2131-4.3.1-T3-04"],
    file: response,
    search: "    giaddr: message.giaddr,",
    replacement: "    giaddr: 0,",
    tests: answerTests,
  },
  {
    name: "nak-to-a-relay-without-broadcast-bit",
    rules: ["R7", "R2131-4.3.2-15"],
    file: response,
    search: 'reply.kind === "nak" && message.giaddr !== 0 ? message.flags | broadcastFlag : message.flags',
    replacement: "message.flags",
    tests: answerTests,
  },
  {
    name: "broadcast-bit-in-every-nak",
    rules: ["R7"],
    file: response,
    search: 'reply.kind === "nak" && message.giaddr !== 0 ?',
    replacement: 'reply.kind === "nak" ?',
    tests: answerTests,
  },
];
