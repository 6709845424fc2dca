/**
 * DHCPDISCOVER and the identity of clients: RFC 2131 §3, §4.2, §4.3.1, RFC 4361, RFC 4039.
 */
import { describe, expect, test } from "vitest";
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { encodeClientIdentifier } from "../../src/wire/dhcpv4/options/client-identifier.ts";
import { decodeSeconds } from "../../src/wire/dhcpv4/options/seconds.ts";
import type { MessageOverrides } from "./acting-client.ts";
import { domain, Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";
import { query } from "../support/sql.ts";

/** A domain with a single address, so that no second client can get one. */
const oneAddress: Partial<typeof domain> = {
  offerHoldSeconds: 60,
  quarantineSeconds: 0,
  pools: [{ name: "one", kind: "full", range: "203.0.113.7/32" }],
};

const leaseSecondsOf = (answer: Answer | undefined) => decodeSeconds(answer!.message.options.get(51)!);

describe("the identity of a client", () => {
  test("R2131-4.2-01 option 61 identifies a client, whatever its hardware address", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const first = await client.lease();
    const chaddr = Uint8Array.of(0xde, 0xad, 0xbe, 0xef, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const again = await client.discover({}, { header: { chaddr, htype: 6 } });
    expect(again).toMatchObject({ address: first.address, portParams: first.portParams });
    expect(await stage.leases()).toBe(1);
  });

  const identifier = [255, 0, 0, 0, 1, 0, 3, 0, 1, 2, 0, 0, 0, 0, 9];
  test.each<[difference: string, other: readonly number[]]>([
    ["in its last octet", [...identifier.slice(0, -1), 8]],
    ["by one more octet", [...identifier, 0]],
    ["by one octet less", identifier.slice(0, -1)],
    ["in its type", [0, ...identifier.slice(1)]],
  ])("R2131-4.2-01 an option 61 that differs %s identifies another client", async (_difference, other) => {
    const stage = await Stage.open();
    const [one, two] = [stage.client(1), stage.client(1)];
    const first = await one.lease({}, { options: { 61: identifier } });
    const second = await two.lease({}, { options: { 61: other } });
    expect([second.address, second.portParams]).not.toEqual([first.address, first.portParams]);
    expect(await stage.leases()).toBe(2);
  });

  test("R4361-6-01 equal DUIDs with different IAIDs are two clients", async () => {
    const stage = await Stage.open();
    const duid = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 1);
    for (const iaid of [1, 2]) {
      await stage.client(1).lease({}, { options: { 61: encodeClientIdentifier({ iaid, duid }) } });
    }
    expect(await stage.leases()).toBe(2);
  });
});

/** DHCPOFFER, DHCPACK, DHCPNAK, DHCPFORCERENEW, types of the lease query protocol (RFC 4388), and unassigned types. */
test.each([0, 2, 5, 6, 9, 10, 13, 18, 254])(
  "R2131-3-01 a message of type %i is dropped: clients do not send it to servers",
  async (type) => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const { address, portParams } = await client.lease();
    expect(await client.send(type, { portParams }, [[50, undefined]])).toBeUndefined();
    expect(stage.count("silence:unserved-message-type")).toBe(1);
    expect(await client.rebind({ address, portParams })).toMatchObject({ type: "ack", address });
  },
);

describe("offers", () => {
  test("R2131-4.3.1-01 a repeated DISCOVER gets the same offer", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const offer = (await client.discover())!;
    await stage.client(2).discover();
    for (const seconds of [1, 30, 59]) {
      stage.now += seconds;
      const again = await client.discover();
      expect(again).toMatchObject({ address: offer.address, portParams: offer.portParams });
    }
    expect(await stage.client(1).select(offer)).toMatchObject({ type: "ack", address: offer.address });
  });

  test("R2131-4.3.1-02 an offered pair is not offered to other clients while it is held", async () => {
    const stage = await Stage.open(oneAddress);
    const offer = (await stage.client(1).discover())!;
    expect(await stage.client(2).discover()).toBeUndefined();
    stage.now += 59;
    expect(await stage.client(2).discover({ address: offer.message.yiaddr })).toBeUndefined();
    expect(stage.count("silence:pools-exhausted")).toBe(2);
    expect(await stage.client(1).select(offer)).toMatchObject({ type: "ack", address: "203.0.113.7" });
  });

  test("R2131-4.3.1-03 a pair whose offer expired goes to another client", async () => {
    const stage = await Stage.open(oneAddress);
    await stage.client(1).discover();
    stage.now += 60;
    const offer = await stage.client(2).lease();
    expect(offer.address).toBe("203.0.113.7");
    expect(await stage.leases()).toBe(1);
  });

  test("R2131-4.3.1-04 a DISCOVER gets no answer if no pair is available", async () => {
    const stage = await Stage.open(oneAddress);
    await stage.client(1).lease();
    expect(await stage.client(2).discover()).toBeUndefined();
    expect(stage.count("silence:pools-exhausted")).toBe(1);
    expect(await stage.leases()).toBe(1);
  });

  test("R2131-4.3.1-04 a DISCOVER gets no answer in a domain without pools", async () => {
    const stage = await Stage.open({ pools: [] });
    expect(await stage.client(1).discover()).toBeUndefined();
    expect(stage.count("silence:no-pool")).toBe(1);
  });
});

describe("lease time", () => {
  const leaseSeconds = { default: 1000, min: 600, max: 2000 };

  test.each<[title: string, overrides: MessageOverrides, granted: number]>([
    ["no requested time gets the default", {}, 1000],
    ["a requested time within the bounds is granted", { leaseSeconds: 1234 }, 1234],
    ["the minimum is granted", { leaseSeconds: 600 }, 600],
    ["a shorter requested time gets the minimum", { leaseSeconds: 599 }, 600],
    ["a requested time of 0 gets the minimum", { leaseSeconds: 0 }, 600],
    ["the maximum is granted", { leaseSeconds: 2000 }, 2000],
    ["a longer requested time gets the maximum", { leaseSeconds: 2001 }, 2000],
    ["infinity gets the maximum", { leaseSeconds: 0xffffffff }, 2000],
    ["a malformed requested time is ignored", { options: { 51: [1, 2, 3] } }, 1000],
  ])("R2131-4.3.1-05 %s", async (_title, overrides, granted) => {
    const stage = await Stage.open({ leaseSeconds });
    const client = stage.client(1);
    const offer = (await client.discover({}, overrides))!;
    const ack = await client.select(offer, overrides);
    expect([offer, ack].map(leaseSecondsOf)).toEqual([granted, granted]);
    stage.now += granted - 1;
    expect(await stage.leases()).toBe(1);
    stage.now += 1;
    expect(await stage.leases()).toBe(0);
  });

  test.each<[what: string, passed: number, overrides: MessageOverrides, granted: number]>([
    ["of a client with a lease is offered the remaining time", 400, {}, 600],
    ["is offered the remaining time even if it is less than the minimum", 900, {}, 100],
    ["of a client with a lease is offered the requested time", 400, { leaseSeconds: 1500 }, 1500],
    ["of a client whose lease has ended is offered the default", 1000, {}, 1000],
  ])("R2131-4.3.1-05 a DISCOVER %s", async (_what, passed, overrides, granted) => {
    const stage = await Stage.open({ leaseSeconds });
    const client = stage.client(1);
    const { address } = await client.lease();
    stage.now += passed;
    const offer = await client.discover({}, overrides);
    expect(offer).toMatchObject({ type: "offer", address });
    expect(leaseSecondsOf(offer)).toBe(granted);
  });
});

describe("rapid commit", () => {
  const rapid: MessageOverrides = { options: { 80: [] } };
  const states = async (stage: Stage) => {
    const rows = await query(stage.database, "SELECT state FROM lease");
    return rows.map(({ state }) => state);
  };

  test("R4039-3.1-01 a DISCOVER with option 80 gets a committed ACK with option 80", async () => {
    const stage = await Stage.open({ rapidCommit: true });
    const client = stage.client(1);
    const ack = (await client.discover({}, rapid))!;
    expect(ack.type).toBe("ack");
    expect(ack.message.options.get(80)).toEqual(new Uint8Array(0));
    expect(ack.portParams).toEqual({ psidOffset: 0, psidLength: 6, psid: 1 });
    expect(await states(stage)).toEqual([2]);
    expect(await client.rebind(ack)).toMatchObject({ type: "ack", address: ack.address });
  });

  test.each<[domain: string, rapidCommit: boolean | undefined, overrides: MessageOverrides]>([
    ["by default, option 80 has no effect", undefined, rapid],
    ["if it is off, option 80 has no effect", false, rapid],
    ["if it is on, a DISCOVER without option 80 gets an offer", true, {}],
    ["a malformed option 80 is ignored", true, { options: { 80: [1] } }],
  ])("R4039-3.1-02 %s", async (_domain, rapidCommit, overrides) => {
    const stage = await Stage.open(rapidCommit === undefined ? {} : { rapidCommit });
    const offer = (await stage.client(1).discover({}, overrides))!;
    expect(offer.type).toBe("offer");
    expect(offer.message.options.has(80)).toBe(false);
    expect(await states(stage)).toEqual([1]);
  });

  test("R4039-3.1-02 no answer to another message has option 80", async () => {
    const stage = await Stage.open({ rapidCommit: true });
    const client = stage.client(1);
    const ack = (await client.discover({}, rapid))!;
    const answers = [
      await client.select(ack, rapid),
      await client.rebind(ack, rapid),
      await client.reboot({ ...ack, address: "192.0.2.77" }, rapid),
      await client.send(MessageType.inform, rapid),
    ];
    expect(answers.map((answer) => [answer?.type, answer?.message.options.has(80)])).toEqual([
      ["ack", false],
      ["ack", false],
      ["nak", false],
      ["ack", false],
    ]);
  });
});

test("T9 a lease that a wrong clock gave for years is offered again for the longest time of its domain", async () => {
  const stage = await Stage.open();
  const client = stage.client(1);
  stage.now += 315_360_000;
  const lease = await client.lease();
  stage.now -= 315_360_000;
  const offer = await client.discover();
  expect([offer?.address, leaseSecondsOf(offer)]).toEqual([lease.address, 86_400]);
});
