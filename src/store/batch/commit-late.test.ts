/**
 * Late batches and late messages, with the real clock of the database.
 */
import { describe, expect, test } from "vitest";
import { bindClaim, endClaim, offerClaim } from "../../../test/support/claims.ts";
import { temporaryDatabase } from "../../../test/support/database.ts";
import type { Claim, Fact } from "../../lease/claim.ts";
import { commitClaims } from "./commit.ts";
import { loadDirectory } from "../configuration/directory.ts";
import { execute, query, queryNumber } from "../../../test/support/sql.ts";

async function openStore() {
  const pools = [{ name: "six", kind: "shared" as const, range: "192.0.2.0/31", psidLength: 2 }];
  const database = await temporaryDatabase({
    domains: [{ name: "test", default: true, serverIdentifier: "203.0.113.1", pools }],
  });
  return { database, revision: (await loadDirectory(database)).revision };
}

describe("a batch that arrives after its deadline", () => {
  test("changes nothing and reports it; in the last second it is served", async () => {
    const { database, revision } = await openStore();
    const clock = async (): Promise<number> => Math.floor((await database.clock()) / 1000);
    const commit = (until: number) => commitClaims(database, [offerClaim(1)], { revision, until });
    expect(await commit((await clock()) - 1)).toMatchObject({ revision, isLate: true, facts: [] });
    expect(await queryNumber(database, "SELECT count(*) AS leases FROM lease")).toBe(0);
    // The clock may reach the next second between the two calls.
    const served = await commit((await clock()) + 1);
    expect([served.isLate, served.facts[0]!.held!.state]).toEqual([false, "offered"]);
  });
});

describe("a late message that ends a lease or an offer", () => {
  const withdrawn = { as: "withdrawn", slots: null, quarantineSeconds: 0 } as const;
  const declined = { as: "declined", quarantineSeconds: 5000 } as const;

  /** A store with the database's own clock, in which a client has an offer. */
  async function openLive() {
    const { database, revision } = await openStore();
    const commit = async (claim: Claim, received?: number): Promise<Fact> =>
      (await commitClaims(database, [claim], { revision, received })).facts[0]!;
    const { slot } = (await commit(offerClaim(1))).held!;
    const read = async (expression: string): Promise<number> =>
      await queryNumber(database, `SELECT ${expression} AS value FROM lease`);
    return {
      database,
      commit,
      slot,
      /** Time of the row's last change, in milliseconds. */
      changedMs: () => read("touched_ms"),
      updatedAt: () => read("updated_at"),
      /** Moves the last change one hour back. */
      age: () =>
        execute(
          database,
          "UPDATE lease SET updated_at = updated_at - 3600, touched_ms = touched_ms - 3600000",
        ),
    };
  }

  test.each([
    ["a RELEASE", {}],
    ["a DECLINE", declined],
  ])("%s does not end a lease that was made after it arrived, but ends an earlier one", async (_, fields) => {
    const { commit, slot, changedMs } = await openLive();
    await commit(bindClaim(1, slot));
    const madeMs = await changedMs();
    expect(await commit(endClaim(1, slot, fields), madeMs - 1)).toMatchObject({
      held: { slot, state: "bound" },
      ended: false,
    });
    expect(await commit(endClaim(1, slot, fields), madeMs)).toMatchObject({ ended: true });
  });

  test("the choice of another server does not end an offer that was made after it arrived", async () => {
    const { commit, changedMs } = await openLive();
    const madeMs = await changedMs();
    expect((await commit(endClaim(1, 0, withdrawn), madeMs - 1)).held!.state).toBe("offered");
    expect((await commit(endClaim(1, 0, withdrawn), madeMs)).held!.state).toBe("released");
  });

  test.each([
    [
      "a renewal",
      async ({ commit, slot }: Awaited<ReturnType<typeof openLive>>) => commit(bindClaim(1, slot)),
    ],
    [
      "a new offer of the released pair",
      async ({ commit, slot }: Awaited<ReturnType<typeof openLive>>) => {
        await commit(endClaim(1, slot));
        await commit(offerClaim(1));
      },
    ],
    [
      "T4 the rest of a lease whose new site is full (R7618-10-02)",
      async ({ commit, slot }: Awaited<ReturnType<typeof openLive>>) => {
        const full = { site: "remote:02", siteLeasesMax: 1 };
        await commit(offerClaim(2, full));
        expect((await commit(bindClaim(1, slot, { ...full, accepts: "lease" }))).held).toMatchObject({
          slot,
        });
      },
    ],
  ])("%s after it arrived stays, although the client had the pair long before", async (_, change) => {
    const live = await openLive();
    const { commit, slot } = live;
    await commit(bindClaim(1, slot));
    await live.age();
    const agedMs = await live.changedMs();
    await change(live);
    const changedMs = await live.changedMs();
    expect(changedMs).toBeGreaterThan(agedMs + 3_000_000);
    const received = changedMs - 1;
    expect((await commit(endClaim(1, slot), received)).ended).toBe(false);
    await live.age();
    expect((await commit(endClaim(1, slot), received)).ended).toBe(true);
  });

  test("a pair that another client took counts as changed at that time", async () => {
    const { commit, slot, database, changedMs } = await openLive();
    await execute(database, "UPDATE lease SET expires_at = 0, free_at = 0, updated_at = 0, touched_ms = 0");
    expect((await commit(offerClaim(2, { wantedSlots: [slot] }))).held!.slot).toBe(slot);
    expect((await commit(endClaim(2, slot), (await changedMs()) - 1)).ended).toBe(false);
  });

  test("a row that was changed without milliseconds counts as changed at the end of its second", async () => {
    const { commit, slot, database, updatedAt } = await openLive();
    await commit(bindClaim(1, slot));
    for (const touched of ["touched_ms - 3600000", "NULL"]) {
      await execute(database, `UPDATE lease SET touched_ms = ${touched}`);
      expect((await commit(endClaim(1, slot), (await updatedAt()) * 1000 + 998)).ended).toBe(false);
    }
    expect((await commit(endClaim(1, slot), (await updatedAt()) * 1000 + 999)).ended).toBe(true);
  });

  test("R3 a renewal moves no end back; of a row from the future, only the rest of its lease is kept", async () => {
    const { commit, slot, database, updatedAt } = await openLive();
    const lease = (leaseSeconds: number) => ({ lease: { leaseSeconds, quarantineSeconds: 10 } });
    const ends = async () => {
      const at = await updatedAt();
      return (await query(database, "SELECT expires_at, free_at FROM lease")).map((row) => [
        Number(row.expires_at) - at,
        Number(row.free_at) - at,
      ])[0]!;
    };
    await commit(bindClaim(1, slot, lease(10_000)));
    expect((await commit(bindClaim(1, slot, lease(60)))).held!.remainingSeconds).toBeGreaterThan(9000);
    const [end, free] = await ends();
    expect([end! > 9000, free! - end!]).toEqual([true, 10]);
    await execute(
      database,
      "UPDATE lease SET updated_at = updated_at + 100000, expires_at = updated_at + 100500, free_at = expires_at",
    );
    await commit(bindClaim(1, slot, lease(60)));
    const [kept, freeAfter] = await ends();
    expect(kept).toBeGreaterThan(490);
    expect(kept).toBeLessThanOrEqual(500);
    expect(freeAfter! - kept!).toBe(10);
  });

  test("R3 R7618-10-02 a row from the future lasts no longer after its client moved to a full site", async () => {
    const { commit, slot, database } = await openLive();
    const lease = { leaseSeconds: 500, quarantineSeconds: 10 };
    await commit(bindClaim(1, slot, { lease }));
    await execute(
      database,
      "UPDATE lease SET updated_at = updated_at + 100000, expires_at = expires_at + 100000, free_at = free_at + 100000",
    );
    const full = { site: "remote:02", siteLeasesMax: 1 };
    await commit(offerClaim(2, full));
    for (const claim of [
      bindClaim(1, slot, { ...full, accepts: "lease", lease }),
      bindClaim(1, slot, { lease }),
    ]) {
      const remaining = (await commit(claim)).held!.remainingSeconds;
      expect(remaining).toBeGreaterThan(490);
      expect(remaining).toBeLessThanOrEqual(501);
      const [row] = await query(
        database,
        `SELECT free_at - expires_at AS quarantine FROM lease WHERE slot = ${slot}`,
      );
      expect(row).toEqual({ quarantine: 10 });
    }
  });

  test("a message without an arrival time ends any lease", async () => {
    const { commit, slot } = await openLive();
    await commit(bindClaim(1, slot));
    expect((await commit(endClaim(1, slot))).ended).toBe(true);
  });
});
