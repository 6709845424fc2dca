/** Domains in several databases: which database serves which domain, also when a database is unreachable. */
import { expect, test } from "vitest";
import { askBy, relayToken, wrap } from "../../test/support/allocator.ts";
import { clientProfile, says } from "../../test/support/clients.ts";
import { temporaryDatabase } from "../../test/support/database.ts";
import { createApp } from "../http/app.ts";
import type { Directory, Domain } from "../lease/domain.ts";
import { placementAgeMsMax } from "../limits.ts";
import { createStore } from "../store/store.ts";
import { systemTiming } from "../timing.ts";
import type { Partition } from "../store/partition.ts";
import { DatabaseError } from "../store/database/database.ts";
import type { Database } from "../store/database/database.ts";
import { createCounters } from "./counters.ts";
import { createPlacedPipeline } from "./placement.ts";
import { queryNumber } from "../../test/support/sql.ts";

const domain = (name: string, link: string, range: string) => ({
  name,
  prefixes: [link],
  serverIdentifier: "203.0.113.1",
  pools: [{ name: `${name}-shared`, kind: "shared" as const, range, psidLength: 6 }],
});
const north = domain("north", "2001:db8:1::/48", "192.0.2.0/28");
const south = domain("south", "2001:db8:2::/48", "192.0.2.16/28");

const inNorth = (client: number) => ({
  ...says.discover(clientProfile(client)),
  linkAddress: "2001:db8:1::1",
});
const inSouth = (client: number) => ({
  ...says.discover(clientProfile(client)),
  linkAddress: "2001:db8:2::1",
});

/** A database that counts write batches, and can be made unreachable. */
function watched(original: Database) {
  const state = { writes: 0, isUnreachable: false, isSilent: false };
  const reach = (run: Database["read"]): Database["read"] => {
    return (statements) => {
      if (state.isSilent) return new Promise(() => undefined);
      return state.isUnreachable ? Promise.reject(new DatabaseError("unreachable")) : run(statements);
    };
  };
  const write: Database["write"] = (statements) => {
    if (!state.isUnreachable) state.writes++;
    return reach(original.write)(statements);
  };
  return { state, database: { ...original, read: reach(original.read), write }, original };
}

async function createPlaced({ right = [south], isDefault = false } = {}) {
  const main = watched(await temporaryDatabase({ domains: [{ ...north, default: isDefault }, south] }));
  const other = watched(await temporaryDatabase({ domains: right }));
  const logged: string[] = [];
  const log = (_: object, message: string) => void logged.push(message);
  const app = createApp({
    store: createStore({ main: main.database, placed: new Map([["south", other.database]]) }),
    relayToken,
    counters: createCounters(),
    log: { debug: () => undefined, info: log, warn: log, error: log },
  });
  const post = async (body: Uint8Array) =>
    app.request("/v1/relay", {
      method: "POST",
      headers: { authorization: `Bearer ${relayToken}`, "content-type": "application/octet-stream" },
      body: body as Uint8Array<ArrayBuffer>,
    });
  return { app, main, other, logged, ask: askBy(post) };
}

const countOf = async ({ original: database }: { readonly original: Database }) =>
  await queryNumber(database, "SELECT count(*) AS leases FROM lease");

test("a domain is served from its database, even if the main database still has a copy of it", async () => {
  const { ask, main, other } = await createPlaced();
  const answers = await ask(inNorth(1), inSouth(2), inNorth(3));
  expect(answers.map((answer) => answer?.address)).toEqual(["192.0.2.0", "192.0.2.16", "192.0.2.1"]);
  expect([await countOf(main), await countOf(other)]).toEqual([2, 1]);
});

test("one POST is one batch in each database that it concerns, and none in the others", async () => {
  const { ask, main, other } = await createPlaced();
  await ask(
    ...Array.from({ length: 64 }, (_, client) => (client % 2 === 0 ? inNorth(client) : inSouth(client))),
  );
  expect([main.state.writes, other.state.writes]).toEqual([1, 1]);
  await ask(inSouth(100), inSouth(101));
  expect([main.state.writes, other.state.writes]).toEqual([1, 2]);
});

test("an unreachable database affects only its own clients, and no other domain serves them", async () => {
  const { ask, other, logged } = await createPlaced({ isDefault: true });
  await ask(inNorth(1), inSouth(2));
  other.state.isUnreachable = true;
  const answers = await ask(inNorth(3), inSouth(4));
  expect(answers.map((answer) => answer?.type)).toEqual(["offer", undefined]);
  expect(logged).toEqual(["one database unavailable"]);
  other.state.isUnreachable = false;
  expect((await ask(inSouth(4)))[0]).toMatchObject({ type: "offer" });
});

test("the relay gets an error when the main database cannot be reached", async () => {
  const { ask, app, main } = await createPlaced();
  await ask(inNorth(1));
  main.state.isUnreachable = true;
  await expect(ask(inNorth(2))).rejects.toThrow(/status is 503/);
  expect((await app.request("/readyz")).status).toBe(503);
});

test("T2 a relay does not take an allocator for unavailable because another database is", async () => {
  const { ask, app, other, logged } = await createPlaced();
  await ask(inSouth(1));
  other.state.isUnreachable = true;
  expect(await ask(inSouth(2))).toEqual([undefined]);
  expect(logged).toEqual(["one database unavailable"]);
  expect((await app.request("/readyz")).status).toBe(200);
});

test("T2 a database that does not answer delays the clients of others for a bounded time", async () => {
  const { ask, other } = await createPlaced();
  await ask(inNorth(1), inSouth(2));
  other.state.isSilent = true;
  const answers = await ask(inNorth(3), inSouth(4));
  expect(answers.map((answer) => answer?.type)).toEqual(["offer", undefined]);
});

test("two databases with overlapping pools are not served", async () => {
  const { ask, logged } = await createPlaced({ right: [{ ...south, pools: north.pools }] });
  await expect(ask(inNorth(1))).rejects.toThrow(/status is 500/);
  expect(logged).toEqual(["unexpected error"]);
});

/** A partition that counts how often the lines of its domains are read, and keeps its loads. */
function counted(partition: Partition, state: { reads: number; loads: Promise<Directory>[] }): Partition {
  const watch = (domain: Domain): Domain =>
    Object.defineProperty({ ...domain }, "lines", {
      get: () => {
        state.reads++;
        return domain.lines;
      },
    });
  const loadDirectory = async () => {
    const directory = await partition.loadDirectory();
    return { ...directory, domains: directory.domains.map(watch) };
  };
  return {
    ...partition,
    loadDirectory: () => {
      const load = loadDirectory();
      state.loads.push(load);
      return load;
    },
  };
}

test("T12 a batch reads no lines of domains on several databases, not even when they are loaded again", async () => {
  const main = await temporaryDatabase({ domains: [north] });
  const other = await temporaryDatabase({ domains: [south] });
  const store = createStore({ main, placed: new Map([["south", other]]) });
  const state = { reads: 0, loads: [] as Promise<Directory>[] };
  const [first, ...rest] = store.partitions.map((partition) => counted(partition, state));
  const quiet = () => undefined;
  const clock = { ms: 0 };
  const pipeline = createPlacedPipeline({
    partitions: [first!, ...rest],
    counters: createCounters(),
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    localMs: () => clock.ms,
    later: systemTiming.later,
  });
  const frames = [inNorth(1), inSouth(2)].map(wrap);
  expect(await pipeline.serve(frames, { receivedMs: clock.ms })).toHaveLength(2);
  expect(state.reads).toBeGreaterThan(0);
  state.reads = 0;
  await pipeline.serve(frames, { receivedMs: clock.ms });
  clock.ms += placementAgeMsMax + 1;
  const loadsBefore = state.loads.length;
  expect(await pipeline.serve(frames, { receivedMs: clock.ms })).toHaveLength(2);
  await Promise.all(state.loads);
  expect(state.loads).toHaveLength(loadsBefore + 2);
  expect(await pipeline.serve(frames, { receivedMs: clock.ms })).toHaveLength(2);
  expect(state.reads).toBe(0);
});
