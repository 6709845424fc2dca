/** Creates each fault that `apportion verify` looks for, and checks that it is found. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createTestAllocator } from "../../test/support/allocator.ts";
import { clientProfile, says } from "../../test/support/clients.ts";
import { temporaryFolder } from "../../test/support/database.ts";
import { execute } from "../../test/support/sql.ts";
import { formatWireRecord } from "../load/wire-log.ts";
import type { WireRecord } from "../load/wire-log.ts";
import type { DeclarationInput } from "../declaration/declaration.ts";
import { encodeHex } from "../wire/hex.ts";
import { verify } from "./verify-command.ts";

const domain = (name: string, link: string, range: string): DeclarationInput["domains"][number] => ({
  name,
  prefixes: [link],
  serverIdentifier: "203.0.113.1",
  siteLeasesMax: 2,
  pools: [{ name: `${name}-shared`, kind: "shared", range, psidLength: 6 }],
});

/** Creates two domains. Four clients of the first hold leases, each with a softwire address. */
async function leased() {
  const { ask, database, store } = await createTestAllocator({
    domains: [
      domain("north", "2001:db8:1::/48", "192.0.2.0/28"),
      domain("south", "2001:db8:2::/48", "192.0.2.16/28"),
    ],
  });
  const at = (client: number) => ({ linkAddress: "2001:db8:1::1", source: `2001:db8:1:${client}00::1` });
  const acks = [];
  for (const client of [1, 2, 3, 4]) {
    const [offer] = await ask({ ...says.discover(clientProfile(client)), ...at(client) });
    const softwire = Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, client);
    const [ack] = await ask({ ...says.selecting(clientProfile(client), offer!, softwire), ...at(client) });
    acks.push(ack!);
  }
  return { ask, database, maintenance: store.maintenance, acks, at };
}

test("a database in use has no faults, and its slots are counted", async () => {
  const { ask, maintenance, acks, at } = await leased();
  await ask({ ...says.discover(clientProfile(5)), ...at(5) });
  await ask({ ...says.release(clientProfile(1), acks[0]!), ...at(1) });
  const { faults, pools } = await verify(maintenance);
  expect(faults).toEqual([]);
  const rest = { reserved: 0, slots: 1008 };
  expect(pools).toEqual([
    { pool: "north-shared", free: 1003, offered: 1, bound: 3, quarantined: 1, ...rest },
    { pool: "south-shared", free: 1008, offered: 0, bound: 0, quarantined: 0, ...rest },
  ]);
});

describe("finds and names the fault", () => {
  test.each([
    [
      "addresses-in-two-pools",
      "UPDATE pool SET first_address = first_address - 1 WHERE name = 'south-shared'",
    ],
    ["lease-outside-of-its-pool", "UPDATE pool SET slots = 2, cursor = 2 WHERE name = 'north-shared'"],
    ["lease-of-another-domain", "UPDATE lease SET domain_id = 2 WHERE slot & 4294967295 = 3"],
    ["client-with-two-pairs", "DROP INDEX lease_by_client; UPDATE lease SET client_id = x'ff'"],
    ["slot-lost-behind-the-cursor", "UPDATE pool SET cursor = 9 WHERE name = 'north-shared'"],
    ["softwire-of-two-leases", "UPDATE lease SET softwire = x'20010db8000000000000000000000001'"],
    ["site-beyond-its-limit", "UPDATE lease SET site = 'prefix:same'"],
    [
      "tenures-that-overlap",
      `INSERT INTO history (slot, domain_id, client_id, since, until)
        SELECT slot, domain_id, x'ff', since - 10, since + 1 FROM lease LIMIT 1`,
    ],
    ["pair-free-while-leased", "UPDATE lease SET free_at = expires_at - 1 WHERE slot & 4294967295 = 0"],
    [
      "two-open-clock-steps",
      "INSERT INTO clock_step (noticed_at, since, difference_ms) VALUES (1, 0, 7200000), (2, 0, -7200000)",
    ],
    // Running leases whose pairs are already free are counted twice.
    ["slots-not-conserved", "UPDATE lease SET free_at = updated_at - 1"],
  ])("%s", async (name, sql) => {
    const { database, maintenance } = await leased();
    await execute(database, ...sql.split(";"));
    const { faults } = await verify(maintenance);
    expect(faults.some((fault) => fault.startsWith(`${name}: `))).toBe(true);
  });
});

describe("compares the wire log with the database:", () => {
  async function verifyWith(
    change: (record: WireRecord & { readonly is: "ack" }) => WireRecord[],
    sql?: string,
  ) {
    const { database, maintenance, acks } = await leased();
    const records = acks.flatMap((answer, index) =>
      change({
        is: "ack",
        client: encodeHex(clientProfile(index + 1).clientIdentifier),
        at: Date.now(),
        sentAt: Date.now() - 5,
        address: answer.message.yiaddr,
        ...answer.portParams!,
        leaseSeconds: 3600,
      }),
    );
    const log = join(await temporaryFolder(), "wire.log");
    await writeFile(log, records.map(formatWireRecord).join(""));
    if (sql !== undefined) await execute(database, sql);
    return verify(maintenance, log);
  }

  test("no fault when the database has every granted lease", async () => {
    expect(await verifyWith((record) => [record])).toMatchObject({ faults: [], wire: { acks: 4, held: 4 } });
  });

  test.each([
    [
      "a lease is missing",
      "DELETE FROM lease WHERE slot & 4294967295 = 2",
      /^lease-missing: .* has no lease$/,
    ],
    [
      "a lease ends earlier than granted",
      "UPDATE lease SET expires_at = expires_at - 9 WHERE slot & 4294967295 = 1",
      /^lease-missing: .* slot /,
    ],
  ])("%s", async (_, sql, fault) => {
    const { faults } = await verifyWith((record) => [record], sql);
    expect(faults.filter((each) => each.startsWith("lease-missing"))).toEqual([expect.stringMatching(fault)]);
  });

  test("a client was granted another pair than the database has", async () => {
    const { faults } = await verifyWith((record) => [{ ...record, psid: record.psid + 20 }]);
    expect(faults).toHaveLength(4);
  });

  test("a lease that its client released may be missing", async () => {
    const released = (record: WireRecord & { readonly is: "ack" }): WireRecord[] => [
      record,
      { is: "release", client: record.client, at: Date.now() },
    ];
    expect((await verifyWith(released, "DELETE FROM lease WHERE slot & 4294967295 = 3")).wire).toMatchObject({
      held: 0,
    });
  });
});
