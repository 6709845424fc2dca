/**
 * RFC 7618 §8: which pair a client is offered, from what it has to what is new; and what a hint can do about it.
 */
import { describe, expect, test } from "vitest";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { domain, pairText, Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";

const portSet = (psid: number, psidLength = 6) => ({ psidOffset: 0, psidLength, psid });
const hint = (address: string, psid: number) => ({ address: parseIPv4(address), portParams: portSet(psid) });
const texts = (answers: readonly (Answer | undefined)[]) =>
  answers.map((answer) => (answer === undefined ? "silence" : pairText(answer)));

test("R7618-8-07a a client with a lease is offered its own pair, whatever it asks for", async () => {
  const stage = await Stage.open();
  const client = stage.client(1);
  const lease = await client.lease();
  expect(await stage.outcome(() => client.discover(hint("192.0.2.19", 40)))).toBe("offer 192.0.2.18 PSID 1");
  // The lease is not touched by the offer.
  expect(await stage.outcome(() => client.renew(lease))).toBe("ack 192.0.2.18 PSID 1");
});

test.each([
  ["released", (stage: Stage, lease: Answer) => stage.client(1).release(lease)],
  [
    "expired",
    (stage: Stage) => {
      stage.now += 3600;
    },
  ],
])(
  "R7618-8-07b a client whose lease was %s is offered the same pair, and not the one that it hints at",
  async (_how, end) => {
    const stage = await Stage.open({ quarantineSeconds: 0 });
    const lease = await stage.client(1).lease();
    await end(stage, lease);
    // Another client comes and goes in between.
    const other = stage.client(2);
    expect(pairText(await other.lease())).toBe("ack 192.0.2.19 PSID 1");
    expect(await stage.outcome(() => stage.client(1).discover(hint("192.0.2.19", 40)))).toBe(
      "offer 192.0.2.18 PSID 1",
    );
  },
);

test("R7618-8-07b a pair that someone else took is offered to its former client no more", async () => {
  const stage = await Stage.open({ quarantineSeconds: 0 });
  const lease = await stage.client(1).lease();
  await stage.client(1).release(lease);
  expect(pairText(await stage.client(2).lease(hint(lease.address, 1)))).toBe("ack 192.0.2.18 PSID 1");
  expect(await stage.outcome(() => stage.client(1).discover(hint(lease.address, 1)))).toBe(
    "offer 192.0.2.19 PSID 1",
  );
});

test("R7618-6-13 a client that comes from another IPv6 address is offered its own pair", async () => {
  const stage = await Stage.open();
  await stage.client(1, { source: "fe80::1" }).lease();
  await stage.client(2).lease();
  const moved = stage.client(1, { source: "2001:db8:a::77", linkAddress: "2001:db8:a:b::1" });
  expect(await stage.outcome(() => moved.discover())).toBe("offer 192.0.2.18 PSID 1");
});

describe("R7618-8-07c a pair that a new client asks for", () => {
  test("is offered when it is free", async () => {
    const stage = await Stage.open();
    expect(await stage.outcome(() => stage.client(1).discover(hint("192.0.2.19", 40)))).toBe(
      "offer 192.0.2.19 PSID 40",
    );
  });

  test.each([
    ["leased", (stage: Stage) => stage.client(9).lease(hint("192.0.2.19", 40))],
    ["offered", (stage: Stage) => stage.client(9).discover(hint("192.0.2.19", 40))],
  ])("is not offered while it is %s to another", async (_how, take) => {
    const stage = await Stage.open();
    await take(stage);
    expect(await stage.outcome(() => stage.client(1).discover(hint("192.0.2.19", 40)))).toBe(
      "offer 192.0.2.18 PSID 1",
    );
  });

  test.each([
    ["a reserved port in its set", hint("192.0.2.19", 0)],
    ["an address of no pool", hint("192.0.2.99", 40)],
    ["another length than its pool", { address: parseIPv4("192.0.2.19"), portParams: portSet(40, 7) }],
    [
      "another offset than its pool",
      { address: parseIPv4("192.0.2.19"), portParams: { ...portSet(40), psidOffset: 1 } },
    ],
  ])("is passed over when it has %s", async (_what, wish) => {
    const stage = await Stage.open();
    expect(await stage.outcome(() => stage.client(1).discover(wish))).toBe("offer 192.0.2.18 PSID 1");
  });
});

test("R7618-8-07d R7618-8-04 new clients get new pairs, until an address is full and beyond", async () => {
  const stage = await Stage.open({
    pools: [
      {
        name: "shared",
        kind: "shared",
        range: "192.0.2.18-192.0.2.19",
        psidLength: 2,
        fill: "pack",
      },
    ],
  });
  const offers = [];
  for (let client = 1; client <= 7; client++) offers.push(await stage.client(client).discover());
  expect(texts(offers)).toEqual([
    "offer 192.0.2.18 PSID 1",
    "offer 192.0.2.18 PSID 2",
    "offer 192.0.2.18 PSID 3",
    "offer 192.0.2.19 PSID 1",
    "offer 192.0.2.19 PSID 2",
    "offer 192.0.2.19 PSID 3",
    "silence",
  ]);
  expect(stage.count("silence:pools-exhausted")).toBe(1);
});

test("R7618-8-07d of the pairs that others left, the one that was left longest ago goes first", async () => {
  const stage = await Stage.open({
    quarantineSeconds: 0,
    pools: [{ name: "one", kind: "shared", range: "192.0.2.18/32", psidLength: 2 }],
  });
  const leases = [];
  for (const client of [1, 2, 3]) leases.push(await stage.client(client).lease());
  for (const client of [2, 1, 3]) {
    await stage.client(client).release(leases[client - 1]!);
    stage.now += 10;
  }
  expect(await stage.outcome(() => stage.client(4).discover())).toBe("offer 192.0.2.18 PSID 2");
  expect(await stage.outcome(() => stage.client(5).discover())).toBe("offer 192.0.2.18 PSID 1");
});

describe("hints of a size", () => {
  const sizes = { name: "large", kind: "shared" as const, range: "198.51.100.0/24", psidLength: 4 };

  test("R7618-6-04 A9 are met by a pool whose sets have that size", async () => {
    const stage = await Stage.open({ pools: [domain.pools[0]!, sizes] });
    const offer = await stage.client(1).discover({ portParams: portSet(0, 4) });
    expect(offer!.address).toBe("198.51.100.0");
    expect(offer!.portParams).toEqual(portSet(1, 4));
    expect((await stage.client(2).discover({ portParams: portSet(0, 6) }))!.address).toBe("192.0.2.18");
  });

  test("A9 never cut an address into sets of two sizes", async () => {
    const stage = await Stage.open();
    await stage.client(1).lease();
    const offer = await stage.client(2).discover({ portParams: portSet(0, 3) });
    expect(offer!.portParams!.psidLength).toBe(6);
  });

  test("A7 R7618-6-04 do not ask for PSID 0", async () => {
    const stage = await Stage.open({
      pools: [
        {
          name: "all",
          kind: "shared",
          range: "192.0.2.18/32",
          psidLength: 6,
          reservedPorts: [],
          fill: "pack",
        },
      ],
    });
    expect(await stage.outcome(() => stage.client(1).discover({ portParams: portSet(7) }))).toBe(
      "offer 192.0.2.18 PSID 0",
    );
    // PSID 0 has gone, and is no obstacle.
    expect(await stage.outcome(() => stage.client(2).discover({ portParams: portSet(0) }))).toBe(
      "offer 192.0.2.18 PSID 1",
    );
  });

  test("A6 R7618-9-03 of length 0 say nothing: the address that comes with one is a hint of its own", async () => {
    const stage = await Stage.open();
    const wish = { address: parseIPv4("192.0.2.19"), portParams: portSet(0, 0) };
    expect(await stage.outcome(() => stage.client(1).discover(wish))).toBe("offer 192.0.2.19 PSID 1");
  });
});

test("A8 R7618-8-07c an address alone gets any free set of it, and another address when it has none", async () => {
  const stage = await Stage.open({
    pools: [{ name: "two", kind: "shared", range: "192.0.2.18-192.0.2.19", psidLength: 2 }],
  });
  const wish = { address: parseIPv4("192.0.2.19") };
  const offers = [];
  for (const client of [1, 2, 3, 4]) offers.push(await stage.client(client).discover(wish));
  expect(texts(offers)).toEqual([
    "offer 192.0.2.19 PSID 1",
    "offer 192.0.2.19 PSID 2",
    "offer 192.0.2.19 PSID 3",
    "offer 192.0.2.18 PSID 1",
  ]);
});
