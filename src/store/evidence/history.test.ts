import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { bindClaim, endClaim, offerClaim, slotKey } from "../../../test/support/claims.ts";
import { TestClock } from "../../../test/support/clock.ts";
import { temporaryDatabase, vectorDomain } from "../../../test/support/database.ts";
import { planOf } from "../../../test/support/query-plan.ts";
import { execute, query } from "../../../test/support/sql.ts";
import type { Claim } from "../../lease/claim.ts";
import type { DeclarationInput } from "../../declaration/declaration.ts";
import { parseIPv4 } from "../../wire/ipv4-address.ts";
import { commitClaims } from "../batch/commit.ts";
import { wholeDatabase } from "../database/databases.ts";
import { clockSeconds } from "../database/time.ts";
import { loadDirectory } from "../configuration/directory.ts";
import { lookUp, lookupStatements } from "./history.ts";
import type { LookupAnswer, LookupQuestion } from "./history.ts";
import { purgeDatabase, purgeHistory, purgeStatements } from "./retention.ts";

const start = 1_750_000_000;

/** Pool 1: ports of offset 6, of which 5060 is reserved. Pool 2: full addresses. */
const declaration: DeclarationInput = {
  domains: [
    {
      name: "test",
      default: true,
      serverIdentifier: "203.0.113.1",
      pools: [
        {
          name: "shared",
          kind: "shared",
          range: "192.0.2.0/31",
          psidOffset: 6,
          psidLength: 8,
          reservedPorts: ["5060"],
          fill: "pack",
        },
        { name: "full", kind: "full", range: "192.0.2.8/31" },
      ],
    },
  ],
};

async function openHistory() {
  const clock = new TestClock(start);
  const database = await temporaryDatabase(declaration, { clockMs: clock.clockMs });
  const world = {
    database,
    get now() {
      return clock.seconds!;
    },
    set now(seconds) {
      clock.seconds = seconds;
    },
    commit: async (...claims: Claim[]) => {
      const { revision } = await loadDirectory(database);
      return commitClaims(database, claims, { revision });
    },
    /** Leases a slot to a client now, and releases it after some seconds. */
    tenure: async (client: number, slot: number, seconds: number) => {
      await world.commit(offerClaim(client, { wantedSlots: [slot], poolIds: [1, 2] }));
      await world.commit(bindClaim(client, slot, { lease: { leaseSeconds: 10_000, quarantineSeconds: 0 } }));
      world.now += seconds;
      await world.commit(endClaim(client, slot, { quarantineSeconds: 0 }));
    },
    lookUp: async (
      question: Partial<LookupQuestion> & { at: number },
      place = wholeDatabase(database),
    ): Promise<LookupAnswer> => {
      const answer = await lookUp(place, {
        address: parseIPv4("192.0.2.0"),
        port: 1232,
        toleranceSeconds: 0,
        ...question,
      });
      if (answer.kind !== "answer") throw new Error(`Cannot look up: ${answer.kind}`);
      return answer;
    },
  };
  return world;
}

/**
 * Port 1232 has PSID 52 (RFC 7597 §5.1). The only unusable PSID, of port 5060, is higher, so this is slot 52.
 */
const slot52 = slotKey(52);
const clientOf = ({ holders }: LookupAnswer, certainty = "certain") =>
  holders.filter((holder) => holder.certainty === certainty).map(({ tenure }) => tenure.clientId.at(-1));

describe("lookUp()", () => {
  test("E2 finds the holder also when the pair changed hands often within the tolerance afterwards", async () => {
    const world = await openHistory();
    await world.tenure(1, slot52, 100);
    for (let client = 2; client <= 42; client++) await world.tenure(client, slot52, 1);
    world.now += 100;
    const answer = await world.lookUp({ at: start + 99, toleranceSeconds: 60 });
    expect(clientOf(answer)).toEqual([1]);
    expect(clientOf(answer, "possible")).toContain(2);
    // Many earlier ones do not displace it either.
    expect(clientOf(await world.lookUp({ at: start + 50, toleranceSeconds: 60 }))).toEqual([1]);
    expect(clientOf(await world.lookUp({ at: start + 141, toleranceSeconds: 60 }), "possible")).toContain(42);
  });

  test("R10 finds closed tenures and the running lease; in the second of a hand-over, both clients are possible", async () => {
    const world = await openHistory();
    await world.tenure(1, slot52, 100);
    await world.tenure(2, slot52, 50);
    await world.commit(offerClaim(3, { wantedSlots: [slot52] }));
    await world.commit(bindClaim(3, slot52, { lease: { leaseSeconds: 1000 } }));
    const at = async (seconds: number) => clientOf(await world.lookUp({ at: start + seconds }));
    expect(await at(-1)).toEqual([]);
    world.now += 2000;
    expect([await at(0), await at(99), await at(101), await at(149)]).toEqual([[1], [1], [2], [2]]);
    expect([await at(151), await at(1149), await at(1150)]).toEqual([[3], [3], []]);
    for (const [second, ...clients] of [
      [100, 1, 2],
      [150, 2, 3],
    ] as const) {
      const both = await world.lookUp({ at: start + second });
      expect([clientOf(both), clientOf(both, "possible"), both.reason]).toEqual([[], clients, "hand-over"]);
    }
    world.now = start + 300;
    const running = await world.lookUp({ at: start + 200 });
    expect(running).toMatchObject({
      reason: null,
      pool: { name: "shared" },
      holders: [{ psid: 52, tenure: { isRunning: true } }],
    });
    world.now += 1000;
    expect((await world.lookUp({ at: start + 200 })).holders[0]!.tenure.isRunning).toBe(false);
  });

  test("marks tenures within the tolerance of the clocks as possible", async () => {
    const world = await openHistory();
    await world.tenure(1, slot52, 100);
    world.now += 3;
    await world.tenure(2, slot52, 100);
    const near = await world.lookUp({ at: start + 99, toleranceSeconds: 5 });
    expect([clientOf(near), clientOf(near, "possible")]).toEqual([[1], [2]]);
    const between = await world.lookUp({ at: start + 101, toleranceSeconds: 2 });
    expect([clientOf(between), clientOf(between, "possible"), between.reason]).toEqual([
      [],
      [1, 2],
      "not-leased",
    ]);
    const end = await world.lookUp({ at: start + 100, toleranceSeconds: 2 });
    expect([clientOf(end), clientOf(end, "possible"), end.reason]).toEqual([[], [1], "hand-over"]);
    const exact = await world.lookUp({ at: start + 101 });
    expect([exact.holders, exact.reason]).toEqual([[], "not-leased"]);
  });

  test.each([
    ["an address that is in no pool", { address: parseIPv4("192.0.3.0") }, "address-in-no-pool"],
    ["a port below the first block", { port: 1023 }, "excluded-port"],
    ["a port in the same set as a reserved port", { port: 5061 }, "reserved-port"],
    ["a pair that was not leased", {}, "not-leased"],
  ])("finds no holder of %s, and returns the reason", async (_, question, reason) => {
    const world = await openHistory();
    await world.tenure(1, slotKey(53), 100);
    expect(await world.lookUp({ at: start + 1, ...question })).toMatchObject({ holders: [], reason });
  });

  test("marks a tenure within one second as possible", async () => {
    const world = await openHistory();
    await world.tenure(1, slot52, 0);
    const answer = await world.lookUp({ at: start });
    expect([clientOf(answer, "possible"), answer.reason]).toEqual([[1], "hand-over"]);
    world.now += 1;
    expect((await world.lookUp({ at: start + 1 })).holders).toEqual([]);
  });

  test("R10 three holders in one second are all possible, and certain in no other second", async () => {
    const world = await openHistory();
    await world.tenure(1, slot52, 10);
    await world.tenure(2, slot52, 0);
    await world.tenure(3, slot52, 10);
    const inSecond = await world.lookUp({ at: start + 10 });
    expect([clientOf(inSecond), clientOf(inSecond, "possible").sort()]).toEqual([[], [1, 2, 3]]);
    expect(clientOf(await world.lookUp({ at: start + 9 }))).toEqual([1]);
    expect(clientOf(await world.lookUp({ at: start + 11 }))).toEqual([3]);
  });

  test("R10 a holder is not certain of its first second if the record of that second was deleted", async () => {
    const world = await openHistory();
    await world.tenure(1, slot52, 100);
    await world.tenure(2, slot52, 100);
    await purgeHistory(world.database, { before: start + 101 });
    const first = await world.lookUp({ at: start + 100 });
    expect([clientOf(first), clientOf(first, "possible"), first.reason]).toEqual([[], [2], "history-purged"]);
    expect(clientOf(await world.lookUp({ at: start + 101 }))).toEqual([2]);
  });

  test("E2 a time in the future is refused, unless it is within the tolerance; then nobody is certain", async () => {
    const world = await openHistory();
    await world.commit(offerClaim(1, { wantedSlots: [slot52] }));
    await world.commit(bindClaim(1, slot52, { lease: { leaseSeconds: 1000 } }));
    for (const question of [{}, { port: 80 }, { port: 5061 }, { address: parseIPv4("192.0.3.0") }]) {
      await expect(world.lookUp({ at: start + 1, ...question })).rejects.toThrow("future");
      await expect(world.lookUp({ at: start + 6, toleranceSeconds: 5, ...question })).rejects.toThrow(
        "future",
      );
    }
    const near = await world.lookUp({ at: start + 5, toleranceSeconds: 5 });
    expect([clientOf(near), clientOf(near, "possible"), near.reason]).toEqual([[], [1], "not-yet"]);
    expect(clientOf(await world.lookUp({ at: start }))).toEqual([1]);
    expect((await world.lookUp({ at: 0 })).reason).toBe("not-leased");
  });

  test("finds no holder of an address in a domain that is out of scope", async () => {
    const world = await openHistory();
    await world.tenure(1, slot52, 100);
    const other = { database: world.database, scope: { only: ["another"], except: [] } };
    expect(await world.lookUp({ at: start + 1 }, other)).toMatchObject({ reason: "address-in-no-pool" });
  });

  test("needs a port for a shared address, and none for a full one", async () => {
    const world = await openHistory();
    await world.tenure(1, slotKey(0, 2), 100);
    const question = { address: parseIPv4("192.0.2.8"), at: start + 1 };
    expect(clientOf(await world.lookUp({ ...question, port: null }))).toEqual([1]);
    expect(clientOf(await world.lookUp({ ...question, port: 80 }))).toEqual([1]);
    await expect(world.lookUp({ at: start, port: null })).rejects.toThrow("port-needed");
  });

  test("finds tenures of deleted pools, also when a new pool has the address", async () => {
    const world = await openHistory();
    await world.tenure(1, slot52, 100);
    await execute(world.database, "DELETE FROM lease WHERE pool_id = 1", "DELETE FROM pool WHERE id = 1");
    expect(await world.lookUp({ at: start + 1 })).toMatchObject({
      reason: null,
      pool: { name: "shared", domain: "test" },
    });
    const insert = `INSERT INTO pool (domain_id, name, first_address, last_address, psid_offset, psid_length, reserved_ports, fill, options, psids, slots)
        VALUES (1, 'new', ?, ?, 0, 1, '[{"first":0,"last":1023}]', 'pack', '{}', 1, 1)`;
    await world.database.write([{ sql: insert, args: [parseIPv4("192.0.2.0"), parseIPv4("192.0.2.0")] }]);
    expect(await world.lookUp({ at: start + 1 })).toMatchObject({ reason: null, pool: { name: "shared" } });
    world.now += 10;
    expect(await world.lookUp({ at: world.now })).toMatchObject({
      reason: "reserved-port",
      pool: { name: "new" },
    });
  });
});

describe("purgeHistory()", () => {
  test("deletes earlier tenures in steps, and look-ups then report that the record is incomplete", async () => {
    const world = await openHistory();
    for (const client of [1, 2, 3, 4, 5]) await world.tenure(client, slot52, 100);
    // This tenure ends early enough, but is closed last, because no client takes the slot.
    await world.commit(offerClaim(6, { wantedSlots: [slotKey(1)] }));
    await world.commit(bindClaim(6, slotKey(1), { lease: { leaseSeconds: 60, quarantineSeconds: 0 } }));
    world.now += 5000;
    await world.commit(offerClaim(7, { wantedSlots: [slotKey(2)] }));
    await world.commit(bindClaim(7, slotKey(2), { lease: { leaseSeconds: 10_000 } }));
    const report = await purgeHistory(world.database, { before: start + 1000, stepRows: 2 });
    expect(report).toEqual({ tenures: 6, slots: 2 });
    const [left] = await query(
      world.database,
      "SELECT (SELECT count(*) FROM history) AS history, (SELECT count(*) FROM lease WHERE client_id IS NOT NULL) AS known",
    );
    expect(left).toMatchObject({ history: 0, known: 1 });
    expect((await world.lookUp({ at: start + 50 })).reason).toBe("history-purged");
    expect((await world.lookUp({ at: start + 2000 })).reason).toBe("not-leased");
    expect(await purgeHistory(world.database, { before: start + 1000 })).toEqual({ tenures: 0, slots: 0 });
  });

  test("keeps tenures that ended at that time or later", async () => {
    const world = await openHistory();
    await world.tenure(1, slot52, 100);
    await world.tenure(2, slot52, 100);
    await purgeHistory(world.database, { before: start + 200, stepRows: 1 });
    expect(clientOf(await world.lookUp({ at: start + 150 }))).toEqual([2]);
    expect(clientOf(await world.lookUp({ at: start + 50 }))).toEqual([]);
  });

  test("purgeDatabase() counts in days, and with null keeps the history forever", async () => {
    const world = await openHistory();
    await world.tenure(1, slot52, 100);
    world.now = start + 100 + 2 * 86_400;
    const run = (historyDays: number | null) =>
      purgeDatabase(world.database, { bindingLogDays: 1, historyDays });
    expect(await run(null)).toMatchObject({ tenures: 0 });
    expect(await run(2)).toMatchObject({ tenures: 0 });
    expect(await run(1)).toMatchObject({ tenures: 1 });
  });
});

const sampleStatements = {
  lookedUpLease: lookupStatements.lease(1, 1, clockSeconds({ clockMs: () => sql<number>`1` })),
  lookedUpHistory: lookupStatements.history(1, 1, 1),
  retention: lookupStatements.retention(),
  announce: purgeStatements.announce(1),
  scanSlots: purgeStatements.scanSlots(1, 1, 1, 1),
  forget: purgeStatements.forget(1, 1, 1, 1),
  forgetReserved: purgeStatements.forgetReserved(1, 1, 1),
  scanHistory: purgeStatements.scanHistory(1, 1, 1),
  deleteHistory: purgeStatements.deleteHistory(1, 1, 1),
};

test.each(Object.entries(sampleStatements))(
  "the statement %s finds rows by key or index",
  async (_, template) => {
    const database = await temporaryDatabase(vectorDomain);
    const steps = (await planOf(database, template)).filter((step) =>
      /^(SCAN|SEARCH) (lease|history)\b/.test(step),
    );
    for (const step of steps) {
      expect(step).toMatch(
        /^SEARCH (lease|history) USING (INTEGER PRIMARY KEY|INDEX (history_by_slot|lease_by_free_at)) \(/,
      );
    }
  },
);
