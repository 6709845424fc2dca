/** A file owns the domains that it names: the API does not change them, and a restart undoes nothing silently. */
import { expect, test } from "vitest";
import { operator } from "../../../../test/support/admin.ts";
import { createTestAllocator } from "../../../../test/support/allocator.ts";
import { clientProfile, says } from "../../../../test/support/clients.ts";
import { parseDeclaration } from "../../../declaration/declaration.ts";
import type { DeclarationInput } from "../../../declaration/declaration.ts";
import { applyFile, fileModeOf } from "../../../runtime/node.ts";
import type { ConfigMode } from "../../../runtime/node.ts";

const north = { name: "north", kind: "shared", range: "192.0.2.0/24", psidLength: 6 } as const;
const seven = { name: "seven", clientIdentifier: "ff00:0007", address: "192.0.2.9", psid: 40 };
const patch = { leaseSeconds: { max: 7200 } };

const stateOf = (domain: object = {}): DeclarationInput => ({
  domains: [
    {
      name: "isp",
      default: true,
      serverIdentifier: "203.0.113.1",
      pools: [north],
      reservations: [seven],
      ...domain,
    },
  ],
});

async function open() {
  const allocator = await createTestAllocator({ domains: [] });
  const call = operator(allocator.app);
  const lines: { level: string; fields: Record<string, unknown> }[] = [];
  const at = (level: string) => (fields: object) => {
    lines.push({ level, fields: fields as Record<string, unknown> });
  };
  const log = { info: at("info"), warn: at("warn"), error: at("error"), debug: at("debug") };
  const start = async (declared: DeclarationInput, path = "/etc/apportion/isp.yaml", mode?: ConfigMode) => {
    lines.length = 0;
    await applyFile(allocator.store, parseDeclaration(declared, path), log, fileModeOf(path, mode));
    return lines.filter(({ level }) => level === "warn").map(({ fields }) => fields);
  };
  const changeAll = async () =>
    [
      await call("PATCH", "/domains/isp", patch),
      await call("POST", "/pools/north/drain", {}),
      await call("DELETE", "/pools/north"),
      await call("PATCH", "/pools/north", { options: { mtu: 1400 } }),
      await call("PUT", "/pools/new", { domain: "isp", kind: "full", range: "198.51.100.0/24" }),
      await call("DELETE", "/reservations/seven"),
      await call("PATCH", "/reservations/seven", { psid: 41 }),
      await call("PUT", "/reservations/new", {
        ...seven,
        name: "new",
        domain: "isp",
        psid: 50,
        clientIdentifier: "ff01:02",
      }),
      await call("DELETE", "/domains/isp"),
      await call("PUT", "/config", stateOf(patch)),
    ].map(({ status, body }) => [status, String(body.detail).includes("file isp.yaml")]);
  return { ...allocator, allocator, call, start, changeAll, lines };
}

test("E4 the API changes nothing of a domain that a file owns, and names the file", async () => {
  const { start, changeAll, call } = await open();
  expect(await start(stateOf())).toEqual([]);
  const before = (await call("GET", "/config")).body;
  expect(new Set((await changeAll()).map(String))).toEqual(new Set(["409,true"]));
  expect((await call("PUT", "/config?dryRun=true", stateOf(patch))).body.steps).toMatchObject([
    { change: "refuse" },
    {},
    {},
  ]);
  expect((await call("PUT", "/config", before)).status).toBe(200);
  const pruned = await call("PUT", "/config?prune=true", { domains: [] });
  expect(new Set((pruned.body.steps as { change: string }[]).map(({ change }) => change))).toEqual(
    new Set(["keep"]),
  );
  expect((await call("GET", "/config")).body).toEqual(before);
  expect((await call("GET", "/domains/isp")).body.ownedBy).toBe("isp.yaml");
});

test("E4 leases, tokens and other domains can be changed", async () => {
  const { start, call, allocator } = await open();
  await start(stateOf());
  const client = clientProfile(1);
  const [offer] = await allocator.ask(says.discover(client));
  await allocator.ask(says.selecting(client, offer!));
  const leases = (await call("GET", "/leases?state=bound")).body.items as { id: string }[];
  expect((await call("POST", `/leases/${leases[0]!.id}/release`)).status).toBe(200);
  expect((await call("PUT", "/tokens/noc", { scope: "read", domain: "isp" })).status).toBe(201);
  expect((await call("PUT", "/domains/other", { serverIdentifier: "203.0.113.2" })).status).toBe(201);
});

test("E4 a restart applies changes of the file, and refuses those of another file", async () => {
  const { start, call } = await open();
  await start(stateOf());
  expect(await start(stateOf(patch))).toEqual([]);
  expect((await call("GET", "/domains/isp")).body).toMatchObject(patch);
  await expect(start(stateOf(), "other.yaml")).rejects.toThrow("owned by file isp.yaml");
  await expect(start(stateOf(), "other.yaml", "own")).rejects.toThrow("owned by file isp.yaml");
  expect(await start(stateOf({ pools: [north], reservations: [] }))).toEqual([
    expect.objectContaining({
      reservation: "seven",
      change: "keep",
      reason: "not named; file isp.yaml owns its domain",
    }),
  ]);
});

test("E4 a start undoes nothing of a domain that no file owns, unless it is told to", async () => {
  const { start, call } = await open();
  await start(stateOf());
  expect((await call("POST", "/domains/isp/release")).body.ownedBy).toBeNull();
  await call("PATCH", "/domains/isp", patch);
  await call("DELETE", "/reservations/seven");
  const changed = (await call("GET", "/config")).body;
  await expect(start(stateOf())).rejects.toThrow(/domain "isp".*--config-mode own[^]*reservation "seven"/);
  expect((await call("GET", "/config")).body).toEqual(changed);
  const warned = await start(stateOf(), "isp.yaml", "own");
  expect(warned).toEqual([
    expect.objectContaining({
      domain: "isp",
      fields: [{ path: "leaseSeconds.max", from: 7200, to: 86_400 }],
    }),
    expect.objectContaining({ reservation: "seven", change: "create" }),
  ]);
  expect((await call("GET", "/domains/isp")).body.ownedBy).toBe("isp.yaml");
});

test("E4 create adds what is missing, owns nothing, and releases what the file owned", async () => {
  const { start, call } = await open();
  await start(stateOf());
  const south = { name: "south", kind: "full", range: "198.51.100.0/24" } as const;
  await start(stateOf(), "isp.yaml", "create");
  expect((await call("GET", "/domains/isp")).body.ownedBy).toBeNull();
  expect((await call("PATCH", "/domains/isp", patch)).status).toBe(200);
  const warned = await start(stateOf({ pools: [north, south] }), "isp.yaml", "create");
  expect(warned).toEqual([expect.objectContaining({ domain: "isp", change: "keep" })]);
  expect((await call("GET", "/domains/isp")).body).toMatchObject({ ...patch, ownedBy: null });
  expect((await call("GET", "/pools/south")).status).toBe(200);
});

test("E4 only a token for all domains releases one, and the audit has it", async () => {
  const { start, call, app } = await open();
  await start(stateOf());
  const { secret } = (await call("PUT", "/tokens/isp", { scope: "admin", domain: "isp" })).body;
  expect((await operator(app, String(secret))("POST", "/domains/isp/release")).status).toBe(403);
  expect((await call("POST", "/domains/none/release")).status).toBe(404);
  expect((await call("POST", "/domains/isp/release", undefined, { "if-match": '"9"' })).status).toBe(412);
  expect((await call("POST", "/domains/isp/release")).status).toBe(200);
  const { items } = (await call("GET", "/audit?resource=domain")).body;
  expect((items as { action: string }[]).map(({ action }) => action)).toEqual(["release", "own", "create"]);
});

test("E4 a drain of a pool with reservations is refused with their names, from a file and over HTTP", async () => {
  const { start, call } = await open();
  const drained = { ...north, drainUntil: "2099-01-01T00:00:00Z" };
  const named = 'pool "north": drainUntil: found 2099-01-01T00:00:00Z and reservations seven, expected none';
  // The pool and its reservation are new.
  await expect(start(stateOf({ pools: [drained] }))).rejects.toThrow(named);
  await start(stateOf());
  // The reservation stays, or is changed, or is not named.
  await expect(start(stateOf({ pools: [drained] }))).rejects.toThrow(named);
  const moved = { ...seven, psid: 41 };
  await expect(start(stateOf({ pools: [drained], reservations: [moved] }))).rejects.toThrow(named);
  await expect(start(stateOf({ pools: [drained], reservations: [] }))).rejects.toThrow(named);
  await call("POST", "/domains/isp/release");
  expect(await call("PUT", "/config", stateOf({ pools: [drained] }))).toMatchObject({
    status: 409,
    body: {
      errors: [{ path: "pool north", expected: expect.stringContaining("reservations seven") as string }],
    },
  });
  const emptied = await call("PUT", "/config?prune=true", stateOf({ pools: [drained], reservations: [] }));
  expect(emptied.status).toBe(200);
  // Now the pool is drained already.
  const late = await call("PUT", "/config", stateOf({ pools: [drained] }));
  expect(late.body.detail).toContain(named);
});
