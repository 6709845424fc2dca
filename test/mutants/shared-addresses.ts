/**
 * Broken rules of RFC 7618, RFC 8539 and of what they leave open.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const tests = ["test/rules", "src/lease", "src/store/commit.test.ts", "src/portset"];
const discover = "src/lease/discover.ts";
const request = "src/lease/request.ts";
const response = "src/lease/response.ts";
const end = "src/lease/end.ts";
const site = "src/lease/site.ts";
const query = "src/lease/query.ts";
const domain = "src/lease/domain.ts";
const statements = "src/store/statements.ts";

export const sharedAddressMutants: readonly Mutant[] = [
  {
    name: "two-slots-of-one-port-set",
    rules: ["R7618-5-01"],
    file: "src/portset/pool-geometry.ts",
    search: "psid: psids[psidIndex]! };",
    replacement: "psid: psids[psidIndex - (psidIndex % 2)]! };",
    tests,
  },
  {
    name: "option-159-beside-the-message",
    rules: ["R7618-6-05"],
    file: "src/wire/dhcpv6/dhcpv4-query.ts",
    search: "return encodeContent(MessageType6.dhcpv4Response, 0, options, dhcpv4);",
    replacement: "return encodeContent(MessageType6.dhcpv4Query, 0, options, dhcpv4);",
    tests,
  },
  {
    name: "leased-pair-extended-for-anybody",
    rules: ["R7618-6-07"],
    file: request,
    search:
      'if (held === null) return isOffer ? nak("pair-not-offered") : decideUnknown(query, domain, fact);',
    replacement:
      'if (held === null) return isOffer ? silence("unknown-client") : decideUnknown(query, domain, fact);',
    tests,
  },
  {
    name: "source-is-part-of-the-client",
    rules: ["R7618-6-13"],
    file: query,
    search: '? { clientId: encodeHex(clientIdentifier), identity: "client-identifier" }',
    replacement: '? { clientId: encodeHex(clientIdentifier) + String(hlen), identity: "client-identifier" }',
    tests,
  },
  {
    name: "renewal-of-a-shared-lease-without-159-acknowledged",
    rules: ["R7618-7-04"],
    file: request,
    search:
      'if (pool.kind === "shared" && !query.sharesPorts) return silence("shared-lease-without-option-159");\n  const slot = findSlotKey(domain.pools, pairOf(query, address));',
    replacement: "const slot = findAddressSlots(domain.pools, address)?.first;",
    tests,
  },
  {
    name: "only-the-first-address",
    rules: ["R7618-8-04", "R7618-8-07d"],
    file: statements,
    search: "WHERE claims > 0 AND cursor < slots\n",
    replacement: "WHERE claims > 0 AND cursor < slots / 2\n",
    tests,
  },
  {
    name: "client-identifier-not-kept",
    rules: ["R7618-8-05"],
    file: statements,
    search: "state = ${bound},\n  expires_at = c.now + c.lease_seconds,",
    replacement:
      "state = ${bound}, client_id = unhex(hex(lease.client_id) || '00'),\n  expires_at = c.now + c.lease_seconds,",
    tests,
  },
  {
    name: "sharing-client-gets-a-full-address",
    rules: ["R7618-8-06"],
    file: discover,
    search: "sharedPools.length === 0) return fullPools;",
    replacement: "sharedPools.length === 0 || fullPools.length > 0) return fullPools;",
    tests,
  },
  {
    name: "only-one-kind-of-client",
    rules: ["R7618-8.1-01"],
    file: "src/lease/decision.ts",
    search: "return query.sharesPorts || domain.fullPools.length > 0;",
    replacement: "return query.sharesPorts || domain.sharedPools.length === 0;",
    tests,
  },
  {
    name: "full-addresses-only-when-nothing-is-shared",
    rules: ["R7618-8.1-04"],
    file: discover,
    search:
      "if (!query.sharesPorts || domain.ignoresOption159 || sharedPools.length === 0) return fullPools;",
    replacement: "if (!query.sharesPorts || sharedPools.length === 0) return fullPools;",
    tests,
  },
  {
    name: "first-four-octets-of-159",
    rules: ["R7618-9-01"],
    file: "src/wire/dhcpv4/options/port-params.ts",
    search: 'assertLength("option 159", data, 4);',
    replacement: 'assertLength("option 159", data.subarray(0, 4), 4);',
    tests,
  },
  {
    name: "half-a-pair-taken-for-the-offer",
    rules: ["A3"],
    file: request,
    search: "domain.acceptsRequestWithoutPortSet && query.sharesPorts && query.portParams === undefined;",
    replacement: "query.sharesPorts && query.portParams === undefined;",
    tests,
  },
  {
    name: "lenient-domain-is-strict",
    rules: ["A3"],
    file: request,
    search: "return isLenient ? findAddressSlots(domain.pools, address) : undefined;",
    replacement: "return isLenient ? undefined : undefined;",
    tests,
  },
  {
    name: "length-0-is-a-port-set",
    rules: ["A6"],
    file: query,
    search: "return portParams?.psidLength === 0 ? undefined : portParams;",
    replacement: "return portParams;",
    tests,
  },
  {
    name: "psid-0-of-a-size-hint-wanted",
    rules: ["A7"],
    file: discover,
    search: "if (query.requestedAddress === undefined) return [];",
    replacement: [
      "if (query.requestedAddress === undefined) {",
      "    const first = pools[0]!.geometry.firstAddress;",
      "    const wanted = query.portParams === undefined ? undefined : findSlotKey(pools, pairOf(query, first));",
      "    return wanted === undefined ? [] : [wanted];",
      "  }",
    ].join("\n"),
    tests,
  },
  {
    name: "address-hint-ignored",
    rules: ["A8"],
    file: discover,
    search:
      "const slots = findAddressSlots(pools, query.requestedAddress);\n  if (slots === undefined) return [];",
    replacement:
      "const slots = findAddressSlots(pools, query.requestedAddress);\n  if (slots !== undefined || pools.length > 0) return [];",
    tests,
  },
  {
    name: "site-is-the-subscriber-before-the-line",
    rules: ["A13"],
    file: site,
    search: "if (remoteId !== undefined) return `remote:${encodeHex(remoteId.value)}`;",
    replacement: "",
    tests,
  },
  {
    name: "subscriber-id-is-no-site",
    rules: ["A13"],
    file: site,
    search: "if (subscriberId !== undefined) return `subscriber:${encodeHex(subscriberId.value)}`;",
    replacement: "",
    tests,
  },
  {
    name: "line-without-its-relay-is-a-site",
    rules: ["A13"],
    file: site,
    search: "return `interface:${encodeHex(interfaceId.level.linkAddress)}:${encodeHex(interfaceId.value)}`;",
    replacement: "return `interface:${encodeHex(interfaceId.value)}`;",
    tests,
  },
  {
    name: "link-local-clients-are-one-site",
    rules: ["A13"],
    file: site,
    search: "encodeHex(isLinkLocal(source) ? source : source.subarray(0, prefixLength / 8))",
    replacement: "encodeHex(source.subarray(0, prefixLength / 8))",
    tests,
  },
  {
    name: "site-prefix-length-ignored",
    rules: ["A13"],
    file: site,
    search: "encodeHex(isLinkLocal(source) ? source : source.subarray(0, prefixLength / 8))",
    replacement: "encodeHex(isLinkLocal(source) ? source : source.subarray(0, prefixLength > 0 ? 7 : 8))",
    tests,
  },
  {
    name: "decline-needs-option-159",
    rules: ["A14"],
    file: end,
    search: "return query.portParams === undefined ? findAddressSlots(domain.pools, address) : undefined;",
    replacement: "return undefined;",
    tests,
  },
  {
    name: "decline-of-whatever-the-client-has",
    rules: ["A14"],
    file: end,
    search: "if (slot !== undefined) return onlySlot(slot);",
    replacement: "if (slot !== undefined) return findAddressSlots(domain.pools, address);",
    tests,
  },
  {
    name: "159-in-a-nak",
    rules: ["A15"],
    file: response,
    search: 'if (reply.kind === "nak") {\n    options.set(OptionCode.message',
    replacement: [
      'if (reply.kind === "nak" && query.portParams !== undefined)',
      "    options.set(OptionCode.portParams, encodePortParams(query.portParams));",
      '  if (reply.kind === "nak") {\n    options.set(OptionCode.message',
    ].join("\n"),
    tests,
  },
  {
    name: "full-address-with-a-psid-length-of-0",
    rules: ["A16", "R7618-8-01"],
    file: response,
    search:
      "if (pair.portSet !== undefined) options.set(OptionCode.portParams, encodePortParams(pair.portSet));",
    replacement:
      "options.set(OptionCode.portParams, encodePortParams(pair.portSet ?? { psidOffset: 0, psidLength: 0, psid: 0 }));",
    tests,
  },
  {
    name: "159-in-the-answer-to-an-inform",
    rules: ["A17"],
    file: response,
    search: "    addRequested(options, query, reply.options);",
    replacement: [
      "    addRequested(options, query, reply.options);",
      '    if (reply.kind === "settings" && query.sharesPorts)',
      "      options.set(OptionCode.portParams, Uint8Array.of(0, 6, 4, 0));",
    ].join("\n"),
    tests,
  },
  {
    name: "lease-line-hint-of-another-length",
    rules: ["R7618-8-07c"],
    file: domain,
    search:
      "(pair.portSet.psidOffset !== geometry.psidOffset || pair.portSet.psidLength !== geometry.psidLength)",
    replacement: "pair.portSet.psidOffset !== geometry.psidOffset",
    tests,
  },
  {
    name: "bind-prefix-for-each-time-it-is-asked-for",
    rules: ["R8539-6.1-01"],
    file: response,
    search:
      "if (query.optionRequest.includes(OptionCode6.s46BindIPv6Prefix) && softwire.bindPrefix !== null) {",
    replacement:
      "for (const code of query.optionRequest) if (code === OptionCode6.s46BindIPv6Prefix && softwire.bindPrefix !== null) {",
    tests,
  },
  {
    name: "softwire-address-not-stored",
    rules: ["R8539-8-01", "R8539-8-02"],
    file: statements,
    search: "updated_at = c.now, source = c.source, softwire = c.new_softwire,",
    replacement: "updated_at = c.now, source = c.source,",
    tests,
  },
  {
    name: "released-lease-keeps-its-softwire",
    rules: ["R8539-8-03"],
    file: statements,
    search: "since = NULL, softwire = NULL, updated_at = e.now",
    replacement: "since = NULL, updated_at = e.now",
    tests,
  },
  {
    name: "first-softwire-address-for-ever",
    rules: ["R8539-8.1-01"],
    file: statements,
    search: "OR (running AND own_softwire IS NOT NULL AND now - since < softwire_interval),",
    replacement: "OR (running AND own_softwire IS NOT NULL),",
    tests,
  },
  {
    name: "softwire-conflict-costs-the-softwire-only",
    rules: ["R8539-8.2-02"],
    file: statements,
    search: "AND (c.running OR NOT c.softwire_taken) AND (c.in_use OR ${siteHasRoom})",
    replacement: "AND (c.in_use OR ${siteHasRoom})",
    tests,
  },
  {
    name: "softwire-conflict-ends-the-lease",
    rules: ["R8539-8.2-03"],
    file: request,
    search: "if (claim.sourceMustMatch && held.source !== claim.lease.source)",
    replacement:
      'if (fact.softwireTaken) return nak("softwire-taken");\n  if (claim.sourceMustMatch && held.source !== claim.lease.source)',
    tests,
  },
];
