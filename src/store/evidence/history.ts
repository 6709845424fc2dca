/**
 * Who had it? Which tenure an address and a port belonged to at a time (RFC 6269 §12, RFC 6302).
 *
 * A slot number means the same pair for ever, so the question is: which slot is it in each pool that has, or had, the
 * address; and which tenures of that slot were then? Both are found by index.
 *
 * @module
 */
import type { Client, Row } from "@libsql/client";
import { lookupTenuresMax } from "../../limits.ts";
import { slotOf } from "../../portset/pool-geometry.ts";
import { psidOfPort } from "../../portset/port-set.ts";
import { isInScope } from "../database/databases.ts";
import type { Place } from "../database/databases.ts";
import { loadPoolArchive } from "./pool-archive.ts";
import type { ArchivedPool } from "./pool-archive.ts";
import { argumentsOf } from "../database/slices.ts";

/** Someone had a pair for a time, half-open `[since, until)`, in Unix seconds. */
export interface Tenure {
  readonly slot: number;
  readonly clientId: Uint8Array;
  readonly since: number;
  /** When it ended, or will end if nothing happens to the lease. */
  readonly until: number;
  /** It is the running lease: a renewal may put its end off. */
  readonly isRunning: boolean;
  readonly source: Uint8Array | null;
  readonly softwire: Uint8Array | null;
  readonly site: string | null;
  /** Record of the relay path (`wire/dhcpv6/relay-path.ts`). */
  readonly relayPath: Uint8Array | null;
}

/** Why nobody had it. */
export const nobodyReasons = {
  "address-in-no-pool": "No pool has the address, or had it.",
  "excluded-port": "The port is in no port set of the pool: its PSID offset leaves out the lowest ports.",
  "reserved-port": "The port is in a port set that no client gets, because it has a reserved port.",
  "not-leased": "The pair of address and port set was nobody's at that time.",
  "history-purged": "Nobody is known, but the record of that time was deleted when its retention was over.",
} as const;

/** Ids of the reasons. */
export type NobodyReason = keyof typeof nobodyReasons;

/** A tenure, and whether it is meant for sure. */
export interface Holder {
  readonly pool: ArchivedPool;
  readonly psid: number;
  readonly tenure: Tenure;
  /** `possible`: it was not then, but within the tolerance of the clocks; or it began and ended in that second. */
  readonly certainty: "certain" | "possible";
}

/** The answer. */
export interface Lookup {
  /** At most one is certain. In the order of time. */
  readonly holders: readonly Holder[];
  /** Why none is certain; null when one is. */
  readonly reason: NobodyReason | null;
  /** The pool that says so; absent when no pool has the address. */
  readonly pool: ArchivedPool | undefined;
}

/** The question. */
export interface LookupQuestion {
  readonly address: number;
  /** Null for protocols without ports: only full addresses can be told then. */
  readonly port: number | null;
  /** Unix seconds. */
  readonly at: number;
  /** How far the clock that took the time may be off. */
  readonly toleranceSeconds: number;
  /** Unix seconds to judge by in place of the database's clock: for tests. */
  readonly now?: number | undefined;
}

const evidence = `client_id, since, source, softwire, site, relay_path`;

/** The statements. A test reads their query plans. */
export const lookupStatements = {
  history: `SELECT slot, until, 0 AS running, ${evidence} FROM history
    WHERE slot = :slot AND since <= :last ORDER BY since DESC LIMIT ${lookupTenuresMax}`,
  lease: `SELECT slot, expires_at AS until, expires_at > coalesce(CAST(:now AS INTEGER), unixepoch()) AS running, ${evidence}
    FROM lease WHERE slot = :slot AND since <= :last`,
  retention: `SELECT history_from FROM retention`,
} as const;

/**
 * Finds out who had an address and port at a time.
 *
 * @returns The answer, or `port-needed` when the address is shared and no port is given.
 * @throws {LibsqlError} When the database can't be reached.
 */
export async function lookUp(
  { database, scope }: Place,
  question: LookupQuestion,
): Promise<Lookup | "port-needed"> {
  const { address, port, at } = question;
  const archive = await loadPoolArchive(database, address);
  const pools = archive.filter(({ domain }) => isInScope(scope, domain));
  const current = pools.find(({ retiredAt }) => retiredAt === null || retiredAt > at) ?? pools[0];
  if (current === undefined) return { holders: [], reason: "address-in-no-pool", pool: undefined };
  if (port === null && pools.some(({ kind }) => kind === "shared")) return "port-needed";
  const holders: Holder[] = [];
  let purged = false;
  for (const pool of pools) {
    const psid = psidOfPort(pool.geometry, port ?? 0);
    const number = psid === undefined ? undefined : slotOf(pool.geometry, address, psid);
    if (psid === undefined || number === undefined) continue;
    const { tenures, historyFrom } = await findTenures(database, pool.id * 2 ** 32 + number, question);
    purged ||= at < historyFrom;
    for (const tenure of tenures) {
      const isThen = tenure.since <= at && at < tenure.until;
      holders.push({ pool, psid, tenure, certainty: isThen ? "certain" : "possible" });
    }
  }
  holders.sort((a, b) => a.tenure.since - b.tenure.since);
  const certain = holders.find(({ certainty }) => certainty === "certain");
  if (certain !== undefined) return { holders, reason: null, pool: certain.pool };
  return {
    holders,
    reason: portReason(current, address, port) ?? (purged ? "history-purged" : "not-leased"),
    pool: current,
  };
}

/**
 * Puts together what several databases know. An address was in pools of one of them at a time, but may have moved.
 *
 * @param answers At least one.
 */
export function joinLookups(answers: readonly (Lookup | "port-needed")[]): Lookup | "port-needed" {
  const [only, ...others] = answers;
  if (others.length === 0) return only!;
  const known = answers.filter((answer) => answer !== "port-needed");
  const holders = known.flatMap((answer) => answer.holders).sort((a, b) => a.tenure.since - b.tenure.since);
  const certain = known.find(({ reason }) => reason === null);
  if (certain !== undefined) return { ...certain, holders };
  if (known.length < answers.length) return "port-needed";
  const pooled = known.filter(({ pool }) => pool !== undefined);
  const current = pooled.find(({ pool }) => pool!.retiredAt === null) ?? pooled[0] ?? known[0]!;
  return { ...current, holders };
}

/** A port that no client of the pool can have. */
function portReason(
  { geometry }: ArchivedPool,
  address: number,
  port: number | null,
): NobodyReason | undefined {
  const psid = psidOfPort(geometry, port ?? 0);
  if (psid === undefined) return "excluded-port";
  return slotOf(geometry, address, psid) === undefined ? "reserved-port" : undefined;
}

/** @returns The tenures of a slot that touch the time and its tolerance, the newest first. */
async function findTenures(client: Client, slot: number, { at, toleranceSeconds, now }: LookupQuestion) {
  const values = { slot, last: at + toleranceSeconds, now: now ?? null };
  const [lease, history, retention] = await client.batch(
    [lookupStatements.lease, lookupStatements.history, lookupStatements.retention].map((sql) => ({
      sql,
      args: argumentsOf(sql, values),
    })),
    "read",
  );
  const tenures = [...lease!.rows, ...history!.rows].map(tenureOf);
  return {
    // Of a tenure that began and ended in one second nobody knows which part of the second it had.
    tenures: tenures.filter(({ since, until }) => Math.max(until, since + 1) > at - toleranceSeconds),
    historyFrom: Number(retention!.rows[0]!.history_from),
  };
}

function tenureOf(row: Row): Tenure {
  return {
    slot: Number(row.slot),
    clientId: new Uint8Array(row.client_id as ArrayBuffer),
    since: Number(row.since),
    until: Number(row.until),
    isRunning: Number(row.running) === 1,
    source: octetsOrNull(row.source),
    softwire: octetsOrNull(row.softwire),
    site: row.site as string | null,
    relayPath: octetsOrNull(row.relay_path),
  };
}

/** @returns Octets of a blob column. */
export function octetsOrNull(value: unknown): Uint8Array | null {
  return value === null || value === undefined ? null : new Uint8Array(value as ArrayBuffer);
}
