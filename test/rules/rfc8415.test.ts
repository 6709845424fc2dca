/**
 * How a server decodes and answers relay messages: RFC 8415 §13.1, §16, §19.3, RFC 8357, 4994, 7969.
 */
import { describe, expect, test } from "vitest";
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { MessageType6, OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { encodeMessage6 } from "../../src/wire/dhcpv6/message.ts";
import type { Option6 } from "../../src/wire/dhcpv6/options.ts";
import { encodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import type { RelayLevel } from "../../src/wire/dhcpv6/relay.ts";
import { formatIPv6, parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { enclose } from "./acting-client.ts";
import { domain, Stage } from "./stage.ts";

const text = (words: string) => new TextEncoder().encode(words);

/** @returns A level of a relay path. Its link-address is :: by default. */
function level(
  fields: { hopCount?: number; link?: string; peer?: string; options?: Option6[] } = {},
): RelayLevel {
  const { hopCount = 0, link = "::", peer = "2001:db8:feed::1", options = [] } = fields;
  return { hopCount, linkAddress: parseIPv6(link), peerAddress: parseIPv6(peer), options };
}

/** Formats a level, for comparisons. */
const formatLevel = ({ hopCount, linkAddress, peerAddress, options }: RelayLevel) => ({
  hopCount,
  link: formatIPv6(linkAddress),
  peer: formatIPv6(peerAddress),
  options: options.map(({ code, data }) => [code, ...data]),
});

/** @returns A default domain and further domains. Domain N has the single address 203.0.113.N, which identifies it. */
function domainsWith(...others: Partial<typeof domain>[]): (typeof domain)[] {
  return [{ ...domain, name: "elsewhere" }, ...others].map((fields, index) => ({
    ...domain,
    default: index === 0,
    ...fields,
    name: `domain-${index}`,
    pools: [{ name: `pool-${index}`, kind: "full", range: `203.0.113.${index}/32` }],
  }));
}

/** @returns The number of the domain that serves a DISCOVER with these relay levels. */
async function servingDomain(stage: Stage, levels: readonly RelayLevel[]): Promise<number> {
  const discover = stage.client(1).query(MessageType.discover, {});
  const offer = await stage.ask(enclose(discover, levels));
  return Number(offer!.address.split(".").at(-1));
}

const [linkA, linkB, linkLocal] = ["2001:db8:a::1", "2001:db8:b::1", "fe80::a"];

describe("the link of a client", () => {
  const open = () =>
    Stage.open(domainsWith({ prefixes: ["2001:db8:a::/48"] }, { prefixes: ["2001:db8:b::/48"] }));

  test.each<[path: string, links: string[], domainNumber: number]>([
    ["one level", [linkA], 1],
    ["the innermost of two", [linkB, linkA], 1],
    ["the innermost of two, in the other order", [linkA, linkB], 2],
    [":: is skipped", [linkA, "::"], 1],
    [":: is skipped twice", [linkB, "::", "::"], 2],
    [":: outside of it is ignored", ["::", linkB], 2],
    [":: alone: the default", ["::", "::"], 0],
    ["a link of no domain: the default, not the next level's", [linkA, "2001:db8:c::1"], 0],
  ])("R8415-13.1-01 %s", async (_path, links, domainNumber) => {
    const stage = await open();
    const levels = links.map((link) => level({ link }));
    expect(await servingDomain(stage, levels)).toBe(domainNumber);
  });

  test.each<[path: string, links: string[], domainNumber: number]>([
    ["within a global one", [linkA, linkLocal], 1],
    ["within :: within a global one", [linkB, "::", linkLocal], 2],
    ["around a global one", [linkLocal, linkB], 2],
    ["alone: the default", [linkLocal], 0],
  ])("R8415-13.1-02 a link-local link-address is skipped: %s", async (_path, links, domainNumber) => {
    const local = { prefixes: ["2001:db8:a::/48"] };
    const stage = await Stage.open(
      domainsWith(local, { prefixes: ["2001:db8:b::/48"] }, { prefixes: ["fe00::/7"] }),
    );
    expect(
      await servingDomain(
        stage,
        links.map((link) => level({ link })),
      ),
    ).toBe(domainNumber);
  });

  const line = (interfaceId: string, link = linkA) =>
    level({ link, options: [{ code: OptionCode6.interfaceId, data: text(interfaceId) }] });

  test.each<[what: string, levels: RelayLevel[], domainNumber: number]>([
    ["the line of its relay", [line("eth1/7")], 1],
    ["the line with this Interface-Id of another relay", [line("eth1/7", linkB)], 2],
    ["a longer Interface-Id that starts with it", [line("eth1/71")], 0],
    ["a shorter Interface-Id that it starts with", [line("eth1/")], 0],
    ["the same in upper case", [line("ETH1/7")], 0],
    ["the same with a zero octet added", [line("eth1/7\0")], 0],
    ["no Interface-Id", [level({ link: linkA })], 0],
    ["the same from a relay without link-address", [line("eth1/7", "::")], 0],
    ["the line of the inner of two relays", [level({ link: linkB }), line("eth1/7")], 1],
    ["the line of the outer of two relays", [line("eth1/7"), level({ link: linkB })], 1],
  ])("R7969-3.2-01 %s", async (_what, levels, domainNumber) => {
    const stage = await Stage.open(
      domainsWith(
        { lines: [{ linkAddress: linkA, interfaceId: "eth1/7" }] },
        { lines: [{ linkAddress: linkB, interfaceId: "eth1/7" }] },
      ),
    );
    expect(await servingDomain(stage, levels)).toBe(domainNumber);
  });
});

describe("messages and options that a server does not accept", () => {
  const unknown: Option6[] = [
    { code: 65_000, data: text("whatever") },
    { code: 65_000, data: new Uint8Array(0) },
    { code: OptionCode6.remoteId, data: Uint8Array.of(0, 0, 0, 9, 1) },
  ];

  test("R8415-16-01 unknown options do not cause a drop, and are not returned", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const discover = client.query(MessageType.discover, {});
    const withUnknown = Uint8Array.from([...discover, ...[0xfd, 0xe8, 0, 2, 1, 2], ...[0, 8, 0, 2, 0, 0]]);
    const answer = await stage.ask(
      enclose(withUnknown, [level({ options: unknown }), level({ options: unknown })]),
    );
    expect(answer?.type).toBe("offer");
    expect(answer!.options).toEqual([]);
    expect(answer!.levels.map((each) => formatLevel(each).options)).toEqual([[], []]);
  });

  /** SOLICIT, REPLY, INFORMATION-REQUEST, DHCPV4-RESPONSE and others, each with a valid DISCOVER in it. */
  test.each([1, 3, 7, 11, 14, 19, 21, 22, 200, 255])(
    "R8415-16-02 a message of type %i is dropped",
    async (type) => {
      const stage = await Stage.open();
      const query = stage.client(1).query(MessageType.discover, {});
      query[0] = type;
      expect(await stage.ask(enclose(query, [level()]))).toBeUndefined();
      expect(stage.count("silence:unexpected-message-type")).toBe(1);
      expect(await stage.leases()).toBe(0);
    },
  );

  test.each([
    ["around a query", (query: Uint8Array) => [encodeRelayMessage(MessageType6.relayReply, level(), query)]],
    [
      "around a RELAY-FORW",
      (query: Uint8Array) => [
        encodeRelayMessage(MessageType6.relayReply, level(), enclose(query, [level()])),
      ],
    ],
  ])("R8415-16.14-01 a RELAY-REPL %s is dropped", async (_around, wrap) => {
    const stage = await Stage.open();
    const query = stage.client(1).query(MessageType.discover, {});
    for (const reply of wrap(query)) expect(await stage.ask(enclose(reply, [level()]))).toBeUndefined();
    expect(stage.count("silence:unexpected-message-type")).toBe(1);
    expect(await stage.leases()).toBe(0);
  });

  test.each([
    ["no Relay Message", 0, "silence:no-relay-message"],
    ["two Relay Messages", 2, "silence:duplicate-relay-message"],
  ])("R8415-19.3-03 a RELAY-FORW with %s is dropped", async (_what, count, outcome) => {
    const stage = await Stage.open();
    const data = stage.client(1).query(MessageType.discover, {});
    const whole = enclose(data, [level()]);
    const header = whole.subarray(0, 34);
    const relayMessage = whole.subarray(34);
    const forward = Uint8Array.from([
      ...header,
      ...encodeMessage6({ type: 0, flags: 0, options: unknown }).subarray(4),
      ...Array.from({ length: count }, () => [...relayMessage]).flat(),
    ]);
    expect(await stage.ask(enclose(forward, [level()]))).toBeUndefined();
    expect(stage.count(outcome)).toBe(1);
    expect(await stage.leases()).toBe(0);
    expect(await stage.ask(whole)).toMatchObject({ type: "offer" });
  });
});

describe("RELAY-REPL", () => {
  /** Three levels that differ in all fields, outermost first. */
  const path = [
    level({ hopCount: 2, link: "2001:db8:c::1", peer: "2001:db8:c::2" }),
    level({ hopCount: 1, link: "::", peer: "fe80::b" }),
    level({ hopCount: 0, link: linkA, peer: "fe80::a" }),
  ];
  const answerTo = async (stage: Stage, levels: readonly RelayLevel[]) => {
    const answer = await stage.ask(enclose(stage.client(1).query(MessageType.discover, {}), levels));
    return answer!.levels;
  };

  test("R8415-19.3-01 has the hop-count, link-address and peer-address of the query at each level", async () => {
    const levels = await answerTo(await Stage.open(), path);
    expect(levels.map(formatLevel)).toEqual(path.map(formatLevel));
    expect(levels.map(({ type }) => type)).toEqual([13, 13, 13]);
  });

  const withOptions = (...options: Option6[][]) =>
    path.map((each, index) => ({ ...each, options: options[index]! }));
  const interfaceId = (data: Uint8Array): Option6 => ({ code: OptionCode6.interfaceId, data });
  const relayPort = (port: number): Option6 => ({
    code: OptionCode6.relayPort,
    data: Uint8Array.of(port >> 8, port & 255),
  });

  test("R8415-19.3-02 has each Interface-Id at its own level, and none at other levels", async () => {
    const ids = withOptions([interfaceId(text("outer"))], [], [interfaceId(Uint8Array.of(0, 255, 0))]);
    expect((await answerTo(await Stage.open(), ids)).map(formatLevel)).toEqual(ids.map(formatLevel));
  });

  test("R8357-5.2-01 has each option 135 at its own level, and none at other levels", async () => {
    const ports = withOptions([relayPort(1547)], [], [relayPort(0), interfaceId(text("x"))]);
    expect((await answerTo(await Stage.open(), ports)).map(formatLevel)).toEqual(ports.map(formatLevel));
  });

  const echoRequest = (...codes: number[]): Option6 => ({
    code: OptionCode6.echoRequest,
    data: Uint8Array.from(codes.flatMap((code) => [code >> 8, code & 255])),
  });
  const [remoteId, subscriberId, unknown] = [37, 38, 65_000].map((code) => ({
    code,
    data: text(`option ${code}`),
  }));

  test.each<[what: string, options: Option6[], echoed: Option6[]]>([
    ["one option", [remoteId!, subscriberId!, echoRequest(38)], [subscriberId!]],
    [
      "several options, one of them unknown",
      [remoteId!, unknown!, echoRequest(65_000, 37)],
      [unknown!, remoteId!],
    ],
    ["an option that is missing", [remoteId!, echoRequest(38, 79)], []],
    [
      "an option that is returned anyway, once",
      [interfaceId(text("x")), echoRequest(18, 18)],
      [interfaceId(text("x"))],
    ],
    ["an option twice, once", [remoteId!, echoRequest(37, 37)], [remoteId!]],
    ["nothing", [remoteId!, echoRequest()], []],
    ["half a code", [remoteId!, { code: OptionCode6.echoRequest, data: Uint8Array.of(0) }], []],
  ])("R4994-3-01 has the options that an Echo Request lists: %s", async (_what, options, echoed) => {
    const asking = withOptions([remoteId!], options, [subscriberId!]);
    const levels = await answerTo(await Stage.open(), asking);
    expect(levels.map((each) => formatLevel(each).options)).toEqual([
      [],
      echoed.map(({ code, data }) => [code, ...data]),
      [],
    ]);
  });
});

describe("depth", () => {
  /** @returns Levels outside of our relay's own, which adds one more. */
  const deep = (count: number) =>
    Array.from({ length: count }, (_, index) =>
      level({ hopCount: Math.min(7, count - 1 - index), link: linkA, peer: `fe80::${index + 1}` }),
    );

  test.each([
    [1, 0],
    [9, 8],
    [16, 15],
  ])("R8415-19.3-04 %i levels are served", async (_levels, ours) => {
    const stage = await Stage.open();
    const path = deep(ours);
    const answer = await stage.ask(enclose(stage.client(1).query(MessageType.discover, {}), path));
    expect(answer!.type).toBe("offer");
    expect(answer!.levels.map(formatLevel)).toEqual(path.map(formatLevel));
  });

  test("R8415-19.3-04 seventeen levels are dropped as too deep", async () => {
    const stage = await Stage.open();
    const query = stage.client(1).query(MessageType.discover, {});
    expect(await stage.ask(enclose(query, deep(16)))).toBeUndefined();
    expect(stage.count("silence:relay-too-deep")).toBe(1);
    expect(await stage.leases()).toBe(0);
  });
});
