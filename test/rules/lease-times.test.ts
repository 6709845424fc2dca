/**
 * The lease time from the offer to the ACK, and T1 and T2: RFC 2131 §4.3.1, §4.4.5.
 */
import { describe, expect, test } from "vitest";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import { decodeSeconds } from "../../src/wire/dhcpv4/options/seconds.ts";
import { applyDeclaration } from "../support/apply-declaration.ts";
import { domain, Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";

const fields: Partial<typeof domain> = { leaseSeconds: { default: 3600, min: 60, max: 7200 } };

const secondsOf = (answer: Answer | undefined, code: number) => {
  const data = answer!.message.options.get(code);
  return data && decodeSeconds(data);
};

/** @returns Type and lease time of an answer: `ack 3600`. */
const told = (answer: Answer | undefined) => `${answer?.type ?? "silence"} ${secondsOf(answer, 51)}`;

describe("R5 the lease time of an offer", () => {
  test.each([
    [500, 500],
    [7200, 7200],
    [1, 60],
    [100_000, 7200],
    [0xffffffff, 7200],
  ])("for a wish of %i s is %i s, and so is that of its ACK", async (leaseSeconds, granted) => {
    const stage = await Stage.open(fields);
    const client = stage.client(1);
    const offer = (await client.discover({}, { leaseSeconds }))!;
    expect(told(offer)).toBe(`offer ${granted}`);
    stage.now += 30;
    for (let repeat = 0; repeat < 3; repeat++)
      expect(told(await client.select(offer))).toBe(`ack ${granted}`);
    stage.now += granted - 1;
    expect(await stage.leases()).toBe(1);
    stage.now += 1;
    expect(await stage.leases()).toBe(0);
  });

  test("is the last offered one", async () => {
    const stage = await Stage.open(fields);
    const client = stage.client(1);
    expect(told(await client.discover({}, { leaseSeconds: 500 }))).toBe("offer 500");
    const offer = (await client.discover({}, { leaseSeconds: 700 }))!;
    expect(told(await client.select(offer))).toBe("ack 700");
    const again = stage.client(2);
    await again.discover({}, { leaseSeconds: 500 });
    const unwished = (await again.discover())!;
    expect(told(unwished)).toBe("offer 3600");
    expect(told(await again.select(unwished))).toBe("ack 3600");
  });

  test("gives way to the lease time that the REQUEST names, within the bounds of the domain", async () => {
    const stage = await Stage.open(fields);
    const client = stage.client(1);
    const offer = (await client.discover({}, { leaseSeconds: 500 }))!;
    expect(told(await client.select(offer, { leaseSeconds: 900 }))).toBe("ack 900");
    expect(told(await client.select(offer, { leaseSeconds: 100_000 }))).toBe("ack 7200");
    expect(told(await client.select(offer, { leaseSeconds: 1 }))).toBe("ack 60");
  });

  test("does not matter for a renewal, which gets the default of the domain", async () => {
    for (const what of ["renew", "rebind", "reboot"] as const) {
      const stage = await Stage.open(fields);
      const client = stage.client(1);
      const ack = await client.select((await client.discover({}, { leaseSeconds: 500 }))!);
      expect(told(await client[what](ack!))).toBe("ack 3600");
      expect(told(await client[what](ack!))).toBe("ack 3600");
      expect(told(await client[what](ack!, { leaseSeconds: 800 }))).toBe("ack 800");
    }
  });

  test("of a running lease is what remains of it, and so is that of its ACK", async () => {
    const stage = await Stage.open(fields);
    const client = stage.client(1);
    await client.lease();
    stage.now += 1000;
    const offer = (await client.discover())!;
    expect(told(offer)).toBe("offer 2600");
    stage.now += 5;
    for (let repeat = 0; repeat < 2; repeat++) expect(told(await client.select(offer))).toBe("ack 2600");
    expect(told(await client.renew(offer))).toBe("ack 3600");
  });

  test("of a running lease is the wish, if there is one, and so is that of its ACK", async () => {
    const stage = await Stage.open(fields);
    const client = stage.client(1);
    await client.lease();
    stage.now += 1000;
    const offer = (await client.discover({}, { leaseSeconds: 500 }))!;
    expect(told(offer)).toBe("offer 500");
    expect(told(await client.discover({}, { leaseSeconds: 500 }))).toBe("offer 500");
    expect(told(await client.select(offer))).toBe("ack 500");
  });

  test("changes nothing else about a running lease", async () => {
    const stage = await Stage.open(fields);
    const client = stage.client(1);
    await client.lease({}, { softwire: "2001:db8:1234:5600::1" });
    const row = async () => {
      const [rows] = await stage.database.read([{ sql: "SELECT * FROM lease", args: [] }]);
      const { columns, rows: values } = rows!;
      return values[0]!.filter((_, index) => columns[index] !== "stated_seconds");
    };
    const before = await row();
    stage.now += 100;
    await client.discover({}, { leaseSeconds: 500 });
    expect(await row()).toEqual(before);
  });

  test("is not that of the pair's last client", async () => {
    const stage = await Stage.open({
      ...fields,
      quarantineSeconds: 0,
      pools: [{ name: "one", kind: "full", range: "203.0.113.7/32" }],
    });
    await stage.client(1).select((await stage.client(1).discover({}, { leaseSeconds: 500 }))!);
    stage.now += 501;
    const offer = (await stage.client(2).discover())!;
    expect(told(offer)).toBe("offer 3600");
    expect(told(await stage.client(2).select(offer))).toBe("ack 3600");
  });

  test("ends with the drain of its pool", async () => {
    const stage = await Stage.open(fields);
    const offer = (await stage.client(1).discover({}, { leaseSeconds: 500 }))!;
    await drain(stage, stage.now + 200);
    expect(told(await stage.client(1).select(offer))).toBe("ack 200");
    expect(told(await stage.client(1).select(offer))).toBe("ack 200");
  });

  test("is the one of Rapid Commit, with repeats and with the REQUEST of a client that wants to be sure", async () => {
    const stage = await Stage.open({ ...fields, rapidCommit: true });
    const client = stage.client(1);
    const rapid = { options: { 80: [] }, leaseSeconds: 500 };
    const ack = (await client.discover({}, rapid))!;
    expect(told(ack)).toBe("ack 500");
    expect(told(await client.discover({}, rapid))).toBe("ack 500");
    expect(told(await client.select(ack))).toBe("ack 500");
    expect(told(await client.discover({}, { options: { 80: [] } }))).toBe("ack 3600");
    expect(told(await client.select(ack))).toBe("ack 3600");
  });

  test("is not known of an offer by an earlier release, which gets the default", async () => {
    const stage = await Stage.open(fields);
    const offer = (await stage.client(1).discover({}, { leaseSeconds: 500 }))!;
    await stage.database.migrate([{ sql: "UPDATE lease SET stated_seconds = NULL", args: [] }]);
    expect(told(await stage.client(1).select(offer))).toBe("ack 3600");
  });
});

/** Drains the shared pool, at a time in Unix seconds. */
async function drain(stage: Stage, until: number): Promise<void> {
  const drainUntil = new Date(until * 1000).toISOString();
  const [shared, full] = domain.pools;
  const changed = { ...domain, ...fields, pools: [{ ...shared!, drainUntil }, full!] };
  await applyDeclaration(stage.database, parseDeclaration({ domains: [changed] }, "test"));
}

describe("T1 and T2", () => {
  test("R6 R2131-4.4.5-02 differ between 1000 clients, but not between the repeats of a client", async () => {
    const stage = await Stage.open({
      pools: [{ name: "many", kind: "shared", range: "192.0.2.0/27", psidLength: 6 }],
    });
    const discovers = Array.from({ length: 1000 }, (_, number) => {
      const client = stage.client(number);
      return { ...client.message(1, {}), number };
    });
    const times = new Map<number, string>();
    for (let from = 0; from < discovers.length; from += 50) {
      const some = discovers.slice(from, from + 50);
      const offers = await stage.askAll(...some);
      offers.forEach((offer, index) => {
        expect(secondsOf(offer, 51)).toBe(3600);
        times.set(some[index]!.number, `${secondsOf(offer, 58)} ${secondsOf(offer, 59)}`);
      });
    }
    expect(times.size).toBe(1000);
    const distinct = (part: number) => new Set([...times.values()].map((each) => each.split(" ")[part])).size;
    // 181 and 91 values are possible.
    expect(distinct(0)).toBeGreaterThan(150);
    expect(distinct(1)).toBeGreaterThan(80);
    for (const number of [0, 1, 500, 999]) {
      const client = stage.client(number);
      const offer = (await client.discover())!;
      const ack = await client.select(offer);
      const again = await client.renew(offer);
      for (const answer of [offer, ack, again]) {
        expect(`${secondsOf(answer, 58)} ${secondsOf(answer, 59)}`).toBe(times.get(number));
      }
    }
  });

  test.each([1, 2, 30, 59])("R9 are not in answers if the drain ends in %i s", async (left) => {
    const stage = await Stage.open(fields);
    const client = stage.client(1);
    const lease = await client.lease();
    const until = stage.now + 1000;
    await drain(stage, until);
    stage.now = until - left;
    for (const what of ["renew", "rebind", "reboot", "select"] as const) {
      const answer = await client[what](lease);
      expect([told(answer), secondsOf(answer, 58), secondsOf(answer, 59)]).toEqual([
        `ack ${left}`,
        undefined,
        undefined,
      ]);
    }
    const offer = await client.discover();
    expect([told(offer), secondsOf(offer, 58), secondsOf(offer, 59)]).toEqual([
      `offer ${left}`,
      undefined,
      undefined,
    ]);
  });

  test("R9 are in answers if the drain ends in 60 s", async () => {
    const stage = await Stage.open(fields);
    const lease = await stage.client(1).lease();
    await drain(stage, stage.now + 60);
    const ack = await stage.client(1).renew(lease);
    expect([secondsOf(ack, 58)! >= 27, secondsOf(ack, 59)! >= 51]).toEqual([true, true]);
  });

  test("R9 are not in the offer of a lease in its last second", async () => {
    const stage = await Stage.open(fields);
    await stage.client(1).lease();
    stage.now += 3599;
    const offer = (await stage.client(1).discover())!;
    expect([told(offer), secondsOf(offer, 58), secondsOf(offer, 59)]).toEqual([
      "offer 1",
      undefined,
      undefined,
    ]);
    expect(told(await stage.client(1).select(offer))).toBe("ack 1");
  });

  test("R9 a REQUEST at the end of the drain is refused, and no offer has 0 s or less", async () => {
    const stage = await Stage.open(fields);
    const client = stage.client(1);
    const lease = await client.lease();
    const until = stage.now + 100;
    await drain(stage, until);
    stage.now = until;
    expect(await stage.outcome(() => client.renew(lease))).toBe("nak:pool-drained");
    expect(await stage.outcome(() => client.discover())).toBe("offer 203.0.113.0");
  });
});
