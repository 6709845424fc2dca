/**
 * Looks up the tenure of an address and a port at a given time (RFC 6269 §12, RFC 6302).
 *
 * A slot number always means the same pair. So a look-up finds the slot in each pool that has or had the address, and
 * then the tenures of that slot at that time. Both use an index.
 *
 * @module
 */
import { desc, gt, lte, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { clockStepsPerLookupMax, lookupTenuresMax } from "../../limits.ts";
import { slotOfPort } from "../../portset/find-pair.ts";
import { psidOfPort } from "../../portset/port-set.ts";
import { slotKey } from "../../portset/slot-key.ts";
import { isDoubtful } from "../database/clock-step.ts";
import type { Database, Result } from "../database/database.ts";
import { isInScope } from "../database/databases.ts";
import type { Databases, Place } from "../database/databases.ts";
import { placesFor } from "../database/places-for.ts";
import { statementOf } from "../database/queries.ts";
import { clockStep, history, lease, retention } from "../database/schema.ts";
import { rowsOf, selectionOf } from "../database/selection.ts";
import { clockSeconds } from "../database/time.ts";
import type { Principal } from "../principal.ts";
import { doubtAt, doubtfulSpans } from "./clock-doubt.ts";
import { loadPoolArchive } from "./pool-archive.ts";
import type { ArchivedPool } from "./pool-archive.ts";

/** The time for which a client had a pair, half-open `[since, until)`, in Unix seconds. */
export interface Tenure {
  readonly slot: number;
  readonly clientId: Uint8Array;
  readonly since: number;
  /** End of the tenure, or of the running lease unless it is renewed. */
  readonly until: number;
  /**
   * The last second of which the client may have had a part. A tenure that was closed may have ended at any moment of the
   * second `until`, because times are rounded down. A lease that nobody ended runs out at the beginning of that second.
   */
  readonly lastSecond: number;
  /** Whether the lease is running, so that a renewal may extend the tenure. */
  readonly isRunning: boolean;
  readonly source: Uint8Array | null;
  readonly softwire: Uint8Array | null;
  readonly site: string | null;
  /** Record of the last REQUEST's relay path (`wire/dhcpv6/relay-path.ts`). */
  readonly relayPath: Uint8Array | null;
  /** The same for its first REQUEST; null if it is not known. */
  readonly firstRelayPath: Uint8Array | null;
}

/** Why no client had the pair. */
export const noHolderReasons = {
  "address-in-no-pool": "No pool has the address, or had it.",
  "excluded-port": "The port is in no port set of the pool: its PSID offset leaves out the lowest ports.",
  "reserved-port": "The port is in a port set that no client gets, because it has a reserved port.",
  "not-leased": "No client had the pair of address and port set at that time.",
  "history-purged":
    "No client is known; the record of that time has been deleted, because its retention had ended.",
  "hand-over":
    "The lease of the pair ended in that second, or changed, or went to another client. All possible holders are listed.",
  "not-yet":
    "That time is within the tolerance, but the database's clock has not reached it, so the holder may still change.",
  "clock-step":
    "The database's clock was set around that time, or may have been wrong; all possible holders of the pair are listed.",
} as const;

/** The id of such a reason. */
export type NoHolderReason = keyof typeof noHolderReasons;

/** A tenure, and how certain the match is. */
export interface Holder {
  readonly pool: ArchivedPool;
  readonly psid: number;
  readonly tenure: Tenure;
  /**
   * `certain`: the tenure includes the time, and no other tenure has a part of that second. `possible`: any of these. The
   * tenure is only within the tolerance; it ended in that second, or another tenure has a part of it; the time is in the
   * future; or the database's clock was in doubt (`clock-doubt.ts`).
   */
  readonly certainty: "certain" | "possible";
}

/** The answer to a look-up. */
export interface LookupAnswer {
  readonly kind: "answer";
  /** At most one is certain. Ordered by time. */
  readonly holders: readonly Holder[];
  /** Why no holder is certain; null if a holder is certain. */
  readonly reason: NoHolderReason | null;
  /** The pool that the answer is based on; absent when no pool has the address. */
  readonly pool: ArchivedPool | undefined;
}

/** The answer. `port-needed`: the question has no port, but the address is shared. */
export type Lookup =
  | LookupAnswer
  | { readonly kind: "port-needed" }
  /** The time is in the future by more than the tolerance. */
  | {
      readonly kind: "future";
      /** The database's clock, in Unix seconds. */
      readonly now: number;
    };

/** The question of a look-up. */
export interface LookupQuestion {
  readonly address: number;
  /** Null for protocols without ports; only holders of whole addresses can be found then. */
  readonly port: number | null;
  /** Unix seconds. */
  readonly at: number;
  /** Maximum error of the clock that `at` comes from, in seconds. */
  readonly toleranceSeconds: number;
}

/** Look-ups in all databases. */
export interface LookupStore {
  /**
   * Looks up which client had an address and port at a time.
   *
   * @throws {DatabaseError} When a database cannot be reached, because it might have the answer.
   */
  readonly lookUp: (principal: Principal, question: LookupQuestion) => Promise<Lookup>;
}

/** Creates the store of look-ups. */
export function createLookupStore(databases: Databases): LookupStore {
  return {
    lookUp: async (principal, question) => {
      const places = placesFor(databases, principal);
      return joinLookups(await Promise.all(places.map((place) => lookUp(place, question))));
    },
  };
}

/** The columns of a closed tenure. */
const endedTenure = {
  slot: history.slot,
  clientId: history.clientId,
  since: history.since,
  until: history.until,
  isRunning: sql<number>`0`,
  source: history.source,
  softwire: history.softwire,
  site: history.site,
  relayPath: history.relayPath,
  firstRelayPath: history.firstRelayPath,
};

/**
 * The columns of the current tenure, from a row of `lease`. A row with a tenure always has a client.
 */
const presentTenure = (now: SQL) => ({
  slot: lease.slot,
  clientId: sql<Uint8Array>`${lease.clientId}`,
  since: sql<number>`${lease.since}`,
  until: lease.expiresAt,
  isRunning: sql<number>`${lease.expiresAt} > ${now}`,
  source: lease.source,
  softwire: lease.softwire,
  site: lease.site,
  relayPath: lease.relayPath,
  firstRelayPath: lease.firstRelayPath,
});

/** The columns that are selected of a step of the clock. */
const doubtfulStep = {
  since: clockStep.since,
  differenceMs: clockStep.differenceMs,
  settledAt: clockStep.settledAt,
};

const retained = { historyFrom: retention.historyFrom };

/**
 * The statements of a look-up. A test reads their query plans.
 *
 * @param slot Key of the slot.
 * @param at The time of the question, in Unix seconds.
 * @param last Unix seconds: only tenures that began at this time or earlier.
 */
export const lookupStatements = {
  lease: (slot: number, last: number, now: SQL): SQL =>
    sql`SELECT ${selectionOf(presentTenure(now))} FROM ${lease} WHERE ${lease.slot} = ${slot} AND ${lte(lease.since, last)}`,
  /** The nearest on both sides of the time: many later ones must not displace the one that includes it. */
  history: (slot: number, at: number, last: number): SQL => {
    const ofSlot = sql`SELECT ${selectionOf(endedTenure)} FROM ${history} WHERE ${history.slot} = ${slot}`;
    return sql`SELECT * FROM (${ofSlot} AND ${lte(history.since, at)} ORDER BY ${desc(history.since)} LIMIT ${lookupTenuresMax})
      UNION ALL SELECT * FROM (${ofSlot} AND ${gt(history.since, at)} AND ${lte(history.since, last)}
        ORDER BY ${history.since} LIMIT ${lookupTenuresMax})`;
  },
  retention: (): SQL => sql`SELECT ${selectionOf(retained)} FROM ${retention}`,
  steps: (): SQL =>
    sql`SELECT ${selectionOf(doubtfulStep)} FROM ${clockStep} WHERE ${isDoubtful} ORDER BY ${desc(clockStep.id)}
      LIMIT ${clockStepsPerLookupMax}`,
} as const;

/** A slot that has, or once had, the address and port of the question. */
interface CandidateSlot {
  readonly pool: ArchivedPool;
  readonly psid: number;
  readonly slot: number;
}

/**
 * Looks up in one database, in at most two round trips: first the pools that have or had the address, then their slots.
 * If the clock was in doubt at that time, there is a third round trip.
 *
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function lookUp({ database, scope }: Place, question: LookupQuestion): Promise<Lookup> {
  const { address, port, at } = question;
  const archive = await loadPoolArchive(database, address);
  const { now } = archive;
  const pools = archive.pools.filter(({ domain }) => isInScope(scope, domain));
  const current = pools.find(({ retiredAt }) => retiredAt === null || retiredAt > at) ?? pools[0];
  if (port === null && pools.some(({ kind }) => kind === "shared")) return { kind: "port-needed" };
  const slots = slotsOf(pools, address, port);
  const found =
    slots.length === 0 && at <= now ? nothingFound : await findHolders(database, slots, question, now);
  if (at - question.toleranceSeconds > now && !found.isInDoubt) return { kind: "future", now };
  if (current === undefined) {
    return { kind: "answer", holders: [], reason: "address-in-no-pool", pool: undefined };
  }
  const { holders } = found;
  const certain = holders.find(({ certainty }) => certainty === "certain");
  if (certain !== undefined) return { kind: "answer", holders, reason: null, pool: certain.pool };
  const reason = portReason(current, address, port) ?? timeReason(found, at, now);
  return { kind: "answer", holders, reason, pool: current };
}

/** Returns why no client is certain at a time. */
function timeReason(
  { isInDoubt, historyFrom, holders }: FoundHolders,
  at: number,
  now: number,
): NoHolderReason {
  if (isInDoubt) return "clock-step";
  if (at > now) return "not-yet";
  if (at < historyFrom) return "history-purged";
  return holders.some(({ tenure }) => isPartOf(tenure, at)) ? "hand-over" : "not-leased";
}

/** @returns Whether the client may have had the pair in a part of the second. */
function isPartOf({ since, lastSecond }: Tenure, at: number): boolean {
  return since <= at && at <= lastSecond;
}

function slotsOf(pools: readonly ArchivedPool[], address: number, port: number | null): CandidateSlot[] {
  return pools.flatMap((pool) => {
    const found = slotOfPort(pool.geometry, address, port ?? 0);
    return found === undefined ? [] : [{ pool, psid: found.psid, slot: slotKey(pool.id, found.number) }];
  });
}

/**
 * Combines the answers of several databases. At any time, only one database has pools with an address, but the address
 * may have moved to another database since.
 *
 * @param answers At least one.
 */
function joinLookups(answers: readonly Lookup[]): Lookup {
  const [only, ...others] = answers;
  if (others.length === 0) return only!;
  const known = answers.filter((answer) => answer.kind === "answer");
  const pooled = known.filter(({ pool }) => pool !== undefined);
  const holders = known.flatMap((answer) => answer.holders).sort((a, b) => a.tenure.since - b.tenure.since);
  const certain = known.find(({ reason }) => reason === null);
  if (certain !== undefined) {
    const handedOver = known.some(({ reason }) => reason === "hand-over");
    return handedOver
      ? { ...certain, reason: "hand-over", holders: asPossible(holders) }
      : { ...certain, holders };
  }
  if (answers.some(({ kind }) => kind === "port-needed")) return { kind: "port-needed" };
  // The clock of a database that does not have the address may be behind, and does not matter.
  const future = answers.find((answer) => answer.kind === "future");
  if (future !== undefined && pooled.length === 0) return future;
  const current = pooled.find(({ pool }) => pool!.retiredAt === null) ?? pooled[0] ?? known[0]!;
  return { ...current, holders };
}

/** @returns The reason if no client of the pool can have the port; otherwise undefined. */
function portReason(
  { geometry }: ArchivedPool,
  address: number,
  port: number | null,
): NoHolderReason | undefined {
  if (psidOfPort(geometry, port ?? 0) === undefined) return "excluded-port";
  return slotOfPort(geometry, address, port ?? 0) === undefined ? "reserved-port" : undefined;
}

/** What the record contains for a time. */
interface FoundHolders {
  /** Ordered by time. */
  readonly holders: readonly Holder[];
  /** The time since which the record is complete. */
  readonly historyFrom: number;
  readonly isInDoubt: boolean;
}

/** What is found of a pair that no pool has, at a time that is over. */
const nothingFound: FoundHolders = { holders: [], historyFrom: -Infinity, isInDoubt: false };

/** Reads the tenures of all slots that overlap the time and its tolerance. */
async function findHolders(
  database: Database,
  slots: readonly CandidateSlot[],
  question: LookupQuestion,
  clockNow: number,
): Promise<FoundHolders> {
  const { at, toleranceSeconds } = question;
  const now = clockSeconds(database);
  const read = (times: readonly number[], further: readonly SQL[]) =>
    database.read([...further, ...tenureStatements(slots, times, toleranceSeconds, now)].map(statementOf));
  const [retainedRows, stepRows, ...results] = await read(
    [at],
    [lookupStatements.retention(), lookupStatements.steps()],
  );
  const { historyFrom } = rowsOf(retained, retainedRows!)[0]!;
  const { isInDoubt, otherTimes } = doubtAt(
    doubtfulSpans(rowsOf(doubtfulStep, stepRows!)),
    at,
    toleranceSeconds,
  );
  const holders = holdersAt(slots, results, at, toleranceSeconds, now);
  if (otherTimes.length > 0) {
    const further = await read(otherTimes, []);
    for (const [index, time] of otherTimes.entries()) {
      const some = further.slice(2 * slots.length * index, 2 * slots.length * (index + 1));
      holders.push(...holdersAt(slots, some, time, toleranceSeconds, now));
    }
  }
  const shown = isInDoubt ? withoutRepetitions(holders) : holders;
  shown.sort((a, b) => a.tenure.since - b.tenure.since);
  const isSettled = !isInDoubt && at <= clockNow;
  return {
    holders: isSettled ? judgeHolders(shown, at, historyFrom) : asPossible(shown),
    historyFrom,
    isInDoubt,
  };
}

function tenureStatements(
  slots: readonly CandidateSlot[],
  times: readonly number[],
  toleranceSeconds: number,
  now: SQL,
): SQL[] {
  return times.flatMap((at) =>
    slots.flatMap(({ slot }) => [
      lookupStatements.lease(slot, at + toleranceSeconds, now),
      lookupStatements.history(slot, at, at + toleranceSeconds),
    ]),
  );
}

/**
 * Marks the holder that is certain: its tenure includes the time, and no other tenure has a part of that second. Nobody is
 * certain if the tenure began in that second and older records were deleted, because another client may have had the rest.
 */
function judgeHolders(holders: readonly Holder[], at: number, historyFrom: number): readonly Holder[] {
  const [one, ...others] = holders.filter(({ tenure }) => isPartOf(tenure, at));
  if (one === undefined || others.length > 0 || at >= one.tenure.until) return holders;
  if (one.tenure.since === at && at < historyFrom) return holders;
  return holders.map((holder) => (holder === one ? { ...holder, certainty: "certain" } : holder));
}

const asPossible = (holders: readonly Holder[]): readonly Holder[] =>
  holders.map((holder) => ({ ...holder, certainty: "possible" }));

/**
 * Lists the tenures at a time and within its tolerance, all of them as possible.
 *
 * @param results Two for each slot: its lease and its history.
 */
function holdersAt(
  slots: readonly CandidateSlot[],
  results: readonly Result[],
  at: number,
  toleranceSeconds: number,
  now: SQL,
): Holder[] {
  return slots.flatMap(({ pool, psid }, index) =>
    tenuresOf(results[2 * index]!, results[2 * index + 1]!, now)
      .filter(({ lastSecond }) => lastSecond >= at - toleranceSeconds)
      .map((tenure): Holder => ({ pool, psid, tenure, certainty: "possible" })),
  );
}

/** @returns Each tenure once. */
function withoutRepetitions(holders: readonly Holder[]): Holder[] {
  const found = new Map(
    holders.map((holder) => {
      const { slot, since, until, isRunning } = holder.tenure;
      return [JSON.stringify([slot, since, until, isRunning]), holder] as const;
    }),
  );
  return [...found.values()];
}

function tenuresOf(present: Result, ended: Result, now: SQL): Tenure[] {
  return [
    ...rowsOf(presentTenure(now), present).map((row) => ({ ...row, lastSecond: row.until - 1 })),
    ...rowsOf(endedTenure, ended).map((row) => ({ ...row, lastSecond: row.until })),
  ].map((row) => ({ ...row, isRunning: row.isRunning === 1 }));
}
