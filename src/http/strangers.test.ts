/** What requests without a token cost: strangers may send any number of them. */
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { adminToken, relayToken } from "../../test/support/allocator.ts";
import { onlyDatabase, temporaryDatabase } from "../../test/support/database.ts";
import { createManualTiming } from "../../test/support/manual-timing.ts";
import { createCounters } from "../allocator/counters.ts";
import { faultLogMs, sharedWorkMsMax, readinessKeptMs, readinessWaitMsMax } from "../limits.ts";
import { DatabaseError } from "../store/database/database.ts";
import type { Database } from "../store/database/database.ts";
import { createStore } from "../store/store.ts";
import { createApp } from "./app.ts";

/** Opens an allocator whose timers the test moves, on a database whose requests it counts, delays and refuses. */
async function open() {
  const database = await temporaryDatabase({ domains: [] });
  const state = { requests: 0, held: undefined as Promise<void> | undefined, isDown: false };
  const watch =
    (send: Database["read"]): Database["read"] =>
    async (statements) => {
      state.requests += 1;
      await state.held;
      if (state.isDown) throw new DatabaseError("fetch failed");
      return send(statements);
    };
  const watched: Database = { ...database, read: watch(database.read), write: watch(database.write) };
  const timing = createManualTiming();
  const logged: string[] = [];
  const counts: unknown[] = [];
  const log = (fields: object, message: string) => {
    logged.push(message);
    counts.push((fields as { readonly count?: number }).count);
  };
  const app = createApp({
    store: createStore(onlyDatabase(watched)),
    relayToken,
    adminToken,
    counters: createCounters(),
    log: { debug: log, info: log, warn: log, error: log },
    localMs: timing.nowMs,
    later: timing.later,
  });
  const statusesOf = async (path: string, count: number) => {
    const responses = await Promise.all(Array.from({ length: count }, async () => app.request(path)));
    return [...new Set(responses.map(({ status }) => status))];
  };
  return { app, state, timing, logged, counts, statusesOf };
}

/** Holds all requests to the database until the returned function is called. */
function hold(state: { held: Promise<void> | undefined }): () => void {
  let resume = (): void => undefined;
  state.held = new Promise((resolve) => (resume = resolve));
  return () => {
    state.held = undefined;
    resume();
  };
}

describe("T11 /readyz", () => {
  test("T11 shares one check a second among all requests, at the same time and one after the other", async () => {
    const { state, timing, statusesOf } = await open();
    for (let round = 0; round < 3; round++) expect(await statusesOf("/readyz", 24)).toEqual([200]);
    // A commit, and the configuration, which is loaded again only when it has changed.
    expect(state.requests).toBe(2);
    timing.advance(readinessKeptMs - 1);
    expect(await statusesOf("/readyz", 24)).toEqual([200]);
    expect(state.requests).toBe(2);
    timing.advance(1);
    expect(await statusesOf("/readyz", 24)).toEqual([200]);
    expect(state.requests).toBe(3);
  });

  test("T11 shares a failed check too, and logs it once", async () => {
    const { state, timing, logged, statusesOf } = await open();
    state.isDown = true;
    for (let round = 0; round < 3; round++) expect(await statusesOf("/readyz", 24)).toEqual([503]);
    expect([state.requests, logged]).toEqual([1, ["database unavailable"]]);
    state.isDown = false;
    timing.advance(readinessKeptMs);
    expect(await statusesOf("/readyz", 24)).toEqual([200]);
  });

  test("T11 starts no second check while a database hangs, answers 503, and notices when it answers", async () => {
    const { app, state, timing, logged, statusesOf } = await open();
    const resume = hold(state);
    const first = statusesOf("/readyz", 24);
    await app.request("/healthz");
    timing.advance(readinessWaitMsMax);
    expect(await first).toEqual([503]);
    // All requests have been answered.
    expect(await statusesOf("/readyz", 24)).toEqual([503]);
    expect([state.requests, logged, timing.waiting()]).toEqual([1, ["database unavailable"], 0]);
    expect((await app.request("/healthz")).status).toBe(200);
    resume();
    await expect.poll(() => statusesOf("/readyz", 1)).toEqual([200]);
    expect(state.requests).toBe(2);
  });

  test("T11 gives up a check that never ends, so that a later one can succeed", async () => {
    const { app, state, timing, statusesOf } = await open();
    hold(state);
    const first = statusesOf("/readyz", 1);
    await app.request("/healthz");
    timing.advance(readinessWaitMsMax);
    expect(await first).toEqual([503]);
    state.held = undefined;
    timing.advance(sharedWorkMsMax - readinessWaitMsMax - 1);
    expect(await statusesOf("/readyz", 1)).toEqual([503]);
    timing.advance(1);
    expect(await statusesOf("/readyz", 24)).toEqual([200]);
    expect(state.requests).toBe(3);
  });
});

test("T11 while the database is away, requests get a line in the log a minute, with their number", async () => {
  const { app, state, timing, logged, counts, statusesOf } = await open();
  state.isDown = true;
  const ask = async () => {
    expect(await statusesOf("/readyz", 3)).toEqual([503]);
    const headers = { authorization: `Bearer unknown-${timing.nowMs()}` };
    expect((await app.request("/metrics", { headers })).status).toBe(503);
    timing.advance(readinessKeptMs);
  };
  for (let round = 0; round < 5; round++) await ask();
  expect([logged, counts]).toEqual([["database unavailable"], [1]]);
  timing.advance(faultLogMs - 5 * readinessKeptMs);
  await ask();
  expect([logged, counts]).toEqual([
    ["database unavailable", "database unavailable"],
    [1, 20],
  ]);
});

test("T11 documents that could not be made are made again", async () => {
  const { statusesOf, logged } = await open();
  const hashing = vi.spyOn(crypto.subtle, "digest").mockRejectedValueOnce(new Error("out of memory"));
  onTestFinished(() => {
    hashing.mockRestore();
  });
  expect(await statusesOf("/openapi.json", 3)).toEqual([500]);
  expect(logged).toEqual(["unexpected error"]);
  expect(await statusesOf("/openapi.json", 3)).toEqual([200]);
});

test("T11 /healthz and unknown paths do not ask the database, and repeat no long path", async () => {
  const { app, state, statusesOf } = await open();
  expect(await statusesOf("/healthz", 24)).toEqual([200]);
  const unknown = await app.request(`/${"x".repeat(10_000)}`);
  expect(unknown.status).toBe(404);
  expect((await unknown.text()).length).toBeLessThan(300);
  for (const path of ["/admin/v1/domains", "/admin/v1/nowhere", "/metrics"]) {
    expect((await app.request(path)).status).toBe(401);
  }
  expect((await app.request("/v1/relay", { method: "POST" })).status).toBe(401);
  expect(state.requests).toBe(0);
});

test.each(["/openapi.json", "/docs"])(
  "T11 %s is the same octets each time, and 304 for who has them",
  async (path) => {
    const { app, state } = await open();
    const first = await app.request(path);
    const etag = first.headers.get("etag")!;
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
    const text = await first.text();
    const hashing = vi.spyOn(crypto.subtle, "digest");
    onTestFinished(() => {
      hashing.mockRestore();
    });
    expect(text.length).toBeGreaterThan(1000);
    const second = await app.request(path);
    expect([second.headers.get("etag"), await second.text()]).toEqual([etag, text]);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const answer = await app.request(path, { headers: { "if-none-match": known } });
      expect([answer.status, answer.headers.get("etag"), await answer.text()], known).toEqual([
        304,
        etag,
        "",
      ]);
    }
    expect((await app.request(path, { headers: { "if-none-match": '"other"' } })).status).toBe(200);
    expect([state.requests, hashing.mock.calls.length]).toEqual([0, 0]);
  },
);
