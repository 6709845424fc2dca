import fc from "fast-check";
import { expect, test } from "vitest";
import { relayUntrustedKeptMax, relayUntrustedLogMs } from "../../src/limits.ts";
import { MessageType6 } from "../../src/wire/dhcpv6/codes.ts";
import { decodeRelayPath, encodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import { formatIPv6, parseIPv6, parseIPv6Prefix } from "../../src/wire/ipv6-address.ts";
import { countBelieved } from "./trust.ts";
import type { Trust } from "./trust.ts";
import { UntrustedRelays } from "./untrusted-relays.ts";

const query = Uint8Array.of(20, 0, 0, 0);

/** A relay level: the link that it names, and from whom it received the message inside. */
interface Level {
  readonly link: string;
  readonly peer: string;
}

/** Wraps a query in levels, the outermost first. */
const relayed = (...levels: readonly Level[]): Uint8Array =>
  levels.reduceRight<Uint8Array>(
    (message, { link, peer }) =>
      encodeRelayMessage(
        MessageType6.relayForward,
        { hopCount: 0, linkAddress: parseIPv6(link), peerAddress: parseIPv6(peer), options: [] },
        message,
      ),
    query,
  );

const trusting = (entries: readonly string[], fields: Partial<Trust> = {}): Trust => ({
  trustedRelays: entries.map((text) => {
    const [prefix, more] = text.split(" ") as [string, string?];
    return { prefix: parseIPv6Prefix(prefix), accessNodes: more === "nodes" };
  }),
  accessNodes: false,
  untrustedRelays: "drop",
  ...fields,
});

const bng = "2001:db8:b::1";
const core = "2001:db8:c::1";
const client = "fe80::5";
const atBng: Level = { link: "2001:db8:a::1", peer: client };
const forged: Level = { link: "2001:db8:ffff::1", peer: "fe80::bad" };
const accessNode: Level = { link: "::", peer: client };

test.each<
  [what: string, levels: Level[], source: string, trust: Trust, believed: number, untrusted?: string]
>([
  ["nobody is trusted", [atBng], bng, trusting([]), 0, bng],
  ["the source is trusted", [atBng], bng, trusting([`${bng}/128`]), 1],
  ["the source is in a trusted prefix", [atBng], bng, trusting(["2001:db8:b::/48"]), 1],
  ["this host", [atBng], "::1", trusting([]), 1],
  ["this host, with forged levels inside", [atBng, forged], "::1", trusting([]), 1, client],
  ["a client plays relay behind a trusted BNG", [atBng, forged], bng, trusting([`${bng}/128`]), 1, client],
  [
    "a client names a trusted relay as its own peer",
    [atBng, { ...forged, peer: bng }, forged],
    bng,
    trusting([`${bng}/128`]),
    1,
    client,
  ],
  ["a client plays relay on its own link", [forged], "fe80::bad", trusting([`${bng}/128`]), 0, "fe80::bad"],
  [
    "two trusted relays",
    [{ link: "::", peer: bng }, atBng],
    core,
    trusting([`${core}/128`, `${bng}/128`]),
    2,
  ],
  [
    "the inner one of two is unknown",
    [{ link: "::", peer: bng }, atBng],
    core,
    trusting([`${core}/128`]),
    1,
    bng,
  ],
  [
    "the outer one of two is unknown",
    [{ link: "::", peer: bng }, atBng],
    core,
    trusting([`${bng}/128`]),
    0,
    core,
  ],
  ["a link-local relay on the listener's link", [atBng], "fe80::b", trusting(["fe80::b/128"]), 1],
  [
    "a link-local address inside that a listener's entry has",
    [{ link: "::", peer: "fe80::b" }, atBng],
    bng,
    trusting([`${bng}/128`, "fe80::b/128"]),
    1,
    "fe80::b",
  ],
  [
    "the loopback address inside",
    [{ link: "::", peer: "::1" }, atBng],
    bng,
    trusting([`${bng}/128`, "::1/128"]),
    1,
    "::1",
  ],
  ["an access node behind a BNG that has them", [atBng, accessNode], bng, trusting([`${bng}/128 nodes`]), 2],
  [
    "an access node behind a BNG that has none",
    [atBng, accessNode],
    bng,
    trusting([`${bng}/128`]),
    1,
    client,
  ],
  [
    "a level behind access nodes that names a link",
    [atBng, { ...accessNode, link: "2001:db8:a::1" }],
    bng,
    trusting([`${bng}/128 nodes`]),
    1,
    client,
  ],
  [
    "a level behind access nodes with another peer",
    [atBng, { ...accessNode, peer: "fe80::6" }],
    bng,
    trusting([`${bng}/128 nodes`]),
    1,
    client,
  ],
  [
    "a second level that looks like an access node's",
    [atBng, accessNode, accessNode],
    bng,
    trusting([`${bng}/128 nodes`]),
    2,
    client,
  ],
  ["an access node on the listener's link", [accessNode], client, trusting([], { accessNodes: true }), 1],
  ["an access node's look on a link without them", [accessNode], client, trusting([]), 0, client],
  [
    "a relay on a link with access nodes",
    [atBng],
    "fe80::b",
    trusting([], { accessNodes: true }),
    0,
    "fe80::b",
  ],
  [
    "a more specific entry without access nodes",
    [atBng, accessNode],
    bng,
    trusting(["2001:db8:b::/48 nodes", `${bng}/128`]),
    1,
    client,
  ],
])("T5 countBelieved(): %s", (_what, levels, source, trust, believed, untrusted) => {
  const belief = countBelieved(relayed(...levels), parseIPv6(source), trust);
  expect(belief.levels).toBe(believed);
  expect(belief.untrusted && formatIPv6(belief.untrusted)).toBe(untrusted);
});

test("T5 countBelieved() of a malformed level ends there, for the allocator to count", () => {
  const message = relayed(atBng, forged);
  const cut = message.subarray(0, message.length - 20);
  expect(countBelieved(cut, parseIPv6(bng), trusting([`${bng}/128`]))).toEqual({
    levels: 0,
    untrusted: undefined,
  });
});

test("T5 countBelieved() believes no level inside one that it does not believe, and never more than there are", () => {
  const address = fc.constantFrom("::", "::1", bng, core, client, "fe80::b", "2001:db8:ffff::1");
  const level = fc.record({ link: address, peer: address });
  const prefix = fc.constantFrom("::1/128", `${bng}/128`, `${core}/128`, "2001:db8::/32", "fe80::b/128");
  const entry = fc.tuple(prefix, fc.boolean()).map(([text, nodes]) => (nodes ? `${text} nodes` : text));
  fc.assert(
    fc.property(
      fc.array(level, { minLength: 1, maxLength: 6 }),
      address,
      fc.array(entry, { maxLength: 4 }),
      fc.boolean(),
      (levels, source, entries, accessNodes) => {
        const trust = trusting(entries, { accessNodes });
        const datagram = relayed(...levels);
        const belief = countBelieved(datagram, parseIPv6(source), trust);
        const { path } = decodeRelayPath(datagram);
        expect(belief.levels).toBeLessThanOrEqual(path.length);
        if (belief.untrusted === undefined) expect(belief.levels).toBe(path.length);
        // What is inside the last believed level changes nothing about it.
        const kept = relayed(...levels.slice(0, belief.levels), forged);
        expect(countBelieved(kept, parseIPv6(source), trust).levels).toBe(
          belief.levels + (countBelieved(kept, parseIPv6(source), trust).untrusted === undefined ? 1 : 0),
        );
      },
    ),
  );
});

test("T5 countBelieved() never throws", () => {
  const trust = trusting(["2001:db8::/32 nodes"], { accessNodes: true });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      countBelieved(Uint8Array.of(12, ...octets), parseIPv6(bng), trust);
    }),
  );
});

test("T5 UntrustedRelays keeps the latest addresses, and allows a log line now and then", () => {
  const untrusted = new UntrustedRelays();
  expect(untrusted.add("2001:db8::1", "[::1]:547", 0)).toBe(1);
  for (let at = 0; at < 1000; at++) {
    expect(
      untrusted.add(`2001:db8::${(at % 100).toString(16)}`, "[::1]:547", relayUntrustedLogMs - 1),
    ).toBeUndefined();
  }
  expect(untrusted.add("2001:db8::1", "[::1]:547", relayUntrustedLogMs)).toBe(1001);
  expect(untrusted.list()).toHaveLength(relayUntrustedKeptMax);
  expect(untrusted.list().at(-1)).toMatchObject({ address: "2001:db8::1", count: 1 });
});
