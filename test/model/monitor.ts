/**
 * What must hold after every step, judged from two sides: from what the database says, and from what clients were
 * told. The promises that answers made are kept here, and each is held against the rows.
 *
 * @module
 */
import { declineSeconds, freeNever, isInUse, isRunning, leaseSeconds } from "./oracle.ts";
import { slotsGivenBack } from "./oracle.ts";
import type { Message, Row, Rows } from "./oracle.ts";
import type { Settings } from "./plan.ts";
import { poolsOf } from "./pools.ts";
import type { Pools } from "./pools.ts";

/** A closed tenure as the database has it: half-open. */
export interface Closed {
  readonly slot: number;
  readonly client: number;
  readonly since: number;
  readonly until: number;
}

/** All that the database says. */
export interface Snapshot {
  readonly rows: Rows;
  readonly history: readonly Closed[];
  /** Pool -> first position that was never used. */
  readonly cursors: ReadonlyMap<number, number>;
}

/** An answer that was sent, whether its client received it or not. */
export interface Told {
  readonly kind: "offer" | "ack" | "nak";
  readonly slot: number | undefined;
  readonly seconds: number;
  readonly softwire: string | null;
}

/** A lease that was promised to a client: `[from, to)`. */
interface Promised {
  readonly slot: number;
  readonly client: number;
  from: number;
  to: number;
  softwire: string | null;
  /** Where its client was. A site at its limit gets its own pairs again, in their quarantine too. */
  readonly sites: Set<string>;
  /** Its client gave it back in a message that may have been served. */
  mayHaveEnded: boolean;
  /** After its end, its client was offered the pair again; giving that offer up gives up the quarantine too. */
  isOfferedAgain: boolean;
  isGivenUp: boolean;
}

function must(condition: boolean, rule: string, ...found: unknown[]): asserts condition {
  if (!condition) throw new Error(`${rule}: ${JSON.stringify(found)}`);
}

/** Remembers promises, and checks. */
export class Monitor {
  readonly #settings: Settings;
  readonly #pools: Pools;
  /** All leases that were ever promised. */
  readonly #promises: Promised[] = [];
  /** The promise that each client may rely on now. */
  readonly #current = new Map<number, Promised>();
  /** Slots that were declined -> when the last of their quarantines ends. */
  readonly #declined = new Map<number, number>();

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#pools = poolsOf(settings);
  }

  /**
   * Learns of the messages of a POST and of their answers, in the order in which they were sent.
   *
   * @param exchanges A message, and its answer; `unknown` when the whole POST failed.
   */
  learn(
    exchanges: readonly (readonly [Message, Told | undefined | "unknown"])[],
    now: number,
    after: Rows,
  ): void {
    for (const [message, told] of exchanges) {
      const { client } = message;
      this.#noteOffers(message, told);
      if (told === "unknown") {
        this.#adopt(message, after, now);
        continue;
      }
      const current = this.#current.get(client);
      if (told?.kind === "ack") this.#promise(message, told, now);
      if (told?.kind === "offer") this.#checkTaking(message, told.slot!, now);
      this.#noteGivingBack(message, current);
    }
    this.#settle(after, now);
    for (const [message] of exchanges) this.#noteDecline(message, after, now);
  }

  #noteGivingBack(message: Message, current: Promised | undefined): void {
    if (message.what !== "release" && message.what !== "decline") return;
    if (current === undefined || !slotsGivenBack(message, this.#pools).includes(current.slot)) return;
    current.mayHaveEnded = true;
  }

  #noteOffers({ client, what, site }: Message, told: Told | undefined | "unknown"): void {
    for (const promised of this.#promises.filter((each) => each.client === client)) {
      const mayBeOffered = told === "unknown" || (told?.kind === "offer" && told.slot === promised.slot);
      if (what === "discover" && mayBeOffered) {
        promised.isOfferedAgain = true;
        promised.sites.add(site);
      }
      if ((what === "withdraw" || what === "release") && promised.isOfferedAgain) promised.isGivenUp = true;
    }
  }

  #promise(message: Message, told: Told, now: number): void {
    const slot = told.slot!;
    const { client, site } = message;
    this.#checkTaking(message, slot, now);
    const before = this.#current.get(client);
    if (before?.slot === slot && before.to > now) {
      before.sites.add(site);
      Object.assign(before, { to: now + told.seconds, softwire: told.softwire, mayHaveEnded: false });
      return;
    }
    if (before !== undefined) before.to = Math.min(before.to, now);
    const sites = new Set([site]);
    this.#open({ slot, client, from: now, to: now + told.seconds, softwire: told.softwire, sites });
  }

  #open(fields: Pick<Promised, "slot" | "client" | "from" | "to" | "softwire" | "sites">): void {
    const promised = { ...fields, mayHaveEnded: false, isOfferedAgain: false, isGivenUp: false };
    this.#promises.push(promised);
    this.#current.set(fields.client, promised);
  }

  /** No client gets a pair within the quarantine of another client, or one that was declined. */
  #checkTaking({ client, site }: Message, slot: number, now: number): void {
    const until = this.#declined.get(slot) ?? 0;
    must(until <= now, "a declined pair is given out within its quarantine", { slot, client, until, now });
    for (const other of this.#promises) {
      if (other.slot !== slot || other.client === client || other.isGivenUp) continue;
      // One that runs still is looked at when all answers of the POST are known: it may have been given back.
      if (other.to >= now || other.to <= other.from) continue;
      if (this.#settings.siteLeasesMax !== null && other.sites.has(site)) continue;
      const free = other.to + this.#settings.quarantineSeconds;
      must(free <= now, "a pair is given out within its quarantine", { slot, client, other, now });
    }
  }

  /** After a POST without an answer, the rows tell what it committed, if the message can have done it. */
  #adopt(message: Message, after: Rows, now: number): void {
    const { client } = message;
    const current = this.#current.get(client);
    const row = [...after.values()].find((each) => each.client === client);
    const isBinding = ["select", "renew", "rebind", "reboot"].includes(message.what);
    if (row !== undefined && isRunning(row, now) && isBinding) {
      if (current?.slot === row.slot && current.to > now) {
        Object.assign(current, { to: row.expiresAt, softwire: row.softwire });
      } else {
        const sites = new Set([message.site]);
        this.#open({ slot: row.slot, client, from: now, to: row.expiresAt, softwire: row.softwire, sites });
      }
      must(row.expiresAt <= now + leaseSeconds, "a lease is longer than any that is given", row);
    }
    this.#noteGivingBack(message, current);
  }

  /** Closes the promises that their clients gave back, where the database says that they were. */
  #settle(after: Rows, now: number): void {
    for (const [client, current] of this.#current) {
      const row = after.get(current.slot);
      const isKept = row?.client === client && isRunning(row, now);
      if (current.mayHaveEnded && !isKept) current.to = Math.min(current.to, now);
      current.mayHaveEnded = false;
      if (current.to <= now) this.#current.delete(client);
    }
  }

  #noteDecline(message: Message, after: Rows, now: number): void {
    if (message.what !== "decline") return;
    for (const slot of slotsGivenBack(message, this.#pools)) {
      const row = after.get(slot);
      if (row?.state === 4 && row.expiresAt === now && row.freeAt !== freeNever) {
        must(row.freeAt === now + declineSeconds, "the quarantine of a DECLINE has its length", row);
        this.#declined.set(slot, row.freeAt);
      }
    }
  }

  /** Checks all that must hold at any time. */
  check(snapshot: Snapshot, now: number): void {
    this.#checkPromises(snapshot.rows, now);
    checkOverlaps(snapshot.rows, now, this.#pools);
    checkClients(snapshot.rows, now, this.#settings);
    checkCounts(snapshot, now, this.#pools);
    checkTenures(snapshot, now);
    this.#checkRecord(snapshot, now);
  }

  /** Every ACK of a running lease matches its row. */
  #checkPromises(rows: Rows, now: number): void {
    for (const promised of this.#current.values()) {
      if (promised.to <= now) continue;
      const row = rows.get(promised.slot);
      must(
        row?.client === promised.client &&
          row.state === 2 &&
          row.expiresAt === promised.to &&
          row.softwire === promised.softwire,
        "a lease that was told is in the database, unchanged",
        { promised, row, now },
      );
    }
    for (const row of rows.values()) {
      if (!isRunning(row, now)) continue;
      must(this.#current.get(row.client!)?.slot === row.slot, "a lease exists that no answer told of", row);
    }
  }

  /** History and running leases together say who had a pair at any second, and say nothing that was not so. */
  #checkRecord({ rows, history }: Snapshot, now: number): void {
    for (const { slot, client, from, to } of this.#promises) {
      const record = recordOf({ rows, history }, slot, client);
      must(
        isCovered(from, Math.min(to, now), record),
        "a lease that ended is in the history, whole",
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
        "the history says what was never promised",
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

/** Invariants 1 and 8: no port of an address has two clients. */
function checkOverlaps(rows: Rows, now: number, pools: Pools): void {
  const used = [...rows.values()].filter((row) => isInUse(row, now));
  for (const [index, one] of used.entries()) {
    const a = pools.portsOf(one.slot);
    must(a.first === 0 ? a.last === 65_535 : a.first > 1023, "a lease has reserved ports", one);
    for (const other of used.slice(index + 1)) {
      const b = pools.portsOf(other.slot);
      const isApart = a.address !== b.address || a.last < b.first || b.last < a.first;
      must(isApart, "two leases cover one port", one, other);
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
    "two leases have one softwire address",
    softwires,
  );
  if (siteLeasesMax === null) return;
  const sites = new Map<string | null, Row[]>();
  for (const row of used) sites.set(row.site, [...(sites.get(row.site) ?? []), row]);
  for (const leases of sites.values()) {
    must(leases.length <= siteLeasesMax, "a site has more than it may", leases);
  }
}

/** Invariant 9, and that of the cursor. */
function checkCounts({ rows, cursors }: Snapshot, now: number, pools: Pools): void {
  for (const row of rows.values()) {
    must(pools.poolOf(row.slot) !== undefined, "a row has no slot of its pool", row);
    must((row.state === 2) === (row.since !== null), "a row is bound and has no tenure", row);
    must(!isInUse(row, now) || row.freeAt >= row.expiresAt, "a slot in use may be taken", row);
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
    must(sum === keys.length, "free + offered + bound + quarantined + reserved = slots", counts);
    const cursor = cursors.get(id)!;
    must(cursor >= 0 && cursor <= keys.length, "a cursor is within its pool", cursor);
    const gap = keys.slice(0, cursor).find((key) => !rows.has(key));
    must(gap === undefined, "every position below the cursor has a row", { pool: id, cursor, gap });
  }
}

/** Tenures of one slot follow each other. */
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
