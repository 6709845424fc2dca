import { sql } from "drizzle-orm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { bindClaim, clientId, endClaim, offerClaim } from "../../../test/support/claims.ts";
import { onlyDatabase, temporaryDatabase, vectorDomain } from "../../../test/support/database.ts";
import { anyLeaseEvent, openLeasePlay } from "../../../test/support/lease-play.ts";
import { planOf } from "../../../test/support/query-plan.ts";
import { TestClock } from "../../../test/support/clock.ts";
import { execute, query } from "../../../test/support/sql.ts";
import type { Claim } from "../../lease/claim.ts";
import { pairOf } from "../../portset/pool-geometry.ts";
import { numberOfSlot } from "../../portset/slot-key.ts";
import { formatIPv4 } from "../../wire/ipv4-address.ts";
import { commitClaims } from "../batch/commit.ts";
import { loadDirectory } from "../configuration/directory.ts";
import { createReservationStore } from "../configuration/reservations.ts";
import type { Database } from "../database/database.ts";
import { wholeDatabase } from "../database/databases.ts";
import { freeNever } from "../database/schema.ts";
import { countStatements } from "./count-statements.ts";
import { addSlotCounts, countSlots } from "./slot-counts.ts";
import type { SlotCounts } from "./slot-counts.ts";
import { createSlotCounter } from "./statistics.ts";

/** Counts by scanning every row. */
async function countByScan(database: Database, now: number): Promise<Map<number, SlotCounts>> {
  const pools = await query(database, "SELECT id, slots FROM pool");
  const rows = await query(database, "SELECT pool_id, state, expires_at, free_at FROM lease");
  return new Map(
    pools.map((pool) => {
      const own = rows.filter((row) => row.pool_id === pool.id);
      const stateOf = (row: (typeof own)[number]): keyof SlotCounts => {
        if (Number(row.expires_at) > now && row.state === 1) return "offered";
        if (Number(row.expires_at) > now && row.state === 2) return "bound";
        if (Number(row.free_at) === freeNever) return "reserved";
        return Number(row.free_at) > now ? "quarantined" : "free";
      };
      const count = (state: keyof SlotCounts) => own.filter((row) => stateOf(row) === state).length;
      const total = Number(pool.slots);
      return [
        Number(pool.id),
        {
          total,
          free: total - own.length + count("free"),
          offered: count("offered"),
          bound: count("bound"),
          quarantined: count("quarantined"),
          reserved: count("reserved"),
        },
      ];
    }),
  );
}

test("countSlots() equals a scan of every row after any events, with slices of any size", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyLeaseEvent, { maxLength: 40 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.nat(200), { minLength: 1 }),
      async (events, first, steps) => {
        let [elapsedMs, turn] = [0, 0];
        const clockMs = () => (elapsedMs += steps[turn++ % steps.length]!);
        const sliceRows = { first, min: 1, max: 8 };
        const play = await openLeasePlay();
        for (const event of events) await play.act(event);
        const expected = await countByScan(play.database, play.now);
        const { pools } = await countSlots(wholeDatabase(play.database), {
          clockMs,
          sliceRows,
        });
        for (const { poolId, pool, domain, ...counts } of pools) {
          expect({ pool, domain, counts }).toEqual({ pool, domain, counts: expected.get(poolId) });
          expect(addSlotCounts([counts]).total).toBe(
            counts.free + counts.offered + counts.bound + counts.quarantined + counts.reserved,
          );
        }
        play.database.close();
      },
    ),
    { numRuns: 60 },
  );
});

test("a lease that was made under a longer quarantine counts as quarantined for that time, not as bound", async () => {
  const play = await openLeasePlay();
  await play.act({ kind: "quarantine", seconds: 200 });
  await play.act({ kind: "discover", client: 1 });
  await play.act({ kind: "request", client: 1, softwire: 0, leaseSeconds: 100 });
  await play.act({ kind: "quarantine", seconds: 10 });
  play.now += 101;
  const [counts] = (await countSlots(wholeDatabase(play.database))).pools;
  expect(counts).toMatchObject({ bound: 0, quarantined: 1 });
});

test("an offer of a pair in quarantine counts as offered, also when it is made in the middle of a second", async () => {
  const clock = new TestClock(1_750_000_000.5);
  const { clockMs } = clock;
  const database = await temporaryDatabase(
    { domains: [{ ...vectorDomain.domains[0]!, quarantineSeconds: 60 }] },
    { clockMs },
  );
  const { revision } = await loadDirectory(database);
  const commit = async (claim: Claim) => (await commitClaims(database, [claim], { revision })).facts[0]!;
  const { held } = await commit(offerClaim(1));
  await commit(bindClaim(1, held!.slot));
  await commit(endClaim(1, held!.slot, { quarantineSeconds: 60 }));
  clock.seconds! += 15;
  await commit(offerClaim(1));
  for (const later of [0, 0.5, 40]) {
    clock.seconds! += later;
    const counted = (await countSlots(wholeDatabase(database))).pools;
    expect(addSlotCounts(counted)).toMatchObject({ offered: 1, bound: 0 });
  }
});

/** A history whose first pair can be reserved for its client, with a reservation that is deleted again. */
async function openReserving() {
  const play = await openLeasePlay();
  await play.act({ kind: "quarantine", seconds: 50 });
  const reservations = createReservationStore(onlyDatabase(play.database));
  const operator = { name: "test", scope: "admin", domain: null } as const;
  const anyVersion = { versions: undefined, mustBeNew: false };
  return {
    play,
    reserve: async (): Promise<void> => {
      const [row] = await query(play.database, "SELECT slot FROM lease");
      const { geometry } = (await loadDirectory(play.database)).domains[0]!.pools[0]!;
      const { address, psid } = pairOf(geometry, numberOfSlot(Number(row!.slot)));
      const declared = { name: "one", clientIdentifier: clientId(1), address: formatIPv4(address), psid };
      const put = await reservations.put(operator, { domain: "play", declared, force: false }, anyVersion);
      expect(put.kind).toBe("created");
    },
    unreserve: async (): Promise<void> => {
      expect((await reservations.delete(operator, "one", anyVersion)).kind).toBe("deleted");
    },
    kept: async () => {
      const [row] = await query(
        play.database,
        "SELECT free_at - expires_at AS seconds, quarantine_until AS until FROM lease",
      );
      return row;
    },
    counts: async () => (await countSlots(wholeDatabase(play.database))).pools[0],
  };
}

test("an offer of a pair that is reserved no more has no quarantine, and counts as offered", async () => {
  const { play, reserve, unreserve, kept, counts } = await openReserving();
  await play.act({ kind: "discover", client: 1 });
  await reserve();
  await unreserve();
  expect(await kept()).toEqual({ seconds: 0, until: null });
  expect(await counts()).toMatchObject({ offered: 1, bound: 0 });
});

test.each([
  ["before its lease", 0],
  ["in its lease", 1],
  ["in the quarantine", 2],
  ["in an offer in the quarantine", 3],
])(
  "R7618-8-03 a reservation that is made %s and deleted in an offer ends no quarantine",
  async (_when, at) => {
    const { play, reserve, unreserve, kept } = await openReserving();
    const steps = ["discover", "request", "release", "discover"] as const;
    for (const [index, kind] of steps.entries()) {
      const event = kind === "request" ? { kind, softwire: 0, leaseSeconds: 100 } : { kind };
      await play.act({ ...event, client: 1 });
      if (index === at) await reserve();
    }
    const endedAt = play.now;
    play.now += 45;
    await unreserve();
    expect((await kept())?.until).toBe(endedAt + 50);
  },
);

const [counted, slice] = [
  { id: 1, hold: 1, now: 1 },
  { after: 1, afterSlot: 1, end: 1, limit: 1 },
];
const samples = {
  ahead: countStatements.ahead(counted, slice),
  free: countStatements.free(counted, slice),
  near: countStatements.near(counted, slice),
  reserved: countStatements.reserved(counted, slice),
  clientless: countStatements.clientless(counted, slice),
};

test.each(Object.entries(samples))("the count of %s finds leases by key or index", async (_, template) => {
  const database = await temporaryDatabase(vectorDomain);
  const plan = await planOf(database, template);
  const steps = plan.filter((step) => /^(SCAN|SEARCH) lease/.test(step));
  expect(steps).not.toEqual([]);
  for (const step of steps) {
    expect(step).toMatch(
      /^SEARCH lease USING (INTEGER PRIMARY KEY|(COVERING )?INDEX (lease_by_free_at|lease_by_client)) \(.+[<>]/,
    );
  }
});

test("the list of pools reads no leases", async () => {
  const database = await temporaryDatabase(vectorDomain);
  const plan = await planOf(database, countStatements.pools(sql`1`, { only: null, except: [] }));
  expect(plan.filter((step) => step.includes("lease"))).toEqual([]);
});

test("E22 the statistics say when they were counted: the clock before the first row was read, also when they are cached", async () => {
  const clock = new TestClock(1_750_000_000.9);
  const database = await temporaryDatabase(vectorDomain, { clockMs: clock.clockMs });
  const place = wholeDatabase({
    ...database,
    read: async (statements) => {
      const results = await database.read(statements);
      clock.seconds! += 3;
      return results;
    },
  });
  let localMs = 0;
  const count = createSlotCounter(place, () => localMs);
  expect((await count()).asOf).toBe(1_750_000_000);
  clock.seconds = 1_750_000_100;
  expect((await count()).asOf).toBe(1_750_000_000);
  localMs += 5000;
  expect((await count()).asOf).toBe(1_750_000_100);
  await execute(database, "DELETE FROM pool");
  localMs += 5000;
  clock.seconds = 1_750_000_200;
  expect(await count()).toEqual({ pools: [], asOf: 1_750_000_200 });
});

test("createSlotCounter() shares one count among concurrent callers, and counts again after twenty times as long", async () => {
  const database = await temporaryDatabase(vectorDomain);
  let [clockMs, reads] = [0, 0];
  const slow: Database = {
    ...database,
    read: (statements) => {
      reads += 1;
      clockMs += 500;
      return database.read(statements);
    },
  };
  const count = createSlotCounter(wholeDatabase(slow), () => clockMs);
  const [first, second] = await Promise.all([count(), count()]);
  expect(first).toBe(second);
  clockMs += 19_999;
  expect(await count()).toBe(first);
  expect(reads).toBe(2);
  clockMs += 1;
  expect((await count()).pools).toEqual(first.pools);
  expect(reads).toBe(4);
});
