/** The terms of a running lease in an answer. */
import { expect, test } from "vitest";
import { bindClaim } from "../../test/support/claims.ts";
import { domainOf } from "../../test/support/domain.ts";
import { runningTerms } from "./decision.ts";

const held = {
  slot: 1,
  state: "bound",
  statedSeconds: null,
  softwire: null,
  source: null,
  movesTo: null,
} as const;
const { lease: terms } = bindClaim(1, 1);

test.each([
  ["R3 an ACK tells the time that is left", 3500, null, 3500],
  ["R3 an ACK tells the time that was granted", 3600, null, 3600],
  ["R3 an ACK tells only what was granted, if the row is kept longer", 86_400, null, 3600],
  ["T9 an ACK tells only what was granted, if the clock was set back", 315_363_598, null, 3600],
  ["R3 an ACK tells no time past the drain date", 86_400, 60, 60],
])("%s", async (_, remainingSeconds, untilDrain, told) => {
  const domain = await domainOf({});
  const [some] = domain.pools;
  const pool = { ...some!, drainUntil: untilDrain === null ? null : 1000 + untilDrain };
  const place = { domain, pool, now: 1000 };
  expect(runningTerms({ ...held, remainingSeconds }, terms, place).leaseSeconds).toBe(told);
});
