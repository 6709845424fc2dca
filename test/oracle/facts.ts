/**
 * Facts of a transaction, compared with the rows that it left.
 *
 * @module
 */
import type { Claim, Fact, HeldPair } from "../../src/lease/claim.ts";
import { isGone } from "./leases.ts";
import type { Leases } from "./leases.ts";
import type { LeaseRow } from "./rows.ts";
import { must } from "./violation.ts";

/** What a fact has to say of the row of its client. */
export type ExpectedFact = Pick<
  HeldPair,
  "slot" | "state" | "remainingSeconds" | "statedSeconds" | "softwire"
>;

const stateNames: Readonly<Record<number, HeldPair["state"]>> = {
  1: "offered",
  2: "bound",
  3: "released",
  4: "declined",
};

/** @returns What the facts of a transaction have to say, if it was served. */
export function expectFacts(
  leases: Leases,
  claims: readonly Claim[],
  clockMs: number,
): readonly (ExpectedFact | undefined)[] {
  const now = Math.floor(clockMs / 1000);
  const nowUp = Math.ceil(clockMs / 1000);
  return claims.map((claim) => {
    const row = ownRow(leases, claim, now);
    if (row === undefined) return undefined;
    return {
      slot: row.slot,
      state: stateNames[row.state]!,
      remainingSeconds: row.expiresAt > now ? row.expiresAt - nowUp : -1,
      statedSeconds: row.statedSeconds,
      softwire: row.softwire,
    };
  });
}

/** The row that belongs to the client of a claim, on its line. */
function ownRow(leases: Leases, { domainId, clientId, line }: Claim, now: number): LeaseRow | undefined {
  const rows = leases.ofClient(domainId, clientId).sort((a, b) => (a.line < b.line ? -1 : 1));
  if (line === "") return rows[0];
  const own = rows.find((row) => row.line === line);
  return own ?? rows.find((row) => row.line === "" || isGone(row, now));
}

/** Compares facts with what was expected of them. */
export function checkFacts(
  claims: readonly Claim[],
  expected: readonly (ExpectedFact | undefined)[],
  facts: readonly Fact[],
): void {
  for (const [index, fact] of facts.entries()) {
    const { held } = fact;
    const own = expected[index];
    const isSame =
      held === null
        ? own === undefined
        : own !== undefined &&
          (Object.keys(own) as (keyof ExpectedFact)[]).every((name) => held[name] === own[name]);
    must(isSame, "a fact differs from the row", claims[index], own, held);
  }
}
