/**
 * Checks the invariants after every step, against the database and against the answers that clients were sent. The
 * monitor remembers every lease that an answer promised, and compares it with the rows.
 *
 * @module
 */
import { declineSeconds, freeNever, isInUse, isRunning, leaseSecondsMax } from "./oracle.ts";
import { releasedSlots } from "./oracle.ts";
import type { Message, Row, Rows } from "./oracle.ts";
import type { Settings } from "./plan.ts";
import { poolsOf } from "./pools.ts";
import type { Pools } from "./pools.ts";

/** A closed tenure from the history table: `[since, until)`. */
export interface Closed {
  readonly slot: number;
  readonly client: number;
  readonly since: number;
  readonly until: number;
}

/** The contents of the database. */
export interface Snapshot {
  readonly rows: Rows;
  readonly history: readonly Closed[];
  /** Pool id -> first position that was never used. */
  readonly cursors: ReadonlyMap<number, number>;
}

/** An answer that an allocator sent, whether its client received it or not. */
export interface GivenAnswer {
  readonly kind: "offer" | "ack" | "nak";
  readonly slot: number | undefined;
  readonly seconds: number;
  readonly softwire: string | null;
}

/** The second in which a POST was served, and the next one. */
export interface Instant {
  readonly now: number;
  readonly nowUp: number;
}

/**
 * A lease that answers promised to a client: `[from, to)`. The end is the latest that the client may have been told,
 * whether it received the answers or not, until it gives the lease up.
 */
interface PromisedLease {
  readonly slot: number;
  readonly client: number;
  from: number;
  to: number;
  /** The second in which the client gave the lease up or got another one; it had the pair for a part of this second. */
  endedIn: number | undefined;
  softwire: string | null;
  /** The client's sites. A site at its limit gets its own pairs again, even in quarantine. */
  readonly sites: Set<string>;
  /** Clients of these sites that got the pair in its quarantine. It moves with them to other sites. */
  readonly heirs: Set<number>;
  /**
   * An operator's move ended it before this end, which its client was told: the refusal, or the ACK of the new pair, may
   * be lost.
   */
  usableUntil: number;
  /** Its client moves, and was sent a refusal, which may have been served. */
  mayBeRefused: boolean;
  /** The client sent a RELEASE or DECLINE for it, which may have been served. */
  mayHaveEnded: boolean;
  /** After it ended, its client was offered the pair again. Giving up that offer, or an heir's, ends the quarantine. */
  isOfferedAgain: boolean;
  isGivenUp: boolean;
}

function must(condition: boolean, rule: string, ...found: unknown[]): asserts condition {
  if (!condition) throw new Error(`${rule}: ${JSON.stringify(found)}`);
}

function endPromise(promised: PromisedLease, now: number): void {
  if (promised.to <= now) return;
  promised.to = now;
  promised.endedIn = now;
}

/** A move of a client that it was perhaps not told yet. */
interface PendingMove {
  readonly from: number;
  readonly to: number;
  /** When others may get the two pairs. */
  readonly until: number;
}

/** Records promised leases and checks the invariants. */
export class Monitor {
  readonly #settings: Settings;
  readonly #pools: Pools;
  /** All promised leases, ended ones included. */
  readonly #promises: PromisedLease[] = [];
  /** Client -> the promised lease that it may use now. */
  readonly #current = new Map<number, PromisedLease>();
  /** Client -> the move by an operator that it has not followed yet. */
  readonly #moves = new Map<number, PendingMove>();
  /** Declined slot -> the end of its latest quarantine. */
  readonly #declined = new Map<number, number>();

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#pools = poolsOf(settings);
  }

  /**
   * Records the messages of a POST and their answers, in the order in which they were sent.
   *
   * @param exchanges Messages with their answers; `unknown` when the whole POST failed.
   */
  recordAnswers(
    exchanges: readonly (readonly [Message, GivenAnswer | undefined | "unknown"])[],
    instant: Instant,
    after: Rows,
  ): void {
    const { now } = instant;
    // First, because a batch ends leases before it assigns pairs, whatever the order of its messages.
    for (const [message, answer] of exchanges) this.#recordOffers(message, answer);
    for (const [message, answer] of exchanges) {
      const { client } = message;
      if (answer === "unknown") {
        this.#recordRefusal(client);
        this.#inheritCommitted(message, after);
        this.#adoptCommitted(message, after, instant);
        continue;
      }
      const current = this.#current.get(client);
      if (answer?.kind === "nak") this.#recordRefusal(client);
      if (answer?.kind === "ack") this.#promise(message, answer, instant);
      if (answer?.kind === "offer") this.#checkAssignment(message, answer.slot!, now);
      this.#recordRelease(message, current);
    }
    this.#closeReleased(after, now);
    for (const [{ what, client }] of exchanges) {
      const from = this.#moves.get(client)?.from;
      // The message may not have been served, or may name another pair; then the move is still pending.
      const isPending = from !== undefined && after.get(from)?.client === client;
      if (["withdraw", "release", "decline"].includes(what) && !isPending) this.#moves.delete(client);
    }
    for (const [message] of exchanges) this.#recordDecline(message, after, instant);
  }

  /** An operator moves a client, or takes its move back (null). */
  recordMove(client: number, pending: PendingMove | null): void {
    if (pending === null) this.#moves.delete(client);
    else this.#moves.set(client, pending);
  }

  /** An operator ends the lease of a client. */
  recordEnd(client: number, now: number): void {
    this.#moves.delete(client);
    const current = this.#current.get(client);
    if (current !== undefined) endPromise(current, now);
    this.#current.delete(client);
  }

  #recordRefusal(client: number): void {
    const current = this.#current.get(client);
    if (current !== undefined && this.#moves.get(client)?.from === current.slot) current.mayBeRefused = true;
  }

  #recordRelease(message: Message, current: PromisedLease | undefined): void {
    if (message.what !== "release" && message.what !== "decline") return;
    if (current === undefined || !releasedSlots(message, this.#pools).includes(current.slot)) return;
    current.mayHaveEnded = true;
  }

  #recordOffers({ client, what, site }: Message, answer: GivenAnswer | undefined | "unknown"): void {
    for (const promised of this.#promises.filter((each) => each.client === client)) {
      const mayBeOffered =
        answer === "unknown" || (answer?.kind === "offer" && answer.slot === promised.slot);
      if (what === "discover" && mayBeOffered) {
        promised.isOfferedAgain = true;
        promised.sites.add(site);
      }
    }
    if (what !== "withdraw" && what !== "release") return;
    for (const promised of this.#promises) {
      const wasOffered = promised.client === client ? promised.isOfferedAgain : promised.heirs.has(client);
      if (wasOffered) promised.isGivenUp = true;
    }
  }

  #promise(message: Message, answer: GivenAnswer, { now, nowUp }: Instant): void {
    const to = nowUp + answer.seconds;
    const slot = answer.slot!;
    const { client, site } = message;
    this.#checkAssignment(message, slot, now);
    const pending = this.#moves.get(client);
    must(pending?.from !== slot || pending.until <= now, "a client that was moved got its old pair", {
      client,
      pending,
      now,
    });
    this.#moves.delete(client);
    const before = this.#current.get(client);
    if (before?.slot === slot && before.to > now) {
      before.sites.add(site);
      // An answer may be lost, so its client may go by the answer before.
      before.to = Math.max(before.to, to);
      Object.assign(before, { softwire: answer.softwire, mayHaveEnded: false });
      return;
    }
    if (before !== undefined) {
      if (pending?.from === before.slot) before.usableUntil = before.to;
      endPromise(before, now);
    }
    const sites = new Set([site]);
    this.#open({ slot, client, from: now, to, softwire: answer.softwire, sites });
  }

  #open(fields: Pick<PromisedLease, "slot" | "client" | "from" | "to" | "softwire" | "sites">): void {
    const promised = {
      ...fields,
      endedIn: undefined,
      heirs: new Set<number>(),
      usableUntil: 0,
      mayBeRefused: false,
      mayHaveEnded: false,
      isOfferedAgain: false,
      isGivenUp: false,
    };
    this.#promises.push(promised);
    this.#current.set(fields.client, promised);
  }

  /** Checks that a pair is assigned only after the quarantine of its previous lease or of its DECLINE. */
  #checkAssignment(message: Message, slot: number, now: number): void {
    const { client } = message;
    const until = this.#declined.get(slot) ?? 0;
    must(until <= now, "a declined pair was assigned during its quarantine", { slot, client, until, now });
    this.#inherit(message, slot);
    for (const [moved, { to, until: heldUntil }] of this.#moves) {
      const isHeld = to === slot && moved !== client && heldUntil > now;
      must(!isHeld, "a pair that is kept for a move was assigned", { slot, client, moved, heldUntil, now });
    }
    for (const other of this.#promises) {
      if (other.slot !== slot || other.client === client || other.isGivenUp || other.heirs.has(client))
        continue;
      // `check` compares running leases after all answers of the POST are known, because one may have been released.
      if (other.to >= now || other.to <= other.from) continue;
      const free = Math.max(other.to, other.usableUntil) + this.#settings.quarantineSeconds;
      must(free <= now, "a pair was assigned during its quarantine", { slot, client, other, now });
    }
  }

  /** Notes that a client of a site at its limit may have got a pair that another client of this site left. */
  #inherit({ client, site }: Message, slot: number): void {
    if (this.#settings.siteLeasesMax === null) return;
    for (const other of this.#promises) {
      if (other.slot !== slot || other.client === client) continue;
      if (other.sites.has(site)) other.heirs.add(client);
      if (other.heirs.has(client)) other.sites.add(site);
    }
  }

  #inheritCommitted(message: Message, after: Rows): void {
    for (const row of after.values()) {
      if (row.client === message.client) this.#inherit(message, row.slot);
    }
  }

  /** After a failed POST, adopts a running lease from the database if the message could have created it. */
  #adoptCommitted(message: Message, after: Rows, { now, nowUp }: Instant): void {
    const { client } = message;
    const current = this.#current.get(client);
    const row = [...after.values()].find((each) => each.client === client);
    const isBinding = ["select", "renew", "rebind", "reboot"].includes(message.what);
    if (row !== undefined && isRunning(row, now) && isBinding) {
      if (current?.slot === row.slot && current.to > now) {
        current.sites.add(message.site);
        current.to = Math.max(current.to, row.expiresAt);
        current.softwire = row.softwire;
      } else {
        const sites = new Set([message.site]);
        this.#open({ slot: row.slot, client, from: now, to: row.expiresAt, softwire: row.softwire, sites });
      }
      must(row.expiresAt <= nowUp + leaseSecondsMax, "a lease is longer than the longest of the domain", row);
    }
    this.#recordRelease(message, current);
  }

  /** Ends the promised leases that their clients released, if the database confirms it. */
  #closeReleased(after: Rows, now: number): void {
    for (const [client, current] of this.#current) {
      const row = after.get(current.slot);
      const isKept = row?.client === client && isRunning(row, now);
      if (!isKept && (current.mayHaveEnded || current.mayBeRefused)) {
        if (!current.mayHaveEnded) current.usableUntil = current.to;
        endPromise(current, now);
      }
      current.mayHaveEnded = false;
      current.mayBeRefused = false;
      if (current.to <= now) this.#current.delete(client);
    }
  }

  #recordDecline(message: Message, after: Rows, { now, nowUp }: Instant): void {
    if (message.what !== "decline") return;
    for (const slot of releasedSlots(message, this.#pools)) {
      const row = after.get(slot);
      if (row?.state === 4 && row.expiresAt === now && row.freeAt !== freeNever) {
        // It is counted from the end of the second, or from the end of the lease at its beginning.
        must(
          [now, nowUp].includes(row.freeAt - declineSeconds),
          "the quarantine of a DECLINE lasts declineSeconds",
          row,
        );
        this.#declined.set(slot, row.freeAt);
      }
    }
  }

  /** @returns The seconds in which leases of a slot began or ended, in order. */
  edgesOf(slot: number): number[] {
    const ofSlot = this.#promises.filter((promised) => promised.slot === slot);
    return [...new Set(ofSlot.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  }

  /**
   * Compares a look-up with the promised leases. It names everyone who had the pair in a part of that second, and is
   * certain only of a client that shares the second with nobody.
   */
  checkLookUp(slot: number, at: number, found: readonly { client: number; certainty: string }[]): void {
    const holders = this.#promises.filter(
      (each) => each.slot === slot && each.from <= at && (at < each.to || each.endedIn === at),
    );
    const clients = new Set(holders.map(({ client }) => client));
    const near = this.#promises.filter((each) => each.slot === slot && each.from <= at && at <= each.to);
    for (const client of clients) {
      const isNamed = found.some((each) => each.client === client);
      must(isNamed, "a look-up does not name a holder", { slot, at, client }, found, holders);
    }
    for (const { client, certainty } of found) {
      const isRight = clients.has(client) && clients.size === 1;
      must(
        certainty !== "certain" || isRight,
        "a look-up is certain of what was not",
        { slot, at },
        found,
        holders,
      );
      const wasNear = near.some((each) => each.client === client);
      must(wasNear, "a look-up names a client that had the pair at another time", { slot, at }, found, near);
    }
  }

  /** Checks the invariants that must always hold. */
  check(snapshot: Snapshot, now: number): void {
    this.#checkPromises(snapshot.rows, now);
    checkOverlaps(snapshot.rows, now, this.#pools);
    checkClients(snapshot.rows, now, this.#settings);
    checkCounts(snapshot, now, this.#pools);
    checkTenures(snapshot, now);
    this.#checkHistory(snapshot, now);
  }

  /** Checks that every running lease of an ACK is in the database unchanged, and that the database has no others. */
  #checkPromises(rows: Rows, now: number): void {
    for (const promised of this.#current.values()) {
      if (promised.to <= now) continue;
      const row = rows.get(promised.slot);
      must(
        row?.client === promised.client &&
          row.state === 2 &&
          row.expiresAt === promised.to &&
          row.softwire === promised.softwire,
        "a running lease of an ACK is missing from the database, or differs",
        { promised, row, now },
      );
    }
    for (const row of rows.values()) {
      if (!isRunning(row, now)) continue;
      must(
        this.#current.get(row.client!)?.slot === row.slot,
        "a running lease was never sent in an ACK",
        row,
      );
    }
  }

  /** Checks that history and running leases together cover every promised lease, and nothing else. */
  #checkHistory({ rows, history }: Snapshot, now: number): void {
    for (const { slot, client, from, to } of this.#promises) {
      const record = recordOf({ rows, history }, slot, client);
      must(
        isCovered(from, Math.min(to, now), record),
        "a promised lease is not fully recorded in history and rows",
        { slot, client, from, to, now },
        record,
      );
    }
    for (const closed of history) {
      const promises = this.#promises
        .filter(({ slot, client }) => slot === closed.slot && client === closed.client)
        .map(({ from, to }) => [from, to] as const);
      must(
        isCovered(closed.since, closed.until, promises),
        "the history has a tenure that was never promised",
        closed,
        promises,
      );
    }
  }
}

type Interval = readonly [from: number, to: number];

function recordOf({ rows, history }: Omit<Snapshot, "cursors">, slot: number, client: number): Interval[] {
  const intervals = history
    .filter((each) => each.slot === slot && each.client === client)
    .map(({ since, until }): Interval => [since, until]);
  const row = rows.get(slot);
  if (row?.client === client && row.since !== null) intervals.push([row.since, row.expiresAt]);
  return intervals;
}

function isCovered(from: number, to: number, intervals: readonly Interval[]): boolean {
  let at = from;
  for (const [start, end] of [...intervals].sort((a, b) => a[0] - b[0])) {
    if (start <= at) at = Math.max(at, end);
  }
  return at >= to;
}

/** Invariants 1, 2 and 8 of spec/protocol.md §9: no port has two clients, and no lease has reserved ports. */
function checkOverlaps(rows: Rows, now: number, pools: Pools): void {
  const used = [...rows.values()].filter((row) => isInUse(row, now));
  for (const [index, one] of used.entries()) {
    const a = pools.portsOf(one.slot);
    must(a.first === 0 ? a.last === 65_535 : a.first > 1023, "a shared lease contains reserved ports", one);
    for (const other of used.slice(index + 1)) {
      const b = pools.portsOf(other.slot);
      const isApart = a.address !== b.address || a.last < b.first || b.last < a.first;
      must(isApart, "two leases share a port", one, other);
    }
  }
}

/** Invariants 3 and 7, and R7618-10-02. */
function checkClients(rows: Rows, now: number, { siteLeasesMax }: Settings): void {
  const used = [...rows.values()].filter((row) => isInUse(row, now));
  const clients = used.map(({ client }) => client);
  must(!clients.includes(null), "a lease in use has no client", used);
  must(new Set(clients).size === clients.length, "a client has two leases", used);
  const softwires = used.filter((row) => isRunning(row, now) && row.softwire !== null);
  must(
    new Set(softwires.map(({ softwire }) => softwire)).size === softwires.length,
    "two leases have the same softwire address",
    softwires,
  );
  if (siteLeasesMax === null) return;
  const sites = new Map<string | null, Row[]>();
  for (const row of used) sites.set(row.site, [...(sites.get(row.site) ?? []), row]);
  for (const leases of sites.values()) {
    must(leases.length <= siteLeasesMax, "a site has more leases than siteLeasesMax", leases);
  }
}

/** Invariant 9 (the states of all slots add up), and the invariants of rows and cursors. */
function checkCounts({ rows, cursors }: Snapshot, now: number, pools: Pools): void {
  for (const row of rows.values()) {
    must(pools.poolOf(row.slot) !== undefined, "the slot of a row is in no pool", row);
    must((row.state === 2) === (row.since !== null), "bound rows have a tenure, and no other rows do", row);
    must(!isInUse(row, now) || row.freeAt >= row.expiresAt, "a slot becomes free while it is in use", row);
  }
  for (const { id, keys } of pools.all) {
    const counts = { free: 0, offered: 0, bound: 0, quarantined: 0, reserved: 0 };
    for (const key of keys) {
      const row = rows.get(key);
      if (row === undefined) counts.free++;
      else if (isRunning(row, now)) counts.bound++;
      else if (isInUse(row, now)) counts.offered++;
      else if (row.freeAt === freeNever) counts.reserved++;
      else if (row.freeAt > now) counts.quarantined++;
      else counts.free++;
    }
    const sum = Object.values(counts).reduce((a, b) => a + b, 0);
    must(
      sum === keys.length,
      "free + offered + bound + quarantined + reserved is not the number of slots",
      counts,
    );
    const cursor = cursors.get(id)!;
    must(cursor >= 0 && cursor <= keys.length, "a cursor is outside its pool", cursor);
    const gap = keys.slice(0, cursor).find((key) => !rows.has(key));
    must(gap === undefined, "a position below the cursor has no row", { pool: id, cursor, gap });
  }
}

/** Checks that the tenures of a slot do not overlap. */
function checkTenures({ rows, history }: Snapshot, now: number): void {
  const slots = new Set(history.map(({ slot }) => slot));
  for (const slot of slots) {
    const tenures = history
      .filter((each) => each.slot === slot)
      .sort((a, b) => a.since - b.since || a.until - b.until);
    for (const [index, { since, until }] of tenures.entries()) {
      must(
        since <= until && until <= now,
        "a closed tenure ends before it begins, or in the future",
        tenures,
      );
      const next = tenures[index + 1];
      must(next === undefined || until <= next.since, "two closed tenures overlap", tenures);
    }
    const running = rows.get(slot)?.since ?? null;
    must(
      running === null || tenures.at(-1)!.until <= running,
      "a closed tenure overlaps the running lease",
      tenures,
      rows.get(slot),
    );
  }
}
