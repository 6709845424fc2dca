/** E7: drain dates and expiries that are past by the clock of the database. */
import { describe, expect, test } from "vitest";
import { operator } from "../../../test/support/admin.ts";
import { createTestAllocator } from "../../../test/support/allocator.ts";
import { clientProfile, says } from "../../../test/support/clients.ts";
import type { DeclarationInput } from "../../declaration/declaration.ts";
import { parseDeclaration } from "../../declaration/declaration.ts";
import { applyFile, fileModeOf } from "../../runtime/node.ts";

/** The database is in another year than the machine, so that only its clock can give these answers. */
const time = "2040-01-01T00:00:00Z";
const [past, justNow, later] = ["2039-12-31T23:59:59Z", time, "2040-01-01T00:00:01Z"];
const north = { name: "north", kind: "full", range: "192.0.2.0/24" } as const;
const south = { name: "south", kind: "full", range: "198.51.100.0/24" } as const;
const stateOf = (...pools: object[]) =>
  ({
    domains: [{ name: "isp", default: true, serverIdentifier: "203.0.113.1", pools }],
  }) as DeclarationInput;

async function open() {
  const allocator = await createTestAllocator(stateOf(north));
  allocator.now = Date.parse(time) / 1000;
  return { allocator, call: operator(allocator.app) };
}

const refusalOf = (path: string, found: string, otherwise = ", or ?force=true to drain at once") => ({
  status: 400,
  body: {
    errors: [
      { path, found: `"${found}"`, expected: `a date after ${time}, the time of the database${otherwise}` },
    ],
  },
});

describe("E7 drain dates that are past", () => {
  const newSouth = { domain: "isp", kind: "full", range: south.range };
  test.each([
    ["POST", "/pools/north/drain", (date: string) => ({ until: date }), "until"],
    ["PATCH", "/pools/north", (date: string) => ({ drainUntil: date }), "drainUntil"],
    ["PUT", "/pools/north", (date: string) => ({ domain: "isp", ...north, drainUntil: date }), "drainUntil"],
    ["PUT", "/pools/south", (date: string) => ({ ...newSouth, drainUntil: date }), "drainUntil"],
    [
      "PUT",
      "/config",
      (date: string) => stateOf({ ...north, drainUntil: date }),
      "domains.0.pools.0.drainUntil",
    ],
    [
      "PUT",
      "/config?dryRun=true",
      (date: string) => stateOf(north, { ...south, drainUntil: date }),
      "domains.0.pools.1.drainUntil",
    ],
  ])(
    "E7 %s %s refuses them with the database's time, and takes them with force",
    async (method, path, bodyOf, field) => {
      const { call } = await open();
      const before = (await call("GET", "/config")).body;
      const audited = (await call("GET", "/audit")).body;
      const any = path === "/pools/north" && method === "PUT" ? { "if-match": "*" } : {};
      for (const date of [past, justNow]) {
        expect(await call(method, path, bodyOf(date), any)).toMatchObject(refusalOf(field, date));
      }
      expect((await call("GET", "/config")).body).toEqual(before);
      expect((await call("GET", "/audit")).body).toEqual(audited);
      const forced = `${path}${path.includes("?") ? "&" : "?"}force=true`;
      expect((await call(method, forced, bodyOf(past), any)).status).toBeLessThan(300);
      const again = await open();
      expect((await again.call(method, path, bodyOf(later), any)).status).toBeLessThan(300);
    },
  );

  test("E7 a forced drain takes effect at once, also without a date", async () => {
    for (const body of [{}, { until: past }]) {
      const { allocator, call } = await open();
      const client = clientProfile(1);
      const [offer] = await allocator.ask(says.discover(client));
      await allocator.ask(says.selecting(client, offer!));
      const drained = await call("POST", "/pools/north/drain?force=true", body);
      expect(drained).toMatchObject({ status: 200, body: { drainUntil: body.until ?? time } });
      expect((await allocator.ask(says.renew(client, offer!)))[0]!.type).toBe("nak");
    }
  });

  test("E7 a date that a pool has already may be sent back when it is past", async () => {
    const { allocator, call } = await open();
    await call("POST", "/pools/north/drain", { until: later });
    allocator.now! += 3600;
    const { body } = await call("GET", "/config");
    expect((await call("PUT", "/config", body)).status).toBe(200);
    expect((await call("PATCH", "/pools/north", { options: { mtu: 1400 } })).status).toBe(200);
    const { etag, body: pool } = await call("GET", "/pools/north");
    expect((await call("PUT", "/pools/north", pool, { "if-match": etag! })).status).toBe(200);
    expect((await call("PATCH", "/pools/north", { drainUntil: past })).status).toBe(400);
    expect((await call("PATCH", "/pools/north", { drainUntil: null })).status).toBe(200);
  });

  test("E7 a file may have them, because time passes while it stays; the log says so", async () => {
    const { allocator } = await open();
    const lines: object[] = [];
    const warn = (fields: object) => void lines.push(fields);
    const log = { debug: () => undefined, info: () => undefined, warn, error: warn };
    const state = parseDeclaration(stateOf(north, { ...south, drainUntil: past }), "isp.yaml");
    const first = parseDeclaration(stateOf(north), "isp.yaml");
    await applyFile(allocator.store, first, log, fileModeOf("isp.yaml", undefined));
    await applyFile(allocator.store, state, log, fileModeOf("isp.yaml", undefined));
    const reason = "drainUntil is past: the pool is drained at once";
    expect(lines).toEqual([{ pool: "south", change: "create", reason }]);
    lines.length = 0;
    await applyFile(allocator.store, state, log, fileModeOf("isp.yaml", undefined));
    expect(lines).toEqual([]);
  });
});

describe("E7 expiries that are past", () => {
  test("E7 no token is created that has expired", async () => {
    const { call } = await open();
    for (const expiresAt of [past, justNow]) {
      for (const domain of [null, "isp"]) {
        const refused = await call("PUT", "/tokens/noc", { scope: "read", domain, expiresAt });
        expect(refused).toMatchObject(refusalOf("expiresAt", expiresAt, ""));
      }
    }
    expect((await call("GET", "/tokens/noc")).status).toBe(404);
    const missing = await call("PUT", "/tokens/noc", { scope: "read", domain: "none", expiresAt: later });
    expect(missing.body.detail).toContain('found no domain "none"');
    expect((await call("PUT", "/tokens/noc", { scope: "read", expiresAt: later })).status).toBe(201);
  });

  test("E7 no token is made to expire in the past", async () => {
    const { call } = await open();
    await call("PUT", "/tokens/noc", { scope: "read" });
    const before = await call("GET", "/tokens/noc");
    for (const expiresAt of [past, justNow]) {
      expect(await call("PATCH", "/tokens/noc", { expiresAt })).toMatchObject(
        refusalOf("expiresAt", expiresAt, ""),
      );
    }
    expect((await call("GET", "/tokens/noc")).etag).toBe(before.etag);
    expect((await call("PATCH", "/tokens/noc", { expiresAt: later })).status).toBe(200);
    expect((await call("PATCH", "/tokens/noc", { expiresAt: null })).status).toBe(200);
  });
});
