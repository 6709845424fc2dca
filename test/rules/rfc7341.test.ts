/**
 * DHCPv4 over DHCPv6 on the server: RFC 7341 §5, §6, §9, §11.
 */
import { describe, expect, test } from "vitest";
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { MessageType6, OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { decodeMessage6, encodeMessage6 } from "../../src/wire/dhcpv6/message.ts";
import type { Option6 } from "../../src/wire/dhcpv6/options.ts";
import { encodeCodeList } from "../../src/wire/dhcpv6/options/code-list.ts";
import { decodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { enclose, levelAt } from "./acting-client.ts";
import type { ClientLocation } from "./acting-client.ts";
import { changeDhcpV4 } from "./raw-message.ts";
import { domain, Stage } from "./stage.ts";

const relayLevels = [levelAt({})];
const seven = { address: "203.0.113.7", portParams: undefined };
const refusing: Partial<typeof domain> = {
  refusesUnknownRenewals: true,
  pools: [{ name: "one", kind: "full", range: "203.0.113.7/32" }],
};

/** Expects that a changed DISCOVER is dropped for a reason, and that the unchanged one is served. */
async function expectDropped(change: (query: Uint8Array) => Uint8Array, reason: string): Promise<void> {
  const stage = await Stage.open();
  const query = stage.client(1).query(MessageType.discover, {});
  expect(await stage.ask(enclose(change(query), relayLevels))).toBeUndefined();
  expect(stage.count(`silence:${reason}`)).toBe(1);
  expect(await stage.leases()).toBe(0);
  expect(await stage.ask(enclose(query, relayLevels))).toMatchObject({ type: "offer" });
}

/**
 * Replaces the options of a DHCPV4-QUERY with options 87.
 *
 * @param change Returns the contents of the new options, given the content of the query's own option 87.
 */
function withMessages(query: Uint8Array, change: (own: Uint8Array) => Uint8Array[]): Uint8Array {
  const { options, ...header } = decodeMessage6(query);
  const own = options.find(({ code }) => code === OptionCode6.dhcpv4Message)!;
  const messages = change(own.data).map((data) => ({ code: OptionCode6.dhcpv4Message, data }));
  return encodeMessage6({ ...header, options: messages });
}

describe("dropped:", () => {
  test("R7341-5-01 plain BOOTP, which has no option 53", async () => {
    const stage = await Stage.open({ identifiesByHardwareAddress: true });
    const client = stage.client(1);
    expect(await client.send(null, {})).toBeUndefined();
    expect(await client.send(null, { options: { 55: null, 61: null } })).toBeUndefined();
    expect(stage.count("silence:no-message-type")).toBe(2);
    expect(await stage.leases()).toBe(0);
  });

  test.each<[what: string, change: (own: Uint8Array) => Uint8Array[]]>([
    ["that are equal", (own) => [own, own]],
    ["of which the second is empty", (own) => [own, new Uint8Array(0)]],
    ["of which the first is empty", (own) => [new Uint8Array(0), own]],
  ])("R7341-6.3-02 a query with two options 87 %s", async (_what, change) => {
    await expectDropped((query) => withMessages(query, change), "duplicate-dhcpv4-message");
  });

  test.each<[what: string, change: (own: Uint8Array) => Uint8Array[]]>([
    ["without option 87", () => []],
    ["with an empty option 87", () => [new Uint8Array(0)]],
  ])("R7341-11-01 a query %s", async (_what, change) => {
    await expectDropped((query) => withMessages(query, change), "no-dhcpv4-message");
  });

  const put =
    (offset: number, ...octets: number[]) =>
    (dhcpv4: Uint8Array) => {
      const changed = Uint8Array.from(dhcpv4);
      changed.set(octets, offset);
      return changed;
    };

  test.each<[what: string, reason: string, change: (dhcpv4: Uint8Array) => Uint8Array]>([
    ["a wrong cookie", "dhcpv4-bad-cookie", put(236, 0x63, 0x82, 0x53, 0x64)],
    ["no cookie", "dhcpv4-bad-cookie", put(236, 0, 0, 0, 0)],
    ["a BOOTREPLY", "not-a-bootrequest", put(0, 2)],
    ["op 0", "not-a-bootrequest", put(0, 0)],
    ["239 octets", "dhcpv4-truncated", (dhcpv4) => dhcpv4.subarray(0, 239)],
    ["an option longer than the message", "dhcpv4-option-overrun", put(240, 12, 255)],
    [
      "an option without its length",
      "dhcpv4-option-overrun",
      (dhcpv4) => Uint8Array.from([...dhcpv4.subarray(0, 240), 53]),
    ],
  ])("R7341-9-01 a DHCPv4 message with %s", async (_what, reason, change) => {
    await expectDropped((query) => changeDhcpV4(query, change), reason);
  });

  test("R7341-11-02 each malformed message is counted by its reason", async () => {
    const stage = await Stage.open();
    const query = stage.client(1).query(MessageType.discover, {});
    const bad = [
      withMessages(query, () => []),
      withMessages(query, (own) => [own, own]),
      changeDhcpV4(query, put(0, 2)),
      changeDhcpV4(query, put(236, 0)),
      query.subarray(0, 3),
      query.subarray(0, -1),
      // The U flag makes it differ from the first datagram, because the relay forwards equal datagrams only once.
      withMessages(stage.client(1).query(MessageType.discover, { unicast: true }), () => []),
    ];
    expect(await stage.send(...bad.map((each) => enclose(each, relayLevels)))).toEqual([]);
    const silences = Object.entries(stage.counters.snapshot()).filter(([name]) => name.startsWith("silence"));
    expect(Object.fromEntries(silences)).toEqual({
      "silence:no-dhcpv4-message": 2,
      "silence:duplicate-dhcpv4-message": 1,
      "silence:not-a-bootrequest": 1,
      "silence:dhcpv4-bad-cookie": 1,
      "silence:message-truncated": 1,
      "silence:option-overrun": 1,
    });
  });
});

describe("flags", () => {
  /** All reserved flags, the highest, and the lowest. Each is sent with and without U. */
  const reserved = [0x7fffff, 0x400000, 0x000001];

  test.each(reserved)("R7341-6.3-01 reserved flags of a query are ignored: %i", async (flags) => {
    const stage = await Stage.open(refusing);
    const renewOrRebind = async (unicast: boolean) => {
      const overrides = { header: { ciaddr: parseIPv4(seven.address) } };
      const query = stage.client(1).query(MessageType.request, { ...overrides, unicast });
      query.set([query[1]! | (flags >> 16), (flags >> 8) & 255, flags & 255], 1);
      return stage.ask(enclose(query, relayLevels));
    };
    expect(await renewOrRebind(false)).toBeUndefined();
    expect(await renewOrRebind(true)).toMatchObject({ type: "nak" });
    expect(stage.count("silence:unknown-client")).toBe(1);
  });

  test("R7341-6.4-01 all flags of a response are zero, whatever the flags of the query", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const ack = await client.lease();
    const elsewhere = { address: "192.0.2.200", portParams: undefined };
    const answers = [ack, await client.renew(ack), await client.rebind(ack), await client.renew(elsewhere)];
    const query = client.query(MessageType.discover, {});
    query.set([255, 255, 255], 1);
    answers.push(await stage.ask(enclose(query, relayLevels)));
    for (const answer of answers) {
      expect(answer!.header).toEqual(Uint8Array.of(MessageType6.dhcpv4Response, 0, 0, 0));
    }
  });

  test("R7341-11-04 the U flag distinguishes RENEWING from REBINDING", async () => {
    const stage = await Stage.open(refusing);
    const client = stage.client(1);
    expect(await client.rebind(seven, { unicast: true })).toMatchObject({ type: "nak" });
    expect(await client.rebind(seven, { unicast: false })).toBeUndefined();
    expect([stage.count("nak:unknown-client"), stage.count("silence:unknown-client")]).toEqual([1, 1]);
  });
});

describe("the answer", () => {
  const beside: Option6[] = [
    { code: OptionCode6.clientIdentifier, data: Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 1) },
    { code: OptionCode6.serverIdentifier, data: Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 2) },
    { code: 8, data: Uint8Array.of(0, 0) },
    { code: 16, data: Uint8Array.of(0, 0, 0, 9) },
    { code: OptionCode6.optionRequest, data: encodeCodeList([23, 24, 88]) },
  ];

  test.each(["offer", "ack", "nak:wrong-network", "settings"] as const)(
    "R7341-6.2-01 R7341-6.2-02 R7341-11-05 is one option 87, and no other option, in a DHCPV4-RESPONSE: %s",
    async (kind) => {
      const stage = await Stage.open();
      const client = stage.client(1);
      const { address, portParams } = await client.lease();
      const ciaddr = parseIPv4(address);
      const query = {
        offer: () => client.query(MessageType.discover, {}),
        ack: () => client.query(MessageType.request, { portParams, header: { ciaddr } }),
        "nak:wrong-network": () => client.query(MessageType.request, { options: { 50: [192, 0, 2, 200] } }),
        settings: () => client.query(MessageType.inform, { header: { ciaddr } }),
      }[kind]();
      const { options, ...header } = decodeMessage6(query);
      const datagram = encodeMessage6({ ...header, options: [...beside, ...options] });
      const before = stage.count(kind);
      const [answer] = await stage.send(enclose(datagram, relayLevels));
      expect(stage.count(kind)).toBeGreaterThan(before);
      const response = decodeMessage6(decodeRelayMessage(answer!).message);
      expect(response.type).toBe(MessageType6.dhcpv4Response);
      expect(response.options.map(({ code }) => code)).toEqual([OptionCode6.dhcpv4Message]);
    },
  );

  test("R7341-11-07 is in a RELAY-REPL if the query was in a RELAY-FORW, and otherwise is not", async () => {
    const stage = await Stage.open();
    const query = stage.client(1).query(MessageType.discover, {});
    const [relayed] = await stage.send(enclose(query, relayLevels));
    const [twice] = await stage.send(enclose(query, [levelAt({}), levelAt({})]));
    const [direct] = await stage.send(query);
    const typesOf = (octets: Uint8Array): number[] =>
      octets[0] === MessageType6.relayReply
        ? [MessageType6.relayReply, ...typesOf(decodeRelayMessage(octets).message)]
        : [octets[0]!];
    expect([relayed, twice, direct].map((octets) => typesOf(octets!))).toEqual([
      [13, 21],
      [13, 13, 21],
      [21],
    ]);
  });
});

describe("pools", () => {
  const domainOf = (prefix: string, number: number): typeof domain => ({
    ...domain,
    name: `domain-${number}`,
    default: false,
    prefixes: [prefix],
    pools: [{ name: `pool-${number}`, kind: "full", range: `203.0.113.${number}/32` }],
  });
  const domains = ["2001:db8:a::/48", "2001:db8:b::/48", "2001:db8:a:1::/64", "::1/128"].map(domainOf);

  test.each<[field: string, where: ClientLocation, address: string | undefined]>([
    ["link-address", { linkAddress: "2001:db8:a::1" }, "203.0.113.0"],
    ["another link-address", { linkAddress: "2001:db8:b::1" }, "203.0.113.1"],
    ["the longest prefix", { linkAddress: "2001:db8:a:1::1" }, "203.0.113.2"],
    [
      "link-address rather than source",
      { linkAddress: "2001:db8:a::1", source: "2001:db8:b::9" },
      "203.0.113.0",
    ],
    ["source, if link-address is ::", { linkAddress: "::", source: "2001:db8:b::9" }, "203.0.113.1"],
    [
      "nothing, if link-address is in no domain",
      { linkAddress: "2001:db8:c::1", source: "2001:db8:b::9" },
      undefined,
    ],
    [
      "nothing, if link-address is :: and source is link-local",
      { linkAddress: "::", source: "fe80::9" },
      undefined,
    ],
  ])("R7341-11-03 are selected by %s", async (_field, where, address) => {
    const stage = await Stage.open(domains);
    expect((await stage.client(1, where).discover())?.address).toBe(address);
    expect(stage.count("silence:no-domain")).toBe(address === undefined ? 1 : 0);
  });

  test("R7341-11-03 are selected by the source if a query comes from no relay", async () => {
    const stage = await Stage.open(domains);
    const direct = stage.client(1).query(MessageType.discover, {});
    expect(await stage.ask(direct)).toMatchObject({ type: "offer", address: "203.0.113.3" });
  });
});
