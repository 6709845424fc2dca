import { describe, expect, test } from "vitest";
import { operator } from "../../../../test/support/admin.ts";
import { createTestAllocator } from "../../../../test/support/allocator.ts";
import { clientProfile, says } from "../../../../test/support/clients.ts";
import { execute, query, queryNumber } from "../../../../test/support/sql.ts";

const north = { name: "north", kind: "shared", range: "192.0.2.0/24", psidLength: 6 };
const south = { name: "south", kind: "full", range: "198.51.100.0/24" };
const seven = { name: "seven", clientIdentifier: "ff00:0007", address: "192.0.2.9", psid: 40 };
const state = (pools: object[], reservations: object[] = [], fields: object = {}) => ({
  domains: [{ name: "isp", default: true, serverIdentifier: "203.0.113.1", pools, reservations, ...fields }],
});

async function open() {
  const allocator = await createTestAllocator({ domains: [] });
  const call = operator(allocator.app);
  const put = async (body: unknown, query = "") => {
    const { status, body: answer } = await call("PUT", `/config${query}`, body);
    const steps = (answer.steps ?? []) as { what: string; name: string; change: string }[];
    return { status, answer, steps: steps.map(({ what, name, change }) => `${what} ${name} ${change}`) };
  };
  const revision = () => queryNumber(allocator.database, "SELECT revision FROM configuration");
  return { ...allocator, allocator, call, put, revision };
}

describe("PUT /config", () => {
  test.each(["", "?dryRun=true"])(
    "E8: If-Match of another revision%s is 412 and changes nothing",
    async (query) => {
      const { put, call, revision } = await open();
      const { etag } = await call("GET", "/config");
      await put(state([north]));
      const before = await revision();
      const wanted = state([north, south]);
      const ask = (headers: Record<string, string>) => call("PUT", `/config${query}`, wanted, headers);
      const stale = await ask({ "if-match": etag! });
      expect([stale.status, stale.body.detail]).toEqual([
        412,
        expect.stringContaining(`expected "${before}"`),
      ]);
      expect((await ask({ "if-match": `"${before + 1}"` })).status).toBe(412);
      expect(await revision()).toBe(before);
      expect((await ask({ "if-match": `"${before}"` })).status).toBe(200);
      expect((await ask({ "if-match": "*" })).status).toBe(200);
    },
  );

  test.each(["", "?dryRun=true"])(
    "E8: If-None-Match: *%s is 412, because a configuration always exists",
    async (query) => {
      const { call, revision } = await open();
      const before = await revision();
      const answer = await call("PUT", `/config${query}`, state([north]), { "if-none-match": "*" });
      expect([answer.status, answer.body.detail]).toEqual([412, expect.stringContaining("If-None-Match: *")]);
      expect(await revision()).toBe(before);
    },
  );

  test("T6 warns of a domain whose customers have no limit, in the plan and when applied", async () => {
    const { put } = await open();
    for (const query of ["?dryRun=true", ""]) {
      const { answer } = await put(state([north]), query);
      expect(answer.warnings).toEqual([
        expect.stringMatching(/^domain "isp" has no site limit: .* Set siteBy\.$/),
      ]);
      expect((await put(state([north], [], { siteBy: ["source"] }), query)).answer.warnings).toEqual([]);
    }
  });

  test("keeps settings that 0.1.0 can read, until a new one is used", async () => {
    const { put, database } = await open();
    const settings = async () =>
      JSON.parse((await query(database, "SELECT settings FROM domain"))[0]!.settings as string) as object;
    await put(state([north]));
    const before = await settings();
    for (const name of ["siteBy", "interfaceIdsAreUnique", "softwire.bindPrefixOnly"]) {
      expect(before).not.toHaveProperty(name);
    }
    const softwire = { bindPrefix: "2001:db8::/56", bindPrefixOnly: true };
    const used = { siteBy: ["link"], interfaceIdsAreUnique: true, softwire };
    await put(state([north], [], used));
    expect(await settings()).toMatchObject(used);
    expect((await put(state([north], [], used))).steps[0]).toBe("domain isp unchanged");
  });

  test("creates everything at once, and changes nothing when applied again", async () => {
    const { put, call, revision } = await open();
    const wanted = state([north, south], [seven]);
    const expected = [
      "domain isp create",
      "pool north create",
      "pool south create",
      "reservation seven create",
    ];
    expect(await put(wanted, "?dryRun=true")).toMatchObject({ status: 200, steps: expected });
    expect((await call("GET", "/config")).body).toEqual({ domains: [] });
    expect((await put(wanted)).steps).toEqual(expected);
    const before = await revision();
    const again = await put(wanted);
    expect(new Set(again.steps.map((step) => step.split(" ")[2]))).toEqual(new Set(["unchanged"]));
    expect(await revision()).toBe(before);
  });

  test("accepts the document that GET returns, as JSON and as YAML", async () => {
    const { put, call, revision } = await open();
    await put(state([north, south], [seven]));
    const before = await revision();
    const json = await call("GET", "/config");
    expect((await put(json.body)).status).toBe(200);
    const yaml = await call("GET", "/config", undefined, { accept: "application/yaml" });
    expect(yaml.headers.get("content-type")).toBe("application/yaml");
    expect(yaml.body.text).toMatch(/^domains:\n {2}- name: isp/);
    const put2 = await call("PUT", "/config", yaml.body.text, { "content-type": "application/yaml" });
    expect(put2.status).toBe(200);
    expect(await revision()).toBe(before);
  });

  test("drains a pool that it omits, and deletes it once it is unused", async () => {
    const { put, allocator, database } = await open();
    await put(state([north, south], [seven]));
    const client = clientProfile(1);
    const [offer] = await allocator.ask(says.discover(client));
    await allocator.ask(says.selecting(client, offer!));
    expect((await put(state([]), "?prune=true")).steps).toEqual([
      "domain isp unchanged",
      "reservation seven delete",
      "pool north drain",
      "pool south delete",
    ]);
    expect((await put(state([]), "?prune=true")).steps).toContain("pool north unchanged");
    expect((await put({ domains: [] }, "?prune=true")).steps).toEqual([
      "pool north unchanged",
      "domain isp keep",
    ]);
    expect((await allocator.ask(says.renew(client, offer!)))[0]!.type).toBe("ack");
    // The leases of the pool end.
    await execute(database, "UPDATE lease SET expires_at = 1, free_at = 1");
    expect((await put({ domains: [] }, "?prune=true")).steps).toEqual([
      "pool north delete",
      "domain isp delete",
    ]);
    const rows = await query(database, "SELECT name FROM retired_pool ORDER BY name");
    expect(rows.map(({ name }) => name)).toEqual(["north", "south"]);
  });

  test("keeps a domain that a token is restricted to, and says which token", async () => {
    const { put, call } = await open();
    await put(state([north]));
    await call("PUT", "/tokens/noc", { scope: "read", domain: "isp" });
    const applied = await put({ domains: [] }, "?prune=true");
    expect(applied.steps).toEqual(["pool north delete", "domain isp keep"]);
    expect((applied.answer.steps as unknown[]).at(-1)).toMatchObject({
      reason: "token noc is restricted to it",
    });
    expect((await call("GET", "/domains/isp")).status).toBe(200);
    await call("DELETE", "/tokens/noc");
    expect((await put({ domains: [] }, "?prune=true")).steps).toEqual(["domain isp delete"]);
  });

  test("stops draining a pool that is declared again", async () => {
    const { put, allocator } = await open();
    await put(state([north]));
    await allocator.ask(says.discover(clientProfile(1)));
    expect((await put(state([]), "?prune=true")).steps).toContain("pool north drain");
    expect((await put(state([north]))).steps).toContain("pool north change");
    expect((await allocator.ask(says.discover(clientProfile(2))))[0]!.type).toBe("offer");
  });

  test("E6 without prune, what is not named stays and is listed; an empty state changes nothing", async () => {
    const { put, revision } = await open();
    await put(state([north, south], [seven]));
    const before = await revision();
    for (const query of ["?dryRun=true", "", "?prune=false"]) {
      const { steps, answer } = await put({ domains: [] }, query);
      const kept = ["reservation seven keep", "pool north keep", "pool south keep", "domain isp keep"];
      expect(steps).toEqual(kept);
      expect((answer.steps as { reason: string }[]).every(({ reason }) => reason === "not named")).toBe(true);
    }
    expect(await revision()).toBe(before);
  });

  test("E6 a plan tells each field that it sets, from what to what", async () => {
    const { put } = await open();
    await put(state([north], [seven]));
    const until = "2999-01-01T00:00:00Z";
    const changed = state([north, { ...south, drainUntil: until }], [{ ...seven, psid: 41 }], {
      leaseSeconds: { max: 7200 },
      prefixes: ["2001:db8::/48"],
    });
    const { answer } = await put(changed, "?dryRun=true");
    expect((answer.steps as { fields?: unknown }[]).map(({ fields }) => fields)).toEqual([
      [
        { path: "prefixes", from: [], to: ["2001:db8::/48"] },
        { path: "leaseSeconds.max", from: 86_400, to: 7200 },
      ],
      undefined,
      undefined,
      [{ path: "psid", from: 40, to: 41 }],
    ]);
  });

  test("E6 a prune tells how many leases are in use in the pools that it drains", async () => {
    const { put, allocator } = await open();
    await put(state([north]));
    for (const number of [1, 2]) {
      const client = clientProfile(number);
      const [offer] = await allocator.ask(says.discover(client));
      await allocator.ask(says.selecting(client, offer!));
    }
    const { answer } = await put({ domains: [] }, "?prune=true&dryRun=true");
    expect(answer.steps).toMatchObject([
      { name: "north", change: "drain", leasesInUse: 2 },
      { change: "keep" },
    ]);
  });

  test("refuses an impossible change as a whole, with the reason", async () => {
    const { put, call } = await open();
    await put(state([north]));
    const wanted = state([
      { ...north, psidLength: 7 },
      south,
      { ...south, name: "x", range: "192.0.2.0/25" },
    ]);
    const plan = await put(wanted, "?dryRun=true");
    expect(plan).toMatchObject({ status: 400 });
    const fixed = state([{ ...north, psidLength: 7 }, south]);
    expect((await put(fixed, "?dryRun=true")).steps).toContain("pool north refuse");
    const refused = await put(fixed);
    expect([refused.status, refused.answer.detail]).toEqual([
      409,
      expect.stringContaining("psidLength: found 7, expected 6"),
    ]);
    expect((await call("GET", "/pools/south")).status).toBe(404);
  });

  test("swaps the pairs of two reservations, and makes another domain the default", async () => {
    const { put, call } = await open();
    const eight = { ...seven, name: "eight", clientIdentifier: "ff000008", psid: 41 };
    await put(state([north], [seven, eight]));
    const swapped = [
      { ...seven, psid: 41 },
      { ...eight, psid: 40 },
    ];
    expect((await put(state([north], swapped))).status).toBe(200);
    expect((await call("GET", "/reservations/seven")).body.psid).toBe(41);
    const heir = { name: "heir", default: true, serverIdentifier: "203.0.113.2", pools: [] };
    const both = { domains: [...state([north], swapped, { default: false }).domains, heir] };
    expect((await put(both)).steps.slice(0, 2)).toEqual(["domain isp change", "domain heir create"]);
  });

  test("reports the faults of the document, and changes nothing for an older ETag", async () => {
    const { put, call } = await open();
    const bad = await put(state([{ ...north, psidLength: 17 }], [{ ...seven, address: "203.0.113.9" }]));
    expect([bad.status, bad.answer.errors]).toMatchObject([
      400,
      [{ path: "domains.0.pools.0.psidLength", found: "17" }],
    ]);
    expect((await put(state([north], [{ ...seven, psid: 0 }]))).answer.detail).toMatch(
      /reservations\.0\.address: found 192\.0\.2\.9 PSID 0/,
    );
    const { etag } = await call("GET", "/config");
    await put(state([north]));
    const stale = await call("PUT", "/config", state([]), { "if-match": etag! });
    expect(stale.status).toBe(412);
    const yaml = await call("PUT", "/config", "a: [", { "content-type": "application/yaml" });
    expect([yaml.status, yaml.body.detail]).toEqual([400, expect.stringContaining("Cannot read the body")]);
  });
});
