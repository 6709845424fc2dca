/**
 * Fields and options of answers: RFC 2131 table 3 and §4.4.5, RFC 6842.
 */
import { describe, expect, test } from "vitest";
import { decodeSeconds } from "../../src/wire/dhcpv4/options/seconds.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import type { ActingClient, NamedPair, MessageOverrides } from "./acting-client.ts";
import { domain, Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";

/** For each kind of answer, the message with which a client that has a lease obtains it. */
const requests = {
  "an OFFER": (client, _lease, overrides) => client.discover({}, overrides),
  "the ACK of SELECTING": (client, lease, overrides) => client.select(lease, overrides),
  "the ACK of INIT-REBOOT": (client, lease, overrides) => client.reboot(lease, overrides),
  "the ACK of RENEWING": (client, lease, overrides) => client.renew(lease, overrides),
  "the ACK of INFORM": (client, lease, overrides) => client.inform(lease.address, overrides),
  "a NAK": (client, _lease, overrides) => client.reboot(unknownPair, overrides),
} satisfies Record<
  string,
  (client: ActingClient, lease: NamedPair, overrides: MessageOverrides) => Promise<Answer | undefined>
>;
type AnswerKind = keyof typeof requests;

const all = Object.keys(requests) as AnswerKind[];
const without = (...others: AnswerKind[]) => all.filter((kind) => !others.includes(kind));
const noLease: AnswerKind[] = ["the ACK of INFORM", "a NAK"];
const unknownPair: NamedPair = { address: "192.0.2.200", portParams: undefined };

/** Leases a pair to client 1 and obtains an answer of a kind. @returns The client, its lease and the answer. */
async function obtainAnswer(
  kind: AnswerKind,
  overrides: MessageOverrides = {},
  fields: Partial<typeof domain> = {},
) {
  const stage = await Stage.open({ leaseSeconds: { default: 3600, min: 60, max: 7200 }, ...fields });
  const client = stage.client(1);
  const lease = await client.lease();
  const answer = await requests[kind](client, lease, overrides);
  return { client, lease, answer: answer! };
}

const unusualHeader = {
  htype: 6,
  hlen: 8,
  hops: 3,
  xid: 0xcafe0001,
  secs: 77,
  flags: 0x8000,
  giaddr: parseIPv4("198.51.100.77"),
  chaddr: Uint8Array.from({ length: 16 }, (_, index) => index + 1),
};

function expectBetween(value: number, [first, last]: readonly number[]): void {
  expect(value).toBeGreaterThanOrEqual(first!);
  expect(value).toBeLessThanOrEqual(last!);
}

describe("header", () => {
  test.each(all)(
    "R2131-4.3.1-T3-01 %s has op 2, htype, hlen and xid of the query, and hops and secs 0",
    async (kind) => {
      const { answer } = await obtainAnswer(kind, { xid: unusualHeader.xid, header: unusualHeader });
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

  test.each<[kind: AnswerKind, ciaddr: "that of the query" | "0"]>([
    ["an OFFER", "0"],
    ["the ACK of SELECTING", "0"],
    ["the ACK of INIT-REBOOT", "0"],
    ["the ACK of RENEWING", "that of the query"],
    ["the ACK of INFORM", "that of the query"],
    ["a NAK", "0"],
  ])("R2131-4.3.1-T3-02 ciaddr of %s is %s", async (kind, ciaddr) => {
    const { answer, lease } = await obtainAnswer(kind);
    expect(answer.message.ciaddr).toBe(ciaddr === "0" ? 0 : lease.message.yiaddr);
  });

  test("R2131-4.3.1-T3-02 ciaddr of a NAK is 0 even if the query has a ciaddr", async () => {
    const { client } = await obtainAnswer("an OFFER");
    const nak = await client.renew(unknownPair);
    expect(nak).toMatchObject({ type: "nak", message: { ciaddr: 0, yiaddr: 0 } });
  });

  test.each(without(...noLease))(
    "R2131-4.3.1-T3-03 yiaddr of %s is the address of the lease",
    async (kind) => {
      const { answer, lease } = await obtainAnswer(kind);
      expect(answer.address).toBe(lease.address);
    },
  );

  test.each(noLease)("R2131-4.3.1-T3-03 yiaddr of %s is 0", async (kind) => {
    const { answer } = await obtainAnswer(kind);
    expect(answer.message.yiaddr).toBe(0);
  });

  test("R2131-4.3.1-T3-03 yiaddr of a NAK is 0 even if the query has a ciaddr", async () => {
    const { client } = await obtainAnswer("an OFFER");
    expect(await client.rebind(unknownPair)).toMatchObject({ type: "nak", address: "0.0.0.0" });
  });

  /** None, the BROADCAST flag, all flags, and a reserved one. */
  const flagsOfQueries = [0, 0x8000, 0xffff, 0x0001];

  test.each(without("a NAK"))(
    "R2131-4.3.1-T3-04 flags, giaddr and chaddr of %s are those of the query",
    async (kind) => {
      for (const flags of flagsOfQueries) {
        const { giaddr, chaddr } = unusualHeader;
        const { answer } = await obtainAnswer(kind, { header: { flags, giaddr, chaddr } });
        expect(answer.message).toMatchObject({ flags, giaddr, chaddr });
      }
    },
  );

  test("R2131-4.3.1-T3-04 flags and chaddr of a NAK without giaddr are those of the query", async () => {
    for (const flags of flagsOfQueries) {
      const { chaddr } = unusualHeader;
      const { answer } = await obtainAnswer("a NAK", { header: { flags, chaddr } });
      expect(answer.message).toMatchObject({ flags, giaddr: 0, chaddr });
    }
  });

  test.each<
    [
      what: string,
      refused: (client: ActingClient, overrides: MessageOverrides) => Promise<Answer | undefined>,
    ]
  >([
    ["INIT-REBOOT on the wrong network", (client, overrides) => client.reboot(unknownPair, overrides)],
    ["RENEWING with another pair", (client, overrides) => client.renew(unknownPair, overrides)],
    ["REBINDING with another pair", (client, overrides) => client.rebind(unknownPair, overrides)],
    ["SELECTING without an offer", (client, overrides) => client.select(unknownPair, overrides)],
  ])(
    "R7 R2131-4.3.2-15 a NAK to %s with giaddr has the broadcast bit, and the other flags",
    async (_what, refused) => {
      const { client } = await obtainAnswer("an OFFER");
      const { giaddr, chaddr } = unusualHeader;
      for (const flags of flagsOfQueries) {
        const nak = await refused(client, { header: { flags, giaddr, chaddr, ciaddr: 0 } });
        // A renewal without ciaddr has no state, so it keeps its own.
        const answer =
          nak ??
          (await refused(client, {
            header: { flags, giaddr, chaddr, ciaddr: parseIPv4(unknownPair.address) },
          }));
        expect(answer).toMatchObject({ type: "nak", message: { flags: flags | 0x8000, giaddr, chaddr } });
      }
    },
  );
});

describe("options", () => {
  const listsAll: MessageOverrides = {
    leaseSeconds: 900,
    options: { 55: [50, 51, 53, 54, 55, 57, 61, 159, 1, 26], 57: [5, 220], 60: [65, 66], 12: [67] },
  };
  const fields: Partial<typeof domain> = { options: { mtu: 1460 } };

  test.each(all)(
    "R2131-4.3.1-T3-05 options 50, 55 and 57 are not in %s, even when the client lists them",
    async (kind) => {
      const { answer } = await obtainAnswer(kind, listsAll, fields);
      expect([...answer.message.options.keys()].filter((code) => [50, 55, 57].includes(code))).toEqual([]);
    },
  );

  test.each(without(...noLease))("R2131-4.3.1-T3-06 lease time is in %s", async (kind) => {
    const { answer } = await obtainAnswer(kind, listsAll, fields);
    expect(decodeSeconds(answer.message.options.get(51)!)).toBe(900);
  });

  test.each(noLease)("R2131-4.3.1-T3-06 lease time is not in %s", async (kind) => {
    const { answer } = await obtainAnswer(kind, listsAll, fields);
    expect([51, 58, 59].filter((code) => answer.message.options.has(code))).toEqual([]);
  });

  test.each(all)("R2131-4.3.1-T3-07 options 53 and 54 are in %s", async (kind) => {
    const { answer } = await obtainAnswer(kind, { options: { 55: [159] } });
    expect(answer.message.options.get(53)).toHaveLength(1);
    expect(answer.message.options.get(54)).toEqual(Uint8Array.of(198, 51, 100, 1));
  });

  test("R2131-4.3.1-T3-08 option 56 of a NAK states why", async () => {
    const { client, answer } = await obtainAnswer("a NAK");
    const why = (nak: Answer | undefined) => new TextDecoder().decode(nak!.message.options.get(56));
    expect(why(answer)).toBe("The requested address is in no pool of the client's domain.");
    expect(why(await client.renew(unknownPair))).toBe(
      "The client asks to keep a pair of address and port set that is not its lease.",
    );
  });

  test("R2131-4.3.1-T3-09 a NAK has options 53, 54, 56 and 61 only", async () => {
    const { client, answer } = await obtainAnswer("a NAK", listsAll, fields);
    const again = await client.renew(unknownPair, { softwire: "2001:db8:1234:5600::1", ...listsAll });
    for (const { message } of [answer, again!]) {
      expect([...message.options.keys()]).toEqual([53, 54, 56, 61]);
      expect(message.overload).toBe(0);
    }
  });

  test.each([
    [3600, [1620, 1800], [3060, 3150]],
    [60, [27, 30], [51, 52]],
    [61, [28, 30], [52, 53]],
    [7200, [3240, 3600], [6120, 6300]],
  ])("R2131-4.4.5-01 for a lease time of %i s, T1 is in %j and T2 in %j", async (leaseSeconds, t1, t2) => {
    const found = new Set<string>();
    for (const kind of without(...noLease)) {
      const { answer } = await obtainAnswer(kind, { leaseSeconds });
      const times = [51, 58, 59].map((code) => decodeSeconds(answer.message.options.get(code)!));
      expect(times[0]).toBe(leaseSeconds);
      expectBetween(times[1]!, t1);
      expectBetween(times[2]!, t2);
      found.add(times.join());
    }
    // The lease is the same in all of them, and so are its times.
    expect(found.size).toBe(1);
  });

  test("R2131-4.4.5-01 T1 and T2 of an offer follow from the time that remains of the lease", async () => {
    const stage = await Stage.open({ leaseSeconds: { default: 3600, min: 60, max: 7200 } });
    await stage.client(1).lease();
    stage.now += 3000;
    const { options } = (await stage.client(1).discover())!.message;
    const [lease, t1, t2] = [51, 58, 59].map((code) => decodeSeconds(options.get(code)!));
    expect(lease).toBe(600);
    expectBetween(t1!, [270, 300]);
    expectBetween(t2!, [510, 525]);
  });
});

describe("client identifier", () => {
  const identifiers: [what: string, identifier: readonly number[]][] = [
    ["of RFC 4361", [255, 0, 0, 0, 1, 0, 3, 0, 1, 2, 0, 0, 0, 0, 9]],
    ["that ends with zeros", [0, 1, 0]],
    ["of a hardware address", [1, 2, 0, 0, 0, 0, 1]],
    ["of 254 octets", Array.from({ length: 254 }, (_, index) => index)],
  ];

  test.each(identifiers)(
    "R6842-3-01 option 61 %s is returned unaltered in OFFER, ACK and NAK",
    async (_what, identifier) => {
      const stage = await Stage.open();
      const client = stage.client(1);
      const overrides = { options: { 61: identifier } };
      const ack = await client.lease({}, overrides);
      for (const kind of all) {
        const answer = await requests[kind](client, ack, overrides);
        expect([...answer!.message.options.get(61)!]).toEqual(identifier);
      }
    },
  );

  test("R6842-3-02 no option 61 is sent to a client that sent none", async () => {
    const stage = await Stage.open({ identifiesByHardwareAddress: true });
    const client = stage.client(1);
    const overrides: MessageOverrides = { parameterRequestList: [1, 61], options: { 61: null } };
    const ack = await client.lease({}, overrides);
    expect(ack.message.options.has(61)).toBe(false);
    for (const kind of all) {
      const answer = await requests[kind](client, ack, overrides);
      expect(answer?.message.options.has(61)).toBe(false);
    }
  });
});
