/**
 * Whom the relay and the allocator believe: levels that no trusted relay added say nothing about a client. The relay of
 * these tests trusts this host and 2001:db8::/32, and reports the others instead of dropping what they send.
 */
import { describe, expect, test } from "vitest";
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import type { RelayLevel } from "../../src/wire/dhcpv6/relay.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { enclose } from "./acting-client.ts";
import { domain, Stage } from "./stage.ts";

const remoteId = (text: string) => ({
  code: OptionCode6.remoteId,
  data: Uint8Array.of(0, 0, 0x7e, 0xd9, ...new TextEncoder().encode(text)),
});

const level = (link: string, peer: string, ...options: RelayLevel["options"]): RelayLevel => ({
  hopCount: 0,
  linkAddress: parseIPv6(link),
  peerAddress: parseIPv6(peer),
  options,
});

/** A customer's DISCOVER with levels that it made up, inside that of the BNG. */
function fromCustomer(stage: Stage, number: number, ...forged: readonly RelayLevel[]) {
  const { xid, datagram } = stage.client(number).message(MessageType.discover, {});
  // The test's client adds the level of a relay of its own, which is one of the forged ones here.
  const bng = { ...level("2001:db8:a::1", "fe80::c", remoteId("line-1")), hopCount: 1 + forged.length };
  return { xid, datagram: enclose(datagram, [bng, ...forged]) };
}

describe("T5 a customer that plays relay behind a trusted BNG", () => {
  test("stays within the limit of its own site, whatever Remote-Ids it makes up", async () => {
    const stage = await Stage.open({ siteLeasesMax: 2 });
    for (let number = 1; number <= 30; number++) {
      const forged = level("2001:db8:a::1", `fe80::${number}`, remoteId(`other-${number}`));
      await stage.askAll(fromCustomer(stage, number, forged));
    }
    expect(await stage.leases()).toBe(2);
    expect(stage.count("silence:site-limit")).toBe(28);
  });

  test("does not use up the limit of another customer", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1 });
    const forged = level("2001:db8:a::1", "fe80::1", remoteId("victim"));
    await stage.askAll(fromCustomer(stage, 1, forged));
    const victim = { options: [remoteId("victim")] };
    expect(await stage.outcome(() => stage.client(2, victim).discover())).toMatch(/^offer /);
  });

  test.each([
    ["a global address as its own", "2001:db8:b::99"],
    ["a link-local address as its own", "fe80::99"],
  ])("stays in the domain of its BNG, with %s", async (_what, peer) => {
    const other = { ...domain, name: "other", default: false, prefixes: ["2001:db8:b::/64"], pools: [] };
    const stage = await Stage.open([{ ...domain, default: false, prefixes: ["2001:db8:a::/64"] }, other]);
    const forged = level("2001:db8:b::1", peer);
    const [answer] = await stage.askAll(fromCustomer(stage, 1, forged));
    // The other domain has no pool: this is a pair of the domain of the BNG.
    expect(answer).toMatchObject({ type: "offer", address: "192.0.2.18", portParams: { psid: 1 } });
  });
});

test("T5 a level that names a trusted address as its sender is not believed for that: the level around it decides", async () => {
  const stage = await Stage.open({ siteLeasesMax: 1 });
  for (const number of [1, 2, 3]) {
    const forged = [
      level("::", "2001:db8:b::1", remoteId(`one-${number}`)),
      level("::", "fe80::1", remoteId(`two-${number}`)),
    ];
    await stage.askAll(fromCustomer(stage, number, ...forged));
  }
  expect(await stage.leases()).toBe(1);
});

test("T5 the same octets from two lines are two messages: an answer goes to the line that it is for", async () => {
  const stage = await Stage.open({ siteLeasesMax: 1 });
  const { datagram } = stage.client(1, { options: [] }).message(MessageType.discover, {});
  const from = (line: string) => enclose(datagram, [level("2001:db8:a::1", "2001:db8:f::1", remoteId(line))]);
  const answers = await stage.send(from("line-1"), from("line-2"));
  expect(answers.length).toBeGreaterThan(0);
  expect(stage.count("offer") + stage.count("silence:site-limit")).toBe(2);
});
