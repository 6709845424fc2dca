/**
 * Mutants of how a query is read: its client, its request and its domain.
 *
 * @module
 */
import type { Mutant } from "../mutant.ts";
import { discoverTests, leaseTests, relayedTests, sharingTests, transportTests } from "../noticing-tests.ts";

const query = "src/lease/query.ts";
const domain = "src/lease/domain.ts";
const line = "src/lease/line.ts";
const select = "src/lease/select-domain.ts";
const site = "src/lease/site.ts";
const decide = "src/lease/decide.ts";

export const queryMutants: readonly Mutant[] = [
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
    name: "bootreply-accepted-as-request",
    rules: ["R7341-9-01"],
    file: query,
    search: 'if (message.op !== bootRequest) return drop("not-a-bootrequest");',
    replacement: 'if (message.op === 0) return drop("not-a-bootrequest");',
    tests: transportTests,
  },
  {
    name: "bootp-accepted-as-discover",
    rules: ["R7341-5-01"],
    file: query,
    search: "const messageType = tryDecode(decodeMessageType, options.get(OptionCode.messageType));",
    replacement:
      "const messageType = tryDecode(decodeMessageType, options.get(OptionCode.messageType) ?? Uint8Array.of(1));",
    tests: transportTests,
  },
  {
    name: "presence-of-159-is-support",
    rules: ["R7618-5-03", "R7618-8-01"],
    file: query,
    search: "const sharesPorts = parameterRequestList.includes(OptionCode.portParams);",
    replacement:
      "const sharesPorts = parameterRequestList.includes(OptionCode.portParams) || options.has(OptionCode.portParams);",
    tests: leaseTests,
  },
  {
    name: "every-client-shares",
    rules: ["R7618-8-01", "R7618-8.1-02"],
    file: query,
    search: "const sharesPorts = parameterRequestList.includes(OptionCode.portParams);",
    replacement: "const sharesPorts = true;",
    tests: leaseTests,
  },
  {
    name: "source-is-the-outermost-peer",
    rules: ["R7618-6-11"],
    file: query,
    search: "source: believed.at(-1)!.peerAddress",
    replacement: "source: believed[0]!.peerAddress",
    tests: leaseTests,
  },
  {
    name: "u-flag-ignored",
    rules: ["R7341-11-04"],
    file: query,
    search: "    unicast,\n    optionRequest:",
    replacement: "    unicast: unicast && message.ciaddr === 0,\n    optionRequest:",
    tests: transportTests,
  },
  {
    name: "release-needs-option-55",
    rules: ["A1", "R7618-8-08"],
    file: query,
    search:
      "portParams: sharesPorts || isReleaseOrDecline(messageType) ? decodePortSet(options) : undefined,",
    replacement: "portParams: sharesPorts ? decodePortSet(options) : undefined,",
    tests: leaseTests,
  },
  {
    name: "source-is-part-of-the-client",
    rules: ["R7618-6-13"],
    file: query,
    search: '? { clientId: encodeHex(clientIdentifier), identity: "client-identifier" }',
    replacement: '? { clientId: encodeHex(clientIdentifier) + String(hlen), identity: "client-identifier" }',
    tests: sharingTests,
  },
  {
    name: "client-is-its-hardware-address",
    rules: ["R2131-4.2-01"],
    file: query,
    search: '? { clientId: encodeHex(clientIdentifier), identity: "client-identifier" }',
    replacement: '? { clientId: encodeHex(chaddr), identity: "client-identifier" }',
    tests: discoverTests,
  },
  {
    name: "client-identifier-without-trailing-zeros",
    rules: ["R2131-4.2-01"],
    file: query,
    search: '? { clientId: encodeHex(clientIdentifier), identity: "client-identifier" }',
    replacement:
      '? { clientId: encodeHex(clientIdentifier).replace(/(00)+$/, ""), identity: "client-identifier" }',
    tests: discoverTests,
  },
  {
    name: "client-is-its-duid",
    rules: ["R4361-6-01"],
    file: query,
    search: '? { clientId: encodeHex(clientIdentifier), identity: "client-identifier" }',
    replacement:
      '? { clientId: encodeHex(clientIdentifier[0] === 255 ? clientIdentifier.subarray(5) : clientIdentifier), identity: "client-identifier" }',
    tests: discoverTests,
  },
  {
    name: "length-0-is-a-port-set",
    rules: ["A6"],
    file: query,
    search: "return portParams?.psidLength === 0 ? undefined : portParams;",
    replacement: "return portParams;",
    tests: sharingTests,
  },
  {
    name: "domain-by-source-before-link-address",
    rules: ["R7341-11-03"],
    file: select,
    search: "  const place = locationOf(believed);",
    replacement:
      "  const peer = believed.at(-1)!.peerAddress;\n  const place = isLinkLocal(peer) ? locationOf(believed) : peer;",
    tests: transportTests,
  },
  {
    name: "shortest-prefix-wins",
    rules: ["R7341-11-03"],
    file: select,
    search: "sort((a, b) => b.length - a.length)",
    replacement: "sort((a, b) => a.length - b.length)",
    tests: transportTests,
  },
  {
    name: "first-matching-prefix-wins",
    rules: ["R7341-11-03"],
    file: select,
    search: "prefixes: prefixes.sort((a, b) => b.length - a.length),",
    replacement: "prefixes,",
    tests: transportTests,
  },
  {
    name: "interface-id-of-any-link-address",
    rules: ["R7969-3.2-01"],
    file: select,
    search: "`${encodeHex(linkAddress)}:${encodeHex(interfaceId)}`",
    replacement: "`${linkAddress.length}:${encodeHex(interfaceId)}`",
    tests: relayedTests,
  },
  {
    name: "interface-id-compared-by-its-beginning",
    rules: ["R7969-3.2-01"],
    file: select,
    search: "`${encodeHex(linkAddress)}:${encodeHex(interfaceId)}`",
    replacement: "`${encodeHex(linkAddress)}:${encodeHex(interfaceId.subarray(0, 5))}`",
    tests: relayedTests,
  },
  {
    name: "outermost-link-address-first",
    rules: ["R8415-13.1-01"],
    file: select,
    search: "for (let level = believed.length - 1; level >= 0; level--) {",
    replacement: "for (let level = 0; level < believed.length; level++) {",
    tests: relayedTests,
  },
  {
    name: "unspecified-link-address-selects-domain",
    rules: ["R8415-13.1-01"],
    file: select,
    search: "if (!isUnspecified(linkAddress) && !isLinkLocal(linkAddress)) return linkAddress;",
    replacement: "if (!isLinkLocal(linkAddress)) return linkAddress;",
    tests: relayedTests,
  },
  {
    name: "link-local-link-address-selects-domain",
    rules: ["R8415-13.1-02"],
    file: select,
    search: "if (!isUnspecified(linkAddress) && !isLinkLocal(linkAddress)) return linkAddress;",
    replacement: "if (!isUnspecified(linkAddress)) return linkAddress;",
    tests: relayedTests,
  },
  {
    name: "source-never-selects-domain",
    rules: ["R7341-11-03"],
    file: select,
    search: "return source === undefined || isLinkLocal(source) ? undefined : source;",
    replacement: "return source === undefined || isLinkLocal(source) ? undefined : undefined;",
    tests: transportTests,
  },
  {
    name: "offset-and-length-of-a-pair-ignored",
    rules: ["R7618-7-06", "A5"],
    file: domain,
    search: "(portSet.psidOffset !== psidOffset || portSet.psidLength !== psidLength)",
    replacement: "portSet.psidOffset > 15",
    tests: leaseTests,
  },
  {
    name: "hint-with-another-psid-length-accepted",
    rules: ["R7618-8-07c"],
    file: domain,
    search: "(portSet.psidOffset !== psidOffset || portSet.psidLength !== psidLength)",
    replacement: "portSet.psidOffset !== psidOffset",
    tests: sharingTests,
  },
  {
    name: "site-limit-by-the-outermost-relay",
    rules: ["A13"],
    file: line,
    search: "for (let index = believed.length - 1; index > 0; index--) {",
    replacement: "for (let index = 0; index < believed.length; index++) {",
    tests: leaseTests,
  },
  {
    name: "site-is-the-subscriber-before-the-line",
    rules: ["A13"],
    file: line,
    search: "remoteIdOf(believed) ?? subscriberIdOf(believed);",
    replacement: "subscriberIdOf(believed) ?? remoteIdOf(believed);",
    tests: sharingTests,
  },
  {
    name: "subscriber-id-is-no-site",
    rules: ["A13"],
    file: site,
    search: 'line.startsWith("subscriber:") ? line : subscriberIdOf(believed);',
    replacement: 'line.startsWith("subscriber:") ? undefined : undefined;',
    tests: sharingTests,
  },
  {
    name: "line-without-its-relay-is-a-site",
    rules: ["A13"],
    file: site,
    search: "interfaceIdsAreUnique ? uniqueInterfaceOf(believed) : interfaceOnLinkOf(believed);",
    replacement: "uniqueInterfaceOf(believed) ?? interfaceOnLinkOf(believed);",
    tests: sharingTests,
  },
  {
    name: "link-local-clients-are-one-site",
    rules: ["A13"],
    file: site,
    search: "if (isLinkLocal(source)) return isChosen ? undefined : `prefix:${encodeHex(source)}`;",
    replacement: "if (isLinkLocal(source) && isChosen) return undefined;",
    tests: sharingTests,
  },
  {
    name: "site-prefix-length-ignored",
    rules: ["A13"],
    file: site,
    search: "source.subarray(0, prefixLength / 8)",
    replacement: "source.subarray(0, prefixLength > 0 ? 7 : 8)",
    tests: sharingTests,
  },
  {
    name: "identified-by-hardware-address",
    rules: ["A11"],
    file: decide,
    search:
      'if (!domain.identifiesByHardwareAddress || mayShare(query, domain))\n      return silence("no-client-identifier");',
    replacement: "",
    tests: leaseTests,
  },
  {
    name: "unknown-message-types-informed",
    rules: ["R2131-3-01"],
    file: decide,
    search: '    default:\n      return silence("unserved-message-type");',
    replacement: "    default:\n      return decideInform(query, domain);",
    tests: discoverTests,
  },
];
