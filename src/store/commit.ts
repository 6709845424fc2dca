/**
 * Claims in, facts out: one atomic write batch, whatever the number of claims.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import type { Claim, Fact, HeldPair } from "../lease/claim.ts";
import { bindingsOf, bindRows, endRows, factRows, formatPools, offerRows } from "./claim-rows.ts";
import { LeaseState } from "./schema.ts";
import { batchStatements } from "./statements.ts";

/** What a batch was told, and by which configuration it was judged. */
export interface CommitResult {
  /** Revision of the configuration in the database. When it is not the caller's, no claim was looked at. */
  readonly revision: number;
  /** Unix seconds by which the batch was judged. */
  readonly now: number;
  /** One fact for each claim, in their order; empty when the revision differs. */
  readonly facts: readonly Fact[];
}

/** Options of {@link commitClaims}. */
export interface CommitOptions {
  /** Revision of the configuration that the claims were made from. */
  readonly revision: number;
  /** Unix seconds to judge by in place of the database's clock: for tests. */
  readonly now?: number | undefined;
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
  };
  const batch = statementsWithParameters.map(({ sql, names }) => ({
    sql,
    args: Object.fromEntries(names.map((name) => [name, parameters[name]])),
  }));
  const results = await client.batch(batch, "write");
  const row = results.at(-1)?.rows[0];
  if (row === undefined) throw new Error("Cannot read facts: the batch returned no row, expected one");
  return {
    revision: Number(row.revision),
    now: Number(row.now),
    facts: parseFacts(row.facts as string, claims.length),
  };
}

const parameterNames = ["offers", "wishes", "pools", "binds", "ends", "all", "revision", "now"] as const;
type ParameterName = (typeof parameterNames)[number];

/** SQLite refuses a parameter that a statement does not mention. */
const statementsWithParameters = batchStatements.map(({ sql }) => ({
  sql,
  names: parameterNames.filter((name) => sql.includes(`:${name}`)),
}));

/** No facts at all is how the statements say that the configuration has moved on. */
function parseFacts(text: string, claims: number): Fact[] {
  const rows = JSON.parse(text) as FactRow[];
  if (rows.length !== 0 && rows.length !== claims) {
    throw new Error(`Cannot read facts: the batch returned ${rows.length}, expected ${claims}`);
  }
  rows.sort((a, b) => a[0] - b[0]);
  return rows.map(([, slot, state, remaining, softwire, source, roomLeft, siteLeases, softwireTaken]) => ({
    held:
      slot === null || state === null || remaining === null
        ? null
        : {
            slot,
            state: stateNames[state],
            remainingSeconds: remaining,
            softwire: softwire === "" ? null : softwire.toLowerCase(),
            source: source === "" ? null : source.toLowerCase(),
          },
    roomLeft: roomLeft === 1,
    siteLeases,
    softwireTaken: softwireTaken === 1,
  }));
}
