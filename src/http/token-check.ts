/**
 * Looks up tokens in the database, and remembers what it found. Strangers may present any number of tokens, so one
 * look-up at a time takes all tokens that wait for it. A good token waits with them, and what failed before does not
 * count against it. Only places are limited: a token that finds none is asked to come again, unless it was valid before.
 *
 * @module
 */
import {
  databaseRetryAfterSeconds,
  sharedWorkMsMax,
  tokenCacheMs,
  tokenCacheSize,
  tokenKeptAwayMs,
  tokenPauseMs,
  tokensWaitingMax,
  tokensWaitingOfGroupMax,
} from "../limits.ts";
import type { Principal } from "../store/principal.ts";
import { DatabaseError, isDatabaseError } from "../store/store.ts";
import type { Store } from "../store/store.ts";
import { within } from "../timing.ts";
import type { Timing } from "../timing.ts";
import { problem } from "./problem.ts";

/** Finds the holder of a token; see {@link createTokenCheck}. */
export type TokenCheck = (
  hash: Uint8Array,
  key: string,
  groupOf: () => string,
) => Principal | undefined | Promise<Principal | undefined>;

/** The two ways to check a token, which share what they find. */
export interface TokenChecks {
  readonly check: TokenCheck;
  /** The same, but a token that was valid is accepted for {@link tokenKeptAwayMs} while the database is away. */
  readonly checkWhileAway: TokenCheck;
  /** @returns The holder of a token that is in the cache, by the hexadecimal form of its SHA-256. */
  readonly known: (key: string) => Principal | undefined;
}

/** Dependencies of the check. */
export interface TokenCheckDeps {
  readonly tokens: Pick<Store["tokens"], "authenticate">;
  /** A monotonic clock of this process, in milliseconds. */
  readonly localMs: () => number;
  readonly later: Timing["later"];
  /** Returns whether there are so many unknown tokens that further look-ups must pause. */
  readonly isFlooded: () => boolean;
}

/** A token that is looked up, for all requests that present it. */
interface Waiter {
  readonly hash: Uint8Array;
  readonly found: Promise<Principal | undefined>;
  readonly resolve: (principal: Principal | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** The tokens that one look-up takes. */
interface Batch {
  readonly waiters: Map<string, Waiter>;
  /** Number of tokens by the group of addresses that presented them first. */
  readonly places: Map<string, number>;
  /** What requests get that do not wait any longer. One for all of them, because each costs a stack. */
  overdue?: DatabaseError;
}

/** A look-up in progress. */
interface LookUp {
  readonly startedMs: number;
  readonly batch: Batch;
  /** Resolves when it has ended, whatever it found. */
  readonly ended: Promise<void>;
}

/**
 * Creates functions that find the holder of a token: in the cache, else in the database. A result is cached for
 * {@link tokenCacheMs}. A token that was valid before is looked up without a pause, so a flood of unknown tokens does
 * not delay a relay that is at work.
 *
 * @returns Functions from the SHA-256 of a token, its hexadecimal form and the group of addresses that presents it to
 *   the holder; undefined if it is unknown. It throws a {@link DatabaseError} when a database cannot be reached, and a
 *   problem (503) when the token finds no place to wait.
 */
export function createTokenCheck(deps: TokenCheckDeps): TokenChecks {
  const { localMs } = deps;
  const valid = new Map<string, { readonly principal: Principal; readonly untilMs: number }>();
  const unknown = new Map<string, number>();
  const lookUp = createLookUps(deps, (key, principal, askedMs) => {
    // What the database says was true when it was asked; the answer may have been under way for seconds.
    const untilMs = askedMs + tokenCacheMs;
    valid.delete(key);
    if (principal === undefined) keep(unknown, key, untilMs);
    else keep(valid, key, { principal, untilMs });
  });
  const known = (key: string): Principal | undefined => {
    const entry = valid.get(key);
    return entry !== undefined && localMs() < entry.untilMs ? entry.principal : undefined;
  };
  const check: TokenCheck = (hash, key, groupOf) => {
    const holder = known(key);
    if (holder !== undefined) return holder;
    if (localMs() < (unknown.get(key) ?? -Infinity)) return undefined;
    return lookUp(hash, key, groupOf(), valid.has(key));
  };
  const checkWhileAway: TokenCheck = async (hash, key, groupOf) => {
    try {
      return await check(hash, key, groupOf);
    } catch (error) {
      const entry = valid.get(key);
      const isKept = entry !== undefined && localMs() < entry.untilMs - tokenCacheMs + tokenKeptAwayMs;
      if (isDatabaseError(error) && isKept) return entry.principal;
      throw error;
    }
  };
  return { check, checkWhileAway, known };
}

/** Sets an entry of a cache, as its newest. A full cache drops the oldest. */
function keep<V>(cache: Map<string, V>, key: string, value: V): void {
  cache.delete(key);
  if (cache.size >= tokenCacheSize) cache.delete(cache.keys().next().value!);
  cache.set(key, value);
}

/**
 * Creates the queue of look-ups. Each request waits by its own timers, and starts the next look-up itself: on Workers,
 * what a request has started ends with it.
 *
 * @param onFound Gets the result for each token, and when the database was asked, by the local clock.
 */
function createLookUps(
  { tokens, localMs, later, isFlooded }: TokenCheckDeps,
  onFound: (key: string, principal: Principal | undefined, askedMs: number) => void,
) {
  let waiting: Batch = { waiters: new Map(), places: new Map() };
  let current: LookUp | undefined;
  let pausedUntilMs = -Infinity;
  let hasFailed = false;

  /** @returns The look-up in progress, unless it is lost. */
  const running = (): LookUp | undefined =>
    current !== undefined && localMs() - current.startedMs < sharedWorkMsMax ? current : undefined;

  async function run(waiters: ReadonlyMap<string, Waiter>): Promise<void> {
    const entries = [...waiters];
    const askedMs = localMs();
    try {
      const { holders, failure } = await tokens.authenticate(entries.map(([, { hash }]) => hash));
      for (const [index, [key, waiter]] of entries.entries()) {
        const holder = holders[index];
        if (holder === undefined && failure !== undefined) waiter.reject(failure);
        else {
          onFound(key, holder, askedMs);
          waiter.resolve(holder);
        }
      }
      hasFailed = failure !== undefined;
    } catch (error) {
      for (const [, waiter] of entries) waiter.reject(error);
      hasFailed = true;
    }
    pausedUntilMs = localMs() + tokenPauseMs;
  }

  function start(): void {
    const batch = waiting;
    waiting = { waiters: new Map(), places: new Map() };
    const started: LookUp = {
      startedMs: localMs(),
      batch,
      ended: run(batch.waiters).finally(() => {
        if (current === started) current = undefined;
      }),
    };
    current = started;
  }

  async function take(key: string, isUrgent: boolean): Promise<void> {
    const pauseMs = pausedUntilMs - localMs();
    if (!isUrgent && pauseMs > 0 && (hasFailed || isFlooded())) await sleep(later, pauseMs);
    for (let before = running(); waiting.waiters.has(key) && before !== undefined; before = running())
      await before.ended;
    if (waiting.waiters.has(key)) start();
  }

  /** @returns The batch that has the token; the one that waits if none has it yet. */
  const batchOf = (key: string): Batch => {
    const current = running()?.batch;
    return !waiting.waiters.has(key) && current?.waiters.has(key) === true ? current : waiting;
  };

  return async (
    hash: Uint8Array,
    key: string,
    group: string,
    isUrgent: boolean,
  ): Promise<Principal | undefined> => {
    const batch = batchOf(key);
    const waiter = batch.waiters.get(key) ?? takePlace(batch, key, createWaiter(hash), group, isUrgent);
    const taken = take(key, isUrgent).then(() => waiter.found);
    // If the look-up before is lost, another request may take this token along.
    return within(
      later,
      sharedWorkMsMax,
      Promise.race([taken, waiter.found]),
      () => (batch.overdue ??= overdue()),
    );
  };
}

/**
 * Lets a token wait. One group of addresses does not get all places, so that others get some while it guesses.
 *
 * @param isUrgent Whether it gets a place in any case.
 */
function takePlace(batch: Batch, key: string, waiter: Waiter, group: string, isUrgent: boolean): Waiter {
  const { waiters, places } = batch;
  const taken = places.get(group) ?? 0;
  if (!isUrgent && waiters.size >= tokensWaitingMax) throw tooManyWaiting(`${waiters.size} others that wait`);
  if (!isUrgent && taken >= tokensWaitingOfGroupMax)
    throw tooManyWaiting(`${taken} others from the same address that wait`);
  waiters.set(key, waiter);
  places.set(group, taken + 1);
  return waiter;
}

function createWaiter(hash: Uint8Array): Waiter {
  let [resolve, reject]: [Waiter["resolve"], Waiter["reject"]] = [() => undefined, () => undefined];
  const found = new Promise<Principal | undefined>((onFound, onError) => {
    [resolve, reject] = [onFound, onError];
  });
  // Requests that have stopped waiting do not read the result.
  found.catch(() => undefined);
  return { hash, found, resolve, reject };
}

function sleep(later: Timing["later"], ms: number): Promise<void> {
  return new Promise((resolve) => {
    later(resolve, ms);
  });
}

/** The look-up may never end, because another request has started a part of it. */
function overdue(): DatabaseError {
  return new DatabaseError(
    `Cannot look up a token: found no answer after ${sharedWorkMsMax} ms, expected one`,
  );
}

/** @param found How many tokens wait. */
function tooManyWaiting(found: string): Error {
  const detail = `Cannot check the token: found ${found}, expected fewer; try again`;
  return problem(503, detail, { headers: { "retry-after": String(databaseRetryAfterSeconds) } });
}
