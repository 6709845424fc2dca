/**
 * Mutants of RELEASE and DECLINE.
 *
 * @module
 */
import type { Mutant } from "../mutant.ts";
import { endTests, leaseTests, modelTests, sharingTests } from "../noticing-tests.ts";

const end = "src/lease/end.ts";

export const endMutants: readonly Mutant[] = [
  {
    name: "release-for-another-server-served",
    rules: ["R7618-8-08", "R2131-4.3.4-01"],
    file: end,
    search: [
      "export function claimRelease(query: Query, domain: Domain): ClaimStep {",
      '  if (isForAnotherServer(query, domain)) return silence("other-server-chosen");',
    ].join("\n"),
    replacement: "export function claimRelease(query: Query, domain: Domain): ClaimStep {",
    tests: leaseTests,
  },
  {
    name: "no-release-quarantine",
    rules: ["R7618-8-03"],
    file: end,
    search: '"released", domain.quarantineSeconds',
    replacement: '"released", 0',
    tests: [...leaseTests, ...modelTests],
  },
  {
    name: "no-decline-quarantine",
    rules: ["R2131-4.3.3-01", "A14"],
    file: end,
    search: '"declined", domain.declineSeconds',
    replacement: '"declined", 0',
    tests: endTests,
  },
  {
    name: "declined-pair-free-after-the-quarantine",
    rules: ["R2131-4.3.3-01"],
    file: end,
    search: '"declined", domain.declineSeconds',
    replacement: '"declined", domain.quarantineSeconds',
    tests: endTests,
  },
  {
    name: "decline-of-any-lease-of-the-client",
    rules: ["A14"],
    file: end,
    search: "if (slot !== undefined) return onlySlot(slot);",
    replacement: "if (slot !== undefined) return findAddressSlots(domain.pools, address);",
    tests: sharingTests,
  },
  {
    name: "decline-needs-option-159",
    rules: ["A14"],
    file: end,
    search: "return query.portParams === undefined ? findAddressSlots(domain.pools, address) : undefined;",
    replacement: "return undefined;",
    tests: sharingTests,
  },
  {
    name: "release-acknowledged",
    rules: ["R2131-4.3.4-01"],
    file: end,
    search: 'return silence(ended || isReleased ? "released" : "release-without-lease");',
    replacement:
      'return isReleased ? { kind: "nak", reason: "released" } : silence("release-without-lease");',
    tests: endTests,
  },
];
