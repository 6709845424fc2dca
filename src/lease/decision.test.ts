/** What a client is told about its lease. */
import { expect, test } from "vitest";
import { temporaryDatabase } from "../../test/support/database.ts";
import { bindClaim } from "../../test/support/claims.ts";
import { loadDirectory } from "../store/configuration/directory.ts";
import { runningTerms } from "./decision.ts";

async function domainOf(fields: object) {
  const declared = { name: "one", serverIdentifier: "203.0.113.1", pools: [], ...fields };
  return (await loadDirectory(await temporaryDatabase({ domains: [declared] }))).domains[0]!;
}

const held = { slot: 1, state: "bound", softwire: null, source: null } as const;
const { lease: terms } = bindClaim(1, 1);

test.each([
  [3600, 3600],
  [86_400, 86_400],
  [315_363_598, 86_400],
])(
  "T9 a lease that ends in %i s is told as one of %i s, where the longest is a day",
  async (stored, told) => {
    const domain = await domainOf({});
    expect(runningTerms({ ...held, remainingSeconds: stored }, terms, domain).leaseSeconds).toBe(told);
  },
);
