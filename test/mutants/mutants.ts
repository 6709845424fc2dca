/**
 * Broken rules: each is one change of one place of the source, and some test must notice it.
 *
 * @module
 */

/** One broken rule. */
export interface Mutant {
  readonly name: string;
  /** Ids of the rules that it breaks, as `conformance` lists them, or sections of RFCs. */
  readonly rules: readonly string[];
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly search: string;
  readonly replacement: string;
  /** Tests that should notice it, so that the run is short; the whole suite runs when they do not. */
  readonly tests: readonly string[];
}

const leaseTests = ["test/vectors-served.test.ts", "src/lease", "test/spine.test.ts", "test/rules"];
const storeTests = ["src/store/commit.test.ts"];
/** For what only time and many clients show. */
const modelTests = "test/model";
const httpTests = ["src/http"];
const wireTests = ["src/wire", "test/vectors-served.test.ts", "src/client"];
const relayTests = ["relay", "test/relay/relay.test.ts"];

const statements = "src/store/statements.ts";
const portParams = "src/wire/dhcpv4/options/port-params.ts";
const message = "src/wire/dhcpv4/message.ts";
const relayCodec = "src/wire/dhcpv6/relay.ts";
const response = "src/lease/response.ts";
const request = "src/lease/request.ts";
const query = "src/lease/query.ts";

const wireMutants: readonly Mutant[] = [
  {
    name: "swap-a-and-k",
    rules: ["R7618-9-02", "R7618-9-03"],
    file: portParams,
    search: "const [psidOffset, psidLength] = [data[0]!, data[1]!];",
    replacement: "const [psidLength, psidOffset] = [data[0]!, data[1]!];",
    tests: wireTests,
  },
  {
    name: "encode-a-and-k-swapped",
    rules: ["R7618-9-02", "R7618-9-03"],
    file: portParams,
    search: "  data[0] = psidOffset;\n  data[1] = psidLength;",
    replacement: "  data[1] = psidOffset;\n  data[0] = psidLength;",
    tests: wireTests,
  },
  {
    name: "right-justify-psid",
    rules: ["R7618-9-04"],
    file: portParams,
    search: "writeUint16(data, 2, psid << (psidBits - psidLength));",
    replacement: "writeUint16(data, 2, psid);",
    tests: wireTests,
  },
  {
    name: "keep-padding-of-psid",
    rules: ["R7618-9-04"],
    file: portParams,
    search: "psid: readUint16(data, 2) >>> (psidBits - psidLength) };",
    replacement: "psid: readUint16(data, 2) / 2 ** (psidBits - psidLength) };",
    tests: wireTests,
  },
  {
    name: "padding-bits-set",
    rules: ["R7618-9-04"],
    file: portParams,
    search: "writeUint16(data, 2, psid << (psidBits - psidLength));",
    replacement:
      "writeUint16(data, 2, (psid << (psidBits - psidLength)) | (2 ** (psidBits - psidLength) - 1));",
    tests: wireTests,
  },
  {
    name: "accept-a-plus-k-above-16",
    rules: ["R7618-9-03"],
    file: portParams,
    search: "if (psidOffset + psidLength > psidBits) {",
    replacement: "if (psidOffset + psidLength > 2 * psidBits) {",
    tests: wireTests,
  },
  {
    name: "option-87-twice-accepted",
    rules: ["R7341-6.3-02"],
    file: "src/wire/dhcpv6/options.ts",
    search: "else if (data === undefined) data = option.data;",
    replacement: "else if (data === undefined || code === 87) data = option.data;",
    tests: wireTests,
  },
  {
    name: "overload-order-sname-then-file",
    rules: ["RFC 3396 §5"],
    file: message,
    search: [
      "  if ((overload & overloadFile) !== 0) decodeOptions(file, 0, file.length, options);",
      "  if ((overload & overloadSname) !== 0) decodeOptions(sname, 0, sname.length, options);",
    ].join("\n"),
    replacement: [
      "  if ((overload & overloadSname) !== 0) decodeOptions(sname, 0, sname.length, options);",
      "  if ((overload & overloadFile) !== 0) decodeOptions(file, 0, file.length, options);",
    ].join("\n"),
    tests: wireTests,
  },
  {
    name: "long-options-not-joined",
    rules: ["RFC 3396 §7"],
    file: message,
    search: "if (before === undefined) into.set(code, data);",
    replacement: "if (before === undefined || before.length > 0) into.set(code, data);",
    tests: wireTests,
  },
  {
    name: "accept-any-cookie",
    rules: ["R7341-9-02"],
    file: message,
    search: "if (readUint32(octets, cookieOffset) !== cookie) {",
    replacement: "if (readUint32(octets, cookieOffset) === 0) {",
    tests: wireTests,
  },
  {
    name: "message-not-padded-to-300",
    rules: ["RFC 951 §3"],
    file: message,
    search: "const { octetsMin = 300, octetsMax = 0xffff } = size;",
    replacement: "const { octetsMin = 0, octetsMax = 0xffff } = size;",
    tests: wireTests,
  },
  {
    name: "response-echoes-u",
    rules: ["R7341-6.4-01"],
    file: "src/wire/dhcpv6/dhcpv4-query.ts",
    search: "return encodeContent(MessageType6.dhcpv4Response, 0, options, dhcpv4);",
    replacement: "return encodeContent(MessageType6.dhcpv4Response, unicastFlag, options, dhcpv4);",
    tests: wireTests,
  },
  {
    name: "relay-levels-with-the-wrong-hop-count",
    rules: ["RFC 8415 §19.3"],
    file: relayCodec,
    search: "  octets[offset + 1] = level.hopCount;",
    replacement: "  octets[offset + 1] = type === 13 ? 0 : level.hopCount;",
    tests: wireTests,
  },
  {
    name: "relay-port-not-echoed",
    rules: ["RFC 8357 §5.2"],
    file: relayCodec,
    search: "({ code }) => code === OptionCode6.interfaceId || code === OptionCode6.relayPort,",
    replacement: "({ code }) => code === OptionCode6.interfaceId,",
    tests: wireTests,
  },
  {
    name: "interface-id-not-echoed",
    rules: ["RFC 8415 §19.3"],
    file: relayCodec,
    search: "({ code }) => code === OptionCode6.interfaceId || code === OptionCode6.relayPort,",
    replacement: "({ code }) => code === OptionCode6.relayPort,",
    tests: wireTests,
  },
  {
    name: "echo-request-ignored",
    rules: ["RFC 4994 §3"],
    file: relayCodec,
    search: "  if (requested === undefined) return echoed;",
    replacement: "  if (requested === undefined || requested.length > 0) return echoed;",
    tests: wireTests,
  },
];

const queryMutants: readonly Mutant[] = [
  {
    name: "presence-of-159-is-support",
    rules: ["R7618-8-01"],
    file: query,
    search: "const sharesPorts = parameterRequestList.includes(OptionCode.portParams);",
    replacement:
      "const sharesPorts = parameterRequestList.includes(OptionCode.portParams) || options.has(OptionCode.portParams);",
    tests: leaseTests,
  },
  {
    name: "everybody-shares",
    rules: ["R7618-8-01", "R7618-8.1-02"],
    file: query,
    search: "const sharesPorts = parameterRequestList.includes(OptionCode.portParams);",
    replacement: "const sharesPorts = true;",
    tests: leaseTests,
  },
  {
    name: "release-needs-option-55",
    rules: ["R7618-8-08"],
    file: query,
    search: "portParams: sharesPorts || givesBack(messageType) ? decodePortSet(options) : undefined,",
    replacement: "portParams: sharesPorts ? decodePortSet(options) : undefined,",
    tests: leaseTests,
  },
  {
    name: "source-is-the-outermost-peer",
    rules: ["RFC 8415 §19.1"],
    file: query,
    search: "source: path.at(-1)!.peerAddress,",
    replacement: "source: path[0]!.peerAddress,",
    tests: leaseTests,
  },
  {
    name: "bootreply-served",
    rules: ["RFC 2131 §2"],
    file: query,
    search: 'if (message.op !== bootRequest) return drop("not-a-bootrequest");',
    replacement: 'if (message.op === 0) return drop("not-a-bootrequest");',
    tests: leaseTests,
  },
  {
    name: "identified-by-hardware-address",
    rules: ["R7618-6-02"],
    file: "src/lease/decide.ts",
    search:
      'if (query.identity === "hardware-address" && (!domain.identifiesByHardwareAddress || query.sharesPorts)) {',
    replacement: 'if (query.identity === "hardware-address" && query.identity !== "hardware-address") {',
    tests: leaseTests,
  },
  {
    name: "unspecified-link-address-used",
    rules: ["RFC 7341 §11", "RFC 8415 §13.1"],
    file: "src/lease/domain.ts",
    search: "if (!isUnspecified(linkAddress) && !isLinkLocal(linkAddress)) return linkAddress;",
    replacement: "if (!isLinkLocal(linkAddress)) return linkAddress;",
    tests: leaseTests,
  },
  {
    name: "outermost-link-address",
    rules: ["RFC 7341 §11", "RFC 8415 §13.1"],
    file: "src/lease/domain.ts",
    search: "for (let level = path.length - 1; level >= 0; level--) {",
    replacement: "for (let level = 0; level < path.length; level++) {",
    tests: leaseTests,
  },
  {
    name: "shortest-prefix-wins",
    rules: ["RFC 7341 §11"],
    file: "src/lease/domain.ts",
    search: "if (prefix.length > bestLength && prefixContains(prefix, place)) {",
    replacement: "if ((bestLength < 0 || prefix.length < bestLength) && prefixContains(prefix, place)) {",
    tests: leaseTests,
  },
];

const leaseMutants: readonly Mutant[] = [
  {
    name: "full-only-client-gets-shared-address",
    rules: ["R7618-8.1-02"],
    file: "src/lease/discover.ts",
    search:
      "if (!query.sharesPorts || domain.ignoresOption159 || sharedPools.length === 0) return fullPools;",
    replacement: "if (domain.ignoresOption159 || sharedPools.length === 0) return fullPools;",
    tests: leaseTests,
  },
  {
    name: "full-only-client-served-where-all-is-shared",
    rules: ["R7618-8.1-03"],
    file: "src/lease/decision.ts",
    search: "return query.sharesPorts || domain.fullPools.length > 0;",
    replacement: "return query.sharesPorts || domain.pools.length > 0;",
    tests: leaseTests,
  },
  {
    name: "size-hint-ignored",
    rules: ["R7618-8-05"],
    file: "src/lease/discover.ts",
    search: "if (wantedLength === undefined) return sharedPools;",
    replacement: "if (wantedLength === undefined || wantedLength > 0) return sharedPools;",
    tests: leaseTests,
  },
  {
    name: "pair-hint-ignored",
    rules: ["R7618-8-07c"],
    file: "src/lease/discover.ts",
    search: "if (slot !== undefined) return [slot];",
    replacement: "if (slot !== undefined) return [];",
    tests: leaseTests,
  },
  {
    name: "offset-and-length-of-a-pair-ignored",
    rules: ["R7618-8-08"],
    file: "src/lease/domain.ts",
    search:
      "(pair.portSet.psidOffset !== geometry.psidOffset || pair.portSet.psidLength !== geometry.psidLength)",
    replacement: "pair.portSet.psidOffset > 15",
    tests: leaseTests,
  },
  {
    name: "nak-to-unknown-rebooting-client",
    rules: ["RFC 2131 §4.3.2"],
    file: request,
    search: "return isRenewing && domain.refusesUnknownRenewals",
    replacement: "return !isRenewing || domain.refusesUnknownRenewals",
    tests: leaseTests,
  },
  {
    name: "silence-on-the-wrong-network",
    rules: ["RFC 2131 §4.3.2"],
    file: request,
    search: 'if (state === "init-reboot") return nak("wrong-network");',
    replacement: 'if (state === "init-reboot") return silence("wrong-network");',
    tests: leaseTests,
  },
  {
    name: "no-nak-for-another-port-set",
    rules: ["R7618-8-03"],
    file: request,
    search: 'return fact.held === null ? decideUnknown(query, domain) : nak("pair-not-held");',
    replacement: "return decideUnknown(query, domain);",
    tests: leaseTests,
  },
  {
    name: "renewal-without-159-kept",
    rules: ["R7618-8-03"],
    file: request,
    search:
      'if (pool.kind === "shared" && !query.sharesPorts) return silence("shared-lease-without-option-159");',
    replacement: "",
    tests: leaseTests,
  },
  {
    name: "reboot-from-another-source",
    rules: ["R7618-6-11"],
    file: request,
    search: 'const sourceMustMatch = state === "init-reboot" && domain.rebootNeedsSameSource;',
    replacement: 'const sourceMustMatch = state === "init-reboot" && state !== "init-reboot";',
    tests: leaseTests,
  },
  {
    name: "renewal-from-another-source-refused",
    rules: ["R7618-6-11"],
    file: request,
    search: 'const sourceMustMatch = state === "init-reboot" && domain.rebootNeedsSameSource;',
    replacement: "const sourceMustMatch = domain.rebootNeedsSameSource;",
    tests: leaseTests,
  },
  {
    name: "request-for-another-server-served",
    rules: ["RFC 2131 §4.3.2"],
    file: request,
    search: "if (serverIdentifier !== domain.serverIdentifier) {",
    replacement: "if (serverIdentifier === 0) {",
    tests: leaseTests,
  },
  {
    name: "ack-whatever-the-row-says",
    rules: ["RFC 2131 §4.3.2"],
    file: request,
    search: 'if (!isNamed || held.state !== "bound" || held.remainingSeconds <= 0) {',
    replacement: 'if (!isNamed || held.state === "declined") {',
    tests: leaseTests,
  },
  {
    name: "release-of-another-server-served",
    rules: ["RFC 2131 §4.3.4"],
    file: "src/lease/end.ts",
    search: [
      "export function claimRelease(query: Query, domain: Domain): ClaimStep {",
      '  if (isForAnotherServer(query, domain)) return silence("other-server-chosen");',
    ].join("\n"),
    replacement: "export function claimRelease(query: Query, domain: Domain): ClaimStep {",
    tests: leaseTests,
  },
  {
    name: "lease-time-not-bounded",
    rules: ["RFC 2131 §4.3.1"],
    file: "src/lease/decision.ts",
    search: "query.leaseSeconds === undefined ? usual : Math.min(max, Math.max(min, query.leaseSeconds));",
    replacement: "query.leaseSeconds === undefined ? usual : query.leaseSeconds;",
    tests: leaseTests,
  },
  {
    name: "site-limit-by-the-outermost-relay",
    rules: ["R7618-10-02"],
    file: "src/lease/site.ts",
    search: "const downstream = path.slice(1).reverse();",
    replacement: "const downstream = path.slice();",
    tests: leaseTests,
  },
];

const responseMutants: readonly Mutant[] = [
  {
    name: "159-sent-unasked",
    rules: ["R7618-8-01"],
    file: "src/lease/discover.ts",
    search: 'if (pool.kind === "shared" && !query.sharesPorts) return silence("holds-shared-lease");',
    replacement: "",
    tests: leaseTests,
  },
  {
    name: "159-left-out",
    rules: ["R7618-8-02"],
    file: response,
    search:
      "if (pair.portSet !== undefined) options.set(OptionCode.portParams, encodePortParams(pair.portSet));",
    replacement: "",
    tests: leaseTests,
  },
  {
    name: "client-identifier-not-echoed",
    rules: ["RFC 6842 §3"],
    file: response,
    search: "if (clientIdentifier !== undefined) options.set(OptionCode.clientIdentifier, clientIdentifier);",
    replacement: "",
    tests: leaseTests,
  },
  {
    name: "client-identifier-changed",
    rules: ["RFC 6842 §3"],
    file: response,
    search: "if (clientIdentifier !== undefined) options.set(OptionCode.clientIdentifier, clientIdentifier);",
    replacement:
      "if (clientIdentifier !== undefined) options.set(OptionCode.clientIdentifier, clientIdentifier.subarray(1));",
    tests: leaseTests,
  },
  {
    name: "lease-time-in-inform-ack",
    rules: ["RFC 2131 §4.3.5"],
    file: response,
    search: 'if (reply.kind === "nak") {\n    options.set(OptionCode.message',
    replacement:
      'if (reply.kind === "settings") options.set(OptionCode.leaseTime, encodeSeconds(3600));\n  if (reply.kind === "nak") {\n    options.set(OptionCode.message',
    tests: leaseTests,
  },
  {
    name: "109-only-in-the-first-ack",
    rules: ["R8539-8-02"],
    file: response,
    search: 'if (reply.kind === "ack" && reply.softwire !== null) {',
    replacement: 'if (reply.kind === "ack" && reply.softwire !== null && message.ciaddr === 0) {',
    tests: leaseTests,
  },
  {
    name: "softwire-options-unasked",
    rules: ["R8539-6.1-01"],
    file: response,
    search: "if (query.optionRequest.includes(OptionCode6.s46Br)) {",
    replacement: "if (query.optionRequest.length >= 0) {",
    tests: leaseTests,
  },
  {
    name: "nak-has-an-address",
    rules: ["RFC 2131 table 3"],
    file: response,
    search: "yiaddr: isLease ? reply.pair.address : 0,",
    replacement: "yiaddr: isLease ? reply.pair.address : message.ciaddr,",
    tests: leaseTests,
  },
  {
    name: "xid-not-echoed",
    rules: ["RFC 2131 table 3"],
    file: response,
    search: "    xid: message.xid,",
    replacement: "    xid: message.secs,",
    tests: leaseTests,
  },
  {
    name: "options-in-the-servers-order",
    rules: ["RFC 2132 §9.8"],
    file: response,
    search: "const wishes = parameterRequestList.length > 0 ? parameterRequestList : configured.keys();",
    replacement:
      "const wishes = [...(parameterRequestList.length > 0 ? parameterRequestList : configured.keys())].sort((a, b) => a - b);",
    tests: leaseTests,
  },
  {
    name: "message-size-of-the-client-ignored",
    rules: ["RFC 2132 §9.10"],
    file: response,
    search: "if (measureDhcpV4(message.options) <= octetsMax) return encodeDhcpV4(message);",
    replacement: "if (octetsMax > 0) return encodeDhcpV4(message);",
    tests: leaseTests,
  },
  {
    name: "t1-after-t2",
    rules: ["RFC 2131 §4.4.5"],
    file: response,
    search: "encodeSeconds(Math.floor(leaseSeconds / 2))",
    replacement: "encodeSeconds(leaseSeconds)",
    tests: leaseTests,
  },
];

const storeMutants: readonly Mutant[] = [
  {
    name: "ack-before-commit",
    rules: ["RFC 2131 §3.1"],
    file: "src/store/commit.ts",
    search: 'const results = await client.batch(batch, "write");',
    replacement: [
      'const results = await client.batch(batch.slice(-1), "write");',
      '  void client.batch(batch, "write").catch(() => undefined);',
    ].join("\n"),
    tests: storeTests,
  },
  {
    name: "release-of-another-clients-slot",
    rules: ["R7618-8-08"],
    file: statements,
    search: [
      "  CROSS JOIN lease own ON own.domain_id = c.domain_id AND own.client_id = c.client_id",
      "  WHERE ${isNamedSlot} AND own.state <= c.newest_state",
    ].join("\n"),
    replacement: [
      "  CROSS JOIN lease own ON own.domain_id = c.domain_id",
      "  WHERE ${isNamedSlot} AND own.state <= c.newest_state",
    ].join("\n"),
    tests: storeTests,
  },
  {
    name: "release-of-any-slot-of-the-client",
    rules: ["R7618-8-08"],
    file: statements,
    search: "WHERE ${isNamedSlot} AND own.state <= c.newest_state",
    replacement: "WHERE own.state <= c.newest_state",
    tests: storeTests,
  },
  {
    name: "no-release-quarantine",
    rules: ["R7618-8-09"],
    file: "src/lease/end.ts",
    search: "quarantineSeconds: domain.quarantineSeconds,",
    replacement: "quarantineSeconds: 0,",
    tests: [...leaseTests, modelTests],
  },
  {
    name: "no-quarantine-in-the-row",
    rules: ["R7618-8-09"],
    file: statements,
    search: "min(lease.expires_at, e.now) + e.quarantine),",
    replacement: "min(lease.expires_at, e.now)),",
    tests: storeTests,
  },
  {
    name: "no-expiry-quarantine",
    rules: ["R7618-8-09"],
    file: statements,
    search: "c.now + c.lease_seconds + c.quarantine),",
    replacement: "c.now + c.lease_seconds),",
    tests: [...storeTests, modelTests],
  },
  {
    name: "no-decline-quarantine",
    rules: ["RFC 2131 §4.3.3"],
    file: "src/lease/end.ts",
    search: "quarantineSeconds: domain.declineSeconds,",
    replacement: "quarantineSeconds: 0,",
    tests: [...leaseTests, modelTests],
  },
  {
    name: "declined-pair-stays-its-clients",
    rules: ["RFC 2131 §4.3.3"],
    file: statements,
    search:
      "client_id = iif(e.state = ${declined} AND lease.free_at <> ${freeNever}, NULL, lease.client_id),",
    replacement: "",
    tests: storeTests,
  },
  {
    name: "site-limit-counts-only-leases",
    rules: ["R7618-10-02"],
    file: statements,
    search: "AND used.state <= ${bound} AND used.expires_at > now",
    replacement: "AND used.state = ${bound} AND used.expires_at > now",
    tests: storeTests,
  },
  {
    name: "site-limit-counts-what-has-ended",
    rules: ["R7618-10-02"],
    file: statements,
    search: "AND used.state <= ${bound} AND used.expires_at > now",
    replacement: "AND used.state <= ${bound}",
    tests: [...storeTests, modelTests],
  },
  {
    name: "no-site-limit-within-a-batch",
    rules: ["R7618-10-02"],
    file: "src/http/round.ts",
    search: "if (claim.siteLeasesMax !== null) keys.push(`site ${claim.domainId} ${claim.site}`);",
    replacement: "",
    tests: httpTests,
  },
  {
    name: "hint-beats-previous-pair",
    rules: ["R7618-8-07b"],
    file: statements,
    search: "  WHERE NOT (own.state = ${bound} AND own.expires_at > now) OR ${isDrained}\n)",
    replacement:
      "  WHERE NOT (own.state = ${bound} AND own.expires_at > now) AND json_array_length(c.wanted_slots) = 0\n)",
    tests: storeTests,
  },
  {
    name: "expired-lease-not-reusable",
    rules: ["R7618-8-07d"],
    file: statements,
    search: "WHERE lease.free_at <= excluded.updated_at`;",
    replacement: "WHERE lease.state >= ${released} AND lease.free_at <= excluded.updated_at`;",
    tests: storeTests,
  },
  {
    name: "pair-in-use-taken-over",
    rules: ["R7618-8-07c"],
    file: statements,
    search: "WHERE taken.slot IS NULL OR taken.free_at <= now ORDER BY w.key LIMIT 1",
    replacement: "ORDER BY w.key LIMIT 1",
    tests: storeTests,
  },
  {
    name: "history-not-written",
    rules: ["design §3"],
    file: "migrations/0001_triggers.sql",
    search:
      "WHEN OLD.since IS NOT NULL AND (NEW.since IS NOT OLD.since OR NEW.client_id IS NOT OLD.client_id)",
    replacement:
      "WHEN OLD.since IS NOT NULL AND OLD.expires_at > NEW.updated_at AND NEW.since IS NOT OLD.since",
    tests: storeTests,
  },
  {
    name: "history-ends-when-the-row-changes",
    rules: ["design §3"],
    file: "migrations/0001_triggers.sql",
    search: "min(OLD.expires_at, NEW.updated_at),",
    replacement: "NEW.updated_at,",
    tests: storeTests,
  },
  {
    name: "newest-released-first",
    rules: ["R7618-8-07d"],
    file: statements,
    search: "ORDER BY free.free_at LIMIT (SELECT count(*) FROM unheld)",
    replacement: "ORDER BY free.free_at DESC LIMIT (SELECT count(*) FROM unheld)",
    tests: [...storeTests, modelTests],
  },
  {
    name: "cursor-does-not-skip",
    rules: ["design §3"],
    file: statements,
    search: "min(slots, cursor + claims + ${offerSkipMax}) - 1 FROM need",
    replacement: "min(slots, cursor + claims) - 1 FROM need",
    tests: storeTests,
  },
  {
    name: "cursor-passes-free-slots",
    rules: ["design §3"],
    file: statements,
    search: "  SELECT max(number) FROM step\n",
    replacement: "  SELECT max(number) + 1 FROM step\n",
    tests: storeTests,
  },
  {
    name: "stale-configuration-accepted",
    rules: ["design §3"],
    file: "src/http/pipeline.ts",
    search: "return revision === current.revision ? { facts, now } : undefined;",
    replacement: "return revision > 0 ? { facts, now } : undefined;",
    tests: httpTests,
  },
  {
    name: "stale-claims-act",
    rules: ["design §3"],
    file: statements,
    search:
      "`json_each(iif((SELECT revision FROM configuration) = CAST(:revision AS INTEGER), ${parameter}, '[]'))`;",
    replacement: "`json_each(iif(CAST(:revision AS INTEGER) >= 0, ${parameter}, '[]'))`;",
    tests: [...storeTests, ...httpTests],
  },
  {
    name: "softwire-conflict-stored",
    rules: ["R8539-8.2-01"],
    file: statements,
    search:
      "c.softwire IS NOT NULL AND EXISTS (\n        SELECT 1 FROM lease other WHERE other.softwire = c.softwire AND other.slot <> own.slot",
    replacement:
      "c.softwire IS NULL AND EXISTS (\n        SELECT 1 FROM lease other WHERE other.softwire = c.softwire AND other.slot <> own.slot",
    tests: storeTests,
  },
  {
    name: "softwire-interval-ignored",
    rules: ["R8539-8.1-02"],
    file: statements,
    search: "OR (running AND own_softwire IS NOT NULL AND now - since < softwire_interval),",
    replacement: "OR softwire IS NULL,",
    tests: storeTests,
  },
  {
    name: "ended-lease-keeps-its-softwire",
    rules: ["R8539-8.2-01"],
    file: statements,
    search: "iif(own.state = ${bound} AND own.expires_at > now, own.softwire, NULL) AS own_softwire,",
    replacement: "own.softwire AS own_softwire,",
    tests: [modelTests],
  },
  {
    name: "offer-moves-past-a-site-limit",
    rules: ["R7618-10-02"],
    file: statements,
    search: "AND own.expires_at > now AND own.site IS c.site AS running,",
    replacement: "AND own.expires_at > now AS running,",
    tests: [modelTests],
  },
  {
    name: "offer-ends-a-quarantine",
    rules: ["R7618-8-09"],
    file: statements,
    search: "max(lease.free_at, now + c.hold)",
    replacement: "now + c.hold",
    tests: [modelTests],
  },
  {
    name: "offer-shortens-a-lease",
    rules: ["R7618-8-07a"],
    file: statements,
    search: "WHERE NOT (own.state = ${bound} AND own.expires_at > now)",
    replacement: "WHERE true",
    tests: storeTests,
  },
  {
    name: "previous-pair-forgotten",
    rules: ["R7618-8-07b"],
    file: statements,
    search: "client_id = iif(c.served, lease.client_id, NULL),",
    replacement: "client_id = iif(c.running, lease.client_id, NULL),",
    tests: storeTests,
  },
  {
    name: "renewal-binds-an-offer",
    rules: ["RFC 2131 §4.3.2"],
    file: statements,
    search: "AND own.state BETWEEN c.oldest_state AND ${bound}",
    replacement: "AND own.state <= ${bound}",
    tests: [...storeTests, modelTests],
  },
  {
    name: "withdrawal-ends-a-lease",
    rules: ["RFC 2131 §4.3.2"],
    file: "src/store/claim-rows.ts",
    search: 'claim.as === "withdrawn" ? LeaseState.offered : LeaseState.bound,',
    replacement: "LeaseState.bound,",
    tests: storeTests,
  },
  {
    name: "reserved-ports-ignored",
    rules: ["R7618-8-10", "R7618-8-11"],
    file: "src/portset/port-set.ts",
    search: "if (psid !== undefined) isReserved[psid] = 1;",
    replacement: "if (psid !== undefined) isReserved[psid] = 0;",
    tests: ["src/portset"],
  },
  {
    name: "ports-below-the-offset-given-out",
    rules: ["RFC 7597 §5.1"],
    file: "src/portset/port-set.ts",
    search: "for (let a = psidOffset > 0 ? 1 : 0; a < 2 ** psidOffset; a++) {",
    replacement: "for (let a = 0; a < 2 ** psidOffset; a++) {",
    tests: ["src/portset"],
  },
];

const relayMutants: readonly Mutant[] = [
  {
    name: "hop-count-8-forwarded",
    rules: ["RFC 8415 §19.1.2"],
    file: "relay/envelope.ts",
    search: 'if (message.hopCount >= hopCountLimit) return drop("hop-limit");',
    replacement: 'if (message.hopCount > hopCountLimit) return drop("hop-limit");',
    tests: relayTests,
  },
  {
    name: "hop-count-not-increased",
    rules: ["RFC 8415 §19.1.2"],
    file: "relay/envelope.ts",
    search: "hopCount: message.hopCount + 1, isRelay: true",
    replacement: "hopCount: message.hopCount, isRelay: true",
    tests: relayTests,
  },
  {
    name: "link-address-for-a-far-relay",
    rules: ["RFC 8415 §19.1.2"],
    file: "relay/envelope.ts",
    search: "sender.isRelay && !isLinkLocal(peerAddress) ? unspecified : origin.linkAddress;",
    replacement: "sender.isRelay && isLinkLocal(peerAddress) ? unspecified : origin.linkAddress;",
    tests: relayTests,
  },
  {
    name: "relay-answers-to-546-for-relays",
    rules: ["RFC 8415 §7.2"],
    file: "relay/envelope.ts",
    search: "if (payload[0] !== MessageType6.relayReply) return clientPort;",
    replacement: "if (payload[0] !== 0) return clientPort;",
    tests: relayTests,
  },
  {
    name: "relay-port-of-135-ignored",
    rules: ["RFC 8357 §5.2"],
    file: "relay/envelope.ts",
    search: "return asked === 0 ? relayPort : asked;",
    replacement: "return relayPort;",
    tests: relayTests,
  },
  {
    name: "relay-drops-the-newest",
    rules: ["design §1"],
    file: "relay/queue.ts",
    search:
      "    while (this.#length === this.#limits.lengthMax || this.#octets + frame.length > this.#limits.octetsMax) {",
    replacement:
      "    if (this.#length === this.#limits.lengthMax) return 1;\n    while (this.#octets + frame.length > this.#limits.octetsMax) {",
    tests: relayTests,
  },
  {
    name: "relay-forwards-responses-from-below",
    rules: ["RFC 7341 §10"],
    file: "relay/envelope.ts",
    search: "    case MessageType6.dhcpv4Query:\n",
    replacement: "    case MessageType6.dhcpv4Query:\n    case 21 as never:\n",
    tests: relayTests,
  },
  {
    name: "relay-sends-what-waited-too-long",
    rules: ["design §1"],
    file: "relay/queue.ts",
    search: "nowMs - this.#ring[this.#first]!.arrivedMs > this.#limits.waitMsMax",
    replacement: "nowMs - this.#ring[this.#first]!.arrivedMs > Infinity",
    tests: relayTests,
  },
];

/** All broken rules. */
export const mutants: readonly Mutant[] = [
  ...wireMutants,
  ...queryMutants,
  ...leaseMutants,
  ...responseMutants,
  ...storeMutants,
  ...relayMutants,
];
