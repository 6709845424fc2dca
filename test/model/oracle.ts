/**
 * A second, simple implementation of the rules: it serves one message at a time over rows in memory. For a batch with
 * one message, the statements of `src/store` must have the same effect.
 *
 * @module
 */
import type { Settings } from "./plan.ts";
import { poolsOf } from "./pools.ts";
import type { ModelPool, NamedPair, Pools } from "./pools.ts";

export const offered = 1;
export const bound = 2;
export const released = 3;
export const declined = 4;

/** Times of the model's domain, in seconds. */
export const leaseSeconds = 600;
export const leaseSecondsMin = 60;
export const leaseSecondsMax = 3600;
export const holdSeconds = 60;
export const declineSeconds = 900;
/** `free_at` of a reserved slot: it never becomes free for other clients. */
export const freeNever = 253402300799;

/** A lease row, without the columns that are evidence only. */
export interface Row {
  readonly slot: number;
  readonly client: number | null;
  readonly state: number;
  readonly expiresAt: number;
  readonly freeAt: number;
  readonly since: number | null;
  /** Lease time in the last answer to the client. */
  readonly statedSeconds: number | null;
  readonly softwire: string | null;
  readonly source: string | null;
  readonly site: string | null;
  /** The slot that the client of this row moves to, and the slot whose client moves to this row. */
  readonly moveTo: number | null;
  readonly moveFrom: number | null;
}

/** A message, with the fields that the rules use. */
export interface Message {
  readonly what: "discover" | "select" | "renew" | "rebind" | "reboot" | "release" | "decline" | "withdraw";
  readonly client: number;
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

/** Rows by slot. */
export type Rows = Map<number, Row>;

/** The state in which a message is served. */
export interface Scene {
  /** Rounded down. */
  readonly now: number;
  /** The same instant, rounded up: what begins now ends so many seconds after this. */
  readonly nowUp: number;
  readonly settings: Settings;
  /** Changed in place. */
  readonly rows: Rows;
}

/** @returns Whether the row has an unexpired offer or lease. */
export const isInUse = (row: Row, now: number): boolean => row.state <= bound && row.expiresAt > now;
export const isRunning = (row: Row, now: number): boolean => row.state === bound && row.expiresAt > now;

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

const rowOf = ({ rows }: Scene, client: number): Row | undefined =>
  [...rows.values()].find((row) => row.client === client);

/** Whether a site may have one more pair beside those that it uses, or left in quarantine (A13). */
function siteHasRoom({ rows, settings, now }: Scene, site: string | null, but?: number): boolean {
  if (settings.siteLeasesMax === null) return true;
  const used = [...rows.values()].filter(
    (row) =>
      row.site === site &&
      row.slot !== but &&
      row.freeAt > now &&
      (row.freeAt !== freeNever || isInUse(row, now)),
  );
  return used.length < settings.siteLeasesMax;
}

/** Finds the pair that a site left first, if the site has as many rows as its limit allows. */
function leftoverSlot({ rows, settings, now }: Scene, site: string, pool: ModelPool): number | undefined {
  const ofSite = [...rows.values()].filter((row) => row.site === site);
  if (settings.siteLeasesMax === null || ofSite.length < settings.siteLeasesMax) return undefined;
  const left = ofSite.filter(
    (row) =>
      row.expiresAt <= now &&
      row.freeAt !== freeNever &&
      row.moveFrom === null &&
      (row.state !== declined || row.freeAt <= now) &&
      pool.keys.includes(row.slot),
  );
  return left.sort((a, b) => a.expiresAt - b.expiresAt || a.slot - b.slot)[0]?.slot;
}

function change({ rows }: Scene, row: Row, fields: Partial<Row>): void {
  rows.set(row.slot, { ...row, ...fields });
}

/** Returns the pair of a message. Without 159 in option 55, the message's port set is ignored. */
function effectivePair({ pair, lists159 }: Message): NamedPair | undefined {
  return pair === undefined || lists159 ? pair : { ...pair, portParams: undefined };
}

function discover(scene: Scene, message: Message): ExpectedAnswer {
  const { now, nowUp } = scene;
  const pools = poolsOf(scene.settings);
  const pool = message.lists159 ? pools.shared : pools.full;
  const first = rowOf(scene, message.client);
  if (first !== undefined && !isRunning(first, now)) handOver(scene, first, false);
  const own = rowOf(scene, message.client);
  if (own !== undefined && isRunning(own, now)) {
    const isMoving = goalOf(scene, own) !== undefined;
    const left = message.wish === undefined && !isMoving ? own.expiresAt - nowUp : 0;
    const statedSeconds = left > 0 ? Math.min(left, leaseSecondsMax) : grantedSeconds(message);
    change(scene, own, { statedSeconds });
  } else if (own !== undefined) offerAgain(scene, message, own, pool);
  if (rowOf(scene, message.client) === undefined) {
    const leftover = leftoverSlot(scene, message.site, pool);
    const slot = siteHasRoom(scene, message.site, leftover)
      ? (leftover ?? wantedSlot(scene, message, pool) ?? newSlot(scene, pool))
      : undefined;
    if (slot !== undefined) {
      const row = offerRow(scene, message, slot);
      scene.rows.set(slot, { ...row, freeAt: Math.max(row.freeAt, scene.rows.get(slot)?.freeAt ?? 0) });
    }
  }
  const held = rowOf(scene, message.client);
  if (held === undefined || held.expiresAt <= now) return silence;
  const slot = goalOf(scene, held)?.slot ?? held.slot;
  if (pools.poolOf(slot)!.kind === "shared" && !message.lists159) return silence;
  return { kind: "offer", slot, seconds: held.statedSeconds!, softwire: null };
}

function offerAgain(scene: Scene, message: Message, own: Row, pool: ModelPool): void {
  const isReserved = own.freeAt === freeNever;
  // An operator may move a client from a shared to a full address, whatever it asks for.
  const isGiven = own.moveFrom !== null && poolsOf(scene.settings).full.keys.includes(own.slot);
  if (!pool.keys.includes(own.slot) && !isGiven) {
    if (!isReserved) {
      const gone = { moveTo: null, client: null, since: null, softwire: null, source: null };
      change(scene, own, { ...gone, state: released, statedSeconds: grantedSeconds(message) });
    }
    return;
  }
  // The client's current site must have room. Its own offer at that site is not counted.
  if (!siteHasRoom(scene, message.site, own.slot)) return;
  const again = offerRow(scene, message, own.slot);
  // If the offer is not accepted, the rest of the quarantine still applies.
  change(scene, own, {
    ...again,
    moveFrom: own.moveFrom,
    freeAt: isReserved ? freeNever : Math.max(own.freeAt, again.freeAt),
  });
}

function grantedSeconds({ wish = leaseSeconds }: Message): number {
  return Math.min(leaseSecondsMax, Math.max(leaseSecondsMin, wish));
}

function offerRow({ nowUp }: Scene, message: Message, slot: number): Row {
  const { client, site } = message;
  const until = nowUp + holdSeconds;
  return {
    slot,
    client,
    state: offered,
    expiresAt: until,
    freeAt: until,
    since: null,
    statedSeconds: grantedSeconds(message),
    softwire: null,
    source: null,
    site,
    moveTo: null,
    moveFrom: null,
  };
}

const isFree = ({ rows, now }: Scene, slot: number): boolean => (rows.get(slot)?.freeAt ?? 0) <= now;

function wantedSlot(scene: Scene, message: Message, pool: ModelPool): number | undefined {
  const pair = effectivePair(message);
  if (pair === undefined) return undefined;
  const pools = poolsOf(scene.settings);
  const named = pools.keyOf(pair);
  const wanted =
    named === undefined ? (pair.portParams === undefined ? pools.keysOf(pair.address) : []) : [named];
  return wanted.find((slot) => pool.keys.includes(slot) && isFree(scene, slot));
}

/** Returns the first slot in fill order that was never used, else the slot that has been free longest. */
function newSlot(scene: Scene, pool: ModelPool): number | undefined {
  const { keys } = pool;
  const unused = keys.find((slot) => !scene.rows.has(slot));
  if (unused !== undefined) return unused;
  const free = keys.filter((slot) => isFree(scene, slot)).map((slot) => scene.rows.get(slot)!);
  return free.sort((a, b) => a.freeAt - b.freeAt || a.slot - b.slot)[0]?.slot;
}

function select(scene: Scene, message: Message): ExpectedAnswer {
  const slot = poolsOf(scene.settings).keyOf(effectivePair(message)!);
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
  const pools = poolsOf(scene.settings);
  const pool = pools.all.find(
    ({ firstAddress, lastAddress }) => pair.address >= firstAddress && pair.address <= lastAddress,
  );
  const slot = pools.keyOf(pair);
  if (pool === undefined && message.what === "reboot") return nak;
  if (pool?.kind === "shared" && !message.lists159) return silence;
  if (own === undefined) {
    const other = slot === undefined ? undefined : scene.rows.get(slot);
    const isTaken = other !== undefined && isRunning(other, scene.now);
    return isTaken && message.what !== "reboot" ? nak : silence;
  }
  if (slot === own.slot && handOver(scene, own, false)) return nak;
  if (slot !== own.slot) return nak;
  const isElsewhere =
    message.what === "reboot" && scene.settings.rebootNeedsSameSource && own.source !== message.source;
  if (own.state === bound && !isElsewhere) bind(scene, message, own);
  return isElsewhere ? nak : answerOf(scene, message, slot);
}

/** Tells what is granted now. The row may be kept for longer. A lease in its last part of a second is refused. */
function answerOf({ rows, now, nowUp }: Scene, message: Message, slot: number): ExpectedAnswer {
  const row = rows.get(slot)!;
  const left = row.expiresAt - nowUp;
  if (!isRunning(row, now) || left <= 0) return nak;
  return {
    kind: "ack",
    slot,
    seconds: Math.min(left, row.statedSeconds ?? grantedSeconds(message)),
    softwire: row.softwire,
  };
}

/** Binds the client's row, unless its site is full or an ended lease names a softwire address that is in use. */
function bind(scene: Scene, message: Message, own: Row): void {
  const { now, nowUp, settings } = scene;
  const runs = isRunning(own, now);
  const isTaken = (address: string | null): boolean =>
    address !== null &&
    [...scene.rows.values()].some(
      (row) => row.slot !== own.slot && row.softwire === address && isRunning(row, now),
    );
  if (!runs && isTaken(message.softwire)) return;
  const isThere = isInUse(own, now) && own.site === message.site;
  if (!isThere && !siteHasRoom(scene, message.site, own.slot)) return;
  const isTooSoon = runs && own.softwire !== null && now - own.since! < settings.softwireIntervalSeconds;
  const isKept = message.softwire === null || isTaken(message.softwire) || isTooSoon;
  // An ended lease loses its softwire address, because another client may have it now.
  const kept = runs ? own.softwire : null;
  const softwire = isKept ? kept : message.softwire;
  const isSame =
    runs && softwire === own.softwire && message.source === own.source && message.site === own.site;
  // A client that accepts an offer gets the time that it was offered, unless it names another.
  const offeredSeconds = message.what === "select" && message.wish === undefined ? own.statedSeconds : null;
  const seconds = offeredSeconds ?? grantedSeconds(message);
  // The client may not have got the ACK that shortens its lease, so an end that it was told stays.
  const expiresAt = Math.max(runs ? own.expiresAt : 0, nowUp + seconds);
  change(scene, own, {
    state: bound,
    expiresAt,
    freeAt: own.freeAt === freeNever ? freeNever : expiresAt + settings.quarantineSeconds,
    statedSeconds: seconds,
    since: isSame ? own.since : now,
    source: message.source,
    softwire,
    site: message.site,
    moveFrom: null,
  });
}

/** @returns The row that the client of a row moves to; undefined unless both rows agree, and it has no client. */
export function goalOf({ rows }: Pick<Scene, "rows">, own: Row): Row | undefined {
  const goal = own.moveTo === null ? undefined : rows.get(own.moveTo);
  return goal?.moveFrom === own.slot && goal.client === null ? goal : undefined;
}

/**
 * Ends the lease of a client whose move is pending, because the client is told now, or the lease has ended.
 *
 * @param selects Whether the client accepts the new pair.
 * @returns Whether a move was pending.
 */
function handOver(scene: Scene, own: Row, selects: boolean): boolean {
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
    statedSeconds: own.statedSeconds,
    source: own.source,
    site: own.site,
  });
  return true;
}

/** An operator moves the lease of a client. Nothing changes unless the slot is free, or takes the move back. */
export function move(scene: Scene, client: number, slot: number): void {
  const { now, rows } = scene;
  const own = rowOf(scene, client);
  if (own === undefined || !isRunning(own, now) || own.freeAt === freeNever) return;
  const goal = goalOf(scene, own);
  if (slot === own.slot ? own.moveTo === null : !isFree(scene, slot)) return;
  if (goal !== undefined) change(scene, goal, { moveFrom: null, freeAt: now });
  change(scene, own, { moveTo: slot === own.slot ? null : slot });
  if (slot === own.slot) return;
  rows.set(slot, {
    slot,
    client: null,
    state: released,
    expiresAt: now,
    freeAt: own.freeAt,
    since: null,
    statedSeconds: null,
    softwire: null,
    source: null,
    site: null,
    moveTo: null,
    moveFrom: own.slot,
  });
}

/** An operator ends the lease or offer of a client. */
export function endByOperator(scene: Scene, client: number): void {
  const { now, settings } = scene;
  const own = rowOf(scene, client);
  if (own === undefined || !isInUse(own, now)) return;
  const freeAt = own.freeAt === freeNever ? freeNever : now + settings.quarantineSeconds;
  const ended = { ...own, state: released, expiresAt: now, freeAt, since: null, softwire: null };
  change(scene, own, ended);
  handOver(scene, ended, false);
}

/** @returns The slots that a message releases or declines, if its client holds them. */
export function releasedSlots(message: Message, pools: Pools): readonly number[] {
  if (message.what === "withdraw") return pools.keys;
  const { pair } = message;
  if (pair === undefined) return [];
  const slot = pools.keyOf(pair);
  if (slot !== undefined) return [slot];
  return message.what === "release" || pair.portParams !== undefined ? [] : pools.keysOf(pair.address);
}

/** Ends a lease. If a move of an ended lease is pending, its client gets the other row. */
function end(scene: Scene, message: Message): void {
  if (releasedSlots(message, poolsOf(scene.settings)).length === 0) return;
  const own = rowOf(scene, message.client);
  endOwn(scene, message);
  const left = own && scene.rows.get(own.slot)!;
  if (left !== undefined && !isRunning(left, scene.now))
    handOver(scene, { ...left, client: message.client }, false);
}

function endOwn(scene: Scene, message: Message): void {
  const { now, nowUp, settings } = scene;
  const own = rowOf(scene, message.client);
  if (own === undefined || !releasedSlots(message, poolsOf(settings)).includes(own.slot)) return;
  if (own.state > (message.what === "withdraw" ? offered : bound)) return;
  const endedAt = Math.min(own.expiresAt, now);
  const quarantines = { release: settings.quarantineSeconds, decline: declineSeconds, withdraw: 0 };
  const quarantine = quarantines[message.what as "release"];
  const keptFrom = Math.min(own.expiresAt, quarantine > 0 ? nowUp : now);
  change(scene, own, {
    state: message.what === "decline" ? declined : released,
    client: message.what === "decline" && own.freeAt !== freeNever ? null : own.client,
    expiresAt: endedAt,
    freeAt: own.freeAt === freeNever ? freeNever : keptFrom + quarantine,
    since: null,
    softwire: null,
  });
}
