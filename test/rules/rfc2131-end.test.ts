/**
 * DHCPDECLINE, DHCPRELEASE, DHCPINFORM: RFC 2131 §4.3.3, §4.3.4, §4.3.5.
 */
import { describe, expect, test } from "vitest";
import { encodeAddress } from "../../src/wire/dhcpv4/options/address.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { domain, Stage } from "./stage.ts";

/** A domain with a single address, so that a client that can't get it gets none. */
const oneAddress: Partial<typeof domain> = {
  quarantineSeconds: 10,
  declineSeconds: 500,
  leaseSeconds: { default: 1000, min: 60, max: 2000 },
  pools: [{ name: "one", kind: "full", range: "203.0.113.7/32" }],
};
const otherServer = encodeAddress(parseIPv4("198.51.100.2"));

describe("DECLINE", () => {
  test("R2131-4.3.3-01 keeps the pair from every client, gets no answer, and warns the operator", async () => {
    const stage = await Stage.open(oneAddress);
    const { address } = await stage.client(1).lease();
    expect(await stage.client(1).decline(address)).toBeUndefined();
    expect(stage.count("silence:declined")).toBe(1);
    expect(stage.logged.filter(({ level }) => level === "warn")).toMatchObject([
      { fields: { reason: "declined", clientId: encodeHex(stage.client(1).clientIdentifier) } },
    ]);
    expect(await stage.leases()).toBe(0);
    for (const seconds of [0, 499]) {
      stage.now += seconds;
      expect(await stage.client(1).discover()).toBeUndefined();
      expect(await stage.client(2).discover({ address: parseIPv4(address) })).toBeUndefined();
    }
    stage.now += 1;
    expect(await stage.client(2).discover()).toMatchObject({ address });
  });

  test("R2131-4.3.3-01 an offered pair can be declined, and the client then gets another pair", async () => {
    const stage = await Stage.open();
    const offer = (await stage.client(1).discover())!;
    expect(await stage.client(1).decline(offer.address)).toBeUndefined();
    const next = await stage.client(1).lease();
    expect([next.address, next.portParams]).not.toEqual([offer.address, offer.portParams]);
  });

  test.each([
    ["for another server", { options: { 54: otherServer } }, "silence:other-server-chosen"],
    ["of an address of no pool", { options: { 50: [192, 0, 2, 200] } }, "silence:release-without-lease"],
    ["without an address", { options: { 50: null } }, "silence:release-without-lease"],
  ])("R2131-4.3.3-01 a DECLINE %s changes nothing", async (_what, overrides, outcome) => {
    const stage = await Stage.open(oneAddress);
    const ack = await stage.client(1).lease();
    expect(await stage.client(1).decline(ack.address, overrides)).toBeUndefined();
    expect(stage.count(outcome)).toBe(1);
    expect(await stage.client(1).renew(ack)).toMatchObject({ type: "ack" });
  });

  test("R2131-4.3.3-01 a DECLINE of another client's pair changes nothing", async () => {
    const stage = await Stage.open(oneAddress);
    const ack = await stage.client(1).lease();
    expect(await stage.client(2).decline(ack.address)).toBeUndefined();
    expect(await stage.leases()).toBe(1);
    expect(await stage.client(1).renew(ack)).toMatchObject({ type: "ack" });
  });
});

describe("RELEASE", () => {
  test("R2131-4.3.4-01 frees the pair for other clients, and gets no answer", async () => {
    const stage = await Stage.open(oneAddress);
    const ack = await stage.client(1).lease();
    expect(await stage.client(1).release(ack)).toBeUndefined();
    expect(stage.count("silence:released")).toBe(1);
    expect(await stage.leases()).toBe(0);
    stage.now += 10;
    expect(await stage.client(2).lease()).toMatchObject({ address: ack.address });
  });

  test("R2131-4.3.4-01 remembers the client, which gets its pair again instead of a new one", async () => {
    const stage = await Stage.open();
    const ack = await stage.client(1).lease();
    await stage.client(1).release(ack);
    stage.now += 3600;
    await stage.client(2).lease();
    const { address, portParams } = ack;
    expect(await stage.client(1).discover()).toMatchObject({ type: "offer", address, portParams });
  });

  test.each([
    ["for another server", { options: { 54: otherServer } }, "silence:other-server-chosen"],
    ["of another address", { header: { ciaddr: parseIPv4("203.0.113.6") } }, "silence:release-without-lease"],
    ["without an address", { header: { ciaddr: 0 } }, "silence:release-without-lease"],
  ])("R2131-4.3.4-01 a RELEASE %s changes nothing", async (_what, overrides, outcome) => {
    const stage = await Stage.open(oneAddress);
    const ack = await stage.client(1).lease();
    expect(await stage.client(1).release(ack, overrides)).toBeUndefined();
    expect(stage.count(outcome)).toBe(1);
    expect(await stage.client(1).renew(ack)).toMatchObject({ type: "ack" });
  });
});

describe("INFORM", () => {
  const settings: Partial<typeof domain> = { ...oneAddress, options: { mtu: 1460 } };
  const requested = { parameterRequestList: [51, 58, 59, 26], leaseSeconds: 900 };

  test.each([
    ["of a client without a lease", 2],
    ["of a client with a lease of that address", 1],
  ])("R2131-4.3.5-01 the ACK of an INFORM %s has no yiaddr and no lease time", async (_what, number) => {
    const stage = await Stage.open(settings);
    const lease = await stage.client(1).lease();
    const ack = (await stage.client(number).inform(lease.address, requested))!;
    expect(ack).toMatchObject({ type: "ack", address: "0.0.0.0" });
    expect([...ack.message.options.keys()]).toEqual([53, 54, 26, 61]);
    expect(stage.count("settings")).toBe(1 + probesPerMessage * 3);
    expect(await stage.leases()).toBe(1);
  });

  test("R2131-4.3.5-01 an INFORM is answered whichever client has the address, and changes no lease", async () => {
    const stage = await Stage.open(settings);
    const lease = await stage.client(1).lease();
    stage.now += 900;
    for (const address of [lease.address, "192.0.2.200"]) {
      expect(await stage.client(2).inform(address)).toMatchObject({ type: "ack", address: "0.0.0.0" });
      expect(await stage.client(1).inform(address)).toMatchObject({ type: "ack", address: "0.0.0.0" });
    }
    stage.now += 100;
    expect(await stage.leases()).toBe(0);
  });
});

/** The stage sends two INFORMs after each message, which are counted as `settings` too. */
const probesPerMessage = 2;
