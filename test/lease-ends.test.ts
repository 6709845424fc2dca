/**
 * When a lease ends: what its client was told, when another client gets the pair, and what look-ups, statistics and
 * binding tables say meanwhile. An allocator receives messages and HTTP requests; the test owns the clock.
 */
import { describe, expect, test } from "vitest";
import type { DeclarationInput } from "../src/declaration/declaration.ts";
import { OptionCode } from "../src/wire/dhcpv4/codes.ts";
import { decodeSeconds } from "../src/wire/dhcpv4/options/seconds.ts";
import { parseIPv6 } from "../src/wire/ipv6-address.ts";
import { changeDhcpV4, putOptionsFirst } from "./rules/raw-message.ts";
import { itemsOf, operator } from "./support/admin.ts";
import { createTestAllocator } from "./support/allocator.ts";
import type { TestAnswer, TestMessage } from "./support/allocator.ts";
import { clientProfile, says } from "./support/clients.ts";
import { TestClock } from "./support/clock.ts";
import { temporaryDatabase } from "./support/database.ts";

const start = 1_750_000_000;
const day = 86_400;

/** A domain with a single pair, so that a second client gets that pair or none. */
const domain = {
  name: "ends",
  default: true,
  serverIdentifier: "198.51.100.1",
  leaseSeconds: { default: day, min: 60, max: day },
  quarantineSeconds: 10,
  softwire: { borderRelays: ["2001:db8:ffff::1"], updateIntervalSeconds: 0 },
  pools: [{ name: "one", kind: "full" as const, range: "203.0.113.7/32" }],
};

const softwire = parseIPv6("2001:db8:1234:5600::1");

async function open(fields: Partial<DeclarationInput["domains"][number]> = {}) {
  const clock = new TestClock(start + 0.8);
  const database = await temporaryDatabase(
    { domains: [{ ...domain, ...fields }] },
    { clockMs: clock.clockMs },
  );
  const { ask, app } = await createTestAllocator(database, { clock });
  const call = operator(app);
  const one = async (message: TestMessage) => (await ask(message))[0];
  const profile = (client: number, wish?: number) => clientProfile(client, { leaseSeconds: wish });
  const discover = (client: number) => one(says.discover(profile(client)));
  return {
    clock,
    call,
    discover,
    one,
    profile,
    /** A DISCOVER that asks for an ACK at once: with option 80, which is empty (Rapid Commit, RFC 4039 §4). */
    discoverRapidly: (client: number, wish: number) => {
      const { octets } = says.discover(profile(client, wish));
      const rapidCommit = [OptionCode.rapidCommit, 0];
      return one({ octets: changeDhcpV4(octets, (dhcpv4) => putOptionsFirst(dhcpv4, rapidCommit)) });
    },
    lease: async (client: number, wish?: number) => {
      const offer = (await discover(client))!;
      return (await one(says.selecting(profile(client, wish), offer, softwire)))!;
    },
    renew: (client: number, ack: TestAnswer, wish?: number) =>
      one(says.renew(profile(client, wish), ack, softwire)),
    release: (client: number, ack: TestAnswer) => one(says.release(profile(client), ack)),
    lookUp: async (at: number) => {
      const date = new Date(at * 1000).toISOString();
      const { body } = await call("GET", `/lookup?address=203.0.113.7&at=${date}`);
      const holders = body.holders as { readonly certainty: string; readonly clientId: string }[];
      return holders.map(({ certainty, clientId }) => `${certainty} ${Number(`0x${clientId.slice(-8)}`)}`);
    },
  };
}

const secondsOf = ({ message }: TestAnswer): number =>
  decodeSeconds(message.options.get(OptionCode.leaseTime)!);

describe("R3 a pair is kept until the latest end that its client may have been told", () => {
  type World = Awaited<ReturnType<typeof open>>;
  test.each<[how: string, shorten: (world: World, ack: TestAnswer) => Promise<TestAnswer | undefined>]>([
    ["RENEW", (world, ack) => world.renew(1, ack, 60)],
    ["REBIND", ({ one, profile }, ack) => one(says.rebind(profile(1, 60), ack))],
    ["INIT-REBOOT", ({ one, profile }, ack) => one(says.reboot(profile(1, 60), ack))],
    ["SELECTING again", ({ one, profile }, ack) => one(says.selecting(profile(1, 60), ack))],
    [
      "RENEW from another address and softwire",
      ({ one, profile }, ack) =>
        one({
          ...says.renew(profile(1, 60), ack, parseIPv6("2001:db8:1234:5600::2")),
          source: "2001:db8:77::1",
        }),
    ],
    ["DISCOVER with Rapid Commit", ({ discoverRapidly }) => discoverRapidly(1, 60)],
    [
      "two RENEWs with different wishes",
      async (world, ack) => {
        await world.renew(1, ack, 600);
        return world.renew(1, ack, 60);
      },
    ],
    [
      "RENEW after the operator shortened the leases",
      async (world, ack) => {
        const leaseSeconds = { default: 60, min: 60, max: 60 };
        const patched = await world.call("PATCH", "/domains/ends", { leaseSeconds });
        expect(patched.status, JSON.stringify(patched.body)).toBe(200);
        return world.renew(1, ack, 600);
      },
    ],
  ])("%s", async (_, shorten) => {
    const world = await open({ rebootNeedsSameSource: false, rapidCommit: true });
    const ack = await world.lease(1);
    expect(secondsOf(ack)).toBe(day);
    world.clock.seconds! += 10;
    const shorter = (await shorten(world, ack))!;
    // If that answer is lost, the client still relies on the previous one.
    expect([shorter.type, secondsOf(shorter)]).toEqual(["ack", 60]);
    for (const at of [start + 130, start + day]) {
      world.clock.seconds = at + 0.9;
      expect(await world.discover(2)).toBeUndefined();
      expect(await world.lookUp(at)).toEqual(["certain 1"]);
      expect(itemsOf(await world.call("GET", "/leases?state=bound"))).toHaveLength(1);
      expect(JSON.stringify((await world.call("GET", "/bindings")).body)).toContain("203.0.113.7");
    }
    world.clock.seconds = start + 1 + day + 9.9;
    expect((await world.call("GET", "/statistics")).body).toMatchObject({ bound: 0, quarantined: 1 });
    expect(await world.discover(2)).toBeUndefined();
    world.clock.seconds = start + 1 + day + 10;
    expect((await world.discover(2))?.address).toBe("203.0.113.7");
  });

  test("a drain date before the end of a running lease", async () => {
    const world = await open();
    const ack = await world.lease(1);
    const drained = await world.call("POST", "/pools/one/drain", {
      until: new Date((start + 600) * 1000).toISOString(),
    });
    expect(drained.status, JSON.stringify(drained.body)).toBe(200);
    expect(secondsOf((await world.renew(1, ack))!)).toBe(599);
    world.clock.seconds = start + 599.5;
    expect((await world.renew(1, ack))?.type).toBe("nak");
    expect(await world.lookUp(start + 599)).toEqual(["certain 1"]);
    world.clock.seconds = start + day;
    expect(itemsOf(await world.call("GET", "/leases?state=bound"))).toHaveLength(1);
  });

  test("a RELEASE still ends the lease at once", async () => {
    const world = await open();
    const ack = await world.lease(1);
    await world.renew(1, ack, 60);
    world.clock.seconds! += 1;
    await world.release(1, ack);
    world.clock.seconds = start + 13;
    expect((await world.discover(2))?.address).toBe("203.0.113.7");
  });
});

describe("R10 no pair goes to another client before its end has passed", () => {
  test("a lease of 60 s that begins at .80 ends no earlier than 60 s later", async () => {
    const world = await open({ quarantineSeconds: 0 });
    expect(secondsOf(await world.lease(1, 60))).toBe(60);
    world.clock.seconds = start + 60.79;
    expect(await world.discover(2)).toBeUndefined();
    world.clock.seconds = start + 61;
    expect((await world.discover(2))?.address).toBe("203.0.113.7");
  });

  test("a quarantine is not shorter than configured", async () => {
    const world = await open({ offerHoldSeconds: 10 });
    const ack = await world.lease(1, 600);
    world.clock.seconds! += 1;
    await world.release(1, ack);
    expect((await world.call("GET", "/statistics")).body).toMatchObject({ bound: 0, quarantined: 1 });
    world.clock.seconds! += 9.99;
    expect(await world.discover(2)).toBeUndefined();
    world.clock.seconds = start + 12;
    expect((await world.discover(2))?.address).toBe("203.0.113.7");
  });

  test("a RELEASE and a new lease within one second: a look-up shows both clients as possible", async () => {
    const world = await open({ quarantineSeconds: 0 });
    const ack = await world.lease(1);
    world.clock.seconds = start + 100.4;
    await world.release(1, ack);
    world.clock.seconds = start + 100.6;
    await world.lease(2);
    expect(await world.lookUp(start + 99)).toEqual(["certain 1"]);
    expect(await world.lookUp(start + 100)).toEqual(["possible 1", "possible 2"]);
    world.clock.seconds = start + 101;
    expect(await world.lookUp(start + 101)).toEqual(["certain 2"]);
  });
});

test("E2 a look-up of a time in the future is refused: found and expected", async () => {
  const { lease, call } = await open();
  await lease(1);
  const lookUp = (at: number, tolerance: number) =>
    call(
      "GET",
      `/lookup?address=203.0.113.7&at=${new Date(at * 1000).toISOString()}&toleranceSeconds=${tolerance}`,
    );
  const refused = await lookUp(start + 3, 2);
  expect([refused.status, refused.body.errors]).toEqual([
    400,
    [
      {
        path: "?at",
        found: "2025-06-15T15:06:43Z",
        expected: "2025-06-15T15:06:40Z by the database's clock, plus toleranceSeconds, or earlier",
      },
    ],
  ]);
  const near = await lookUp(start + 2, 2);
  expect(near.body).toMatchObject({
    found: "nobody",
    reason: { id: "not-yet" },
    holders: [{ certainty: "possible" }],
  });
});
