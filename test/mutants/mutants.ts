/**
 * Broken rules: each is one change of one place of the source, and some test must notice it.
 *
 * @module
 */
import { adminMutants } from "./admin.ts";
import { dhcpv4Mutants } from "./dhcpv4.ts";
import type { Mutant } from "./mutant.ts";
import { relayMutants } from "./relay.ts";
import { relayedMutants } from "./relayed.ts";
import { sharedAddressMutants } from "./shared-addresses.ts";

const leaseTests = ["test/vectors-served.test.ts", "src/lease", "test/spine.test.ts", "test/rules"];
const storeTests = ["src/store/commit.test.ts"];
/** For what only time and many clients show. */
const modelTests = "test/model";
const httpTests = ["src/http"];
const wireTests = ["src/wire", "test/vectors-served.test.ts", "src/client"];

const statements = "src/store/statements.ts";
const portParams = "src/wire/dhcpv4/options/port-params.ts";
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
    rules: ["RFC 7597 §5.1"],
    file: portParams,
    search: "if (psidOffset + psidLength > psidBits) {",
    replacement: "if (psidOffset + psidLength > 2 * psidBits) {",
    tests: wireTests,
  },
];

const queryMutants: readonly Mutant[] = [
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
    name: "everybody-shares",
    rules: ["R7618-8-01", "R7618-8.1-02"],
    file: query,
    search: "const sharesPorts = parameterRequestList.includes(OptionCode.portParams);",
    replacement: "const sharesPorts = true;",
    tests: leaseTests,
  },
  {
    name: "release-needs-option-55",
    rules: ["A1", "R7618-8-08"],
    file: query,
    search: "portParams: sharesPorts || givesBack(messageType) ? decodePortSet(options) : undefined,",
    replacement: "portParams: sharesPorts ? decodePortSet(options) : undefined,",
    tests: leaseTests,
  },
  {
    name: "source-is-the-outermost-peer",
    rules: ["R7618-6-11"],
    file: query,
    search: "source: path.at(-1)!.peerAddress,",
    replacement: "source: path[0]!.peerAddress,",
    tests: leaseTests,
  },
  {
    name: "identified-by-hardware-address",
    rules: ["A11"],
    file: "src/lease/decide.ts",
    search:
      'if (query.identity === "hardware-address" && (!domain.identifiesByHardwareAddress || query.sharesPorts)) {',
    replacement: 'if (query.identity === "hardware-address" && query.identity !== "hardware-address") {',
    tests: leaseTests,
  },
  {
    name: "shortest-prefix-wins",
    rules: ["R7341-11-03"],
    file: "src/lease/domain.ts",
    search: "if (prefix.length > bestLength && prefixContains(prefix, place)) {",
    replacement: "if ((bestLength < 0 || prefix.length < bestLength) && prefixContains(prefix, place)) {",
    tests: ["test/rules/rfc7341.test.ts"],
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
    rules: ["R7618-6-04", "A9"],
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
    rules: ["R7618-7-06", "A5"],
    file: "src/lease/domain.ts",
    search:
      "(pair.portSet.psidOffset !== geometry.psidOffset || pair.portSet.psidLength !== geometry.psidLength)",
    replacement: "pair.portSet.psidOffset > 15",
    tests: leaseTests,
  },
  {
    name: "nak-to-unknown-rebooting-client",
    rules: ["R2131-4.3.2-06", "R2131-4.3.2-14"],
    file: request,
    search: "return isRenewing && domain.refusesUnknownRenewals",
    replacement: "return !isRenewing || domain.refusesUnknownRenewals",
    tests: ["test/rules/rfc2131-request.test.ts"],
  },
  {
    name: "silence-on-the-wrong-network",
    rules: ["R2131-4.3.2-05"],
    file: request,
    search: 'if (state === "init-reboot") return nak("wrong-network");',
    replacement: 'if (state === "init-reboot") return silence("wrong-network");',
    tests: ["test/rules/rfc2131-request.test.ts"],
  },
  {
    name: "no-nak-for-another-port-set",
    rules: ["R7618-7-06", "A5", "R2131-4.3.2-07", "R2131-4.3.2-12"],
    file: request,
    search: 'return fact.held === null ? decideUnknown(query, domain, fact) : nak("pair-not-held");',
    replacement: "return decideUnknown(query, domain, fact);",
    tests: leaseTests,
  },
  {
    name: "renewal-without-159-kept",
    rules: ["A2"],
    file: request,
    search:
      'if (pool.kind === "shared" && !query.sharesPorts) return silence("shared-lease-without-option-159");',
    replacement: "",
    tests: leaseTests,
  },
  {
    name: "reboot-from-another-source",
    rules: ["R7618-6-11", "A10"],
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
    rules: ["R2131-4.3.2-02"],
    file: request,
    search: "if (serverIdentifier !== domain.serverIdentifier) {",
    replacement: "if (serverIdentifier === 0) {",
    tests: ["test/rules/rfc2131-request.test.ts"],
  },
  {
    name: "ack-whatever-the-row-says",
    rules: ["R2131-4.3.2-08"],
    file: request,
    search: 'if (!isNamed || held.state !== "bound" || held.remainingSeconds <= 0) {',
    replacement: 'if (!isNamed || held.state === "declined") {',
    tests: ["test/rules/rfc2131-request.test.ts"],
  },
  {
    name: "release-of-another-server-served",
    rules: ["R7618-8-08", "R2131-4.3.4-01"],
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
    rules: ["R2131-4.3.1-05"],
    file: "src/lease/decision.ts",
    search: "query.leaseSeconds === undefined ? usual : Math.min(max, Math.max(min, query.leaseSeconds));",
    replacement: "query.leaseSeconds === undefined ? usual : query.leaseSeconds;",
    tests: ["test/rules/rfc2131-discover.test.ts"],
  },
  {
    name: "site-limit-by-the-outermost-relay",
    rules: ["A13"],
    file: "src/lease/site.ts",
    search: "const downstream = path.slice(1).reverse();",
    replacement: "const downstream = path.slice();",
    tests: leaseTests,
  },
];

const responseMutants: readonly Mutant[] = [
  {
    name: "159-sent-unasked",
    rules: ["R7618-8-01", "A12"],
    file: "src/lease/discover.ts",
    search: 'if (pool.kind === "shared" && !query.sharesPorts) return silence("holds-shared-lease");',
    replacement: "",
    tests: leaseTests,
  },
  {
    name: "159-left-out",
    rules: ["R7618-6-03", "R7618-6-08", "R7618-8-02", "R7618-8-09"],
    file: response,
    search:
      "if (pair.portSet !== undefined) options.set(OptionCode.portParams, encodePortParams(pair.portSet));",
    replacement: "",
    tests: leaseTests,
  },
  {
    name: "client-identifier-not-echoed",
    rules: ["R6842-3-01"],
    file: response,
    search: "if (clientIdentifier !== undefined) options.set(OptionCode.clientIdentifier, clientIdentifier);",
    replacement: "",
    tests: ["test/rules/rfc2131-answer.test.ts"],
  },
  {
    name: "client-identifier-changed",
    rules: ["R6842-3-01"],
    file: response,
    search: "if (clientIdentifier !== undefined) options.set(OptionCode.clientIdentifier, clientIdentifier);",
    replacement:
      "if (clientIdentifier !== undefined) options.set(OptionCode.clientIdentifier, clientIdentifier.subarray(1));",
    tests: ["test/rules/rfc2131-answer.test.ts"],
  },
  {
    name: "lease-time-in-inform-ack",
    rules: ["R2131-4.3.5-01", "R2131-4.3.1-T3-06"],
    file: response,
    search: 'if (reply.kind === "nak") {\n    options.set(OptionCode.message',
    replacement:
      'if (reply.kind === "settings") options.set(OptionCode.leaseTime, encodeSeconds(3600));\n  if (reply.kind === "nak") {\n    options.set(OptionCode.message',
    tests: ["test/rules/rfc2131-end.test.ts", "test/rules/rfc2131-answer.test.ts"],
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
    rules: ["R8539-5-01"],
    file: response,
    search: "if (query.optionRequest.includes(OptionCode6.s46Br)) {",
    replacement: "if (query.optionRequest.length >= 0) {",
    tests: leaseTests,
  },
  {
    name: "nak-has-an-address",
    rules: ["R2131-4.3.1-T3-03"],
    file: response,
    search: "yiaddr: isLease ? reply.pair.address : 0,",
    replacement: "yiaddr: isLease ? reply.pair.address : message.ciaddr,",
    tests: ["test/rules/rfc2131-answer.test.ts"],
  },
  {
    name: "xid-not-echoed",
    rules: ["R2131-4.3.1-T3-01"],
    file: response,
    search: "    xid: message.xid,",
    replacement: '    xid: reply.kind === "nak" ? 0 : message.xid,',
    tests: ["test/rules/rfc2131-answer.test.ts"],
  },
  {
    name: "options-in-the-servers-order",
    rules: ["R2132-9.8-01"],
    file: response,
    search: "const wishes = parameterRequestList.length > 0 ? parameterRequestList : usual;",
    replacement:
      "const wishes = [...(parameterRequestList.length > 0 ? parameterRequestList : usual)].sort((a, b) => a - b);",
    tests: ["test/rules/rfc2132.test.ts"],
  },
  {
    name: "message-size-of-the-client-ignored",
    rules: ["R2132-9.10-01"],
    file: response,
    search: "if (measureDhcpV4(message.options) <= octetsMax) return encodeDhcpV4(message);",
    replacement: "if (octetsMax > 0) return encodeDhcpV4(message);",
    tests: ["test/rules/rfc2132.test.ts"],
  },
  {
    name: "t1-after-t2",
    rules: ["R2131-4.4.5-01"],
    file: response,
    search: "encodeSeconds(Math.floor(leaseSeconds / 2))",
    replacement: "encodeSeconds(leaseSeconds)",
    tests: ["test/rules/rfc2131-answer.test.ts"],
  },
];

const storeMutants: readonly Mutant[] = [
  {
    name: "ack-before-commit",
    rules: ["R2131-4.3.2-03"],
    file: "src/store/commit.ts",
    search: 'const results = await client.batch(batch, "write");',
    replacement: [
      'const results = await client.batch(batch.slice(-1), "write");',
      '  void client.batch(batch, "write").catch(() => undefined);',
    ].join("\n"),
    tests: ["test/rules/rfc2131-request.test.ts"],
  },
  {
    name: "release-of-another-clients-slot",
    rules: ["R7618-6-07"],
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
    rules: ["R7618-8-08", "A4"],
    file: statements,
    search: "WHERE ${isNamedSlot} AND own.state <= c.newest_state",
    replacement: "WHERE own.state <= c.newest_state",
    tests: storeTests,
  },
  {
    name: "no-release-quarantine",
    rules: ["R7618-8-03"],
    file: "src/lease/end.ts",
    search: "quarantineSeconds: domain.quarantineSeconds,",
    replacement: "quarantineSeconds: 0,",
    tests: [...leaseTests, modelTests],
  },
  {
    name: "no-quarantine-in-the-row",
    rules: ["design §3"],
    file: statements,
    search: "min(lease.expires_at, e.now) + e.quarantine),",
    replacement: "min(lease.expires_at, e.now)),",
    tests: storeTests,
  },
  {
    name: "no-expiry-quarantine",
    rules: ["R7618-8-03"],
    file: statements,
    search: "c.now + c.lease_seconds + c.quarantine),",
    replacement: "c.now + c.lease_seconds),",
    tests: [...storeTests, modelTests],
  },
  {
    name: "no-decline-quarantine",
    rules: ["R2131-4.3.3-01", "A14"],
    file: "src/lease/end.ts",
    search: "quarantineSeconds: domain.declineSeconds,",
    replacement: "quarantineSeconds: 0,",
    tests: ["test/rules/rfc2131-end.test.ts"],
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
    rules: ["R7618-8-03"],
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
    rules: ["R8539-8-03"],
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
    rules: ["design §3"],
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
    rules: ["R2131-4.3.2-08"],
    file: statements,
    search: "AND own.state BETWEEN c.oldest_state AND ${bound}",
    replacement: "AND own.state <= ${bound}",
    tests: ["test/rules/rfc2131-request.test.ts"],
  },
  {
    name: "reserved-ports-ignored",
    rules: ["R7618-8-10", "R7618-8-11", "R7618-9-05"],
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

/** All broken rules. */
export const mutants: readonly Mutant[] = [
  ...wireMutants,
  ...queryMutants,
  ...leaseMutants,
  ...responseMutants,
  ...storeMutants,
  ...relayMutants,
  ...sharedAddressMutants,
  ...dhcpv4Mutants,
  ...relayedMutants,
  ...adminMutants,
];
