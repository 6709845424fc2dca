/** Rows of an earlier release, after the migrations of this one. */
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { expect, onTestFinished, test } from "vitest";
import { bindClaim, clientId, offerClaim, slotKey } from "../../../test/support/claims.ts";
import { temporaryFolder } from "../../../test/support/folder.ts";
import { earlierRelease } from "../../../test/support/later-release.ts";
import { execute } from "../../../test/support/sql.ts";
import { openFile } from "../database/file.ts";
import { decodeHex } from "../../wire/hex.ts";
import { migrateDatabase } from "../database/migrate.ts";
import { moveLease } from "../evidence/lease-changes.ts";
import { commitClaims } from "./commit.ts";

test("R5 an offer and a lease of an earlier release are bound with the lease time of the REQUEST's domain", async () => {
  const database = openFile(`file:${join(await temporaryFolder(), "apportion.db")}`);
  onTestFinished(() => {
    database.close();
  });
  await migrateDatabase(database, await earlierRelease("0013_stated_seconds"));
  // As the earlier release stored them: it knows no later columns.
  const settings = JSON.stringify({ default: true, serverIdentifier: "198.51.100.1" });
  await execute(
    database,
    `INSERT INTO domain (name, settings) VALUES ('vectors', '${settings}')`,
    `INSERT INTO pool (domain_id, name, first_address, last_address, psid_offset, psid_length, reserved_ports, fill, options, psids, slots)
      VALUES (1, 'shared', 3221226002, 3221226002, 0, 6, '[{"first":0,"last":1023}]', 'spread', '{}', 63, 63)`,
  );
  await database.write(
    [1, 2].map((state, number) => ({
      sql: `INSERT INTO lease (slot, domain_id, client_id, state, expires_at, free_at, since, updated_at, source)
        SELECT ?1, 1, unhex(?2), ?3, now_ms / 1000 + 50, now_ms / 1000 + 60, iif(?3 = 2, now_ms / 1000, NULL),
          now_ms / 1000, zeroblob(16) FROM instant`,
      args: [slotKey(number), clientId(number), state],
    })),
  );
  expect((await migrateDatabase(database)).applied).toContain("0013_stated_seconds");
  const [[revision]] = (await database.read([{ sql: "SELECT revision FROM configuration", args: [] }]))[0]!
    .rows as [[number]];
  const binds = [0, 1].map((number) => bindClaim(number, slotKey(number), { takesOfferedSeconds: true }));
  const { facts } = await commitClaims(database, binds, { revision });
  expect(facts.map(({ held }) => held)).toMatchObject(
    [0, 1].map((number) => ({
      slot: slotKey(number),
      state: "bound",
      remainingSeconds: 3600,
      statedSeconds: 3600,
    })),
  );
  const again = await commitClaims(
    database,
    [offerClaim(1, { leaseSeconds: 500, remainingSecondsMax: null })],
    {
      revision,
    },
  );
  expect(again.facts[0]!.held).toMatchObject({ state: "bound", remainingSeconds: 3600, statedSeconds: 500 });
});

/** Opens a database of the release before moves twice, migrates it, and moves client 1 from slot 0 to slot 5. */
async function openBeforeMoves() {
  const url = `file:${join(await temporaryFolder(), "apportion.db")}`;
  const [first, second] = [openFile(url), openFile(url)];
  onTestFinished(() => {
    first.close();
    second.close();
  });
  await migrateDatabase(first, await earlierRelease("0017_moves"));
  // As the earlier release stored them: it knows no later columns.
  const settings = JSON.stringify({ default: true, serverIdentifier: "198.51.100.1" });
  await execute(
    first,
    `INSERT INTO domain (name, settings) VALUES ('vectors', '${settings}')`,
    `INSERT INTO pool (domain_id, name, first_address, last_address, psid_offset, psid_length, reserved_ports, fill, options, psids, slots)
      VALUES (1, 'shared', 3221226002, 3221226002, 0, 6, '[{"first":0,"last":1023}]', 'spread', '{}', 63, 63)`,
  );
  await first.write([
    {
      sql: `INSERT INTO lease (slot, domain_id, client_id, state, expires_at, free_at, since, updated_at, source)
        SELECT ?1, 1, unhex(?2), 2, now_ms / 1000 + 50, now_ms / 1000 + 60, now_ms / 1000, now_ms / 1000, zeroblob(16)
        FROM instant`,
      args: [slotKey(0), clientId(1)],
    },
  ]);
  const read = async (sql: string) => (await first.read([{ sql, args: [] }]))[0]!.rows;
  // Drizzle's own migrator applies only what is later than the newest migration that was applied.
  const newest = () => read("SELECT max(created_at) FROM __drizzle_migrations");
  const before = await newest();
  const report = await migrateDatabase(first);
  expect([report.applied, report.present.at(-1)]).toEqual([
    ["0017_moves", "0018_quarantine", "0019_housekeeping"],
    "0016_owner",
  ]);
  expect((await newest())[0]![0]).toBeGreaterThan(before[0]![0] as number);
  const [[revision]] = (await read("SELECT revision FROM configuration")) as [[number]];
  const [[since]] = (await read("SELECT since FROM lease")) as [[number]];
  const handle = { slot: slotKey(0), clientId: decodeHex(clientId(1)), since };
  expect((await moveLease(first, handle, slotKey(5), sql`SELECT 1`)).isDone).toBe(true);
  return { first, second, read, revision, handle };
}

test("E3 a lease of an earlier release is moved after the migration, and its client follows at either allocator", async () => {
  const { first, second, read, revision } = await openBeforeMoves();
  // The refusal by one allocator is lost, so the client asks the other one.
  for (const database of [first, second]) {
    const { facts } = await commitClaims(database, [bindClaim(1, slotKey(0), { accepts: "lease" })], {
      revision,
    });
    expect(facts[0]!.held).toMatchObject({ slot: slotKey(5), state: "released", movesTo: null });
  }
  const offer = await commitClaims(first, [offerClaim(1)], { revision });
  expect(offer.facts[0]!.held).toMatchObject({ slot: slotKey(5), state: "offered" });
  const bound = await commitClaims(second, [bindClaim(1, slotKey(5))], { revision });
  expect(bound.facts[0]!.held).toMatchObject({ slot: slotKey(5), state: "bound" });
  expect(await read("SELECT slot, client_id IS NULL, move_to, move_from FROM lease ORDER BY slot")).toEqual([
    [slotKey(0), 1, null, null],
    [slotKey(5), 0, null, null],
  ]);
  expect(await read("SELECT slot FROM history")).toEqual([[slotKey(0)]]);
});

test("E3 a move is void when an allocator of an earlier release gives the new pair to another client", async () => {
  const { first, read, revision, handle } = await openBeforeMoves();
  // The lease and its quarantine end. That allocator then offers the pair, and knows no moves.
  await execute(
    first,
    "UPDATE lease SET expires_at = expires_at - 100, free_at = free_at - 100",
    `UPDATE lease SET client_id = unhex('${clientId(2)}'), state = 1, expires_at = expires_at + 200, free_at = free_at + 200
      WHERE slot = ${slotKey(5)}`,
  );
  const rows = () => read("SELECT * FROM lease WHERE slot & 4294967295 = 5");
  const taken = await rows();
  expect((await moveLease(first, handle, slotKey(5), sql`SELECT 1`)).isDone).toBe(false);
  expect(await rows()).toEqual(taken);
  const { facts } = await commitClaims(first, [offerClaim(1), bindClaim(2, slotKey(5))], { revision });
  expect(facts.map(({ held }) => held)).toMatchObject([
    { slot: slotKey(0), state: "offered", movesTo: null },
    { slot: slotKey(5), state: "bound" },
  ]);
  expect(await read("SELECT slot, move_to, move_from FROM lease ORDER BY slot")).toEqual([
    [slotKey(0), null, null],
    [slotKey(5), null, null],
  ]);
});
