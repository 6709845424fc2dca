/**
 * Failures of a real libSQL server and of the connection to it. No client is told of a lease that is not stored, and a
 * client that sends again gets what was committed.
 */
import { spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import type { DeclarationInput } from "../src/declaration/declaration.ts";
import { parseDeclaration } from "../src/declaration/declaration.ts";
import { awaitStore, openDatabase } from "../src/runtime/node.ts";
import type { Database } from "../src/store/database/database.ts";
import type { DatabaseAccess, Store } from "../src/store/store.ts";
import { encodeFrames } from "../src/wire/frames.ts";
import { databaseErrorCharactersMax } from "../src/limits.ts";
import { adminToken, createTestAllocator, relayToken, wrap } from "./support/allocator.ts";
import type { TestAllocator, TestAnswer, TestMessage } from "./support/allocator.ts";
import { clientProfile, says } from "./support/clients.ts";
import { prepareDatabase, temporaryFolder } from "./support/database.ts";
import { startDatabaseProxy } from "./support/database-proxy.ts";
import type { DatabaseProxy } from "./support/database-proxy.ts";
import { createTokenKey, hasSqld, signToken, startSqld, withoutSqld } from "./support/sqld.ts";
import type { Sqld } from "./support/sqld.ts";
import { query, queryNumber } from "./support/sql.ts";

const declaration: DeclarationInput = {
  domains: [
    {
      name: "isp",
      default: true,
      serverIdentifier: "203.0.113.1",
      pools: [{ name: "shared", kind: "shared", range: "192.0.2.0/24", psidLength: 6 }],
    },
  ],
};

interface AllocatorOnServer extends TestAllocator {
  readonly sqld: Sqld;
  readonly proxy: DatabaseProxy;
  /** The same database, without the proxy. */
  readonly direct: Database;
}

async function open(access: DatabaseAccess, answerMsMax?: number): Promise<Database> {
  const database = await openDatabase(access, answerMsMax);
  onTestFinished(() => {
    database.close();
  });
  return database;
}

/** Starts a libSQL server, a proxy in front of it, and an allocator in this process that uses the proxy. */
async function openAllocator({
  answerMsMax,
  folder,
}: { answerMsMax?: number; folder?: string } = {}): Promise<AllocatorOnServer> {
  const sqld = await startSqld({ folder: join(folder ?? (await temporaryFolder()), "sqld") });
  onTestFinished(() => sqld.kill());
  const direct = await prepareDatabase({ url: sqld.url }, parseDeclaration(declaration, "test"));
  onTestFinished(() => {
    direct.close();
  });
  const proxy = await startDatabaseProxy(sqld.port);
  onTestFinished(() => proxy.close());
  const allocator = await createTestAllocator(await open({ url: proxy.url }, answerMsMax));
  // Loads the directory, so that later batches need no request for it.
  await allocator.ask(says.discover(clientProfile(9999)));
  return Object.assign(allocator, { sqld, proxy, direct });
}

const bodyOf = (...messages: TestMessage[]) => encodeFrames(messages.map(wrap));
const clients = Array.from({ length: 256 }, (_, client) => clientProfile(client));

const stateOf = async (database: Database) => ({
  leases: await query(
    database,
    "SELECT slot, hex(client_id) AS client, state, since FROM lease ORDER BY slot",
  ),
  tenures: await queryNumber(database, "SELECT count(*) AS n FROM history"),
});

const json = (value: unknown) => (response: ServerResponse) =>
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));

/** A response in the server's protocol to one request, and to the end of its stream. */
const responseOf = (type: "batch" | "execute", result: unknown) =>
  json({
    results: [
      { type: "ok", response: { type, result } },
      { type: "ok", response: { type: "close" } },
    ],
  });

/** The same to a batch, with one result for each of 30 statements. */
const resultsOf = (result: unknown) =>
  responseOf("batch", { step_results: Array(30).fill(result), step_errors: Array(30).fill(null) });

const noColumns = { cols: [], rows: [], affected_row_count: 0 };

/** What something else than a database may answer, such as a proxy in front of it. */
const foreignAnswers: [string, (response: ServerResponse) => void][] = [
  [
    "HTML",
    (response) => response.writeHead(200, { "content-type": "text/html" }).end("<h1>Maintenance</h1>"),
  ],
  ["HTML that says it is JSON", (response) => response.writeHead(200).end("<h1>Maintenance</h1>")],
  ["nothing", (response) => response.writeHead(200).end()],
  ["no content", (response) => response.writeHead(204).end()],
  ["other JSON", json({ status: "ok" })],
  ["a JSON list", json([])],
  ["null", json(null)],
  ["no results", json({ results: [] })],
  ["results without rows", resultsOf(null)],
  ["a result without columns", responseOf("execute", noColumns)],
  ["results without columns", resultsOf(noColumns)],
  ["rows shorter than they say", resultsOf({ ...noColumns, cols: [{ name: "a" }], rows: [[]] })],
  [
    "half of an answer",
    (response) => response.writeHead(200, { "content-length": "99" }).end('{"results":['),
  ],
  [
    "a connection that ends in an answer",
    (response) => {
      response.writeHead(200).write('{"results":[', () => response.socket!.resetAndDestroy());
    },
  ],
  ["a redirect", (response) => response.writeHead(302, { location: "/login" }).end()],
  ["a redirect that keeps the method", (response) => response.writeHead(307, { location: "/login" }).end()],
  ["a page of an error", (response) => response.writeHead(502).end("x".repeat(100_000))],
  [
    "an error that is no object",
    (response) => response.writeHead(500, { "content-type": "application/json" }).end("null"),
  ],
];

const pairText = (answer: TestAnswer | undefined) =>
  answer && `${answer.type} ${answer.address} ${answer.portParams?.psid}`;

describe.skipIf(!hasSqld)(`against a libSQL server${withoutSqld}`, () => {
  test("one POST of 256 messages costs one round trip", async () => {
    const { ask, proxy } = await openAllocator();
    const before = proxy.requests();
    const offers = await ask(...clients.map((client) => says.discover(client)));
    expect(proxy.requests() - before).toBe(1);
    const acks = await ask(...clients.map((client, index) => says.selecting(client, offers[index]!)));
    expect(proxy.requests() - before).toBe(2);
    await ask(...clients.map((client, index) => says.renew(client, acks[index]!)));
    expect(proxy.requests() - before).toBe(3);
  });

  test("an answer is lost after the commit: the client sends again, gets its lease, and nothing changes", async () => {
    const { ask, post, proxy, direct } = await openAllocator();
    const client = clientProfile(1);

    let lost = proxy.next("lose-answer");
    expect((await post(bodyOf(says.discover(client)))).status).toBe(503);
    await lost;
    const offered = await stateOf(direct);
    const [offer] = await ask(says.discover(client));
    expect(offer!.type).toBe("offer");
    expect(await stateOf(direct)).toEqual(offered);

    lost = proxy.next("lose-answer");
    expect((await post(bodyOf(says.selecting(client, offer!)))).status).toBe(503);
    await lost;
    const bound = await stateOf(direct);
    expect(bound.leases.filter(({ state }) => state === 2)).toHaveLength(1);
    const [ack] = await ask(says.selecting(client, offer!));
    expect(pairText(ack)).toBe(pairText(offer)!.replace("offer", "ack"));
    expect(await stateOf(direct)).toEqual(bound);
  });

  test("a RELEASE whose answer is lost ends one tenure, even when it is sent again", async () => {
    const { ask, post, proxy, direct } = await openAllocator();
    const client = clientProfile(1);
    const [offer] = await ask(says.discover(client));
    const [ack] = await ask(says.selecting(client, offer!));
    const lost = proxy.next("lose-answer");
    expect((await post(bodyOf(says.release(client, ack!)))).status).toBe(503);
    await lost;
    const released = await stateOf(direct);
    await ask(says.release(client, ack!));
    expect(await stateOf(direct)).toEqual(released);
  });

  test("a server is killed during a batch: all or nothing is committed, and clients are served after its restart", async () => {
    const { ask, post, proxy, sqld, direct } = await openAllocator();
    const offers = await ask(...clients.map((client) => says.discover(client)));
    const requests = clients.map((client, index) => says.selecting(client, offers[index]!));
    const killed = new Promise<void>((resolve, reject) => {
      proxy.onForwarded(() => {
        sqld.kill().then(resolve, reject);
      });
    });
    expect((await post(bodyOf(...requests))).status).toBe(503);
    await killed;
    expect((await post(bodyOf(...requests))).status).toBe(503);
    await sqld.restart();
    const { leases } = await stateOf(direct);
    expect([0, 256]).toContain(leases.filter(({ state }) => state === 2).length);
    const acks = await ask(...requests);
    expect(acks.map(pairText)).toEqual(offers.map((offer) => pairText(offer)!.replace("offer", "ack")));
    expect(new Set(acks.map(pairText)).size).toBe(256);
  });

  test.each([
    [
      "closes the connection",
      "refuse",
      /^Cannot use a database: found no answer \((ECONNRESET|UND_ERR_SOCKET)\), /,
    ],
    [
      "is behind a proxy that says 503",
      (response: ServerResponse) => response.writeHead(503).end(),
      /^Cannot use a database: found status 503, /,
    ],
  ] as const)("E15 a server %s while an allocator starts: it is tried again", async (_, mishap, said) => {
    const { proxy } = await openAllocator();
    const logged: [object, string][] = [];
    const quiet = () => undefined;
    const warn = (fields: object, message: string) => void logged.push([fields, message]);
    const stores: Store[] = [];
    const begin = async (store: Store) => {
      const disturbed = stores.push(store) === 1 ? proxy.next(mishap) : undefined;
      await Promise.all([store.maintenance.findUnusable(), disturbed]);
    };
    const soon = (run: () => void) => {
      run();
      return quiet;
    };
    const store = await awaitStore(
      { url: proxy.url },
      { debug: quiet, info: quiet, warn, error: quiet },
      begin,
      { later: soon },
    );
    store.close();
    expect(stores).toHaveLength(2);
    expect(stores[1]).toBe(store);
    expect(logged).toEqual([
      [{ error: expect.stringMatching(said) as string }, "not serving yet: trying again in 5 s"],
    ]);
  });

  test("E15 a fault of the first work ends the start of an allocator, and is not tried again", async () => {
    const { proxy } = await openAllocator();
    const quiet = () => undefined;
    const fault = new Error("read ECONNRESET");
    const begun: Store[] = [];
    const begin = (store: Store) => {
      begun.push(store);
      return Promise.reject(fault);
    };
    const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
    await expect(awaitStore({ url: proxy.url }, log, begin)).rejects.toBe(fault);
    expect(begun).toHaveLength(1);
  });

  test("a server that does not answer delays a batch for a bounded time, and the next message is served", async () => {
    const { ask, post, proxy, logged } = await openAllocator({ answerMsMax: 300 });
    const stalled = proxy.next("stall");
    const response = await post(bodyOf(says.discover(clientProfile(1))));
    await stalled;
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(logged.at(-1)!.message).toBe("database unavailable");
    expect((await ask(says.discover(clientProfile(1))))[0]!.type).toBe("offer");
  });

  test("a connection breaks before the server receives the batch: nothing is committed, and the retry succeeds", async () => {
    const { ask, post, proxy, direct } = await openAllocator();
    const before = await stateOf(direct);
    const refused = proxy.next("refuse");
    expect((await post(bodyOf(says.discover(clientProfile(1))))).status).toBe(503);
    await refused;
    expect(await stateOf(direct)).toEqual(before);
    expect((await ask(says.discover(clientProfile(1))))[0]!.type).toBe("offer");
  });

  test.each(foreignAnswers)("T19 %s in place of the database: 503 and Retry-After", async (_, respond) => {
    const { ask, app, proxy, logged, direct } = await openAllocator();
    const before = await stateOf(direct);
    const client = clientProfile(1);
    const authorization = (token: string) => ({ authorization: `Bearer ${token}` });
    const relayed = { ...authorization(relayToken), "content-type": "application/octet-stream" };
    const requests: [string, RequestInit][] = [
      ["/v1/relay", { method: "POST", headers: relayed, body: bodyOf(says.discover(client)) }],
      ["/admin/v1/domains", { headers: authorization(adminToken) }],
      ["/admin/v1/config", { headers: authorization(adminToken) }],
      ["/admin/v1/domains", { headers: authorization("an-unknown-token") }],
      // Last, because it sends several requests to the database at once.
      ["/readyz", {}],
    ];
    for (const [path, init] of requests) {
      const done = proxy.next(respond);
      const response = await app.request(path, init);
      await done;
      expect([path, response.status, response.headers.get("retry-after")]).toEqual([path, 503, "1"]);
      expect(response.headers.get("content-type")).toContain("problem+json");
      expect(logged.at(-1)!.message).toBe("database unavailable");
      const { err } = logged.at(-1)!.fields as { readonly err: Error };
      expect(err.message.length).toBeLessThanOrEqual(databaseErrorCharactersMax + 1);
    }
    expect(await stateOf(direct)).toEqual(before);
    expect((await ask(says.discover(client)))[0]!.type).toBe("offer");
  });

  test("T20 a password in the URL opens the database, and no error shows it", async () => {
    const sqld = await startSqld({
      folder: join(await temporaryFolder(), "sqld"),
      password: "operator:s3cret/päss",
    });
    onTestFinished(() => sqld.kill());
    const urlWith = (password: string) =>
      sqld.url.replace("//", `//operator:${encodeURIComponent(password)}@`);
    const access = { url: urlWith("s3cret/päss") };
    (await prepareDatabase(access, parseDeclaration(declaration, "test"))).close();
    const { ask } = await createTestAllocator(await open(access));
    expect((await ask(says.discover(clientProfile(1))))[0]!.type).toBe("offer");
    const { post, logged } = await createTestAllocator(await open({ url: urlWith("wr0ng-pass") }));
    expect((await post(bodyOf(says.discover(clientProfile(1))))).status).toBe(503);
    expect(inspect(logged, { depth: 10 })).not.toMatch(/wr0ng|d3Iwbmc/);
  });

  test("an expired token, or a token of another key: 503, and the log says why without the token", async () => {
    const { publicKey, privateKey } = createTokenKey();
    const sqld = await startSqld({ folder: join(await temporaryFolder(), "sqld"), tokenKey: publicKey });
    onTestFinished(() => sqld.kill());
    const hour = 3600;
    const now = Math.floor(Date.now() / 1000);
    const good = signToken(privateKey, now + hour);
    const access = { url: sqld.url, token: good };
    (await prepareDatabase(access, parseDeclaration(declaration, "test"))).close();
    for (const token of [
      signToken(privateKey, now - hour),
      signToken(createTokenKey().privateKey, now + hour),
    ]) {
      const { post, logged } = await createTestAllocator(await open({ url: sqld.url, token }));
      expect((await post(bodyOf(says.discover(clientProfile(1))))).status).toBe(503);
      const { err } = logged[0]!.fields as { readonly err: Error };
      expect(err.message).toMatch(/401|auth/i);
      expect(JSON.stringify([err.message, err.stack])).not.toContain(token);
    }
    const { ask } = await createTestAllocator(await open({ url: sqld.url, token: good }));
    expect((await ask(says.discover(clientProfile(1))))[0]!.type).toBe("offer");
  });

  test("a full disk: 503, no client is told of a lease that is not stored, and clients are served when there is room", async (context) => {
    const folder = await temporaryFolder();
    const disk = join(folder, "disk");
    await mkdir(disk);
    const mount = (...flags: string[]) => spawnSync("mount", [...flags, disk]).status === 0;
    if (!mount("-t", "tmpfs", "-o", "size=3m", "tmpfs")) context.skip("skipped: no tmpfs");
    onTestFinished(() => void spawnSync("umount", ["--lazy", disk]));
    const { ask, post, direct, logged } = await openAllocator({ folder: disk });
    const offeredClients: string[] = [];
    let status = 200;
    for (let first = 0; status === 200 && first < 16_000; first += 256) {
      const batch = Array.from({ length: 256 }, (_, index) => clientProfile(first + index));
      const response = await post(bodyOf(...batch.map((client) => says.discover(client))));
      status = response.status;
      if (status === 200)
        offeredClients.push(...batch.map((client) => Buffer.from(client.clientIdentifier).toString("hex")));
    }
    expect(status).toBe(503);
    expect(logged.at(-1)!.message).toBe("database unavailable");
    expect(mount("-o", "remount,size=64m")).toBe(true);
    const [offer] = await ask(says.discover(clientProfile(20_000)));
    expect(offer!.type).toBe("offer");
    const storedClients = new Set(
      (await stateOf(direct)).leases.map(({ client }) => (client as string).toLowerCase()),
    );
    expect(offeredClients.filter((client) => !storedClients.has(client))).toEqual([]);
  });
});
