import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { bindClaim, clientId, endClaim, offerClaim, slotKey } from "../../../test/support/claims.ts";
import { TestClock } from "../../../test/support/clock.ts";
import { temporaryDatabase, vectorDomain } from "../../../test/support/database.ts";
import { planOf } from "../../../test/support/query-plan.ts";
import { query, queryNumber } from "../../../test/support/sql.ts";
import type { Claim } from "../../lease/claim.ts";
import { decodeHex } from "../../wire/hex.ts";
import { commitClaims } from "../batch/commit.ts";
import { loadDirectory } from "../configuration/directory.ts";
import { findLeases } from "./find-leases.ts";
import { endLease, moveLease } from "./lease-changes.ts";
import { accessOf, searchLeases, searchStatement } from "./lease-search.ts";
import type { LeaseFilter } from "./lease-search.ts";

const audit = sql`INSERT INTO audit (at, actor, action, resource, name)
  SELECT 1, 'test', 'changed', 'lease', 'x' WHERE changes() > 0`;

async function openLeases() {
  const clock = new TestClock(1_750_000_000);
  const domain = {
    name: "test",
    default: true,
    serverIdentifier: "203.0.113.1",
    pools: [
      { name: "pool", kind: "shared" as const, range: "192.0.2.0/30", psidLength: 2, fill: "pack" as const },
    ],
  };
  const database = await temporaryDatabase({ domains: [domain] }, { clockMs: clock.clockMs });
  const world = {
    database,
    get now() {
      return clock.seconds!;
    },
    set now(seconds) {
      clock.seconds = seconds;
    },
    commit: async (...claims: Claim[]) => {
      const { revision } = await loadDirectory(database);
      return (await commitClaims(database, claims, { revision })).facts;
    },
    bind: async (client: number, slot: number, fields: Parameters<typeof bindClaim>[2] = {}) => {
      await world.commit(offerClaim(client, { wantedSlots: [slotKey(slot)] }));
      await world.commit(bindClaim(client, slotKey(slot), fields));
    },
    find: async (
      filter: Partial<LeaseFilter>,
      page: { limit?: number; after?: number; scanRows?: number } = {},
    ) => searchLeases(database, { domainIds: [1], ...filter }, { after: undefined, limit: 100, ...page }),
    audits: () => queryNumber(database, "SELECT count(*) FROM audit WHERE resource = 'lease'"),
    handle: async (slot: number) => {
      const { leases } = await world.find({ slots: { first: slotKey(slot), last: slotKey(slot), step: 1 } });
      return { slot: slotKey(slot), clientId: leases[0]!.clientId!, since: leases[0]!.since };
    },
  };
  return world;
}

test("an offer that is ended by an operator leaves the quarantine of the lease before it", async () => {
  const { database, bind, commit, handle, now } = await openLeases();
  await bind(1, 0);
  await commit(endClaim(1, slotKey(0), { quarantineSeconds: 600 }));
  await commit(offerClaim(1));
  expect((await endLease(database, await handle(0), 0, audit)).isDone).toBe(true);
  expect(await queryNumber(database, "SELECT free_at FROM lease")).toBe(now + 600);
});

test("a page of leases leaves out those of a pool that was created since the directory was read", async () => {
  const { database, bind } = await openLeases();
  await bind(1, 0);
  const newPool = [
    `INSERT INTO pool (id, domain_id, name, first_address, last_address, psid_offset, psid_length, reserved_ports, fill,
      options, psids, slots) SELECT 9, domain_id, 'new', 0, 0, 0, 0, '[]', 'pack', '{}', 1, 1 FROM pool`,
    `INSERT INTO lease (slot, domain_id, client_id, state, expires_at, free_at, since, updated_at)
      SELECT 9 << 32, domain_id, X'01', 2, expires_at, free_at, since, updated_at FROM lease`,
    `UPDATE lease SET move_to = 9 << 32`,
  ].map((text) => ({ sql: text, args: [] }));
  let reads = 0;
  const overtaken = {
    ...database,
    read: async (statements: Parameters<typeof database.read>[0]) => {
      const results = await database.read(statements);
      if (++reads === 1) await database.write(newPool);
      return results;
    },
  };
  const everyone = { name: "test", scope: "read", domain: null } as const;
  const page = await findLeases(
    { main: overtaken, placed: new Map() },
    everyone,
    {},
    { after: undefined, limit: 10 },
  );
  expect(page).toMatchObject({
    kind: "page",
    leases: [{ id: "192.0.2.0-1", movesToId: null }],
    next: null,
  });
});

const octets = (client: number) => decodeHex(clientId(client));
const softwire = "20010db8000000000000000000000001";

describe("searchLeases()", () => {
  test("finds leases by each criterion, and by several of them together", async () => {
    const world = await openLeases();
    const duid = "00030001020304050607";
    await world.bind(1, 0, { lease: { softwire }, site: "remote:aa" });
    await world.bind(2, 1, { lease: { source: decodeHex(softwire), leaseSeconds: 5000 } });
    await world.commit(offerClaim(3, { wantedSlots: [slotKey(2)] }));
    await world.bind(4, 3);
    await world.commit(endClaim(4, slotKey(3)));
    await world.commit({ ...offerClaim(5), clientId: `ff00000007${duid}` });
    const slots = async (filter: Partial<LeaseFilter>) =>
      (await world.find(filter)).leases.map(({ slot }) => slot - slotKey(0));
    expect(await slots({})).toEqual([0, 1, 2, 3, 4]);
    expect(await slots({ clientId: octets(2) })).toEqual([1]);
    expect(await slots({ duid: decodeHex(duid) })).toEqual([4]);
    expect(await slots({ duid: decodeHex(duid.slice(2)) })).toEqual([]);
    expect(await slots({ softwire: decodeHex(softwire) })).toEqual([0]);
    expect(await slots({ source: decodeHex(softwire) })).toEqual([1]);
    expect(await slots({ slots: { first: slotKey(0), last: slotKey(4), step: 2 } })).toEqual([0, 2, 4]);
    expect(await slots({ state: "bound" })).toEqual([0, 1]);
    expect(await slots({ state: "offered" })).toEqual([2, 4]);
    expect(await slots({ state: "quarantined" })).toEqual([3]);
    expect(await slots({ expiresFrom: world.now + 4000 })).toEqual([1]);
    expect(await slots({ expiresBefore: world.now + 60 })).toEqual([3]);
    expect(await slots({ state: "bound", softwire: decodeHex(softwire) })).toEqual([0]);
    expect(await slots({ state: "offered", clientId: octets(1) })).toEqual([]);
    expect(await slots({ domainIds: [2] })).toEqual([]);
    expect(await slots({ domainIds: [2], clientId: octets(1) })).toEqual([]);
    expect(await slots({ poolId: 1 })).toHaveLength(5);
    expect(await slots({ poolId: 2 })).toEqual([]);
    world.now += 100_000;
    expect(await slots({ state: "free" })).toEqual([0, 1, 2, 3, 4]);
  });

  test("returns pages, and an empty page has the position of the next", async () => {
    const world = await openLeases();
    for (let client = 0; client < 7; client++) await world.bind(client, client);
    const found: number[] = [];
    let [after, pages] = [undefined as number | undefined, 0];
    do {
      const page = await world.find(
        { state: "bound" },
        { limit: 2, scanRows: 3, ...(after !== undefined && { after }) },
      );
      found.push(...page.leases.map(({ slot }) => slot - slotKey(0)));
      [after, pages] = [page.next ?? undefined, pages + 1];
    } while (after !== undefined);
    expect(found).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(await world.find({ state: "reserved" }, { scanRows: 3 })).toEqual({
      leases: [],
      next: slotKey(2),
    });
  });

  test.each([
    ["slots", { slots: { first: 1, last: 3, step: 1 } }, /^SEARCH lease USING INTEGER PRIMARY KEY \(rowid=/],
    [
      "clientId",
      { clientId: octets(1) },
      /^SEARCH lease USING INDEX lease_by_client \(domain_id=\? AND client_id=/,
    ],
    ["softwire", { softwire: octets(1) }, /^SEARCH lease USING INDEX lease_by_softwire \(softwire=/],
    ["site", { site: "a" }, /^SEARCH lease USING INDEX lease_by_site \(domain_id=\? AND site=/],
    ["scan", { state: "bound" }, /^SEARCH lease USING INTEGER PRIMARY KEY \(rowid>\? AND rowid</],
  ] as const)("the search by %s uses a key or an index", async (access, known, expected) => {
    const database = await temporaryDatabase(vectorDomain);
    const filter = { domainIds: [1], ...known };
    expect(accessOf(filter)).toBe(access);
    const plan = await planOf(database, searchStatement(sql`1`, filter, { after: 1, limit: 1 }));
    const steps = plan.filter((step) => /^(SCAN|SEARCH) lease/.test(step));
    expect(steps).toEqual([expect.stringMatching(expected)]);
  });
});

describe("endLease()", () => {
  test("ends exactly the given lease, quarantines its pair and records the change", async () => {
    const world = await openLeases();
    await world.bind(1, 0);
    const handle = await world.handle(0);
    world.now += 50;
    const release = (given = handle) => endLease(world.database, given, 30, audit);
    const untouched = { isDone: false, lease: { slot: handle.slot, state: "bound" } };
    expect(await release({ ...handle, since: 1 })).toMatchObject(untouched);
    expect(await release({ ...handle, clientId: octets(2) })).toMatchObject(untouched);
    expect(await world.audits()).toBe(0);
    const released = { state: "quarantined", freeAt: world.now + 30, since: null };
    expect(await release()).toMatchObject({ isDone: true, lease: released });
    expect(await world.audits()).toBe(1);
    expect((await world.find({})).leases).toMatchObject([released]);
    expect(await query(world.database, "SELECT since, until FROM history")).toEqual([
      { since: world.now - 50, until: world.now },
    ]);
    expect(await release()).toMatchObject({ isDone: false, lease: released });
  });
});

describe("moveLease()", () => {
  test("E3 keeps the old tenure until the client is told, and begins the new one with its lease", async () => {
    const world = await openLeases();
    await world.bind(1, 0, { lease: { softwire, leaseSeconds: 3600 } });
    const [since, freeAt] = [world.now, world.now + 3700];
    const handle = await world.handle(0);
    const old = async () => (await world.find({})).leases[0]!;
    const before = await old();
    world.now += 50;
    const moved = await moveLease(world.database, handle, slotKey(5), audit);
    expect(moved.isDone).toBe(true);
    expect(await world.audits()).toBe(1);
    const { leases } = await world.find({});
    expect([moved.lease, moved.target]).toEqual(leases);
    expect(leases).toMatchObject([
      { ...before, movesTo: slotKey(5) },
      { slot: slotKey(5), clientId: null, state: "quarantined", freeAt, movesFrom: slotKey(0) },
    ]);
    // An offer changes nothing. The client then renews the old pair and is refused, as often as it asks.
    const [offer] = await world.commit(offerClaim(1));
    expect(offer!.held).toMatchObject({ slot: slotKey(0), state: "bound", movesTo: slotKey(5) });
    expect((await old()).since).toBe(since);
    world.now += 10;
    for (let times = 0; times < 2; times++) {
      const [renewed] = await world.commit(bindClaim(1, slotKey(0), { accepts: "lease" }));
      expect(renewed!.held).toMatchObject({ slot: slotKey(5), state: "released" });
      expect(await old()).toMatchObject({ clientId: null, state: "quarantined", freeAt, softwire: null });
    }
    expect(await query(world.database, "SELECT since, until FROM history")).toEqual([
      { since, until: world.now },
    ]);
    const [next] = await world.commit(offerClaim(1));
    expect(next!.held).toMatchObject({ slot: slotKey(5), state: "offered" });
    await world.bind(1, 5, { lease: { softwire } });
    expect((await world.find({})).leases[1]).toMatchObject({ since: world.now, movesFrom: null });
    const log = await query(
      world.database,
      "SELECT slot, softwire IS NULL AS began FROM binding_log WHERE slot IS NOT NULL ORDER BY version",
    );
    expect(log.map((row) => [Number(row.slot), row.began])).toEqual([
      [slotKey(0), 1],
      [slotKey(0), 0],
      [slotKey(5), 1],
    ]);
  });

  test("changes nothing when the target is leased or in quarantine, or the lease is not the given one", async () => {
    const world = await openLeases();
    await world.bind(1, 0);
    await world.bind(2, 1);
    await world.bind(3, 2);
    await world.commit(endClaim(3, slotKey(2)));
    const rows = () => query(world.database, "SELECT * FROM lease");
    const before = await rows();
    const handle = await world.handle(0);
    const move = (target: number, from = handle) => moveLease(world.database, from, slotKey(target), audit);
    expect(await move(1)).toMatchObject({ isDone: false, target: { state: "bound" } });
    expect(await move(2)).toMatchObject({ isDone: false, target: { state: "quarantined" } });
    const another = await move(5, { ...handle, since: 1 });
    expect([another.isDone, another.target]).toEqual([false, undefined]);
    expect(await rows()).toEqual(before);
    expect(await world.audits()).toBe(0);
  });
});
