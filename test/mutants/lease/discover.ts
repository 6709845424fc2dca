/**
 * Mutants of DISCOVER, of the choice of pools, and of the lease time.
 *
 * @module
 */
import type { Mutant } from "../mutant.ts";
import { discoverTests, fullAddressTests, leaseTests, optionTests, sharingTests } from "../noticing-tests.ts";

const discover = "src/lease/discover.ts";
const decision = "src/lease/decision.ts";

export const discoverMutants: readonly Mutant[] = [
  {
    name: "full-only-client-gets-shared-address",
    rules: ["R7618-8.1-02"],
    file: decision,
    search: "return sharesPorts && !ignoresOption159 && sharedPools.length > 0;",
    replacement: "return !ignoresOption159 && sharedPools.length > 0;",
    tests: leaseTests,
  },
  {
    name: "option-159-not-ignored-by-setting",
    rules: ["R7618-8.1-04"],
    file: decision,
    search: "return sharesPorts && !ignoresOption159 && sharedPools.length > 0;",
    replacement: "return sharesPorts && sharedPools.length > 0;",
    tests: sharingTests,
  },
  {
    name: "sharing-client-gets-a-full-address",
    rules: ["R7618-8-06"],
    file: discover,
    search: "if (!mayShare(query, domain)) return fullPools;",
    replacement: "if (!mayShare(query, domain) || fullPools.length > 0) return fullPools;",
    tests: sharingTests,
  },
  {
    name: "size-hint-ignored",
    rules: ["R7618-6-04", "A9"],
    file: discover,
    search: "if (wantedLength === undefined) return sharedPools;",
    replacement: "if (wantedLength === undefined || wantedLength > 0) return sharedPools;",
    tests: leaseTests,
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
    name: "rapid-commit-despite-option-108",
    rules: ["R8925-3.3-01"],
    file: discover,
    search: "!query.parameterRequestList.includes(v6OnlyPreferred) ||",
    replacement: "query.parameterRequestList.includes(v6OnlyPreferred) ||",
    tests: optionTests,
  },
  {
    name: "size-hint-requests-psid-0",
    rules: ["A7"],
    file: discover,
    search: "if (query.requestedAddress === undefined) return [];",
    replacement: [
      "if (query.requestedAddress === undefined) {",
      "    const first = pools[0]!.geometry.firstAddress;",
      "    const wanted = query.portParams === undefined ? undefined : findSlotKey(pools, namedPair(query, domain, first));",
      "    return wanted === undefined ? [] : [wanted];",
      "  }",
    ].join("\n"),
    tests: sharingTests,
  },
  {
    name: "pair-hint-ignored",
    rules: ["R7618-8-07c"],
    file: discover,
    search: "if (slot !== undefined) return [slot];",
    replacement: "if (slot !== undefined) return [];",
    tests: leaseTests,
  },
  {
    name: "address-hint-ignored",
    rules: ["A8"],
    file: discover,
    search: "if (query.portParams !== undefined) return [];\n  const slots = slotsOfPool",
    replacement:
      "if (query.portParams !== undefined || pools.length > 0) return [];\n  const slots = slotsOfPool",
    tests: sharingTests,
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
    name: "159-sent-unrequested",
    rules: ["R7618-8-01", "A12"],
    file: discover,
    search: 'if (pool.kind === "shared" && !query.sharesPorts) return silence("holds-shared-lease");',
    replacement: "",
    tests: leaseTests,
  },
  {
    name: "rapid-commit-only-offers",
    rules: ["R4039-3.1-01"],
    file: discover,
    search: "if (claim.lease !== null && isRunning && held.movesTo === null) {",
    replacement: "if (claim.lease !== null && !isRunning) {",
    tests: discoverTests,
  },
  {
    name: "whole-lease-time-offered-again",
    rules: ["R2131-4.3.1-05"],
    file: discover,
    search: "query.leaseSeconds === undefined ? domain.leaseSeconds.max : null,",
    replacement: "null,",
    tests: discoverTests,
  },
  {
    name: "requested-time-of-lease-holder-ignored",
    rules: ["R2131-4.3.1-05"],
    file: discover,
    search: "query.leaseSeconds === undefined ? domain.leaseSeconds.max : null,",
    replacement: "domain.leaseSeconds.max,",
    tests: discoverTests,
  },
  {
    name: "lease-time-not-bounded",
    rules: ["R2131-4.3.1-05"],
    file: decision,
    search: "query.leaseSeconds === undefined ? standard : Math.min(max, Math.max(min, query.leaseSeconds));",
    replacement: "query.leaseSeconds === undefined ? standard : query.leaseSeconds;",
    tests: discoverTests,
  },
  {
    name: "requested-lease-time-ignored",
    rules: ["R2131-4.3.1-05"],
    file: decision,
    search: "query.leaseSeconds === undefined ? standard :",
    replacement: "query.leaseSeconds === undefined || query.leaseSeconds > 0 ? standard :",
    tests: discoverTests,
  },
  {
    name: "full-only-client-served-without-full-pools",
    rules: ["R7618-8.1-03"],
    file: decision,
    search: "return query.sharesPorts || domain.fullPools.length > 0;",
    replacement: "return query.sharesPorts || domain.pools.length > 0;",
    tests: leaseTests,
  },
  {
    name: "only-one-kind-of-client",
    rules: ["R7618-8.1-01"],
    file: decision,
    search: "return query.sharesPorts || domain.fullPools.length > 0;",
    replacement: "return query.sharesPorts || domain.sharedPools.length === 0;",
    tests: sharingTests,
  },
  {
    name: "option-159-read-with-a-full-address",
    rules: ["R1"],
    file: decision,
    search:
      "if (portParams === undefined || findAddressPool(fullPools, address) !== undefined) return { address };",
    replacement: "if (portParams === undefined) return { address };",
    tests: fullAddressTests,
  },
  {
    name: "hardware-address-refused-although-159-is-ignored",
    rules: ["R1"],
    file: "src/lease/decide.ts",
    search: "if (!domain.identifiesByHardwareAddress || mayShare(query, domain))",
    replacement: "if (!domain.identifiesByHardwareAddress || query.sharesPorts)",
    tests: fullAddressTests,
  },
];
