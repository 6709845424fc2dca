/**
 * RFC 7618 §6 to §8: client, address and PSID identify a lease, and every message about a lease must match all three.
 */
import { describe, expect, test } from "vitest";
import { OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { pairText, sharedOnly, Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";

const without159 = { parameterRequestList: [1, 6, 51] };
/** @returns Pairs with the address of a lease but another PSID, PSID length or offset in option 159. */
const others = (lease: Answer) => {
  const { address, portParams } = lease;
  return [
    { address, portParams: { ...portParams!, psid: portParams!.psid + 1 } },
    { address, portParams: { ...portParams!, psidLength: 7, psid: portParams!.psid * 2 } },
    { address, portParams: { ...portParams!, psidOffset: 1 } },
  ];
};
const keeping = ["renew", "rebind", "reboot"] as const;

test("R7618-6-07 no other client can select, extend, reboot with or release a leased pair", async () => {
  const stage = await Stage.open();
  const lease = await stage.client(1).lease();
  const other = stage.client(2);
  for (const [what, outcome] of [
    ["select", "nak:pair-not-offered"],
    ["renew", "nak:pair-not-held"],
    ["rebind", "nak:pair-not-held"],
    ["reboot", "silence:unknown-client"],
    ["release", "silence:release-without-lease"],
  ] as const) {
    expect(await stage.outcome(() => other[what](lease)), what).toBe(outcome);
  }
  expect(await stage.outcome(() => stage.client(1).renew(lease))).toBe("ack 192.0.2.18 PSID 1");
});

test("R7618-5-04 R7618-8-08 a RELEASE ends the lease of one PSID, and the other PSIDs of the address stay leased", async () => {
  const stage = await Stage.open({
    quarantineSeconds: 0,
    pools: [{ name: "one", kind: "shared", range: "192.0.2.18/32", psidLength: 2 }],
  });
  const leases: Answer[] = [];
  for (const number of [1, 2, 3]) leases.push(await stage.client(number).lease());
  expect(await stage.outcome(() => stage.client(2).release(leases[1]!))).toBe("silence:released");
  expect(await stage.outcome(() => stage.client(1).renew(leases[0]!))).toBe("ack 192.0.2.18 PSID 1");
  expect(await stage.outcome(() => stage.client(3).renew(leases[2]!))).toBe("ack 192.0.2.18 PSID 3");
  expect(await stage.outcome(() => stage.client(4).discover())).toBe("offer 192.0.2.18 PSID 2");
});

describe("a message with another port set of the client's own address", () => {
  test("R7618-8-08 R7618-7-06 A5 releases nothing", async () => {
    const stage = await Stage.open();
    const lease = await stage.client(1).lease();
    const neighbour = await stage.client(2).lease({ address: lease.message.yiaddr });
    expect(neighbour.address).toBe(lease.address);
    for (const other of [...others(lease), neighbour]) {
      expect(await stage.outcome(() => stage.client(1).release(other))).toBe("silence:release-without-lease");
    }
    expect(await stage.leases()).toBe(2);
  });

  test.each(keeping)("R7618-7-06 A5 gets DHCPNAK: %s", async (what) => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const lease = await client.lease();
    for (const other of others(lease)) {
      expect(await stage.outcome(() => client[what](other))).toBe("nak:pair-not-held");
    }
    expect(await stage.outcome(() => client[what](lease))).toBe("ack 192.0.2.18 PSID 1");
  });

  test("R7618-6-07 gets DHCPNAK if that port set was not offered", async () => {
    const stage = await Stage.open();
    const offer = (await stage.client(1).discover())!;
    for (const other of others(offer)) {
      expect(await stage.outcome(() => stage.client(1).select(other))).toBe("nak:pair-not-offered");
    }
    expect(await stage.outcome(() => stage.client(1).select(offer))).toBe("ack 192.0.2.18 PSID 1");
  });
});

describe("a message without option 159", () => {
  const bare = { portParams: null };

  test("A3 R7618-8-09 in SELECTING gets DHCPNAK, because an address without port set is no pair", async () => {
    const stage = await Stage.open();
    const offer = (await stage.client(1).discover())!;
    expect(await stage.outcome(() => stage.client(1).select(offer, bare))).toBe("nak:pair-not-offered");
  });

  test("A3 in SELECTING gets the offered pair from a lenient domain, and no other pair", async () => {
    const stage = await Stage.open({ acceptsRequestWithoutPortSet: true });
    const offer = (await stage.client(1).discover())!;
    const ack = await stage.client(1).select(offer, bare);
    expect(pairText(ack!)).toBe("ack 192.0.2.18 PSID 1");
    expect(await stage.outcome(() => stage.client(2).select(offer, bare))).toBe("nak:pair-not-offered");
    await stage.client(3).discover();
    const elsewhere = { ...offer, address: "192.0.2.18" };
    expect(await stage.outcome(() => stage.client(3).select(elsewhere, bare))).toBe("nak:pair-not-offered");
  });

  test.each(keeping)("R7618-7-06 gets DHCPNAK for a shared lease: %s", async (what) => {
    const stage = await Stage.open();
    const lease = await stage.client(1).lease();
    expect(await stage.outcome(() => stage.client(1)[what](lease, bare))).toBe("nak:pair-not-held");
  });

  test("A4 R7618-8-08 releases no shared lease", async () => {
    const stage = await Stage.open();
    const lease = await stage.client(1).lease();
    expect(await stage.outcome(() => stage.client(1).release(lease, bare))).toBe(
      "silence:release-without-lease",
    );
    expect(await stage.leases()).toBe(1);
  });

  test("A4 releases a full lease", async () => {
    const stage = await Stage.open();
    const lease = await stage.client(1).lease({}, without159);
    expect(await stage.outcome(() => stage.client(1).release(lease))).toBe("silence:released");
    expect(await stage.leases()).toBe(0);
  });
});

describe("INIT-REBOOT", () => {
  test("R7618-6-11 A10 keeps the lease from the source that it was given to, and gets DHCPNAK from another source", async () => {
    const stage = await Stage.open();
    const lease = await stage.client(1).lease();
    expect(await stage.outcome(() => stage.client(1).reboot(lease))).toBe("ack 192.0.2.18 PSID 1");
    const moved = stage.client(1, { source: "fe80::bad" });
    expect(await stage.outcome(() => moved.reboot(lease))).toBe("nak:source-changed");
    // The lease still belongs to its client.
    expect(await stage.outcome(() => stage.client(1).reboot(lease))).toBe("ack 192.0.2.18 PSID 1");
  });

  test("R7618-6-11 is compared by the address of the client, not of a relay", async () => {
    const stage = await Stage.open();
    const lease = await stage.client(1).lease();
    const elsewhere = stage.client(1, { linkAddress: "2001:db8:a:b::1" });
    expect(await stage.outcome(() => elsewhere.reboot(lease))).toBe("ack 192.0.2.18 PSID 1");
  });

  test("A10 from another source keeps the lease if the domain allows it", async () => {
    const stage = await Stage.open({ rebootNeedsSameSource: false });
    const lease = await stage.client(1).lease();
    const moved = stage.client(1, { source: "fe80::bad" });
    expect(await stage.outcome(() => moved.reboot(lease))).toBe("ack 192.0.2.18 PSID 1");
  });

  test("R7618-6-11 applies to INIT-REBOOT only: a renewal may come from another source", async () => {
    const stage = await Stage.open();
    const lease = await stage.client(1).lease();
    const moved = stage.client(1, { source: "fe80::bad" });
    expect(await stage.outcome(() => moved.renew(lease))).toBe("ack 192.0.2.18 PSID 1");
    // The lease now has the source of the renewal.
    expect(await stage.outcome(() => moved.reboot(lease))).toBe("ack 192.0.2.18 PSID 1");
  });
});

describe("DECLINE", () => {
  const small = {
    declineSeconds: 600,
    pools: [{ name: "one", kind: "shared" as const, range: "192.0.2.18/32", psidLength: 2 }],
  };

  test("A14 keeps the client's own pair from every client, and no other pair of the address", async () => {
    const stage = await Stage.open(small);
    const leases: Answer[] = [];
    for (const number of [1, 2]) leases.push(await stage.client(number).lease());
    expect(await stage.outcome(() => stage.client(1).decline("192.0.2.18"))).toBe("silence:declined");
    expect(await stage.outcome(() => stage.client(2).renew(leases[1]!))).toBe("ack 192.0.2.18 PSID 2");
    // No client gets PSID 1, not even the one that declined it. PSID 3 was never used.
    expect(await stage.outcome(() => stage.client(1).discover())).toBe("offer 192.0.2.18 PSID 3");
    expect(await stage.outcome(() => stage.client(3).discover())).toBe("silence:pools-exhausted");
    const requested = { address: leases[0]!.message.yiaddr, portParams: leases[0]!.portParams };
    stage.now += 599;
    expect(await stage.outcome(() => stage.client(3).discover(requested))).not.toMatch(/PSID 1$/);
    stage.now += 1;
    expect(await stage.outcome(() => stage.client(4).discover(requested))).toBe("offer 192.0.2.18 PSID 1");
  });

  test("A14 of a client without a pair of that address changes nothing", async () => {
    const stage = await Stage.open(small);
    const lease = await stage.client(1).lease();
    expect(await stage.outcome(() => stage.client(2).decline("192.0.2.18"))).toBe(
      "silence:release-without-lease",
    );
    expect(stage.logged.filter(({ level }) => level === "warn")).toEqual([]);
    const { portParams } = lease;
    const named = { portParams: { ...portParams!, psid: 2 } };
    expect(await stage.outcome(() => stage.client(1).decline("192.0.2.18", named))).toBe(
      "silence:release-without-lease",
    );
    expect(await stage.outcome(() => stage.client(1).renew(lease))).toBe("ack 192.0.2.18 PSID 1");
  });
});

test("R7618-8-08 a RELEASE for another server changes nothing", async () => {
  const stage = await Stage.open(sharedOnly);
  const lease = await stage.client(1).lease();
  const elsewhere = { options: { [OptionCode.serverIdentifier]: [198, 51, 100, 2] } };
  expect(await stage.outcome(() => stage.client(1).release(lease, elsewhere))).toBe(
    "silence:other-server-chosen",
  );
  expect(await stage.leases()).toBe(1);
});
