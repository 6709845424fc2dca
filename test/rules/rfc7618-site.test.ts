/**
 * RFC 7618 §10: how many leases a customer site may have at a time, and what a site is.
 */
import { describe, expect, test } from "vitest";
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import type { Place } from "./acting-client.ts";
import { domain, Stage } from "./stage.ts";
import { query, queryNumber } from "../support/sql.ts";

const remoteId = (text: string) => ({
  code: OptionCode6.remoteId,
  data: Uint8Array.of(0, 0, 0x7e, 0xd9, ...new TextEncoder().encode(text)),
});
const subscriberId = (text: string) => ({
  code: OptionCode6.subscriberId,
  data: new TextEncoder().encode(text),
});

describe("R7618-10-02 a site", () => {
  const here: Place = { options: [remoteId("line-1")] };
  const there: Place = { options: [remoteId("line-2")] };

  test("gets no more offers than it may have leases, and another site is not concerned", async () => {
    const stage = await Stage.open({ siteLeasesMax: 2 });
    await stage.client(1, here).lease();
    // An offer that nobody took yet counts too.
    await stage.client(2, here).discover();
    expect(await stage.outcome(() => stage.client(3, here).discover())).toBe("silence:site-limit");
    expect(await stage.outcome(() => stage.client(4, there).discover())).toBe("offer 192.0.2.18 PSID 2");
  });

  test.each([
    [
      "a release",
      async (stage: Stage) => {
        const lease = await stage.client(1, here).lease();
        await stage.client(1, here).release(lease);
      },
    ],
    [
      "the end of a lease",
      async (stage: Stage) => {
        await stage.client(1, here).lease();
        stage.now += 3600;
      },
    ],
    [
      "the end of an offer",
      async (stage: Stage) => {
        await stage.client(1, here).discover();
        stage.now += 60;
      },
    ],
    [
      "the time for which a declined pair is kept from everyone",
      async (stage: Stage) => {
        const lease = await stage.client(1, here).lease();
        await stage.client(1, here).decline(lease.address);
        expect(await stage.outcome(() => stage.client(2, here).discover())).toBe("silence:site-limit");
        stage.now += 86_400;
      },
    ],
  ])("has room again after %s", async (_what, comeAndGo) => {
    const stage = await Stage.open({ siteLeasesMax: 1 });
    await comeAndGo(stage);
    expect(await stage.outcome(() => stage.client(2, here).discover())).toMatch(/^offer /);
  });

  test("T6 A13 has no room for a pair that it declined until that is free", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1, declineSeconds: 600 });
    const lease = await stage.client(1, here).lease();
    await stage.client(1, here).decline(lease.address);
    expect(await stage.outcome(() => stage.client(2, here).discover())).toBe("silence:site-limit");
    stage.now += 600;
    expect(await stage.outcome(() => stage.client(2, here).discover())).toMatch(/^offer /);
  });

  test.each([
    ["RELEASE", "release"],
    ["DECLINE", "decline"],
  ] as const)("T6 cannot empty the pool with %s and new identifiers", async (_what, end) => {
    const stage = await Stage.open({ siteLeasesMax: 2 });
    for (let number = 1; number <= 20; number++) {
      const client = stage.client(number, here);
      if ((await client.discover()) === undefined) continue;
      const lease = await client.lease();
      await (end === "release" ? client.release(lease) : client.decline(lease.address));
    }
    expect(await queryNumber(stage.database, "SELECT count(*) FROM lease")).toBe(2);
    expect(await stage.outcome(() => stage.client(99, there).discover())).toMatch(/^offer /);
  });

  test("keeps its clients that have a lease: they are offered and extend their own", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1 });
    const lease = await stage.client(1, here).lease();
    expect(await stage.outcome(() => stage.client(1, here).discover())).toBe("offer 192.0.2.18 PSID 1");
    expect(await stage.outcome(() => stage.client(1, here).renew(lease))).toBe("ack 192.0.2.18 PSID 1");
  });

  test("can't pass its limit with an old lease that it asks to have again", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1 });
    const lease = await stage.client(1, here).lease();
    await stage.client(1, here).release(lease);
    await stage.client(2, here).lease();
    expect(await stage.outcome(() => stage.client(1, here).discover())).toBe("silence:site-limit");
    expect(await stage.outcome(() => stage.client(1, here).select(lease))).toBe("nak:pair-not-offered");
    expect(await stage.leases()).toBe(1);
  });

  test("keeps counting an offer that its client asks for again from a site that is full", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1 });
    await stage.client(1, here).discover();
    await stage.client(2, there).lease();
    expect(await stage.outcome(() => stage.client(1, there).discover())).toBe("offer 192.0.2.18 PSID 1");
    expect(await stage.outcome(() => stage.client(3, here).discover())).toBe("silence:site-limit");
  });

  test("can't pass its limit in one batch", async () => {
    const stage = await Stage.open({ siteLeasesMax: 2 });
    const messages = [1, 2, 3, 4].map((number) =>
      stage.client(number, here).message(MessageType.discover, {}),
    );
    const answers = await stage.askAll(...messages);
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(2);
    expect(await stage.leases()).toBe(2);
  });

  test("can't pass its limit by rapid commit", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1, rapidCommit: true });
    const fast = { options: { 80: [] } };
    expect(await stage.outcome(() => stage.client(1, here).discover({}, fast))).toBe("ack 192.0.2.18 PSID 1");
    expect(await stage.outcome(() => stage.client(2, here).discover({}, fast))).toBe("silence:site-limit");
  });
});

test("R7618-10-02 a domain without a limit has none", async () => {
  const stage = await Stage.open();
  const here: Place = { options: [remoteId("line-1")] };
  for (let number = 1; number <= 9; number++) {
    expect(await stage.outcome(() => stage.client(number, here).discover())).toMatch(/^offer /);
  }
});

describe("A13 two clients are of one site", () => {
  /** Places of two clients; the first of what they have in common, in the order of A13, decides. */
  test.each<[string, boolean, Place, Place]>([
    [
      "by equal remote-ids, whatever else differs",
      true,
      { options: [remoteId("a"), subscriberId("x")], interfaceId: "eth1" },
      { options: [remoteId("a"), subscriberId("y")], interfaceId: "eth2", linkAddress: "2001:db8:b::1" },
    ],
    [
      "not by another remote-id, whatever else is equal",
      false,
      { options: [remoteId("a"), subscriberId("x")], interfaceId: "eth1" },
      { options: [remoteId("b"), subscriberId("x")], interfaceId: "eth1" },
    ],
    [
      "by equal subscriber-ids",
      true,
      { options: [subscriberId("x")], interfaceId: "eth1" },
      { options: [subscriberId("x")], interfaceId: "eth2" },
    ],
    [
      "not by another subscriber-id",
      false,
      { options: [subscriberId("x")], interfaceId: "eth1" },
      { options: [subscriberId("y")], interfaceId: "eth1" },
    ],
    ["by the Interface-Id of one relay", true, { interfaceId: "eth1" }, { interfaceId: "eth1" }],
    ["not by another Interface-Id", false, { interfaceId: "eth1" }, { interfaceId: "eth2" }],
    [
      "not by the Interface-Id of another relay",
      false,
      { interfaceId: "eth1" },
      { interfaceId: "eth1", linkAddress: "2001:db8:b::1" },
    ],
    ["by the /56 of their sources", true, { source: "2001:db8:1:100::1" }, { source: "2001:db8:1:1ff::2" }],
    ["not by sources of two /56", false, { source: "2001:db8:1:100::1" }, { source: "2001:db8:1:200::1" }],
    ["not by link-local sources: they say nothing", false, { source: "fe80::1" }, { source: "fe80::2" }],
  ])("%s: %s", async (_what, isOne, first, second) => {
    const stage = await Stage.open({ siteLeasesMax: 1 });
    await stage.client(1, first).lease();
    const outcome = await stage.outcome(() => stage.client(2, second).discover());
    expect(outcome).toBe(isOne ? "silence:site-limit" : "offer 192.0.2.19 PSID 1");
  });

  test("by the /64 of their sources, where the domain says so", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1, sitePrefixLength: 64 });
    await stage.client(1, { source: "2001:db8:1:100::1" }).lease();
    const same = stage.client(2, { source: "2001:db8:1:100::2" });
    const next = stage.client(3, { source: "2001:db8:1:101::1" });
    expect(await stage.outcome(() => same.discover())).toBe("silence:site-limit");
    expect(await stage.outcome(() => next.discover())).toBe("offer 192.0.2.19 PSID 1");
  });
});

test("R7618-10-02 the limit is of one domain: its name for a site is not another's", async () => {
  const place = { options: [remoteId("line-1")] };
  const other = {
    ...domain,
    name: "other",
    default: false,
    prefixes: ["2001:db8:b::/48"],
    pools: [{ name: "others", kind: "shared" as const, range: "198.51.100.0/24", psidLength: 6 }],
  };
  const stage = await Stage.open([
    { ...domain, siteLeasesMax: 1 },
    { ...other, siteLeasesMax: 1 },
  ]);
  await stage.client(1, place).lease();
  const elsewhere = stage.client(2, { ...place, linkAddress: "2001:db8:b::1" });
  expect(await stage.outcome(() => elsewhere.discover())).toBe("offer 198.51.100.0 PSID 1");
});

test("A13 R7618-8-05 the site is kept with the lease", async () => {
  const stage = await Stage.open();
  await stage.client(1, { options: [subscriberId("cust-0001")] }).lease();
  const rows = await query(stage.database, "SELECT site FROM lease");
  expect(rows[0]!.site).toBe(`subscriber:${encodeHex(new TextEncoder().encode("cust-0001"))}`);
});
