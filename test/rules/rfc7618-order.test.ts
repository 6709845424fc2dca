/**
 * RFC 7618 §8: the order in which the server chooses the pair for an offer, and the effect of hints.
 */
import { describe, expect, test } from "vitest";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { domain, pairText, Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";

const portSet = (psid: number, psidLength = 6) => ({ psidOffset: 0, psidLength, psid });
const hint = (address: string, psid: number) => ({ address: parseIPv4(address), portParams: portSet(psid) });
const texts = (answers: readonly (Answer | undefined)[]) =>
  answers.map((answer) => (answer === undefined ? "silence" : pairText(answer)));

test("R7618-8-07a a client with a lease is offered its own pair, whatever it requests", async () => {
  const stage = await Stage.open();
  const client = stage.client(1);
  const lease = await client.lease();
  expect(await stage.outcome(() => client.discover(hint("192.0.2.19", 40)))).toBe("offer 192.0.2.18 PSID 1");
  // The offer did not change the lease.
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
  "R7618-8-07b a client whose lease has ended is offered the same pair, not its hint: %s",
  async (_how, end) => {
    const stage = await Stage.open({ quarantineSeconds: 0 });
    const lease = await stage.client(1).lease();
    await end(stage, lease);
    // Meanwhile another client gets a lease.
    const other = stage.client(2);
    expect(pairText(await other.lease())).toBe("ack 192.0.2.19 PSID 1");
    expect(await stage.outcome(() => stage.client(1).discover(hint("192.0.2.19", 40)))).toBe(
      "offer 192.0.2.18 PSID 1",
    );
  },
);

test("R7618-8-07b a pair that another client took is no longer offered to its former client", async () => {
  const stage = await Stage.open({ quarantineSeconds: 0 });
  const lease = await stage.client(1).lease();
  await stage.client(1).release(lease);
  expect(pairText(await stage.client(2).lease(hint(lease.address, 1)))).toBe("ack 192.0.2.18 PSID 1");
  expect(await stage.outcome(() => stage.client(1).discover(hint(lease.address, 1)))).toBe(
    "offer 192.0.2.19 PSID 1",
  );
});

test("R7618-6-13 a client that sends from another IPv6 address is offered its own pair", async () => {
  const stage = await Stage.open();
  await stage.client(1, { source: "fe80::1" }).lease();
  await stage.client(2).lease();
  const moved = stage.client(1, { source: "2001:db8:a::77", linkAddress: "2001:db8:a:b::1" });
  expect(await stage.outcome(() => moved.discover())).toBe("offer 192.0.2.18 PSID 1");
});

describe("R7618-8-07c a pair that a new client requests", () => {
  test("is offered when it is free", async () => {
    const stage = await Stage.open();
    expect(await stage.outcome(() => stage.client(1).discover(hint("192.0.2.19", 40)))).toBe(
      "offer 192.0.2.19 PSID 40",
    );
  });

  test.each([
    ["leased", (stage: Stage) => stage.client(9).lease(hint("192.0.2.19", 40))],
    ["offered", (stage: Stage) => stage.client(9).discover(hint("192.0.2.19", 40))],
  ])("is not offered while it is %s to another client", async (_how, take) => {
    const stage = await Stage.open();
    await take(stage);
    expect(await stage.outcome(() => stage.client(1).discover(hint("192.0.2.19", 40)))).toBe(
      "offer 192.0.2.18 PSID 1",
    );
  });

  test.each([
    ["a reserved port in its port set", hint("192.0.2.19", 0)],
    ["an address of no pool", hint("192.0.2.99", 40)],
    ["another length than its pool", { address: parseIPv4("192.0.2.19"), portParams: portSet(40, 7) }],
    [
      "another offset than its pool",
      { address: parseIPv4("192.0.2.19"), portParams: { ...portSet(40), psidOffset: 1 } },
    ],
  ])("is ignored if it has %s", async (_what, requested) => {
    const stage = await Stage.open();
    expect(await stage.outcome(() => stage.client(1).discover(requested))).toBe("offer 192.0.2.18 PSID 1");
  });
});

test("R7618-8-07d R7618-8-04 new clients get new pairs, first all of one address and then those of the next", async () => {
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

test("R7618-8-07d of the pairs that other clients released, the one released longest ago is offered first", async () => {
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

describe("size hints", () => {
  const sizes = { name: "large", kind: "shared" as const, range: "198.51.100.128/25", psidLength: 4 };

  test("R7618-6-04 A9 get a port set from a pool with that size", async () => {
    const stage = await Stage.open({ pools: [domain.pools[0]!, sizes] });
    const offer = await stage.client(1).discover({ portParams: portSet(0, 4) });
    expect(offer!.address).toBe("198.51.100.128");
    expect(offer!.portParams).toEqual(portSet(1, 4));
    expect((await stage.client(2).discover({ portParams: portSet(0, 6) }))!.address).toBe("192.0.2.18");
  });

  test("A9 never divide an address into port sets of two sizes", async () => {
    const stage = await Stage.open();
    await stage.client(1).lease();
    const offer = await stage.client(2).discover({ portParams: portSet(0, 3) });
    expect(offer!.portParams!.psidLength).toBe(6);
  });

  test("A7 R7618-6-04 do not request PSID 0", async () => {
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
    // PSID 0 is taken, and this client still gets an offer.
    expect(await stage.outcome(() => stage.client(2).discover({ portParams: portSet(0) }))).toBe(
      "offer 192.0.2.18 PSID 1",
    );
  });

  test("A6 R7618-9-03 with PSID length 0 are ignored, and the requested address still counts", async () => {
    const stage = await Stage.open();
    const requested = { address: parseIPv4("192.0.2.19"), portParams: portSet(0, 0) };
    expect(await stage.outcome(() => stage.client(1).discover(requested))).toBe("offer 192.0.2.19 PSID 1");
  });
});

test("A8 R7618-8-07c a requested address without option 159 gets any free port set of it, or another address if none is free", async () => {
  const stage = await Stage.open({
    pools: [{ name: "two", kind: "shared", range: "192.0.2.18-192.0.2.19", psidLength: 2 }],
  });
  const requested = { address: parseIPv4("192.0.2.19") };
  const offers = [];
  for (const client of [1, 2, 3, 4]) offers.push(await stage.client(client).discover(requested));
  expect(texts(offers)).toEqual([
    "offer 192.0.2.19 PSID 1",
    "offer 192.0.2.19 PSID 2",
    "offer 192.0.2.19 PSID 3",
    "offer 192.0.2.18 PSID 1",
  ]);
});
