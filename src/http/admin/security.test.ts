import { describe, expect, test } from "vitest";
import { itemsOf, operator } from "../../../test/support/admin.ts";
import { adminToken, createTestAllocator, relayToken } from "../../../test/support/allocator.ts";
import { onlyDatabase, temporaryDatabase } from "../../../test/support/database.ts";
import { execute, query } from "../../../test/support/sql.ts";
import { adminBodyOctetsMax, authFailuresMax, tokenCacheMs } from "../../limits.ts";
import type { Database } from "../../store/database/database.ts";
import { createStore } from "../../store/store.ts";
import { createApp } from "../app.ts";
import { createCounters } from "../../allocator/counters.ts";

const domain = (name: string) => ({ name, serverIdentifier: "203.0.113.1" });
const declaration = {
  domains: [
    { ...domain("north"), pools: [{ name: "n", kind: "full" as const, range: "192.0.2.0/24" }] },
    { ...domain("south"), pools: [{ name: "s", kind: "full" as const, range: "198.51.100.0/24" }] },
  ],
};

/** Opens an allocator whose clock and client address the test sets. */
async function open() {
  const database = await temporaryDatabase(declaration);
  const state = { clockMs: 0, address: "192.0.2.1", logged: [] as unknown[] };
  const log = (...line: unknown[]) => void state.logged.push(line);
  const store = createStore(onlyDatabase(database));
  const app = createApp({
    store,
    relayToken,
    adminToken,
    counters: createCounters(),
    log: { debug: log, info: log, warn: log, error: log },
    localMs: () => state.clockMs,
    clientAddress: () => state.address,
  });
  const call = operator(app);
  const createToken = async (name: string, fields: object) =>
    (await call("PUT", `/tokens/${name}`, fields)).body.secret as string;
  const relay = async (token: string) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/octet-stream" };
    return (await app.request("/v1/relay", { method: "POST", headers, body: new Uint8Array() })).status;
  };
  return { ...state, state, app, database, store, call, createToken, relay };
}

describe("tokens", () => {
  test("are shown once, and stored only as SHA-256", async () => {
    const { call, database, createToken, state } = await open();
    const secret = await createToken("reader", { scope: "read" });
    expect(secret).toMatch(/^apportion_[\w-]{43}$/);
    const everything = JSON.stringify([
      await call("GET", "/tokens"),
      await call("GET", "/tokens/reader"),
      await call("GET", "/audit"),
      await query(database, "SELECT * FROM access_token"),
      state.logged,
    ]);
    expect(everything).not.toContain(secret.slice(10));
    const rows = await query(database, "SELECT hex(secret_hash) AS hash FROM access_token");
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
    expect(rows[0]!.hash).toBe(Buffer.from(digest).toString("hex").toUpperCase());
  });

  test.each([
    ["relay", { get: 403, put: 403, relay: 200 }],
    ["read", { get: 200, put: 403, relay: 403 }],
    ["admin", { get: 200, put: 201, relay: 403 }],
  ])("of scope %s permit only what the scope includes", async (scope, expected) => {
    const { app, createToken, relay } = await open();
    const secret = await createToken("one", { scope });
    const caller = operator(app, secret);
    expect({
      get: (await caller("GET", "/domains")).status,
      put: (await caller("PUT", "/domains/new", { serverIdentifier: "203.0.113.9" })).status,
      relay: await relay(secret),
    }).toEqual(expected);
    const plan = { kind: "full", range: "203.0.113.0/24" };
    expect((await caller("POST", "/pools:plan", plan)).status).toBe(expected.get);
  });

  test("that are unknown get 401 with the expected scheme", async () => {
    const { app, relay } = await open();
    for (const token of ["nonsense", "apportion_"]) {
      const answer = await operator(app, token)("GET", "/domains");
      expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([
        401,
        'Bearer realm="apportion"',
      ]);
    }
    expect(await relay("nonsense")).toBe(401);
    expect((await app.request("/admin/v1/domains")).status).toBe(401);
    expect((await app.request("/admin/v1/nowhere")).status).toBe(401);
  });

  test("are refused once they expire, and within 5 s of their deletion", async () => {
    const { app, call, createToken, database, state } = await open();
    const expiresAt = "2099-01-01T00:00:00Z";
    const caller = operator(app, await createToken("old", { scope: "read", expiresAt }));
    await execute(database, "UPDATE access_token SET expires_at = 1577836800");
    expect((await caller("GET", "/domains")).status).toBe(401);
    const other = operator(app, await createToken("other", { scope: "read" }));
    expect((await other("GET", "/domains")).status).toBe(200);
    await call("DELETE", "/tokens/other");
    state.clockMs += tokenCacheMs;
    expect((await other("GET", "/domains")).status).toBe(401);
  });

  test("are rotated, and both secrets are valid during the overlap", async () => {
    const { app, call, createToken, state } = await open();
    const first = operator(app, await createToken("rotating", { scope: "read" }));
    const rotate = async (overlapSeconds: number) =>
      operator(
        app,
        (await call("POST", "/tokens/rotating/rotate", { overlapSeconds })).body.secret as string,
      );
    const second = await rotate(600);
    for (const caller of [first, second]) expect((await caller("GET", "/domains")).status).toBe(200);
    const third = await rotate(0);
    state.clockMs += tokenCacheMs;
    const statuses = await Promise.all(
      [first, second, third].map(async (caller) => (await caller("GET", "/domains")).status),
    );
    expect(statuses).toEqual([401, 401, 200]);
  });

  test("for one domain neither see nor change another domain", async () => {
    const { app, call, createToken } = await open();
    const caller = operator(app, await createToken("northern", { scope: "admin", domain: "north" }));
    await call("PATCH", "/domains/south", { rapidCommit: true });
    const reservation = { domain: "south", clientIdentifier: "ff00000007", address: "198.51.100.7" };
    expect((await call("PUT", "/reservations/seven", reservation)).status).toBe(201);
    const names = async (path: string) => itemsOf(await caller("GET", path)).map(({ name }) => name);
    expect(await names("/domains")).toEqual(["north"]);
    expect(await names("/pools")).toEqual(["n"]);
    for (const path of ["/pools?domain=south", "/reservations?domain=south", "/reservations?pool=s"])
      expect((await caller("GET", path)).status).toBe(404);
    expect(await names("/pools?address=198.51.100.1")).toEqual([]);
    expect(await names("/reservations")).toEqual([]);
    expect(itemsOf(await caller("GET", "/audit")).every(({ domain }) => domain === "north")).toBe(true);
    expect(await names("/audit?domain=south")).toEqual([]);
    for (const path of ["/domains/south", "/pools/s", "/reservations/seven"]) {
      expect((await caller("GET", path)).status).toBe(404);
      expect((await caller("PATCH", path, {})).status).toBe(404);
    }
    expect((await caller("DELETE", "/pools/s?force=true")).status).toBe(404);
    expect((await caller("DELETE", "/reservations/seven")).status).toBe(404);
    expect(
      (await caller("PUT", "/reservations/eight", { ...reservation, address: "198.51.100.8" })).status,
    ).toBe(409);
    const overlapping = await caller("PUT", "/pools/x", {
      domain: "north",
      kind: "full",
      range: "198.51.100.0/25",
    });
    expect([overlapping.status, JSON.stringify(overlapping.body)]).toEqual([
      409,
      expect.not.stringContaining('\\"s\\"'),
    ]);
    for (const [method, path] of [
      ["GET", "/tokens"],
      ["GET", "/config"],
      ["PUT", "/config"],
      ["PUT", "/config?dryRun=true"],
      ["PUT", "/domains/third"],
      ["DELETE", "/domains/north"],
    ] as const) {
      const body = method === "PUT" ? { serverIdentifier: "203.0.113.1" } : undefined;
      expect((await caller(method, path, body)).status, path).toBe(403);
    }
    expect((await caller("PATCH", "/pools/n", { options: { mtu: 1400 } })).status).toBe(200);
    expect((await call("PUT", "/tokens/r", { scope: "relay", domain: "north" })).status).toBe(400);
  });

  test("are not required for the API reference, which shows every operation", async () => {
    const { app } = await open();
    const { paths } = await (
      await app.request("/openapi.json")
    ).json<{ paths: Record<string, Record<string, unknown>> }>();
    const page = await (await app.request("/docs")).text();
    const shown = [...page.matchAll(/class="method">([A-Z]+)<\/span><code>([^<]+)</g)].map(
      ([, method, path]) => `${method!} ${path!}`,
    );
    const documented = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(shown.sort()).toEqual(documented.sort());
    expect(page).toContain("If-Match");
  });

  test("permit exactly the operations of their scope", async () => {
    const { app, createToken } = await open();
    const callers = {
      reader: operator(app, await createToken("reader", { scope: "read" })),
      relay: operator(app, await createToken("relay-1", { scope: "relay" })),
      unknown: operator(app, "unknown-token"),
    };
    const response = await app.request("/openapi.json");
    const { paths } = await response.json<{ paths: Record<string, Record<string, unknown>> }>();
    const found = Object.entries(paths)
      .filter(([path]) => path.startsWith("/admin/v1"))
      .flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
      );
    expect(found.length).toBeGreaterThan(25);
    for (const { path, method } of found) {
      const where = path.replace("/admin/v1", "").replace(/\{\w+\}/, "nothing");
      const body = method === "GET" ? undefined : {};
      const status = async (caller: keyof typeof callers) =>
        (await callers[caller](method, where, body)).status;
      const isRead = method === "GET" || path.endsWith(":plan");
      expect((await status("reader")) === 403, `${method} ${path}`).toBe(!isRead);
      expect(await status("relay"), `${method} ${path}`).toBe(403);
    }
    expect((await callers.unknown("GET", "/domains")).status).toBe(401);
  });

  test("that are guessed block the address of the guesser for a minute, and no other caller", async () => {
    const { app, createToken, state } = await open();
    const good = operator(app, await createToken("good", { scope: "read" }));
    expect((await good("GET", "/domains")).status).toBe(200);
    for (let guess = 0; guess < authFailuresMax; guess++) {
      expect((await operator(app, `guess${guess}`)("GET", "/domains")).status).toBe(401);
    }
    const limited = await operator(app, "guess")("GET", "/domains");
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "60"]);
    expect((await good("GET", "/domains")).status).toBe(200);
    expect((await operator(app)("GET", "/domains")).status).toBe(200);
    state.address = "192.0.2.2";
    expect((await operator(app, "guess")("GET", "/domains")).status).toBe(401);
    state.address = "192.0.2.1";
    state.clockMs += 60_000;
    expect((await operator(app, "guess")("GET", "/domains")).status).toBe(401);
  });
});

test("401 says so when the environment has no admin token", async () => {
  const { store } = await open();
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const app = createApp({ store, relayToken, log, counters: createCounters() });
  const { status, body } = await operator(app)("GET", "/domains");
  expect([status, body.detail]).toEqual([401, expect.stringContaining("APPORTION_ADMIN_TOKEN")]);
});

test("a POST with the relay token of the environment needs no token look-up in the database", async () => {
  const { database } = await open();
  let lookUps = 0;
  const counting: Database = {
    ...database,
    read: (statements) => {
      if (statements.some(({ sql }) => sql.includes("access_token"))) lookUps += 1;
      return database.read(statements);
    },
  };
  const { post } = await createTestAllocator(counting);
  expect((await post(new Uint8Array())).status).toBe(200);
  expect(lookUps).toBe(0);
});

test("responses forbid caching, embedding and type guessing, and request bodies are limited", async () => {
  const { call } = await open();
  const { headers } = await call("GET", "/domains");
  expect(Object.fromEntries(headers)).toMatchObject({
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  });
  const body = JSON.stringify({ range: "x".repeat(adminBodyOctetsMax) });
  expect((await call("PUT", "/pools/x", body)).status).toBe(413);
  expect((await call("PUT", "/pools/x", "{", {})).status).toBe(400);
  expect((await call("PUT", "/pools/x", "a: 1", { "content-type": "text/plain" })).status).toBe(415);
  expect((await call("GET", "/pools?limit=0")).body.errors).toMatchObject([{ path: "?limit", found: '"0"' }]);
  // The position of another list, invalid JSON, invalid UTF-8, invalid base64url (twice), and an empty text.
  for (const cursor of ["WzEsMl0", "AAAA", "_w", "%25", "%ED%A0%80", ""]) {
    const answer = await call("GET", `/pools?cursor=${cursor}`);
    expect([answer.status, answer.body.errors], cursor).toMatchObject([400, [{ path: "?cursor" }]]);
  }
  expect((await call("GET", "/pools?colour=red")).status).toBe(400);
});
