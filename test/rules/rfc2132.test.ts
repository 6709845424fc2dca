/**
 * Options: which ones an answer has, how long an answer may be, and how the options of a query are decoded. RFC 2132,
 * 3396, 8910, 8925, 951.
 */
import { describe, expect, test } from "vitest";
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { enclose, levelAt } from "./acting-client.ts";
import type { MessageOverrides } from "./acting-client.ts";
import { changeDhcpV4, fieldOf, putOptionsFirst } from "./raw-message.ts";
import { Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";

const codesOf = (answer: Answer | undefined) => [...answer!.message.options.keys()];

describe("options of an answer", () => {
  const options = {
    "dns-servers": ["192.0.2.53"],
    routers: ["192.0.2.1"],
    mtu: 1460,
    "domain-name": "example.net",
    "captive-portal": "https://portal.example.net/",
    "v6-only-preferred": 1800,
    other: [{ code: 224, hex: "00ff" }],
  };
  /** Options that come before and after those that the client lists. */
  const first = [53, 54, 51, 58, 59, 159];
  const last = [61];

  test.each<[list: string, listed: number[], gets: number[]]>([
    ["a list", [26, 6, 3, 15], [26, 6, 3, 15]],
    ["a list in another order", [15, 3, 224, 6, 26], [15, 3, 224, 6, 26]],
    ["a list with repeated codes", [6, 26, 6, 6, 26], [6, 26]],
    ["a list with options that are not configured", [6, 7, 42, 26, 253], [6, 26]],
    ["a list with options that are always sent", [26, 59, 51, 6, 53, 54, 58, 61], [26, 6]],
  ])("R2132-9.8-01 %s is answered with options in its order, each once", async (_list, listed, gets) => {
    const stage = await Stage.open({ options });
    const overrides: MessageOverrides = { parameterRequestList: [...listed, 159] };
    const ack = await stage.client(1).lease({}, overrides);
    expect(codesOf(ack)).toEqual([...first, ...gets, ...last]);
    expect(codesOf(await stage.client(1).discover({}, overrides))).toEqual([...first, ...gets, ...last]);
    expect(codesOf(await stage.client(1).inform("192.0.2.18", overrides))).toEqual([
      53,
      54,
      ...gets,
      ...last,
    ]);
  });

  test.each<[list: string, listed: number[] | null, gets: number[]]>([
    ["with the routers first", [3, 1], [1, 3]],
    ["with others between them", [3, 6, 26, 1], [1, 3, 6, 26]],
    ["with repeated codes", [3, 3, 1, 3, 1], [1, 3]],
    ["with the subnet mask first", [1, 6, 3], [1, 6, 3]],
    ["with the routers alone", [6, 3], [6, 3]],
    ["with the subnet mask alone", [6, 1], [6, 1]],
  ])("R4 R2132-3.3-01 a list %s gets the subnet mask before the routers", async (_list, listed, gets) => {
    for (const mask of [{}, { "subnet-mask": "255.255.255.0" }]) {
      const stage = await Stage.open({ options: { ...options, ...mask } });
      const overrides: MessageOverrides = { parameterRequestList: [...listed!, 159] };
      const expected = [...first, ...gets, ...last];
      expect(codesOf(await stage.client(1).lease({}, overrides))).toEqual(expected);
      expect(codesOf(await stage.client(1).discover({}, overrides))).toEqual(expected);
      const inform = await stage.client(1).inform("192.0.2.18", overrides);
      expect(codesOf(inform)).toEqual([53, 54, ...gets, ...last]);
    }
  });

  test("R4 without routers, the subnet mask keeps its place in the list", async () => {
    const stage = await Stage.open({ options: { "dns-servers": ["192.0.2.53"] } });
    const ack = await stage.client(1).lease({}, { parameterRequestList: [3, 6, 1, 159] });
    expect(codesOf(ack)).toEqual([...first, 6, 1, ...last]);
  });

  test("R4 R2132-3.3-01 a client without a list gets the subnet mask before the routers", async () => {
    const stage = await Stage.open({ options: { routers: ["192.0.2.1"], "subnet-mask": "255.255.255.0" } });
    const ack = await stage.client(1).lease({}, { parameterRequestList: null });
    expect(codesOf(ack).filter((code) => code === 1 || code === 3)).toEqual([1, 3]);
  });

  test("R4 R2132-3.3-01 a list in two parts gets the subnet mask before the routers", async () => {
    const stage = await Stage.open({ options });
    const query = stage.client(1).query(MessageType.discover, { parameterRequestList: [1, 159], xid: 7 });
    const split = changeDhcpV4(query, (dhcpv4) => putOptionsFirst(dhcpv4, [55, 2, 6, 3]));
    const offer = await stage.ask(enclose(split, [levelAt({ source: "fe80::1" })]));
    expect(codesOf(offer)).toEqual([...first, 6, 1, 3, ...last]);
  });

  test.each([40, 100, 150, 200, 250])(
    "R4 R2132-3.3-01 the subnet mask is read before the routers where %i octets of options fill the fields",
    async (fill) => {
      const other = [224, 225, 226].map((code) => ({ code, hex: "ab".repeat(fill) }));
      const routers = Array.from({ length: 16 }, (_, index) => `192.0.2.${index + 1}`);
      const stage = await Stage.open({ options: { other, routers } });
      // The decoder reads the options, then file, then sname, as clients do (RFC 3396 §5).
      for (const listed of [
        [3, 1, 224, 225, 226],
        [224, 3, 1, 225, 226],
        [224, 225, 3, 226, 1],
      ]) {
        const ack = await stage.client(1).lease({}, { parameterRequestList: [...listed, 159] });
        const found = codesOf(ack).filter((code) => code === 1 || code === 3);
        expect([[1, 3], [1], []]).toContainEqual(found);
        if (listed[0] === 3) expect(found).toEqual([1, 3]);
      }
    },
  );

  test("R2132-9.8-02 a configured option that the client does not list is not sent", async () => {
    const stage = await Stage.open({ options });
    for (const listed of [[159], [159, 26]]) {
      const overrides: MessageOverrides = { parameterRequestList: listed };
      const ack = await stage.client(1).lease({}, overrides);
      expect(codesOf(ack)).toEqual([...first, ...listed.slice(1), ...last]);
      expect(codesOf(await stage.client(1).inform("192.0.2.18", overrides))).toEqual([
        ...[53, 54],
        ...listed.slice(1),
        ...last,
      ]);
    }
  });

  test("R8910-2-01 option 114 is sent as configured to clients that list it", async () => {
    const stage = await Stage.open({ options });
    const portal = async (list: MessageOverrides) => {
      const ack = await stage.client(1).lease({}, list);
      return ack.message.options.get(114);
    };
    expect(await portal({ parameterRequestList: [159, 114] })).toEqual(
      new TextEncoder().encode("https://portal.example.net/"),
    );
    expect(await portal({ parameterRequestList: [159, 6] })).toBeUndefined();
    const withoutList = await stage.client(2).lease({}, { parameterRequestList: null });
    expect(codesOf(withoutList)).not.toContain(114);
  });

  test("R8925-3.3-01 option 108 is sent only to clients that list it", async () => {
    const stage = await Stage.open({ options });
    const listing = await stage.client(1).lease({}, { parameterRequestList: [159, 108] });
    expect(listing.message.options.get(108)).toEqual(Uint8Array.of(0, 0, 1800 >> 8, 1800 & 255));
    for (const parameterRequestList of [[159, 6], null]) {
      const other = await stage.client(2).discover({}, { parameterRequestList });
      expect(codesOf(other)).not.toContain(108);
    }
  });
});

test.each<[listed: number[], v6OnlyPreferred: number | undefined, type: "offer" | "ack"]>([
  [[159, 108], 1800, "offer"],
  [[159], 1800, "ack"],
  [[159, 108], undefined, "ack"],
])(
  "R8925-3.3-01 a client that lists %j and sends option 80, where option 108 is %s, gets an %s",
  async (parameterRequestList, v6OnlyPreferred, type) => {
    const options = v6OnlyPreferred === undefined ? {} : { "v6-only-preferred": v6OnlyPreferred };
    const stage = await Stage.open({ rapidCommit: true, options });
    const answer = await stage.client(1).discover({}, { parameterRequestList, options: { 80: [] } });
    expect(answer?.type).toBe(type);
    expect(answer?.message.options.has(108)).toBe(type === "offer");
  },
);

describe("the length of an answer", () => {
  /** Codes of options with 100 octets each. A message has room for only some of them. */
  const fillers = Array.from({ length: 20 }, (_, index) => 200 + index);
  const options = { other: fillers.map((code) => ({ code, hex: code.toString(16).repeat(100) })) };
  const listed: MessageOverrides = { parameterRequestList: [159, ...fillers] };
  const size = (octets: number) => [octets >> 8, octets & 255];

  /** `sentCount` is the number of fillers in the answer. In 548 octets two are in the options field and one in `file`. */
  test.each<[option: string, option57: readonly number[] | null, octetsMax: number, sentCount: number]>([
    ["no option 57", null, 548, 3],
    ["576, its minimum", size(576), 548, 3],
    ["575, less than its minimum", size(575), 548, 3],
    ["0", size(0), 548, 3],
    ["one octet", [255], 548, 3],
    ["600", size(600), 572, 3],
    ["1000", size(1000), 972, 7],
    ["1500", size(1500), 1472, 12],
    ["65535", size(65535), 65507, 20],
  ])("R2132-9.10-01 with %s", async (_option, option57, octetsMax, sentCount) => {
    const stage = await Stage.open({ options });
    const overrides: MessageOverrides = { ...listed, options: { 57: option57 } };
    const ack = await stage.client(1).lease({}, overrides);
    expect(ack.octets.length).toBeLessThanOrEqual(octetsMax);
    expect(codesOf(ack).filter((code) => code >= 200)).toEqual(fillers.slice(0, sentCount));
    for (const code of fillers.slice(0, sentCount)) {
      expect([...ack.message.options.get(code)!]).toEqual(new Array(100).fill(code));
    }
    expect([53, 54, 51, 58, 59, 159, 61].filter((code) => !ack.message.options.has(code))).toEqual([]);
  });

  test("R2132-9.10-01 options that do not fit go whole into file and sname, with option 52", async () => {
    const other = [
      ...[200, 201, 202].map((code) => ({ code, hex: "aa".repeat(60) })),
      { code: 203, hex: "bb".repeat(120) },
      { code: 204, hex: "cc".repeat(60) },
    ];
    const stage = await Stage.open({ options: { other } });
    const ack = await stage.client(1).lease({}, { parameterRequestList: [159, 200, 201, 202, 203, 204] });
    expect(ack.octets.length).toBeLessThanOrEqual(548);
    expect(ack.message.overload).toBe(3);
    expect(ack.octets.subarray(240, 243)).toEqual(Uint8Array.of(52, 1, 3));
    expect(ack.octets.subarray(108, 110)).toEqual(Uint8Array.of(203, 120));
    expect(ack.octets.subarray(44, 46)).toEqual(Uint8Array.of(204, 60));
    expect(ack.octets.lastIndexOf(255)).toBeGreaterThan(240 + 3 * 62);
    expect(codesOf(ack).filter((code) => code >= 200)).toEqual([200, 201, 202, 203, 204]);
  });

  test("R2132-9.10-01 a NAK does not use option 52: its text is left out if it does not fit", async () => {
    const stage = await Stage.open();
    const identifier = Array.from({ length: 254 }, () => 7);
    const elsewhere = { address: "192.0.2.200", portParams: undefined };
    const nak = (await stage.client(1).reboot(elsewhere, { options: { 61: identifier } }))!;
    expect(codesOf(nak)).toEqual([53, 54, 61]);
    expect(nak.message.overload).toBe(0);
    expect(nak.octets.length).toBeLessThanOrEqual(548);
  });
});

describe("options of a query", () => {
  const octets159 = [0, 6, 0x48, 0];
  /** Parts of a client identifier. The answer returns it, and so shows which parts were concatenated. */
  const [one, two, three] = [
    [255, 0, 0, 5],
    [1, 0, 3, 9],
    [1, 2, 3, 4],
  ] as const;
  const part = (code: number, data: readonly number[]) => [code, data.length, ...data];
  const relayLevels = [levelAt({})];

  test.each<[where: string, overload: number, file: number[], sname: number[], joined: number[]]>([
    ["in file, if option 52 is 1", 1, [...part(61, two), 255], part(61, three), [...one, ...two]],
    ["in sname, if option 52 is 2", 2, part(61, two), [...part(61, three), 255], [...one, ...three]],
    [
      "in file, then sname, if option 52 is 3",
      3,
      [...part(61, two), 255],
      [...part(61, three), 255],
      [...one, ...two, ...three],
    ],
    ["in neither field, if option 52 is 0", 0, part(61, two), part(61, three), [...one]],
    ["in neither field, if option 52 is 4", 4, part(61, two), part(61, three), [...one]],
    ["in fields without END", 3, part(61, two), part(61, three), [...one, ...two, ...three]],
  ])("R2132-9.3-01 options are decoded %s", async (_where, overload, file, sname, joined) => {
    const stage = await Stage.open();
    const header = { file: fieldOf(128, file), sname: fieldOf(64, sname) };
    const query = stage
      .client(1)
      .query(MessageType.discover, { header, options: { 61: one, 52: [overload] } });
    const offer = await stage.ask(enclose(query, relayLevels));
    expect([...offer!.message.options.get(61)!]).toEqual(joined);
  });

  test("R2132-9.3-01 an option 52 in file is ignored, so sname is not decoded", async () => {
    const stage = await Stage.open();
    const file = fieldOf(128, [...part(52, [3]), ...part(61, two)]);
    const header = { file, sname: fieldOf(64, part(61, three)) };
    const query = stage.client(1).query(MessageType.discover, { header, options: { 61: one, 52: [1] } });
    const offer = await stage.ask(enclose(query, relayLevels));
    expect([...offer!.message.options.get(61)!]).toEqual([...one, ...two]);
  });

  test.each<[parts: string, raw: number[]]>([
    ["two parts", [...part(61, [...one, ...two]), ...part(61, three)]],
    ["three parts", [...part(61, one), ...part(61, two), ...part(61, three)]],
    [
      "parts with other options between them",
      [...part(61, one), ...part(12, [65]), ...part(61, two), 0, 0, ...part(61, three)],
    ],
    ["parts, one of them empty", [...part(61, [...one, ...two]), ...part(61, []), ...part(61, three)]],
  ])("R3396-7-01 an option 61 in %s is one option, concatenated in order", async (_parts, raw) => {
    const stage = await Stage.open();
    const query = stage.client(1).query(MessageType.discover, { options: { 61: null } });
    const split = changeDhcpV4(query, (dhcpv4) => putOptionsFirst(dhcpv4, raw));
    const offer = await stage.ask(enclose(split, relayLevels));
    expect([...offer!.message.options.get(61)!]).toEqual([...one, ...two, ...three]);
  });

  test("R3396-7-01 a list with 159 in its second part lists 159", async () => {
    const stage = await Stage.open();
    const query = stage.client(1).query(MessageType.discover, { parameterRequestList: null });
    const list = (...parts: number[][]) =>
      changeDhcpV4(query, (dhcpv4) =>
        putOptionsFirst(
          dhcpv4,
          parts.flatMap((each) => part(55, each)),
        ),
      );
    const [split, whole] = [list([1, 6], [159]), list([1, 6])];
    expect((await stage.ask(enclose(split, relayLevels)))?.portParams).toEqual({
      psidOffset: 0,
      psidLength: 6,
      psid: 1,
    });
    expect((await stage.ask(enclose(whole, relayLevels)))?.portParams).toBeUndefined();
  });

  test("R3396-7-01 two options 159 are one of 8 octets, which is malformed and ignored", async () => {
    const stage = await Stage.open();
    const query = stage.client(1).query(MessageType.discover, { options: { 50: [192, 0, 2, 18] } });
    const hint = (...parts: number[][]) =>
      changeDhcpV4(query, (dhcpv4) =>
        putOptionsFirst(
          dhcpv4,
          parts.flatMap((each) => part(159, each)),
        ),
      );
    const wanted = { psidOffset: 0, psidLength: 6, psid: 18 };
    const offer = await stage.ask(enclose(hint(octets159, octets159), relayLevels));
    expect(offer!.type).toBe("offer");
    expect(offer!.portParams).not.toEqual(wanted);
    const other = stage.client(2);
    expect(await other.discover({ address: parseIPv4("192.0.2.18"), portParams: wanted })).toMatchObject({
      portParams: wanted,
    });
  });

  test("R3396-7-01 a list of more than 255 octets is decoded completely", async () => {
    const list = Array.from({ length: 300 }, (_, index) => (index === 299 ? 159 : 224));
    const stage = await Stage.open();
    const offer = await stage.client(1).discover({}, { parameterRequestList: list });
    expect(offer!.portParams).toEqual({ psidOffset: 0, psidLength: 6, psid: 1 });
  });
});

describe("the fixed size of BOOTP", () => {
  test("R951-3-01 answers are padded to 300 octets", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const overrides: MessageOverrides = { parameterRequestList: [159] };
    const ack = await client.lease({}, overrides);
    const answers = [ack, await client.discover({}, overrides), await client.inform(ack.address, overrides)];
    expect(answers.map((answer) => answer?.octets.length)).toEqual([300, 300, 300]);
    expect([...ack.octets.subarray(ack.octets.lastIndexOf(255) + 1)].every((octet) => octet === 0)).toBe(
      true,
    );
  });

  test("R951-3-01 shorter queries are served, even without END after the options", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const query = client.query(MessageType.discover, {});
    const bare = changeDhcpV4(query, (dhcpv4) => dhcpv4.subarray(0, dhcpv4.lastIndexOf(255)));
    const offer = await stage.ask(enclose(bare, [levelAt({})]));
    expect(offer?.type).toBe("offer");
  });
});
