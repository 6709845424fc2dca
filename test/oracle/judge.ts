/**
 * Judges the transactions of one database by the rows that they changed, and knows what facts, answers and audits are
 * judged by.
 *
 * @module
 */
import type { Claim } from "../../src/lease/claim.ts";
import { Cursors } from "./cursors.ts";
import { Excuses } from "./excuses.ts";
import { concerns, GivenUps, lastMs } from "./given-up.ts";
import type { GivenUp } from "./given-up.ts";
import { isRunning, Leases } from "./leases.ts";
import { checkOperation } from "./operations.ts";
import type { AuditedChange, Operated } from "./operations.ts";
import { nameOfPair, OraclePool, poolIdOf, slotOfPair } from "./pools.ts";
import type { NamedPair, PoolShape } from "./pools.ts";
import type { LeaseRow } from "./rows.ts";
import { Tenures } from "./tenures.ts";
import { checkTransition } from "./transitions.ts";
import type { DomainRules, Transaction } from "./transitions.ts";
import { must } from "./violation.ts";

/** A transaction, as the judge sees it. */
export interface JudgedCommit {
  /** By the judge's clock. */
  readonly atMs: number;
  readonly clockMs: number;
  readonly changed: readonly (readonly [slot: number, row: LeaseRow | undefined])[];
  /** The claims; undefined if it is no batch of an allocator. */
  readonly claims: readonly Claim[] | undefined;
  /** The allocator; undefined if it is none. */
  readonly by?: string | undefined;
  /** What an operator's transaction wrote to the audit. */
  readonly audited: readonly AuditedChange[];
}

/** Configuration of a database, as the judge needs it. */
export interface JudgedConfiguration {
  readonly pools: readonly PoolShape[];
  /** By id. */
  readonly domains: ReadonlyMap<number, DomainRules>;
}

/**
 * How much later than it did a message may seem to have arrived: the usual way of a POST whose relay states no time. Some
 * milliseconds are for rounding.
 */
const postMs = 60 + 5;

/** The judge of one database. */
export class Judge {
  readonly leases = new Leases();
  readonly tenures = new Tenures();
  readonly cursors = new Cursors();
  readonly excuses: Excuses;
  readonly #pools = new Map<number, OraclePool>();
  /** Those that exist, and those that were deleted. */
  readonly #everPools = new Map<number, OraclePool>();
  #domains: ReadonlyMap<number, DomainRules> = new Map();
  readonly #givenUps = new GivenUps();
  /** When an operator took a slot from its client. */
  readonly #operated = new Map<number, number>();
  /** When a client last had to leave a slot although its lease was running. */
  readonly #leftMs = new Map<number, number>();
  /** When a pool was last drained. */
  readonly #drainedMs = new Map<number, number>();
  /** Names of pools that an operator may delete although they are in use. */
  readonly #forced = new Set<string>();
  /** What operators wrote to the audit. */
  readonly audited: AuditedChange[] = [];
  /** Tenures that ended longer ago than this may be forgotten. */
  historySeconds = Infinity;
  /** Transactions that changed something. */
  commits = 0;

  constructor(excuses = new Excuses()) {
    this.excuses = excuses;
  }

  /** Takes the configuration over, after each change. */
  configure({ pools, domains }: JudgedConfiguration, nowMs: number): void {
    for (const [id, pool] of this.#pools) if (pool.shape.drainUntil !== null) this.#drainedMs.set(id, nowMs);
    this.#pools.clear();
    for (const shape of pools) {
      const before = this.#everPools.get(shape.id);
      const pool = before?.shape.drainUntil === shape.drainUntil ? before : new OraclePool(shape);
      this.#pools.set(shape.id, pool);
      this.#everPools.set(shape.id, pool);
    }
    this.#domains = domains;
  }

  /** An operator asks to delete a pool although it is in use. */
  recordForce(pool: string): void {
    this.#forced.add(pool);
  }

  get pools(): readonly OraclePool[] {
    return [...this.#pools.values()];
  }

  /** Those that exist, and those that were deleted. */
  get allPools(): readonly OraclePool[] {
    return [...this.#everPools.values()];
  }

  /** @returns Whether some lease runs until then, in milliseconds of the database's clock. */
  isLeasedAt(clockMs: number): boolean {
    for (const row of this.leases.rows.values()) if (isRunning(row, clockMs / 1000)) return true;
    return false;
  }

  /**
   * @param endsMax How many leases may end; undefined for all of one pool.
   * @returns Whether another lease runs until then, in milliseconds of the database's clock.
   */
  isLeasedBeside(endsMax: number | undefined, clockMs: number): boolean {
    const counts = new Map<number, number>();
    let total = 0;
    for (const row of this.leases.rows.values()) {
      if (!isRunning(row, clockMs / 1000)) continue;
      total++;
      counts.set(poolIdOf(row.slot), (counts.get(poolIdOf(row.slot)) ?? 0) + 1);
    }
    return total > (endsMax ?? Math.max(0, ...counts.values()));
  }

  pairOf(slot: number): NamedPair | undefined {
    return this.#everPools.get(poolIdOf(slot))?.pairOf(slot);
  }

  slotOf(pair: NamedPair): number | undefined {
    return slotOfPair(this.pools, pair);
  }

  /** A message that gives a pair up reached a relay. */
  recordGivenUp(client: string, given: GivenUp): void {
    this.#givenUps.record(client, given);
  }

  /**
   * Checks a transaction, and takes it over.
   *
   * @returns Slots that others than allocators changed.
   */
  commit(commit: JudgedCommit): readonly number[] {
    const { atMs, clockMs, changed, claims, audited, by } = commit;
    this.audited.push(...audited);
    if (changed.length === 0) return [];
    this.commits++;
    const before = new Map(changed.map(([slot]) => [slot, this.leases.rows.get(slot)]));
    for (const [slot, row] of changed) {
      this.leases.set(slot, row, { atMs, clockMs, by });
      this.tenures.record(slot, before.get(slot), row, Math.floor(clockMs / 1000));
    }
    if (claims === undefined) {
      const rows = changed.map(([slot, after]) => ({ slot, before: before.get(slot), after }));
      const taken = this.#checkOperation(rows, audited, Math.floor(clockMs / 1000));
      for (const slot of taken) this.#operated.set(slot, atMs);
      return taken;
    }
    const transaction: Transaction = {
      now: Math.floor(clockMs / 1000),
      nowUp: Math.ceil(clockMs / 1000),
      claims,
      rulesOf: (domainId) => this.#domains.get(domainId),
      drainUntilOf: (slot) => this.#pools.get(poolIdOf(slot))?.shape.drainUntil ?? null,
      mayEnd: (row) => this.#mayEnd(row),
    };
    for (const [slot, after] of changed) {
      must(after !== undefined, "an allocator deleted a row", before.get(slot));
      must(this.pairOf(slot) !== undefined, "a row is in no pool", after);
      const { client } = before.get(slot) ?? after;
      if (client !== after.client) this.#leftMs.set(slot, atMs);
      checkTransition({ slot, before: before.get(slot), after }, transaction, this.leases);
    }
    this.cursors.advance(claims, this.leases.rows);
    return [];
  }

  #checkOperation(
    rows: readonly Operated[],
    audited: readonly AuditedChange[],
    now: number,
  ): readonly number[] {
    const shapeOf = (slot: number): PoolShape | undefined => this.#everPools.get(poolIdOf(slot))?.shape;
    return checkOperation(rows, {
      now,
      keptFrom: now - this.historySeconds,
      audited,
      rulesOf: (domainId) => this.#domains.get(domainId),
      closingOf: (slot) => {
        const shape = shapeOf(slot);
        const isClosed = shape !== undefined && shape.drainUntil !== null && shape.drainUntil <= now;
        return { isClosed, isForced: shape !== undefined && this.#forced.has(shape.name) };
      },
      isOpen: (slot) => shapeOf(slot)?.drainUntil === null,
      nameOf: (slot) => nameOfPair(this.pairOf(slot)!),
    });
  }

  givenUpBy(client: string): readonly GivenUp[] {
    return this.#givenUps.of(client);
  }

  /** T4: only a message that came after the last grant of a row ends it. */
  #mayEnd(row: LeaseRow): boolean {
    const { client, slot } = row;
    if (client === null) return true;
    const pair = this.pairOf(slot);
    const given = this.givenUpBy(client).filter((each) => concerns(each, row, pair));
    const grant = this.leases.lastGrant(slot);
    must(grant !== undefined, "a row ends that nobody granted", row);
    const sinceMs = grant.atMs - postMs;
    const late = given.filter((each) => lastMs(each) >= sinceMs);
    const isUntimed = late.length > 0 && late.every(({ atMs: givenMs }) => givenMs < sinceMs);
    this.excuses.count("end: arrival not told", isUntimed);
    return late.length > 0;
  }

  /** @returns The slots of a pair in all pools that there ever were. */
  slotsOf(pair: NamedPair): number[] {
    return this.allPools.map((pool) => pool.slotOf(pair)).filter((slot) => slot !== undefined);
  }

  /** Whether the pool of a slot was drained at some time since. */
  wasDrained(slot: number, sinceMs: number): boolean {
    const id = poolIdOf(slot);
    const isDrained = this.#pools.get(id)?.shape.drainUntil !== null;
    return isDrained || (this.#drainedMs.get(id) ?? -1) >= sinceMs;
  }

  /** Whether an operator has taken a slot from its client since, or drained its pool. */
  isExcused(slot: number, sinceMs: number): boolean {
    return (this.#operated.get(slot) ?? -1) >= sinceMs || this.wasDrained(slot, sinceMs);
  }

  /** Whether the client of an identifier may have lost a pair since, by a message of its own or because it has to move. */
  mayHaveLost(client: string, pair: NamedPair, sinceMs: number): boolean {
    const hasGivenUp = this.givenUpBy(client).some((given) => lastMs(given) >= sinceMs);
    return hasGivenUp || this.slotsOf(pair).some((slot) => (this.#leftMs.get(slot) ?? -1) >= sinceMs);
  }

  /** @returns When an operator last took a pair from whoever had it, by the judge's clock. */
  takenMs(pair: NamedPair): number {
    return Math.max(-1, ...this.slotsOf(pair).map((slot) => this.#operated.get(slot) ?? -1));
  }
}
