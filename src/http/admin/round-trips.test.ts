import { describe, expect, test } from "vitest";
import { operator } from "../../../test/support/admin.ts";
import { createTestAllocator } from "../../../test/support/allocator.ts";
import { clientProfile, says } from "../../../test/support/clients.ts";
import { temporaryDatabase } from "../../../test/support/database.ts";
import type { Database } from "../../store/database/database.ts";
import { temporaryServerDatabase } from "../../../test/support/server-database.ts";
import { hasSqld, withoutSqld } from "../../../test/support/sqld.ts";
import { encodeHex } from "../../wire/hex.ts";

/**
 * A request, its status, and the most round trips that it may need, with one database and with two. The numbers come
 * from an earlier release, which queried the database again for each reason and read each change back.
 */
type Row = readonly [
  request: string,
  body: object | undefined,
  headers: Record<string, string>,
  status: number,
  one: number,
  two: number,
];

const isp = { default: true, serverIdentifier: "100.64.0.1" };
const other = { serverIdentifier: "100.64.0.2" };
const north = { domain: "isp", kind: "shared", range: "192.0.2.0/24", psidLength: 6 };
const full = { domain: "isp", kind: "full", range: "198.51.100.0/24" };
const idOf = (client: number) => encodeHex(clientProfile(client).clientIdentifier);
const seven = { domain: "isp", clientIdentifier: idOf(7), address: "192.0.2.9", psid: 40 };
const any = { "if-match": "*" };
const stale = { "if-match": '"99"' };
const onlyNew = { "if-none-match": "*" };
const none = {};
const state = (pools: object[]) => ({
  domains: [
    { name: "core", ...other, pools: [] },
    { name: "isp", ...isp, pools },
  ],
});
const declared = { name: "north", kind: "shared", range: "192.0.2.0/24", psidLength: 6 };

const domains: readonly Row[] = [
  ["GET /domains", undefined, none, 200, 1, 2],
  ["GET /domains/isp", undefined, none, 200, 1, 1],
  ["GET /domains/none", undefined, none, 404, 1, 1],
  ["PUT /domains/new", other, none, 201, 4, 5],
  ["PUT /domains/new", other, onlyNew, 412, 1, 1],
  ["PUT /domains/new", other, none, 200, 1, 1],
  ["PUT /domains/new", { ...other, rapidCommit: true }, none, 428, 1, 1],
  ["PUT /domains/new", { ...other, rapidCommit: true }, stale, 412, 1, 1],
  ["PUT /domains/new", { ...other, rapidCommit: true }, any, 200, 3, 3],
  ["PUT /domains/new", isp, any, 409, 4, 2],
  ["PUT /domains/second", isp, none, 409, 5, 4],
  ["PUT /domains/third", other, any, 404, 1, 1],
  ["PATCH /domains/isp", { rapidCommit: true }, none, 200, 3, 4],
  ["PATCH /domains/isp", {}, none, 200, 1, 1],
  ["PATCH /domains/core", { default: true }, none, 409, 4, 2],
  ["DELETE /domains/isp", undefined, stale, 412, 1, 1],
  ["DELETE /domains/isp", undefined, none, 409, 4, 4],
  ["DELETE /domains/new", undefined, none, 204, 2, 2],
];

const pools: readonly Row[] = [
  ["GET /pools", undefined, none, 200, 1, 2],
  ["GET /pools?domain=isp", undefined, none, 200, 1, 1],
  ["GET /pools/north", undefined, none, 200, 1, 2],
  ["GET /pools/none", undefined, none, 404, 1, 2],
  ["POST /pools:plan", full, none, 200, 1, 2],
  ["PUT /pools/full", full, none, 201, 3, 8],
  ["PUT /pools/full", full, onlyNew, 412, 1, 2],
  ["PUT /pools/full", full, none, 200, 1, 2],
  ["PUT /pools/full", { ...full, options: { mtu: 1400 } }, none, 428, 1, 2],
  ["PUT /pools/full", { ...full, options: { mtu: 1400 } }, stale, 412, 1, 2],
  ["PUT /pools/full", { ...full, options: { mtu: 1400 } }, any, 200, 3, 4],
  ["PUT /pools/full", { ...full, range: "198.51.100.0/25" }, any, 409, 1, 2],
  ["PUT /pools/x", { ...full, range: "192.0.2.0/25" }, none, 409, 6, 11],
  ["PUT /pools/x", { ...full, domain: "nowhere", range: "203.0.113.0/25" }, none, 409, 3, 4],
  ["PATCH /pools/full", { options: { mtu: null } }, none, 200, 3, 4],
  ["PATCH /pools/full", { options: {} }, none, 200, 1, 2],
  ["PATCH /pools/full", { fill: "pack" }, none, 409, 1, 2],
  ["POST /pools/full/drain", {}, none, 200, 5, 6],
  ["POST /pools/full/drain", { until: "2099-01-01T00:00:00Z" }, none, 200, 3, 4],
  ["POST /pools/north/drain", {}, none, 409, 6, 7],
  ["DELETE /pools/none", undefined, none, 404, 1, 2],
  ["DELETE /pools/north", undefined, none, 409, 4, 5],
  ["DELETE /pools/full", undefined, none, 204, 3, 4],
  ["DELETE /pools/leased", undefined, none, 409, 3, 4],
  ["DELETE /pools/leased?force=true", undefined, none, 204, 5, 6],
];

const reservations: readonly Row[] = [
  ["GET /reservations", undefined, none, 200, 1, 2],
  ["GET /reservations/seven", undefined, none, 200, 1, 2],
  ["GET /reservations/none", undefined, none, 404, 1, 2],
  ["PUT /reservations/eight", { ...seven, clientIdentifier: idOf(8), psid: 41 }, none, 201, 4, 5],
  ["PUT /reservations/seven", seven, none, 200, 1, 2],
  ["PUT /reservations/seven", seven, onlyNew, 412, 1, 2],
  ["PUT /reservations/seven", { ...seven, psid: 42 }, none, 428, 1, 2],
  ["PUT /reservations/seven", { ...seven, psid: 42 }, any, 200, 4, 5],
  ["PUT /reservations/nine", { ...seven, clientIdentifier: idOf(9), psid: 41 }, none, 409, 4, 5],
  ["PUT /reservations/nine", { ...seven, clientIdentifier: idOf(1), psid: 50 }, none, 409, 4, 5],
  ["PUT /reservations/nine", { ...seven, clientIdentifier: idOf(9), psid: 0 }, none, 409, 2, 3],
  ["PUT /reservations/nine", { ...seven, domain: "nowhere" }, none, 409, 2, 3],
  ["PUT /reservations/seven", { ...seven, domain: "core" }, any, 409, 2, 2],
  ["PATCH /reservations/seven", { psid: 41 }, none, 409, 4, 5],
  ["PATCH /reservations/seven", { psid: 43 }, none, 200, 4, 5],
  ["DELETE /reservations/seven", undefined, stale, 412, 1, 2],
  ["DELETE /reservations/seven", undefined, none, 204, 2, 3],
];

const tokens: readonly Row[] = [
  ["GET /tokens", undefined, none, 200, 1, 2],
  ["PUT /tokens/reader", { scope: "read" }, none, 201, 3, 5],
  ["PUT /tokens/reader", { scope: "read" }, none, 409, 2, 4],
  ["PUT /tokens/southern", { scope: "read", domain: "isp" }, none, 201, 3, 5],
  ["PUT /tokens/lost", { scope: "read", domain: "nowhere" }, none, 409, 3, 5],
  ["GET /tokens/reader", undefined, none, 200, 1, 2],
  ["GET /tokens/none", undefined, none, 404, 1, 2],
  ["PATCH /tokens/reader", { expiresAt: "2099-01-01T00:00:00Z" }, none, 200, 3, 5],
  ["PATCH /tokens/reader", { expiresAt: null }, stale, 412, 1, 2],
  ["POST /tokens/reader/rotate", {}, none, 200, 3, 5],
  ["DELETE /tokens/reader", undefined, none, 204, 2, 3],
  ["GET /audit", undefined, none, 200, 1, 2],
  ["GET /audit?domain=isp", undefined, none, 200, 1, 1],
];

const config: readonly Row[] = [
  ["GET /config", undefined, none, 200, 1, 2],
  ["PUT /config?dryRun=true", state([declared]), none, 200, 1, 4],
  ["PUT /config", state([{ ...declared, psidLength: 7 }]), none, 409, 1, 4],
  ["PUT /config", state([declared]), stale, 412, 1, 4],
  ["PUT /config", state([{ ...declared, options: { mtu: 1400 } }]), none, 200, 2, 7],
  ["PUT /config", state([]), none, 200, 4, 10],
  ["PUT /config", { domains: [] }, none, 200, 7, 14],
];

/** Counts the round trips to a database. */
function counting(database: Database, count: () => void): Database {
  return {
    ...database,
    read: (statements) => (count(), database.read(statements)),
    write: (statements) => (count(), database.write(statements)),
    clock: () => (count(), database.clock()),
  };
}

async function open(isPlaced: boolean, openDatabase: () => Promise<Database>) {
  let trips = 0;
  const count = () => void (trips += 1);
  const main = counting(await openDatabase(), count);
  const placed = new Map(isPlaced ? [["isp", counting(await temporaryDatabase(), count)]] : []);
  const allocator = await createTestAllocator(main, { placed });
  const call = operator(allocator.app);
  await call("PUT", "/domains/core", other);
  await call("PUT", "/domains/isp", isp);
  return {
    allocator,
    call,
    measure: async ([request, body, headers]: Row) => {
      const [method, path] = request.split(" ") as [string, string];
      trips = 0;
      const { status } = await call(method, path, body, headers);
      return { status, trips };
    },
  };
}

type Opened = Awaited<ReturnType<typeof open>>;

async function lease({ allocator }: Opened, number: number) {
  const [offer] = await allocator.ask(says.discover(clientProfile(number)));
  await allocator.ask(says.selecting(clientProfile(number), offer!));
}

const withPool = async ({ call }: Opened) => {
  await call("PUT", "/pools/north", north);
};
const withReservation = async (opened: Opened) => {
  await withPool(opened);
  await opened.call("PUT", "/reservations/seven", seven);
};

const suites = [
  { resource: "domains", rows: domains, prepare: withPool },
  {
    resource: "pools",
    rows: pools,
    prepare: async (opened: Opened) => {
      const { call } = opened;
      await call("PUT", "/pools/leased", { ...north, range: "203.0.113.0/24" });
      await lease(opened, 1);
      await withReservation(opened);
    },
  },
  {
    resource: "reservations",
    rows: reservations,
    prepare: async (opened: Opened) => {
      await withReservation(opened);
      await lease(opened, 1);
    },
  },
  { resource: "tokens and audit", rows: tokens, prepare: withReservation },
  { resource: "the declared state", rows: config, prepare: withPool },
] as const;

const openFile = () => temporaryDatabase();

describe.each([
  { databases: "one file", isPlaced: false, isHere: true, openDatabase: openFile },
  { databases: "a file for the domain", isPlaced: true, isHere: true, openDatabase: openFile },
  {
    databases: `a libSQL server${withoutSqld}`,
    isPlaced: false,
    isHere: hasSqld,
    openDatabase: temporaryServerDatabase,
  },
])("with $databases", ({ isPlaced, isHere, openDatabase }) => {
  const each = test.runIf(isHere).each(suites);
  each(
    "requests for $resource stay within their limits of round trips",
    { timeout: 60_000 },
    async (suite) => {
      const opened = await open(isPlaced, openDatabase);
      await suite.prepare(opened);
      const found: string[] = [];
      for (const row of suite.rows) {
        const { status, trips } = await opened.measure(row);
        const max = isPlaced ? row[5] : row[4];
        if (status !== row[3] || trips > max)
          found.push(`${row[0]} ${status}: ${trips}, expected ${row[3]}: ${max}`);
      }
      expect(found).toEqual([]);
    },
  );
});
