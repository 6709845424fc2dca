/**
 * Moves by an operator: a move is pending until its client is told. The tests speak DHCP through the relay, and HTTP
 * with the admin API of a second allocator on the same database.
 */
import { describe, expect, test } from "vitest";
import { createApp } from "../../src/http/app.ts";
import { createCounters } from "../../src/allocator/counters.ts";
import { createStore } from "../../src/store/store.ts";
import { verifyDatabase } from "../../src/store/evidence/verify.ts";
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { itemsOf, operator } from "../support/admin.ts";
import { createTestAllocator } from "../support/allocator.ts";
import type { TestAnswer } from "../support/allocator.ts";
import { clientProfile, says } from "../support/clients.ts";
import { adminToken, relayToken } from "../support/tokens.ts";
import { query } from "../support/sql.ts";
import type { NamedPair } from "./acting-client.ts";
import { pairText, Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";

const softwire = "2001:db8:1234:5678::1";
const quiet = () => undefined;

const domain = {
  leaseSeconds: { default: 1000, min: 60, max: 2000 },
  quarantineSeconds: 100,
  offerHoldSeconds: 60,
};

/** The admin API of another allocator on the same database. */
function adminOf({ database }: Stage) {
  const store = createStore({ main: database, placed: new Map() });
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  return operator(createApp({ store, relayToken, adminToken, counters: createCounters(), log }));
}

type Fields = Exclude<Parameters<typeof Stage.open>[0], readonly unknown[]>;

/** Opens a service on which client 1 has a lease with a softwire address. */
async function open(fields: Fields = {}) {
  const stage = await Stage.open({ ...domain, ...fields });
  const call = adminOf(stage);
  const client = stage.client(1);
  const old = await client.lease({}, { softwire });
  const table = async () => {
    const { body } = await call("GET", "/bindings?format=snabb&domain=rules");
    const rows = [...(body.text as string).matchAll(/ipv4 (\S+); psid (\d+); b4-ipv6 (\S+);/g)];
    return rows.map(([, address, psid]) => `${address!}-${psid!}`);
  };
  const lease = async (id: string) => (await call("GET", `/leases/${id}`)).body;
  const tenures = async () => {
    const rows = await query(stage.database, "SELECT since, until FROM history ORDER BY id");
    return rows.map(({ since, until }) => [since, until]);
  };
  return { stage, client, old, call, table, lease, tenures };
}

const idOf = ({ address, portParams }: NamedPair) =>
  portParams === undefined ? address : `${address}-${portParams.psid}`;
const nameOf = (answer: Answer | undefined) => (answer === undefined ? "silence" : pairText(answer));
/** The name of a line, as an access node states it. */
const remoteId = (line: number) => ({
  code: OptionCode6.remoteId,
  data: Uint8Array.of(0, 0, 0, 9, line),
});
type Client = ReturnType<Stage["client"]>;
const goal = { address: "192.0.2.19", psid: 40 };
const goalId = "192.0.2.19-40";

/** Fails unless every slot is counted once, by the statistics and by a scan. */
async function expectCounted({ stage }: { readonly stage: Stage }) {
  expect((await verifyDatabase(stage.database)).faults).toEqual([]);
  // Statistics are cached, so each count needs an allocator of its own.
  const statistics = (await adminOf(stage)("GET", "/statistics")).body.domains as {
    pools: Record<string, number>[];
  }[];
  const { pools } = await verifyDatabase(stage.database);
  for (const counts of statistics.flatMap((each) => each.pools)) {
    const { pool, free, offered, bound, quarantined, reserved } = counts;
    expect({ pool, slots: counts.total, free, offered, bound, quarantined, reserved }).toEqual(
      pools.find((each) => each.pool === (pool as unknown as string)),
    );
  }
}

describe("E3 a move", () => {
  test("E3 is pending until the client is told: table and evidence have the old pair until then", async () => {
    const world = await open();
    const { stage, client, old, call, table, lease, tenures } = world;
    const since = stage.now;
    stage.now += 10;
    const moved = await call("POST", `/leases/${idOf(old)}/move`, goal);
    expect([moved.status, moved.body.id, moved.body.pending]).toEqual([200, idOf(old), goalId]);
    expect(await lease(goalId)).toMatchObject({
      state: "quarantined",
      clientId: null,
      pendingFrom: idOf(old),
    });
    expect([await table(), await tenures()]).toEqual([[idOf(old)], []]);
    await expectCounted(world);
    const audit = itemsOf(await call("GET", "/audit?resource=lease"));
    expect(audit).toMatchObject([{ action: "move", name: idOf(old), after: { movedTo: goalId } }]);

    // The DHCPNAK may be lost, so each RENEW and REBIND of the old pair is refused, as is INIT-REBOOT.
    stage.now += 10;
    for (const ask of ["renew", "renew", "rebind", "reboot"] as const) {
      expect((await client[ask](old))?.type).toBe("nak");
    }
    expect([await table(), await tenures()]).toEqual([[], [[since, stage.now]]]);
    await expectCounted(world);
    stage.now += 10;
    expect((await client.renew(old))?.type).toBe("nak");
    // Nobody else gets one of the two pairs, for as long as the client may use the old one.
    const hint = { address: 0xc0000213, portParams: { ...old.portParams!, psid: goal.psid } };
    expect(idOf(await stage.client(2).lease(hint))).not.toBe(goalId);
    const offer = await client.discover();
    expect(nameOf(offer)).toBe("offer 192.0.2.19 PSID 40");
    await expectCounted(world);
    stage.now += 5;
    expect(nameOf(await client.select(offer!, { softwire }))).toBe("ack 192.0.2.19 PSID 40");
    expect([await table(), await tenures()]).toEqual([[goalId], [[since, since + 20]]]);
    expect(await lease(goalId)).toMatchObject({ state: "bound", pendingFrom: null });
    expect(await lease(idOf(old))).toMatchObject({ state: "quarantined", clientId: null });
    expect((await query(stage.database, "SELECT free_at FROM lease ORDER BY slot LIMIT 1"))[0]).toEqual({
      free_at: since + 1100,
    });
    expect(nameOf(await client.renew(offer!, { softwire }))).toBe("ack 192.0.2.19 PSID 40");
    await expectCounted(world);
  });

  test("E3 of a client that starts over by itself ends the old tenure with the ACK of the new pair", async () => {
    const { stage, client, old, call, table, tenures } = await open();
    const since = stage.now;
    await call("POST", `/leases/${idOf(old)}/move`, goal);
    stage.now += 10;
    const offer = await client.discover({}, { softwire });
    expect(nameOf(offer)).toBe("offer 192.0.2.19 PSID 40");
    expect([await table(), await tenures()]).toEqual([[idOf(old)], []]);
    expect((await client.reboot({ ...old, ...goal, portParams: offer!.portParams }))?.type).toBe("nak");
    expect(await tenures()).toEqual([]);
    expect(nameOf(await client.select(offer!, { softwire }))).toBe("ack 192.0.2.19 PSID 40");
    expect([await table(), await tenures()]).toEqual([[goalId], [[since, stage.now]]]);
  });

  test("E3 with Rapid Commit gives the new pair at once", async () => {
    const { client, old, call, table } = await open({ rapidCommit: true });
    await call("POST", `/leases/${idOf(old)}/move`, goal);
    const ack = await client.discover({}, { softwire, options: { 80: [] } });
    expect(nameOf(ack)).toBe("ack 192.0.2.19 PSID 40");
    expect(await table()).toEqual([goalId]);
  });

  test.each([
    ["RELEASE", "released"],
    ["DECLINE", "declined"],
  ])("E3 of a lease that a %s ends gives the new pair next", async (what, counted) => {
    const { stage, client, old, call, table, lease } = await open();
    await call("POST", `/leases/${idOf(old)}/move`, goal);
    if (what === "RELEASE") await client.release(old);
    else await client.decline(old.address, { portParams: old.portParams });
    expect([stage.count(`silence:${counted}`), await table()]).toEqual([1, []]);
    expect(await lease(idOf(old))).toMatchObject({ state: "quarantined", clientId: null, pending: null });
    expect(nameOf(await client.discover())).toBe("offer 192.0.2.19 PSID 40");
  });

  test("E3 of a lease that an operator ends, or that expires, gives the new pair next", async () => {
    const { stage, client, old, call, lease } = await open();
    await call("POST", `/leases/${idOf(old)}/move`, goal);
    expect((await call("POST", `/leases/${idOf(old)}/release`)).status).toBe(200);
    expect(await lease(idOf(old))).toMatchObject({ state: "quarantined", clientId: null, pending: null });
    const clientIdentifier = encodeHex(client.clientIdentifier);
    expect(await lease(goalId)).toMatchObject({
      state: "quarantined",
      clientId: clientIdentifier,
      pendingFrom: null,
    });
    expect(nameOf(await client.lease())).toBe("ack 192.0.2.19 PSID 40");
    await call("POST", `/leases/${goalId}/move`, { address: "192.0.2.19", psid: 41 });
    stage.now += 1000;
    expect(nameOf(await client.discover())).toBe("offer 192.0.2.19 PSID 41");
    expect((await verifyDatabase(stage.database)).faults).toEqual([]);
  });

  test("E3 does not count against the limit of the client's site", async () => {
    const { client, old, call } = await open({ siteBy: ["source"], siteLeasesMax: 1 });
    await call("POST", `/leases/${idOf(old)}/move`, goal);
    expect((await client.renew(old))?.type).toBe("nak");
    expect(nameOf(await client.lease())).toBe("ack 192.0.2.19 PSID 40");
  });

  test("E3 is replaced by a second one, and taken back by one to the present pair", async () => {
    const world = await open();
    const { client, old, call, lease } = world;
    const move = (psid: number, address = goal.address) =>
      call("POST", `/leases/${idOf(old)}/move`, { address, psid });
    await move(40);
    const { etag } = await call("GET", `/leases/${idOf(old)}`);
    expect((await move(40)).status).toBe(200);
    expect((await move(41)).body.pending).toBe("192.0.2.19-41");
    expect((await lease(goalId)).state).toBe("free");
    const blind = await call("POST", `/leases/${idOf(old)}/move`, goal, { "if-match": etag! });
    expect(blind.status).toBe(412);
    expect((await move(old.portParams!.psid, old.address)).body).toMatchObject({
      pending: null,
      state: "bound",
    });
    expect((await lease("192.0.2.19-41")).state).toBe("free");
    expect(nameOf(await client.renew(old))).toBe(`ack ${old.address} PSID ${old.portParams!.psid}`);
    expect((await move(old.portParams!.psid, old.address)).status).toBe(409);
    await expectCounted(world);
  });

  test("E3 to a pool that is drained or deleted is taken back", async () => {
    const fields = {
      pools: [
        { name: "shared", kind: "shared" as const, range: "192.0.2.18/32", psidLength: 6 },
        { name: "other", kind: "shared" as const, range: "192.0.2.19/32", psidLength: 6 },
      ],
    };
    for (const end of ["drain", "delete"]) {
      const { client, old, call, lease } = await open(fields);
      expect((await call("POST", `/leases/${idOf(old)}/move`, goal)).status).toBe(200);
      const ended =
        end === "drain"
          ? await call("POST", "/pools/other/drain", {})
          : await call("DELETE", "/pools/other?force=true", undefined, { "if-match": "*" });
      expect([200, 204]).toContain(ended.status);
      expect((await lease(idOf(old))).pending).toBeNull();
      expect((await client.renew(old))?.type).toBe("ack");
    }
  });

  test("E3 of an offer or of a lease that has ended is refused with its state", async () => {
    const { stage, old, call } = await open();
    const offer = (await stage.client(2).discover())!;
    const move = (id: string) => call("POST", `/leases/${id}/move`, goal);
    const refused = await move(idOf(offer));
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      `Cannot change lease ${idOf(offer)}: found state offered, expected bound`,
    ]);
    await call("POST", `/leases/${idOf(old)}/release`);
    expect((await move(idOf(old))).body.detail).toMatch(/found state quarantined, expected bound$/);
  });

  test("E3 a pair that is promised to one client is not the target of another's", async () => {
    const { stage, old, call } = await open();
    const second = await stage.client(2).lease();
    await call("POST", `/leases/${idOf(old)}/move`, goal);
    expect((await call("POST", `/leases/${idOf(second)}/move`, goal)).status).toBe(409);
    const reservation = {
      domain: "rules",
      clientIdentifier: encodeHex(stage.client(3).clientIdentifier),
      ...goal,
    };
    const refused = await call("PUT", "/reservations/third?force=true", reservation);
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      expect.stringMatching(
        /^Cannot reserve 192\.0\.2\.19 PSID 40: the pair is kept until \S+ for another client that moves to it$/,
      ),
    ]);
  });
});

test("E3 a declared reservation of a pair that is kept for a move is refused with the reason", async () => {
  const { stage, client, old, call } = await open();
  await call("POST", `/leases/${idOf(old)}/move`, goal);
  const { domains } = (await call("GET", "/config")).body as { domains: { name: string }[] };
  for (const [each, reason] of [
    [client, /^a move of the client to this pair is pending, until the client is told$/],
    [stage.client(3), /^the pair is kept until \S+ for another client that moves to it$/],
  ] as const) {
    const reservations = [{ name: "first", clientIdentifier: encodeHex(each.clientIdentifier), ...goal }];
    const declared = domains.map((domain) =>
      domain.name === "rules" ? { ...domain, reservations } : domain,
    );
    const plan = await call("PUT", "/config?dryRun=true", { domains: declared });
    const step = (plan.body.steps as { name: string }[]).find(({ name }) => name === "first");
    expect(step).toMatchObject({ change: "refuse", reason: expect.stringMatching(reason) as string });
  }
});

describe("E3 with two allocators", () => {
  test("E3 each of them refuses the old pair, and either gives the new one", async () => {
    const { stage, client, old, call, table } = await open();
    const other = await createTestAllocator(stage.database);
    await call("POST", `/leases/${idOf(old)}/move`, goal);
    const profile = clientProfile(1);
    const [refused] = await other.ask(says.renew(profile, old as TestAnswer));
    expect([refused?.type, (await client.renew(old))?.type]).toEqual(["nak", "nak"]);
    const [offer] = await other.ask(says.discover(profile));
    expect([offer?.address, offer?.portParams?.psid]).toEqual([goal.address, goal.psid]);
    expect(nameOf(await client.select(offer!, { softwire }))).toBe("ack 192.0.2.19 PSID 40");
    expect(await table()).toEqual([goalId]);
    const [late] = await other.ask(says.renew(profile, old as TestAnswer));
    expect([late?.type, await table()]).toEqual(["nak", [goalId]]);
  });
});

describe("E3 a reservation of another pair", () => {
  const reserve = (world: Awaited<ReturnType<typeof open>>, pair = goal, headers = {}) => {
    const clientIdentifier = encodeHex(world.client.clientIdentifier);
    const reservation = { domain: "rules", clientIdentifier, ...pair };
    return world.call("PUT", "/reservations/first?force=true", reservation, headers);
  };

  test("E3 moves its client when it is told, and not before", async () => {
    const world = await open();
    const { stage, client, old, call, table, lease, tenures } = world;
    const since = stage.now;
    stage.now += 10;
    expect((await reserve(world)).status).toBe(201);
    expect(await lease(idOf(old))).toMatchObject({ state: "bound", pending: goalId });
    expect([await table(), await tenures()]).toEqual([[idOf(old)], []]);
    await expectCounted(world);
    expect((await call("POST", `/leases/${idOf(old)}/move`, { ...goal, psid: 41 })).status).toBe(409);
    for (let times = 0; times < 2; times++) expect((await client.renew(old))?.type).toBe("nak");
    expect([await table(), await tenures()]).toEqual([[], [[since, stage.now]]]);
    await expectCounted(world);
    expect(nameOf(await client.lease({}, { softwire }))).toBe("ack 192.0.2.19 PSID 40");
    expect(await table()).toEqual([goalId]);
    expect(await lease(goalId)).toMatchObject({ state: "bound", isReserved: true });
    await expectCounted(world);
  });

  test("E3 keeps nothing of a client that declined the pair", async () => {
    const world = await open({ declineSeconds: 10 });
    const { stage, old, lease } = world;
    const another = stage.client(2);
    const declined = await another.lease();
    await another.decline(declined.address);
    stage.now += 20;
    const pair = { address: declined.address, psid: declined.portParams!.psid };
    expect((await reserve(world, pair)).status).toBe(201);
    expect(await lease(idOf(old))).toMatchObject({ state: "bound", pending: idOf(declined) });
    const rows = await query(
      stage.database,
      "SELECT state, source, site FROM lease WHERE move_from IS NOT NULL",
    );
    expect(rows).toEqual([{ state: 3, source: null, site: null }]);
    await expectCounted(world);
  });

  test("E3 T8 for a client with two lines moves at most one of its leases", async () => {
    const world = await open();
    const { stage, call, lease } = world;
    const [here, elsewhere] = [6, 7].map((line) => stage.client(1, { options: [remoteId(line)] })) as [
      Client,
      Client,
    ];
    const first = await here.lease();
    stage.now += 10;
    const other = await elsewhere.lease();
    const own = { address: first.address, psid: first.portParams!.psid };
    const states = async () => {
      const leases = await Promise.all([idOf(first), idOf(other)].map(lease));
      return leases.map(({ state, pending }) => [state, pending]);
    };
    // One that it has already moves none, so it needs no force.
    const clientIdentifier = encodeHex(here.clientIdentifier);
    const reservation = { domain: "rules", clientIdentifier, ...own };
    expect((await call("PUT", "/reservations/first", reservation)).status).toBe(201);
    expect(await states()).toEqual([
      ["bound", null],
      ["bound", null],
    ]);
    await call("DELETE", "/reservations/first", undefined, { "if-match": "*" });
    expect((await reserve(world)).status).toBe(201);
    expect(await states()).toEqual([
      ["bound", null],
      ["bound", goalId],
    ]);
    expect((await here.renew(first))?.type).toBe("ack");
    expect((await elsewhere.renew(other))?.type).toBe("nak");
    expect(nameOf(await elsewhere.lease())).toBe("ack 192.0.2.19 PSID 40");
    await expectCounted(world);
  });

  test("E3 that is changed or deleted before its client is told leaves the client its pair", async () => {
    const world = await open();
    const { client, old, call, lease } = world;
    await reserve(world);
    expect((await reserve(world, { ...goal, psid: 41 }, { "if-match": "*" })).status).toBe(200);
    expect(await lease(idOf(old))).toMatchObject({ pending: "192.0.2.19-41" });
    expect((await lease(goalId)).state).toBe("free");
    await call("DELETE", "/reservations/first", undefined, { "if-match": "*" });
    expect(await lease(idOf(old))).toMatchObject({ state: "bound", pending: null });
    expect((await client.renew(old))?.type).toBe("ack");
    await expectCounted(world);
  });

  test("E3 is refused while an operator's move to the same pair is pending, and possible after it", async () => {
    const world = await open();
    const { client, old, call, lease } = world;
    await call("POST", `/leases/${idOf(old)}/move`, goal);
    const refused = await reserve(world);
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      "Cannot reserve 192.0.2.19 PSID 40: a move of the client to this pair is pending, until the client is told; " +
        "to take it back, move the lease to its present pair",
    ]);
    expect(await lease(idOf(old))).toMatchObject({ state: "bound", pending: goalId });
    expect((await client.renew(old))?.type).toBe("nak");
    expect((await reserve(world)).status).toBe(201);
    expect(nameOf(await client.lease())).toBe("ack 192.0.2.19 PSID 40");
    expect(await lease(goalId)).toMatchObject({ state: "bound", isReserved: true });
    await expectCounted(world);
  });

  test("E3 that is given to another client before its first client is told leaves that client its pair", async () => {
    const world = await open();
    const { stage, client, old, call, lease } = world;
    await reserve(world);
    const clientIdentifier = encodeHex(stage.client(2).clientIdentifier);
    const reservation = { domain: "rules", clientIdentifier, ...goal };
    expect((await call("PUT", "/reservations/first", reservation, { "if-match": "*" })).status).toBe(200);
    expect(await lease(idOf(old))).toMatchObject({ state: "bound", pending: null });
    expect(
      await query(stage.database, "SELECT count(*) AS moving FROM lease WHERE move_to IS NOT NULL"),
    ).toEqual([{ moving: 0 }]);
    expect((await call("POST", `/leases/${idOf(old)}/move`, goal)).status).toBe(409);
    expect(await lease(goalId)).toMatchObject({ clientId: clientIdentifier, isReserved: true });
    expect((await client.renew(old))?.type).toBe("ack");
    expect(nameOf(await stage.client(2).lease())).toBe("ack 192.0.2.19 PSID 40");
    await expectCounted(world);
  });

  test("E3 of the present pair takes back a pending move", async () => {
    const world = await open();
    const { client, old, call, lease } = world;
    await call("POST", `/leases/${idOf(old)}/move`, goal);
    const present = { address: old.address, psid: old.portParams!.psid };
    expect((await reserve(world, present)).status).toBe(201);
    expect(await lease(idOf(old))).toMatchObject({ pending: null, isReserved: true });
    expect((await lease(goalId)).state).toBe("free");
    expect((await client.renew(old))?.type).toBe("ack");
  });
});
