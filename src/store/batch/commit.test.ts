import { describe, expect, test } from "vitest";
import {
  bindClaim,
  clientId,
  endClaim,
  lookClaim,
  offerClaim,
  slotKey,
  slotNumber,
} from "../../../test/support/claims.ts";
import { TestClock } from "../../../test/support/clock.ts";
import { temporaryDatabase } from "../../../test/support/database.ts";
import type { Claim, Fact } from "../../lease/claim.ts";
import type { PoolDeclaration } from "../../declaration/pool-declaration.ts";
import { commitClaims } from "./commit.ts";
import { loadDirectory } from "../configuration/directory.ts";
import type { Database } from "../database/database.ts";
import { freeNever } from "../database/schema.ts";
import { execute, query, queryNumber } from "../../../test/support/sql.ts";

type PoolInput = Partial<PoolDeclaration> & { name: string };

/** Two addresses of three usable PSIDs each (k = 2 loses PSID 0 to the well-known ports): six slots. */
const sixSlots: PoolInput = { name: "six", kind: "shared", range: "192.0.2.0/31", psidLength: 2 };

/** A store whose clock stands still until the test moves it. */
async function openStore(pools: PoolInput[] = [sixSlots]) {
  const clock = new TestClock(1_000_000);
  const database = await temporaryDatabase(
    { domains: [{ name: "test", default: true, serverIdentifier: "203.0.113.1", pools: pools as never }] },
    { clockMs: clock.clockMs },
  );
  const { revision } = await loadDirectory(database);
  const store = {
    database,
    get now() {
      return clock.seconds!;
    },
    set now(seconds) {
      clock.seconds = seconds;
    },
    commit: async (...claims: Claim[]): Promise<readonly Fact[]> =>
      (await commitClaims(database, claims, { revision })).facts,
    /** Offers a pair to a client and binds it. */
    lease: async (client: number, fields: Parameters<typeof bindClaim>[2] = {}): Promise<number> => {
      const [offered] = await store.commit(offerClaim(client));
      const slot = offered!.held!.slot;
      await store.commit(bindClaim(client, slot, fields));
      return slot;
    },
  };
  return store;
}

const historyOf = (database: Database) =>
  query(
    database,
    "SELECT slot, hex(client_id) AS client, since, until, hex(softwire) AS softwire FROM history ORDER BY id",
  );

describe("new slots (R7618-8-07d)", () => {
  test("are given in the order of their numbers, which is the fill order", async () => {
    const { commit } = await openStore();
    const facts = await commit(...[1, 2, 3, 4, 5, 6].map((client) => offerClaim(client)));
    expect(facts.map(slotNumber)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("R7618-8-04: a full pool gives no pair, and reports that it has no room", async () => {
    const { commit } = await openStore();
    const facts = await commit(...[1, 2, 3, 4, 5, 6, 7].map((client) => offerClaim(client)));
    expect(facts[6]).toMatchObject({ held: null, roomLeft: false });
  });

  test("a batch that outgrows its pool finds the next pool in the next round", async () => {
    const { commit } = await openStore([sixSlots, { ...sixSlots, name: "more", range: "192.0.2.2/31" }]);
    const claims = Array.from({ length: 8 }, (_, client) => offerClaim(client, { poolIds: [1, 2] }));
    const first = await commit(...claims);
    expect(first.slice(6)).toEqual(
      [6, 7].map(() => ({
        held: null,
        roomLeft: true,
        siteLeases: 0,
        softwireTaken: false,
        pairTaken: false,
        otherLine: false,
        ended: false,
      })),
    );
    const second = await commit(...claims.slice(6));
    expect(second.map((fact) => fact.held?.slot)).toEqual([slotKey(0, 2), slotKey(1, 2)]);
  });

  test("slots that were given out on request are skipped", async () => {
    const { commit, database } = await openStore([{ ...sixSlots, fill: "pack" }]);
    await commit(offerClaim(1, { wantedSlots: [slotKey(0)] }), offerClaim(2, { wantedSlots: [slotKey(2)] }));
    expect((await commit(offerClaim(3), offerClaim(4))).map(slotNumber)).toEqual([1, 3]);
    expect(await queryNumber(database, "SELECT cursor FROM pool")).toBe(4);
  });

  test("a run of taken slots that is too long for one batch is skipped in several", async () => {
    const { commit } = await openStore([
      { name: "big", kind: "shared", range: "192.0.2.0/24", psidLength: 2, fill: "pack" },
    ]);
    const taken = Array.from({ length: 150 }, (_, index) =>
      offerClaim(index, { wantedSlots: [slotKey(index + 1)] }),
    );
    await commit(...taken);
    const granted: (number | undefined)[] = [];
    for (const client of [1001, 1002, 1003, 1004, 1005]) {
      for (let round = 0; round < 4 && granted.length <= client - 1001; round++) {
        const [fact] = await commit(offerClaim(client));
        if (fact!.held === null) expect(fact!.roomLeft).toBe(true);
        else granted.push(slotNumber(fact));
      }
    }
    expect(granted).toEqual([0, 151, 152, 153, 154]);
  });
});

describe("used slots", () => {
  test("R7618-8-07d: when all slots were used, the longest unused comes first", async () => {
    const store = await openStore();
    const slots: number[] = [];
    for (const client of [1, 2, 3, 4, 5, 6]) slots.push(await store.lease(client));
    for (const index of [3, 1, 5]) {
      store.now += 1;
      await store.commit(endClaim(index + 1, slots[index]!));
    }
    store.now += 200;
    const facts = await store.commit(offerClaim(11), offerClaim(12), offerClaim(13), offerClaim(14));
    expect(facts.map((fact) => fact.held?.slot)).toEqual([slots[3], slots[1], slots[5], undefined]);
  });

  test("a released pair is kept from other clients until its quarantine ends", async () => {
    const store = await openStore();
    const slots: number[] = [];
    for (const client of [1, 2, 3, 4, 5, 6]) slots.push(await store.lease(client));
    await store.commit(endClaim(1, slots[0]!));
    store.now += 99;
    expect((await store.commit(offerClaim(7)))[0]!.held).toBeNull();
    store.now += 1;
    expect((await store.commit(offerClaim(7)))[0]!.held!.slot).toBe(slots[0]);
  });

  test("an expired slot is reused without a sweep, and its tenure ends at the expiry", async () => {
    const store = await openStore();
    const slots: number[] = [];
    for (const client of [1, 2, 3, 4, 5, 6])
      slots.push(await store.lease(client, { lease: { leaseSeconds: 600 + client } }));
    store.now += 701;
    expect((await store.commit(offerClaim(7)))[0]!.held!.slot).toBe(slots[0]);
    expect(await historyOf(store.database)).toEqual([
      { slot: slots[0], client: clientId(1).toUpperCase(), since: 1_000_000, until: 1_000_601, softwire: "" },
    ]);
  });

  test("an offer that is not accepted is free when its hold ends", async () => {
    const store = await openStore();
    await store.commit(...[1, 2, 3, 4, 5, 6].map((client) => offerClaim(client)));
    store.now += 59;
    expect((await store.commit(offerClaim(7)))[0]!.held).toBeNull();
    store.now += 1;
    expect((await store.commit(offerClaim(7)))[0]!.held).not.toBeNull();
    expect(await historyOf(store.database)).toEqual([]);
  });
});

describe("own pair", () => {
  test("R7618-8-07a: a client with a lease is offered its pair, and the lease does not change", async () => {
    const store = await openStore();
    const slot = await store.lease(1);
    store.now += 100;
    const [fact] = await store.commit(offerClaim(1, { wantedSlots: [slotKey(5)] }));
    expect(fact!.held).toMatchObject({ slot, state: "bound", remainingSeconds: 3500 });
  });

  test("R7618-8-07b: a client gets its previous pair, even if other clients got leases in between", async () => {
    const store = await openStore();
    const slot = await store.lease(1);
    await store.commit(endClaim(1, slot));
    await store.lease(2);
    const [fact] = await store.commit(offerClaim(1, { wantedSlots: [slotKey(5)] }));
    expect(fact!.held).toMatchObject({ slot, state: "offered" });
  });

  test("a client whose pool no longer serves it gets a pair elsewhere", async () => {
    const store = await openStore([sixSlots, { ...sixSlots, name: "more", range: "192.0.2.2/31" }]);
    const slot = await store.lease(1);
    await store.commit(endClaim(1, slot));
    const [fact] = await store.commit(offerClaim(1, { poolIds: [2] }));
    expect(fact!.held!.slot).toBe(slotKey(0, 2));
  });

  test("A12: a client with a running lease of another pool keeps it, and gets no second one", async () => {
    const store = await openStore([sixSlots, { ...sixSlots, name: "more", range: "192.0.2.2/31" }]);
    const slot = await store.lease(1);
    const [fact] = await store.commit(offerClaim(1, { poolIds: [2] }));
    expect(fact!.held).toMatchObject({ slot, state: "bound" });
  });

  test("a repeated claim changes only the hold", async () => {
    const store = await openStore();
    const [first] = await store.commit(offerClaim(1));
    const [second] = await store.commit(offerClaim(1));
    expect(second).toEqual(first);
  });

  test("a reserved slot is never given to another client, however long it is unused", async () => {
    const store = await openStore();
    const slot = await store.lease(1);
    await execute(store.database, `UPDATE lease SET free_at = ${freeNever}`);
    await store.commit(endClaim(1, slot));
    store.now += 1_000_000;
    const others = await store.commit(
      ...[2, 3, 4, 5, 6, 7].map((client) => offerClaim(client, client === 2 ? { wantedSlots: [slot] } : {})),
    );
    expect(others.filter((fact) => fact.held?.slot === slot)).toEqual([]);
    expect((await store.commit(offerClaim(1)))[0]!.held!.slot).toBe(slot);
    await store.commit(bindClaim(1, slot));
    expect(await queryNumber(store.database, "SELECT free_at FROM lease WHERE slot = ?", slot)).toBe(
      freeNever,
    );
  });
});

describe("wanted pair (R7618-8-07c)", () => {
  test("is given if it is free", async () => {
    const { commit } = await openStore();
    expect((await commit(offerClaim(1, { wantedSlots: [slotKey(4)] }))).map(slotNumber)).toEqual([4]);
  });

  test("is replaced by another pair when a client uses it", async () => {
    const store = await openStore();
    await store.commit(offerClaim(1, { wantedSlots: [slotKey(4)] }));
    expect((await store.commit(offerClaim(2, { wantedSlots: [slotKey(4)] }))).map(slotNumber)).toEqual([0]);
  });

  test("A8: the first free one of several is given", async () => {
    const store = await openStore();
    await store.commit(offerClaim(1, { wantedSlots: [slotKey(3)] }));
    const wantedSlots = [slotKey(3), slotKey(4), slotKey(5)];
    expect((await store.commit(offerClaim(2, { wantedSlots }))).map(slotNumber)).toEqual([4]);
  });

  test("is taken over from a client whose lease has expired", async () => {
    const store = await openStore();
    const slot = await store.lease(1);
    store.now += 3700;
    expect((await store.commit(offerClaim(2, { wantedSlots: [slot] })))[0]!.held!.slot).toBe(slot);
    expect((await store.commit(lookClaim(1)))[0]!.held).toBeNull();
    expect(await historyOf(store.database)).toHaveLength(1);
  });
});

describe("binding", () => {
  test("an offer becomes one lease, however often it is requested", async () => {
    const store = await openStore();
    const [offered] = await store.commit(offerClaim(1));
    const slot = offered!.held!.slot;
    const [first] = await store.commit(bindClaim(1, slot));
    const [again] = await store.commit(bindClaim(1, slot));
    expect(first!.held).toMatchObject({ slot, state: "bound", remainingSeconds: 3600 });
    expect(again).toEqual(first);
    expect(await queryNumber(store.database, "SELECT count(*) AS leases FROM lease")).toBe(1);
  });

  test("an extension needs the client's own lease, not an offer or a released pair", async () => {
    const store = await openStore();
    const mine = await store.lease(1);
    const [offered] = await store.commit(offerClaim(2));
    const [onOffer, onOthers] = [
      await store.commit(bindClaim(2, offered!.held!.slot, { accepts: "lease" })),
      await store.commit(bindClaim(3, mine, { accepts: "lease" })),
    ];
    expect(onOffer[0]!.held!.state).toBe("offered");
    expect(onOthers[0]!.held).toBeNull();
    await store.commit(endClaim(1, mine));
    expect((await store.commit(bindClaim(1, mine, { accepts: "lease" })))[0]!.held!.state).toBe("released");
  });

  test("a late extension begins a new tenure if the pair is still free", async () => {
    const store = await openStore();
    const slot = await store.lease(1);
    store.now += 4000;
    expect((await store.commit(bindClaim(1, slot, { accepts: "lease" })))[0]!.held!.state).toBe("bound");
    const [{ since, until }] = (await historyOf(store.database)) as unknown as [
      { since: number; until: number },
    ];
    expect([since, until]).toEqual([1_000_000, 1_003_600]);
  });

  test("R7618-8-08: a release must come from the holder and name its slot", async () => {
    const store = await openStore();
    const slot = await store.lease(1);
    await store.commit(endClaim(2, slot));
    await store.commit(endClaim(1, slot + 1));
    expect((await store.commit(lookClaim(1)))[0]!.held!.state).toBe("bound");
    await store.commit(endClaim(1, slot));
    expect((await store.commit(lookClaim(1)))[0]!.held!.state).toBe("released");
    store.now += 50;
    expect(await historyOf(store.database)).toMatchObject([{ slot, since: 1_000_000, until: 1_000_000 }]);
  });

  test("A14: a declined pair is kept from all clients, including its own; other pairs are not", async () => {
    const store = await openStore();
    const slot = await store.lease(1);
    await store.commit(endClaim(1, slot, { as: "declined", quarantineSeconds: 5000 }));
    store.now += 4999;
    const facts = await store.commit(...[1, 2, 3, 4, 5, 6].map((client) => offerClaim(client)));
    expect(facts.map(slotNumber)).toEqual([1, 2, 3, 4, 5, undefined]);
    store.now += 1;
    expect((await store.commit(offerClaim(6)))[0]!.held!.slot).toBe(slot);
  });

  test("the choice of another server ends an offer, but not a lease", async () => {
    const store = await openStore();
    await store.commit(offerClaim(1));
    await store.lease(2);
    const withdrawal = { as: "withdrawn", slots: null, quarantineSeconds: 0 } as const;
    const facts = await store.commit(endClaim(1, 0, withdrawal), endClaim(2, 0, withdrawal));
    expect(facts.map((fact) => fact.held!.state)).toEqual(["released", "bound"]);
  });
});

describe("softwire address (RFC 8539)", () => {
  const [a, b] = ["20010db8000000000000000000000001", "20010db8000000000000000000000002"];

  test("R8539-8.1-01: a new one replaces the old after the interval, and history has the change", async () => {
    const store = await openStore();
    const slot = await store.lease(1, { lease: { softwire: a } });
    store.now += 60;
    const [fact] = await store.commit(bindClaim(1, slot, { lease: { softwire: b } }));
    expect(fact!.held!.softwire).toBe(b);
    expect(await historyOf(store.database)).toMatchObject([
      { since: 1_000_000, until: 1_000_060, softwire: a.toUpperCase() },
    ]);
  });

  test("R8539-8.1-02: a new one that comes too early is ignored", async () => {
    const store = await openStore();
    const slot = await store.lease(1, { lease: { softwire: a } });
    store.now += 59;
    expect((await store.commit(bindClaim(1, slot, { lease: { softwire: b } })))[0]!.held).toMatchObject({
      softwire: a,
      state: "bound",
    });
  });

  test("R8539-8.2-02: one that another client's running lease has gives no lease", async () => {
    const store = await openStore();
    await store.lease(1, { lease: { softwire: a } });
    const [offered] = await store.commit(offerClaim(2));
    const [fact] = await store.commit(bindClaim(2, offered!.held!.slot, { lease: { softwire: a } }));
    expect(fact).toMatchObject({ held: { state: "offered" }, softwireTaken: true });
  });

  test("R8539-8.2-03: one that another client's running lease has does not change a running lease", async () => {
    const store = await openStore();
    await store.lease(1, { lease: { softwire: a } });
    const slot = await store.lease(2, { lease: { softwire: b } });
    store.now += 100;
    const [fact] = await store.commit(bindClaim(2, slot, { lease: { softwire: a } }));
    expect(fact!.held).toMatchObject({ state: "bound", softwire: b, remainingSeconds: 3600 });
  });

  test("R8539-8-03: it is free again when its lease has ended", async () => {
    const store = await openStore();
    const slot = await store.lease(1, { lease: { softwire: a } });
    await store.commit(endClaim(1, slot));
    await store.lease(2, { lease: { softwire: a } });
    expect((await store.commit(lookClaim(2)))[0]!.held!.softwire).toBe(a);
  });
});

describe("limit of a customer site (R7618-10-02)", () => {
  const limited = (client: number, site = "remote:01") => offerClaim(client, { site, siteLeasesMax: 2 });

  test("stops a site that has reached its limit, and no other site", async () => {
    const store = await openStore();
    const facts: Fact[] = [];
    for (const claim of [limited(1), limited(2), limited(3), limited(4, "remote:02")]) {
      facts.push(...(await store.commit(claim)));
    }
    expect(facts.map((fact) => fact.held !== null)).toEqual([true, true, false, true]);
    expect(facts[2]).toMatchObject({ held: null, siteLeases: 2 });
  });

  test("counts offers, and a release makes room", async () => {
    const store = await openStore();
    await store.commit(limited(1));
    await store.commit(limited(2));
    expect((await store.commit(limited(3)))[0]!.held).toBeNull();
    const { held } = (await store.commit(lookClaim(1)))[0]!;
    await store.commit(endClaim(1, held!.slot));
    expect((await store.commit(limited(3)))[0]!.held).not.toBeNull();
  });

  test("counts a previous pair, a hinted pair and a late request like a new pair", async () => {
    const store = await openStore();
    const before = [1, 2, 3].map((client) => offerClaim(client, { site: "remote:01" }));
    const facts = await store.commit(...before);
    store.now += 100;
    for (const client of [4, 5]) expect((await store.commit(limited(client)))[0]!.held).not.toBeNull();
    expect((await store.commit(limited(3)))[0]!.held!.remainingSeconds).toBeLessThanOrEqual(0);
    const wish = offerClaim(6, { site: "remote:01", siteLeasesMax: 2, wantedSlots: [slotKey(5)] });
    expect((await store.commit(wish))[0]!.held).toBeNull();
    const late = bindClaim(3, facts[2]!.held!.slot, { site: "remote:01", siteLeasesMax: 2 });
    expect((await store.commit(late))[0]!.held!.state).toBe("offered");
  });

  test("T6 a site at its limit gets the pair that it left first, in its quarantine too", async () => {
    const store = await openStore();
    const slots: number[] = [];
    for (const client of [1, 2]) {
      const [fact] = await store.commit(limited(client));
      const { slot } = fact!.held!;
      slots.push(slot);
      await store.commit(bindClaim(client, slot, { site: "remote:01", siteLeasesMax: 2 }));
      store.now += 1;
    }
    for (const client of [2, 1]) {
      await store.commit(endClaim(client, slots[client - 1]!));
      store.now += 1;
    }
    expect((await store.commit(limited(3)))[0]!.held!.slot).toBe(slots[1]);
    expect((await store.commit(limited(4)))[0]!.held!.slot).toBe(slots[0]);
    expect((await store.commit(limited(5)))[0]).toMatchObject({ held: null, siteLeases: 2 });
    expect((await store.commit(offerClaim(6)))[0]!.held!.slot).toBe(slotKey(2));
  });

  test("T6 a declined pair counts for its site until it is free, and is given to nobody", async () => {
    const store = await openStore();
    for (const client of [1, 2]) {
      const [fact] = await store.commit(limited(client));
      const { slot } = fact!.held!;
      await store.commit(bindClaim(client, slot, { site: "remote:01", siteLeasesMax: 2 }));
      await store.commit(endClaim(client, slot, { as: "declined", quarantineSeconds: 500 }));
    }
    expect((await store.commit(limited(3)))[0]).toMatchObject({ held: null, siteLeases: 2 });
    store.now += 500;
    expect((await store.commit(limited(3)))[0]!.held).not.toBeNull();
  });

  test("T6 a site gets the pair that it released, not the one that it declined before", async () => {
    const store = await openStore();
    for (const [client, as] of [
      [1, "declined"],
      [2, "released"],
    ] as const) {
      const [fact] = await store.commit(limited(client));
      await store.commit(bindClaim(client, fact!.held!.slot, { site: "remote:01", siteLeasesMax: 2 }));
      await store.commit(endClaim(client, fact!.held!.slot, { as, quarantineSeconds: 500 }));
      store.now += 1;
    }
    expect((await store.commit(limited(3)))[0]!.held!.slot).toBe(slotKey(1));
  });

  test("T6 1,000 loops of one site leave at least 95 % of a pool of 4,096 to others", async () => {
    for (const as of ["released", "declined"] as const) {
      const store = await openStore([
        { name: "large", kind: "shared", range: "192.0.2.0/26", psidLength: 6 },
      ]);
      const usable = await queryNumber(store.database, "SELECT slots FROM pool");
      for (let client = 1; client <= 1000; client++) {
        const limit = { site: "remote:01", siteLeasesMax: 16 };
        const [fact] = await store.commit(offerClaim(client, limit));
        const slot = fact!.held?.slot;
        if (slot === undefined) continue;
        await store.commit(bindClaim(client, slot, limit));
        await store.commit(endClaim(client, slot, { as, quarantineSeconds: 86_400 }));
      }
      const held = "SELECT count(*) FROM lease WHERE free_at > (SELECT now_ms / 1000 FROM instant)";
      const taken = await queryNumber(store.database, held);
      expect(taken).toBeGreaterThan(0);
      expect(taken).toBeLessThanOrEqual(16);
      expect(taken / usable).toBeLessThan(0.05);
      expect(await queryNumber(store.database, "SELECT count(*) FROM lease")).toBe(taken);
    }
  });

  test("T8 a lease that moves to another site counts there, and is not extended where there is no room", async () => {
    const store = await openStore();
    const slots = await Promise.all([1, 2, 3].map((client) => store.lease(client, { site: "remote:01" })));
    const moved = { site: "remote:02", siteLeasesMax: 2 };
    store.now += 100;
    for (const client of [1, 2]) {
      const [fact] = await store.commit(
        bindClaim(client, slots[client - 1]!, { ...moved, accepts: "lease" }),
      );
      expect(fact!.held!.remainingSeconds).toBe(3600);
    }
    const [third] = await store.commit(bindClaim(3, slots[2]!, { ...moved, accepts: "lease" }));
    expect(third!.held!.remainingSeconds).toBe(3500);
    expect(await query(store.database, "SELECT site, count(*) AS pairs FROM lease GROUP BY site")).toEqual([
      { site: "remote:01", pairs: 1 },
      { site: "remote:02", pairs: 2 },
    ]);
    expect(await queryNumber(store.database, "SELECT count(*) FROM history WHERE site = 'remote:01'")).toBe(
      2,
    );
  });
});

describe("T8 a client identifier that appears on two named lines", () => {
  const at = (line: string) => ({ line });

  test("gets another pair there, and each line keeps and renews its own", async () => {
    const store = await openStore();
    const slot = await store.lease(1, at("remote:0a"));
    const [offer] = await store.commit(offerClaim(1, at("remote:0b")));
    const second = offer!.held!.slot;
    expect(second).not.toBe(slot);
    await store.commit(bindClaim(1, second, at("remote:0b")));
    store.now += 100;
    for (const [line, own] of [
      ["remote:0a", slot],
      ["remote:0b", second],
    ] as const) {
      const [fact] = await store.commit(bindClaim(1, own, { line, accepts: "lease" }));
      expect(fact).toMatchObject({ held: { slot: own, remainingSeconds: 3600 }, otherLine: false });
    }
  });

  test("ends, extends and binds nothing of the other line", async () => {
    const store = await openStore();
    const slot = await store.lease(1, at("remote:0a"));
    store.now += 10;
    const strangers: Claim[] = [
      endClaim(1, slot, at("remote:0b")),
      endClaim(1, slot, { as: "declined", line: "remote:0b" }),
      bindClaim(1, slot, { line: "remote:0b", accepts: "lease" }),
      bindClaim(1, slot, at("remote:0b")),
      { ...lookClaim(1), line: "remote:0b" },
    ];
    for (const claim of strangers) {
      const [fact] = await store.commit(claim);
      expect(fact).toMatchObject({ held: null, otherLine: true, ended: false });
    }
    expect((await store.commit({ ...lookClaim(1), line: "remote:0a" }))[0]).toMatchObject({
      held: { slot, state: "bound", remainingSeconds: 3590 },
      otherLine: false,
    });
  });

  test("gets the pair of its last lease after its quarantine, on whichever line", async () => {
    const store = await openStore();
    const slot = await store.lease(1, at("remote:0a"));
    await store.commit(endClaim(1, slot, at("remote:0a")));
    store.now += 100;
    expect((await store.commit(offerClaim(1, at("remote:0b"))))[0]!.held!.slot).toBe(slot);
    expect(await query(store.database, "SELECT line FROM lease")).toEqual([{ line: "remote:0b" }]);
  });

  test("is one client where a line has no name, as behind a relay that adds none", async () => {
    const store = await openStore();
    const slot = await store.lease(1, at("remote:0a"));
    expect((await store.commit(bindClaim(1, slot, { accepts: "lease" })))[0]!.held!.slot).toBe(slot);
    expect(await query(store.database, "SELECT line FROM lease")).toEqual([{ line: "remote:0a" }]);
  });

  test("keeps its lease on the line that is named for the first time", async () => {
    const store = await openStore();
    const slot = await store.lease(1);
    await store.commit(bindClaim(1, slot, { accepts: "lease", line: "remote:0a" }));
    expect(await query(store.database, "SELECT line FROM lease")).toEqual([{ line: "remote:0a" }]);
  });
});

test("R8539-8-01 one batch renews leases that stay as they are, and binds leases that change", async () => {
  const store = await openStore();
  const softwire = `20010db8${"0".repeat(23)}1`;
  const slots = [await store.lease(1), await store.lease(2), await store.lease(3)] as const;
  store.now += 100;
  const facts = await store.commit(
    bindClaim(1, slots[0], { accepts: "lease" }),
    bindClaim(2, slots[1], { accepts: "lease", lease: { softwire } }),
    bindClaim(3, slots[2], { accepts: "lease", site: "remote:02" }),
  );
  expect(facts.map(({ held }) => [held!.remainingSeconds, held!.softwire])).toEqual([
    [3600, null],
    [3600, softwire],
    [3600, null],
  ]);
  expect(await query(store.database, "SELECT since FROM lease ORDER BY client_id")).toEqual([
    { since: store.now - 100 },
    { since: store.now },
    { since: store.now },
  ]);
});

test("T8 a tenure records its first and its last relay path", async () => {
  const store = await openStore();
  const slot = await store.lease(1, { lease: { relayPath: Uint8Array.of(0x0a) } });
  store.now += 10;
  await store.commit(bindClaim(1, slot, { accepts: "lease", lease: { relayPath: Uint8Array.of(0x0b) } }));
  store.now += 10;
  await store.commit(
    bindClaim(1, slot, { accepts: "lease", site: "remote:02", lease: { relayPath: Uint8Array.of(0x0c) } }),
  );
  const paths = "hex(first_relay_path) AS first, hex(relay_path) AS last";
  expect(await query(store.database, `SELECT ${paths} FROM history`)).toEqual([{ first: "0A", last: "0B" }]);
  expect(await query(store.database, `SELECT ${paths} FROM lease`)).toEqual([{ first: "0C", last: "0C" }]);
});

test("T7 a forbidden softwire address begins no lease, and changes nothing about a running one", async () => {
  const store = await openStore();
  const softwireForbidden = true;
  const [offer] = await store.commit(offerClaim(1));
  const slot = offer!.held!.slot;
  const [refused] = await store.commit(bindClaim(1, slot, { lease: { softwireForbidden } }));
  expect(refused!.held!.state).toBe("offered");
  const softwire = "20010db8000000000000000000000001";
  await store.commit(bindClaim(1, slot, { lease: { softwire } }));
  const [kept] = await store.commit(bindClaim(1, slot, { accepts: "lease", lease: { softwireForbidden } }));
  expect(kept!.held).toMatchObject({ state: "bound", softwire, remainingSeconds: 3600 });
});

test("T9 a row whose last change lies in the future can still be released", async () => {
  const store = await openStore();
  const slot = await store.lease(1);
  store.now -= 3600;
  const { revision } = await loadDirectory(store.database);
  const { facts } = await commitClaims(store.database, [endClaim(1, slot)], {
    revision,
    received: store.now * 1000,
  });
  expect(facts[0]).toMatchObject({ held: { state: "released" }, ended: true });
});

test("claims of an older configuration change nothing, and the result has the newer revision", async () => {
  const { database } = await openStore();
  const { revision } = await loadDirectory(database);
  await execute(database, "UPDATE domain SET name = 'renamed'");
  const result = await commitClaims(database, [offerClaim(1)], { revision });
  expect(result).toMatchObject({ revision: revision + 1, facts: [] });
  expect(await queryNumber(database, "SELECT count(*) AS leases FROM lease")).toBe(0);
});
