/**
 * Mutants of the DHCPv4 options in the answer.
 *
 * @module
 */
import type { Mutant } from "../mutant.ts";
import {
  answerTests,
  discoverTests,
  endTests,
  leaseTests,
  leaseTimeTests,
  optionTests,
  sharingTests,
} from "../noticing-tests.ts";

const response = "src/lease/response.ts";
const renewalTimes = "src/lease/renewal-times.ts";

export const responseOptionMutants: readonly Mutant[] = [
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
    name: "lease-time-missing-in-ack",
    rules: ["R2131-4.3.1-T3-06"],
    file: response,
    search: 'if (reply.kind === "offer" || reply.kind === "ack") addLease(',
    replacement: 'if (reply.kind === "offer") addLease(',
    tests: answerTests,
  },
  {
    name: "lease-time-in-inform-ack",
    rules: ["R2131-4.3.5-01", "R2131-4.3.1-T3-06"],
    file: response,
    search: 'if (reply.kind === "nak") {\n    options.set(OptionCode.message',
    replacement:
      'if (reply.kind === "settings") options.set(OptionCode.leaseTime, encodeSeconds(3600));\n  if (reply.kind === "nak") {\n    options.set(OptionCode.message',
    tests: [...endTests, ...answerTests],
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
    tests: sharingTests,
  },
  {
    name: "nak-without-message",
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
    name: "159-in-the-answer-to-an-inform",
    rules: ["A17"],
    file: response,
    search: "    addRequested(options, query, reply.options);",
    replacement: [
      "    addRequested(options, query, reply.options);",
      '    if (reply.kind === "settings" && query.sharesPorts)',
      "      options.set(OptionCode.portParams, Uint8Array.of(0, 6, 4, 0));",
    ].join("\n"),
    tests: sharingTests,
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
    name: "rapid-commit-without-option-80",
    rules: ["R4039-3.1-01"],
    file: response,
    search:
      'if (reply.kind === "ack" && reply.rapidCommit) options.set(OptionCode.rapidCommit, encodeRapidCommit());',
    replacement: "void encodeRapidCommit;",
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
    name: "client-identifier-invented",
    rules: ["R6842-3-02"],
    file: response,
    search: "const clientIdentifier = query.message.options.get(OptionCode.clientIdentifier);",
    replacement:
      "const clientIdentifier = query.message.options.get(OptionCode.clientIdentifier) ?? decodeHex(query.clientId);",
    tests: answerTests,
  },
  {
    name: "client-identifier-not-echoed",
    rules: ["R6842-3-01"],
    file: response,
    search: "if (clientIdentifier !== undefined) options.set(OptionCode.clientIdentifier, clientIdentifier);",
    replacement: "",
    tests: answerTests,
  },
  {
    name: "client-identifier-changed",
    rules: ["R6842-3-01"],
    file: response,
    search: "if (clientIdentifier !== undefined) options.set(OptionCode.clientIdentifier, clientIdentifier);",
    replacement:
      "if (clientIdentifier !== undefined) options.set(OptionCode.clientIdentifier, clientIdentifier.subarray(1));",
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
    name: "t1-after-t2",
    rules: ["R2131-4.4.5-01"],
    file: response,
    search: "encodeSeconds(times.renewalSeconds)",
    replacement: "encodeSeconds(leaseSeconds)",
    tests: answerTests,
  },
  {
    name: "t2-at-the-end-of-the-lease",
    rules: ["R2131-4.4.5-01"],
    file: response,
    search: "encodeSeconds(times.rebindingSeconds)",
    replacement: "encodeSeconds(leaseSeconds)",
    tests: answerTests,
  },
  {
    name: "same-t1-for-all",
    rules: ["R6", "R2131-4.4.5-02"],
    file: renewalTimes,
    search: "return first + Math.floor(share * (last - first + 1));",
    replacement: "return share < 0 ? first : last;",
    tests: leaseTimeTests,
  },
  {
    name: "t1-depends-on-the-pair-only",
    rules: ["R6"],
    file: renewalTimes,
    search: "hash = Math.imul(hash ^ clientId.charCodeAt(at), fnvPrime);",
    replacement: "hash = Math.imul(hash, fnvPrime);",
    tests: ["src/lease/renewal-times.test.ts"],
  },
  {
    name: "t1-and-t2-of-the-last-seconds",
    rules: ["R9"],
    file: renewalTimes,
    search: "leaseSeconds < renewalTimesLeaseSecondsMin ||",
    replacement: "leaseSeconds < 0 ||",
    tests: leaseTimeTests,
  },
  {
    name: "infinite-lease-renewed",
    rules: ["R9"],
    file: renewalTimes,
    search: " || leaseSeconds === infiniteSeconds",
    replacement: "",
    tests: ["src/lease/renewal-times.test.ts"],
  },
  {
    name: "routers-before-subnet-mask",
    rules: ["R4", "R2132-3.3-01"],
    file: response,
    search: "if (code === routers && sendsBoth) addConfigured(options, configured, subnetMask);",
    replacement: "",
    tests: optionTests,
  },
  {
    name: "subnet-mask-moved-although-no-router-is-sent",
    rules: ["R4"],
    file: response,
    search: "configured.has(routers) && requested.includes(subnetMask)",
    replacement: "requested.includes(subnetMask)",
    tests: optionTests,
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
    name: "full-address-with-a-psid-length-of-0",
    rules: ["A16", "R7618-8-01"],
    file: response,
    search:
      "if (pair.portSet !== undefined) options.set(OptionCode.portParams, encodePortParams(pair.portSet));",
    replacement:
      "options.set(OptionCode.portParams, encodePortParams(pair.portSet ?? { psidOffset: 0, psidLength: 0, psid: 0 }));",
    tests: sharingTests,
  },
  {
    name: "options-108-and-114-sent-unrequested",
    rules: ["R8925-3.3-01", "R8910-2-01"],
    file: response,
    search: "filter((code) => !onlyWhenListed.includes(code));",
    replacement: "filter((code) => !onlyWhenListed.includes(-code));",
    tests: optionTests,
  },
  {
    name: "options-in-the-servers-order",
    rules: ["R2132-9.8-01"],
    file: response,
    search:
      "const requested = parameterRequestList.length > 0 ? parameterRequestList : sentUnasked(configured);",
    replacement:
      "const requested = [...(parameterRequestList.length > 0 ? parameterRequestList : sentUnasked(configured))].sort((a, b) => a - b);",
    tests: optionTests,
  },
  {
    name: "all-configured-options-sent",
    rules: ["R2132-9.8-02"],
    file: response,
    search:
      "const requested = parameterRequestList.length > 0 ? parameterRequestList : sentUnasked(configured);",
    replacement: "const requested = [...parameterRequestList, ...sentUnasked(configured)];",
    tests: optionTests,
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
    name: "captive-portal-never-sent",
    rules: ["R8910-2-01"],
    file: response,
    search: "if (data !== undefined && !options.has(code)) options.set(code, data);",
    replacement:
      "if (data !== undefined && !options.has(code) && code !== OptionCode.captivePortal) options.set(code, data);",
    tests: optionTests,
  },
];
