/**
 * Mutants of moves that are pending.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const folder = "src/store/batch/statements";
const moves = "src/store/database/moves.ts";
const changes = "src/store/evidence/lease-changes.ts";
const reservations = "src/store/configuration/reservation-changes.ts";
const triggers = "migrations/0017_moves.sql";
const moveTests = ["test/rules/moves.test.ts"];
const modelTests = ["test/model/model.test.ts"];

/** A mutant of E3. */
const mutant = (
  name: string,
  file: string,
  search: string,
  replacement: string,
  tests: readonly string[] = moveTests,
): Mutant => ({ name, rules: ["E3"], file, search, replacement, tests });

export const moveMutants: readonly Mutant[] = [
  mutant(
    "offer-moves",
    "src/store/evidence/leases.ts",
    'if (found.lease.state === "offered") return',
    'if (found.lease.state === "free") return',
  ),
  mutant(
    "renewal-of-a-moved-lease-not-refused",
    `${folder}/hand-over.ts`,
    "${names(own.slot)} OR ${names(goal.slot)} AND c.oldest_state",
    "${names(goal.slot)} AND c.oldest_state",
  ),
  mutant(
    "offer-of-a-moved-pair-not-taken",
    `${folder}/hand-over.ts`,
    "${names(own.slot)} OR ${names(goal.slot)} AND c.oldest_state = ${offered},",
    "${names(own.slot)},",
  ),
  mutant(
    "reboot-gets-the-pair-it-moves-to",
    `${folder}/hand-over.ts`,
    "${names(own.slot)} OR ${names(goal.slot)} AND c.oldest_state = ${offered},",
    "${names(own.slot)} OR ${names(goal.slot)},",
  ),
  mutant(
    "rapid-commit-renews-a-moved-lease",
    `${folder}/hand-over.ts`,
    "${goal.poolId} IN (SELECT value FROM json_each(c.pool_ids)))\n    WHEN 'offer'",
    "FALSE)\n    WHEN 'offer'",
  ),
  mutant(
    "discover-ends-a-moved-lease",
    `${folder}/hand-over.ts`,
    "WHEN 'offer' THEN NOT ${isLeased} OR ${isDrained}",
    "WHEN 'offer' THEN TRUE OR ${isDrained}",
  ),
  mutant(
    "ended-lease-keeps-its-move",
    `${folder}/hand-over.ts`,
    "ELSE NOT ${isLeased} END",
    "ELSE FALSE END",
    modelTests,
  ),
  mutant(
    "moved-client-offered-its-old-pair",
    "src/lease/discover.ts",
    "held.movesTo ?? held.slot",
    "held.slot",
  ),
  mutant(
    "declined-pair-forgets-the-move",
    `${folder}/end.ts`,
    "<> ${never} AND ${movesTo(lease)} IS NULL,\n    NULL, ${lease.clientId}),",
    "<> ${never},\n    NULL, ${lease.clientId}),",
  ),
  mutant(
    "moved-lease-leaves-its-site-full",
    moves,
    "NULL AS stated, NULL AS source, NULL AS site",
    "NULL AS stated, NULL AS source, ${own.site} AS site",
  ),
  mutant(
    "old-pair-free-as-soon-as-refused",
    moves,
    "AS expires_at, ${own.freeAt} AS free_at",
    "AS expires_at, ${now} AS free_at",
  ),
  mutant(
    "void-move-still-pending",
    moves,
    "AND ${from.clientId} IS NOT NULL AND ${to.clientId} IS NULL)`",
    "AND ${from.clientId} IS NOT NULL)`",
    ["src/store/batch/commit-upgrade.test.ts"],
  ),
  mutant(
    "replaced-move-keeps-its-target",
    changes,
    "writer.run(freeTargets(moved, sql`${target}`)),",
    "writer.run(sql`SELECT 1`),",
  ),
  mutant(
    "operators-end-keeps-the-move",
    changes,
    "writer.run(handOverEnded(handle)),",
    "writer.run(sql`SELECT 1`),",
  ),
  mutant(
    "target-of-a-move-free-for-others",
    changes,
    "${LeaseState.released}, ${instantSeconds}, ${lease.freeAt}, ${instantSeconds},",
    "${LeaseState.released}, ${instantSeconds}, ${instantSeconds}, ${instantSeconds},",
  ),
  mutant(
    "drain-keeps-pending-moves",
    triggers,
    "WHEN NEW.drain_until IS NOT NULL AND OLD.drain_until IS NULL",
    "WHEN FALSE",
  ),
  mutant(
    "move-outlives-its-completion",
    triggers,
    "SET move_from = NULL, first_relay_path",
    "SET first_relay_path",
    ["src/store/batch/commit-upgrade.test.ts"],
  ),
  mutant(
    "moved-slots-count-as-bound",
    "src/store/evidence/slot-counts.ts",
    "+ clientless.tally.rows + told;",
    "+ clientless.tally.rows;",
  ),
  mutant(
    "reservation-ends-a-lease-before-its-client-is-told",
    reservations,
    ".where(and(isOther, sql`NOT ${isRunning(lease)}`)),",
    ".where(isOther),",
  ),
  mutant(
    "reservation-moves-a-client-that-has-the-pair",
    reservations,
    "AND ${isRunning(held)} AND NOT ${hasPair}",
    "AND ${isRunning(held)}",
  ),
  mutant(
    "reservation-keeps-the-target-of-a-move",
    reservations,
    "writer.run(freeTargets(rows, sql`(SELECT ${reservation.slot} FROM ${reservation} WHERE ${isIt})`)),",
    "",
  ),
  mutant(
    "pair-of-a-move-said-to-be-leased",
    reservations,
    "moveIsOwn: sql<number | null>`(${moveIsOwn})`,",
    "moveIsOwn: sql<number | null>`NULL`,",
  ),
  mutant(
    "own-move-said-to-be-anothers",
    reservations,
    "SELECT ${held.clientId} IS ${wanted.clientId}\n",
    "SELECT ${held.clientId} IS NOT ${wanted.clientId}\n",
  ),
  mutant(
    "moves-numbered-before-the-owners",
    "migrations/meta/_journal.json",
    '"when": 1795723616000,',
    '"when": 1795719016000,',
    ["src/store/batch/commit-upgrade.test.ts"],
  ),
  mutant("refused-move-takes-the-target", changes, " AND changes() > 0\n", "\n", [
    "src/store/batch/commit-upgrade.test.ts",
  ]),
  mutant(
    "reservation-for-another-leaves-a-void-move",
    reservations,
    "cancelMove(writer, slot, request.declared.name, version + 1),",
    "",
  ),
  mutant(
    "declared-pair-of-a-move-said-to-be-leased",
    "src/store/configuration/plan-reservations.ts",
    "if (pairUntil !== null && moveIsOwn !== null) {",
    "if (pairUntil === null && moveIsOwn !== null) {",
  ),
  mutant(
    "claims-read-while-nobody-moves",
    `${folder}/hand-over.ts`,
    "claimsOf(name, andAnyoneMoves)",
    "claimsOf(name)",
    ["src/store/batch/statements.test.ts"],
  ),
];
