/** Addresses that cannot be what a client says: no softwire begins at them, or several devices have them. */
import { describe, expect, test } from "vitest";
import { OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { formatIPv6 } from "../../src/wire/ipv6-address.ts";
import { queryNumber } from "../support/sql.ts";
import { domain, Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";

const possible = "2001:db8:1234:5600::1";
const softwireOf = (answer: Answer | undefined): string | undefined => {
  const data = answer?.message.options.get(OptionCode.softwireSourceAddress);
  return data === undefined ? undefined : formatIPv6(data);
};
const storedSoftwires = async (stage: Stage) =>
  await queryNumber(stage.database, "SELECT count(*) FROM lease WHERE softwire IS NOT NULL");

describe("T7 a softwire address", () => {
  const impossible = [
    "::",
    "::1",
    "ff02::1",
    "fe80::1",
    "::ffff:192.0.2.1",
    "::192.0.2.1",
    "2001:db8:ffff::1",
    "64:ff9b::192.0.2.1",
    "64:ff9b:1::1",
    "2002:c000:201::1",
    "2001::1",
    "100::1",
    "fec0::1",
  ];

  test.each(impossible)("%s is refused, and never stored", async (softwire) => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const offer = (await client.discover({}, { softwire }))!;
    expect(await stage.outcome(() => client.select(offer, { softwire }))).toBe("nak:softwire-forbidden");
    expect(await stage.leases()).toBe(1); // The offer still runs, so the client can ask again.
    expect(await stage.outcome(() => client.select(offer, { softwire: possible }))).toMatch(/^ack /);
    expect(await storedSoftwires(stage)).toBe(1);
  });

  test.each(impossible)("%s leaves a running lease with the address that it has", async (softwire) => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const lease = await client.lease({}, { softwire: possible });
    stage.now += 600;
    expect(softwireOf(await client.renew(lease, { softwire }))).toBe(possible);
    expect(softwireOf(await client.rebind(lease, { softwire }))).toBe(possible);
    expect(softwireOf(await client.reboot(lease, { softwire }))).toBe(possible);
    expect(softwireOf(await client.select(lease, { softwire }))).toBe(possible);
  });

  test("that is impossible leaves a running lease without one without one", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const lease = await client.lease();
    const ack = await client.renew(lease, { softwire: "::" });
    expect([ack?.type, softwireOf(ack)]).toEqual(["ack", undefined]);
    expect(await storedSoftwires(stage)).toBe(0);
  });

  test("that is impossible gets an offer instead of a rapid commit, and what it has with a lease", async () => {
    const stage = await Stage.open({ rapidCommit: true });
    const fast = { options: { 80: [] } };
    const client = stage.client(1);
    const discover = (softwire: string) => client.discover({}, { ...fast, softwire });
    expect(await stage.outcome(() => discover("fe80::1"))).toMatch(/^offer /);
    expect(await storedSoftwires(stage)).toBe(0);
    expect(softwireOf(await discover(possible))).toBe(possible);
    const ack = await discover("fe80::1");
    expect([ack?.type, softwireOf(ack)]).toEqual(["ack", possible]);
  });

  test("that was stored before it was forbidden is not told again", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const lease = await client.lease();
    await stage.database.write([{ sql: "UPDATE lease SET softwire = zeroblob(16)", args: [] }]);
    const ack = await client.renew(lease, { softwire: "::" });
    expect([ack?.type, softwireOf(ack)]).toEqual(["ack", undefined]);
  });

  test("is one of bindPrefix where nothing else is allowed", async () => {
    const softwire = { bindPrefix: "2001:db8:1234:5600::/56", bindPrefixOnly: true };
    const stage = await Stage.open({ softwire });
    const client = stage.client(1);
    const offer = (await client.discover())!;
    const outside = "2001:db8:1234:5700::1";
    expect(await stage.outcome(() => client.select(offer, { softwire: outside }))).toBe(
      "nak:softwire-forbidden",
    );
    expect(softwireOf(await client.select(offer, { softwire: possible }))).toBe(possible);
  });

  test("of a border relay of another domain is refused, and not told again if it was stored", async () => {
    const others = [1, 2].map((number) => ({
      ...domain,
      name: `other-${number}`,
      default: false,
      softwire: { borderRelays: ["2001:db8:eeee::1", `2001:db8:eeee::1${number}`] },
      pools: [],
    }));
    const stage = await Stage.open([others[0]!, domain, others[1]!]);
    const client = stage.client(1);
    const offer = (await client.discover())!;
    for (const softwire of ["2001:db8:eeee::1", "2001:db8:eeee::11", "2001:db8:eeee::12"]) {
      expect(await stage.outcome(() => client.select(offer, { softwire }))).toBe("nak:softwire-forbidden");
    }
    expect(await storedSoftwires(stage)).toBe(0);
    const lease = await client.lease();
    await stage.database.write([
      { sql: "UPDATE lease SET softwire = unhex('20010db8eeee00000000000000000012')", args: [] },
    ]);
    const ack = await client.renew(lease, { softwire: "2001:db8:eeee::12" });
    expect([ack?.type, softwireOf(ack)]).toEqual(["ack", undefined]);
  });

  test.each(["fd00::1", "2001:db8:9::1"])("%s is allowed", async (softwire) => {
    const stage = await Stage.open();
    expect(softwireOf(await stage.client(1).lease({}, { softwire }))).toBe(softwire);
  });
});

describe("T25 without option 61, in a domain that identifies clients by hardware address, a client", () => {
  const anonymous = { options: { 61: null }, parameterRequestList: [1, 3, 6] };
  const chaddr = (...octets: number[]) => Uint8Array.from({ length: 16 }, (_, index) => octets[index] ?? 0);

  test.each<[string, object]>([
    ["of zeros", { chaddr: chaddr() }],
    ["of ones", { chaddr: chaddr(255, 255, 255, 255, 255, 255) }],
    ["of a multicast group", { chaddr: chaddr(1, 0, 0x5e, 0, 0, 1) }],
    ["without octets", { hlen: 0, chaddr: chaddr(2, 0, 0, 0, 0, 1) }],
    ["that is longer than its field", { htype: 7, hlen: 17, chaddr: chaddr(2, 0, 0, 0, 0, 1) }],
    ["of type 0", { htype: 0, chaddr: chaddr(2, 0, 0, 0, 0, 1) }],
    ["of Ethernet with 5 octets", { hlen: 5, chaddr: chaddr(2, 0, 0, 0, 1) }],
  ])("with an address %s gets no answer", async (_what, header) => {
    const stage = await Stage.open({ identifiesByHardwareAddress: true });
    const speech = { ...anonymous, header };
    const client = stage.client(1);
    expect(await stage.outcome(() => client.discover({}, speech))).toBe("silence:unusable-hardware-address");
    const pair = { address: "203.0.113.0", portParams: undefined };
    await client.select(pair, speech);
    await client.release(pair, speech);
    expect(stage.count("silence:unusable-hardware-address")).toBe(3);
    expect(await stage.leases()).toBe(0);
  });

  test("with an address of its own is served", async () => {
    const stage = await Stage.open({ identifiesByHardwareAddress: true });
    const speech = { ...anonymous, header: { chaddr: chaddr(2, 0, 0, 0, 0, 1) } };
    expect(await stage.outcome(() => stage.client(1).discover({}, speech))).toBe("offer 203.0.113.0");
  });
});

test("T25 a client with option 61 is served whatever its hardware address", async () => {
  const stage = await Stage.open({ identifiesByHardwareAddress: true });
  const header = { chaddr: new Uint8Array(16) };
  expect(await stage.outcome(() => stage.client(1).discover({}, { header }))).toMatch(/^offer /);
});

describe("T25 an option 61", () => {
  const zeros = (length: number) => new Array<number>(length).fill(0);
  const ones = (length: number) => new Array<number>(length).fill(0xff);
  const iaid = [0, 0, 0, 1];
  const unusable: readonly [string, readonly number[]][] = [
    ["of an Ethernet address of zeros", [1, ...zeros(6)]],
    ["of an Ethernet address of ones", [1, ...ones(6)]],
    ["of a multicast Ethernet address", [1, 1, 0, 0x5e, 0, 0, 1]],
    ["of a multicast IEEE 802 address", [6, 0x33, 0x33, 0, 0, 0, 1]],
    ["of a multicast EUI-64", [27, 3, 0, 0x5e, 0xff, 0xfe, 0, 0, 1]],
    ["of Ethernet with any number of zeros", [1, ...zeros(16)]],
    ["of zeros", zeros(7)],
    ["of two zeros", zeros(2)],
    ["of type 0 with ones", [0, ...ones(8)]],
    ["of another type with zeros", [7, ...zeros(4)]],
    ["of ones", ones(7)],
    ["of type 255 with zeros", [255, ...zeros(14)]],
    ["of type 255 with zeros, too short for a DUID", [255, ...zeros(3)]],
    ["with a DUID of zeros", [255, ...iaid, ...zeros(10)]],
    ["with a DUID of ones", [255, ...iaid, ...ones(10)]],
    ["with a DUID-LL of an address of zeros", [255, ...iaid, 0, 3, 0, 1, ...zeros(6)]],
    ["with a DUID-LL of a multicast address", [255, ...iaid, 0, 3, 0, 1, 1, 0, 0x5e, 0, 0, 1]],
    ["with a DUID-UUID of zeros", [255, ...iaid, 0, 4, ...zeros(16)]],
    ["with a DUID-UUID of ones", [255, ...iaid, 0, 4, ...ones(16)]],
  ];

  test.each(unusable)("%s gets no answer, and no lease", async (_what, identifier) => {
    const stage = await Stage.open();
    const speech = { options: { 61: identifier } };
    for (const number of [1, 2]) {
      const client = stage.client(number);
      expect(await stage.outcome(() => client.discover({}, speech))).toBe(
        "silence:unusable-hardware-address",
      );
      await client.select({ address: "203.0.113.0", portParams: undefined }, speech);
    }
    expect(stage.count("silence:unusable-hardware-address")).toBe(4);
    expect(await stage.leases()).toBe(0);
  });

  test.each<[string, readonly number[]]>([
    ["of an Ethernet address", [1, 2, 0, 0, 0, 0, 0]],
    ["of Ethernet with an odd length", [1, 1, 0]],
    ["of type 0 with text", [0, 65, 0, 0]],
    ["with IAID 0", [255, ...zeros(4), 0, 3, 0, 1, 2, ...zeros(5)]],
    ["with an IAID of ones", [255, ...ones(4), 0, 3, 0, 1, 2, ...zeros(5)]],
    ["with a DUID-LLT of an address of zeros", [255, ...iaid, 0, 1, 0, 1, 1, 2, 3, 4, ...zeros(6)]],
    ["with a DUID-EN", [255, ...iaid, 0, 2, 0, 0, 0, 9, ...zeros(4)]],
    ["with a DUID-LL of another type", [255, ...iaid, 0, 3, 0, 32, 1, ...zeros(5)]],
  ])("%s is served", async (_what, identifier) => {
    const stage = await Stage.open();
    expect(await stage.outcome(() => stage.client(1).discover({}, { options: { 61: identifier } }))).toMatch(
      /^offer /,
    );
  });
});
