/** The choice of the domain: the index against a look at every line and prefix, and how much is looked at. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import { findOption6 } from "../wire/dhcpv6/options.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { equalOctets } from "../wire/hex.ts";
import { isLinkLocal, isUnspecified, maskIPv6, parseIPv6, prefixContains } from "../wire/ipv6-address.ts";
import type { Directory, Domain } from "./domain.ts";
import { selectDomain } from "./select-domain.ts";

type Located = Pick<Domain, "name" | "lines" | "prefixes" | "isDefault">;

const directoryOf = (domains: readonly Located[]): Directory => ({
  revision: 1,
  domains: domains as readonly Domain[],
  poolsById: new Map(),
  borderRelays: new Set(),
});

/** What the index must find: every line and prefix of every domain is compared. */
function selectByLooking({ domains }: Directory, believed: readonly RelayLevel[]): Domain | undefined {
  for (const index of [...believed.keys()].slice(1).reverse()) {
    const { linkAddress, options } = believed[index]!;
    const interfaceId = findOption6(options, OptionCode6.interfaceId);
    const around = believed.slice(0, index).map((each) => each.linkAddress);
    const nearest = around.reverse().find((each) => !isUnspecified(each));
    const located = isUnspecified(linkAddress) ? [nearest, linkAddress] : [linkAddress];
    for (const link of located) {
      const isOn = (line: Domain["lines"][number]): boolean =>
        link !== undefined &&
        interfaceId !== undefined &&
        equalOctets(interfaceId, line.interfaceId) &&
        equalOctets(link, line.linkAddress);
      const onLine = domains.find((domain) => domain.lines.some(isOn));
      if (onLine !== undefined) return onLine;
    }
  }
  const links = believed.map(({ linkAddress }) => linkAddress).reverse();
  const place = [...links, believed.at(-1)!.peerAddress].find(
    (each, index) => (index === links.length || !isUnspecified(each)) && !isLinkLocal(each),
  );
  let best: Domain | undefined;
  let bestLength = -1;
  for (const domain of domains) {
    for (const prefix of domain.prefixes) {
      if (place !== undefined && prefix.length > bestLength && prefixContains(prefix, place)) {
        best = domain;
        bestLength = prefix.length;
      }
    }
  }
  return best ?? domains.find(({ isDefault }) => isDefault);
}

const anyAddress = fc
  .constantFrom("::", "fe80::1", "2001:db8::1", "2001:db8:0:1::1", "2001:db9::1")
  .map(parseIPv6);
const anyInterfaceId = fc.constantFrom([], [1], [2], [1, 2]).map((octets) => Uint8Array.from(octets));
const anyLine = fc.record({
  linkAddress: anyAddress,
  interfaceId: anyInterfaceId.filter(({ length }) => length > 0),
});
const anyPrefix = fc
  .record({ address: anyAddress, length: fc.constantFrom(0, 1, 31, 32, 33, 48, 63, 64, 127, 128) })
  .map(({ address, length }) => ({ address: maskIPv6(address, length), length }));
const anyDomains = fc.array(
  fc.record({
    name: fc.string(),
    lines: fc.array(anyLine, { maxLength: 3 }),
    prefixes: fc.array(anyPrefix, { maxLength: 3 }),
    isDefault: fc.boolean(),
  }),
  { maxLength: 4 },
);
const anyLevel = fc.record({
  hopCount: fc.constant(0),
  linkAddress: anyAddress,
  peerAddress: anyAddress,
  options: fc
    .option(anyInterfaceId.map((data) => ({ code: OptionCode6.interfaceId, data })))
    .map((option) => (option === null ? [] : [option])),
});

test("T12 selectDomain() finds the domain that a look at every line and prefix finds", () => {
  fc.assert(
    fc.property(anyDomains, fc.array(anyLevel, { minLength: 1, maxLength: 4 }), (domains, believed) => {
      const directory = directoryOf(domains);
      expect(selectDomain(directory, believed)).toBe(selectByLooking(directory, believed));
    }),
    { numRuns: 2000 },
  );
});

describe("selectDomain() of a domain with many lines", () => {
  const interfaceId = (number: number) => Uint8Array.of(1, number >> 8, number & 255);
  const link = parseIPv6("2001:db8:a::1");
  const level = (linkAddress: Uint8Array, number: number): RelayLevel => ({
    hopCount: 0,
    linkAddress,
    peerAddress: parseIPv6("fe80::1"),
    options: [{ code: OptionCode6.interfaceId, data: interfaceId(number) }],
  });
  const ours = level(parseIPv6("::"), 5);

  test("T12 reads its lines and prefixes once, however many queries come", () => {
    let reads = 0;
    const lines = Array.from({ length: 65_000 }, (_, number) => ({
      linkAddress: link,
      interfaceId: interfaceId(number),
    }));
    const domain = {
      name: "lines",
      isDefault: false,
      get lines() {
        reads++;
        return lines;
      },
      get prefixes() {
        reads++;
        return [];
      },
    };
    const directory = directoryOf([domain]);
    selectDomain(directory, [ours]);
    reads = 0;
    expect(selectDomain(directory, [ours, level(link, 64_999)])).toBe(domain);
    expect(selectDomain(directory, [ours, level(link, 65_001)])).toBeUndefined();
    expect(reads).toBe(0);
  });

  test("T26 takes the link-address of an LDRA's line from the level around it, and none from inside", () => {
    const lines = [{ linkAddress: link, interfaceId: interfaceId(7) }];
    const directory = directoryOf([{ name: "one", lines, prefixes: [], isDefault: false }]);
    const [unspecified, other] = [parseIPv6("::"), parseIPv6("2001:db8:b::1")];
    expect(selectDomain(directory, [ours, level(link, 1), level(unspecified, 7)])?.name).toBe("one");
    expect(selectDomain(directory, [ours, level(other, 1), level(unspecified, 7)])).toBeUndefined();
    expect(selectDomain(directory, [ours, level(unspecified, 7), level(link, 1)])).toBeUndefined();
  });

  test("T15 the domain of the innermost line serves, whatever the order of domains", () => {
    const domainOn = (name: string, linkAddress: string, number: number): Located => ({
      name,
      lines: [{ linkAddress: parseIPv6(linkAddress), interfaceId: interfaceId(number) }],
      prefixes: [],
      isDefault: false,
    });
    const domains = [
      domainOn("outer", "2001:db8:a::1", 1),
      domainOn("any", "::", 7),
      domainOn("inner", "2001:db8:a::1", 7),
    ];
    for (const ordered of [domains, domains.toReversed()]) {
      const levels = [ours, level(link, 1), level(parseIPv6("::"), 7)];
      expect(selectDomain(directoryOf(ordered), levels)?.name).toBe("inner");
      const outer = ordered.filter(({ name }) => name !== "inner");
      expect(selectDomain(directoryOf(outer), levels)?.name).toBe("any");
    }
  });

  test("the Interface-Id of our own relay is no line", () => {
    const lines = [{ linkAddress: parseIPv6("::"), interfaceId: interfaceId(5) }];
    const directory = directoryOf([{ name: "one", lines, prefixes: [], isDefault: false }]);
    expect(selectDomain(directory, [ours])).toBeUndefined();
  });
});
