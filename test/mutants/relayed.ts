/**
 * Broken rules of RFC 7341 and of relay messages, server side: rows of groups `transport` and `relayed`.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const query = "src/lease/query.ts";
const domain = "src/lease/domain.ts";
const message = "src/wire/dhcpv4/message.ts";
const dhcpv4Query = "src/wire/dhcpv6/dhcpv4-query.ts";
const relay = "src/wire/dhcpv6/relay.ts";
const options6 = "src/wire/dhcpv6/options.ts";
const response = "src/lease/response.ts";

const transportTests = ["test/rules/rfc7341.test.ts"];
const relayedTests = ["test/rules/rfc8415.test.ts"];

const transportMutants: readonly Mutant[] = [
  {
    name: "bootp-taken-for-discover",
    rules: ["R7341-5-01"],
    file: query,
    search: "const messageType = tryDecode(decodeMessageType, options.get(OptionCode.messageType));",
    replacement:
      "const messageType = tryDecode(decodeMessageType, options.get(OptionCode.messageType) ?? Uint8Array.of(1));",
    tests: transportTests,
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
    name: "reserved-flags-refused",
    rules: ["R7341-6.3-01"],
    file: dhcpv4Query,
    search: "return { unicast: (flags & unicastFlag) !== 0, ...content };",
    replacement: "return { unicast: flags === unicastFlag, ...content };",
    tests: transportTests,
  },
  {
    name: "any-flag-is-u",
    rules: ["R7341-6.3-01"],
    file: dhcpv4Query,
    search: "return { unicast: (flags & unicastFlag) !== 0, ...content };",
    replacement: "return { unicast: flags !== 0, ...content };",
    tests: transportTests,
  },
  {
    name: "last-option-87-wins",
    rules: ["R7341-6.3-02"],
    file: options6,
    search: "else if (data === undefined) data = option.data;",
    replacement: "else if (data === undefined || code === 87) data = option.data;",
    tests: transportTests,
  },
  {
    name: "u-of-the-query-in-the-response",
    rules: ["R7341-6.4-01"],
    file: dhcpv4Query,
    search: "return encodeContent(MessageType6.dhcpv4Response, 0, options, dhcpv4);",
    replacement: "return encodeContent(MessageType6.dhcpv4Response, unicastFlag, options, dhcpv4);",
    tests: transportTests,
  },
  {
    name: "cookie-not-looked-at",
    rules: ["R7341-9-01"],
    file: message,
    search: "if (readUint32(octets, cookieOffset) !== cookie) {",
    replacement: "if (readUint32(octets, cookieOffset) === 0) {",
    tests: transportTests,
  },
  {
    name: "bootreply-taken-for-a-request",
    rules: ["R7341-9-01"],
    file: query,
    search: 'if (message.op !== bootRequest) return drop("not-a-bootrequest");',
    replacement: 'if (message.op === 0) return drop("not-a-bootrequest");',
    tests: transportTests,
  },
  {
    name: "overlong-option-cut-off",
    rules: ["R7341-9-01"],
    file: message,
    search: "if (dataStart > end || dataEnd > end) {",
    replacement: "if (dataStart > end) {",
    tests: transportTests,
  },
  {
    name: "query-without-87-is-an-empty-message",
    rules: ["R7341-11-01"],
    file: dhcpv4Query,
    search: '  if (data.length === 0) {\n    throw new DecodeError(\n      "no-dhcpv4-message",',
    replacement: '  if (data.length < 0) {\n    throw new DecodeError(\n      "no-dhcpv4-message",',
    tests: transportTests,
  },
  {
    name: "drops-not-counted",
    rules: ["R7341-11-02"],
    file: "src/http/pipeline.ts",
    search: "    note(notebook, undefined, silence(result.reason));\n",
    replacement: "",
    tests: transportTests,
  },
  {
    name: "source-chooses-before-link-address",
    rules: ["R7341-11-03"],
    file: domain,
    search: "  const place = placeOf(path);",
    replacement:
      "  const peer = path.at(-1)!.peerAddress;\n  const place = isLinkLocal(peer) ? placeOf(path) : peer;",
    tests: transportTests,
  },
  {
    name: "source-chooses-nothing",
    rules: ["R7341-11-03"],
    file: domain,
    search: "return source === undefined || isLinkLocal(source) ? undefined : source;",
    replacement: "return source === undefined || isLinkLocal(source) ? undefined : undefined;",
    tests: transportTests,
  },
  {
    name: "first-prefix-that-fits",
    rules: ["R7341-11-03"],
    file: domain,
    search: "if (prefix.length > bestLength && prefixContains(prefix, place)) {",
    replacement: "if (bestLength < 0 && prefixContains(prefix, place)) {",
    tests: transportTests,
  },
  {
    name: "u-ignored",
    rules: ["R7341-11-04"],
    file: query,
    search: "    unicast,\n    optionRequest:",
    replacement: "    unicast: unicast && message.ciaddr === 0,\n    optionRequest:",
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
];

const relayMutants: readonly Mutant[] = [
  {
    name: "outermost-link-address-first",
    rules: ["R8415-13.1-01"],
    file: domain,
    search: "for (let level = path.length - 1; level >= 0; level--) {",
    replacement: "for (let level = 0; level < path.length; level++) {",
    tests: relayedTests,
  },
  {
    name: "unspecified-link-address-is-a-place",
    rules: ["R8415-13.1-01"],
    file: domain,
    search: "if (!isUnspecified(linkAddress) && !isLinkLocal(linkAddress)) return linkAddress;",
    replacement: "if (!isLinkLocal(linkAddress)) return linkAddress;",
    tests: relayedTests,
  },
  {
    name: "link-local-link-address-is-a-place",
    rules: ["R8415-13.1-02"],
    file: domain,
    search: "if (!isUnspecified(linkAddress) && !isLinkLocal(linkAddress)) return linkAddress;",
    replacement: "if (!isUnspecified(linkAddress)) return linkAddress;",
    tests: relayedTests,
  },
  {
    name: "unknown-options-refused",
    rules: ["R8415-16-01"],
    file: query,
    search: "  const message = decodeDhcpV4(dhcpv4);",
    replacement:
      '  if (options6.some(({ code }) => code > 200)) return drop("bad-option-value");\n  const message = decodeDhcpV4(dhcpv4);',
    tests: relayedTests,
  },
  {
    name: "message-type-not-looked-at",
    rules: ["R8415-16-02"],
    file: dhcpv4Query,
    search: "if (octets.length > 0 && octets[0] !== type) {",
    replacement: "if (octets.length > 0 && octets[0] === MessageType6.relayReply && octets[0] !== type) {",
    tests: relayedTests,
  },
  {
    name: "response-taken-for-a-query",
    rules: ["R8415-16-02"],
    file: dhcpv4Query,
    search: "if (octets.length > 0 && octets[0] !== type) {",
    replacement:
      "if (octets.length > 0 && octets[0] !== type && octets[0] !== MessageType6.dhcpv4Response) {",
    tests: relayedTests,
  },
  {
    name: "relay-repl-followed-like-relay-forw",
    rules: ["R8415-16.14-01"],
    file: relay,
    search: [
      "    if (type !== MessageType6.relayForward) {",
      "      throw new DecodeError(",
      '        "unexpected-message-type",',
      "        `Cannot decode relay path: type is ${type}, expected 12`,",
      "      );",
      "    }",
      "    path.push(level);",
      "    message = inner;",
      "  } while (message[0] === MessageType6.relayForward);",
    ].join("\n"),
    replacement: [
      "    path.push(level);",
      "    message = inner;",
      "  } while (isRelayType(message[0]!));",
    ].join("\n"),
    tests: relayedTests,
  },
  {
    name: "hop-count-of-answers-zero",
    rules: ["R8415-19.3-01"],
    file: relay,
    search: "  octets[offset + 1] = level.hopCount;",
    replacement: "  octets[offset + 1] = type === 13 ? 0 : level.hopCount;",
    tests: relayedTests,
  },
  {
    name: "link-address-of-answers-missing",
    rules: ["R8415-19.3-01"],
    file: relay,
    search: "  octets.set(level.linkAddress, offset + linkAddressOffset);",
    replacement: "  if (type !== 13) octets.set(level.linkAddress, offset + linkAddressOffset);",
    tests: relayedTests,
  },
  {
    name: "interface-id-does-not-return",
    rules: ["R8415-19.3-02"],
    file: relay,
    search: "({ code }) => code === OptionCode6.interfaceId || code === OptionCode6.relayPort,",
    replacement: "({ code }) => code === OptionCode6.relayPort,",
    tests: relayedTests,
  },
  {
    name: "options-of-the-outermost-level-at-all",
    rules: ["R8415-19.3-02", "R8357-5.2-01", "R4994-3-01"],
    file: relay,
    search: "const echoes = path.map((level) => echoedOptions(level.options));",
    replacement: "const echoes = path.map(() => echoedOptions(path[0]!.options));",
    tests: relayedTests,
  },
  {
    name: "last-relay-message-wins",
    rules: ["R8415-19.3-03"],
    file: options6,
    search: "else if (data === undefined) data = option.data;",
    replacement: "else if (data === undefined || code === 9) data = option.data;",
    tests: relayedTests,
  },
  {
    name: "eight-levels-at-most",
    rules: ["R8415-19.3-04"],
    file: "src/limits.ts",
    search: "export const relayLevelsMax = 16;",
    replacement: "export const relayLevelsMax = 8;",
    tests: relayedTests,
  },
  {
    name: "relay-levels-without-end",
    rules: ["R8415-19.3-04"],
    file: relay,
    search: "if (path.length === relayLevelsMax) {",
    replacement: "if (path.length === relayLevelsMax ** 2) {",
    tests: relayedTests,
  },
  {
    name: "option-135-does-not-return",
    rules: ["R8357-5.2-01"],
    file: relay,
    search: "({ code }) => code === OptionCode6.interfaceId || code === OptionCode6.relayPort,",
    replacement: "({ code }) => code === OptionCode6.interfaceId,",
    tests: relayedTests,
  },
  {
    name: "echo-request-not-read",
    rules: ["R4994-3-01"],
    file: relay,
    search: "  if (requested === undefined) return echoed;",
    replacement: "  if (requested === undefined || requested.length > 0) return echoed;",
    tests: relayedTests,
  },
  {
    name: "echo-request-repeats-interface-id",
    rules: ["R4994-3-01"],
    file: relay,
    search: "if (option !== undefined && !echoed.some((each) => each.code === code)) echoed.push(option);",
    replacement: "if (option !== undefined) echoed.push(option);",
    tests: relayedTests,
  },
  {
    name: "interface-id-of-any-relay",
    rules: ["R7969-3.2-01"],
    file: domain,
    search:
      "      equalOctets(interfaceId, line.interfaceId) &&\n      equalOctets(linkAddress, line.linkAddress)",
    replacement: "      equalOctets(interfaceId, line.interfaceId) && linkAddress.length > 0",
    tests: relayedTests,
  },
  {
    name: "interface-id-compared-by-its-beginning",
    rules: ["R7969-3.2-01"],
    file: domain,
    search: "equalOctets(interfaceId, line.interfaceId) &&",
    replacement: "equalOctets(interfaceId.subarray(0, line.interfaceId.length), line.interfaceId) &&",
    tests: relayedTests,
  },
];

/** Broken rules of groups `transport` and `relayed`. */
export const relayedMutants: readonly Mutant[] = [...transportMutants, ...relayMutants];
