import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { itemsOf, operator } from "../../../test/support/admin.ts";
import { createTestAllocator } from "../../../test/support/allocator.ts";
import { clientProfile, says } from "../../../test/support/clients.ts";
import { temporaryFolder } from "../../../test/support/database.ts";
import { execute } from "../../../test/support/sql.ts";
import { digestChunkOctets } from "../../limits.ts";
import type { Database } from "../../store/database/database.ts";
import { encodeHex } from "../../wire/hex.ts";

const runFile = promisify(execFile);
const hasYanglint = await runFile("yanglint", ["--version"]).then(
  () => true,
  () => false,
);

/** Opens an allocator with two domains. Clients 1 and 2 have leases in the first; one lease has a softwire address. */
async function open() {
  const domain = (name: string, range: string, isDefault: boolean) => ({
    name,
    default: isDefault,
    serverIdentifier: "203.0.113.1",
    softwire: { borderRelays: ["2001:db8:ffff::1"] },
    pools: [{ name: `${name}-pool`, kind: "shared" as const, range, psidOffset: 6, psidLength: 8 }],
  });
  const domains = [domain("north", "192.0.2.0/31", true), domain("south", "198.51.100.0/31", false)];
  const beforeWrite: { run?: (() => Promise<void>) | undefined } = {};
  const replace = (database: Database): Database => ({
    ...database,
    write: async (statements) => {
      const { run } = beforeWrite;
      beforeWrite.run = undefined;
      await run?.();
      return database.write(statements);
    },
  });
  const allocator = await createTestAllocator({ domains }, { replace });
  const call = operator(allocator.app);
  const clients = [clientProfile(1), clientProfile(2)];
  const offers = await allocator.ask(...clients.map((client) => says.discover(client)));
  await allocator.ask(...clients.map((client, index) => says.selecting(client, offers[index]!)));
  await execute(
    allocator.database,
    "UPDATE lease SET softwire = unhex('20010db8000000000000000000000001' ) WHERE slot = (SELECT min(slot) FROM lease)",
  );
  const created = await call("PUT", "/tokens/southern", { scope: "admin", domain: "south" });
  const south = operator(allocator.app, created.body.secret as string);
  return { allocator, call, south, beforeWrite };
}

describe("/leases", () => {
  test("E1 shows no end of a reserved pair that was never leased", async () => {
    const { call } = await open();
    const body = {
      domain: "north",
      clientIdentifier: "ff00000001000300010200000000aa",
      address: "192.0.2.0",
      psid: 9,
    };
    expect((await call("PUT", "/reservations/head-office", body)).status).toBe(201);
    const [lease] = itemsOf(await call("GET", "/leases?address=192.0.2.0")).filter(({ psid }) => psid === 9);
    expect(lease).toMatchObject({ state: "reserved", since: null, expiresAt: null });
  });

  test("shows pair, ports and client as text, and finds a lease by its properties", async () => {
    const { call } = await open();
    const all = await call("GET", "/leases");
    expect(itemsOf(all)).toHaveLength(2);
    const [lease] = itemsOf(all);
    expect(lease).toMatchObject({
      id: "192.0.2.0-0",
      domain: "north",
      pool: "north-pool",
      address: "192.0.2.0",
      psid: 0,
      state: "bound",
      softwire: "2001:db8::1",
      clientId: encodeHex(clientProfile(1).clientIdentifier),
    });
    expect((lease!.ports as unknown[])[0]).toEqual({ first: 1024, last: 1027 });
    expect(lease!.expiresAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect((lease!.relayPath as unknown[])[0]).toMatchObject({ linkAddress: "::", interfaceId: "hex:0000" });
    for (const query of [
      "address=192.0.2.0&port=1025",
      `clientId=${lease!.clientId as string}`,
      `duid=${lease!.duid as string}`,
      `duid=${lease!.duid as string}&iaid=${lease!.iaid as number}`,
      "softwire=2001:db8::1",
    ]) {
      expect(itemsOf(await call("GET", `/leases?${query}`)).map(({ id }) => id)).toEqual(["192.0.2.0-0"]);
    }
    const page = await call("GET", "/leases?limit=1&state=bound");
    expect(itemsOf(page)).toHaveLength(1);
    const next = await call(
      "GET",
      `/leases?limit=1&state=bound&cursor=${encodeURIComponent(page.body.next as string)}`,
    );
    expect(itemsOf(next)[0]!.id).not.toBe(itemsOf(page)[0]!.id);
    expect((await call("GET", "/leases?port=80")).body.errors).toMatchObject([{ path: "?address" }]);
  });

  test("have an ETag that a renewal keeps and a new tenure changes", async () => {
    const { allocator, call } = await open();
    const path = "/leases/192.0.2.0-0";
    const { etag } = await call("GET", path);
    expect(etag).toMatch(/^"\d{1,15}"$/);
    const change = (set: string) =>
      execute(allocator.database, `UPDATE lease SET ${set} WHERE slot = (SELECT min(slot) FROM lease)`);
    await change("expires_at = expires_at + 60, free_at = free_at + 60, updated_at = updated_at + 60");
    expect((await call("GET", path)).etag).toBe(etag);
    await change("since = since + 1");
    const refused = await call("POST", `${path}/release`, undefined, { "if-match": etag! });
    expect([refused.status, refused.body.detail]).toEqual([412, expect.stringContaining(etag!)]);
    const target = { address: "192.0.2.1", psid: 9 };
    expect((await call("POST", `${path}/move`, target, { "if-match": etag! })).status).toBe(412);
    const again = await call("GET", path);
    expect([again.body.state, again.etag]).toEqual(["bound", expect.not.stringMatching(`^${etag!}$`)]);
    const moved = await call("POST", `${path}/move`, target, { "if-match": again.etag! });
    const there = await call("GET", path);
    expect([moved.status, moved.etag]).toEqual([200, there.etag]);
    expect(there.etag).not.toBe(again.etag);
    const released = await call("POST", `${path}/release`, undefined, { "if-match": there.etag! });
    expect([released.status, released.etag]).toEqual([200, expect.not.stringMatching(`^${there.etag!}$`)]);
    const ended = await call("POST", `${path}/release`, undefined, { "if-match": there.etag! });
    expect(ended.status).toBe(412);
    const wrong = await call("POST", "/leases/192.0.2.1-0/release", undefined, { "if-match": "W/nonsense" });
    expect(wrong.status).toBe(400);
    expect((await call("POST", "/leases/192.0.2.1-0/release", undefined, { "if-match": "*" })).status).toBe(
      200,
    );
  });

  test("are not changed when the tenure that If-Match names ends between the check and the change", async () => {
    const { call, allocator, beforeWrite } = await open();
    const { etag } = await call("GET", "/leases/192.0.2.0-0");
    beforeWrite.run = () => execute(allocator.database, "UPDATE lease SET since = since + 1");
    const refused = await call("POST", "/leases/192.0.2.0-0/release", undefined, { "if-match": etag! });
    expect(refused.status).toBe(412);
    expect((await call("GET", "/leases/192.0.2.0-0")).body.state).toBe("bound");
    expect(itemsOf(await call("GET", "/audit?resource=lease"))).toEqual([]);
  });

  test("are released and moved by an operator, and the audit log has both changes", async () => {
    const { allocator, call } = await open();
    const moved = await call("POST", "/leases/192.0.2.0-0/move", { address: "192.0.2.1", psid: 9 });
    expect([moved.status, moved.body.id, moved.body.pending]).toEqual([200, "192.0.2.0-0", "192.0.2.1-9"]);
    expect((await call("GET", "/leases/192.0.2.1-9")).body).toMatchObject({
      state: "quarantined",
      clientId: null,
      pendingFrom: "192.0.2.0-0",
    });
    const [offer] = await allocator.ask(says.discover(clientProfile(1)));
    expect([offer?.address, offer?.portParams?.psid]).toEqual(["192.0.2.1", 9]);
    await allocator.ask(says.selecting(clientProfile(1), offer!));
    expect((await call("GET", "/leases/192.0.2.0-0")).body).toMatchObject({
      state: "quarantined",
      clientId: null,
    });
    expect((await call("POST", "/leases/192.0.2.1-9/move", { address: "203.0.113.9" })).status).toBe(400);
    expect((await call("POST", "/leases/192.0.2.1-9/move", { address: "192.0.2.0", psid: 0 })).status).toBe(
      409,
    );
    const released = await call("POST", "/leases/192.0.2.1-9/release");
    expect([released.status, released.body.state]).toEqual([200, "quarantined"]);
    expect((await call("POST", "/leases/192.0.2.1-9/release")).status).toBe(409);
    const audit = itemsOf(await call("GET", "/audit?resource=lease"));
    expect(audit.map(({ action, name }) => [action, name])).toEqual([
      ["release", "192.0.2.1-9"],
      ["move", "192.0.2.0-0"],
    ]);
  });
});

describe("/lookup", () => {
  test("returns the subscriber, or `nobody` with a reason", async () => {
    const { call } = await open();
    const at = new Date().toISOString().slice(0, 19) + "Z";
    const found = await call("GET", `/lookup?address=192.0.2.0&port=1025&at=${at}`);
    expect(found.body).toMatchObject({
      found: "subscriber",
      reason: null,
      holders: [
        {
          certainty: "certain",
          psid: 0,
          isRunning: true,
          clientId: encodeHex(clientProfile(1).clientIdentifier),
        },
      ],
    });
    const nobody = async (query: string) => (await call("GET", `/lookup?at=${at}&${query}`)).body;
    expect(await nobody("address=192.0.2.0&port=80")).toMatchObject({
      found: "nobody",
      reason: { id: "excluded-port" },
    });
    expect(await nobody("address=192.0.2.0&port=1060")).toMatchObject({ reason: { id: "not-leased" } });
    expect(await nobody("address=192.0.9.9&port=1060")).toMatchObject({
      reason: { id: "address-in-no-pool" },
    });
    expect((await call("GET", `/lookup?address=192.0.2.0&at=${at}`)).body.errors).toMatchObject([
      { path: "?port" },
    ]);
  });
});

describe("/bindings", () => {
  test.skipIf(!hasYanglint)("is valid RFC 8676 (skipped: no yanglint)", async () => {
    const { call } = await open();
    const table = await call("GET", "/bindings");
    const path = join(await temporaryFolder(), "table.json");
    await writeFile(path, JSON.stringify(table.body));
    const yang = join(import.meta.dirname, "../../../test/yang");
    const modules = [join(yang, "ietf-softwire-br@2019-11-16.yang")];
    await runFile("yanglint", [
      "-p",
      yang,
      "-p",
      "/usr/share/yang/modules/libyang",
      "-t",
      "config",
      ...modules,
      path,
    ]);
    await writeFile(path, JSON.stringify(table.body).replace('"psid":0', '"psid":"0x"'));
    await expect(
      runFile("yanglint", [
        "-p",
        yang,
        "-p",
        "/usr/share/yang/modules/libyang",
        "-t",
        "config",
        ...modules,
        path,
      ]),
    ).rejects.toThrow();
  });

  test("T7 has no row with a border relay of another domain", async () => {
    const { allocator, call } = await open();
    const whole = await call("GET", "/bindings?format=snabb");
    expect(whole.body.text).toContain("b4-ipv6 2001:db8::1;");
    const south = await call("GET", "/domains/south");
    const changed = await call(
      "PATCH",
      "/domains/south",
      { softwire: { borderRelays: ["2001:db8::1"] } },
      { "if-match": south.headers.get("etag")! },
    );
    expect(changed.status).toBe(200);
    for (const path of ["/bindings?format=snabb", "/bindings?format=snabb&domain=north"]) {
      expect((await call("GET", path)).body.text).not.toContain("b4-ipv6");
    }
    // The increment is without it, too.
    const { headers } = await call("GET", "/bindings");
    await execute(allocator.database, "UPDATE lease SET softwire = NULL");
    await execute(
      allocator.database,
      "UPDATE lease SET softwire = unhex('20010db8000000000000000000000001')",
    );
    const changes = await call("GET", `/bindings?since=${headers.get("apportion-version")!}&domain=north`);
    expect(changes.body["bind-instance"]).toEqual([{ name: "north", removed: [], changed: [], added: [] }]);
  });

  test("returns the changes since a version, and a checksum", async () => {
    const { allocator, call } = await open();
    const whole = await call("GET", "/bindings?format=snabb&digest=true");
    const text = whole.body.text as string;
    expect(text).toContain(
      "softwire { ipv4 192.0.2.0; psid 0; b4-ipv6 2001:db8::1; br-address 2001:db8:ffff::1;",
    );
    const octets = Buffer.from(text);
    const hash = createHash("sha256");
    for (let at = 0; at < octets.length; at += digestChunkOctets) {
      hash.update(
        createHash("sha256")
          .update(octets.subarray(at, at + digestChunkOctets))
          .digest(),
      );
    }
    expect(whole.headers.get("apportion-digest")).toBe(`sha-256=${hash.digest("hex")}`);
    const version = whole.headers.get("apportion-version")!;
    expect((await call("POST", "/leases/192.0.2.0-0/release")).status).toBe(200);
    const changes = await call("GET", `/bindings?since=${version}&domain=north`);
    expect(changes.body).toMatchObject({ since: version });
    expect(changes.body["bind-instance"]).toEqual([
      { name: "north", removed: ["2001:db8::1"], changed: [], added: [] },
    ]);
    await execute(
      allocator.database,
      "DELETE FROM binding_log WHERE version < (SELECT max(version) FROM binding_log)",
    );
    const gone = await call("GET", `/bindings?since=${Number(version) - 2 ** 30}`);
    expect([gone.status, gone.body.title]).toEqual([410, "Gone"]);
    expect(gone.body.detail).toMatch(/fetch the whole table/);
  });
});

test("/statistics counts by domain and pool, and a restricted token sees its domain", async () => {
  const { call, south } = await open();
  const counts = (await call("GET", "/statistics")).body;
  expect(counts).toMatchObject({ total: 1024, bound: 2, free: 1022 });
  expect((await south("GET", "/statistics")).body).toMatchObject({
    total: 512,
    bound: 0,
    domains: [{ domain: "south" }],
  });
});

test("a token for another domain finds, reads and changes nothing", async () => {
  const { south } = await open();
  const at = new Date().toISOString().slice(0, 19) + "Z";
  expect(itemsOf(await south("GET", "/leases"))).toEqual([]);
  expect(itemsOf(await south("GET", "/leases?address=192.0.2.0"))).toEqual([]);
  expect(itemsOf(await south("GET", "/leases?softwire=2001:db8::1"))).toEqual([]);
  for (const [method, path] of [
    ["GET", "/leases/192.0.2.0-0"],
    ["POST", "/leases/192.0.2.0-0/release"],
    ["GET", "/leases?domain=north"],
    ["GET", "/leases?pool=north-pool"],
    ["GET", "/bindings?domain=north"],
  ] as const) {
    expect((await south(method, path)).status).toBe(404);
  }
  const lookup = await south("GET", `/lookup?address=192.0.2.0&port=1025&at=${at}`);
  expect(lookup.body).toMatchObject({ holders: [], pool: null, reason: { id: "address-in-no-pool" } });
  expect(JSON.stringify((await south("GET", "/bindings")).body)).not.toContain("192.0.2.");
});

test("no query and no path causes a status other than 200, 400, 404, 409 or 410", async () => {
  const { call } = await open();
  const names = [
    "address",
    "port",
    "at",
    "toleranceSeconds",
    "format",
    "domain",
    "since",
    "digest",
    "limit",
    "cursor",
    "pool",
    "clientId",
    "duid",
    "iaid",
    "softwire",
    "source",
    "site",
    "state",
    "expiresFrom",
    "expiresBefore",
  ];
  const value = fc.oneof(
    fc.constantFrom(
      "",
      "0",
      "1025",
      "-1",
      "192.0.2.0",
      "::1",
      "ff",
      "snabb",
      "vpp",
      "true",
      "2026-11-24T00:00:00Z",
      "bound",
      "99999999999999999999",
    ),
    fc.string(),
  );
  const path = fc.oneof(
    fc.constantFrom("/leases", "/lookup", "/bindings", "/statistics"),
    fc.string().map((id) => `/leases/${encodeURIComponent(id)}`),
  );
  await fc.assert(
    fc.asyncProperty(
      path,
      fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 }),
      async (where, query) => {
        const { status } = await call("GET", `${where}?${new URLSearchParams(query).toString()}`);
        expect([200, 400, 404, 409, 410]).toContain(status);
      },
    ),
    { numRuns: 300 },
  );
});

describe("E14 a domain without border relays", () => {
  const domain = (name: string, range: string, borderRelays: string[]) => ({
    name,
    default: name === "north",
    serverIdentifier: "203.0.113.1",
    softwire: { borderRelays },
    pools: [{ name: `${name}-pool`, kind: "shared" as const, range, psidLength: 6 }],
  });
  const north = domain("north", "192.0.2.0/31", ["2001:db8:ffff::1"]);
  const bare = domain("bare", "198.51.100.0/31", []);

  test.each(["snabb", "vpp"])("E14 is left out of the %s table of all domains, and named", async (format) => {
    const { app } = await createTestAllocator({ domains: [bare, north] });
    const call = operator(app);
    const table = await call("GET", `/bindings?format=${format}`);
    expect([table.status, table.headers.get("apportion-left-out")]).toEqual([200, "bare"]);
    const version = table.headers.get("apportion-version")!;
    const changes = await call("GET", `/bindings?format=${format}&since=${version}&digest=true`);
    expect([changes.status, changes.headers.get("apportion-left-out")]).toEqual([200, "bare"]);
    if (format === "snabb") {
      expect(table.body.text).toContain('// left out: domain "bare" has no softwire.borderRelays');
      expect(changes.body.text).toContain('# left out: domain "bare" has no softwire.borderRelays');
    } else expect(table.body.text).not.toContain("198.51.100");
    const complete = await call("GET", "/bindings");
    expect([complete.status, complete.headers.get("apportion-left-out")]).toEqual([200, null]);
    const own = await call("GET", `/bindings?format=${format}&domain=north`);
    expect([own.status, own.headers.get("apportion-left-out")]).toEqual([200, null]);
    const alone = await call("GET", `/bindings?format=${format}&domain=bare`);
    expect([alone.status, alone.body.detail]).toEqual([
      409,
      expect.stringMatching(
        /^Cannot write the binding table: domain "bare" has no softwire.borderRelays, .*; expected/,
      ),
    ]);
  });

  test("E14 the rows of a domain that is left out are in no changes either", async () => {
    const { app, ask, database } = await createTestAllocator({
      domains: [
        { ...bare, default: true },
        { ...north, default: false },
      ],
    });
    const call = operator(app);
    const { headers } = await call("GET", "/bindings?format=vpp");
    const [offer] = await ask(says.discover(clientProfile(1)));
    await ask(says.selecting(clientProfile(1), offer!));
    await execute(database, "UPDATE lease SET softwire = unhex('20010db8000000000000000000000001')");
    const since = headers.get("apportion-version")!;
    const changes = await call("GET", `/bindings?format=vpp&since=${since}`);
    expect([changes.status, changes.body.text]).toEqual([200, ""]);
    const complete = await call("GET", `/bindings?since=${since}&domain=bare`);
    expect(complete.body["bind-instance"]).toMatchObject([
      { name: "bare", added: [{ "binding-ipv6info": "2001:db8::1" }] },
    ]);
  });

  test("E14 if all domains lack what the format needs, the answer says so", async () => {
    const { app } = await createTestAllocator({
      domains: [bare, { ...north, softwire: { borderRelays: [] } }],
    });
    const { status, body } = await operator(app)("GET", "/bindings?format=snabb");
    expect([status, body.detail]).toEqual([
      409,
      expect.stringMatching(
        /domain "bare" has no softwire.borderRelays.*domain "north" has no softwire.borderRelays/,
      ),
    ]);
  });

  test("E14 a domain with a pool that RFC 8676 cannot express is left out of that table only", async () => {
    const single = { ...north.pools[0]!, psidOffset: 0, psidLength: 16 };
    const { app } = await createTestAllocator({ domains: [bare, { ...north, pools: [single] }] });
    const table = await operator(app)("GET", "/bindings");
    expect([table.status, table.headers.get("apportion-left-out")]).toEqual([200, "north"]);
  });
});
