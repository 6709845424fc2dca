/**
 * Claims in, facts out: one atomic write batch, whatever the number of claims.
 *
 * @module
 */
import type { Client, ResultSet } from "@libsql/client";
import { isInRange } from "../../lease/claim.ts";
import type { Claim, Fact, HeldPair } from "../../lease/claim.ts";
import { bindingsOf, bindRows, endRows, factRows, formatPools, offerRows } from "./claim-rows.ts";
import { LeaseState } from "../database/schema.ts";
import { batchStatements } from "./statements.ts";

/** What a batch was told, and by which configuration it was judged. */
export interface CommitResult {
  /** Revision of the configuration in the database. When it is not the caller's, no claim was looked at. */
  readonly revision: number;
  /** Whether the batch came too late: what it did, if anything, the same claims will find when they are made again. */
  readonly isLate: boolean;
  /** Unix seconds by which the batch was judged. */
  readonly now: number;
  /** Milliseconds of the database's own clock when the batch had done all that it does. */
  readonly clockMs: number;
  /** One fact for each claim, in their order; empty when the revision differs, or the batch came too late. */
  readonly facts: readonly Fact[];
}

/** Options of {@link commitClaims}. */
export interface CommitOptions {
  /** Revision of the configuration that the claims were made from. */
  readonly revision: number;
  /** Unix seconds to judge by in place of the database's clock: for tests. */
  readonly now?: number | undefined;
  /** The last Unix second of the database's own clock at which the batch is wanted. Default: whenever it comes. */
  readonly until?: number | undefined;
  /**
   * Milliseconds of the database's own clock at which the messages had certainly not come yet (`clock.ts`): an `end`
   * claim spares what was changed later. Default: it spares nothing.
   */
  readonly received?: number | undefined;
}

type FactRow = [
  ordinal: number,
  slot: number | null,
  state: LeaseState | null,
  remainingSeconds: number | null,
  softwire: string,
  source: string,
  roomLeft: 0 | 1,
  siteLeases: number,
  softwireTaken: 0 | 1,
  pairTaken: 0 | 1,
];

const stateNames: Record<LeaseState, HeldPair["state"]> = {
  [LeaseState.offered]: "offered",
  [LeaseState.bound]: "bound",
  [LeaseState.released]: "released",
  [LeaseState.declined]: "declined",
};

/**
 * Runs the claims of one batch as one transaction and reads back what is then true for each of them.
 *
 * The facts are durable when the promise resolves. When it rejects, the transaction may have been committed or
 * not (an answer can be lost); making the same claims again is safe either way.
 *
 * @param client Connection to the database.
 * @param claims At most one claim for each client of a domain, each softwire address, each slot that is wanted alone,
 *   and each site with a limit: two of them could both be told that there is room for one.
 * @param options The configuration's revision, and a clock for tests.
 * @returns The facts, in the order of the claims.
 * @throws {LibsqlError} When the database cannot be reached or refuses the transaction.
 */
export async function commitClaims(
  client: Client,
  claims: readonly Claim[],
  options: CommitOptions,
): Promise<CommitResult> {
  const offers = claims.filter((claim) => claim.kind === "offer");
  // Numbers are bound as floating point, bigints as integers.
  const parameters: Record<ParameterName, string | bigint | null> = {
    offers: offerRows.format(offers),
    wishes: offerRows.format(offers.filter((claim) => claim.wantedSlots.length > 0)),
    pools: formatPools(offers),
    binds: bindRows.format(bindingsOf(claims)),
    ends: endRows.format(claims.filter((claim) => claim.kind === "end")),
    all: factRows.format(claims),
    revision: BigInt(options.revision),
    now: options.now === undefined ? null : BigInt(options.now),
    until: options.until === undefined ? null : BigInt(options.until),
    received: options.received === undefined ? null : BigInt(options.received),
  };
  const batch = statementsWithParameters.map(({ sql, names }) => ({
    sql,
    args: Object.fromEntries(names.map((name) => [name, parameters[name]])),
  }));
  const results = await client.batch(batch, "write");
  const row = results.at(-1)?.rows[0];
  if (row === undefined) throw new Error("Cannot read facts: the batch returned no row, expected one");
  const revision = Number(row.revision);
  const facts = parseFacts(row.facts as string, claims, endedSlots(results[0]!));
  return {
    revision,
    isLate: revision === options.revision && facts.length < claims.length,
    now: Number(row.now),
    clockMs: Number(row.now_ms),
    facts,
  };
}

const parameterNames = [
  ...(["offers", "wishes", "pools", "binds", "ends", "all"] as const),
  ...(["revision", "now", "until", "received"] as const),
];
type ParameterName = (typeof parameterNames)[number];

/** SQLite refuses a parameter that a statement does not mention. */
const statementsWithParameters = batchStatements.map(({ sql }) => ({
  sql,
  names: parameterNames.filter((name) => sql.includes(`:${name}`)),
}));

/** No facts at all is how the statements say that the configuration has moved on, or the time. */
function parseFacts(text: string, claims: readonly Claim[], ended: readonly number[]): Fact[] {
  const rows = JSON.parse(text) as FactRow[];
  if (rows.length !== 0 && rows.length !== claims.length) {
    throw new Error(`Cannot read facts: the batch returned ${rows.length}, expected ${claims.length}`);
  }
  rows.sort((a, b) => a[0] - b[0]);
  return rows.map((row, index) => {
    const claim = claims[index]!;
    const [, , , , , , roomLeft, siteLeases, softwireTaken, pairTaken] = row;
    return {
      held: parseHeld(row),
      roomLeft: roomLeft === 1,
      siteLeases,
      softwireTaken: softwireTaken === 1,
      pairTaken: pairTaken === 1,
      ended:
        claim.kind === "end" && ended.some((slot) => claim.slots !== null && isInRange(claim.slots, slot)),
    };
  });
}

/** Slots that the first statement of a batch has ended. */
function endedSlots({ rows }: ResultSet): number[] {
  return rows.map((row) => Number(row.slot));
}

function parseHeld([, slot, state, remainingSeconds, softwire, source]: FactRow): HeldPair | null {
  if (slot === null || state === null || remainingSeconds === null) return null;
  return {
    slot,
    state: stateNames[state],
    remainingSeconds,
    softwire: softwire === "" ? null : softwire.toLowerCase(),
    source: source === "" ? null : source.toLowerCase(),
  };
}
