/**
 * Looks up tokens in the database, and remembers what it found. Strangers may present any number of tokens, so one
 * look-up at a time takes all tokens that wait for it, and a good token waits with them but is never refused.
 *
 * @module
 */
import {
  databaseRetryAfterSeconds,
  sharedWorkMsMax,
  tokenCacheMs,
  tokenCacheSize,
  tokenPauseMs,
  tokensWaitingMax,
} from "../limits.ts";
import type { Principal } from "../store/principal.ts";
import { DatabaseError } from "../store/store.ts";
import type { Store } from "../store/store.ts";
import type { Timing } from "../timing.ts";
import { problem } from "./problem.ts";

/** Dependencies of the check. */
export interface TokenCheckDeps {
  readonly tokens: Pick<Store["tokens"], "authenticate">;
  /** A monotonic clock of this process, in milliseconds. */
  readonly localMs: () => number;
  readonly later: Timing["later"];
  /** Says whether so many unknown tokens are presented that look-ups of further ones must pause. */
  readonly isFlooded: () => boolean;
}

/** A token that is looked up, for all requests that present it. */
interface Waiter {
  readonly hash: Uint8Array;
  readonly found: Promise<Principal | undefined>;
  readonly resolve: (principal: Principal | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** A look-up in progress. */
interface LookUp {
  readonly startedMs: number;
  readonly waiters: ReadonlyMap<string, Waiter>;
  /** Resolves when it has ended, whatever it found. */
  readonly ended: Promise<void>;
}

/**
 * Creates a function that finds the holder of a token: in the cache, else in the database. A result is cached for
 * {@link tokenCacheMs}. A token that was valid before is looked up without a pause, so a flood of unknown tokens does
 * not delay a relay that is at work.
 *
 * @returns A function from the SHA-256 of a token and its hexadecimal form to the holder; undefined if it is unknown.
 *   It throws a {@link DatabaseError} when a database cannot be reached.
 */
export function createTokenCheck(
  deps: TokenCheckDeps,
): (hash: Uint8Array, key: string) => Principal | undefined | Promise<Principal | undefined> {
  const { localMs } = deps;
  const valid = new Map<string, { readonly principal: Principal; readonly untilMs: number }>();
  const unknown = new Map<string, number>();
  const lookUp = createLookUps(deps, (key, principal) => {
    const untilMs = localMs() + tokenCacheMs;
    valid.delete(key);
    if (principal === undefined) keep(unknown, key, untilMs);
    else keep(valid, key, { principal, untilMs });
  });
  return (hash, key) => {
    const known = valid.get(key);
    if (known !== undefined && localMs() < known.untilMs) return known.principal;
    if (localMs() < (unknown.get(key) ?? -Infinity)) return undefined;
    return lookUp(hash, key, known !== undefined);
  };
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
 * @param onFound Gets the result for each token.
 */
function createLookUps(
  { tokens, localMs, later, isFlooded }: TokenCheckDeps,
  onFound: (key: string, principal: Principal | undefined) => void,
) {
  let waiting = new Map<string, Waiter>();
  let current: LookUp | undefined;
  let pausedUntilMs = -Infinity;
  let hasFailed = false;

  /** @returns The look-up in progress, unless it is lost. */
  const running = (): LookUp | undefined =>
    current !== undefined && localMs() - current.startedMs < sharedWorkMsMax ? current : undefined;

  async function run(waiters: ReadonlyMap<string, Waiter>): Promise<void> {
    const entries = [...waiters];
    try {
      const { holders, failure } = await tokens.authenticate(entries.map(([, { hash }]) => hash));
      for (const [index, [key, waiter]] of entries.entries()) {
        const holder = holders[index];
        if (holder === undefined && failure !== undefined) {
          waiter.reject(failure);
          continue;
        }
        onFound(key, holder);
        waiter.resolve(holder);
      }
      hasFailed = failure !== undefined;
    } catch (error) {
      for (const [, waiter] of entries) waiter.reject(error);
      hasFailed = true;
    }
    pausedUntilMs = localMs() + tokenPauseMs;
  }

  function start(): void {
    const waiters = waiting;
    waiting = new Map();
    const started: LookUp = {
      startedMs: localMs(),
      waiters,
      ended: run(waiters).finally(() => {
        if (current === started) current = undefined;
      }),
    };
    current = started;
  }

  async function take(key: string, isUrgent: boolean): Promise<void> {
    const pauseMs = pausedUntilMs - localMs();
    if (!isUrgent && pauseMs > 0 && (hasFailed || isFlooded())) await sleep(later, pauseMs);
    for (let before = running(); waiting.has(key) && before !== undefined; before = running())
      await before.ended;
    if (waiting.has(key)) start();
  }

  return async (hash: Uint8Array, key: string, isUrgent: boolean): Promise<Principal | undefined> => {
    const shared = waiting.get(key) ?? running()?.waiters.get(key);
    if (shared === undefined && waiting.size >= tokensWaitingMax && !isUrgent) throw tooManyWaiting();
    const waiter = shared ?? createWaiter(hash);
    if (shared === undefined) waiting.set(key, waiter);
    const taken = take(key, isUrgent).then(() => waiter.found);
    // If the look-up before is lost, another request may take this token along.
    return within(later, sharedWorkMsMax, Promise.race([taken, waiter.found]));
  };
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

/** Waits for work that may never end, because another request has started a part of it. */
async function within<T>(later: Timing["later"], ms: number, work: Promise<T>): Promise<T> {
  let cancel = (): void => undefined;
  const overdue = new Promise<never>((_, reject) => {
    cancel = later(() => {
      reject(new DatabaseError(`Cannot look up a token: found no answer after ${ms} ms, expected one`));
    }, ms);
  });
  return Promise.race([work, overdue]).finally(() => {
    cancel();
  });
}

function tooManyWaiting(): Error {
  const detail = `Cannot check the token: found ${tokensWaitingMax} others that wait, expected fewer; try again`;
  return problem(503, detail, { headers: { "retry-after": String(databaseRetryAfterSeconds) } });
}
