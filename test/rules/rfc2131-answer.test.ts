/**
 * What an answer consists of: RFC 2131 table 3 and §4.4.5, RFC 6842.
 */
import { describe, expect, test } from "vitest";
import { decodeSeconds } from "../../src/wire/dhcpv4/options/seconds.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import type { ActingClient, NamedPair, Speech } from "./acting-client.ts";
import { domain, Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";

/** Each kind of answer: what a client with a lease says to get it. */
const occasions = {
  "an OFFER": (client, _lease, speech) => client.discover({}, speech),
  "the ACK of SELECTING": (client, lease, speech) => client.select(lease, speech),
  "the ACK of INIT-REBOOT": (client, lease, speech) => client.reboot(lease, speech),
  "the ACK of RENEWING": (client, lease, speech) => client.renew(lease, speech),
  "the ACK of INFORM": (client, lease, speech) => client.inform(lease.address, speech),
  "a NAK": (client, _lease, speech) => client.reboot(elsewhere, speech),
} satisfies Record<
  string,
  (client: ActingClient, lease: NamedPair, speech: Speech) => Promise<Answer | undefined>
>;
type Occasion = keyof typeof occasions;

const all = Object.keys(occasions) as Occasion[];
const without = (...others: Occasion[]) => all.filter((occasion) => !others.includes(occasion));
const noLease: Occasion[] = ["the ACK of INFORM", "a NAK"];
const elsewhere: NamedPair = { address: "192.0.2.200", portParams: undefined };

/** An answer of a kind to client 1, and the lease that it has. */
async function occur(occasion: Occasion, speech: Speech = {}, fields: Partial<typeof domain> = {}) {
  const stage = await Stage.open({ leaseSeconds: { default: 3600, min: 60, max: 7200 }, ...fields });
  const client = stage.client(1);
  const lease = await client.lease();
  const answer = await occasions[occasion](client, lease, speech);
  return { client, lease, answer: answer! };
}

const oddHeader = {
  htype: 6,
  hlen: 8,
  hops: 3,
  xid: 0xcafe0001,
  secs: 77,
  flags: 0x8000,
  giaddr: parseIPv4("198.51.100.77"),
  chaddr: Uint8Array.from({ length: 16 }, (_, index) => index + 1),
};

describe("header", () => {
  test.each(all)(
    "R2131-4.3.1-T3-01 %s: op 2; htype, hlen and xid of the query; hops and secs 0",
    async (occasion) => {
      const { answer } = await occur(occasion, { xid: oddHeader.xid, header: oddHeader });
      const { op, htype, hlen, hops, xid, secs } = answer.message;
      expect({ op, htype, hlen, hops, xid, secs }).toEqual({
        op: 2,
        htype: 6,
        hlen: 8,
        hops: 0,
        xid: 0xcafe0001,
        secs: 0,
      });
    },
  );

  test.each<[occasion: Occasion, ciaddr: "of the client" | "0"]>([
    ["an OFFER", "0"],
    ["the ACK of SELECTING", "0"],
    ["the ACK of INIT-REBOOT", "0"],
    ["the ACK of RENEWING", "of the client"],
    ["the ACK of INFORM", "of the client"],
    ["a NAK", "0"],
  ])("R2131-4.3.1-T3-02 ciaddr of %s is %s", async (occasion, ciaddr) => {
    const { answer, lease } = await occur(occasion);
    expect(answer.message.ciaddr).toBe(ciaddr === "0" ? 0 : lease.message.yiaddr);
  });

  test("R2131-4.3.1-T3-02 ciaddr of a NAK is 0 also to a client that says one", async () => {
    const { client } = await occur("an OFFER");
    const nak = await client.renew(elsewhere);
    expect(nak).toMatchObject({ type: "nak", message: { ciaddr: 0, yiaddr: 0 } });
  });

  test.each(without(...noLease))(
    "R2131-4.3.1-T3-03 yiaddr of %s is the address of the lease",
    async (occasion) => {
      const { answer, lease } = await occur(occasion);
      expect(answer.address).toBe(lease.address);
    },
  );

  test.each(noLease)("R2131-4.3.1-T3-03 yiaddr of %s is 0", async (occasion) => {
    const { answer } = await occur(occasion);
    expect(answer.message.yiaddr).toBe(0);
  });

  test("R2131-4.3.1-T3-03 yiaddr of a NAK is 0 also to a client that says ciaddr", async () => {
    const { client } = await occur("an OFFER");
    expect(await client.rebind(elsewhere)).toMatchObject({ type: "nak", address: "0.0.0.0" });
  });

  /** None, B, all of them, and one that means nothing. */
  const flagsOfQueries = [0, 0x8000, 0xffff, 0x0001];

  test.each(all)(
    "R2131-4.3.1-T3-04 flags, giaddr and chaddr of %s are those of the query",
    async (occasion) => {
      for (const flags of flagsOfQueries) {
        const { giaddr, chaddr } = oddHeader;
        const { answer } = await occur(occasion, { header: { flags, giaddr, chaddr } });
        expect(answer.message).toMatchObject({ flags, giaddr, chaddr });
      }
    },
  );
});

describe("options", () => {
  const greedy: Speech = {
    leaseSeconds: 900,
    options: { 55: [50, 51, 53, 54, 55, 57, 61, 159, 1, 26], 57: [5, 220], 60: [65, 66], 12: [67] },
  };
  const fields: Partial<typeof domain> = { options: { mtu: 1460 } };

  test.each(all)(
    "R2131-4.3.1-T3-05 options 50, 55 and 57 are not in %s, even when listed",
    async (occasion) => {
      const { answer } = await occur(occasion, greedy, fields);
      expect([...answer.message.options.keys()].filter((code) => [50, 55, 57].includes(code))).toEqual([]);
    },
  );

  test.each(without(...noLease))("R2131-4.3.1-T3-06 lease time is in %s", async (occasion) => {
    const { answer } = await occur(occasion, greedy, fields);
    expect(decodeSeconds(answer.message.options.get(51)!)).toBe(900);
  });

  test.each(noLease)("R2131-4.3.1-T3-06 lease time is not in %s", async (occasion) => {
    const { answer } = await occur(occasion, greedy, fields);
    expect([51, 58, 59].filter((code) => answer.message.options.has(code))).toEqual([]);
  });

  test.each(all)("R2131-4.3.1-T3-07 options 53 and 54 are in %s", async (occasion) => {
    const { answer } = await occur(occasion, { options: { 55: [159] } });
    expect(answer.message.options.get(53)).toHaveLength(1);
    expect(answer.message.options.get(54)).toEqual(Uint8Array.of(198, 51, 100, 1));
  });

  test("R2131-4.3.1-T3-08 option 56 of a NAK says why", async () => {
    const { client, answer } = await occur("a NAK");
    const why = (nak: Answer | undefined) => new TextDecoder().decode(nak!.message.options.get(56));
    expect(why(answer)).toBe("The requested address is in no pool of the client's domain.");
    expect(why(await client.renew(elsewhere))).toBe(
      "The client asks to keep a pair of address and port set that is not its lease.",
    );
  });

  test("R2131-4.3.1-T3-09 a NAK has options 53, 54, 56 and 61 only", async () => {
    const { client, answer } = await occur("a NAK", greedy, fields);
    const again = await client.renew(elsewhere, { softwire: "2001:db8:1234:5600::1", ...greedy });
    for (const { message } of [answer, again!]) {
      expect([...message.options.keys()]).toEqual([53, 54, 56, 61]);
      expect(message.overload).toBe(0);
    }
  });

  test.each([
    [3600, 1800, 3150],
    [60, 30, 52],
    [61, 30, 53],
    [7200, 3600, 6300],
  ])("R2131-4.4.5-01 of a lease of %i s, T1 is %i s and T2 %i s", async (leaseSeconds, t1, t2) => {
    for (const occasion of without(...noLease)) {
      const { answer } = await occur(occasion, { leaseSeconds });
      const times = [51, 58, 59].map((code) => decodeSeconds(answer.message.options.get(code)!));
      expect(times).toEqual([leaseSeconds, t1, t2]);
    }
  });

  test("R2131-4.4.5-01 T1 and T2 of an offer are fractions of the remaining lease time", async () => {
    const stage = await Stage.open({ leaseSeconds: { default: 3600, min: 60, max: 7200 } });
    await stage.client(1).lease();
    stage.now += 3000;
    const { options } = (await stage.client(1).discover())!.message;
    expect([51, 58, 59].map((code) => decodeSeconds(options.get(code)!))).toEqual([600, 300, 525]);
  });
});

describe("client identifier", () => {
  const identifiers: [what: string, identifier: readonly number[]][] = [
    ["of RFC 4361", [255, 0, 0, 0, 1, 0, 3, 0, 1, 2, 0, 0, 0, 0, 9]],
    ["that ends with zeros", [0, 0, 0]],
    ["of a hardware address", [1, 2, 0, 0, 0, 0, 1]],
    ["of 254 octets", Array.from({ length: 254 }, (_, index) => index)],
  ];

  test.each(identifiers)(
    "R6842-3-01 option 61 %s returns unaltered in OFFER, ACK and NAK",
    async (_what, identifier) => {
      const stage = await Stage.open();
      const client = stage.client(1);
      const speech = { options: { 61: identifier } };
      const ack = await client.lease({}, speech);
      for (const occasion of all) {
        const answer = await occasions[occasion](client, ack, speech);
        expect([...answer!.message.options.get(61)!]).toEqual(identifier);
      }
    },
  );

  test("R6842-3-02 no option 61 to a client that sent none", async () => {
    const stage = await Stage.open({ identifiesByHardwareAddress: true });
    const client = stage.client(1);
    const speech: Speech = { parameterRequestList: [1, 61], options: { 61: null } };
    const ack = await client.lease({}, speech);
    expect(ack.message.options.has(61)).toBe(false);
    for (const occasion of all) {
      const answer = await occasions[occasion](client, ack, speech);
      expect(answer?.message.options.has(61)).toBe(false);
    }
  });
});
