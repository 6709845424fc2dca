/**
 * Commits claims and returns facts: one atomic write batch for any number of claims.
 *
 * @module
 */
import { isInRange } from "../../lease/claim.ts";
import type { Claim, Fact, HeldPair } from "../../lease/claim.ts";
import { bindingsOf, bindRows, endRows, factRows, formatPools, offerRows } from "./claim-rows.ts";
import type { Database, Result, Value } from "../database/database.ts";
import { prepareStatement } from "../database/queries.ts";
import { LeaseState } from "../database/schema.ts";
import { batchStatements } from "./statements.ts";
import type { ParameterName } from "./statements/statement.ts";

/** The outcome of a batch, and the configuration that it used. */
export interface CommitResult {
  /** Revision of the configuration in the database. If it differs from the caller's, all claims were ignored. */
  readonly revision: number;
  /**
   * Whether the batch arrived after its deadline. If it still made changes, committing the same claims again finds
   * them.
   */
  readonly isLate: boolean;
  /** The instant of the batch, in milliseconds of Unix time by the database's clock. */
  readonly clockMs: number;
  /**
   * One fact for each claim, in the order of the claims; empty when the revision differs or the batch is late.
   */
  readonly facts: readonly Fact[];
}

/** Options of {@link commitClaims}. */
export interface CommitOptions {
  /** Revision of the configuration that the claims were made from. */
  readonly revision: number;
  /** The last Unix second of the database's clock at which the batch is still wanted. Default: no limit. */
  readonly until?: number | undefined;
  /**
   * A time before any message of the batch arrived, in milliseconds of the database's clock (`deadline.ts`). An `end`
   * claim does not end a lease that changed after this time. Default: an `end` claim ends any lease.
   */
  readonly received?: number | undefined;
}

type FactRow = [
  ordinal: number,
  slot: number | null,
  state: LeaseState | null,
  remainingSeconds: number | null,
  statedSeconds: number | null,
  softwire: string,
  source: string,
  roomLeft: 0 | 1,
  siteLeases: number,
  softwireTaken: 0 | 1,
  pairTaken: 0 | 1,
  otherLine: 0 | 1,
  movesTo: number | null,
];

const stateNames: Record<LeaseState, HeldPair["state"]> = {
  [LeaseState.offered]: "offered",
  [LeaseState.bound]: "bound",
  [LeaseState.released]: "released",
  [LeaseState.declined]: "declined",
};

/**
 * Runs the claims of one batch as one transaction, and reads one fact for each claim at its end.
 *
 * The facts are durable when the promise resolves. When it rejects, the transaction may still have been committed,
 * because the response may have been lost. Committing the same claims again is safe in both cases.
 *
 * @param claims At most one claim for each client of a domain, each softwire address, each slot that is requested by
 *   number, and each site with a limit. Two claims of the same site could together exceed its limit.
 * @returns The facts, in the order of the claims.
 * @throws {DatabaseError} When the database cannot be reached or refuses the transaction.
 */
export async function commitClaims(
  database: Pick<Database, "write">,
  claims: readonly Claim[],
  options: CommitOptions,
): Promise<CommitResult> {
  const values = batchParameters(claims, options);
  const needed = statements.filter(({ lists }) => lists?.some((name) => values[name] !== "[]") ?? true);
  const results = await database.write(needed.map(({ fill }) => fill(values)));
  const row = results.at(-1)?.rows[0];
  if (row === undefined) throw new Error("Cannot read facts: the batch returned no row, expected one");
  const [revision, clockMs, text] = row as [number, number, string];
  const ended = values.ends === "[]" ? [] : endedSlots(results[0]!);
  const facts = parseFacts(text, claims, ended);
  return { revision, isLate: revision === options.revision && facts.length < claims.length, clockMs, facts };
}

/** Rendered once: each batch only fills in the parameters. The first one returns the slots whose leases it ended. */
const statements = batchStatements.map(({ lists, template }) => ({
  lists,
  fill: prepareStatement<ParameterName>(template),
}));

/** @returns The parameters of {@link batchStatements}. */
export function batchParameters(
  claims: readonly Claim[],
  { revision, until, received }: CommitOptions,
): Record<ParameterName, Value> {
  const asked = claims.filter((claim) => claim.kind === "offer");
  const offers = offerRows.write(asked);
  const hints = offers.positions.filter((_, index) => asked[index]!.wantedSlots.length > 0);
  const binds = bindRows.write(bindingsOf(claims));
  const ends = endRows.write(claims.filter((claim) => claim.kind === "end"));
  const all = factRows.write(claims);
  return {
    offers: JSON.stringify(offers.positions),
    offerCells: offers.cells,
    hints: JSON.stringify(hints),
    hintCells: hints.length === 0 ? noCells : offers.cells,
    binds: JSON.stringify(binds.positions),
    bindCells: binds.cells,
    ends: JSON.stringify(ends.positions),
    endCells: ends.cells,
    all: JSON.stringify(all.positions),
    factCells: all.cells,
    pools: formatPools(asked),
    revision,
    until: until ?? null,
    received: received ?? null,
  };
}

const noCells = new Uint8Array();

/** Parses the facts. There are none if the configuration has changed or the deadline has passed. */
function parseFacts(text: string, claims: readonly Claim[], ended: readonly number[]): Fact[] {
  const rows = JSON.parse(text) as FactRow[];
  if (rows.length !== 0 && rows.length !== claims.length) {
    throw new Error(`Cannot read facts: the batch returned ${rows.length}, expected ${claims.length}`);
  }
  rows.sort((a, b) => a[0] - b[0]);
  return rows.map((row, index) => {
    const claim = claims[index]!;
    const [, , , , , , , roomLeft, siteLeases, softwireTaken, pairTaken, otherLine] = row;
    return {
      held: parseHeld(row),
      roomLeft: roomLeft === 1,
      siteLeases,
      softwireTaken: softwireTaken === 1,
      pairTaken: pairTaken === 1,
      otherLine: otherLine === 1,
      ended:
        claim.kind === "end" && ended.some((slot) => claim.slots !== null && isInRange(claim.slots, slot)),
    };
  });
}

/** @returns The slots whose leases the first statement of a batch ended. */
function endedSlots({ rows }: Result): number[] {
  return rows.map(([slot]) => slot as number);
}

function parseHeld(row: FactRow): HeldPair | null {
  const [, slot, state, remainingSeconds, statedSeconds, softwire, source] = row;
  if (slot === null || state === null || remainingSeconds === null) return null;
  return {
    slot,
    state: stateNames[state],
    remainingSeconds,
    statedSeconds,
    softwire: softwire === "" ? null : softwire.toLowerCase(),
    source: source === "" ? null : source.toLowerCase(),
    movesTo: row[12],
  };
}
