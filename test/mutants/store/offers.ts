/**
 * Mutants of how offers are stored: which slot a client gets, and how long it is held.
 *
 * @module
 */
import type { Mutant } from "../mutant.ts";
import { commitTests, discoverTests, leaseTimeTests, modelTests, sharingTests } from "../noticing-tests.ts";

const folder = "src/store/batch/statements";

export const offerMutants: readonly Mutant[] = [
  {
    name: "offered-pair-is-not-held",
    rules: ["R2131-4.3.1-02"],
    file: `${folder}/offer.ts`,
    search: "c.line, ${offered}, now_up + c.hold, now_up + c.hold, NULL,",
    replacement: "c.line, ${offered}, now_up + c.hold, now, NULL,",
    tests: discoverTests,
  },
  {
    name: "offered-pair-is-never-free-again",
    rules: ["R2131-4.3.1-03"],
    file: `${folder}/offer.ts`,
    search: "c.line, ${offered}, now_up + c.hold, now_up + c.hold, NULL,",
    replacement: "c.line, ${offered}, now_up + c.hold, ${never}, NULL,",
    tests: discoverTests,
  },
  {
    name: "expired-lease-not-reusable",
    rules: ["R7618-8-03"],
    file: `${folder}/offer.ts`,
    search: "WHERE ${lease.freeAt} <= excluded.${nameOf(lease.updatedAt)}\n",
    replacement:
      "WHERE ${lease.state} >= ${released} AND ${lease.freeAt} <= excluded.${nameOf(lease.updatedAt)}\n",
    tests: commitTests,
  },
  {
    name: "offer-moves-past-a-site-limit",
    rules: ["R7618-10-02"],
    file: `${folder}/offer.ts`,
    search: "AND ${own.expiresAt} > now AND ${own.site} IS c.site AS running,",
    replacement: "AND ${own.expiresAt} > now AS running,",
    tests: ["test/rules/rfc7618-site.test.ts"],
  },
  {
    name: "repeated-discover-gets-another-pair",
    rules: ["R2131-4.3.1-01"],
    file: `${folder}/offer.ts`,
    search: "iif(${own.poolId} IN (SELECT value FROM json_each(c.pool_ids)), TRUE, ${isGiven}) AS served",
    replacement:
      "${own.state} <> ${offered} AND ${own.poolId} IN (SELECT value FROM json_each(c.pool_ids)) AS served",
    tests: discoverTests,
  },
  {
    name: "hint-beats-previous-pair",
    rules: ["R7618-8-07b"],
    file: `${folder}/offer.ts`,
    search: "  CROSS JOIN ${ownOfClaim}\n)\nUPDATE ${lease} SET\n  ${unlessLeased(",
    replacement:
      "  CROSS JOIN ${ownOfClaim} WHERE json_array_length(c.wanted_slots) = 0\n)\nUPDATE ${lease} SET\n  ${unlessLeased(",
    tests: commitTests,
  },
  {
    name: "offer-shortens-a-lease",
    rules: ["R7618-8-07a"],
    file: `${folder}/offer.ts`,
    search: "iif(${own.state} = ${bound} AND ${own.expiresAt} > now, NOT ${isDrained}, FALSE) AS leased",
    replacement: "FALSE AS leased",
    tests: commitTests,
  },
  {
    name: "previous-pair-forgotten",
    rules: ["R7618-8-07b"],
    file: `${folder}/offer.ts`,
    search: "${unlessLeased(lease.clientId, sql`iif(c.served, ${lease.clientId}, NULL)`)},",
    replacement: "${unlessLeased(lease.clientId, sql`iif(c.running, ${lease.clientId}, NULL)`)},",
    tests: commitTests,
  },
  {
    name: "offer-ends-a-quarantine",
    rules: ["no pair is assigned before its quarantine ends"],
    file: `${folder}/offer.ts`,
    search: "max(now_up + c.hold, ifnull(c.quarantined, 0))",
    replacement: "now_up + c.hold",
    tests: modelTests,
  },
  {
    name: "pair-in-use-reassigned",
    rules: ["R7618-8-07c"],
    file: `${folder}/offer.ts`,
    search: "WHERE ${taken.slot} IS NULL OR ${taken.freeAt} <= now ORDER BY w.key LIMIT 1",
    replacement: "ORDER BY w.key LIMIT 1",
    tests: commitTests,
  },
  {
    name: "cursor-skips-no-used-slots",
    rules: ["new slots are found after those in use"],
    file: `${folder}/offer.ts`,
    search: "min(slots, cursor + claims + ${literal(offerSkipMax)}) - 1, claims",
    replacement: "min(slots, cursor + claims) - 1, claims",
    tests: commitTests,
  },
  {
    name: "only-the-first-address",
    rules: ["R7618-8-04", "R7618-8-07d"],
    file: `${folder}/offer.ts`,
    search: "WHERE claims > 0 AND cursor < slots\n",
    replacement: "WHERE claims > 0 AND cursor < slots / 2\n",
    tests: sharingTests,
  },
  {
    name: "newest-released-first",
    rules: ["R7618-8-07d"],
    file: `${folder}/offer.ts`,
    search: "ORDER BY ${free.freeAt} LIMIT (SELECT count(*) FROM unheld)",
    replacement: "ORDER BY ${free.freeAt} DESC LIMIT (SELECT count(*) FROM unheld)",
    tests: [...commitTests, ...modelTests],
  },
  {
    name: "cursor-passes-free-slots",
    rules: ["no free slot is skipped"],
    file: `${folder}/offer.ts`,
    search: "  SELECT max(number) FROM step\n",
    replacement: "  SELECT max(number) + 1 FROM step\n",
    tests: commitTests,
  },
  {
    name: "offered-time-of-a-running-lease-not-noted",
    rules: ["R5"],
    file: `${folder}/offer.ts`,
    search: "CASE WHEN c.leased THEN ${lease.statedSeconds} IS NOT ${offeredSeconds}",
    replacement: "CASE WHEN c.leased THEN FALSE",
    tests: leaseTimeTests,
  },
  {
    name: "offered-time-not-kept",
    rules: ["R5"],
    file: `${folder}/bind.ts`,
    search: "iif(c.takes_offered, ifnull(${own.statedSeconds}, c.wanted_seconds), c.wanted_seconds)",
    replacement: "c.wanted_seconds",
    tests: leaseTimeTests,
  },
  {
    name: "granted-time-not-kept-for-a-repeat",
    rules: ["R5"],
    file: `${folder}/bind.ts`,
    search: "  [lease.statedSeconds, sql`c.lease_seconds`],\n",
    replacement: "",
    tests: leaseTimeTests,
  },
  {
    name: "offer-takes-a-running-lease-away",
    rules: ["R5"],
    file: `${folder}/offer.ts`,
    search: "iif(c.leased, ${column}, ${value})",
    replacement: "${value}",
    tests: leaseTimeTests,
  },
];
