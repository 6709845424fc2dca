/**
 * Another caller interferes between read and change: the batch that refuses the change also reads the reason.
 */
import { expect, test } from "vitest";
import { onlyDatabase, temporaryDatabase } from "../../../test/support/database.ts";
import { execute, query } from "../../../test/support/sql.ts";
import type { Database } from "../database/database.ts";
import { createDomainStore } from "./domains.ts";
import { createPoolStore } from "./pools.ts";
import { createReservationStore } from "./reservations.ts";
import { createTokenStore } from "./tokens.ts";

const operator = { name: "test", scope: "admin", domain: null } as const;
const anything = { versions: undefined, mustBeNew: false } as const;
const whatever = { versions: "any", mustBeNew: false } as const;

const north = { name: "north", kind: "shared" as const, range: "192.0.2.0/24", psidLength: 6 };
const isp = { name: "isp", serverIdentifier: "203.0.113.1", pools: [] };

/** The stores of one database, in which another caller makes a change just before the next write. */
async function open() {
  const database = await temporaryDatabase({
    domains: [
      {
        ...isp,
        pools: [north],
        reservations: [{ name: "seven", clientIdentifier: "ff000007", address: "192.0.2.7", psid: 7 }],
      },
    ],
  });
  let interfere = () => Promise.resolve();
  const raced: Database = {
    ...database,
    write: async (statements) => {
      const first = interfere;
      interfere = () => Promise.resolve();
      await first();
      return database.write(statements);
    },
  };
  const databases = onlyDatabase(raced);
  return {
    database,
    domains: createDomainStore(databases),
    pools: createPoolStore(databases),
    reservations: createReservationStore(databases),
    tokens: createTokenStore(databases),
    meanwhile: (...statements: string[]) => {
      interfere = () => execute(database, ...statements);
    },
  };
}

type Opened = Awaited<ReturnType<typeof open>>;

const setDefault = "UPDATE domain SET settings = json_set(settings, '$.default', json('true'))";
const changeSettings = ({ domains }: Opened) =>
  domains.change(operator, "isp", anything, ({ settings }) => ({ ...settings, rapidCommit: true }));
const makeDefault = ({ domains }: Opened) =>
  domains.change(operator, "isp", anything, ({ settings }) => ({ ...settings, default: true }));

const full = { kind: "full" as const, range: "198.51.100.0/24", fill: "spread" as const, options: {} };
const putPool = ({ pools }: Opened) =>
  pools.put(operator, { domain: "isp", declared: { ...full, name: "south", drainUntil: null } }, anything);
const drain = ({ pools }: Opened) => pools.drain(operator, "north", anything, undefined);
const copyPool = (name: string, first: number) =>
  `INSERT INTO pool (domain_id, name, first_address, last_address, psid_offset, psid_length, reserved_ports, fill,
    options, psids, slots) SELECT domain_id, '${name}', ${first}, ${first}, 0, 0, '[]', fill, options, 1, 1 FROM pool`;

const address = 0xc6336405;
const moveSeven = ({ reservations }: Opened) =>
  reservations.change(operator, "seven", anything, ({ declared }) => ({
    domain: "isp",
    declared: { ...declared, psid: 9 },
    force: false,
  }));
const lease = (client: string, psid: number) =>
  `INSERT INTO lease (slot, domain_id, client_id, state, expires_at, free_at, since, updated_at)
    SELECT (id << 32) + 7 + 256 * ${psid - 1}, domain_id, unhex('${client}'), 2, 4000000000, 4000000060, 1, 1 FROM pool`;

test.each([
  ["a change of a domain", changeSettings, ["UPDATE domain SET version = 9"], { kind: "changed-meanwhile" }],
  [
    "a second default",
    makeDefault,
    [
      `INSERT INTO domain (name, settings) SELECT 'heir', settings FROM domain`,
      `${setDefault} WHERE name = 'heir'`,
    ],
    { kind: "already-served", served: { path: "default" }, other: "heir" },
  ],
  ["a pool of the name", putPool, [copyPool("south", 7)], { kind: "exists" }],
  ["a pool in the range", putPool, [copyPool("x", address)], { kind: "overlaps", other: { domain: "isp" } }],
  ["a domain that was renamed", putPool, ["UPDATE domain SET name = 'other'"], { kind: "no-domain" }],
  [
    "a change of a pool",
    drain,
    ["DELETE FROM reservation", "UPDATE pool SET version = 9"],
    { kind: "changed-meanwhile" },
  ],
  ["a drained pool with reservations", drain, [], { kind: "has-reservations", reservations: ["seven"] }],
  [
    "a reservation of the pair",
    moveSeven,
    [
      "INSERT INTO reservation (name, domain_id, slot, client_id) SELECT 'x', domain_id, slot + 512, x'ff' FROM reservation",
    ],
    { kind: "obstructed", obstacle: { kind: "reserved", reservation: "x" } },
  ],
  [
    "a lease of the pair",
    moveSeven,
    [lease("ff000009", 9)],
    { kind: "obstructed", obstacle: { kind: "pair-in-use", until: 4000000060 } },
  ],
  [
    "a drained pool",
    moveSeven,
    ["UPDATE pool SET drain_until = 1"],
    { kind: "obstructed", obstacle: { kind: "pool-drained", pool: "north" } },
  ],
  [
    "a change of the reservation",
    moveSeven,
    ["UPDATE reservation SET version = 9"],
    { kind: "changed-meanwhile" },
  ],
  ["nothing", moveSeven, [], { kind: "changed", reservation: { version: 2, declared: { psid: 9 } } }],
])("a change that finds %s in its batch reports it", async (_, change, statements, expected) => {
  const opened = await open();
  opened.meanwhile(...statements);
  expect(await change(opened)).toMatchObject(expected);
  const kept = await query(opened.database, "SELECT name FROM reservation WHERE name = 'seven'");
  if (change === moveSeven) expect(kept).toHaveLength(1);
  const isChanged = expected.kind === "changed";
  const records = await query(opened.database, "SELECT name FROM audit WHERE actor = 'test'");
  expect(records.length > 0).toBe(isChanged);
});

test("T15 two callers that give the same prefix to two domains at the same time: one is refused", async () => {
  const opened = await open();
  const prefixes = ["2001:db8:1::/48"];
  opened.meanwhile(
    `INSERT INTO domain (name, settings) SELECT 'heir', json_set(settings, '$.prefixes', json('["2001:DB8:1::/48"]')) FROM domain`,
  );
  const change = () =>
    opened.domains.change(operator, "isp", anything, ({ settings }) => ({ ...settings, prefixes }));
  expect(await change()).toMatchObject({ kind: "already-served", other: "heir" });
  const { settings } = (await opened.domains.find(operator, "isp"))!;
  const put = opened.domains.put(operator, "new", { ...settings, prefixes }, anything);
  expect(await put).toMatchObject({ kind: "already-served", other: "heir" });
  expect(await query(opened.database, "SELECT name FROM audit WHERE actor = 'test'")).toEqual([]);
});

test("T15 the same in two databases: both may be refused, and none stays", async () => {
  const [main, other] = [await temporaryDatabase({ domains: [isp] }), await temporaryDatabase()];
  let heir = "";
  const raced: Database = {
    ...main,
    write: async (statements) => {
      if (heir !== "") await execute(other, heir);
      heir = "";
      return main.write(statements);
    },
  };
  const domains = createDomainStore({ main: raced, placed: new Map([["heir", other]]) });
  const { settings } = (await domains.find(operator, "isp"))!;
  const prefixes = ["2001:db8:1::/48"];
  const createHeir = `INSERT INTO domain (name, settings) VALUES ('heir', '${JSON.stringify({ ...settings, prefixes })}')`;
  heir = createHeir;
  const change = domains.change(operator, "isp", anything, () => ({ ...settings, prefixes }));
  expect(await change).toMatchObject({ kind: "already-served", other: "heir" });
  expect((await domains.find(operator, "isp"))!.settings).toEqual(settings);
  await execute(other, "DELETE FROM domain");
  heir = createHeir;
  const put = domains.put(operator, "new", { ...settings, prefixes }, anything);
  expect(await put).toMatchObject({ kind: "already-served", other: "heir" });
  expect(await domains.find(operator, "new")).toBeUndefined();
});

test("a token that was just deleted is not rotated", async () => {
  const opened = await open();
  const token = { name: "reader", scope: "read", domain: null, expiresAt: null } as const;
  expect(await opened.tokens.create(operator, token, Uint8Array.of(1))).toMatchObject({ kind: "created" });
  opened.meanwhile("DELETE FROM access_token");
  const rotated = await opened.tokens.rotate(operator, "reader", whatever, Uint8Array.of(2), 0);
  expect(rotated).toEqual({ kind: "changed-meanwhile" });
  expect((await opened.tokens.authenticate([Uint8Array.of(2)])).holders).toEqual([undefined]);
});

test("a principal of one domain cannot list tokens", async () => {
  const { tokens } = await open();
  const restricted = { ...operator, domain: { id: 1, name: "isp" } };
  await expect(tokens.list(restricted, { limit: 1, after: undefined })).rejects.toThrow(TypeError);
});
