/**
 * What clients, operators and look-ups see when the clock of the machine is set: an allocator with a database file, on a
 * machine whose clocks the test owns.
 */
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseDeclaration } from "../src/declaration/declaration.ts";
import { openFile } from "../src/store/database/file.ts";
import { migrateDatabase } from "../src/store/database/migrate.ts";
import { openBindingSnapshot } from "../src/store/evidence/binding-feed.ts";
import { verifyDatabase } from "../src/store/evidence/verify.ts";
import { adminToken, createTestAllocator, wrap } from "./support/allocator.ts";
import type { TestAnswer } from "./support/allocator.ts";
import { itemsOf, operator } from "./support/admin.ts";
import { applyDeclaration } from "./support/apply-declaration.ts";
import { clientProfile, says } from "./support/clients.ts";
import { temporaryFolder, vectorDomain } from "./support/database.ts";
import { earlierRelease } from "./support/later-release.ts";
import { TestMachine } from "./support/machine.ts";
import { query } from "./support/sql.ts";
import { OptionCode } from "../src/wire/dhcpv4/codes.ts";
import { encodeFrames } from "../src/wire/frames.ts";
import { parseIPv6 } from "../src/wire/ipv6-address.ts";

const start = Date.UTC(2026, 10, 24) / 1000;
const hour = 3600;
const year = 31_536_000;

const dateOf = (seconds: number) => new Date(seconds * 1000).toISOString();

const declaration = parseDeclaration(vectorDomain, "test");

/** Clients that fill the pool: one address with 63 port sets. */
const full = 63;

async function openWorld(machine = new TestMachine(start)) {
  const url = `file:${join(await temporaryFolder(), "apportion.db")}`;
  /** An allocator process of its own would do the same: it shares nothing with others but the file. */
  const openAllocator = async () => {
    const database = openFile(url, { machine, sync: "off" });
    onTestFinished(() => {
      database.close();
    });
    await migrateDatabase(database);
    await applyDeclaration(database, declaration);
    const clock = { seconds: undefined, clockMs: machine.wallMs, localMs: machine.localMs };
    return createTestAllocator(database, { clock });
  };
  const allocator = await openAllocator();
  const { app, database, ask } = allocator;
  const call = operator(app);
  const discover = async (client: number) => (await ask(says.discover(clientProfile(client))))[0];
  const lease = async (client: number): Promise<TestAnswer | undefined> => {
    const offer = await discover(client);
    return offer && (await ask(says.selecting(clientProfile(client), offer, softwireOf(client))))[0];
  };
  const world = {
    machine,
    ...allocator,
    openAllocator,
    call,
    discover,
    lease,
    renew: async (client: number, ack: TestAnswer) =>
      (await ask(says.renew(clientProfile(client), ack, softwireOf(client))))[0],
    release: (client: number, ack: TestAnswer) => ask(says.release(clientProfile(client), ack)),
    fill: async () => {
      const acks: TestAnswer[] = [];
      for (let client = 1; client <= full; client++) acks.push((await lease(client))!);
      return acks;
    },
    /** Any statement of the port lets the clock move on. */
    tick: () => database.write([]),
    clock: async () => (await call("GET", "/clock")).body.clocks as Record<string, unknown>[],
    accept: (differenceSeconds: number) => call("POST", "/clock:accept", { differenceSeconds }),
    /** Who had a client's ports at a time. */
    lookUp: async (ack: TestAnswer, at: number) => {
      const { psid, psidLength } = ack.portParams!;
      const port = psid * 2 ** (16 - psidLength);
      const { body } = await call("GET", `/lookup?address=${ack.address}&port=${port}&at=${dateOf(at)}`);
      const holders = body.holders as { readonly certainty: string; readonly clientId: string }[];
      return {
        reason: (body.reason as { readonly id: string } | null)?.id ?? null,
        holders: holders.map(
          ({ certainty, clientId }) => `${certainty} ${Number(`0x${clientId.slice(-8)}`)}`,
        ),
      };
    },
    faults: async () => (await verifyDatabase(database)).faults,
    warnings: () => allocator.logged.map(({ message }) => message).filter((text) => text.includes("clock")),
  };
  return world;
}

const softwireOf = (client: number): Uint8Array => parseIPv6(`2001:db8:1234:5600::${client.toString(16)}`);

const secondsOf = (answer: TestAnswer | undefined): number => {
  const value = answer?.message.options.get(OptionCode.leaseTime);
  return value === undefined ? Number.NaN : Buffer.from(value).readUInt32BE();
};

const steps = [2 * hour, -2 * hour, 10 * year, -10 * year];

test.each(steps)(
  "T9 while leases run, setting the machine's clock by %i s ends none, and no pair is given twice",
  async (seconds) => {
    const { machine, fill, discover, renew, release, clock, lookUp, warnings, faults } = await openWorld();
    const acks = await fill();
    machine.pass(60);
    machine.setOff(seconds);
    expect(await discover(100)).toBeUndefined();
    machine.pass(60);
    expect(await discover(100)).toBeUndefined();
    expect(secondsOf(await discover(1))).toBe(hour - 120);
    expect(secondsOf(await renew(1, acks[0]!))).toBe(hour);
    await release(2, acks[1]!);
    machine.pass(61);
    const offer = await discover(100);
    expect([offer?.portParams, secondsOf(offer)]).toEqual([acks[1]!.portParams, hour]);
    expect(warnings()).toEqual([expect.stringContaining("the machine's clock was set")]);
    expect(await clock()).toMatchObject([
      { decidedBy: "file", differenceSeconds: seconds, openStep: { differenceSeconds: seconds } },
    ]);
    expect(await lookUp(acks[0]!, start + 30)).toEqual({ reason: "clock-step", holders: ["possible 1"] });
    expect(await faults()).toEqual([]);
  },
);

test("T9 a step that is undone leaves the evidence certain", async () => {
  const { machine, lease, tick, clock, lookUp } = await openWorld();
  const ack = (await lease(1))!;
  machine.setOff(-2 * hour);
  await tick();
  machine.pass(60);
  machine.setOff(0);
  await tick();
  expect(await lookUp(ack, start + 30)).toEqual({ reason: null, holders: ["certain 1"] });
  expect(await clock()).toMatchObject([
    { differenceSeconds: 0, openStep: null, settledSteps: [{ differenceSeconds: -2 * hour, how: "undone" }] },
  ]);
});

describe("a machine whose clock is 10 years ahead when it boots, and is put right while leases run", () => {
  async function openAhead() {
    const machine = new TestMachine(start);
    machine.setOff(10 * year);
    const world = await openWorld(machine);
    const acks = await world.fill();
    machine.pass(60);
    machine.setOff(0);
    await world.tick();
    return { ...world, acks };
  }

  test("T9 serves its clients as ever: times are normal, and a RELEASE is obeyed", async () => {
    const { machine, acks, discover, renew, release } = await openAhead();
    expect(secondsOf(await discover(1))).toBe(hour - 60);
    expect(secondsOf(await renew(1, acks[0]!))).toBe(hour);
    expect(await discover(100)).toBeUndefined();
    await release(2, acks[1]!);
    machine.pass(61);
    expect((await discover(100))?.portParams).toEqual(acks[1]!.portParams);
  });

  test("T9 its clock follows when the leases have ended; then the pool is free, and the evidence true", async () => {
    const { machine, acks, tick, clock, lease, lookUp, faults } = await openAhead();
    machine.pass(hour);
    await tick();
    machine.pass(1);
    expect(await clock()).toMatchObject([
      { differenceSeconds: 0, settledSteps: [{ differenceSeconds: -10 * year, how: "leases-ended" }] },
    ]);
    const again = (await lease(100))!;
    expect([again.type, secondsOf(again)]).toEqual(["ack", hour]);
    // The first client really had its pair at that time, and 10 years later by the clock of then.
    for (const at of [start + 30, start + 10 * year + 30])
      expect(await lookUp(acks[50]!, at)).toEqual({ reason: "clock-step", holders: ["possible 51"] });
    machine.pass(60);
    expect(await lookUp(again, machine.seconds)).toEqual({ reason: null, holders: ["certain 100"] });
    expect(await faults()).toEqual([]);
  });

  test("T9 its clock follows when an operator accepts it, and the leases end when their clients think", async () => {
    const { machine, acks, accept, discover, renew, faults } = await openAhead();
    expect((await accept(-10 * year)).status).toBe(200);
    expect(secondsOf(await discover(1))).toBe(hour - 60);
    expect(secondsOf(await renew(2, acks[1]!))).toBe(hour);
    machine.pass(hour - 60 + 59);
    expect(await discover(100)).toBeUndefined();
    machine.pass(1);
    expect((await discover(100))?.type).toBe("offer");
    expect(await faults()).toEqual([]);
  });
});

describe("an operator accepts a step", () => {
  test.each(steps)(
    "T9 of %i s: each lease ends when its client thinks, and no pair is given twice",
    async (seconds) => {
      const { machine, fill, accept, discover, release, call, clock, lookUp, tick, faults } =
        await openWorld();
      const acks = await fill();
      machine.pass(60);
      await release(1, acks[0]!);
      machine.setOff(seconds);
      machine.pass(10);
      await tick();
      expect((await accept(seconds)).status).toBe(200);
      expect(await clock()).toMatchObject([
        {
          differenceSeconds: 0,
          openStep: null,
          settledSteps: [{ differenceSeconds: seconds, how: "accepted" }],
        },
      ]);
      const ofThen = dateOf(start + 70).replace(".000Z", "Z");
      const ofNow = dateOf(start + 70 + seconds).replace(".000Z", "Z");
      expect(itemsOf(await call("GET", "/audit?resource=clock"))).toMatchObject([
        {
          at: ofNow,
          actor: "environment",
          action: "accept",
          before: { time: ofThen },
          after: { time: ofNow },
        },
      ]);
      // The pair of the first client is in quarantine for 50 s more, and all others are leased.
      machine.pass(49);
      expect(await discover(100)).toBeUndefined();
      machine.pass(1);
      expect((await discover(100))?.portParams).toEqual(acks[0]!.portParams);
      machine.pass(hour - 120 - 1);
      expect(secondsOf(await discover(2))).toBe(1);
      machine.pass(60);
      expect((await discover(101))?.portParams).toEqual(acks[0]!.portParams);
      expect(await discover(102)).toBeUndefined();
      machine.pass(1);
      expect((await discover(102))?.type).toBe("offer");
      expect(await faults()).toEqual([]);
      // What was recorded before has the times of the clock of then.
      for (const at of [start + 30, start + 30 + seconds])
        expect((await lookUp(acks[4]!, at)).holders).toContain("possible 5");
    },
  );

  test("T9 only with the difference that there is, and only once", async () => {
    const { machine, lease, accept, call, tick } = await openWorld();
    await lease(1);
    expect((await accept(7200)).body.detail).toBe(
      "Cannot set the clock: found no difference of 2 s or more, expected one",
    );
    machine.setOff(7200);
    await tick();
    expect((await accept(-7200)).body.detail).toBe(
      "Cannot set the clock: found a difference of 7200 s, expected -7200 s",
    );
    const both = await Promise.all([accept(7200), accept(7200)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(itemsOf(await call("GET", "/audit?resource=clock"))).toHaveLength(1);
  });

  test("T9 not with a token of one domain", async () => {
    const { app, call } = await openWorld();
    const { body } = await call("PUT", "/tokens/one", { scope: "admin", domain: "vectors" });
    const other = operator(app, String(body.secret));
    expect((await other("GET", "/clock")).status).toBe(403);
    expect((await other("POST", "/clock:accept", { differenceSeconds: 7200 })).status).toBe(403);
  });

  test.each([2 * hour, -2 * hour])(
    "T9 of %i s: consumers of the binding table learn of every change, or take the whole table",
    async (seconds) => {
      const { machine, fill, accept, release, call, tick } = await openWorld();
      const acks = await fill();
      machine.pass(60);
      const { headers } = await call("GET", "/bindings?format=snabb");
      const version = headers.get("apportion-version")!;
      machine.setOff(seconds);
      await tick();
      await accept(seconds);
      await release(1, acks[0]!);
      machine.pass(1);
      const changes = () => call("GET", `/bindings?format=snabb&since=${version}`);
      expect((await changes()).status).toBe(seconds > 0 ? 200 : 410);
      machine.pass(2 * hour);
      expect((await changes()).status).toBe(seconds > 0 ? 200 : 410);
      const after = await call("GET", "/bindings?format=snabb");
      expect(after.status).toBe(200);
    },
  );

  test("T9 a binding table that is being read has to be fetched again", async () => {
    const { machine, database, fill, accept, tick } = await openWorld();
    await fill();
    machine.setOff(-2 * hour);
    await tick();
    const rows = (await openBindingSnapshot(database, 10)).rows(1);
    expect(await rows.next()).toMatchObject({ done: false });
    await accept(-2 * hour);
    await expect(rows.next()).rejects.toThrow("fetch the table again");
  });

  test("T9 a RELEASE that was overtaken before still is", async () => {
    const { machine, lease, renew, accept, tick, openAllocator, call } = await openWorld();
    const other = await openAllocator();
    const ack = (await lease(1))!;
    await other.ask(says.discover(clientProfile(2)));
    machine.pass(10);
    await renew(1, ack);
    machine.setOff(-2 * hour);
    machine.pass(1);
    await tick();
    await accept(-2 * hour);
    const release = wrap(says.release(clientProfile(1), ack), 0);
    await other.post(encodeFrames([release]), { "apportion-age-ms": "5000" });
    expect(itemsOf(await call("GET", "/leases?state=bound"))).toHaveLength(1);
    await other.post(encodeFrames([release]), { "apportion-age-ms": "500" });
    expect(itemsOf(await call("GET", "/leases?state=bound"))).toEqual([]);
  });

  test("T9 and another allocator on the file serves with the new clock at once", async () => {
    const world = await openWorld();
    const other = await world.openAllocator();
    const ack = (await world.lease(1))!;
    await other.ask(says.discover(clientProfile(2)));
    world.machine.setOff(2 * hour);
    await world.tick();
    await world.accept(2 * hour);
    const [renewed] = await other.ask(says.renew(clientProfile(1), ack));
    expect([renewed?.type, secondsOf(renewed)]).toEqual(["ack", hour]);
    world.machine.pass(1);
    await other.ask(says.release(clientProfile(1), ack));
    expect(itemsOf(await world.call("GET", "/leases?state=bound"))).toEqual([]);
  });
});

test("T9 a machine that sleeps: leases end meanwhile", async () => {
  const { machine, fill, discover, tick, clock } = await openWorld();
  await fill();
  machine.sleep(hour + 59);
  expect(await discover(100)).toBeUndefined();
  machine.sleep(1);
  expect((await discover(100))?.type).toBe("offer");
  await tick();
  expect(await clock()).toMatchObject([{ differenceSeconds: 0, openStep: null, settledSteps: [] }]);
});

test("T9 a machine that boots with its clock behind: no lease ends early, and its pairs are free in the end", async () => {
  const { machine, fill, discover, accept, tick, openAllocator } = await openWorld();
  const acks = await fill();
  machine.pass(600);
  await tick();
  machine.reboot(300, -start);
  const { ask } = await openAllocator();
  const next = async () => (await ask(says.discover(clientProfile(100))))[0];
  expect(await next()).toBeUndefined();
  machine.pass(60);
  machine.setOff(0);
  // The file's clock lacks the 300 s for which the machine was off. Nothing ends early by that.
  const [renewed] = await ask(says.renew(clientProfile(1), acks[0]!));
  expect([renewed?.type, secondsOf(renewed)]).toEqual(["ack", hour]);
  expect(await next()).toBeUndefined();
  expect((await accept(300)).status).toBe(200);
  machine.pass(hour + 60 + 300);
  expect((await discover(100))?.type).toBe("offer");
});

test("T9 a machine that boots with its clock ahead serves on; put right, its pool does not stay empty", async () => {
  const { machine, fill, discover, lease, accept, lookUp, faults } = await openWorld();
  await fill();
  machine.reboot(300, 2 * hour);
  const ack = (await lease(100))!;
  machine.pass(60);
  machine.setOff(0);
  expect((await discover(100))?.type).toBe("offer");
  expect((await accept(-2 * hour)).status).toBe(200);
  expect(secondsOf(await discover(100))).toBe(hour - 60);
  expect((await lookUp(ack, start + 330)).holders).toContain("possible 100");
  machine.pass(hour + 60);
  expect((await discover(101))?.type).toBe("offer");
  expect(await faults()).toEqual([]);
});

test("T9 leases from before a boot with the clock ahead do not end early when it is put right", async () => {
  const { machine, fill, discover, tick, accept, faults } = await openWorld();
  await fill();
  machine.reboot(300, hour / 2);
  await tick();
  machine.pass(60);
  machine.setOff(0);
  await tick();
  expect((await accept(-hour / 2)).status).toBe(200);
  expect(secondsOf(await discover(1))).toBe(hour - 360);
  machine.pass(hour - 360 + 59);
  expect(await discover(100)).toBeUndefined();
  machine.pass(1);
  expect((await discover(100))?.type).toBe("offer");
  expect(await faults()).toEqual([]);
});

test("T9 leases from before two boots, each with the clock further ahead, do not end early either", async () => {
  const minute = 60;
  const machine = new TestMachine(start);
  machine.setOff(10 * minute);
  const { fill, discover, tick, accept, faults } = await openWorld(machine);
  await fill();
  machine.reboot(minute, 20 * minute);
  await tick();
  machine.setOff(0);
  machine.pass(minute);
  await tick();
  expect((await accept(-20 * minute)).status).toBe(200);
  machine.pass(hour - 2 * minute + 59);
  expect(await discover(100)).toBeUndefined();
  machine.pass(2 * minute + 1);
  expect((await discover(100))?.type).toBe("offer");
  expect(await faults()).toEqual([]);
});

test("T9 a step that the look-up of a tenure before it does not concern leaves that one certain", async () => {
  const { machine, lease, release, lookUp, tick } = await openWorld();
  const ack = (await lease(1))!;
  machine.pass(60);
  await release(1, ack);
  machine.reboot(10 * hour, 0);
  await lease(2);
  machine.setOff(-2 * hour);
  await tick();
  expect(await lookUp(ack, start + 30)).toEqual({ reason: null, holders: ["certain 1"] });
});

test("T9 a boot does not follow a step that nobody has accepted", async () => {
  const { machine, fill, tick, openAllocator } = await openWorld();
  await fill();
  machine.setOff(2 * hour);
  await tick();
  machine.reboot(60, 2 * hour);
  const { ask } = await openAllocator();
  expect(await ask(says.discover(clientProfile(100)))).toEqual([undefined]);
});

test("T9 an upgrade frees the pairs that an earlier release gave while its clock was 10 years ahead", async () => {
  const now = Math.floor(Date.now() / 1000);
  const url = `file:${join(await temporaryFolder(), "apportion.db")}`;
  const before = openFile(url, { clockMs: () => Date.now() });
  await migrateDatabase(before, await earlierRelease("0011_clock"));
  const future = now + 10 * year;
  await before.migrate(
    [
      `UPDATE instant SET now_ms = ${now}000`,
      `INSERT INTO domain (id, name, settings) VALUES (1, 'isp', '{"serverIdentifier":"192.0.2.1"}')`,
      `INSERT INTO pool (id, domain_id, name, first_address, last_address, psid_offset, psid_length, reserved_ports, fill,
        options, psids, slots, cursor) VALUES (1, 1, 'p', 3405803777, 3405803777, 0, 1, '[]', 'pack', '{}', 2, 2, 2)`,
      `INSERT INTO lease (slot, domain_id, client_id, state, since, expires_at, free_at, updated_at, softwire) VALUES
        (1 << 32, 1, x'01', 2, ${future}, ${future + hour}, ${future + hour + 60}, ${future}, x'01'),
        ((1 << 32) + 1, 1, x'02', 2, ${now - 60}, ${now + hour}, ${now + hour + 60}, ${now - 60}, x'02')`,
    ].map((sql) => ({ sql, args: [] })),
  );
  before.close();
  const database = openFile(url);
  onTestFinished(() => {
    database.close();
  });
  await migrateDatabase(database);
  const rows = await query(database, "SELECT expires_at, free_at, since FROM lease ORDER BY slot");
  expect(Number(rows[0]!.expires_at)).toBeGreaterThanOrEqual(now + hour);
  expect(Number(rows[0]!.expires_at)).toBeLessThan(now + hour + 60);
  expect(Number(rows[0]!.free_at)).toBe(Number(rows[0]!.expires_at) + 60);
  expect(rows[1]).toEqual({ expires_at: now + hour, free_at: now + hour + 60, since: now - 60 });
  expect((await verifyDatabase(database)).faults).toEqual([]);
});

test("T9 R11 a RELEASE one second after the ACK of another allocator on the file is obeyed, in a step too", async () => {
  const { machine, lease, openAllocator, call, tick } = await openWorld();
  const other = await openAllocator();
  await other.ask(says.discover(clientProfile(9)));
  for (const seconds of [0, 5, -2 * hour]) {
    machine.setOff(seconds);
    await tick();
    const ack = (await lease(1))!;
    machine.pass(1);
    await other.ask(says.release(clientProfile(1), ack));
    expect(itemsOf(await call("GET", "/leases?state=bound"))).toEqual([]);
    machine.pass(120);
  }
});

test("T9 an allocator that read the clock before an operator set it forward obeys a RELEASE", async () => {
  const { machine, lease, openAllocator, accept, call } = await openWorld();
  const other = await openAllocator();
  const ack = (await lease(1))!;
  await other.ask(says.discover(clientProfile(9)));
  machine.setOff(2 * hour);
  machine.pass(1);
  expect((await accept(2 * hour)).status).toBe(200);
  await other.ask(says.release(clientProfile(1), ack));
  expect(itemsOf(await call("GET", "/leases?state=bound"))).toEqual([]);
});

test("T9 an allocator that read the clock before an operator set it back ends no lease that is newer than the RELEASE", async () => {
  const { machine, lease, renew, openAllocator, accept, call } = await openWorld();
  const other = await openAllocator();
  const ack = (await lease(1))!;
  await other.ask(says.discover(clientProfile(9)));
  machine.setOff(-2 * hour);
  machine.pass(1);
  expect((await accept(-2 * hour)).status).toBe(200);
  await renew(1, ack);
  await other.post(encodeFrames([wrap(says.release(clientProfile(1), ack), 0)]), {
    "apportion-age-ms": "500",
  });
  expect(itemsOf(await call("GET", "/leases?state=bound"))).toHaveLength(1);
});

/** What happens to a pair and to the clock between look-ups. */
const anyMoment = fc.oneof(
  fc.record({ kind: fc.constant("hand-over" as const) }),
  fc.record({ kind: fc.constant("set" as const), seconds: fc.constantFrom(-600, -90, 0, 90, 600) }),
  fc.record({ kind: fc.constant("accept" as const) }),
  fc.record({ kind: fc.constant("pass" as const), seconds: fc.constantFrom(0.3, 1, 20, 61) }),
);

test("E2 R10 after any steps of the clock, a look-up is certain only of a client that had the pair in that second", async () => {
  let certain = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyMoment, { minLength: 3, maxLength: 10 }),
      fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 }),
      async (moments, choices) => {
        const { machine, fill, lease, release, database, clock, accept, lookUp, tick } = await openWorld();
        let [holder, newcomer, ack] = [1, 1000, (await fill())[0]!];
        /** By the clock that look-ups use: the seconds in which a client had the pair, first and last included. */
        const held: { readonly client: number; readonly from: number; readonly to: number }[] = [];
        const second = async () => Math.floor((await database.clock()) / 1000);
        const pass = async (seconds: number, client: number | undefined) => {
          const from = await second();
          machine.pass(seconds);
          if (client !== undefined) held.push({ client, from, to: await second() });
        };
        for (const moment of moments) {
          if (moment.kind === "pass") await pass(moment.seconds, holder);
          if (moment.kind === "set") machine.setOff(moment.seconds);
          if (moment.kind === "hand-over") {
            await pass(1, holder);
            await release(holder, ack);
            await pass(61.2, undefined);
            [holder, newcomer] = [newcomer, newcomer + 1];
            ack = (await lease(holder))!;
          }
          await tick();
          if (moment.kind === "accept") await accept(Number((await clock())[0]!.differenceSeconds));
          await pass(0.4, holder);
        }
        const now = await second();
        for (const choice of choices) {
          const { from, to } = held[choice % held.length]!;
          const at = Math.min(now, [from, to, from + 1, to + 1][choice % 4]!);
          const clients = new Set(
            held.filter((each) => each.from <= at && at <= each.to).map((each) => each.client),
          );
          const { holders } = await lookUp(ack, at);
          for (const client of clients) expect(holders.join()).toMatch(new RegExp(`\\b${client}\\b`));
          for (const found of holders.filter((each) => each.startsWith("certain"))) {
            expect([found]).toEqual([...clients].map((client) => `certain ${client}`));
            certain += 1;
          }
        }
      },
    ),
    { numRuns: 12 },
  );
  expect(certain).toBeGreaterThan(0);
});

test("T9 while the clock is in doubt, housekeeping deletes nothing", async () => {
  const { machine, lease, release, store, tick } = await openWorld();
  await release(1, (await lease(1))!);
  await lease(2);
  machine.pass(1);
  machine.setOff(10 * year);
  await tick();
  const keep = { historyDays: 30, bindingLogDays: 7 };
  for await (const report of store.maintenance.runHousekeeping(keep)) {
    expect(report).toEqual({ tenures: 0, slots: 0, bindingLogEntries: 0, openClockSteps: 1 });
  }
});

test("the metrics show the difference and count the steps", async () => {
  const { machine, lease, app, tick } = await openWorld();
  await lease(1);
  machine.setOff(-2 * hour);
  await tick();
  const headers = { authorization: `Bearer ${adminToken}` };
  const text = await (await app.request("/metrics", { headers })).text();
  expect(text).toContain("apportion_clock_difference_seconds -7200\n");
  expect(text).toContain("apportion_clock_steps_total 1\n");
});
