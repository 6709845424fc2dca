/**
 * DHCPDISCOVER and who a client is: RFC 2131 §3, §4.2, §4.3.1, RFC 4361, RFC 4039.
 */
import { describe, expect, test } from "vitest";
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { encodeClientIdentifier } from "../../src/wire/dhcpv4/options/client-identifier.ts";
import { decodeSeconds } from "../../src/wire/dhcpv4/options/seconds.ts";
import type { Speech } from "./acting-client.ts";
import { domain, Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";
import { query } from "../support/sql.ts";

/** One address: what one client has, no other can get. */
const oneAddress: Partial<typeof domain> = {
  offerHoldSeconds: 60,
  quarantineSeconds: 0,
  pools: [{ name: "one", kind: "full", range: "203.0.113.7/32" }],
};

const leaseSecondsOf = (answer: Answer | undefined) => decodeSeconds(answer!.message.options.get(51)!);

describe("who a client is", () => {
  test("R2131-4.2-01 option 61 is the client, whatever its hardware address", async () => {
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
    ["by an octet more", [...identifier, 0]],
    ["by an octet less", identifier.slice(0, -1)],
    ["in its type", [0, ...identifier.slice(1)]],
  ])("R2131-4.2-01 an option 61 that differs %s is another client", async (_difference, other) => {
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

/** DHCPOFFER, DHCPACK, DHCPNAK, DHCPFORCERENEW, the lease queries of RFC 4388 and more, and what has no meaning. */
test.each([0, 2, 5, 6, 9, 10, 13, 18, 254])(
  "R2131-3-01 a message of type %i is dropped: clients do not send it to servers",
  async (type) => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const { address, portParams } = await client.lease();
    expect(await client.say(type, { portParams }, [[50, undefined]])).toBeUndefined();
    expect(stage.count("silence:unserved-message-type")).toBe(1);
    expect(await client.rebind({ address, portParams })).toMatchObject({ type: "ack", address });
  },
);

describe("offers", () => {
  test("R2131-4.3.1-01 a DISCOVER that is repeated gets the same offer", async () => {
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

  test("R2131-4.3.1-02 an offered pair is not offered to others while it is held", async () => {
    const stage = await Stage.open(oneAddress);
    const offer = (await stage.client(1).discover())!;
    expect(await stage.client(2).discover()).toBeUndefined();
    stage.now += 59;
    expect(await stage.client(2).discover({ address: offer.message.yiaddr })).toBeUndefined();
    expect(stage.count("silence:pools-exhausted")).toBe(2);
    expect(await stage.client(1).select(offer)).toMatchObject({ type: "ack", address: "203.0.113.7" });
  });

  test("R2131-4.3.1-03 an offer that was not accepted goes to another client", async () => {
    const stage = await Stage.open(oneAddress);
    await stage.client(1).discover();
    stage.now += 60;
    const offer = await stage.client(2).lease();
    expect(offer.address).toBe("203.0.113.7");
    expect(await stage.leases()).toBe(1);
  });

  test("R2131-4.3.1-04 without a free pair, a DISCOVER has no answer", async () => {
    const stage = await Stage.open(oneAddress);
    await stage.client(1).lease();
    expect(await stage.client(2).discover()).toBeUndefined();
    expect(stage.count("silence:pools-exhausted")).toBe(1);
    expect(await stage.leases()).toBe(1);
  });

  test("R2131-4.3.1-04 in a domain without pools, a DISCOVER has no answer", async () => {
    const stage = await Stage.open({ pools: [] });
    expect(await stage.client(1).discover()).toBeUndefined();
    expect(stage.count("silence:no-pool")).toBe(1);
  });
});

describe("lease time", () => {
  const leaseSeconds = { default: 1000, min: 600, max: 2000 };

  test.each<[wish: string, speech: Speech, granted: number]>([
    ["no wish gets the default", {}, 1000],
    ["a wish within the bounds is granted", { leaseSeconds: 1234 }, 1234],
    ["the least that is granted", { leaseSeconds: 600 }, 600],
    ["a shorter wish gets the least", { leaseSeconds: 599 }, 600],
    ["no time at all gets the least", { leaseSeconds: 0 }, 600],
    ["the most that is granted", { leaseSeconds: 2000 }, 2000],
    ["a longer wish gets the most", { leaseSeconds: 2001 }, 2000],
    ["infinity gets the most", { leaseSeconds: 0xffffffff }, 2000],
    ["a malformed wish is none", { options: { 51: [1, 2, 3] } }, 1000],
  ])("R2131-4.3.1-05 %s", async (_wish, speech, granted) => {
    const stage = await Stage.open({ leaseSeconds });
    const client = stage.client(1);
    const offer = (await client.discover({}, speech))!;
    const ack = await client.select(offer, speech);
    expect([offer, ack].map(leaseSecondsOf)).toEqual([granted, granted]);
    stage.now += granted - 1;
    expect(await stage.leases()).toBe(1);
    stage.now += 1;
    expect(await stage.leases()).toBe(0);
  });

  test.each<[what: string, passed: number, speech: Speech, granted: number]>([
    ["what is left of the lease to a client that has one", 400, {}, 600],
    ["what is left, even below the least", 900, {}, 100],
    ["its wish to a client that has a lease", 400, { leaseSeconds: 1500 }, 1500],
    ["the default to a client whose lease has ended", 1000, {}, 1000],
  ])("R2131-4.3.1-05 a DISCOVER is offered %s", async (_what, passed, speech, granted) => {
    const stage = await Stage.open({ leaseSeconds });
    const client = stage.client(1);
    const { address } = await client.lease();
    stage.now += passed;
    const offer = await client.discover({}, speech);
    expect(offer).toMatchObject({ type: "offer", address });
    expect(leaseSecondsOf(offer)).toBe(granted);
  });
});

describe("rapid commit", () => {
  const rapid: Speech = { options: { 80: [] } };
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

  test.each<[domain: string, rapidCommit: boolean | undefined, speech: Speech]>([
    ["by default, option 80 has no effect", undefined, rapid],
    ["where it is off, option 80 has no effect", false, rapid],
    ["where it is on, a DISCOVER without option 80 gets an offer", true, {}],
    ["a malformed option 80 is none", true, { options: { 80: [1] } }],
  ])("R4039-3.1-02 %s", async (_domain, rapidCommit, speech) => {
    const stage = await Stage.open(rapidCommit === undefined ? {} : { rapidCommit });
    const offer = (await stage.client(1).discover({}, speech))!;
    expect(offer.type).toBe("offer");
    expect(offer.message.options.has(80)).toBe(false);
    expect(await states(stage)).toEqual([1]);
  });

  test("R4039-3.1-02 option 80 is in no answer to another message", async () => {
    const stage = await Stage.open({ rapidCommit: true });
    const client = stage.client(1);
    const ack = (await client.discover({}, rapid))!;
    const answers = [
      await client.select(ack, rapid),
      await client.rebind(ack, rapid),
      await client.reboot({ ...ack, address: "192.0.2.77" }, rapid),
      await client.say(MessageType.inform, rapid),
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
