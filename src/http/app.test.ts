import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { adminToken, createTestAllocator, relayToken, wrap } from "../../test/support/allocator.ts";
import type { TestAllocator } from "../../test/support/allocator.ts";
import { clientProfile, says } from "../../test/support/clients.ts";
import { temporaryDatabase, temporaryFolder, vectorDomain } from "../../test/support/database.ts";
import { vectorOctets } from "../../test/support/vectors.ts";
import { relayBodyOctetsMax, relayFramesMax } from "../limits.ts";
import { MessageType6 } from "../wire/dhcpv6/codes.ts";
import { encodeRelayMessage } from "../wire/dhcpv6/relay.ts";
import { decodeFrames, encodeFrames } from "../wire/frames.ts";
import { createApp } from "./app.ts";
import { createCounters } from "../allocator/counters.ts";
import { execute, queryNumber } from "../../test/support/sql.ts";
import { DatabaseError } from "../store/database/database.ts";
import type { Database } from "../store/database/database.ts";
import { openFile } from "../store/database/file.ts";

async function expectProblem(response: Response, status: number, detail: RegExp): Promise<void> {
  expect(response.status).toBe(status);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = await response.json<Record<string, unknown>>();
  expect(problem).toMatchObject({ type: "about:blank", status });
  expect(problem.title).toMatch(/\w/);
  expect(problem.detail).toMatch(detail);
}

describe("POST /v1/relay refuses", () => {
  test.each([
    ["no token", {}, /found no bearer token/],
    ["another scheme", { authorization: "Basic cmVsYXk6cmVsYXk=" }, /found a malformed Authorization header/],
    ["another token", { authorization: "Bearer another-token-altogether" }, /found an unknown bearer token/],
  ])("%s: 401", async (_, headers, detail) => {
    const { app } = await createTestAllocator(vectorDomain);
    const response = await app.request("/v1/relay", { method: "POST", headers });
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
    await expectProblem(response, 401, detail);
  });

  test("another content type: 415", async () => {
    const { post } = await createTestAllocator(vectorDomain);
    const response = await post(new Uint8Array(), { "content-type": "application/json" });
    await expectProblem(response, 415, /found content type application\/json/);
  });

  test.each(["", "soon", "-1", "1.5", "1e3", "60001", "100000"])("an invalid age, %j: 400", async (age) => {
    const { post } = await createTestAllocator(vectorDomain);
    const response = await post(new Uint8Array(), { "apportion-age-ms": age });
    await expectProblem(response, 400, /header apportion-age-ms: found ".*", expected .* from 0 to 60000/);
  });

  test("a body of more than 1 MiB, with or without Content-Length: 413", async () => {
    const { app, post } = await createTestAllocator(vectorDomain);
    const body = new Uint8Array(relayBodyOctetsMax + 1);
    await expectProblem(await post(body, { "content-length": String(body.length) }), 413, /at most 1048576$/);
    const stream = new ReadableStream({
      start(controller) {
        for (let part = 0; part < 17; part++) controller.enqueue(new Uint8Array(65_536));
        controller.close();
      },
    });
    const headers = { authorization: `Bearer ${relayToken}`, "content-type": "application/octet-stream" };
    const request = new Request("http://allocator/v1/relay", {
      method: "POST",
      headers,
      body: stream,
      duplex: "half",
    } as RequestInit);
    await expectProblem(await app.request(request), 413, /at most 1048576$/);
  });

  test("more than 1,024 frames: 413", async () => {
    const { post } = await createTestAllocator(vectorDomain);
    const body = encodeFrames(Array.from({ length: relayFramesMax + 1 }, () => new Uint8Array(1)));
    await expectProblem(await post(body), 413, /more than 1024/);
  });

  test("a body that ends within a frame: 400, and none of its frames is served", async () => {
    const { post, database } = await createTestAllocator(vectorDomain);
    const query = says.discover(clientProfile(1)).octets;
    const level = {
      hopCount: 0,
      linkAddress: new Uint8Array(16),
      peerAddress: new Uint8Array(16),
      options: [],
    };
    const whole = encodeFrames([encodeRelayMessage(MessageType6.relayForward, level, query)]);
    const response = await post(Uint8Array.of(...whole, 0, 9, 1));
    await expectProblem(response, 400, /frame 1 at octet \d+ has 3 octets, expected 11/);
    expect(await queryNumber(database, "SELECT count(*) AS leases FROM lease")).toBe(0);
  });
});

test("a bad frame is dropped and counted by its reason; the other frames of the body are served", async () => {
  const { ask, counters } = await createTestAllocator(vectorDomain);
  const answers = await ask(
    vectorOctets("bad-two-option87"),
    says.discover(clientProfile(1)),
    vectorOctets("bad-inner-cookie"),
    { octets: new Uint8Array() },
    says.discover(clientProfile(2)),
  );
  expect(answers.map((answer) => answer?.type)).toEqual([undefined, "offer", undefined, undefined, "offer"]);
  expect(counters.snapshot()).toMatchObject({
    "silence:duplicate-dhcpv4-message": 1,
    "silence:dhcpv4-bad-cookie": 1,
    "silence:message-truncated": 1,
    offer: 2,
  });
});

test("an empty body is an empty batch", async () => {
  const { post } = await createTestAllocator(vectorDomain);
  const response = await post(new Uint8Array());
  expect(response.status).toBe(200);
  expect(decodeFrames(new Uint8Array(await response.arrayBuffer()), 1)).toEqual([]);
});

test("an unreachable database: 503 with Retry-After, until it is reachable again", async () => {
  let isDown = false;
  const reach = (run: Database["read"]): Database["read"] => {
    return (statements) => (isDown ? Promise.reject(new DatabaseError("fetch failed")) : run(statements));
  };
  const allocator = await createTestAllocator(vectorDomain, {
    replace: (database) => ({ ...database, read: reach(database.read), write: reach(database.write) }),
  });
  const { ask, app, post, logged } = allocator;
  isDown = true;
  const body = encodeFrames([
    encodeRelayMessage(
      MessageType6.relayForward,
      { hopCount: 0, linkAddress: new Uint8Array(16), peerAddress: new Uint8Array(16), options: [] },
      says.discover(clientProfile(1)).octets,
    ),
  ]);
  for (const response of [await post(body), await app.request("/readyz")]) {
    expect(response.headers.get("retry-after")).toBe("1");
    await expectProblem(response, 503, /Cannot reach the database/);
  }
  expect(logged.map(({ message }) => message)).toEqual(["database unavailable"]);
  expect((await app.request("/healthz")).status).toBe(200);
  isDown = false;
  expect((await ask(says.discover(clientProfile(1))))[0]!.type).toBe("offer");
  waitForNextCheck(allocator);
  expect((await app.request("/readyz")).status).toBe(200);
});

test.each([
  ["SQLITE_FULL", /found its disk full \(SQLITE_FULL\), expected room/],
  ["SQLITE_IOERR_FSYNC", /found a disk that fails/],
  ["SQLITE_READONLY_DBMOVED", /found it read-only/],
  ["SQLITE_BUSY", /^Cannot lock the database/],
  ["SQLITE_ERROR", /^Cannot reach the database; try again$/],
])("E18 a change on a database that fails with %s: the answer says what to mend", async (code, detail) => {
  let isFailing = false;
  const { app } = await createTestAllocator(vectorDomain, {
    replace: (database) => ({
      ...database,
      write: (statements) =>
        isFailing
          ? Promise.reject(new DatabaseError("failed", Object.assign(new Error(), { code })))
          : database.write(statements),
    }),
  });
  const headers = { authorization: `Bearer ${adminToken}`, "content-type": "application/json" };
  isFailing = true;
  const body = JSON.stringify({ domains: [] });
  await expectProblem(
    await app.request("/admin/v1/config?prune=true", { method: "PUT", headers, body }),
    503,
    detail,
  );
});

/** Moves the clock, because requests to `/readyz` share the result of a check for a second. */
function waitForNextCheck(allocator: TestAllocator): void {
  allocator.now = Math.ceil(Date.now() / 1000);
}

test("E15 /readyz is 503 for a database of an earlier release, which does not accept writes", async () => {
  const allocator = await createTestAllocator(vectorDomain);
  const { app, database } = allocator;
  expect((await app.request("/readyz")).status).toBe(200);
  waitForNextCheck(allocator);
  await execute(database, "DROP TABLE instant");
  await expectProblem(
    await app.request("/readyz"),
    503,
    /not migrated .* run `apportion migrate --database URL`/,
  );
});

/** Changes that leave a database as an earlier release left it, or empty. */
const unmigrated = {
  empty: [],
  "of the first release": ["0000_tables.sql", "0001_triggers.sql"],
  "without the last migration that leases need": (
    JSON.parse(readFileSync("migrations/meta/_journal.json", "utf8")) as { entries: { tag: string }[] }
  ).entries
    .filter(({ tag }) => tag < "0018")
    .map(({ tag }) => `${tag}.sql`),
};

test.each(Object.entries(unmigrated))(
  "E15 a database that is %s: the answer and the log say to migrate it",
  async (_, migrations) => {
    const database = openFile(`file:${join(await temporaryFolder(), "apportion.db")}`);
    onTestFinished(() => {
      database.close();
    });
    for (const name of migrations) {
      const statements = readFileSync(join("migrations", name), "utf8").split("--> statement-breakpoint");
      const list = statements.filter((each) => each.trim() !== "");
      if (list.length > 0) await database.migrate(list.map((sql) => ({ sql, args: [] })));
    }
    const { app, post, logged } = await createTestAllocator(database);
    const authorization = `Bearer ${adminToken}`;
    const isEmpty = migrations.length === 0;
    const responses = [
      await app.request("/readyz"),
      await post(encodeFrames([wrap(says.discover(clientProfile(1)), 0)])),
      ...(isEmpty ? [await app.request("/admin/v1/leases", { headers: { authorization } })] : []),
      ...(isEmpty ? [await app.request("/metrics", { headers: { authorization: "Bearer other" } })] : []),
    ];
    for (const response of responses) {
      await expectProblem(
        response,
        503,
        /not migrated to this release; run `apportion migrate --database URL` \(in a checkout, `npm run migrate/,
      );
      expect(response.headers.get("retry-after")).toBe("1");
    }
    expect(logged.map(({ message }) => message)).toEqual([
      "database not migrated: run `apportion migrate --database URL` (in a checkout, `npm run migrate -- --database URL`) with this release",
    ]);
  },
);

test("E15 a database that is not migrated is told from one that is away, if one of several is", async () => {
  const main = await temporaryDatabase();
  const placed = openFile(`file:${join(await temporaryFolder(), "apportion.db")}`);
  onTestFinished(() => {
    placed.close();
  });
  const { app } = await createTestAllocator(main, { placed: new Map([["vectors", placed]]) });
  const headers = { authorization: `Bearer ${adminToken}` };
  await expectProblem(await app.request("/admin/v1/leases", { headers }), 503, /not migrated/);
});

test("an unknown path: 404", async () => {
  const { app } = await createTestAllocator(vectorDomain);
  await expectProblem(await app.request("/v2/relay", { method: "POST" }), 404, /POST \/v2\/relay/);
});

test("createApp() rejects an empty token, which anyone could guess", async () => {
  const { store } = await createTestAllocator(vectorDomain);
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  expect(() => createApp({ store, relayToken: "", log, counters: createCounters() })).toThrow(
    /expected a secret/,
  );
});

test("a POST that is refused or fails is logged with its trace id", async () => {
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const traced = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  const allocator = await createTestAllocator(vectorDomain);
  await expectProblem(await allocator.post(Uint8Array.of(0), traced), 400, /./);
  await execute(allocator.database, "DROP TABLE instant");
  const body = encodeFrames([wrap(says.discover(clientProfile(1)), 0)]);
  await expectProblem(await allocator.post(body, traced), 503, /not migrated/);
  expect(allocator.logged.map(({ fields, message }) => ({ message, ...fields }))).toMatchObject([
    { message: "a request was refused", status: 400, traceId, count: 1 },
    { message: expect.stringContaining("database not migrated") as string, traceId },
  ]);
});
