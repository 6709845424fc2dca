/**
 * Judges one database: each transaction by the rows that it changed, its facts by all rows, and each answer by the row
 * that allows it.
 *
 * @module
 */
import type { Claim, Fact, HeldPair } from "../../src/lease/claim.ts";
import { Cursors } from "./cursors.ts";
import { bound, freeNever, isGone, isInUse, isOccupied, isRunning, Leases, offered } from "./leases.ts";
import type { Version } from "./leases.ts";
import { checkOperation } from "./operations.ts";
import type { AuditedChange, Operated } from "./operations.ts";
import { nameOfPair, names, OraclePool, poolIdOf, slotOfPair } from "./pools.ts";
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
  /** When its allocator sent it. */
  readonly sentMs: number;
  readonly clockMs: number;
  readonly changed: readonly (readonly [slot: number, row: LeaseRow | undefined])[];
  /** The claims; undefined if it is no batch of an allocator. */
  readonly claims: readonly Claim[] | undefined;
  /** The allocator; undefined if it is none. */
  readonly by?: string | undefined;
  /** Whether the allocator knew the clock, so that it could state a deadline. */
  readonly hasDeadline: boolean;
  /** What an operator's transaction wrote to the audit. */
  readonly audited: readonly AuditedChange[];
}

/** An answer that a client got to a message. */
export interface JudgedAnswer {
  readonly kind: "offer" | "ack" | "nak";
  /** Client identifier of the message, in hexadecimal. */
  readonly client: string;
  readonly what: string;
  /** Whether a lease may be granted at once. */
  readonly asksRapidCommit: boolean;
  /** The pair of the message. */
  readonly named: NamedPair | undefined;
  /** The pair of the answer; of the message for a NAK. */
  readonly pair: NamedPair;
  readonly seconds: number;
  readonly softwire: string | null;
  /** When the message was sent first, and when the answer arrived, by the judge's clock. */
  readonly sentMs: number;
  readonly heardMs: number;
  /** Whether nothing but the lease itself decides a renewal: its sender is who it says, and stays where it is. */
  readonly isPlain: boolean;
  /** The end of the name of the line that the message came from; undefined if it has none, or nobody knows. */
  readonly line?: string | undefined;
}

/** Configuration of a database, as the judge needs it. */
export interface JudgedConfiguration {
  readonly pools: readonly PoolShape[];
  /** By id. */
  readonly domains: ReadonlyMap<number, DomainRules>;
}

/**
 * A transaction that begins later than its sender waits may change nothing. The sender knows the clock by a reading, which
 * may have taken as long as it waits for any answer; a second is for rounding.
 */
const lateMs = 2 * 3000 + 1100;

/**
 * A message may end what was granted while an earlier one of its batch was served, unless the batch is later than this.
 * Some milliseconds are for rounding.
 */
const sameBatchMs = 100 + 5;
/** The same for each further round of a batch, in which an allocator ends only what it has granted itself. */
const roundsMax = 4;

/** A message that gives a pair up. */
interface GivenUp {
  /** When it reached a relay. */
  readonly atMs: number;
  readonly what: "release" | "decline" | "withdraw";
  /** The pair that it names; undefined if it may be any. */
  readonly pair: NamedPair | undefined;
  /** The end of the name of the line that it came from; undefined if it may be any. */
  readonly line: string | undefined;
}

/** The judge of one database. */
export class Judge {
  readonly leases = new Leases();
  readonly tenures = new Tenures();
  readonly #cursors = new Cursors();
  readonly #pools = new Map<number, OraclePool>();
  /** Those that exist, and those that were deleted. */
  readonly #everPools = new Map<number, OraclePool>();
  #domains: ReadonlyMap<number, DomainRules> = new Map();
  /** Client -> the latest message of each kind. */
  readonly #givenUp = new Map<string, Map<string, GivenUp>>();
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
  /** Transactions that changed something. */
  commits = 0;

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
    const { what, pair, line, atMs } = given;
    const kind = `${what} ${pair === undefined ? "" : nameOfPair(pair)} ${line ?? ""}`;
    const all = this.#givenUp.get(client) ?? new Map<string, GivenUp>();
    this.#givenUp.set(client, all);
    if (atMs >= (all.get(kind)?.atMs ?? 0)) all.set(kind, given);
  }

  /**
   * Checks a transaction, and takes it over.
   *
   * @returns Slots that others than allocators changed.
   */
  commit(commit: JudgedCommit): readonly number[] {
    const { atMs, clockMs, sentMs, changed, claims, hasDeadline, audited, by } = commit;
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
    must(!hasDeadline || atMs - sentMs <= lateMs, "a transaction changed rows after its deadline", {
      sentMs,
      atMs,
      changed,
    });
    const transaction: Transaction = {
      now: Math.floor(clockMs / 1000),
      nowUp: Math.ceil(clockMs / 1000),
      claims,
      rulesOf: (domainId) => this.#domains.get(domainId),
      drainUntilOf: (slot) => this.#pools.get(poolIdOf(slot))?.shape.drainUntil ?? null,
      mayEnd: (row) => this.#mayEnd(row, by),
    };
    for (const [slot, after] of changed) {
      must(after !== undefined, "an allocator deleted a row", before.get(slot));
      must(this.pairOf(slot) !== undefined, "a row is in no pool", after);
      const { client } = before.get(slot) ?? after;
      if (client !== after.client) this.#leftMs.set(slot, atMs);
      checkTransition({ slot, before: before.get(slot), after }, transaction, this.leases);
    }
    this.#cursors.advance(claims, this.leases.rows);
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

  #givenUpBy(client: string): readonly GivenUp[] {
    return [...(this.#givenUp.get(client)?.values() ?? [])];
  }

  /** T4: only a message that came after the last grant of a row ends it. */
  #mayEnd(row: LeaseRow, by: string | undefined): boolean {
    const { client, slot } = row;
    if (client === null) return true;
    const pair = this.pairOf(slot);
    const given = this.#givenUpBy(client).filter((each) => concerns(each, row, pair));
    const grant = this.leases.lastGrant(slot);
    if (grant === undefined) return true;
    const sinceMs = grant.atMs - (grant.by === by ? roundsMax : 1) * sameBatchMs;
    return given.some(({ atMs: givenMs }) => givenMs >= sinceMs);
  }

  /** @returns What the facts of a transaction have to say, if it was served. */
  expectFacts(claims: readonly Claim[], clockMs: number): readonly (ExpectedFact | undefined)[] {
    const now = Math.floor(clockMs / 1000);
    const nowUp = Math.ceil(clockMs / 1000);
    return claims.map((claim) => {
      const row = this.#ownRow(claim, now);
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
  #ownRow({ domainId, clientId, line }: Claim, now: number): LeaseRow | undefined {
    const rows = this.leases.ofClient(domainId, clientId).sort((a, b) => (a.line < b.line ? -1 : 1));
    if (line === "") return rows[0];
    const own = rows.find((row) => row.line === line);
    return own ?? rows.find((row) => row.line === "" || isGone(row, now));
  }

  /** Compares facts with what was expected of them. */
  checkFacts(
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

  /** Checks an answer by the versions of its row, from when its message was sent to when it arrived. */
  checkAnswer(answer: JudgedAnswer): void {
    const { kind, client, named, pair, sentMs, what, isPlain } = answer;
    const isToDiscover = kind === "offer" || (kind === "ack" && answer.asksRapidCommit);
    must(
      what === "discover" ? isToDiscover : kind !== "offer",
      "an answer is not one to its message",
      answer,
    );
    const isNamed = what === "discover" || (named !== undefined && names(named, pair));
    must(isNamed, "an answer is for another pair than its message", answer);
    if (kind === "nak") {
      const slot = this.slotOf(pair);
      if (slot === undefined || !isPlain || what === "discover") return;
      this.#checkRefusal(answer, slot, this.leases.versions(slot, sentMs));
      return;
    }
    // A pool may have been deleted since, and another one may have its addresses.
    const versions = this.#slotsOf(pair).flatMap((slot) => this.leases.versions(slot, sentMs));
    // A damaged message may have lost the name of its line.
    const isDamaged = this.#givenUpBy(client).some((each) => each.pair === undefined);
    const judged = isDamaged ? { ...answer, line: undefined } : answer;
    const isAllowed = versions.some(
      (version) =>
        (allows(version, judged) &&
          (isLongEnough(version, answer) || this.#wasDrained(version.row.slot, sentMs)) &&
          !this.#isLeaving(version, answer)) ||
        this.#isKeptFor(version, answer),
    );
    must(isAllowed, `no row allows this ${kind}`, answer, { client }, versions);
    if (kind === "offer") this.#checkPreference(answer, versions);
  }

  #slotsOf(pair: NamedPair): number[] {
    return this.allPools.map((pool) => pool.slotOf(pair)).filter((slot) => slot !== undefined);
  }

  /** Whether the pair is kept for a client that is to move there. It is offered, but it becomes the client's when asked for. */
  #isKeptFor({ row }: Version, { kind, client, sentMs }: JudgedAnswer): boolean {
    if (kind !== "offer" || row.client !== null || row.moveFrom === null) return false;
    const sources = this.leases.versions(row.moveFrom, sentMs);
    return sources.some((each) => each.row.client === client && each.row.moveTo === row.slot);
  }

  /** Whether a client gets its old pair again although it is to move. A move ends when the pool of its target is drained. */
  #isLeaving({ row, atMs }: Version, { kind, sentMs }: JudgedAnswer): boolean {
    if (kind !== "ack" || row.moveTo === null) return false;
    const targets = this.leases.versions(row.moveTo, Math.max(atMs, sentMs));
    const isPending =
      targets.length > 0 &&
      targets.every((each) => each.row.moveFrom === row.slot && each.row.client === null);
    return isPending && !this.#wasDrained(row.moveTo, sentMs);
  }

  /** Whether the pool of a slot was drained at some time since. */
  #wasDrained(slot: number, sinceMs: number): boolean {
    const id = poolIdOf(slot);
    const isDrained = this.#pools.get(id)?.shape.drainUntil !== null;
    return isDrained || (this.#drainedMs.get(id) ?? -1) >= sinceMs;
  }

  /** Whether an operator has taken a slot from its client since, or drained its pool. */
  #isExcused(slot: number, sinceMs: number): boolean {
    return (this.#operated.get(slot) ?? -1) >= sinceMs || this.#wasDrained(slot, sinceMs);
  }

  /** Whether the client of an identifier may have lost a pair since, by a message of its own or because it has to move. */
  mayHaveLost(client: string, pair: NamedPair, sinceMs: number): boolean {
    const hasGivenUp = this.#givenUpBy(client).some(({ atMs }) => atMs >= sinceMs);
    return hasGivenUp || this.#slotsOf(pair).some((slot) => (this.#leftMs.get(slot) ?? -1) >= sinceMs);
  }

  /** @returns When an operator last took a pair from whoever had it, by the judge's clock. */
  takenMs(pair: NamedPair): number {
    return Math.max(-1, ...this.#slotsOf(pair).map((slot) => this.#operated.get(slot) ?? -1));
  }

  /** A client that had a pair when it asked, and still has it, is offered this pair. */
  #checkPreference({ client, sentMs, heardMs }: JudgedAnswer, granted: readonly Version[]): void {
    const offer = granted.find(({ row }) => row.client === client)?.row;
    if (offer === undefined) return;
    for (const { slot, line } of this.leases.ofClient(offer.domainId, client)) {
      if (slot === offer.slot || line !== offer.line) continue;
      const versions = this.leases.versions(slot, sentMs);
      const isKept =
        versions[0]!.atMs < sentMs &&
        lastUntil(versions, heardMs) &&
        versions.every(({ row }) => row.client === client && row.state <= bound && row.moveTo === null);
      must(
        !isKept || this.#isExcused(slot, sentMs),
        "a client was offered another pair although it has one",
        offer,
        versions,
      );
    }
  }

  /** A client that renews the lease that it has, or takes what it was offered, must not be refused. */
  #checkRefusal(answer: JudgedAnswer, slot: number, versions: readonly Version[]): void {
    const { client, heardMs, sentMs, what } = answer;
    const isOwn = ({ row }: Version): boolean =>
      row.client === client &&
      (row.state === bound || (what === "select" && row.state === offered)) &&
      row.moveTo === null;
    const isHeld =
      versions.length > 0 &&
      versions[0]!.atMs < sentMs &&
      versions.every(isOwn) &&
      lastUntil(versions, heardMs + 2000);
    must(
      !isHeld || this.#isExcused(slot, sentMs),
      "a lease that its client has was refused",
      answer,
      versions,
    );
  }

  /** Compares all rows with those that the judge knows, and the cursor and counts of each pool with them. */
  audit(rows: readonly LeaseRow[], cursors: ReadonlyMap<number, number>, clockMs: number): void {
    const now = Math.floor(clockMs / 1000);
    must(rows.length === this.leases.rows.size, "rows are not those that transactions left", rows.length);
    for (const row of rows) {
      const known = this.leases.rows.get(row.slot);
      must(
        JSON.stringify(known) === JSON.stringify(row),
        "a row is not as its transaction left it",
        row,
        known,
      );
    }
    const used = rows.filter((row) => isInUse(row, now));
    const holders = used.map(({ domainId, client, line }) => `${domainId} ${client} ${line}`);
    must(new Set(holders).size === holders.length, "a client has two leases", holders);
    for (const pool of this.#pools.values()) {
      const ofPool = rows.filter(({ slot }) => poolIdOf(slot) === pool.shape.id);
      const cursor = cursors.get(pool.shape.id) ?? 0;
      must(ofPool.length <= pool.slots, "a pool has more rows than slots", pool.shape);
      this.#cursors.check(pool, cursor, this.leases.rows);
    }
  }

  /** @returns How many slots of each state a pool has. */
  countsOf(pool: OraclePool, clockMs: number): Readonly<Record<string, number>> {
    const now = Math.floor(clockMs / 1000);
    const counts = { free: pool.slots, offered: 0, bound: 0, quarantined: 0, reserved: 0 };
    for (const row of this.leases.rows.values()) {
      if (poolIdOf(row.slot) !== pool.shape.id) continue;
      if (isRunning(row, now)) counts.bound++;
      else if (isInUse(row, now)) counts.offered++;
      else if (row.freeAt === freeNever) counts.reserved++;
      else if (isOccupied(row, now)) counts.quarantined++;
      else continue;
      counts.free--;
    }
    return counts;
  }
}

type ExpectedFact = Pick<HeldPair, "slot" | "state" | "remainingSeconds" | "statedSeconds" | "softwire">;

const stateNames: Readonly<Record<number, HeldPair["state"]>> = {
  1: "offered",
  2: "bound",
  3: "released",
  4: "declined",
};

/** Whether an answer grants all that its row was given, less the seconds that have passed. */
function isLongEnough({ row, clockMs, atMs }: Version, { kind, seconds, heardMs }: JudgedAnswer): boolean {
  const stated = row.statedSeconds ?? 0;
  const left = row.expiresAt - (clockMs + Math.max(0, heardMs - atMs)) / 1000;
  return seconds >= (kind === "offer" ? stated : Math.min(stated, left - 1));
}

/** Whether each of some versions that follow each other lasted until the next one, and the last until then. */
function lastUntil(versions: readonly Version[], untilMs: number): boolean {
  return versions.every(({ row, clockMs, atMs }, index) => {
    const endMs = versions[index + 1]?.atMs ?? untilMs;
    return row.expiresAt * 1000 > clockMs + endMs - atMs;
  });
}

/** Whether a message that gives a pair up may end a row. A DECLINE names an address, and a client has one pair of it. */
function concerns({ what, pair: named, line }: GivenUp, row: LeaseRow, pair: NamedPair | undefined): boolean {
  if (line !== undefined && row.line !== "" && !row.line.endsWith(line)) return false;
  if (what === "withdraw") return row.state === offered;
  if (named === undefined || pair === undefined) return true;
  return what === "decline" ? named.address === pair.address : names(named, pair);
}

/** Whether a version of a row allows an answer that was sent while it was current. */
function allows({ row, clockMs, atMs }: Version, answer: JudgedAnswer): boolean {
  if (row.client !== answer.client) return false;
  const { kind, seconds, softwire, sentMs, what, line } = answer;
  // A REQUEST takes the lease to its line. A DISCOVER leaves a running lease where it is.
  if (line !== undefined && what !== "discover" && !row.line.endsWith(line)) return false;
  if (row.statedSeconds !== null && seconds > row.statedSeconds) return false;
  // What was committed before the message came is judged as of the message.
  const atClockMs = clockMs + Math.max(0, sentMs - atMs);
  if (row.expiresAt * 1000 < atClockMs) return false;
  if (kind === "offer") return row.state === offered || row.state === bound;
  return (
    row.state === bound && row.softwire === softwire && row.expiresAt * 1000 >= atClockMs + seconds * 1000
  );
}
