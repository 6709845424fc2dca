/**
 * Tests the admin API of an allocator with two databases, each of which has one domain. Both databases contain a copy
 * of both domains, as after a move: the copy that a domain leaves in its old database must never be visible.
 */
import { describe, expect, test } from "vitest";
import { itemsOf, operator } from "../../../test/support/admin.ts";
import type { Call } from "../../../test/support/admin.ts";
import { adminToken, createTestAllocator } from "../../../test/support/allocator.ts";
import type { TestMessage } from "../../../test/support/allocator.ts";
import { clientProfile, says } from "../../../test/support/clients.ts";
import { temporaryDatabase } from "../../../test/support/database.ts";
import { execute, query, queryNumber } from "../../../test/support/sql.ts";
import { encodeHex } from "../../wire/hex.ts";
import { parseIPv6 } from "../../wire/ipv6-address.ts";
import { DatabaseError } from "../../store/database/database.ts";
import type { Database } from "../../store/database/database.ts";
import { sha256 } from "../auth.ts";

const domain = (name: string, link: string, range: string) => ({
  name,
  prefixes: [link],
  serverIdentifier: "100.64.0.1",
  softwire: { borderRelays: ["2001:db8:ffff::1"] },
  pools: [{ name: `${name}-a`, kind: "shared" as const, range, psidOffset: 6, psidLength: 8 }],
});
const north = domain("north", "2001:db8:1::/48", "192.0.2.0/31");
const south = domain("south", "2001:db8:2::/48", "198.51.100.0/31");

const inNorth = (message: TestMessage) => ({ ...message, linkAddress: "2001:db8:1::1" });
const inSouth = (message: TestMessage) => ({ ...message, linkAddress: "2001:db8:2::1" });

/** Wraps a database, so that a test can make it unreachable. */
function breakable(database: Database) {
  const state = { isAway: false };
  const away = () => Promise.reject(new DatabaseError("fetch failed"));
  const client: Database = {
    ...database,
    read: (statements) => (state.isAway ? away() : database.read(statements)),
    write: (statements) => (state.isAway ? away() : database.write(statements)),
    clock: () => (state.isAway ? away() : database.clock()),
  };
  return { state, client };
}

/** Opens an allocator in which one client of each domain has a lease with a softwire address. */
async function open() {
  const main = await temporaryDatabase({ domains: [{ ...north, default: true }, south] });
  const other = await temporaryDatabase({ domains: [{ ...north, default: true }, south] });
  const { state, client } = breakable(other);
  const allocator = await createTestAllocator(main, { placed: new Map([["south", client]]) });
  const call = operator(allocator.app);
  for (const [at, number] of [
    [inNorth, 1],
    [inSouth, 2],
  ] as const) {
    const [offer] = await allocator.ask(at(says.discover(clientProfile(number))));
    await allocator.ask(at(says.selecting(clientProfile(number), offer!)));
  }
  await execute(main, "UPDATE lease SET softwire = unhex('20010db8000000000000000000000001')");
  await execute(other, "UPDATE lease SET softwire = unhex('20010db8000000000000000000000002')");
  const created = await call("PUT", "/tokens/southern", { scope: "admin", domain: "south" });
  const southern = operator(allocator.app, created.body.secret as string);
  return { allocator, main, other, state, call, southern };
}

/** Follows the cursors of a list, one item at a time. */
async function walk(call: Call, path: string): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  let cursor = "";
  do {
    const page = await call("GET", `${path}${path.includes("?") ? "&" : "?"}limit=1${cursor}`);
    expect(page.status).toBe(200);
    items.push(...itemsOf(page));
    cursor = page.body.next === null ? "" : `&cursor=${page.body.next as string}`;
  } while (cursor !== "");
  return items;
}

const namesOf = (items: readonly Record<string, unknown>[]) => items.map(({ name }) => name);

describe("lists", () => {
  test("show each item once and in order, whichever database has it, on pages of one item", async () => {
    const { call } = await open();
    await call("PUT", "/pools/middle", { domain: "south", kind: "full", range: "203.0.113.0/31" });
    await call("PUT", "/reservations/kept", {
      domain: "south",
      clientIdentifier: "ff:00:00:00:01:00:03:00:01:02:00:00:00:00:63",
      address: "203.0.113.1",
    });
    await call("PUT", "/tokens/everyone", { scope: "read" });
    expect(namesOf(await walk(call, "/domains"))).toEqual(["north", "south"]);
    expect(namesOf(await walk(call, "/pools"))).toEqual(["middle", "north-a", "south-a"]);
    expect(namesOf(await walk(call, "/reservations"))).toEqual(["kept"]);
    expect(namesOf(await walk(call, "/tokens"))).toEqual(["everyone", "southern"]);
    expect((await walk(call, "/leases")).map(({ domain: name, address }) => [name, address])).toEqual([
      ["north", "192.0.2.0"],
      ["south", "198.51.100.0"],
      ["south", "203.0.113.1"],
    ]);
    const changes = await walk(call, "/audit?actor=environment");
    expect(changes.map(({ resource, name }) => `${String(resource)} ${String(name)}`).sort()).toEqual([
      "pool middle",
      "reservation kept",
      "token everyone",
      "token southern",
    ]);
  });

  test("of one domain query only its database", async () => {
    const { call, state } = await open();
    state.isAway = true;
    expect(itemsOf(await call("GET", "/pools?domain=north"))).toHaveLength(1);
    expect((await call("GET", "/domains/north")).status).toBe(200);
    expect((await call("GET", "/pools")).status).toBe(503);
    expect((await call("GET", "/pools?domain=south")).status).toBe(503);
  });

  test("and reads for one domain work while the database of another is unreachable", async () => {
    const { allocator, call, state } = await open();
    const { body } = await call("PUT", "/tokens/northern", { scope: "admin", domain: "north" });
    const northern = operator(allocator.app, body.secret as string);
    await call("PUT", "/pools/spare", { domain: "north", kind: "full", range: "203.0.113.0/31" });
    await call("PUT", "/reservations/kept", {
      domain: "north",
      clientIdentifier: "ff:00:00:00:01:00:03:00:01:02:00:00:00:00:63",
      address: "203.0.113.1",
    });
    state.isAway = true;
    const paths = ["/pools/spare", "/reservations/kept", "/pools/south-a", "/reservations/none"];
    const answers = await Promise.all(paths.map((path) => northern("GET", path)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 404]);
    // A token for all domains gets no 404: the pool could be in the unreachable database.
    expect((await call("GET", "/pools/none")).status).toBe(503);
    expect((await northern("POST", "/pools/north-a/drain", {})).status).toBe(200);
  });
});

describe("changes", () => {
  test("go only to the database of the domain", async () => {
    const { call, main, other } = await open();
    const pool = { domain: "south", kind: "full", range: "203.0.113.0/31" };
    expect((await call("PUT", "/pools/south-b", pool)).status).toBe(201);
    const find = "SELECT count(*) FROM pool WHERE name = 'south-b'";
    expect([await queryNumber(main, find), await queryNumber(other, find)]).toEqual([0, 1]);
    const read = await call("GET", "/domains/south");
    const patch = await call(
      "PATCH",
      "/domains/south",
      { siteLeasesMax: 3 },
      { "content-type": "application/merge-patch+json", "if-match": read.etag! },
    );
    expect([patch.status, patch.body.siteLeasesMax]).toEqual([200, 3]);
    const settings = "SELECT settings ->> '$.siteLeasesMax' AS max FROM domain WHERE name = 'south'";
    expect((await query(main, settings))[0]!.max).toBeNull();
    const drained = await call("POST", "/pools/south-b/drain", {});
    expect(drained.body.drainUntil).toMatch(/Z$/);
    expect((await call("DELETE", "/pools/south-b")).status).toBe(204);
  });

  test("are refused when another database has the name, the addresses or the default", async () => {
    const { call } = await open();
    const overlapping = { domain: "south", kind: "full", range: "192.0.2.0/24" };
    const overlap = await call("PUT", "/pools/south-b", overlapping);
    expect([overlap.status, overlap.body.detail]).toEqual([
      409,
      'Cannot create pool "south-b": its range 192.0.2.0/24 overlaps pool "north-a" (192.0.2.0/31)',
    ]);
    const plan = await call("POST", "/pools:plan", { kind: "full", range: "198.51.100.0/24" });
    expect(plan.body.overlaps).toBe("south-a");
    const namesake = { domain: "south", kind: "full", range: "203.0.113.0/31" };
    expect((await call("PUT", "/pools/north-a", namesake, { "if-match": '"1"' })).status).toBe(409);
    const patch = { "content-type": "application/merge-patch+json" };
    const second = await call("PATCH", "/domains/south", { default: true }, patch);
    expect([second.status, second.body.detail]).toEqual([
      409,
      'Cannot make a second default domain: domain "north" is the default',
    ]);
  });

  test("that create the same ranges in both databases at once leave no overlapping pools", async () => {
    const { call } = await open();
    const ranges = Array.from({ length: 16 }, (_, index) => `203.0.113.${index * 16}/28`);
    const create = (name: string, range: string) =>
      call("PUT", `/pools/${name}-${range.split(".")[3]!.split("/")[0]!}`, {
        domain: name,
        kind: "full",
        range,
      });
    await Promise.all(ranges.flatMap((range) => [create("north", range), create("south", range)]));
    const left = (await walk(call, "/pools")).filter(({ kind }) => kind === "full");
    expect(new Set(left.map(({ range }) => range)).size).toBe(left.length);
  });

  test("of leases reach the database of the lease", async () => {
    const { call, other } = await open();
    const released = await call("POST", "/leases/198.51.100.0-0/release");
    expect(released.body).toMatchObject({ domain: "south", state: "quarantined" });
    const rows = await query(other, "SELECT state FROM lease");
    expect(rows.map(({ state }) => state)).toEqual([3]);
    expect((await call("GET", "/leases/192.0.2.0-0")).body).toMatchObject({
      domain: "north",
      state: "bound",
    });
  });
});

describe("a token for a domain", () => {
  test("is stored in the database of the domain, and sees only that domain", async () => {
    const { allocator, call, southern, main, other } = await open();
    const count = "SELECT count(*) AS tokens FROM access_token";
    expect([await queryNumber(main, count), await queryNumber(other, count)]).toEqual([0, 1]);
    await execute(
      main,
      `INSERT INTO access_token (name, scope, domain_id, secret_hash, created_at)
       SELECT 'left', 'admin', id, unhex('${encodeHex(sha256("what-was-left-behind"))}'), 0 FROM domain WHERE name = 'south'`,
    );
    const left = operator(allocator.app, "what-was-left-behind");
    expect((await left("GET", "/domains")).status).toBe(401);
    expect(namesOf(await walk(southern, "/domains"))).toEqual(["south"]);
    expect((await walk(southern, "/leases")).map(({ domain: name }) => name)).toEqual(["south"]);
    expect((await southern("GET", "/leases/192.0.2.0-0")).status).toBe(404);
    expect((await southern("GET", "/bindings?domain=north")).status).toBe(404);
    expect((await southern("GET", "/config")).status).toBe(403);
    const second = await southern("PATCH", "/domains/south", { default: true });
    expect([second.status, JSON.stringify(second.body)]).toEqual([403, expect.not.stringContaining("north")]);
    const again = await call("PUT", "/tokens/southern", { scope: "read" });
    expect(again.status).toBe(409);
    const metrics = await allocator.app.request("/metrics", {
      headers: { authorization: `Bearer ${(await rotated(call)).secret}` },
    });
    expect(await metrics.text()).toContain(
      'apportion_pool_slots{domain="south",pool="south-a",state="free"}',
    );
  });

  async function rotated(call: Call): Promise<{ readonly secret: string }> {
    return (await call("POST", "/tokens/southern/rotate", {})).body as { secret: string };
  }
});

describe("evidence", () => {
  test("is found in the database of the domain that has the address", async () => {
    const { call, other } = await open();
    const rows = await query(other, "SELECT since FROM lease");
    const at = new Date(Number(rows[0]!.since) * 1000).toISOString();
    // PSID 0 of offset 6 and length 8: ports 1024 to 1027 are the first (RFC 7597 §5.1).
    const ask = (address: string) => call("GET", `/lookup?address=${address}&port=1024&at=${at}`);
    expect((await ask("198.51.100.0")).body).toMatchObject({
      found: "subscriber",
      holders: [{ domain: "south", softwire: "2001:db8::2", certainty: "certain" }],
    });
    expect((await ask("192.0.2.0")).body).toMatchObject({
      holders: [{ domain: "north", softwire: "2001:db8::1" }],
    });
    expect((await ask("192.0.2.1")).body.reason).toMatchObject({ id: "not-leased" });
    expect((await ask("100.64.0.1")).body.reason).toMatchObject({ id: "address-in-no-pool" });
  });

  test("of an unreachable database is missing in /metrics, which counts such databases", async () => {
    const { allocator, state } = await open();
    state.isAway = true;
    const response = await allocator.app.request("/metrics", {
      headers: { authorization: `Bearer ${adminToken}` },
    });
    const text = await response.text();
    expect([response.status, text.match(/pool="[a-z-]+",state="free"\} \d+/g)]).toEqual([
      200,
      ['pool="north-a",state="free"} 511'],
    ]);
    expect(text).toContain("apportion_databases_unreachable 1\n");
  });

  test("in /statistics counts each domain once", async () => {
    const { call } = await open();
    const { body } = await call("GET", "/statistics");
    expect(
      (body.domains as { domain: string; bound: number }[]).map(({ domain: name, bound }) => [name, bound]),
    ).toEqual([
      ["north", 1],
      ["south", 1],
    ]);
    expect(body.bound).toBe(2);
  });
});

test("T7 a border relay of a domain in another database is no softwire address", async () => {
  const relayOf = (address: string) => ({ softwire: { borderRelays: [address] } });
  const main = await temporaryDatabase({ domains: [{ ...north, ...relayOf("2001:db8:eeee::1") }] });
  const other = await temporaryDatabase({ domains: [{ ...south, ...relayOf("2001:db8:eeee::2") }] });
  const allocator = await createTestAllocator(main, { placed: new Map([["south", other]]) });
  const [offer] = await allocator.ask(inNorth(says.discover(clientProfile(1))));
  const select = (softwire: string) => inNorth(says.selecting(clientProfile(1), offer!, parseIPv6(softwire)));
  expect((await allocator.ask(select("2001:db8:eeee::2")))[0]!.type).toBe("nak");
  expect((await allocator.ask(select("2001:db8:eeee::3")))[0]!.type).toBe("ack");
  await execute(main, "UPDATE lease SET softwire = unhex('20010db8eeee00000000000000000002')");
  const table = await operator(allocator.app)("GET", "/bindings?format=snabb");
  expect(table.body.text).not.toContain("b4-ipv6");
});

describe("/bindings", () => {
  test("is one table of all databases, whose version has a number for each", async () => {
    const { call } = await open();
    const whole = await call("GET", "/bindings");
    const version = whole.headers.get("apportion-version")!;
    expect(version).toMatch(/^\d+\.\d+$/);
    const instances = (whole.body as never as Rfc8676)["ietf-softwire-br:br-instances"].binding[
      "bind-instance"
    ];
    expect(instances.map((each) => [each.name, each["binding-table"]["binding-entry"].length])).toEqual([
      ["north", 1],
      ["south", 1],
    ]);
    expect(instances.map((each) => each["binding-table-versioning"].version)).toEqual(version.split("."));
    await call("POST", "/leases/198.51.100.0-0/release");
    const changes = await call("GET", `/bindings?since=${version}`);
    expect(changes.body["bind-instance"]).toEqual([
      { name: "north", removed: [], changed: [], added: [] },
      { name: "south", removed: ["2001:db8::2"], changed: [], added: [] },
    ]);
    const ofOne = await call("GET", "/bindings?domain=south");
    expect(ofOne.headers.get("apportion-version")).toMatch(/^\d+$/);
    expect((await call("GET", `/bindings?since=${version}&domain=south`)).status).toBe(410);
  });

  interface Rfc8676 {
    readonly "ietf-softwire-br:br-instances": {
      readonly binding: {
        readonly "bind-instance": readonly {
          readonly name: string;
          readonly "binding-table-versioning": { readonly version: string };
          readonly "binding-table": { readonly "binding-entry": readonly unknown[] };
        }[];
      };
    };
  }
});

describe("/config", () => {
  type Domains = { name: string; default: boolean; pools: Record<string, unknown>[] }[];

  test("changes nothing when its own document is declared; a new pool goes to the database of its domain", async () => {
    const { call, other } = await open();
    const { body, etag } = await call("GET", "/config");
    const domains = body.domains as Domains;
    expect(namesOf(domains)).toEqual(["north", "south"]);
    const same = await call("PUT", "/config", body, { "if-match": etag! });
    const changesOf = (answer: typeof same) =>
      (answer.body.steps as { change: string; name: string }[])
        .filter(({ change }) => change !== "unchanged")
        .map(({ change, name }) => `${change} ${name}`);
    expect([same.status, changesOf(same)]).toEqual([200, []]);
    domains[1]!.pools.push({ name: "south-b", kind: "full", range: "203.0.113.0/31" });
    const dry = await call("PUT", "/config?dryRun=true", body);
    expect(changesOf(dry)).toEqual(["create south-b"]);
    expect((await call("PUT", "/config", body, { "if-match": '"1"' })).status).toBe(412);
    expect(changesOf(await call("PUT", "/config", body, { "if-match": etag! }))).toEqual(["create south-b"]);
    expect(await query(other, "SELECT name FROM pool WHERE name = 'south-b'")).toHaveLength(1);
  });

  test("is refused as a whole for a fault in one database", async () => {
    const { call, main } = await open();
    const { body } = await call("GET", "/config");
    const domains = body.domains as Domains;
    domains[0]!.pools.push({ name: "north-b", kind: "full", range: "203.0.113.0/31" });
    domains[1]!.pools[0]!.range = "198.51.100.0/30";
    const refused = await call("PUT", "/config", body);
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      expect.stringContaining('pool "south-a": range'),
    ]);
    expect(await query(main, "SELECT name FROM pool WHERE name = 'north-b'")).toEqual([]);
  });

  test("finds overlaps with the other database, and moves the default to it", async () => {
    const { call } = await open();
    const { body } = await call("GET", "/config");
    const domains = body.domains as Domains;
    const onlySouth = { domains: [{ ...domains[1]!, default: true }] };
    const taking = structuredClone(onlySouth);
    taking.domains[0]!.pools.push({ name: "south-b", kind: "full", range: "192.0.2.0/24" });
    expect((await call("PUT", "/config", taking)).body.detail).toContain('overlaps pool "north-a"');
    expect((await call("PUT", "/config", onlySouth)).body.detail).toContain(
      '"north" is kept, and is the default',
    );
    expect((await call("PUT", "/config?prune=true", onlySouth)).status).toBe(200);
    const after = (await call("GET", "/config")).body.domains as Domains;
    expect(after.map(({ name, default: isDefault }) => [name, isDefault])).toEqual([
      ["north", false],
      ["south", true],
    ]);
  });
});
