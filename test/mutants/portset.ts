/**
 * Mutants of port sets and of the slots of a pool.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";
import { portsetTests, sharingTests } from "./noticing-tests.ts";

const portSet = "src/portset/port-set.ts";

export const portsetMutants: readonly Mutant[] = [
  {
    name: "ports-below-the-offset-given-out",
    rules: ["RFC 7597 §5.1"],
    file: portSet,
    search: "for (let a = psidOffset > 0 ? 1 : 0;",
    replacement: "for (let a = 0;",
    tests: portsetTests,
  },
  {
    name: "reserved-ports-ignored",
    rules: ["R7618-8-10", "R7618-8-11", "R7618-9-05"],
    file: portSet,
    search: "isReserved[psid] = 1;",
    replacement: "isReserved[psid] = 0;",
    tests: portsetTests,
  },
  {
    name: "two-slots-of-one-port-set",
    rules: ["R7618-5-01"],
    file: "src/portset/pool-geometry.ts",
    search: "psid: psids[psidIndex]! };",
    replacement: "psid: psids[psidIndex - (psidIndex % 2)]! };",
    tests: sharingTests,
  },
];
