/**
 * Relay messages, as a server reads and answers them: RFC 8415 §13.1, §16, §19.3, RFC 8357, 4994, 7969.
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

/** A level of a relay path; all that is left out says nothing. */
function level(
  fields: { hopCount?: number; link?: string; peer?: string; options?: Option6[] } = {},
): RelayLevel {
  const { hopCount = 0, link = "::", peer = "2001:db8:feed::1", options = [] } = fields;
  return { hopCount, linkAddress: parseIPv6(link), peerAddress: parseIPv6(peer), options };
}

/** What an answer says at each level, outermost first. */
const inText = ({ hopCount, linkAddress, peerAddress, options }: RelayLevel) => ({
  hopCount,
  link: formatIPv6(linkAddress),
  peer: formatIPv6(peerAddress),
  options: options.map(({ code, data }) => [code, ...data]),
});

/** The default domain, and one of each place, all with full addresses that tell them apart. */
function places(...others: Partial<typeof domain>[]): (typeof domain)[] {
  return [{ ...domain, name: "elsewhere" }, ...others].map((fields, index) => ({
    ...domain,
    default: index === 0,
    ...fields,
    name: `place-${index}`,
    pools: [{ name: `pool-${index}`, kind: "full", range: `203.0.113.${index}/32` }],
  }));
}

/** Number of the place whose pool a DISCOVER behind these relays is served from. */
async function placeOf(stage: Stage, levels: readonly RelayLevel[]): Promise<number> {
  const discover = stage.client(1).query(MessageType.discover, {});
  const offer = await stage.ask(enclose(discover, levels));
  return Number(offer!.address.split(".").at(-1));
}

const [linkA, linkB, linkLocal] = ["2001:db8:a::1", "2001:db8:b::1", "fe80::a"];

describe("where a client is", () => {
  const open = () => Stage.open(places({ prefixes: ["2001:db8:a::/48"] }, { prefixes: ["2001:db8:b::/48"] }));

  test.each<[path: string, links: string[], place: number]>([
    ["one level", [linkA], 1],
    ["the innermost of two", [linkB, linkA], 1],
    ["the innermost of two, the other way round", [linkA, linkB], 2],
    [":: is passed over", [linkA, "::"], 1],
    [":: is passed over, twice", [linkB, "::", "::"], 2],
    [":: outside of it says nothing", ["::", linkB], 2],
    [":: alone: the default", ["::", "::"], 0],
    ["a link of no domain: the default, not the next level's", [linkA, "2001:db8:c::1"], 0],
  ])("R8415-13.1-01 %s", async (_path, links, place) => {
    const stage = await open();
    const levels = links.map((link) => level({ link }));
    expect(await placeOf(stage, levels)).toBe(place);
  });

  test.each<[path: string, links: string[], place: number]>([
    ["within a global one", [linkA, linkLocal], 1],
    ["within :: within a global one", [linkB, "::", linkLocal], 2],
    ["around a global one", [linkLocal, linkB], 2],
    ["alone: the default", [linkLocal], 0],
  ])("R8415-13.1-02 a link-local link-address is skipped: %s", async (_path, links, place) => {
    const local = { prefixes: ["2001:db8:a::/48"] };
    const stage = await Stage.open(
      places(local, { prefixes: ["2001:db8:b::/48"] }, { prefixes: ["fe80::/10"] }),
    );
    expect(
      await placeOf(
        stage,
        links.map((link) => level({ link })),
      ),
    ).toBe(place);
  });

  const line = (interfaceId: string, link = linkA) =>
    level({ link, options: [{ code: OptionCode6.interfaceId, data: text(interfaceId) }] });

  test.each<[what: string, levels: RelayLevel[], place: number]>([
    ["the line of its relay", [line("eth1/7")], 1],
    ["the line of another relay with that name", [line("eth1/7", linkB)], 2],
    ["an Interface-Id that begins like it", [line("eth1/71")], 0],
    ["an Interface-Id that it begins like", [line("eth1/")], 0],
    ["the same in other letters", [line("ETH1/7")], 0],
    ["the same and a zero", [line("eth1/7\0")], 0],
    ["no Interface-Id", [level({ link: linkA })], 0],
    ["the same from a relay that says no link-address", [line("eth1/7", "::")], 0],
    ["the line of a relay behind another", [level({ link: linkB }), line("eth1/7")], 1],
    ["the line of a relay before another", [line("eth1/7"), level({ link: linkB })], 1],
  ])("R7969-3.2-01 %s", async (_what, levels, place) => {
    const stage = await Stage.open(
      places(
        { lines: [{ linkAddress: linkA, interfaceId: "eth1/7" }] },
        { lines: [{ linkAddress: linkB, interfaceId: "eth1/7" }] },
      ),
    );
    expect(await placeOf(stage, levels)).toBe(place);
  });
});

describe("a message that is not for a server", () => {
  const unknown: Option6[] = [
    { code: 65_000, data: text("whatever") },
    { code: 65_000, data: new Uint8Array(0) },
    { code: OptionCode6.remoteId, data: Uint8Array.of(0, 0, 0, 9, 1) },
  ];

  test("R8415-16-01 options that are not known are no reason to drop, and do not return", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const discover = client.query(MessageType.discover, {});
    const withUnknown = Uint8Array.from([...discover, ...[0xfd, 0xe8, 0, 2, 1, 2], ...[0, 8, 0, 2, 0, 0]]);
    const answer = await stage.ask(
      enclose(withUnknown, [level({ options: unknown }), level({ options: unknown })]),
    );
    expect(answer?.type).toBe("offer");
    expect(answer!.options).toEqual([]);
    expect(answer!.levels.map((each) => inText(each).options)).toEqual([[], []]);
  });

  /** SOLICIT, REPLY, INFORMATION-REQUEST, DHCPV4-RESPONSE and others, each with a DISCOVER that would be served. */
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
  /** Three relays that differ in all that they say, the outermost first. */
  const path = [
    level({ hopCount: 2, link: "2001:db8:c::1", peer: "2001:db8:c::2" }),
    level({ hopCount: 1, link: "::", peer: "fe80::b" }),
    level({ hopCount: 0, link: linkA, peer: "fe80::a" }),
  ];
  const answerTo = async (stage: Stage, levels: readonly RelayLevel[]) => {
    const answer = await stage.ask(enclose(stage.client(1).query(MessageType.discover, {}), levels));
    return answer!.levels;
  };

  test("R8415-19.3-01 has hop-count, link-address and peer-address of the query, level by level", async () => {
    const levels = await answerTo(await Stage.open(), path);
    expect(levels.map(inText)).toEqual(path.map(inText));
    expect(levels.map(({ type }) => type)).toEqual([13, 13, 13]);
  });

  const withOptions = (...options: Option6[][]) =>
    path.map((each, index) => ({ ...each, options: options[index]! }));
  const interfaceId = (data: Uint8Array): Option6 => ({ code: OptionCode6.interfaceId, data });
  const relayPort = (port: number): Option6 => ({
    code: OptionCode6.relayPort,
    data: Uint8Array.of(port >> 8, port & 255),
  });

  test("R8415-19.3-02 has each Interface-Id at its own level, and none where there was none", async () => {
    const ids = withOptions([interfaceId(text("outer"))], [], [interfaceId(Uint8Array.of(0, 255, 0))]);
    expect((await answerTo(await Stage.open(), ids)).map(inText)).toEqual(ids.map(inText));
  });

  test("R8357-5.2-01 has each option 135 at its own level, and none where there was none", async () => {
    const ports = withOptions([relayPort(1547)], [], [relayPort(0), interfaceId(text("x"))]);
    expect((await answerTo(await Stage.open(), ports)).map(inText)).toEqual(ports.map(inText));
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
      "several, one that no server knows",
      [remoteId!, unknown!, echoRequest(65_000, 37)],
      [unknown!, remoteId!],
    ],
    ["what is not there", [remoteId!, echoRequest(38, 79)], []],
    ["what returns anyway, once", [interfaceId(text("x")), echoRequest(18, 18)], [interfaceId(text("x"))]],
    ["an option twice, once", [remoteId!, echoRequest(37, 37)], [remoteId!]],
    ["nothing", [remoteId!, echoRequest()], []],
    ["half a code", [remoteId!, { code: OptionCode6.echoRequest, data: Uint8Array.of(0) }], []],
  ])("R4994-3-01 has what an Echo Request names: %s", async (_what, options, echoed) => {
    const asking = withOptions([remoteId!], options, [subscriberId!]);
    const levels = await answerTo(await Stage.open(), asking);
    expect(levels.map((each) => inText(each).options)).toEqual([
      [],
      echoed.map(({ code, data }) => [code, ...data]),
      [],
    ]);
  });
});

describe("depth", () => {
  /** With the level of our relay there is one more. */
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
    expect(answer!.levels.map(inText)).toEqual(path.map(inText));
  });

  test("R8415-19.3-04 seventeen levels are dropped as too deep", async () => {
    const stage = await Stage.open();
    const query = stage.client(1).query(MessageType.discover, {});
    expect(await stage.ask(enclose(query, deep(16)))).toBeUndefined();
    expect(stage.count("silence:relay-too-deep")).toBe(1);
    expect(await stage.leases()).toBe(0);
  });
});
