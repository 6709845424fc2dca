/**
 * Broken rules of RFC 2131 and what belongs to it: rows of group `dhcpv4`.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const discover = "src/lease/discover.ts";
const request = "src/lease/request.ts";
const end = "src/lease/end.ts";
const response = "src/lease/response.ts";
const query = "src/lease/query.ts";
const decideStep = "src/lease/decide.ts";
const statements = "src/store/statements.ts";
const message = "src/wire/dhcpv4/message.ts";

const discoverTests = ["test/rules/rfc2131-discover.test.ts"];
const requestTests = ["test/rules/rfc2131-request.test.ts"];
const endTests = ["test/rules/rfc2131-end.test.ts"];
const answerTests = ["test/rules/rfc2131-answer.test.ts"];
const optionTests = ["test/rules/rfc2132.test.ts"];

const clientMutants: readonly Mutant[] = [
  {
    name: "unknown-message-types-informed",
    rules: ["R2131-3-01"],
    file: decideStep,
    search: '    default:\n      return silence("unserved-message-type");',
    replacement: "    default:\n      return decideInform(query, domain);",
    tests: discoverTests,
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
];

const offerMutants: readonly Mutant[] = [
  {
    name: "repeated-discover-gets-another-pair",
    rules: ["R2131-4.3.1-01"],
    file: statements,
    search: "own.pool_id IN (SELECT value FROM json_each(c.pool_ids)) AS served",
    replacement:
      "own.state <> ${offered} AND own.pool_id IN (SELECT value FROM json_each(c.pool_ids)) AS served",
    tests: discoverTests,
  },
  {
    name: "offered-pair-is-free-at-once",
    rules: ["R2131-4.3.1-02"],
    file: statements,
    search: "c.client_id, ${offered}, now + c.hold, now + c.hold, NULL,",
    replacement: "c.client_id, ${offered}, now + c.hold, now, NULL,",
    tests: discoverTests,
  },
  {
    name: "offers-are-never-free-again",
    rules: ["R2131-4.3.1-03"],
    file: statements,
    search: "c.client_id, ${offered}, now + c.hold, now + c.hold, NULL,",
    replacement: "c.client_id, ${offered}, now + c.hold, ${freeNever}, NULL,",
    tests: discoverTests,
  },
  {
    name: "nak-to-discover",
    rules: ["R2131-4.3.1-04"],
    file: discover,
    search: 'return silence(limited ? "site-limit" : "pools-exhausted");',
    replacement: 'return { kind: "nak", reason: limited ? "site-limit" : "pools-exhausted" };',
    tests: discoverTests,
  },
  {
    name: "wished-lease-time-ignored",
    rules: ["R2131-4.3.1-05"],
    file: "src/lease/decision.ts",
    search: "query.leaseSeconds === undefined ? usual :",
    replacement: "query.leaseSeconds === undefined || query.leaseSeconds > 0 ? usual :",
    tests: discoverTests,
  },
  {
    name: "whole-lease-time-offered-again",
    rules: ["R2131-4.3.1-05"],
    file: discover,
    search: 'held.state === "bound" && query.leaseSeconds === undefined;',
    replacement: 'held.state !== "bound" && query.leaseSeconds === undefined;',
    tests: discoverTests,
  },
  {
    name: "wish-of-a-leaseholder-ignored",
    rules: ["R2131-4.3.1-05"],
    file: discover,
    search: 'held.state === "bound" && query.leaseSeconds === undefined;',
    replacement: 'held.state === "bound";',
    tests: discoverTests,
  },
  {
    name: "rapid-commit-only-offers",
    rules: ["R4039-3.1-01"],
    file: discover,
    search: 'if (claim.lease !== null && held.state === "bound") {',
    replacement: 'if (claim.lease !== null && held.state === "offered") {',
    tests: discoverTests,
  },
  {
    name: "rapid-commit-without-option-80",
    rules: ["R4039-3.1-01"],
    file: response,
    search:
      'if (reply.kind === "ack" && reply.rapidCommit) options.set(OptionCode.rapidCommit, encodeRapidCommit());',
    replacement: "void encodeRapidCommit;",
    tests: discoverTests,
  },
  {
    name: "rapid-commit-always-on",
    rules: ["R4039-3.1-02"],
    file: discover,
    search: "if (!query.rapidCommit || !domain.rapidCommit) return false;",
    replacement: "if (!query.rapidCommit) return false;",
    tests: discoverTests,
  },
  {
    name: "option-80-in-every-ack",
    rules: ["R4039-3.1-02"],
    file: response,
    search: 'if (reply.kind === "ack" && reply.rapidCommit) options.set',
    replacement: 'if (reply.kind === "ack" && query.rapidCommit) options.set',
    tests: discoverTests,
  },
  {
    name: "rapid-commit-despite-option-108",
    rules: ["R8925-3.3-01"],
    file: discover,
    search: "!query.parameterRequestList.includes(v6OnlyPreferred) ||",
    replacement: "query.parameterRequestList.includes(v6OnlyPreferred) ||",
    tests: optionTests,
  },
];

const requestMutants: readonly Mutant[] = [
  {
    name: "requested-address-before-ciaddr",
    rules: ["R2131-4.3.2-01"],
    file: request,
    search: "  if (message.ciaddr !== 0)\n    return claimKept",
    replacement: "  if (message.ciaddr !== 0 && requestedAddress === undefined)\n    return claimKept",
    tests: requestTests,
  },
  {
    name: "ciaddr-before-server-identifier",
    rules: ["R2131-4.3.2-01"],
    file: request,
    search: "if (serverIdentifier !== undefined) return claimSelecting",
    replacement: "if (serverIdentifier !== undefined && message.ciaddr === 0) return claimSelecting",
    tests: requestTests,
  },
  {
    name: "offer-kept-from-others-after-all",
    rules: ["R2131-4.3.2-02"],
    file: request,
    search: '      kind: "end",\n      slots: null,',
    replacement: '      kind: "end",\n      slots: { first: 0, last: 0, step: 1 },',
    tests: requestTests,
  },
  {
    name: "lease-ended-by-another-servers-offer",
    rules: ["R2131-4.3.2-02"],
    file: "src/store/claim-rows.ts",
    search: 'claim.as === "withdrawn" ? LeaseState.offered : LeaseState.bound,',
    replacement: "LeaseState.bound,",
    tests: requestTests,
  },
  {
    name: "ack-after-a-failed-commit",
    rules: ["R2131-4.3.2-03"],
    file: "src/store/embedded.ts",
    search: '      database.exec("COMMIT");\n      return results;',
    replacement: [
      "      try {",
      '        database.exec("COMMIT");',
      "      } catch {",
      "        rollBack(database);",
      "      }",
      "      return results;",
    ].join("\n"),
    tests: requestTests,
  },
  {
    name: "silence-to-selecting-without-an-offer",
    rules: ["R2131-4.3.2-04"],
    file: request,
    search: 'if (held === null) return isOffer ? nak("pair-not-offered") : decideUnknown',
    replacement: "if (held === null) return decideUnknown",
    tests: requestTests,
  },
  {
    name: "silence-to-selecting-of-no-pair",
    rules: ["R2131-4.3.2-04"],
    file: request,
    search: '    ? nak("pair-not-offered")\n    : claimed(bindClaim',
    replacement: '    ? silence("pair-not-offered")\n    : claimed(bindClaim',
    tests: requestTests,
  },
  {
    name: "nak-on-the-wrong-network-only-when-known",
    rules: ["R2131-4.3.2-05"],
    file: request,
    search: 'if (state === "init-reboot") return nak("wrong-network");',
    replacement: "",
    tests: requestTests,
  },
  {
    name: "reboot-refused-like-a-renewal",
    rules: ["R2131-4.3.2-06"],
    file: request,
    search: "const isRenewing = isExtending && query.unicast;",
    replacement: "const isRenewing = query.unicast;",
    tests: requestTests,
  },
  {
    name: "nak-to-unknown-client-whose-pair-is-taken",
    rules: ["R2131-4.3.2-06"],
    file: request,
    search: 'if (isExtending && pairTaken) return nak("pair-not-held");',
    replacement: 'if (pairTaken) return nak("pair-not-held");',
    tests: requestTests,
  },
  {
    name: "ack-for-another-slot-than-the-record",
    rules: ["R2131-4.3.2-07", "R2131-4.3.2-12"],
    file: request,
    search: 'if (!isNamed || held.state !== "bound" || held.remainingSeconds <= 0) {',
    replacement: 'if (held.state !== "bound" || held.remainingSeconds <= 0) {',
    tests: requestTests,
  },
  {
    name: "reboot-binds-an-offer",
    rules: ["R2131-4.3.2-08"],
    file: request,
    search: 'bindClaim(query, domain, onlySlot(slot), "lease", sourceMustMatch)',
    replacement: 'bindClaim(query, domain, onlySlot(slot), "offer-or-lease", sourceMustMatch)',
    tests: requestTests,
  },
  {
    name: "reboot-only-looks",
    rules: ["R2131-4.3.2-08", "R2131-4.3.2-09"],
    file: request,
    search: "  if (slot === undefined) return claimed(lookClaim(query, domain));",
    replacement:
      '  if (slot === undefined || state === "init-reboot") return claimed(lookClaim(query, domain));',
    tests: requestTests,
  },
  {
    name: "ended-lease-stays-ended",
    rules: ["R2131-4.3.2-09"],
    file: statements,
    search: "      AND own.state BETWEEN c.oldest_state AND ${bound}",
    replacement: "      AND own.state BETWEEN c.oldest_state AND ${bound} AND own.expires_at > now",
    tests: requestTests,
  },
  {
    name: "renewing-only-looks",
    rules: ["R2131-4.3.2-10"],
    file: request,
    search: "  if (slot === undefined) return claimed(lookClaim(query, domain));",
    replacement:
      '  if (slot === undefined || state === "renewing") return claimed(lookClaim(query, domain));',
    tests: requestTests,
  },
  {
    name: "rebinding-only-looks",
    rules: ["R2131-4.3.2-11"],
    file: request,
    search: "  if (slot === undefined) return claimed(lookClaim(query, domain));",
    replacement:
      '  if (slot === undefined || state === "rebinding") return claimed(lookClaim(query, domain));',
    tests: requestTests,
  },
  {
    name: "renewal-does-not-extend",
    rules: ["R2131-4.3.2-08", "R2131-4.3.2-10", "R2131-4.3.2-11"],
    file: statements,
    search: "  expires_at = c.now + c.lease_seconds,",
    replacement: "  expires_at = iif(c.running, lease.expires_at, c.now + c.lease_seconds),",
    tests: requestTests,
  },
  {
    name: "silence-to-a-pair-of-another-client",
    rules: ["R2131-4.3.2-13"],
    file: request,
    search: 'if (isExtending && pairTaken) return nak("pair-not-held");',
    replacement: "",
    tests: requestTests,
  },
  {
    name: "nak-to-a-pair-of-an-ended-lease",
    rules: ["R2131-4.3.2-13"],
    file: statements,
    search: [
      "      SELECT 1 FROM lease other WHERE other.slot = c.first_slot",
      "        AND other.state = ${bound} AND other.expires_at > now",
    ].join("\n"),
    replacement: "      SELECT 1 FROM lease other WHERE other.slot = c.first_slot AND other.state = ${bound}",
    tests: requestTests,
  },
  {
    name: "unknown-rebinding-refused",
    rules: ["R2131-4.3.2-14"],
    file: request,
    search: "const isRenewing = isExtending && query.unicast;",
    replacement: "const isRenewing = isExtending;",
    tests: requestTests,
  },
  {
    name: "unknown-renewing-never-refused",
    rules: ["R2131-4.3.2-14"],
    file: request,
    search: "return isRenewing && domain.refusesUnknownRenewals ?",
    replacement: "return !isRenewing && domain.refusesUnknownRenewals ?",
    tests: requestTests,
  },
];

const endMutants: readonly Mutant[] = [
  {
    name: "declined-pair-free-after-the-quarantine",
    rules: ["R2131-4.3.3-01"],
    file: end,
    search: "quarantineSeconds: domain.declineSeconds,",
    replacement: "quarantineSeconds: domain.quarantineSeconds,",
    tests: endTests,
  },
  {
    name: "declined-pair-offered-to-its-client",
    rules: ["R2131-4.3.3-01", "A14"],
    file: statements,
    search:
      "client_id = iif(e.state = ${declined} AND lease.free_at <> ${freeNever}, NULL, lease.client_id),",
    replacement: "",
    tests: endTests,
  },
  {
    name: "decline-not-told",
    rules: ["R2131-4.3.3-01"],
    file: "src/http/note.ts",
    search: 'if (reason === "declined") log.warn(fields, reasons[reason].meaning);\n  else log.debug',
    replacement: "void reasons;\n  log.debug",
    tests: endTests,
  },
  {
    name: "release-forgets-the-client",
    rules: ["R2131-4.3.4-01"],
    file: statements,
    search:
      "client_id = iif(e.state = ${declined} AND lease.free_at <> ${freeNever}, NULL, lease.client_id),",
    replacement: "client_id = NULL,",
    tests: endTests,
  },
  {
    name: "release-frees-nothing",
    rules: ["R2131-4.3.4-01"],
    file: statements,
    search:
      "  free_at = iif(lease.free_at = ${freeNever}, ${freeNever}, min(lease.expires_at, e.now) + e.quarantine),",
    replacement: "  free_at = lease.free_at,",
    tests: endTests,
  },
  {
    name: "release-acknowledged",
    rules: ["R2131-4.3.4-01"],
    file: end,
    search: 'return silence(gone ? "released" : "release-without-lease");',
    replacement: 'return gone ? { kind: "nak", reason: "released" } : silence("release-without-lease");',
    tests: endTests,
  },
  {
    name: "inform-ack-has-the-address",
    rules: ["R2131-4.3.5-01", "R2131-4.3.1-T3-03"],
    file: response,
    search: "yiaddr: isLease ? reply.pair.address : 0,",
    replacement: 'yiaddr: isLease ? reply.pair.address : reply.kind === "settings" ? message.ciaddr : 0,',
    tests: [...endTests, ...answerTests],
  },
];

const answerMutants: readonly Mutant[] = [
  {
    name: "op-copied",
    rules: ["R2131-4.3.1-T3-01"],
    file: response,
    search: "    op: 2,",
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
    name: "secs-copied",
    rules: ["R2131-4.3.1-T3-01"],
    file: response,
    search: "    secs: 0,",
    replacement: "    secs: message.secs,",
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
    name: "broadcast-flag-cleared",
    rules: ["R2131-4.3.1-T3-04"],
    file: response,
    search: "    flags: message.flags,",
    replacement: "    flags: message.flags & 0x7fff,",
    tests: answerTests,
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
    name: "options-of-the-query-returned",
    rules: ["R2131-4.3.1-T3-05"],
    file: response,
    search: "const data = configured.get(code) ?? (",
    replacement: "const data = configured.get(code) ?? query.message.options.get(code) ?? (",
    tests: answerTests,
  },
  {
    name: "lease-time-missing-in-ack",
    rules: ["R2131-4.3.1-T3-06"],
    file: response,
    search: 'if (reply.kind === "offer" || reply.kind === "ack") addLease(',
    replacement: 'if (reply.kind === "offer") addLease(',
    tests: answerTests,
  },
  {
    name: "server-identifier-missing-in-nak",
    rules: ["R2131-4.3.1-T3-07"],
    file: response,
    search: "  options.set(OptionCode.serverIdentifier, encodeAddress(domain.serverIdentifier));",
    replacement:
      '  if (reply.kind !== "nak") options.set(OptionCode.serverIdentifier, encodeAddress(domain.serverIdentifier));',
    tests: answerTests,
  },
  {
    name: "nak-without-a-word",
    rules: ["R2131-4.3.1-T3-08"],
    file: response,
    search: "    options.set(OptionCode.message, encodeMessage(reasons[reply.reason].meaning));",
    replacement: "    void [encodeMessage, reasons];",
    tests: answerTests,
  },
  {
    name: "nak-with-requested-options",
    rules: ["R2131-4.3.1-T3-09"],
    file: response,
    search: "meaning));\n  } else {",
    replacement: "meaning));\n    addRequested(options, query, domain.options);\n  } else {",
    tests: answerTests,
  },
  {
    name: "client-identifier-not-in-nak",
    rules: ["R6842-3-01"],
    file: response,
    search: "if (clientIdentifier !== undefined) options.set(",
    replacement: 'if (clientIdentifier !== undefined && reply.kind !== "nak") options.set(',
    tests: answerTests,
  },
  {
    name: "client-identifier-made-up",
    rules: ["R6842-3-02"],
    file: response,
    search: "const clientIdentifier = query.message.options.get(OptionCode.clientIdentifier);",
    replacement:
      "const clientIdentifier = query.message.options.get(OptionCode.clientIdentifier) ?? decodeHex(query.clientId);",
    tests: answerTests,
  },
  {
    name: "t2-at-the-end-of-the-lease",
    rules: ["R2131-4.4.5-01"],
    file: response,
    search: "encodeSeconds(Math.floor((leaseSeconds * 7) / 8))",
    replacement: "encodeSeconds(leaseSeconds)",
    tests: answerTests,
  },
];

const optionMutants: readonly Mutant[] = [
  {
    name: "all-configured-options-sent",
    rules: ["R2132-9.8-02"],
    file: response,
    search: "const wishes = parameterRequestList.length > 0 ? parameterRequestList : usual;",
    replacement: "const wishes = [...parameterRequestList, ...usual];",
    tests: optionTests,
  },
  {
    name: "options-108-and-114-sent-unasked",
    rules: ["R8925-3.3-01", "R8910-2-01"],
    file: response,
    search: "filter((code) => !onlyWhenListed.includes(code));",
    replacement: "filter((code) => !onlyWhenListed.includes(-code));",
    tests: optionTests,
  },
  {
    name: "captive-portal-never-sent",
    rules: ["R8910-2-01"],
    file: response,
    search: "if (data !== undefined && !options.has(code)) options.set(code, data);",
    replacement:
      "if (data !== undefined && !options.has(code) && code !== OptionCode.captivePortal) options.set(code, data);",
    tests: optionTests,
  },
  {
    name: "without-option-57-as-long-as-ethernet",
    rules: ["R2132-9.10-01"],
    file: response,
    search: "const octetsMax = (query.maxMessageSize ?? maxMessageSizeMin) - datagramHeaderOctets;",
    replacement:
      "const octetsMax = (query.maxMessageSize ?? Math.max(maxMessageSizeMin, 1500)) - datagramHeaderOctets;",
    tests: optionTests,
  },
  {
    name: "option-57-taken-for-the-message",
    rules: ["R2132-9.10-01"],
    file: response,
    search: "const datagramHeaderOctets = 28;",
    replacement: "const datagramHeaderOctets = 0;",
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
    name: "first-options-left-out",
    rules: ["R2132-9.10-01"],
    file: response,
    search: "options.delete(dispensable.pop()!);",
    replacement: "options.delete(dispensable.shift()!);",
    tests: optionTests,
  },
  {
    name: "overload-read-sname-before-file",
    rules: ["R2132-9.3-01"],
    file: message,
    search: [
      "  if ((overload & overloadFile) !== 0) decodeOptions(file, 0, file.length, options);",
      "  if ((overload & overloadSname) !== 0) decodeOptions(sname, 0, sname.length, options);",
    ].join("\n"),
    replacement: [
      "  if ((overload & overloadSname) !== 0) decodeOptions(sname, 0, sname.length, options);",
      "  if ((overload & overloadFile) !== 0) decodeOptions(file, 0, file.length, options);",
    ].join("\n"),
    tests: optionTests,
  },
  {
    name: "overload-of-file-and-sname-swapped",
    rules: ["R2132-9.3-01"],
    file: message,
    search: "const overloadFile = 1;\nconst overloadSname = 2;",
    replacement: "const overloadFile = 2;\nconst overloadSname = 1;",
    tests: optionTests,
  },
  {
    name: "last-part-of-an-option-wins",
    rules: ["R3396-7-01"],
    file: message,
    search: "if (before === undefined) into.set(code, data);",
    replacement: "if (before === undefined || before.length > 0) into.set(code, data);",
    tests: optionTests,
  },
  {
    name: "parts-of-an-option-in-reverse",
    rules: ["R3396-7-01"],
    file: message,
    search: "if (partsOfCode === undefined) parts.set(code, [before, data]);",
    replacement: "if (partsOfCode === undefined) parts.set(code, [data, before]);",
    tests: optionTests,
  },
  {
    name: "answers-not-padded",
    rules: ["R951-3-01"],
    file: message,
    search: "const { octetsMin = 300, octetsMax = 0xffff } = size;",
    replacement: "const { octetsMin = 0, octetsMax = 0xffff } = size;",
    tests: optionTests,
  },
  {
    name: "short-queries-dropped",
    rules: ["R951-3-01"],
    file: message,
    search: "  if (octets.length < optionsOffset) {",
    replacement: "  if (octets.length < 300) {",
    tests: optionTests,
  },
];

/** Broken rules of group `dhcpv4`. */
export const dhcpv4Mutants: readonly Mutant[] = [
  ...clientMutants,
  ...offerMutants,
  ...requestMutants,
  ...endMutants,
  ...answerMutants,
  ...optionMutants,
];
