/**
 * What one message must do: a second, simple implementation of the rules, which serves one message at a time over rows
 * in memory. For a batch with one message, the statements of `src/store` must have the same effect.
 *
 * The other modules of the oracle say what a transaction may do, whatever its messages were. This one says exactly what
 * is done, so it needs to know the message and all rows. It knows no lines, no Rapid Commit and no drained pools.
 *
 * @module
 */
import {
  bound,
  declined,
  freeNever,
  isInUse,
  isOccupied,
  isRunning,
  offered,
  quarantineEnd,
  released,
} from "./leases.ts";
import { hasAddress, poolIdOf, slotOfPair, slotsOfAddress } from "./pools.ts";
import type { NamedPair, OraclePool } from "./pools.ts";
import type { LeaseRow } from "./rows.ts";
import type { DomainRules } from "./transitions.ts";
import type { MessageKind } from "../support/message-kinds.ts";

/** The rules of a domain, as far as messages depend on them. */
export interface MessageRules extends DomainRules {
  readonly domainId: number;
  /** Lease time of a client that wishes for none, and the shortest one. */
  readonly leaseSeconds: number;
  readonly leaseSecondsMin: number;
  readonly rebootNeedsSameSource: boolean;
}

/** A message, with the fields that the rules use. */
export interface Message {
  readonly what: MessageKind;
  /** Option 61 in hexadecimal. */
  readonly client: string;
  /** Whether option 55 lists 159. */
  readonly lists159: boolean;
  readonly pair: NamedPair | undefined;
  /** The lease time that the client wishes for (option 51), in seconds; undefined omits the option. */
  readonly wish: number | undefined;
  readonly softwire: string | null;
  readonly source: string;
  readonly site: string;
}

/** The answer that the rules require. */
export type ExpectedAnswer =
  | { readonly kind: "silence" | "nak" }
  | {
      readonly kind: "offer" | "ack";
      readonly slot: number;
      readonly seconds: number;
      readonly softwire: string | null;
    };

/** The state in which a message is served. */
export interface Scene {
  /** Rounded down. */
  readonly now: number;
  /** The same instant, rounded up: what begins now ends so many seconds after this. */
  readonly nowUp: number;
  readonly rules: MessageRules;
  readonly pools: readonly OraclePool[];
  /** By slot. Changed in place, except for {@link LeaseRow.updatedAt}. */
  readonly rows: Map<number, LeaseRow>;
}

const silence: ExpectedAnswer = { kind: "silence" };
const nak: ExpectedAnswer = { kind: "nak" };

/** Serves a message: changes the rows, and returns the answer that is required. */
export function serve(scene: Scene, message: Message): ExpectedAnswer {
  switch (message.what) {
    case "discover":
      return discover(scene, message);
    case "select":
      return select(scene, message);
    case "renew":
    case "rebind":
    case "reboot":
      return keep(scene, message);
    case "release":
    case "decline":
    case "withdraw":
      end(scene, message);
      return silence;
  }
}

const rowOf = ({ rows }: Scene, client: string): LeaseRow | undefined =>
  [...rows.values()].find((row) => row.client === client);

/** Whether a site may have one more pair beside those that it uses, or left in quarantine (A13). */
function siteHasRoom({ rows, rules, now }: Scene, site: string | null, but?: number): boolean {
  if (rules.siteLeasesMax === null) return true;
  const used = [...rows.values()].filter(
    (row) => row.site === site && row.slot !== but && isOccupied(row, now),
  );
  return used.length < rules.siteLeasesMax;
}

const isOfPool = ({ shape }: OraclePool, slot: number): boolean => poolIdOf(slot) === shape.id;

/** Whether the slot is a whole address. */
const isFull = ({ pools }: Pick<Scene, "pools">, slot: number): boolean =>
  pools.some((pool) => !pool.isShared && isOfPool(pool, slot));

/** Finds the pair that a site left first, if the site has as many rows as its limit allows. */
function leftoverSlot({ rows, rules, now }: Scene, site: string, pool: OraclePool): number | undefined {
  const ofSite = [...rows.values()].filter((row) => row.site === site);
  if (rules.siteLeasesMax === null || ofSite.length < rules.siteLeasesMax) return undefined;
  const left = ofSite.filter(
    (row) =>
      row.expiresAt <= now &&
      row.freeAt !== freeNever &&
      row.moveFrom === null &&
      (row.state !== declined || row.freeAt <= now) &&
      isOfPool(pool, row.slot),
  );
  return left.sort((a, b) => a.expiresAt - b.expiresAt || a.slot - b.slot)[0]?.slot;
}

function change({ rows }: Scene, row: LeaseRow, fields: Partial<LeaseRow>): void {
  rows.set(row.slot, { ...row, ...fields });
}

/** Returns the pair of a message. Without 159 in option 55, the message's port set is ignored. */
export function effectivePair({ pair, lists159 }: Message): NamedPair | undefined {
  return pair === undefined || lists159 ? pair : { ...pair, portParams: undefined };
}

function discover(scene: Scene, message: Message): ExpectedAnswer {
  const { now, nowUp, rules } = scene;
  const pool = scene.pools.find(({ isShared }) => isShared === message.lists159)!;
  const first = rowOf(scene, message.client);
  if (first !== undefined && !isRunning(first, now)) handOver(scene, first, false);
  const own = rowOf(scene, message.client);
  if (own !== undefined && isRunning(own, now)) {
    const isMoving = goalOf(scene, own) !== undefined;
    const left = message.wish === undefined && !isMoving ? own.expiresAt - nowUp : 0;
    const statedSeconds = left > 0 ? Math.min(left, rules.leaseSecondsMax) : grantedSeconds(scene, message);
    change(scene, own, { statedSeconds });
  } else if (own !== undefined) offerAgain(scene, message, own, pool);
  if (rowOf(scene, message.client) === undefined) {
    const leftover = leftoverSlot(scene, message.site, pool);
    const slot = siteHasRoom(scene, message.site, leftover)
      ? (leftover ?? wantedSlot(scene, message, pool) ?? newSlot(scene, pool))
      : undefined;
    if (slot !== undefined) scene.rows.set(slot, offerRow(scene, message, slot));
  }
  const held = rowOf(scene, message.client);
  if (held === undefined || held.expiresAt <= now) return silence;
  const slot = goalOf(scene, held)?.slot ?? held.slot;
  if (!isFull(scene, slot) && !message.lists159) return silence;
  return { kind: "offer", slot, seconds: held.statedSeconds!, softwire: null };
}

function offerAgain(scene: Scene, message: Message, own: LeaseRow, pool: OraclePool): void {
  const isReserved = own.freeAt === freeNever;
  // An operator may move a client from a shared to a full address, whatever it asks for.
  const isGiven = own.moveFrom !== null && isFull(scene, own.slot);
  if (!isOfPool(pool, own.slot) && !isGiven) {
    if (!isReserved) {
      const gone = {
        moveTo: null,
        client: null,
        since: null,
        softwire: null,
        source: null,
        quarantineUntil: null,
      };
      change(scene, own, { ...gone, state: released, statedSeconds: grantedSeconds(scene, message) });
    }
    return;
  }
  // The client's current site must have room. Its own offer at that site is not counted.
  if (!siteHasRoom(scene, message.site, own.slot)) return;
  const again = offerRow(scene, message, own.slot);
  change(scene, own, { ...again, moveFrom: own.moveFrom, freeAt: isReserved ? freeNever : again.freeAt });
}

function grantedSeconds({ rules }: Scene, { wish = rules.leaseSeconds }: Message): number {
  return Math.min(rules.leaseSecondsMax, Math.max(rules.leaseSecondsMin, wish));
}

/** A row that no client has, as a transaction leaves it. */
const emptyRow = ({ rules, now }: Scene, slot: number): LeaseRow => ({
  slot,
  domainId: rules.domainId,
  client: null,
  line: "",
  state: released,
  expiresAt: now,
  freeAt: now,
  since: null,
  statedSeconds: null,
  updatedAt: now,
  softwire: null,
  source: null,
  site: null,
  moveTo: null,
  moveFrom: null,
  quarantineUntil: null,
});

function offerRow(scene: Scene, message: Message, slot: number): LeaseRow {
  const { client, site } = message;
  const until = scene.nowUp + scene.rules.offerHoldSeconds;
  const statedSeconds = grantedSeconds(scene, message);
  const before = scene.rows.get(slot);
  const quarantineUntil = before === undefined ? null : quarantineAfter(scene, before);
  const freeAt = Math.max(until, quarantineUntil ?? 0);
  const offer = { client, site, state: offered, expiresAt: until, freeAt, quarantineUntil, statedSeconds };
  return { ...emptyRow(scene, slot), ...offer };
}

/** When the quarantine of a row ends; null if it has ended. */
function quarantineAfter({ rules, now }: Scene, row: LeaseRow): number | null {
  const end = quarantineEnd(row, rules);
  return row.state !== declined && end > now ? end : null;
}

const isFree = ({ rows, now }: Scene, slot: number): boolean => (rows.get(slot)?.freeAt ?? 0) <= now;

function wantedSlot(scene: Scene, message: Message, pool: OraclePool): number | undefined {
  const pair = effectivePair(message);
  if (pair === undefined) return undefined;
  const { pools } = scene;
  const named = slotOfPair(pools, pair);
  const ofAddress = pair.portParams === undefined ? slotsOfAddress(pools, pair.address) : [];
  const wanted = named === undefined ? ofAddress : [named];
  return wanted.find((slot) => isOfPool(pool, slot) && isFree(scene, slot));
}

/** Returns the first slot in fill order that was never used, else the slot that has been free longest. */
function newSlot(scene: Scene, pool: OraclePool): number | undefined {
  const slots = pool.keys;
  const unused = slots.find((slot) => !scene.rows.has(slot));
  if (unused !== undefined) return unused;
  const free = slots.filter((slot) => isFree(scene, slot)).map((slot) => scene.rows.get(slot)!);
  return free.sort((a, b) => a.freeAt - b.freeAt || a.slot - b.slot)[0]?.slot;
}

function select(scene: Scene, message: Message): ExpectedAnswer {
  const slot = slotOfPair(scene.pools, effectivePair(message)!);
  if (slot === undefined) return nak;
  const first = rowOf(scene, message.client);
  const goal = first && goalOf(scene, first);
  if (first !== undefined && [first.slot, goal?.slot].includes(slot)) {
    handOver(scene, first, slot === goal?.slot);
  }
  const own = rowOf(scene, message.client);
  if (own?.slot !== slot) return nak;
  if (own.state <= bound) bind(scene, message, own);
  return answerOf(scene, message, slot);
}

function keep(scene: Scene, message: Message): ExpectedAnswer {
  const pair = effectivePair(message)!;
  const own = rowOf(scene, message.client);
  const pool = scene.pools.find(({ shape }) => hasAddress(shape, pair.address));
  const slot = slotOfPair(scene.pools, pair);
  if (pool === undefined && message.what === "reboot") return nak;
  if (pool?.isShared === true && !message.lists159) return silence;
  if (own === undefined) {
    const other = slot === undefined ? undefined : scene.rows.get(slot);
    const isTaken = other !== undefined && isRunning(other, scene.now);
    return isTaken && message.what !== "reboot" ? nak : silence;
  }
  if (slot === own.slot && handOver(scene, own, false)) return nak;
  if (slot !== own.slot) return nak;
  const isElsewhere =
    message.what === "reboot" && scene.rules.rebootNeedsSameSource && own.source !== message.source;
  if (own.state === bound && !isElsewhere) bind(scene, message, own);
  return isElsewhere ? nak : answerOf(scene, message, slot);
}

/** Tells what is granted now. The row may be kept for longer. A lease in its last part of a second is refused. */
function answerOf(scene: Scene, message: Message, slot: number): ExpectedAnswer {
  const { rows, now, nowUp } = scene;
  const row = rows.get(slot)!;
  const left = row.expiresAt - nowUp;
  if (!isRunning(row, now) || left <= 0) return nak;
  return {
    kind: "ack",
    slot,
    seconds: Math.min(left, row.statedSeconds ?? grantedSeconds(scene, message)),
    softwire: row.softwire,
  };
}

/** Binds the client's row, unless its site is full or an ended lease names a softwire address that is in use. */
function bind(scene: Scene, message: Message, own: LeaseRow): void {
  const { now, nowUp, rules } = scene;
  const runs = isRunning(own, now);
  const isTaken = (address: string | null): boolean =>
    address !== null &&
    [...scene.rows.values()].some(
      (row) => row.slot !== own.slot && row.softwire === address && isRunning(row, now),
    );
  if (!runs && isTaken(message.softwire)) return;
  const isThere = isInUse(own, now) && own.site === message.site;
  if (!isThere && !siteHasRoom(scene, message.site, own.slot)) {
    // A running lease stays as it is, and the DHCPACK says how long it still lasts.
    if (runs) change(scene, own, {});
    return;
  }
  const isTooSoon = runs && own.softwire !== null && now - own.since! < rules.softwireIntervalSeconds;
  const isKept = message.softwire === null || isTaken(message.softwire) || isTooSoon;
  // An ended lease loses its softwire address, because another client may have it now.
  const kept = runs ? own.softwire : null;
  const softwire = isKept ? kept : message.softwire;
  const isSame =
    runs && softwire === own.softwire && message.source === own.source && message.site === own.site;
  // A client that accepts an offer gets the time that it was offered, unless it names another.
  const offeredSeconds = message.what === "select" && message.wish === undefined ? own.statedSeconds : null;
  const seconds = offeredSeconds ?? grantedSeconds(scene, message);
  // The client may not have got the ACK that shortens its lease, so an end that it was told stays.
  const expiresAt = Math.max(runs ? own.expiresAt : 0, nowUp + seconds);
  change(scene, own, {
    state: bound,
    expiresAt,
    freeAt: own.freeAt === freeNever ? freeNever : expiresAt + rules.quarantineSeconds,
    quarantineUntil: null,
    statedSeconds: seconds,
    since: isSame ? own.since : now,
    source: message.source,
    softwire,
    site: message.site,
    moveFrom: null,
  });
}

/** @returns The row that the client of a row moves to; undefined unless both rows agree, and it has no client. */
function goalOf({ rows }: Scene, own: LeaseRow): LeaseRow | undefined {
  const goal = own.moveTo === null ? undefined : rows.get(own.moveTo);
  return goal?.moveFrom === own.slot && goal.client === null ? goal : undefined;
}

/**
 * Ends the lease of a client whose move is pending, because the client is told now, or the lease has ended.
 *
 * @param selects Whether the client accepts the new pair.
 * @returns Whether a move was pending.
 */
function handOver(scene: Scene, own: LeaseRow, selects: boolean): boolean {
  const { now } = scene;
  const goal = goalOf(scene, own);
  if (goal === undefined) return false;
  const gone = { client: null, since: null, statedSeconds: null, softwire: null, source: null, site: null };
  change(scene, own, {
    ...gone,
    state: Math.max(own.state, released),
    expiresAt: Math.min(own.expiresAt, now),
    moveTo: null,
  });
  change(scene, goal, {
    client: own.client,
    state: selects ? offered : released,
    expiresAt: selects ? own.expiresAt : now,
    freeAt: Math.max(goal.freeAt, own.freeAt),
    quarantineUntil: selects || goal.freeAt === freeNever ? quarantineAfter(scene, goal) : null,
    statedSeconds: own.statedSeconds,
    source: own.source,
    site: own.site,
  });
  return true;
}

/** An operator moves the lease of a client. Nothing changes unless the slot is free, or takes the move back. */
export function move(scene: Scene, client: string, slot: number): void {
  const { now, rows } = scene;
  const own = rowOf(scene, client);
  if (own === undefined || !isRunning(own, now) || own.freeAt === freeNever) return;
  const goal = goalOf(scene, own);
  if (slot === own.slot ? own.moveTo === null : !isFree(scene, slot)) return;
  if (goal !== undefined) change(scene, goal, { moveFrom: null, freeAt: now });
  change(scene, own, { moveTo: slot === own.slot ? null : slot });
  if (slot === own.slot) return;
  rows.set(slot, { ...emptyRow(scene, slot), freeAt: own.freeAt, moveFrom: own.slot });
}

/** An operator ends the lease or offer of a client. */
export function endByOperator(scene: Scene, client: string): void {
  const { now, rules } = scene;
  const own = rowOf(scene, client);
  if (own === undefined || !isInUse(own, now)) return;
  const isReserved = own.freeAt === freeNever;
  const rest = own.state === offered ? (own.quarantineUntil ?? 0) : 0;
  const freeAt = isReserved ? freeNever : Math.max(rest, now + rules.quarantineSeconds);
  const quarantineUntil = isReserved ? own.quarantineUntil : null;
  const ended = {
    ...own,
    state: released,
    expiresAt: now,
    freeAt,
    quarantineUntil,
    since: null,
    softwire: null,
  };
  change(scene, own, ended);
  handOver(scene, ended, false);
}

/** @returns The slots that a message releases or declines, if its client holds them. */
function releasedSlots({ pools }: Scene, { what, pair }: Message): readonly number[] {
  if (what === "withdraw") return pools.flatMap(({ keys }) => keys);
  if (pair === undefined) return [];
  const slot = slotOfPair(pools, pair);
  if (slot !== undefined) return [slot];
  return what === "release" || pair.portParams !== undefined ? [] : slotsOfAddress(pools, pair.address);
}

/** Ends a lease. If a move of an ended lease is pending, its client gets the other row. */
function end(scene: Scene, message: Message): void {
  if (releasedSlots(scene, message).length === 0) return;
  const own = rowOf(scene, message.client);
  endOwn(scene, message);
  const left = own && scene.rows.get(own.slot)!;
  if (left !== undefined && !isRunning(left, scene.now))
    handOver(scene, { ...left, client: message.client }, false);
}

function endOwn(scene: Scene, message: Message): void {
  const { now, nowUp, rules } = scene;
  const own = rowOf(scene, message.client);
  if (own === undefined || !releasedSlots(scene, message).includes(own.slot)) return;
  if (own.state > (message.what === "withdraw" ? offered : bound)) return;
  const endedAt = Math.min(own.expiresAt, now);
  const { quarantineSeconds, declineSeconds } = rules;
  const quarantines = { release: quarantineSeconds, decline: declineSeconds, withdraw: 0 };
  const quarantine = quarantines[message.what as "release"];
  const keptFrom = Math.min(own.expiresAt, quarantine > 0 ? nowUp : now);
  const quarantineBefore = own.state === offered ? (own.quarantineUntil ?? 0) : 0;
  change(scene, own, {
    state: message.what === "decline" ? declined : released,
    client: message.what === "decline" && own.freeAt !== freeNever ? null : own.client,
    expiresAt: endedAt,
    freeAt: own.freeAt === freeNever ? freeNever : Math.max(keptFrom + quarantine, quarantineBefore),
    quarantineUntil: own.freeAt === freeNever ? own.quarantineUntil : null,
    since: null,
    softwire: null,
  });
}
