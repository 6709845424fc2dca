import { describe, expect, test } from "vitest";
import { itemsOf, operator } from "../../../test/support/admin.ts";
import { createTestAllocator } from "../../../test/support/allocator.ts";
import { clientProfile, says } from "../../../test/support/clients.ts";
import { query, queryNumber } from "../../../test/support/sql.ts";
import { encodeHex } from "../../wire/hex.ts";

const isp = { default: true, serverIdentifier: "203.0.113.1" };
const north = { domain: "isp", kind: "shared", range: "192.0.2.0/24", psidLength: 6 };

/** An allocator with one domain and an operator. */
async function open() {
  const allocator = await createTestAllocator({ domains: [] });
  const call = operator(allocator.app);
  await call("PUT", "/domains/isp", isp);
  return { ...allocator, allocator, call };
}

const idOf = (client: number) => encodeHex(clientProfile(client).clientIdentifier);

describe("domains", () => {
  test("are created by PUT, once, and read back with an ETag", async () => {
    const { call } = await open();
    const created = await call("PUT", "/domains/south", { serverIdentifier: "203.0.113.2" });
    expect(created.status).toBe(201);
    expect(created.headers.get("location")).toBe("/admin/v1/domains/south");
    expect(created.body).toMatchObject({ name: "south", default: false, leaseSeconds: { default: 3600 } });
    const read = await call("GET", "/domains/south");
    expect([read.status, read.etag, read.body]).toEqual([200, created.etag, created.body]);
    // A response can be sent back as a request, and the same state again changes nothing.
    expect((await call("PUT", "/domains/south", read.body)).etag).toBe(created.etag);
    const onlyNew = { "if-none-match": "*" };
    expect((await call("PUT", "/domains/south", read.body, onlyNew)).status).toBe(412);
  });

  test("are replaced only with their current ETag in If-Match", async () => {
    const { call } = await open();
    const { etag } = await call("GET", "/domains/isp");
    const other = { ...isp, rapidCommit: true };
    expect((await call("PUT", "/domains/isp", other)).status).toBe(428);
    expect((await call("PUT", "/domains/isp", other, { "if-match": '"9"' })).status).toBe(412);
    const changed = await call("PUT", "/domains/isp", other, { "if-match": etag! });
    expect([changed.status, changed.body.rapidCommit, changed.etag === etag]).toEqual([200, true, false]);
    expect((await call("PUT", "/domains/isp", isp, { "if-match": etag! })).status).toBe(412);
  });

  test("are patched (RFC 7396), and the patched domain is checked", async () => {
    const { call } = await open();
    const patch = { leaseSeconds: { default: 7200 }, options: { mtu: 1460 } };
    expect((await call("PATCH", "/domains/isp", patch)).body).toMatchObject({
      leaseSeconds: { default: 7200, min: 60 },
      options: { mtu: 1460 },
    });
    expect((await call("PATCH", "/domains/isp", { options: { mtu: null } })).body.options).toEqual({});
    const refused = await call("PATCH", "/domains/isp", { leaseSeconds: { default: 5 }, colour: "red" });
    expect(refused.status).toBe(400);
    expect(refused.body.errors).toEqual([
      { path: "leaseSeconds.default", found: "5", expected: ">=60" },
      { path: "leaseSeconds", found: "Object", expected: "min <= default <= max" },
      { path: "colour", found: '"colour"', expected: "no field of this name" },
    ]);
  });

  test("have at most one default", async () => {
    const { call } = await open();
    const second = await call("PUT", "/domains/other", isp);
    expect([second.status, second.body.detail]).toEqual([409, expect.stringContaining('"isp"')]);
    await call("PUT", "/domains/other", { serverIdentifier: "203.0.113.2" });
    expect((await call("PATCH", "/domains/other", { default: true })).status).toBe(409);
  });

  test("are deleted when they have no pools; otherwise the refusal names the pools", async () => {
    const { call } = await open();
    await call("PUT", "/pools/north", north);
    const refused = await call("DELETE", "/domains/isp");
    expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining("pool north")]);
    await call("DELETE", "/pools/north");
    expect((await call("DELETE", "/domains/isp")).status).toBe(204);
    expect((await call("GET", "/domains/isp")).status).toBe(404);
  });

  test("are listed in pages, with a Link to the next page", async () => {
    const { call } = await open();
    for (const name of ["a", "b", "c"])
      await call("PUT", `/domains/${name}`, { serverIdentifier: "203.0.113.2" });
    const names: unknown[] = [];
    let path: string | undefined = "/domains?limit=2";
    while (path !== undefined) {
      const page = await call("GET", path);
      names.push(...itemsOf(page).map(({ name }) => name));
      path = /<\/admin\/v1([^>]+)>; rel="next"/.exec(page.headers.get("link") ?? "")?.[1];
    }
    expect(names).toEqual(["a", "b", "c", "isp"]);
  });
});

describe("pools", () => {
  test("of 2^32 slots are created as one row", async () => {
    const { call, database } = await open();
    const body = { domain: "isp", kind: "shared", range: "10.0.0.0/8", psidLength: 8, reservedPorts: [] };
    const created = await call("PUT", "/pools/huge", body);
    expect(created.status).toBe(201);
    expect(created.body.sizes).toEqual({
      addresses: 2 ** 24,
      usablePsids: 256,
      subscribers: 2 ** 32,
      portsPerSubscriber: 256,
    });
    expect(await queryNumber(database, "SELECT count(*) FROM lease")).toBe(0);
  });

  test("that overlap are refused with the name of the other pool, and their domain must exist", async () => {
    const { call } = await open();
    await call("PUT", "/pools/north", north);
    const refused = await call("PUT", "/pools/other", { ...north, range: "192.0.2.128/25" });
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      expect.stringContaining('"north" (192.0.2.0/24)'),
    ]);
    expect(refused.body.errors).toMatchObject([{ path: "range", found: '"192.0.2.128/25"' }]);
    const nowhere = await call("PUT", "/pools/other", { ...north, domain: "nowhere" });
    expect([nowhere.status, nowhere.body.errors]).toMatchObject([409, [{ path: "domain" }]]);
  });

  test("never overlap: of 1,000 created at once in ten ranges, ten succeed", async () => {
    const { call, database } = await open();
    // A hundred requests for each of ten ranges.
    const wanted = Array.from({ length: 1000 }, (_, index) => ({
      name: `p${index}`,
      range: `10.0.${index % 10}.0/24`,
    }));
    const answers = await Promise.all(
      wanted.map(({ name, range }) => call("PUT", `/pools/${name}`, { ...north, range })),
    );
    const created = answers.filter(({ status }) => status === 201);
    expect(created).toHaveLength(10);
    expect(new Set(created.map(({ body }) => body.range)).size).toBe(10);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(990);
    const rows = await query(
      database,
      "SELECT (SELECT count(*) FROM pool) AS pools, (SELECT count(*) FROM audit WHERE resource = 'pool') AS records",
    );
    expect(rows[0]).toMatchObject({ pools: 10, records: 10 });
  });

  test("never change their geometry", async () => {
    const { call } = await open();
    await call("PUT", "/pools/north", north);
    const refused = await call("PATCH", "/pools/north", { psidLength: 7 });
    expect(refused.status).toBe(409);
    expect(refused.body.errors).toEqual([{ path: "psidLength", found: "7", expected: "6" }]);
    expect((await call("PATCH", "/pools/north", { options: { mtu: 1400 } })).status).toBe(200);
  });

  test("are planned: which PSIDs are lost, and why", async () => {
    const { call, database } = await open();
    const plan = await call("POST", "/pools:plan", {
      ...north,
      psidLength: 8,
      reservedPorts: ["0-1023", "5060"],
    });
    expect(plan.status).toBe(200);
    expect(plan.body).toMatchObject({
      sizes: { addresses: 256, usablePsids: 251, subscribers: 256 * 251, portsPerSubscriber: 256 },
      lostPsidsCount: 5,
      overlaps: null,
    });
    expect((plan.body.lostPsids as unknown[])[4]).toEqual({
      psid: 19,
      ports: [{ first: 4864, last: 5119 }],
      reserved: "5060",
    });
    expect(await queryNumber(database, "SELECT count(*) FROM pool")).toBe(0);
    const none = await call("POST", "/pools:plan", { ...north, psidOffset: 8 });
    expect([none.status, none.body.detail]).toEqual([400, expect.stringContaining("offsets 7 to 15")]);
  });

  test("that are drained give no new leases, renew until the date, and refuse renewals after it", async () => {
    const { call, allocator } = await open();
    const now = Math.floor(Date.now() / 1000);
    allocator.now = now;
    await call("PUT", "/pools/north", north);
    await call("PUT", "/pools/south", { ...north, range: "198.51.100.0/24" });
    const client = clientProfile(1);
    const ask = async (message: Parameters<typeof allocator.ask>[0]) => (await allocator.ask(message))[0];
    const held = (await ask(says.selecting(client, (await ask(says.discover(client)))!)))!;
    expect(held.address).toMatch(/^192\.0\.2\./);
    const until = new Date((now + 600) * 1000).toISOString();
    expect((await call("POST", "/pools/north/drain", { until })).status).toBe(200);
    expect((await ask(says.discover(clientProfile(2))))!.address).toMatch(/^198\.51\.100\./);
    const renewed = (await ask(says.renew(client, held)))!;
    expect([
      renewed.type,
      renewed.message.options.get(51)!.at(-2)! * 256 + renewed.message.options.get(51)!.at(-1)!,
    ]).toEqual(["ack", 600]);
    allocator.now = now + 600;
    expect((await ask(says.renew(client, held)))!.type).toBe("nak");
    expect(allocator.counters.snapshot()).toMatchObject({ "nak:pool-drained": 1 });
    expect((await ask(says.discover(client)))!.address).toMatch(/^198\.51\.100\./);
  });

  test("are deleted when they are unused, or by force, which keeps their leases in history", async () => {
    const { call, allocator, database } = await open();
    await call("PUT", "/pools/north", north);
    const client = clientProfile(1);
    const [offer] = await allocator.ask(says.discover(client));
    await allocator.ask(says.selecting(client, offer!));
    const refused = await call("DELETE", "/pools/north");
    expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining("?force=true")]);
    expect((await call("GET", "/pools/north")).body.drainUntil).toBe(null);
    expect((await call("DELETE", "/pools/north?force=true")).status).toBe(204);
    const rows = await query(
      database,
      `SELECT (SELECT count(*) FROM lease) AS leases,
      (SELECT count(*) FROM history) AS tenures,
      (SELECT name || psids || domain_name FROM retired_pool) AS retired`,
    );
    expect(rows[0]).toMatchObject({ leases: 0, tenures: 1, retired: "north63isp" });
    expect((await call("PUT", "/pools/north", { ...north, psidLength: 4 })).status).toBe(201);
    expect((await allocator.ask(says.renew(client, offer!)))[0]?.type).not.toBe("ack");
  });
});

describe("reservations", () => {
  const mine = { domain: "isp", clientIdentifier: idOf(7), address: "192.0.2.9", psid: 40 };

  test("give the pair to their client only", async () => {
    const { call, allocator } = await open();
    await call("PUT", "/pools/north", { ...north, range: "192.0.2.9/32" });
    const created = await call("PUT", "/reservations/seven", mine);
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({ pool: "north", psid: 40, ports: [{ first: 40_960, last: 41_983 }] });
    const others = await allocator.ask(
      ...Array.from({ length: 63 }, (_, i) => says.discover(clientProfile(100 + i))),
    );
    expect(others.filter((answer) => answer !== undefined)).toHaveLength(62);
    const [offer] = await allocator.ask(says.discover(clientProfile(7)));
    expect(offer!.portParams).toMatchObject({ psid: 40 });
  });

  test("outlive a DECLINE and a RELEASE", async () => {
    const { call, allocator, database } = await open();
    await call("PUT", "/pools/north", north);
    await call("PUT", "/reservations/seven", mine);
    const client = clientProfile(7);
    for (const end of ["release", "decline"] as const) {
      const [offer] = await allocator.ask(says.discover(client));
      const [ack] = await allocator.ask(says.selecting(client, offer!));
      expect([ack!.type, ack!.address]).toEqual(["ack", "192.0.2.9"]);
      await allocator.ask(end === "release" ? says.release(client, ack!) : says.decline(client, ack!));
      const rows = await query(database, "SELECT state FROM lease WHERE client_id IS NOT NULL");
      expect(rows[0]!.state).toBe(end === "release" ? 3 : 4);
    }
    const [again] = await allocator.ask(says.discover(client));
    expect([again!.type, again!.address]).toEqual(["offer", "192.0.2.9"]);
  });

  test("are refused for a pair in use, and for a client that has another pair unless forced", async () => {
    const { call, allocator } = await open();
    await call("PUT", "/pools/north", north);
    const client = clientProfile(1);
    const [offer] = await allocator.ask(says.discover(client));
    await allocator.ask(says.selecting(client, offer!));
    const { psid } = offer!.portParams!;
    const taken = await call("PUT", "/reservations/r", { ...mine, address: offer!.address, psid });
    expect([taken.status, taken.body.detail]).toEqual([
      409,
      expect.stringContaining("another client has the pair"),
    ]);
    const busy = await call("PUT", "/reservations/r", { ...mine, clientIdentifier: idOf(1) });
    expect([busy.status, busy.body.detail]).toEqual([409, expect.stringContaining("?force=true")]);
    expect(
      (await call("PUT", "/reservations/r?force=true", { ...mine, clientIdentifier: idOf(1) })).status,
    ).toBe(201);
    expect((await allocator.ask(says.renew(client, offer!)))[0]!.type).toBe("nak");
    expect((await allocator.ask(says.discover(client)))[0]!.address).toBe("192.0.2.9");
  });

  test("are changed and deleted, and then any client may get the pair", async () => {
    const { call, allocator } = await open();
    await call("PUT", "/pools/north", { ...north, range: "192.0.2.9/32" });
    await call("PUT", "/reservations/seven", mine);
    const moved = await call("PATCH", "/reservations/seven", { psid: 41 });
    expect([moved.status, moved.body.psid, moved.etag]).toEqual([200, 41, '"2"']);
    expect(
      (await call("PUT", "/reservations/eight", { ...mine, psid: 41, clientIdentifier: idOf(8) })).body
        .detail,
    ).toMatch(/"seven"/);
    expect((await call("PATCH", "/reservations/seven", { psid: 0 })).status).toBe(409);
    expect((await call("POST", "/pools/north/drain", {})).body.detail).toMatch(/reservations seven/);
    expect((await call("DELETE", "/pools/north?force=true")).status).toBe(409);
    expect((await call("DELETE", "/reservations/seven")).status).toBe(204);
    const answers = await allocator.ask(
      ...Array.from({ length: 63 }, (_, i) => says.discover(clientProfile(100 + i))),
    );
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(63);
  });
});

test("the audit log has every change with actor, before and after, and no refused request", async () => {
  const { call } = await open();
  await call("PUT", "/pools/north", north);
  await call("PUT", "/pools/other", north);
  await call("PATCH", "/pools/north", { options: { mtu: 1400 } });
  await call("POST", "/pools/north/drain", { until: "2099-01-01T00:00:00Z" });
  await call("DELETE", "/pools/north");
  const records = itemsOf(await call("GET", "/audit?resource=pool"));
  expect(records.map(({ action, name, actor }) => [action, name, actor])).toEqual([
    ["delete", "north", "environment"],
    ["close", "north", "environment"],
    ["drain", "north", "environment"],
    ["change", "north", "environment"],
    ["create", "north", "environment"],
  ]);
  expect(records[3]).toMatchObject({ before: { options: {} }, after: { options: { mtu: 1400 } } });
  const page = await call("GET", "/audit?limit=1&since=2020-01-01T00:00:00Z");
  expect(itemsOf(page)).toHaveLength(1);
  expect((await call("GET", `/audit?limit=1&cursor=${String(page.body.next)}`)).status).toBe(200);
});
