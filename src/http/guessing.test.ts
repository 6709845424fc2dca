/** Unknown tokens: their cost, which clients they delay, and that they never block a valid token. */
import { expect, test } from "vitest";
import { operator } from "../../test/support/admin.ts";
import { adminToken, relayToken } from "../../test/support/allocator.ts";
import { onlyDatabase, temporaryDatabase } from "../../test/support/database.ts";
import { createManualTiming } from "../../test/support/manual-timing.ts";
import { createCounters } from "../allocator/counters.ts";
import {
  authFailuresMax,
  authFailuresTotalMax,
  authFailureWindowMs,
  sharedWorkMsMax,
  tokenCacheMs,
  tokenCacheSize,
  tokenPauseMs,
  tokensWaitingMax,
  tokensWaitingOfGroupMax,
} from "../limits.ts";
import { DatabaseError } from "../store/database/database.ts";
import type { Database } from "../store/database/database.ts";
import { createStore } from "../store/store.ts";
import { createApp } from "./app.ts";

/**
 * Opens an allocator whose time and client address the test sets, on a database whose token look-ups it counts.
 *
 * @param pausesElapse Whether pauses between look-ups end at once. Otherwise the test moves the time.
 */
async function open({ pausesElapse = false } = {}) {
  const database = await temporaryDatabase({ domains: [] });
  const state = {
    address: "192.0.2.1",
    lookUps: 0,
    held: undefined as Promise<void> | undefined,
    isDown: false,
  };
  const watched: Database = {
    ...database,
    read: async (statements) => {
      if (statements.some(({ sql }) => sql.includes("secret_hash"))) {
        state.lookUps += 1;
        await state.held;
        if (state.isDown) throw new DatabaseError("fetch failed");
      }
      return database.read(statements);
    },
  };
  const timing = createManualTiming();
  const logged: string[] = [];
  const log = (_: object, message: string) => void logged.push(message);
  const app = createApp({
    store: createStore(onlyDatabase(watched)),
    relayToken,
    adminToken,
    counters: createCounters(),
    log: { debug: log, info: log, warn: log, error: log },
    localMs: timing.nowMs,
    later: (run, delayMs) => {
      if (!pausesElapse || delayMs > tokenPauseMs) return timing.later(run, delayMs);
      setImmediate(run);
      return () => undefined;
    },
    clientAddress: ({ req }) => req.header("x-test-address"),
  });
  const createToken = async (name: string) =>
    (await operator(app)("PUT", `/tokens/${name}`, { scope: "relay" })).body.secret as string;
  const post = async (token: string, address = state.address) =>
    app.request("/v1/relay", {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/octet-stream",
        "x-test-address": address,
      },
      body: new Uint8Array(),
    });
  const status = async (token: string, address?: string) => (await post(token, address)).status;
  /** Presents unknown tokens one after the other. */
  const guess = async (count: number, name = "guess") => {
    const statuses = [];
    for (let each = 0; each < count; each++) statuses.push(await status(`${name}-${each}`));
    return statuses;
  };
  /** Presents so many unknown tokens that further ones are looked up with a pause. */
  const flood = async () => {
    for (let each = 0; each <= authFailuresTotalMax; each++) {
      state.address = `198.51.100.${each % 250}`;
      await status(`flood-${each}`);
    }
    state.address = "192.0.2.1";
  };
  return { app, state, timing, logged, createToken, post, status, guess, flood };
}

/** @returns One of so many addresses that none of them takes all its places. */
const manyAddresses = (each: number) => `203.0.113.${each % 32}`;

/** Lets requests run until they wait for a timer or for the database. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Waits until a number of requests wait for a timer. */
const untilWaiting = ({ timing }: Awaited<ReturnType<typeof open>>, count: number) =>
  expect.poll(timing.waiting).toBe(count);

test("T13 a good token passes after any number of unknown ones from its address", async () => {
  const { createToken, status, guess } = await open();
  const [used, fresh] = [await createToken("used"), await createToken("fresh")];
  expect(await status(used)).toBe(200);
  expect(await guess(authFailuresMax)).toEqual(new Array(authFailuresMax).fill(401));
  expect(await guess(3, "more")).toEqual([429, 429, 429]);
  expect([await status(fresh), await status(used), await status(relayToken)]).toEqual([200, 200, 200]);
});

test("T13 a revoked token is refused within 5 s, also if its look-up took long", async () => {
  const opened = await open();
  const { app, state, timing, createToken, status } = opened;
  const token = await createToken("revoked");
  let answer = (): void => undefined;
  state.held = new Promise((resolve) => {
    answer = resolve;
  });
  const first = status(token);
  await expect.poll(() => state.lookUps).toBe(1);
  timing.advance(1000);
  answer();
  expect(await first).toBe(200);
  expect((await operator(app)("DELETE", "/tokens/revoked")).status).toBe(204);
  timing.advance(tokenCacheMs - 1000);
  expect(await status(token)).toBe(401);
});

test("T13 429 says how long to wait, and ends with its minute", async () => {
  const { state, timing, post, status, guess } = await open();
  await guess(authFailuresMax);
  timing.advance(1000);
  const response = await post("another");
  expect([response.status, response.headers.get("retry-after")]).toEqual([429, "59"]);
  state.address = "192.0.2.2";
  expect(await status("another")).toBe(401);
  state.address = "192.0.2.1";
  timing.advance(authFailureWindowMs - 1000);
  expect(await status("another")).toBe(401);
});

test("T13 one unknown token again and again counts once, and is looked up once in 5 s", async () => {
  const { state, timing, status, guess } = await open();
  for (let again = 0; again < 3 * authFailuresMax; again++) {
    expect(await status("stale")).toBe(401);
    timing.advance(100);
  }
  expect(state.lookUps).toBe(Math.ceil((3 * authFailuresMax * 100) / tokenCacheMs));
  expect(await guess(authFailuresMax - 1)).toEqual(new Array(authFailuresMax - 1).fill(401));
  expect(await status("one-more")).toBe(429);
});

test.each([
  ["the addresses of an IPv6 /64 together", (each: number) => `2001:db8:0:1::${each.toString(16)}`, 429],
  ["each IPv6 /64 on its own", (each: number) => `2001:db8:0:${each.toString(16)}::1`, 401],
  ["each IPv4 address on its own", (each: number) => `192.0.2.${each}`, 401],
  [
    "each IPv4 address on its own, also when it is written as IPv6",
    (each: number) => `::ffff:192.0.2.${each}`,
    401,
  ],
  ["an address with and without its zone together", (each: number) => `fe80::1%eth${each}`, 429],
] as const)("T13 unknown tokens are counted for %s", async (_, addressOf, expected) => {
  const { state, status } = await open();
  let last = 0;
  for (let each = 0; each <= authFailuresMax; each++) {
    state.address = addressOf(each);
    last = await status(`guess-${each}`);
  }
  expect(last).toBe(expected);
});

test("T13 600 addresses do not guess without limit, and a good token passes between them", async () => {
  const { state, createToken, status } = await open({ pausesElapse: true });
  const good = await createToken("good");
  const statuses: number[] = [];
  for (let each = 0; each < 600; each++) {
    state.address = `10.${each >> 8}.${each & 255}.1`;
    statuses.push(await status(`guess-${each}`));
  }
  expect(statuses).toEqual([
    ...new Array<number>(authFailuresTotalMax).fill(401),
    ...new Array<number>(600 - authFailuresTotalMax).fill(429),
  ]);
  expect(await status(good)).toBe(200);
});

test("T13 a flood of unknown tokens costs one look-up for each pause, and delays no token that was good before", async () => {
  const opened = await open();
  const { state, timing, createToken, status, flood } = opened;
  const [relay, fresh] = [await createToken("relay"), await createToken("fresh")];
  expect(await status(relay)).toBe(200);
  await flood();
  const before = state.lookUps;
  const guesses = Array.from({ length: 300 }, (_, each) => status(`guess-${each}`, manyAddresses(each)));
  const passed = status(fresh);
  await untilWaiting(opened, 301 * 2);
  expect(state.lookUps).toBe(before);
  timing.advance(tokenPauseMs);
  expect(new Set(await Promise.all(guesses))).toEqual(new Set([429]));
  expect(await passed).toBe(200);
  expect(state.lookUps).toBe(before + 1);
  // The token of the relay is not in the cache any more, and needs no pause.
  timing.advance(tokenCacheMs - tokenPauseMs);
  expect([await status(relay), state.lookUps]).toEqual([200, before + 2]);
});

test("T13 unknown tokens at the same time share look-ups, and one token shares its own", async () => {
  const { state, status } = await open();
  let resume = (): void => undefined;
  state.held = new Promise((resolve) => (resume = resolve));
  const first = status("guess-0");
  await expect.poll(() => state.lookUps).toBe(1);
  const others = Array.from({ length: 100 }, (_, each) => status(`guess-${each % 10}`));
  await settle();
  state.held = undefined;
  resume();
  expect(new Set(await Promise.all([first, ...others]))).toEqual(new Set([401]));
  expect(state.lookUps).toBe(2);
});

test("T13 unknown tokens do not displace valid ones from the cache", async () => {
  const { state, createToken, status } = await open({ pausesElapse: true });
  const good = await createToken("good");
  expect(await status(good)).toBe(200);
  const before = state.lookUps;
  await Promise.all(
    Array.from({ length: tokenCacheSize }, (_, each) => status(`guess-${each}`, manyAddresses(each))),
  );
  const after = state.lookUps;
  expect([after > before, await status(good), state.lookUps]).toEqual([true, 200, after]);
});

test("T13 tokens beyond those that may wait are asked to come again, and a token that was good before is not", async () => {
  const opened = await open();
  const { state, timing, createToken, post, status, flood } = opened;
  const relay = await createToken("relay");
  expect(await status(relay)).toBe(200);
  timing.advance(tokenCacheMs);
  await flood();
  const guesses = Array.from({ length: tokensWaitingMax }, (_, each) =>
    status(`guess-${each}`, manyAddresses(each)),
  );
  await untilWaiting(opened, 2 * tokensWaitingMax);
  const refused = await post("one-more");
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  const before = state.lookUps;
  // It takes all others along.
  expect(await status(relay)).toBe(200);
  timing.advance(tokenPauseMs);
  expect(new Set(await Promise.all(guesses))).toEqual(new Set([429]));
  expect(state.lookUps).toBe(before + 1);
});

test("T13 one address that guesses does not take the places of others", async () => {
  const opened = await open();
  const { timing, createToken, post, status, flood } = opened;
  const fresh = await createToken("fresh");
  await flood();
  const guesses = Array.from({ length: tokensWaitingOfGroupMax }, (_, each) =>
    status(`guess-${each}`, `2001:db8::${each.toString(16)}`),
  );
  await untilWaiting(opened, 2 * tokensWaitingOfGroupMax);
  const further = Array.from({ length: tokensWaitingMax }, (_, each) =>
    post(`further-${each}`, "2001:db8::ffff"),
  );
  for (const refused of await Promise.all(further)) {
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  }
  const passed = status(fresh, "2001:db8:0:1::1");
  await untilWaiting(opened, 2 * (tokensWaitingOfGroupMax + 1));
  timing.advance(tokenPauseMs);
  expect(await passed).toBe(200);
  expect(new Set(await Promise.all(guesses))).toEqual(new Set([429]));
});

test("T13 a database that cannot be reached is 503 for all tokens that wait, is logged once, and counts nobody", async () => {
  const opened = await open();
  const { state, timing, logged, status, guess } = opened;
  state.isDown = true;
  expect(await status("guess")).toBe(503);
  const others = Array.from({ length: 50 }, (_, each) => status(`guess-${each}`));
  await untilWaiting(opened, 2 * others.length);
  timing.advance(tokenPauseMs);
  expect(new Set(await Promise.all(others))).toEqual(new Set([503]));
  expect([state.lookUps, logged]).toEqual([2, ["database unavailable"]]);
  state.isDown = false;
  timing.advance(tokenPauseMs);
  expect(await guess(authFailuresMax)).toEqual(new Array(authFailuresMax).fill(401));
});

test("T13 a look-up that never ends delays good tokens for a while only", async () => {
  const opened = await open();
  const { state, timing, createToken, status } = opened;
  const good = await createToken("good");
  state.held = new Promise(() => undefined);
  const [lost, behind] = [status("lost"), status("behind")];
  await untilWaiting(opened, 2);
  state.held = undefined;
  timing.advance(sharedWorkMsMax);
  expect([await lost, await behind]).toEqual([503, 503]);
  expect(await status(good)).toBe(200);
});
