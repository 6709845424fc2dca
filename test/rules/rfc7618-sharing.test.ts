/**
 * RFC 7618 §5, §8.1, §9: which clients share an address, which must not, and the encoding of option 159.
 */
import { describe, expect, test } from "vitest";
import { MessageType, OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { encodeAddress } from "../../src/wire/dhcpv4/options/address.ts";
import type { PortParams } from "../../src/wire/dhcpv4/options/port-params.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import type { ActingClient } from "./acting-client.ts";
import { domain, pairText, sharedOnly, Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";
import { query } from "../support/sql.ts";

/** Fields of a message of a client that can't share. */
const without159 = { parameterRequestList: [1, 6, 51] };
const portParamsHex = (answer: Answer) => encodeHex(answer.message.options.get(OptionCode.portParams)!);

/** Lists the ports of a port set (RFC 7597 appendix B): P = R * M * i + M * PSID + j. With an offset, i starts at 1. */
function portsOf({ psidOffset, psidLength, psid }: PortParams): number[] {
  const [sets, size] = [2 ** psidLength, 2 ** (16 - psidOffset - psidLength)];
  const ports = [];
  for (let i = psidOffset === 0 ? 0 : 1; i < 2 ** psidOffset; i++) {
    for (let j = 0; j < size; j++) ports.push(sets * size * i + size * psid + j);
  }
  return ports;
}

test("R7618-5-01 R7618-8-10 R7618-9-05 the clients of an address have disjoint port sets without system ports", async () => {
  const stage = await Stage.open({
    pools: [{ name: "one", kind: "shared", range: "192.0.2.18/32", psidOffset: 4, psidLength: 5 }],
  });
  const ports = [];
  for (let number = 1; number <= 32; number++) {
    const { address, portParams } = await stage.client(number).lease();
    expect([address, portParams!.psidOffset, portParams!.psidLength]).toEqual(["192.0.2.18", 4, 5]);
    ports.push(...portsOf(portParams!));
  }
  expect(ports).toHaveLength(32 * 15 * 2 ** 7);
  expect(new Set(ports).size).toBe(ports.length);
  expect(Math.min(...new Set(ports))).toBeGreaterThan(1023);
  expect(await stage.outcome(() => stage.client(33).discover())).toBe("silence:pools-exhausted");
});

describe("reserved ports", () => {
  const pool = { name: "one", kind: "shared" as const, range: "192.0.2.18/32", psidLength: 4 };

  test.each([
    [undefined, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]],
    [["0-8191"], [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]],
    [
      ["0-1023", "5060", "65535"],
      [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
    ],
  ])("R7618-8-10 R7618-8-11 R7618-9-05 set to %s leave PSIDs %s", async (reservedPorts, psids) => {
    const stage = await Stage.open({ pools: [{ ...pool, ...(reservedPorts && { reservedPorts }) }] });
    const given = [];
    for (const number of [...psids, 99]) given.push(await stage.client(number).discover());
    expect(given.map((offer) => offer?.portParams?.psid)).toEqual([...psids, undefined]);
  });

  test("R7618-8-11 R7618-9-05 set to none allow PSID 0", async () => {
    const stage = await Stage.open({ pools: [{ ...pool, reservedPorts: [] }] });
    expect((await stage.client(1).discover())!.portParams!.psid).toBe(0);
  });
});

describe("option 159", () => {
  test("R7618-6-03 R7618-6-05 R7618-8-02 R7618-8-06 R7618-8-09 is in the OFFER of a shared address once, with its PSID left-aligned", async () => {
    const stage = await Stage.open();
    const offer = await stage.client(1).discover();
    expect(encodeHex(offer!.header)).toBe("15000000");
    expect(pairText(offer!)).toBe("offer 192.0.2.18 PSID 1");
    // Code, length, offset, PSID length, and PSID 1 in the leftmost six bits.
    expect(encodeHex(offer!.octets).split("9f0400060400")).toHaveLength(2);
  });

  test.each([
    [0, 6, 1, "00060400"],
    [6, 8, 0x34, "06083400"],
    [0, 16, 0xc001, "0010c001"],
    [4, 3, 5, "0403a000"],
    [0, 1, 1, "00018000"],
  ])(
    "R7618-9-01 R7618-9-02 R7618-9-03 R7618-9-04 encodes offset %i, length %i and PSID %i as %s",
    async (psidOffset, psidLength, psid, hex) => {
      const pool = { name: "one", kind: "shared" as const, range: "192.0.2.18/32", psidOffset, psidLength };
      const stage = await Stage.open({ pools: [pool] });
      const portParams = { psidOffset, psidLength, psid };
      const lease = await stage.client(1).lease({ address: parseIPv4("192.0.2.18"), portParams });
      expect(portParamsHex(lease)).toBe(hex);
    },
  );

  test("R7618-9-04 is decoded without the bits to the right of the PSID", async () => {
    const stage = await Stage.open();
    const padded = { options: { [OptionCode.portParams]: [0, 6, 0x4b, 0xff] } };
    const offer = await stage.client(1).discover({ address: parseIPv4("192.0.2.18") }, padded);
    expect(pairText(offer!)).toBe("offer 192.0.2.18 PSID 18");
    expect(portParamsHex(offer!)).toBe("00064800");
    expect(await stage.outcome(() => stage.client(1).select(offer!, padded))).toBe("ack 192.0.2.18 PSID 18");
  });

  test("R7618-6-08 R7618-8-02 R7618-8-09 is in every ACK, octet for octet as in the OFFER", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const offer = (await client.discover())!;
    const acks = [await client.select(offer), await client.renew(offer), await client.rebind(offer)];
    acks.push(await client.reboot(offer));
    for (const ack of acks) {
      expect(pairText(ack!)).toBe("ack 192.0.2.18 PSID 1");
      expect(portParamsHex(ack!)).toBe(portParamsHex(offer));
    }
  });

  test.each([
    ["of 3 octets", [0, 6, 0x48]],
    ["of 8 octets", [0, 6, 0x48, 0, 0, 6, 0x4c, 0]],
    ["with offset 16", [16, 0, 0x48, 0]],
    ["with length 17", [0, 17, 0x48, 0]],
    ["with offset and length of 18 bits", [6, 12, 0x48, 0]],
  ])("R7618-9-01 R7618-9-03 %s is ignored as a hint, and the client is served", async (_what, data) => {
    const stage = await Stage.open();
    const broken = { options: { [OptionCode.portParams]: data } };
    // If it were valid, it would request PSID 18.
    const offer = await stage.client(1).discover({ address: parseIPv4("192.0.2.18") }, broken);
    expect(pairText(offer!)).toBe("offer 192.0.2.18 PSID 1");
    // In a REQUEST it identifies no pair.
    expect(await stage.outcome(() => stage.client(1).select(offer!, broken))).toBe("nak:pair-not-offered");
  });
});

describe("clients that can't share", () => {
  test("R7618-5-03 R7618-8-01 R7618-8.1-01 R7618-8.1-02 A16 get full addresses without option 159, even if they send it", async () => {
    const stage = await Stage.open();
    await stage.client(1).lease();
    const full = stage.client(2);
    const hint = { portParams: { psidOffset: 0, psidLength: 6, psid: 18 } };
    const answers = [await full.discover(hint, without159)];
    answers.push(await full.select(answers[0]!, without159), await full.renew(answers[0]!, without159));
    for (const answer of answers) {
      expect(answer!.address).toBe("203.0.113.0");
      expect(answer!.message.options.has(OptionCode.portParams)).toBe(false);
    }
  });

  test("R7618-8.1-02 get no answer if no full address is free, even if shared addresses are free", async () => {
    const stage = await Stage.open();
    for (const number of [1, 2]) await stage.client(number).lease({}, without159);
    expect(await stage.outcome(() => stage.client(3).discover({}, without159))).toBe(
      "silence:pools-exhausted",
    );
    expect(await stage.outcome(() => stage.client(4).discover())).toBe("offer 192.0.2.18 PSID 1");
  });

  test("R7618-8.1-02 never get a shared address by requesting it", async () => {
    const stage = await Stage.open();
    const hint = { address: parseIPv4("192.0.2.18") };
    expect(await stage.outcome(() => stage.client(1).discover(hint, without159))).toBe("offer 203.0.113.0");
    const pair = { address: "192.0.2.18", portParams: undefined };
    expect(await stage.outcome(() => stage.client(1).select(pair, without159))).toBe("nak:pair-not-offered");
  });

  test.each(["discover", "select", "renew", "rebind", "reboot", "inform"] as const)(
    "R7618-8.1-03 A1 get no answer if all pools are shared: %s",
    async (what) => {
      const stage = await Stage.open(sharedOnly);
      const pair = { address: "192.0.2.18", portParams: undefined };
      const client = stage.client(1);
      const outcome = await stage.outcome(() => {
        if (what === "discover") return client.discover({}, without159);
        return what === "inform" ? client.inform(pair.address, without159) : client[what](pair, without159);
      });
      expect(outcome).toBe("silence:shared-pools-only");
    },
  );

  test("A1 R7618-8-08 can end a shared lease: a RELEASE has no option 55", async () => {
    const stage = await Stage.open(sharedOnly);
    const lease = await stage.client(1).lease();
    expect(await stage.outcome(() => stage.client(1).release(lease))).toBe("silence:released");
    expect(await stage.leases()).toBe(0);
  });

  test("A1 A14 can decline a pair if all pools are shared: a DECLINE has no option 55", async () => {
    const stage = await Stage.open(sharedOnly);
    const lease = await stage.client(1).lease();
    expect(await stage.outcome(() => stage.client(1).decline(lease.address))).toBe("silence:declined");
  });
});

test("R7618-8.1-04 a domain can give full addresses, without option 159, to clients that list 159", async () => {
  const stage = await Stage.open({ ignoresOption159: true });
  const client = stage.client(1);
  const lease = await client.lease();
  expect(pairText(lease)).toBe("ack 203.0.113.0");
  expect(lease.message.options.has(OptionCode.portParams)).toBe(false);
  expect(await stage.outcome(() => client.renew(lease))).toBe("ack 203.0.113.0");
});

describe("a client that no longer lists option 159", () => {
  test.each(["renew", "rebind"] as const)(
    "A2 R7618-7-04 R7618-8-01 gets no answer for its shared lease: %s",
    async (what) => {
      const stage = await Stage.open();
      const client = stage.client(1);
      const lease = await client.lease();
      expect(await stage.outcome(() => client[what](lease, without159))).toBe(
        "silence:shared-lease-without-option-159",
      );
      expect(await stage.leases()).toBe(1);
    },
  );

  test("A12 R7618-7-04 gets no offer while it has a shared lease, and keeps that lease", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const lease = await client.lease();
    expect(await stage.outcome(() => client.discover({}, without159))).toBe("silence:holds-shared-lease");
    expect(await stage.outcome(() => client.renew(lease))).toBe("ack 192.0.2.18 PSID 1");
  });

  test("A12 is offered a full address after the lease has ended", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    await client.release(await client.lease());
    expect(await stage.outcome(() => client.discover({}, without159))).toBe("offer 203.0.113.0");
  });
});

describe("option 159 is not in", () => {
  test("A15 a DHCPNAK", async () => {
    const stage = await Stage.open();
    const nak = await stage.client(1).select({
      address: "192.0.2.18",
      portParams: { psidOffset: 0, psidLength: 6, psid: 9 },
    });
    expect(nak!.type).toBe("nak");
    expect(nak!.message.options.has(OptionCode.portParams)).toBe(false);
  });

  test("A17 the ACK of an INFORM", async () => {
    const stage = await Stage.open();
    const lease = await stage.client(1).lease();
    const ack = await stage.client(1).inform(lease.address);
    expect(ack!.type).toBe("ack");
    expect(ack!.message.options.has(OptionCode.portParams)).toBe(false);
  });
});

describe("without a client identifier", () => {
  const anonymous = { options: { [OptionCode.clientIdentifier]: null } };

  test("A11 no client is served", async () => {
    const stage = await Stage.open();
    for (const overrides of [anonymous, { ...anonymous, ...without159 }]) {
      expect(await stage.outcome(() => stage.client(1).discover({}, overrides))).toBe(
        "silence:no-client-identifier",
      );
    }
  });

  test("A11 a domain may give full addresses by hardware address, but never shared addresses", async () => {
    const stage = await Stage.open({ identifiesByHardwareAddress: true });
    const old = { ...anonymous, ...without159 };
    const client = stage.client(1);
    expect(pairText(await client.lease({}, old))).toBe("ack 203.0.113.0");
    expect(await stage.outcome(() => stage.client(2).discover({}, old))).toBe("offer 203.0.113.1");
    expect(await stage.outcome(() => stage.client(3).discover({}, anonymous))).toBe(
      "silence:no-client-identifier",
    );
    const noHardwareAddress = { ...old, header: { hlen: 0 } };
    expect(await stage.outcome(() => stage.client(4).discover({}, noHardwareAddress))).toBe(
      "silence:unusable-hardware-address",
    );
  });
});

test("R7618-8-03 a shared pool leases a pair, keeps it, frees it after its end and leases it again", async () => {
  const stage = await Stage.open({
    quarantineSeconds: 60,
    pools: [{ name: "one", kind: "shared", range: "192.0.2.18/32", psidLength: 1 }],
  });
  const lease = await stage.client(1).lease();
  const next = () => stage.outcome(() => stage.client(2).discover());
  expect(await next()).toBe("silence:pools-exhausted");
  stage.now += 3599;
  expect(await next()).toBe("silence:pools-exhausted");
  expect(await stage.outcome(() => stage.client(1).renew(lease))).toBe("ack 192.0.2.18 PSID 1");
  stage.now += 3600 + 59;
  expect(await next()).toBe("silence:pools-exhausted");
  stage.now += 1;
  expect(await next()).toBe("offer 192.0.2.18 PSID 1");
});

test("R7618-8-03 a released pair is in quarantine for other clients, but not for the client that had it", async () => {
  const stage = await Stage.open({
    quarantineSeconds: 60,
    pools: [{ name: "one", kind: "shared", range: "192.0.2.18/32", psidLength: 1 }],
  });
  const lease = await stage.client(1).lease();
  await stage.client(1).release(lease);
  const next = () => stage.outcome(() => stage.client(2).discover());
  stage.now += 59;
  expect(await next()).toBe("silence:pools-exhausted");
  const again = await stage.client(1).lease();
  expect(pairText(again)).toBe("ack 192.0.2.18 PSID 1");
  await stage.client(1).release(again);
  stage.now += 60;
  expect(await next()).toBe("offer 192.0.2.18 PSID 1");
});

const otherServer = encodeAddress(parseIPv4("198.51.100.2"));

test.each<[end: string, (client: ActingClient, offer: Answer) => Promise<unknown>]>([
  ["RELEASE", (client, offer) => client.release(offer)],
  ["DECLINE", (client, offer) => client.decline(offer.address)],
  [
    "choice of another server",
    (client, offer) => client.select(offer, { options: { [OptionCode.serverIdentifier]: otherServer } }),
  ],
])(
  "R7618-8-03 the quarantine of a lease outlasts a %s that ends an offer of its pair",
  async (_name, end) => {
    const stage = await Stage.open({
      quarantineSeconds: 60,
      declineSeconds: 10,
      offerHoldSeconds: 100,
      pools: [{ name: "one", kind: "shared", range: "192.0.2.18/32", psidLength: 1 }],
    });
    const client = stage.client(1);
    await client.release(await client.lease());
    // A longer hold than the rest of the quarantine must not hide it.
    stage.now += 30;
    await end(client, (await client.discover())!);
    stage.now += 29;
    const next = () => stage.outcome(() => stage.client(2).discover());
    expect(await next()).toBe("silence:pools-exhausted");
    stage.now += 102;
    expect(await next()).toBe("offer 192.0.2.18 PSID 1");
  },
);

test("R7618-8-05 the database stores which client has which PSID of which address", async () => {
  const stage = await Stage.open();
  const client = stage.client(1);
  await client.lease({
    address: parseIPv4("192.0.2.19"),
    portParams: { psidOffset: 0, psidLength: 6, psid: 9 },
  });
  const rows = await query(
    stage.database,
    "SELECT hex(client_id) AS client, slot & 0xffffffff AS slot, state FROM lease",
  );
  // Slots alternate between the two addresses: PSID 9 of the second address is slot 2 * (9 - 1) + 1 = 17.
  expect(rows).toEqual([
    expect.objectContaining({ client: encodeHex(client.clientIdentifier).toUpperCase(), slot: 17, state: 2 }),
  ]);
});

test.each([MessageType.discover, MessageType.request])(
  "R7618-8-01 message type %i: no answer to a client without 159 in option 55 has option 159, in any domain",
  async (type) => {
    for (const fields of [{}, sharedOnly, { ignoresOption159: true }]) {
      const stage = await Stage.open({ ...domain, ...fields });
      const client = stage.client(1);
      const overrides = { ...without159, portParams: { psidOffset: 0, psidLength: 6, psid: 1 } };
      const answer = await client.send(type, overrides, [
        [OptionCode.requestedAddress, parseIPv4("192.0.2.18")],
      ]);
      expect(answer?.message.options.has(OptionCode.portParams) ?? false).toBe(false);
    }
  },
);
