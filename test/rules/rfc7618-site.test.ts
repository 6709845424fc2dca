/**
 * RFC 7618 §10: the limit of leases of a customer site, and what identifies a site.
 */
import { describe, expect, test } from "vitest";
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import type { ClientLocation } from "./acting-client.ts";
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
  const here: ClientLocation = { options: [remoteId("line-1")] };
  const there: ClientLocation = { options: [remoteId("line-2")] };

  test("gets no more offers than its limit, and does not affect another site", async () => {
    const stage = await Stage.open({ siteLeasesMax: 2 });
    await stage.client(1, here).lease();
    // An open offer counts too.
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
      "a lease has expired",
      async (stage: Stage) => {
        await stage.client(1, here).lease();
        stage.now += 3600;
      },
    ],
    [
      "an offer has expired",
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
  ])("can get another lease after %s", async (_what, useAndFree) => {
    const stage = await Stage.open({ siteLeasesMax: 1 });
    await useAndFree(stage);
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

  test("at its limit still serves its clients that have a lease: they are offered their pair and can extend it", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1 });
    const lease = await stage.client(1, here).lease();
    expect(await stage.outcome(() => stage.client(1, here).discover())).toBe("offer 192.0.2.18 PSID 1");
    expect(await stage.outcome(() => stage.client(1, here).renew(lease))).toBe("ack 192.0.2.18 PSID 1");
  });

  test("can't exceed its limit with an ended lease that its client requests again", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1 });
    const lease = await stage.client(1, here).lease();
    await stage.client(1, here).release(lease);
    await stage.client(2, here).lease();
    expect(await stage.outcome(() => stage.client(1, here).discover())).toBe("silence:site-limit");
    expect(await stage.outcome(() => stage.client(1, here).select(lease))).toBe("nak:pair-not-offered");
    expect(await stage.leases()).toBe(1);
  });

  test("still counts an offer that its client requests again from a site at its limit", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1 });
    await stage.client(1, here).discover();
    await stage.client(2, there).lease();
    expect(await stage.outcome(() => stage.client(1, there).discover())).toBe("silence:site-limit");
    expect(await stage.outcome(() => stage.client(3, here).discover())).toBe("silence:site-limit");
  });

  test("can't exceed its limit with an offer that its client, on a line without a name, takes along", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1 });
    const [before, now] = [{ source: "2001:db8:1:100::1" }, { source: "2001:db8:1:200::1" }];
    await stage.client(1, before).discover();
    await stage.client(2, { source: "2001:db8:1:200::2" }).lease();
    const offer = await stage.client(1, now).discover();
    expect(await stage.outcome(() => stage.client(1, now).select(offer!))).toMatch(/^nak/);
  });

  test("can't exceed its limit in one batch", async () => {
    const stage = await Stage.open({ siteLeasesMax: 2 });
    const messages = [1, 2, 3, 4].map((number) =>
      stage.client(number, here).message(MessageType.discover, {}),
    );
    const answers = await stage.askAll(...messages);
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(2);
    expect(await stage.leases()).toBe(2);
  });

  test("can't exceed its limit by rapid commit", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1, rapidCommit: true });
    const fast = { options: { 80: [] } };
    expect(await stage.outcome(() => stage.client(1, here).discover({}, fast))).toBe("ack 192.0.2.18 PSID 1");
    expect(await stage.outcome(() => stage.client(2, here).discover({}, fast))).toBe("silence:site-limit");
  });
});

test("R7618-10-02 a domain without siteLeasesMax has no limit", async () => {
  const stage = await Stage.open();
  const here: ClientLocation = { options: [remoteId("line-1")] };
  for (let number = 1; number <= 9; number++) {
    expect(await stage.outcome(() => stage.client(number, here).discover())).toMatch(/^offer /);
  }
});

describe("A13 two clients are of one site:", () => {
  /** Where two clients are. The first identifier in the order of A13 decides. */
  test.each<[string, boolean, ClientLocation, ClientLocation]>([
    [
      "equal remote-ids, other identifiers differ",
      true,
      { options: [remoteId("a"), subscriberId("x")], interfaceId: "eth1" },
      { options: [remoteId("a"), subscriberId("y")], interfaceId: "eth2", linkAddress: "2001:db8:b::1" },
    ],
    [
      "different remote-ids, other identifiers are equal",
      false,
      { options: [remoteId("a"), subscriberId("x")], interfaceId: "eth1" },
      { options: [remoteId("b"), subscriberId("x")], interfaceId: "eth1" },
    ],
    [
      "equal subscriber-ids",
      true,
      { options: [subscriberId("x")], interfaceId: "eth1" },
      { options: [subscriberId("x")], interfaceId: "eth2" },
    ],
    [
      "different subscriber-ids",
      false,
      { options: [subscriberId("x")], interfaceId: "eth1" },
      { options: [subscriberId("y")], interfaceId: "eth1" },
    ],
    ["equal Interface-Ids of one relay", true, { interfaceId: "eth1" }, { interfaceId: "eth1" }],
    ["different Interface-Ids", false, { interfaceId: "eth1" }, { interfaceId: "eth2" }],
    [
      "equal Interface-Ids of two relays",
      false,
      { interfaceId: "eth1" },
      { interfaceId: "eth1", linkAddress: "2001:db8:b::1" },
    ],
    ["sources in one /56", true, { source: "2001:db8:1:100::1" }, { source: "2001:db8:1:1ff::2" }],
    ["sources in two /56", false, { source: "2001:db8:1:100::1" }, { source: "2001:db8:1:200::1" }],
    ["link-local sources, which identify no site", false, { source: "fe80::1" }, { source: "fe80::2" }],
  ])("%s: %s", async (_what, isOne, first, second) => {
    const stage = await Stage.open({ siteLeasesMax: 1 });
    await stage.client(1, first).lease();
    const outcome = await stage.outcome(() => stage.client(2, second).discover());
    expect(outcome).toBe(isOne ? "silence:site-limit" : "offer 192.0.2.19 PSID 1");
  });

  test("sources in one /64, if the domain sets sitePrefixLength to 64", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1, sitePrefixLength: 64 });
    await stage.client(1, { source: "2001:db8:1:100::1" }).lease();
    const same = stage.client(2, { source: "2001:db8:1:100::2" });
    const next = stage.client(3, { source: "2001:db8:1:101::1" });
    expect(await stage.outcome(() => same.discover())).toBe("silence:site-limit");
    expect(await stage.outcome(() => next.discover())).toBe("offer 192.0.2.19 PSID 1");
  });
});

test("R7618-10-02 each domain counts sites separately, even if they have the same identifier", async () => {
  const location = { options: [remoteId("line-1")] };
  const other = {
    ...domain,
    name: "other",
    default: false,
    prefixes: ["2001:db8:b::/48"],
    pools: [{ name: "others", kind: "shared" as const, range: "198.51.100.128/25", psidLength: 6 }],
  };
  const stage = await Stage.open([
    { ...domain, siteLeasesMax: 1 },
    { ...other, siteLeasesMax: 1 },
  ]);
  await stage.client(1, location).lease();
  const elsewhere = stage.client(2, { ...location, linkAddress: "2001:db8:b::1" });
  expect(await stage.outcome(() => elsewhere.discover())).toBe("offer 198.51.100.128 PSID 1");
});

test("A13 R7618-8-05 the site is stored with the lease", async () => {
  const stage = await Stage.open();
  await stage.client(1, { options: [subscriberId("cust-0001")] }).lease();
  const rows = await query(stage.database, "SELECT site FROM lease");
  expect(rows[0]!.site).toBe(`subscriber:${encodeHex(new TextEncoder().encode("cust-0001"))}`);
});
