/**
 * Upgrades and backups: the octets between relay and allocator of different releases, migrations under load, an older
 * release on a migrated database, backup and restore.
 */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@libsql/client";
import Driver from "libsql";
import { describe, expect, onTestFinished, test } from "vitest";
import { unwrapAnswer, wrapDatagram } from "../relay/messages/envelope.ts";
import { Peers } from "../relay/sockets/peers.ts";
import { parseDeclaration } from "../src/declaration/declaration.ts";
import { openDatabase } from "../src/runtime/node.ts";
import type { Database } from "../src/store/database/database.ts";
import { migrateDatabase } from "../src/store/database/migrate.ts";
import { openBindingSnapshot } from "../src/store/evidence/binding-feed.ts";
import { verifyDatabase } from "../src/store/evidence/verify.ts";
import { decodeFrames, encodeFrames } from "../src/wire/frames.ts";
import { parseIPv6 } from "../src/wire/ipv6-address.ts";
import { createTestAllocator } from "./support/allocator.ts";
import { clientProfile, says } from "./support/clients.ts";
import { TestClock } from "./support/clock.ts";
import { prepareDatabase, temporaryDatabase, temporaryFolder, vectorDomain } from "./support/database.ts";
import { laterRelease } from "./support/later-release.ts";
import { octets } from "./support/octets.ts";
import { hasSqld, startSqld, withoutSqld } from "./support/sqld.ts";
import { vectorOctets } from "./support/vectors.ts";
import { queryNumber } from "./support/sql.ts";

describe("version 1 of the protocol between relay and allocator, as in the first release", () => {
  const query = vectorOctets("discover-shared-nohint").octets;
  const length = (count: number) => count.toString(16).padStart(4, "0");

  /** Interface-Id of the first release: format, listener 3, port 546, zone "eth0". */
  const firstId = "01 03 0222 65746830";
  /** Today's, which also states how many levels may be believed: none. */
  const todaysId = "02 03 0222 00 65746830";

  /** A POST with one frame: the level that the relay puts around a client's message. */
  const body = (type: "0c" | "0d", message: Uint8Array, interfaceId = firstId) =>
    octets(
      length(34 + 4 + octets(interfaceId).length + 4 + message.length), // length of the frame (RFC 5460 §5.1)
      type, // RELAY-FORW or RELAY-REPL
      "00", // hop-count
      "20010db8000a0000 0000000000000001", // link-address
      "fe80000000000000 0000000000000005", // peer-address
      `0012 ${length(octets(interfaceId).length)} ${interfaceId}`, // Interface-Id
      `0009 ${length(message.length)}`, // Relay Message
      Buffer.from(message).toString("hex"),
    );

  test("today's relay sends an old allocator nothing new but its Interface-Id, which comes back as it was, and delivers what that one answers", () => {
    const wrapped = wrapDatagram(query, {
      listener: 3,
      linkAddress: parseIPv6("2001:db8:a::1"),
      peer: new Peers({ sourcePrefixLength: 128, unlimitedSources: [] }).parse("fe80::5%eth0"),
      port: 546,
      isGroup: false,
      believed: 0,
    });
    if (wrapped.kind !== "forward") throw new Error(wrapped.reason);
    expect(encodeFrames([wrapped.frame])).toEqual(body("0c", query, todaysId));
    const response = Uint8Array.of(21, 0, 0, 0, 1, 2, 3);
    const [answer] = decodeFrames(body("0d", response, todaysId), 1);
    expect(unwrapAnswer(answer!, 4, "standard")).toMatchObject({
      kind: "deliver",
      listener: 3,
      port: 546,
      address: "fe80::5%eth0",
      payload: response,
    });
  });

  test.each([
    ["an old relay, which does not state the age of its messages", {}],
    ["the relay of this release, which states it", { "apportion-age-ms": "2500" }],
  ])("the allocator of this release serves %s, and answers in the same octets", async (_, headers) => {
    const { post } = await createTestAllocator(vectorDomain);
    const response = await post(body("0c", query), headers);
    expect(response.headers.get("content-type")).toBe("application/octet-stream");
    const answer = new Uint8Array(await response.arrayBuffer());
    const message = answer.subarray(2 + 34 + 4 + 8 + 4);
    expect(answer).toEqual(body("0d", message));
    expect(message.subarray(0, 4)).toEqual(Uint8Array.of(21, 0, 0, 0));
  });
});

/** A pool with enough pairs for all clients of these tests. */
const largeDeclaration = parseDeclaration(
  {
    domains: [
      {
        name: "isp",
        default: true,
        serverIdentifier: "203.0.113.1",
        pools: [{ name: "shared", kind: "shared", range: "192.0.2.0/24", psidLength: 6 }],
      },
    ],
  },
  "test",
);

async function openServer() {
  const sqld = await startSqld({ folder: join(await temporaryFolder(), "sqld") });
  onTestFinished(() => sqld.kill());
  return sqld;
}

/**
 * Leases pairs for clients in batches. A batch that fails is sent again, as clients do.
 *
 * @returns The number of DHCPACKs.
 */
async function lease(database: Database, clients: number, first = 0): Promise<number> {
  const { ask } = await createTestAllocator(database);
  const askAgain: typeof ask = async (...messages) => {
    try {
      return await ask(...messages);
    } catch {
      return askAgain(...messages);
    }
  };
  let acks = 0;
  for (let from = first; from < first + clients; from += 50) {
    const profiles = Array.from({ length: 50 }, (_, index) => clientProfile(from + index));
    const offers = await askAgain(...profiles.map((profile) => says.discover(profile)));
    const answers = await askAgain(
      ...profiles.map((profile, index) => says.selecting(profile, offers[index]!)),
    );
    acks += answers.filter((answer) => answer?.type === "ack").length;
  }
  return acks;
}

const boundIn = async (database: Database) =>
  await queryNumber(database, "SELECT count(*) AS n FROM lease WHERE state = 2");

async function open(url: string): Promise<Database> {
  const database = await openDatabase({ url });
  onTestFinished(() => {
    database.close();
  });
  return database;
}

test.skipIf(!hasSqld)(
  `a migration under load loses no lease, and every client is served${withoutSqld}`,
  async () => {
    const { url } = await openServer();
    const database = await prepareDatabase({ url }, largeDeclaration);
    const later = await laterRelease(
      [
        "ALTER TABLE lease ADD COLUMN later integer DEFAULT 0 NOT NULL;",
        "CREATE INDEX lease_by_later ON lease (later);",
        "UPDATE lease SET later = 1;",
      ].join("\n--> statement-breakpoint\n"),
    );
    const loads = Promise.all([lease(database, 1000), lease(await open(url), 1000, 5000)]);
    const { applied } = await migrateDatabase(await open(url), later);
    expect(applied).toEqual(["9999_later"]);
    expect(await loads).toEqual([1000, 1000]);
    expect(await boundIn(database)).toBe(2000);
    expect((await verifyDatabase(database)).faults).toEqual([]);
    database.close();
  },
);

test("changes that an allocator of the previous release makes in a migrated database are recorded with their time", async () => {
  const clock = new TestClock();
  const database = await temporaryDatabase(largeDeclaration, clock);
  clock.seconds = Date.UTC(2030, 0, 1) / 1000;
  await database.write([]); // Sets the time of the batch, as the migration does. The old release never sets it.
  const [leasedAt, readAt, closedAt] = [clock.seconds + 100, clock.seconds + 200, clock.seconds + 300];
  const writeAsOldRelease = (...statements: string[]) =>
    database.migrate(statements.map((statement) => ({ sql: statement, args: [] })));
  const record = (name: string, before: string) =>
    `INSERT INTO audit (at, actor, action, resource, name, domain, before)
      SELECT ${closedAt}, 'old', 'change', '${name}', 'isp', 'isp', ${before}`;
  await writeAsOldRelease(
    `INSERT INTO lease (slot, domain_id, client_id, state, since, expires_at, free_at, updated_at, softwire)
      SELECT id << 32, domain_id, x'01', 2, ${leasedAt}, ${leasedAt + 3600}, ${leasedAt + 3660}, ${leasedAt}, x'02' FROM pool`,
  );
  clock.seconds = readAt;
  const { version } = await openBindingSnapshot(database);
  clock.seconds = closedAt;
  await writeAsOldRelease(`UPDATE pool SET drain_until = ${closedAt}`, record("pool", "NULL"));
  const { changesSince } = await openBindingSnapshot(database);
  expect(await changesSince(version)).toEqual({ kind: "gone", reason: "configuration-changed" });
  await writeAsOldRelease("DELETE FROM lease", "DELETE FROM pool");
  await writeAsOldRelease(
    "UPDATE domain SET settings = json_set(settings, '$.quarantineSeconds', 1, '$.offerHoldSeconds', 1)",
    record("domain", "(SELECT settings FROM domain)"),
  );
  expect(await queryNumber(database, "SELECT until FROM history")).toBe(closedAt);
  expect(await queryNumber(database, "SELECT retired_at FROM retired_pool")).toBe(closedAt);
  expect(await queryNumber(database, "SELECT until FROM longer_hold")).toBe(closedAt + 86_400 + 60);
  expect((await verifyDatabase(database)).faults).toEqual([]);
});

describe("a backup contains every lease of its time", () => {
  test("of a file in use, by VACUUM INTO", async () => {
    const folder = await temporaryFolder();
    const database = await prepareDatabase({ url: `file:${folder}/a.db` }, largeDeclaration);
    onTestFinished(() => {
      database.close();
    });
    const copy = join(folder, "backup.db");
    const before = await lease(database, 200);
    const other = new Driver(`${folder}/a.db`);
    other.exec(`VACUUM INTO '${copy}'`);
    other.close();
    await lease(database, 100, 1000);
    const restored = await prepareDatabase({ url: `file:${copy}` });
    expect(await boundIn(restored)).toBe(before);
    expect((await verifyDatabase(restored)).faults).toEqual([]);
    restored.close();
  });

  test("of a file whose allocator was killed, by copying the file and its write-ahead log", async () => {
    const folder = await temporaryFolder();
    const database = await prepareDatabase({ url: `file:${folder}/a.db` }, largeDeclaration);
    const leases = await lease(database, 200);
    // The database is not closed yet, so the log is as a killed process leaves it.
    for (const end of ["", "-wal"]) await copyFile(`${folder}/a.db${end}`, `${folder}/b.db${end}`);
    expect(await boundIn(await open(`file:${folder}/b.db`))).toBe(leases);
    database.close();
  });

  test.skipIf(!hasSqld)(`of a server in use, by its dump${withoutSqld}`, async () => {
    const { url } = await openServer();
    const database = await prepareDatabase({ url }, largeDeclaration);
    const leases = await lease(database, 200);
    const dump = await (await fetch(`${url}/dump`)).text();
    database.close();
    const { url: copy } = await openServer();
    const client = createClient({ url: copy });
    await client.executeMultiple(dump);
    client.close();
    const restored = await open(copy);
    expect(await boundIn(restored)).toBe(leases);
    expect((await migrateDatabase(restored)).applied).toEqual([]);
    expect((await verifyDatabase(restored)).faults).toEqual([]);
    // The dump contains the triggers: a RELEASE adds a row to the history.
    const { ask } = await createTestAllocator(restored);
    const [renewed] = await ask(says.discover(clientProfile(1)));
    await ask(says.release(clientProfile(1), renewed!));
    const tenures = await queryNumber(restored, "SELECT count(*) AS n FROM history");
    expect(tenures).toBe(1);
  });
});
