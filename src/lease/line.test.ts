/** What names a line, and what identifies a customer. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import type { Option6 } from "../wire/dhcpv6/options.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { encodeHex } from "../wire/hex.ts";
import { parseIPv6 } from "../wire/ipv6-address.ts";
import { lineOf } from "./line.ts";
import { siteOf } from "./site.ts";
import type { SiteSettings } from "./site.ts";

const text = (value: string) => new TextEncoder().encode(value);
const hex = (value: string) => encodeHex(text(value));
const remoteId = (value: Uint8Array): Option6 => ({
  code: OptionCode6.remoteId,
  data: Uint8Array.of(0, 0, 0x7e, 0xd9, ...value),
});
const subscriberId = (value: Uint8Array): Option6 => ({ code: OptionCode6.subscriberId, data: value });
const interfaceId = (value: Uint8Array): Option6 => ({ code: OptionCode6.interfaceId, data: value });

const level = (link: string, ...options: readonly Option6[]): RelayLevel => ({
  hopCount: 0,
  linkAddress: parseIPv6(link),
  peerAddress: parseIPv6("fe80::1"),
  options,
});
/** The level of our relay: its Interface-Id names a listener. */
const ours = level("::", interfaceId(text("listener")));
const bng = "2001:db8:a::1";
const bngHex = encodeHex(parseIPv6(bng));
const long = new Uint8Array(200).fill(7);
const digest = (octets: Uint8Array) => createHash("sha256").update(octets).digest("hex");

describe("lineOf()", () => {
  const named = `remote:00007ed9${hex("line-1")}`;

  test.each<[string, readonly RelayLevel[], string]>([
    ["names nothing without a level of a relay that knows lines", [ours], ""],
    ["prefers the Remote-Id", [level(bng, subscriberId(text("s")), remoteId(text("line-1")))], named],
    ["takes the Subscriber-Id next", [level(bng, subscriberId(text("s")))], `subscriber:${hex("s")}`],
    ["does not take an Interface-Id, which is not unique", [level(bng, interfaceId(text("eth1")))], ""],
    [
      "takes the innermost Remote-Id",
      [level(bng, remoteId(text("outer"))), level("::", remoteId(text("line-1")))],
      named,
    ],
    ["T26 is not named by an enterprise number alone", [level(bng, remoteId(text("")))], ""],
    [
      "T26 is not named by a Remote-Id that is shorter than an enterprise number",
      [level(bng, { code: OptionCode6.remoteId, data: Uint8Array.of(0, 0) })],
      "",
    ],
    [
      "T26 takes the level around an empty Remote-Id",
      [level(bng, remoteId(text("line-1"))), level("::", remoteId(text("")))],
      named,
    ],
    [
      "T26 takes the Subscriber-Id beside an empty Remote-Id",
      [level(bng, remoteId(text("")), subscriberId(text("s")))],
      `subscriber:${hex("s")}`,
    ],
    ["T26 is not named by an empty Subscriber-Id", [level(bng, subscriberId(text("")))], ""],
    [
      "T26 compares a long Remote-Id by its hash",
      [level(bng, remoteId(long))],
      `remote:sha256:${digest(remoteId(long).data)}`,
    ],
    [
      "T26 compares a long Subscriber-Id by its hash",
      [level(bng, subscriberId(long))],
      `subscriber:sha256:${digest(long)}`,
    ],
    [
      "T26 keeps an identifier of 128 octets as it is",
      [level(bng, subscriberId(long.subarray(0, 128)))],
      `subscriber:${encodeHex(long.subarray(0, 128))}`,
    ],
  ])("%s", (_what, levels, expected) => {
    expect(lineOf([ours, ...levels], false)).toBe(expected);
  });

  test.each<[string, readonly RelayLevel[], string]>([
    ["is named by it", [level(bng, interfaceId(text("eth1")))], `interface:${hex("eth1")}`],
    ["T26 is not named by an empty one", [level(bng, interfaceId(text("")))], ""],
    [
      "T26 is named by the hash of a long one",
      [level(bng, interfaceId(long))],
      `interface:sha256:${digest(long)}`,
    ],
    [
      "is named by the Remote-Id first",
      [level(bng, interfaceId(text("e")), remoteId(text("line-1")))],
      named,
    ],
    ["is not named by that of our own level", [], ""],
  ])("where Interface-Ids are unique, a line %s", (_what, levels, expected) => {
    expect(lineOf([ours, ...levels], true)).toBe(expected);
  });
});

describe("siteOf()", () => {
  const global = parseIPv6("2001:db8:1:23ff::9");
  const linkLocal = parseIPv6("fe80::9");
  const all = [
    ours,
    level(bng, remoteId(text("r")), subscriberId(text("s")), interfaceId(text("eth1"))),
  ] as const;

  function siteBy(siteBy: SiteSettings["siteBy"], believed: readonly RelayLevel[], source = global): string {
    const settings = { siteBy, sitePrefixLength: 56, interfaceIdsAreUnique: false };
    return siteOf({ believed, source }, lineOf(believed, false), settings);
  }

  test.each<[SiteSettings["siteBy"], string]>([
    [null, `remote:00007ed9${hex("r")}`],
    [["remote-id"], `remote:00007ed9${hex("r")}`],
    [["subscriber-id", "remote-id"], `subscriber:${hex("s")}`],
    [["interface-id"], `interface:${bngHex}:${hex("eth1")}`],
    [["source"], "prefix:20010db8000123"],
    [["link"], `link:${bngHex}`],
  ])("takes the first identifier of the list %j", (list, expected) => {
    expect(siteBy(list, all)).toBe(expected);
  });

  test("T6 gives clients that nothing on the list identifies one site for each link", () => {
    const believed = [ours, level(bng)];
    for (const list of [["remote-id"], ["subscriber-id", "interface-id"], ["source"]] as const) {
      expect(siteBy(list, believed, linkLocal)).toBe(`unidentified:${bngHex}`);
    }
    expect(siteBy(["link"], [ours], linkLocal)).toBe(`unidentified:${"0".repeat(32)}`);
  });

  test("T6 does not take a link-local source for a customer, because clients make them up", () => {
    expect(siteBy(["source"], [ours, level(bng)], linkLocal)).toBe(`unidentified:${bngHex}`);
    expect(siteBy(["source", "link"], [ours, level(bng)], linkLocal)).toBe(`link:${bngHex}`);
    expect(siteBy(["source"], [ours, level(bng)], parseIPv6("::"))).toBe(`unidentified:${bngHex}`);
  });

  test("without a list, each client with a link-local source is a site of its own", () => {
    expect(siteBy(null, [ours, level(bng)], linkLocal)).toBe(`prefix:${encodeHex(linkLocal)}`);
  });

  test("T26 pairs the Interface-Id of an LDRA with the link-address around it", () => {
    const believed = [ours, level(bng), level("::", interfaceId(text("port-3")))];
    expect(siteBy(["interface-id"], believed)).toBe(`interface:${bngHex}:${hex("port-3")}`);
    expect(siteBy(["link"], believed)).toBe(`link:${bngHex}`);
  });

  test("T26 does not take an empty Interface-Id, or an enterprise number alone", () => {
    const believed = [ours, level(bng, interfaceId(text("")), remoteId(text("")))];
    expect(siteBy(["remote-id", "interface-id"], believed)).toBe(`unidentified:${bngHex}`);
    expect(siteBy(null, believed)).toBe("prefix:20010db8000123");
  });

  test("T26 tells long Interface-Ids apart by their hash", () => {
    const believed = [ours, level(bng, interfaceId(long))];
    expect(siteBy(["interface-id"], believed)).toBe(`interface:${bngHex}:sha256:${digest(long)}`);
  });

  test("takes an Interface-Id alone where the domain says that it is unique", () => {
    const settings: SiteSettings = {
      siteBy: ["interface-id"],
      sitePrefixLength: 56,
      interfaceIdsAreUnique: true,
    };
    const line = lineOf(all, true);
    expect(siteOf({ believed: all, source: global }, line, settings)).toBe(`interface:${hex("eth1")}`);
  });
});
