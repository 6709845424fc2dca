/** The terms of a running lease in an answer. */
import { expect, test } from "vitest";
import { bindClaim } from "../../test/support/claims.ts";
import { domainOf } from "../../test/support/domain.ts";
import { runningTerms } from "./decision.ts";

const held = { slot: 1, state: "bound", statedSeconds: null, softwire: null, source: null } as const;
const { lease: terms } = bindClaim(1, 1);

test.each([
  [3600, 3600],
  [86_400, 86_400],
  [315_363_598, 86_400],
])(
  "T9 a lease that ends in %i s is answered with %i s, where the longest is a day",
  async (stored, answered) => {
    const domain = await domainOf({});
    expect(runningTerms({ ...held, remainingSeconds: stored }, terms, domain).leaseSeconds).toBe(answered);
  },
);
