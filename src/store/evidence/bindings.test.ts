import { expect, test } from "vitest";
import { temporaryDatabase, vectorDomain } from "../../../test/support/database.ts";
import { execute } from "../../../test/support/sql.ts";
import { slotKey } from "../../portset/slot-key.ts";
import { encodeHex } from "../../wire/hex.ts";
import type { Database } from "../database/database.ts";
import type { Principal } from "../principal.ts";
import { createBindingStore } from "./bindings.ts";
import type { BindingTable } from "./bindings.ts";

const everyone: Principal = { name: "test", scope: "admin", domain: null };

async function openTable(database: Database): Promise<BindingTable> {
  const store = createBindingStore({ main: database, placed: new Map() });
  const opened = await store.open(everyone, undefined);
  if (opened.kind !== "table") throw new Error(opened.kind);
  return opened.table;
}

async function softwiresOf(table: BindingTable): Promise<string[]> {
  const found: string[] = [];
  for (const domain of table.domains) {
    for await (const rows of table.rows(domain))
      found.push(...rows.map(({ softwire }) => encodeHex(softwire)));
  }
  return found;
}

/** A lease as an earlier release may have stored it. */
const bindOld = (database: Database, number: number, softwire: string) =>
  execute(
    database,
    `INSERT INTO lease (slot, domain_id, client_id, state, expires_at, free_at, since, updated_at, softwire)
     VALUES (${slotKey(1, number)}, 1, 'client ${number}', 2, 4000000000, 4000000060, 1, 1, unhex('${softwire}'))`,
  );

const good = "20010db8000000000000000000000001";
const impossible = [
  ["unspecified", "00000000000000000000000000000000"],
  ["loopback", "00000000000000000000000000000001"],
  ["multicast", "ff020000000000000000000000000001"],
  ["link-local", "fe800000000000000000000000000001"],
  ["IPv4-mapped", "00000000000000000000ffffc0000207"],
] as const;

test.each(impossible)(
  "T7 an old row with an %s softwire address is in no binding table",
  async (_what, softwire) => {
    const database = await temporaryDatabase(vectorDomain);
    await bindOld(database, 0, softwire);
    await bindOld(database, 1, good);
    expect(await softwiresOf(await openTable(database))).toEqual([good]);
  },
);

test("T7 a change of the softwire settings makes older versions of the table useless", async () => {
  const database = await temporaryDatabase(vectorDomain);
  const before = await openTable(database);
  await execute(
    database,
    `UPDATE domain SET settings = json_set(settings, '$.softwire.bindPrefix', '2001:db8:ffff::/48',
      '$.softwire.bindPrefixOnly', json('true'))`,
  );
  const after = await openTable(database);
  expect(await after.changesSince(before.version)).toMatchObject({ kind: "gone" });
});
