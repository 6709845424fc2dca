import { describe, expect, test } from "vitest";
import { DeclarationError, parseDeclaration } from "./declaration.ts";
import { parseInterfaceId, siteLimitOf, warningsOf } from "./domain-settings.ts";
import { parseIPv4Range, parsePortRange } from "./pool-declaration.ts";

const pool = { name: "p", kind: "shared", range: "192.0.2.0/24", psidLength: 6 };
const domain = { name: "d", serverIdentifier: "203.0.113.1", pools: [pool] };

/** Returns the faults for which a declaration is rejected. */
function faultsOf(input: unknown): readonly string[] {
  try {
    parseDeclaration(input, "test");
  } catch (error) {
    if (error instanceof DeclarationError)
      return error.faults.map(({ path, problem }) => `${path}: ${problem}`);
    throw error;
  }
  return [];
}

test("parseDeclaration() fills in the defaults", () => {
  const [parsed] = parseDeclaration({ domains: [domain] }, "test").domains;
  expect(parsed).toMatchObject({
    default: false,
    leaseSeconds: { default: 3600, min: 60, max: 86_400 },
    offerHoldSeconds: 60,
    quarantineSeconds: 60,
    siteBy: null,
    siteLeasesMax: null,
    interfaceIdsAreUnique: false,
    softwire: { bindPrefixOnly: false },
    rapidCommit: false,
    pools: [{ fill: "spread", psidOffset: 0, reservedPorts: ["0-1023"], options: {} }],
  });
});

describe("parseDeclaration() names the field, what was found and what was expected for", () => {
  test.each<[string, unknown, RegExp]>([
    ["no object", 7, /^\(top level\): found 7, expected an object$/],
    [
      "an unknown field",
      { domains: [{ ...domain, ttl: 1 }] },
      /^domains\.0\.ttl: found "ttl", expected no field of this name$/,
    ],
    ["no pools", { domains: [{ name: "d", serverIdentifier: "203.0.113.1" }] }, /domains\.0\.pools: /],
    [
      "a wrong name",
      { domains: [{ ...domain, name: "North!" }] },
      /domains\.0\.name: found "North!", expected 1 to 63/,
    ],
    [
      "a wrong address",
      { domains: [{ ...domain, serverIdentifier: "1.2.3" }] },
      /serverIdentifier: .*found "1\.2\.3"/,
    ],
    [
      "host bits",
      { domains: [{ ...domain, prefixes: ["2001:db8::1/32"] }] },
      /prefixes\.0: .*host bits, expected 2001:db8::\/32/,
    ],
    [
      "min above default",
      { domains: [{ ...domain, leaseSeconds: { min: 7200 } }] },
      /leaseSeconds: expected min <= default <= max/,
    ],
    ["an empty siteBy", { domains: [{ ...domain, siteBy: [] }] }, /siteBy: .*length/],
    [
      "an identifier twice in siteBy",
      { domains: [{ ...domain, siteBy: ["link", "source", "link"] }] },
      /siteBy: expected each identifier once/,
    ],
    [
      "an unknown identifier in siteBy",
      { domains: [{ ...domain, siteBy: ["mac"] }] },
      /siteBy\.0: found "mac", expected .*"remote-id" \| "subscriber-id"/,
    ],
    [
      "bindPrefixOnly without a bindPrefix",
      { domains: [{ ...domain, softwire: { bindPrefixOnly: true } }] },
      /softwire: bindPrefixOnly: found true without a bindPrefix/,
    ],
    [
      "a lease that is too short",
      { domains: [{ ...domain, leaseSeconds: { default: 5 } }] },
      /leaseSeconds\.default: found 5, expected >=60/,
    ],
    [
      "a + k above 16",
      { domains: [{ ...domain, pools: [{ ...pool, psidOffset: 6, psidLength: 11 }] }] },
      /pools\.0: .*17, expected at most 16/,
    ],
    [
      "no usable PSID",
      { domains: [{ ...domain, pools: [{ ...pool, psidOffset: 8 }] }] },
      /pools\.0: .*offsets 7 to 15 put system ports/,
    ],
    [
      "a range with host bits",
      { domains: [{ ...domain, pools: [{ ...pool, range: "192.0.2.1/24" }] }] },
      /range: .*expected 192\.0\.2\.0\/24/,
    ],
    [
      "reversed ports",
      { domains: [{ ...domain, pools: [{ ...pool, reservedPorts: ["9-8"] }] }] },
      /reservedPorts\.0: .*found "9-8"/,
    ],
    [
      "psidLength in a full pool",
      { domains: [{ ...domain, pools: [{ ...pool, kind: "full" }] }] },
      /pools\.0\.psidLength: /,
    ],
    [
      "two defaults",
      {
        domains: [
          { ...domain, default: true },
          { ...domain, name: "e", default: true, pools: [] },
        ],
      },
      /^domains\.1\.default: found true, which domains\.0 has, expected at most one default domain$/m,
    ],
    [
      "a repeated name",
      { domains: [domain, { ...domain, pools: [] }] },
      /^domains\.1\.name: found "d", which domains\.0 has, expected each name once$/,
    ],
    [
      "overlapping pools",
      { domains: [{ ...domain, pools: [pool, { ...pool, name: "q", range: "192.0.2.128/25" }] }] },
      /^domains\.0\.pools\.1\.range: found 192\.0\.2\.128\/25, which overlaps 192\.0\.2\.0\/24 of domains\.0\.pools\.0, expected disjoint ranges$/,
    ],
    [
      "a wrong option",
      { domains: [{ ...domain, options: { "dns-servers": ["x"] } }] },
      /options\.dns-servers\.0: .*found "x"/,
    ],
    [
      "an empty line",
      { domains: [{ ...domain, lines: [{ linkAddress: "::1", interfaceId: "" }] }] },
      /lines\.0\.interfaceId: /,
    ],
  ])("%s", (_, input, message) => {
    expect(faultsOf(input).join("\n")).toMatch(message);
  });
});

test.each([
  ["192.0.2.0/24", 0xc0000200, 0xc00002ff],
  ["10.0.0.0/8", 0x0a000000, 0x0affffff],
  ["192.0.2.18/32", 0xc0000212, 0xc0000212],
  ["192.0.2.10-192.0.2.20", 0xc000020a, 0xc0000214],
])("parseIPv4Range(%s)", (text, firstAddress, lastAddress) => {
  expect(parseIPv4Range(text)).toEqual({ firstAddress, lastAddress });
});

test.each(["192.0.2.20-192.0.2.10", "0.0.0.0/7", "192.0.2.0/33", "192.0.2.0", "", "-"])(
  "parseIPv4Range() rejects %j",
  (text) => {
    expect(() => parseIPv4Range(text)).toThrow(/^Cannot parse IPv4 (range|address|prefix)/);
  },
);

test.each([
  ["0-1023", 0, 1023],
  ["5060", 5060, 5060],
])("parsePortRange(%s)", (text, first, last) => {
  expect(parsePortRange(text)).toEqual({ first, last });
});

test.each(["65536", "1-70000", "2-1", "a", ""])("parsePortRange() rejects %j", (text) => {
  expect(() => parsePortRange(text)).toThrow(SyntaxError);
});

test("parseInterfaceId() accepts text, or hexadecimal octets after hex:", () => {
  expect(parseInterfaceId("ge-0/0/1")).toEqual(new TextEncoder().encode("ge-0/0/1"));
  expect(parseInterfaceId("hex:00ff")).toEqual(Uint8Array.of(0, 255));
  expect(() => parseInterfaceId("hex:0")).toThrow(SyntaxError);
});

test.each<[string, Parameters<typeof siteLimitOf>[0], number | null]>([
  ["nothing, where neither is set", { siteBy: null, siteLeasesMax: null }, null],
  ["16, where only siteBy is set", { siteBy: ["link"], siteLeasesMax: null }, 16],
  ["what is set with siteBy", { siteBy: ["link"], siteLeasesMax: 3 }, 3],
  ["what is set without siteBy", { siteBy: null, siteLeasesMax: 3 }, 3],
])("T6 siteLimitOf() is %s", (_what, settings, expected) => {
  expect(siteLimitOf(settings)).toBe(expected);
});

describe("warningsOf() names a domain", () => {
  const north = { name: "north", siteLeasesMax: 16, isDefault: false, prefixes: ["::/0"], lines: [] };

  test("T6 whose customers have no limit", () => {
    expect(warningsOf({ ...north, siteLeasesMax: null })).toEqual([
      'domain "north" has no site limit: one customer can take every pair. Set siteBy.',
    ]);
    expect(warningsOf(north)).toEqual([]);
  });

  test("that serves nobody", () => {
    const nobody = { ...north, prefixes: [] };
    expect(warningsOf(nobody)).toEqual(['domain "north" serves nobody. Set prefixes, lines or default.']);
    expect(warningsOf({ ...nobody, isDefault: true })).toEqual([]);
    expect(warningsOf({ ...nobody, lines: [{}] })).toEqual([]);
  });
});
