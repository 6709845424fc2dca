/** Texts of the declared state that have several spellings, and YAML for readers of both versions. */
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { formatText, parseText, readDeclarationText } from "./declaration-text.ts";
import { parseDeclaration } from "./declaration.ts";
import { dhcpOptionsSchema } from "./dhcp-options.ts";
import { formatInterfaceId, parseInterfaceId } from "./domain-settings.ts";
import { formatIPv4Range, formatPortRange, parseIPv4Range, parsePortRange } from "./pool-declaration.ts";

const pool = { name: "p", kind: "shared", range: "192.0.2.0/24", psidLength: 6 };
const domain = { name: "d", serverIdentifier: "203.0.113.1", pools: [pool] };
const parsed = (fields: object) =>
  parseDeclaration({ domains: [{ ...domain, ...fields }] }, "test").domains[0]!;
const refusal = (fields: object): string => {
  try {
    parsed(fields);
    return "accepted";
  } catch (error) {
    return (error as Error).message;
  }
};

test("E11 every text of a declaration is kept in one form", () => {
  const one = parsed({
    prefixes: ["2001:DB8:1:0::/48"],
    lines: [{ linkAddress: "2001:0DB8::0001", interfaceId: "hex:6162" }],
    softwire: { borderRelays: ["2001:DB8:0::A"], bindPrefix: "2001:DB8:2::0/048" },
    options: {
      "classless-static-routes": [{ destination: "10.0.0.0/08", router: "0.0.0.0" }],
      other: [{ code: 224, hex: "0A" }],
    },
    pools: [
      {
        ...pool,
        range: "192.0.2.0-192.0.2.255",
        reservedPorts: ["80-80", "0-1023"],
        drainUntil: "2030-01-01T01:00:00.5+01:00",
      },
    ],
    reservations: [{ name: "r", clientIdentifier: "FF:00:0A", address: "192.0.2.9", psid: 40 }],
  });
  expect(one).toEqual(
    parsed({
      prefixes: ["2001:db8:1::/48"],
      lines: [{ linkAddress: "2001:db8::1", interfaceId: "ab" }],
      softwire: { borderRelays: ["2001:db8::a"], bindPrefix: "2001:db8:2::/48" },
      options: {
        "classless-static-routes": [{ destination: "10.0.0.0/8", router: "0.0.0.0" }],
        other: [{ code: 224, hex: "0a" }],
      },
      pools: [{ ...pool, reservedPorts: ["80", "0-1023"], drainUntil: "2030-01-01T00:00:00Z" }],
      reservations: [{ name: "r", clientIdentifier: "ff000a", address: "192.0.2.9", psid: 40 }],
    }),
  );
  expect(one.prefixes).toEqual(["2001:db8:1::/48"]);
  expect(one.pools[0]).toMatchObject({ range: "192.0.2.0/24", drainUntil: "2030-01-01T00:00:00Z" });
});

test("E11 parseInterfaceId() reads what formatInterfaceId() writes, which is one text for the same octets", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (octets) => {
      const text = formatInterfaceId(octets);
      expect(parseInterfaceId(text)).toEqual(octets);
      const hex = `hex:${Buffer.from(octets).toString("hex").toUpperCase()}`;
      expect(formatInterfaceId(parseInterfaceId(hex))).toBe(text);
    }),
  );
  const texts = ["ge-0/0/1", "hex:6162", "hex:00", "hex:efbbbf61", "hex:e280a8", "hex:6865783a31", "Zürich"];
  expect(texts.map((text) => formatInterfaceId(parseInterfaceId(text)))).toEqual([
    ...["ge-0/0/1", "ab", "hex:00", "hex:efbbbf61", "hex:e280a8", "hex:6865783a31", "Zürich"],
  ]);
});

test("E11 ranges of addresses and ports: parse and format agree", () => {
  const two = (max: number) => fc.tuple(fc.integer({ min: 0, max }), fc.integer({ min: 0, max }));
  fc.assert(
    fc.property(two(0xffffffff), two(0xffff), (addresses, ports) => {
      const [firstAddress, lastAddress] = addresses.toSorted((a, b) => a - b) as [number, number];
      const range = { firstAddress, lastAddress };
      expect(parseIPv4Range(formatIPv4Range(range))).toEqual(range);
      const [first, last] = ports.toSorted((a, b) => a - b) as [number, number];
      expect(parsePortRange(formatPortRange({ first, last }))).toEqual({ first, last });
    }),
  );
  for (const text of ["0x10", "080", "1-", "-1", "5-4", "1-2-3", "65536", " 1", "+1", "1e3", ""]) {
    expect(() => parsePortRange(text), text).toThrow(/Cannot parse port range/);
  }
});

describe("E12 refuses addresses that no client can use, and says why", () => {
  test.each([
    ["0.0.0.0/32", "this network"],
    ["0.255.255.255-1.0.0.0", "this network"],
    ["127.0.0.0/24", "loopback"],
    ["169.254.7.0/24", "link-local"],
    ["224.0.0.0/24", "multicast"],
    ["239.255.255.255/32", "multicast"],
    ["240.0.0.0/24", "reserved"],
    ["255.255.255.255/32", "broadcast"],
    ["223.255.255.0-224.0.0.0", "multicast"],
  ])("the pool %s is %s", (range, what) => {
    expect(refusal({ pools: [{ ...pool, range }] })).toMatch(
      new RegExp(
        `domains\\.0\\.pools\\.0\\.range: found "${range}", expected addresses that a host can have: .*${what}`,
      ),
    );
  });

  test.each([
    "10.0.0.0/24",
    "100.64.0.0/24",
    "192.168.0.0/24",
    "198.18.0.0/24",
    "198.51.100.0/24",
    "1.0.0.0/24",
  ])("the pool %s is allowed", (range) => {
    expect(refusal({ pools: [{ ...pool, range }] })).toBe("accepted");
  });

  test("a pool that contains the server identifier of its domain", () => {
    expect(refusal({ serverIdentifier: "192.0.2.255" })).toMatch(
      /domains\.0\.pools\.0\.range: found 192\.0\.2\.0\/24, expected a range without 192\.0\.2\.255, the server identifier/,
    );
    expect(refusal({ serverIdentifier: "192.0.3.0" })).toBe("accepted");
  });

  test.each(["0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"])(
    "the server identifier %s",
    (serverIdentifier) => {
      expect(refusal({ serverIdentifier })).toMatch(
        /serverIdentifier: found ".*", expected addresses that a host/,
      );
    },
  );

  test.each<[string, object]>([
    ["::", { softwire: { borderRelays: ["::"] } }],
    ["::1", { softwire: { borderRelays: ["::1"] } }],
    ["ff02::1", { softwire: { borderRelays: ["ff02::1"] } }],
    ["fe80::1", { softwire: { borderRelays: ["2001:db8::1", "fe80::1"] } }],
    ["::ffff:c000:201", { softwire: { borderRelays: ["::ffff:192.0.2.1"] } }],
    ["ff00::/8", { softwire: { bindPrefix: "ff00::/8" } }],
    ["::/128", { softwire: { bindPrefix: "::/128" } }],
    ["::1/128", { softwire: { bindPrefix: "::1/128" } }],
    ["fec0::1", { softwire: { borderRelays: ["fec0::1"] } }],
    ["feff::1", { softwire: { borderRelays: ["feff::1"] } }],
    ["::c000:201", { softwire: { borderRelays: ["::192.0.2.1"] } }],
    ["fec0::/10", { softwire: { bindPrefix: "fec0::/10" } }],
    ["fec0:0:0:1::/64", { softwire: { bindPrefix: "fec0:0:0:1::/64" } }],
    ["::/96", { softwire: { bindPrefix: "::/96" } }],
    ["::c000:200/120", { softwire: { bindPrefix: "::192.0.2.0/120" } }],
    ["::ffff:0:0/96", { softwire: { bindPrefix: "::ffff:0:0/96" } }],
    ["fe80::/10", { prefixes: ["2001:db8::/32", "fe80::/10"] }],
    ["fe80:1::/64", { prefixes: ["fe80:1::/64"] }],
    ["ff02::/16", { prefixes: ["ff02::/16"] }],
    ["::/128", { prefixes: ["::/128"] }],
    ["::ffff:0:0/96", { prefixes: ["::ffff:0:0/96"] }],
    ["fe80::1", { lines: [{ linkAddress: "fe80::1", interfaceId: "a" }] }],
    ["ff02::1", { lines: [{ linkAddress: "ff02::1", interfaceId: "a" }] }],
  ])("%s in %j", (found, fields) => {
    expect(refusal(fields)).toMatch(
      new RegExp(`found "${found}", expected a global or unique local (address|prefix)`),
    );
  });

  test.each([
    [["2001:db8::1", "2001:db8::1"], "2001:db8::1"],
    [["2001:db8::2", "2001:db8::1", "2001:0DB8:0::1"], "2001:db8::1"],
    [["2001:db8::192.0.2.1", "2001:db8::c000:201"], "2001:db8::c000:201"],
  ])("the border relays %j", (borderRelays, twice) => {
    expect(refusal({ softwire: { borderRelays } })).toContain(
      `domains.0.softwire.borderRelays: found "${twice}" twice, expected it once`,
    );
  });

  test("what contains more than those is allowed", () => {
    expect(refusal({ softwire: { borderRelays: ["2001:db8::1", "fd00::1", "64:ff9b::1"] } })).toBe(
      "accepted",
    );
    for (const bindPrefix of ["::/0", "::/1", "fd00::/8", "::1:0:0/96"]) {
      expect(refusal({ softwire: { bindPrefix } }), bindPrefix).toBe("accepted");
    }
    expect(refusal({ prefixes: ["::/0", "fd00::/8", "2001:db8::/32"] })).toBe("accepted");
    expect(refusal({ lines: [{ linkAddress: "::", interfaceId: "a" }] })).toBe("accepted");
  });
});

describe("E13 refuses DHCP options that no client should get", () => {
  test.each<[string, unknown, RegExp]>([
    [
      "other",
      [
        { code: 224, hex: "01" },
        { code: 225, hex: "" },
        { code: 224, hex: "02" },
      ],
      /code 224 twice/,
    ],
    ["other", [{ code: 82, hex: "0101" }], /found 82, which a relay sets/],
    ["other", [{ code: 81, hex: "00" }], /found 81/],
    ["other", [{ code: 90, hex: "00" }], /found 90/],
    ["other", [{ code: 118, hex: "00" }], /found 118/],
    ["other", [{ code: 152, hex: "00" }], /found 152/],
    ["other", [{ code: 1, hex: "ffffff00" }], /by name: "subnet-mask"/],
    ...[50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 61, 80, 109, 159].map((code): [string, unknown, RegExp] => [
      "other",
      [{ code, hex: "00" }],
      /only the server or a client sets/,
    ]),
    ["captive-portal", "javascript:alert(1)", /expected an https or http URL/],
    ["captive-portal", "ftp://example.net/", /expected an https or http URL/],
    ["captive-portal", "https://me:secret@example.net/", /without user and password/],
    ["captive-portal", "https://example.net/\0", /printable ASCII/],
    ["captive-portal", "https://example.net/\n", /printable ASCII/],
    ["captive-portal", `https://example.net/${"a".repeat(255)}`, /1 to 255/],
    ["captive-portal", "", /1 to 255/],
    ...[" https://example.net/", "https://example.net/ ", "https://example.net/a b"].map(
      (text): [string, unknown, RegExp] => ["captive-portal", text, /expected a URL without spaces/],
    ),
    ["domain-name", "two words", /expected a domain name/],
    ["domain-name", "a..b", /expected a domain name/],
    ["domain-name", "a\u0007", /printable ASCII/],
    ["host-name", "-a", /expected a domain name/],
    ["domain-search", [], /length/i],
    ["domain-search", ["a b"], /expected a domain name/],
    ["dns-servers", [], /length/i],
    ["dns-servers", ["192.0.2.53", "0.0.0.0"], /found "0\.0\.0\.0", expected a unicast address/],
    ["dns-servers", ["224.0.0.251"], /expected a unicast address/],
    ["routers", ["255.255.255.255"], /expected a unicast address/],
    ["ntp-servers", ["0.0.0.0"], /expected the address of a host/],
    ["subnet-mask", "255.0.255.0", /expected a mask/],
    [
      "classless-static-routes",
      [{ destination: "0.0.0.0/0", router: "255.255.255.255" }],
      /expected a unicast/,
    ],
    ["tftp-server-name", "a".repeat(256), /1 to 255/],
  ])("%s: %j", (name, value, why) => {
    const { issues = [] } = v.safeParse(dhcpOptionsSchema, { [name]: value });
    expect(issues.map(({ message }) => message).join("\n")).toMatch(why);
    expect(refusal({ pools: [{ ...pool, options: { [name]: value } }] })).not.toBe("accepted");
    expect(refusal({ options: { [name]: value } })).not.toBe("accepted");
  });

  test.each<[string, unknown]>([
    ["captive-portal", "https://example.net/portal?x=1"],
    ["captive-portal", "http://192.0.2.1/"],
    ["captive-portal", "urn:ietf:params:capport:unrestricted"],
    ["domain-name", "example.net"],
    ["ntp-servers", ["224.0.1.1"]],
    ["subnet-mask", "255.255.255.255"],
    ["subnet-mask", "0.0.0.0"],
    [
      "other",
      [
        { code: 43, hex: "00" },
        { code: 60, hex: "00" },
        { code: 224, hex: "00" },
      ],
    ],
  ])("%s of %j is allowed", (name, value) => {
    expect(refusal({ options: { [name]: value } })).toBe("accepted");
  });
});

describe("E17 byte order marks and YAML of both versions", () => {
  const mark = "\ufeff";
  const state = { domains: [domain] };

  test.each([
    ["json", JSON.stringify(state)],
    ["yaml", formatText(state, "yaml")],
  ] as const)("a byte order mark before %s is ignored", (format, text) => {
    expect(readDeclarationText(mark + text, format, "test")).toEqual(
      readDeclarationText(text, format, "test"),
    );
    if (format === "json") expect(() => parseText(mark + mark + text, format, "test")).toThrow(SyntaxError);
    const utf16 = Buffer.from(`${mark}${text}`, "utf16le").toString("utf8");
    expect(() => parseText(utf16, format, "test")).toThrow("Cannot read test: found UTF-16, expected UTF-8");
  });

  const confusing = [
    ...[
      "no",
      "on",
      "off",
      "yes",
      "y",
      "n",
      "null",
      "true",
      "~",
      "=",
      "<<",
      "1e3",
      "0x1",
      "0o7",
      "010",
      "0b1",
      "1_000",
    ],
    ...[
      "12:30",
      "12:30:45",
      ".inf",
      ".nan",
      "2026-01-01",
      "2026-01-01T00:00:00Z",
      "-",
      "?",
      ":",
      "#",
      "!",
      "&a",
      "*a",
    ],
    ...[
      "",
      " ",
      " a",
      "a ",
      "a: b",
      "a #b",
      "|",
      ">",
      "%",
      "@",
      "`",
      "'",
      '"',
      "{",
      "[",
      ",",
      "1.",
      "+1",
      "1,000",
    ],
  ];
  test.each(confusing)("the text %j stays a text", (text) => {
    const yaml = formatText({ name: text, list: [text] }, "yaml");
    expect(parse(yaml, { version: "1.1" })).toEqual({ name: text, list: [text] });
    expect(parse(yaml, { version: "1.2" })).toEqual({ name: text, list: [text] });
    // No reader takes a quoted text for anything else. The library knows no "=", so it is looked at.
    if (text === "=") expect(yaml).toContain('"="');
  });

  test("any text stays the same", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 20 }), (text) => {
        const yaml = formatText([text], "yaml");
        expect(parse(yaml, { version: "1.1" })).toEqual([text]);
        expect(parseText(yaml, "yaml", "test")).toEqual([text]);
      }),
    );
  });
});
