/** The clock of a file, statement by statement: what it shows, what it records, and what two processes do with it. */
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/support/folder.ts";
import { TestMachine } from "../../../test/support/machine.ts";
import { query } from "../../../test/support/sql.ts";
import type { ClockEvent } from "./database.ts";
import { openFile } from "./file.ts";
import { migrateDatabase } from "./migrate.ts";

const start = 1_800_000_000;

async function openClock(machine = new TestMachine(start)) {
  const url = `file:${join(await temporaryFolder(), "apportion.db")}`;
  const open = (own = machine) => {
    const database = openFile(url, { machine: own });
    onTestFinished(() => {
      database.close();
    });
    return database;
  };
  const database = open();
  await migrateDatabase(database);
  const events: ClockEvent[] = [];
  database.ownClock!.onEvent((event) => events.push(event));
  /** The instant of a write, and the clock of a read after it, in seconds since the start. */
  const show = async (own = database) => {
    const [written] = await own.write([{ sql: "SELECT now_ms FROM instant", args: [] }]);
    const read = await own.clock();
    expect(read).toBe(Number(written!.rows[0]![0]));
    return read / 1000 - start;
  };
  const steps = () =>
    query(database, "SELECT difference_ms / 1000 AS seconds, how FROM clock_step ORDER BY id");
  /** A lease that keeps the clock from following a step. */
  const hold = (seconds: number) =>
    database.write(
      [
        "INSERT OR IGNORE INTO domain (id, name, settings) VALUES (1, 'd', '{}')",
        `INSERT OR IGNORE INTO pool (id, domain_id, name, first_address, last_address, psid_offset, psid_length,
          reserved_ports, fill, options, psids, slots) VALUES (1, 1, 'p', 1, 1, 6, 6, '[]', 'pack', '{}', 63, 63)`,
        `INSERT OR REPLACE INTO lease (slot, domain_id, client_id, state, since, expires_at, free_at, updated_at)
          SELECT 1 << 32, 1, x'01', 2, now_ms / 1000, now_ms / 1000 + ${seconds}, now_ms / 1000 + ${seconds},
          now_ms / 1000 FROM instant`,
      ].map((sql) => ({ sql, args: [] })),
    );
  return { machine, database, open, events, show, steps, hold };
}

describe("the clock of a file", () => {
  test("goes with the machine's clock, awake or asleep", async () => {
    const { machine, show, steps } = await openClock();
    expect(await show()).toBe(0);
    machine.pass(5);
    expect(await show()).toBe(5);
    machine.sleep(7200);
    expect([await show(), await steps()]).toEqual([7205, []]);
  });

  test("follows what time synchronization does, and never goes back for it", async () => {
    const { machine, show, steps } = await openClock();
    machine.setOff(1.5);
    expect(await show()).toBe(1.5);
    machine.setOff(0);
    expect(await show()).toBe(1.5);
    machine.pass(1);
    expect(await show()).toBe(1.5);
    machine.pass(1);
    expect([await show(), await steps()]).toEqual([2, []]);
  });

  test.each([7200, -7200, 315_360_000, -315_360_000, 2, -2])(
    "T9 runs on when the machine's clock is set by %i s, records it once, and tells of it once",
    async (seconds) => {
      const { machine, show, steps, hold, events } = await openClock();
      await hold(1e9);
      machine.setOff(seconds);
      for (let passed = 0; passed < 5; passed++) {
        expect(await show()).toBe(passed);
        machine.pass(1);
      }
      expect(await steps()).toEqual([{ seconds, how: null }]);
      expect(events).toEqual([{ kind: "step", differenceMs: seconds * 1000 }]);
      machine.setOff(0);
      expect(await show()).toBe(5);
      expect(await steps()).toEqual([{ seconds, how: "undone" }]);
      expect(events.slice(1)).toEqual([{ kind: "agrees" }]);
    },
  );

  test("records a second step while the first is open, and keeps the first as changed", async () => {
    const { machine, show, steps, hold } = await openClock();
    await hold(1e9);
    machine.setOff(7200);
    await show();
    machine.setOff(-60);
    await show();
    expect(await steps()).toEqual([
      { seconds: 7200, how: "changed" },
      { seconds: -60, how: null },
    ]);
  });

  test("follows a step as soon as no lease is held", async () => {
    const { machine, database, show, steps, hold, events } = await openClock();
    await hold(100);
    machine.setOff(7200);
    machine.pass(99);
    expect(await show()).toBe(99);
    machine.pass(1);
    await database.write([]);
    expect(await show()).toBe(7300);
    expect(await steps()).toEqual([{ seconds: 7200, how: "leases-ended" }]);
    expect(events.at(-1)).toEqual({ kind: "followed", how: "leases-ended", differenceMs: 7_200_000 });
  });

  test("T9 follows a step while a reserved pair is idle, but not while its client has a lease of it", async () => {
    const { machine, database, show, steps, hold } = await openClock();
    await hold(100);
    await database.write([{ sql: "UPDATE lease SET free_at = 253402300799", args: [] }]);
    machine.setOff(7200);
    machine.pass(99);
    await database.write([]);
    expect([await show(), await steps()]).toEqual([99, [{ seconds: 7200, how: null }]]);
    machine.pass(1);
    await database.write([]);
    expect(await show()).toBe(7300);
  });

  test("looks at an open step at most once a second", async () => {
    const { machine, show, steps, hold, database } = await openClock();
    await hold(1e9);
    machine.setOff(7200);
    await show();
    await database.write([{ sql: "UPDATE lease SET free_at = 0, expires_at = 0", args: [] }]);
    machine.pass(0.5);
    await show();
    expect(await steps()).toEqual([{ seconds: 7200, how: null }]);
    machine.pass(0.5);
    await database.write([]);
    expect(await steps()).toEqual([{ seconds: 7200, how: "leases-ended" }]);
  });
});

test("T9 a step that was seen once is followed once", async () => {
  const { machine, database, show, steps, hold } = await openClock();
  await hold(1e9);
  machine.setOff(7200);
  const own = database.ownClock!;
  const look = await own.look();
  const nothing = { sql: "SELECT 1", args: [] };
  expect([await own.accept(look, nothing), await own.accept(look, nothing)]).toEqual([true, false]);
  expect(await show()).toBe(7200);
  expect(await steps()).toEqual([{ seconds: 7200, how: "accepted" }]);
});

describe("after a boot, the clock of a file", () => {
  test.each(["boot 1", null])("T9 is that of the machine, ahead or not (boot id %s)", async (bootId) => {
    const machine = new TestMachine(start);
    machine.bootId = bootId;
    const { show, steps, hold } = await openClock(machine);
    await hold(1e9);
    machine.reboot(600, 0);
    expect([await show(), await steps()]).toEqual([600, []]);
    machine.pass(100);
    expect(await show()).toBe(700);
    machine.reboot(600, 7200);
    expect([await show(), await steps()]).toEqual([8500, []]);
  });

  test.each(["boot 1", null])("T9 is never behind the last time written (boot id %s)", async (bootId) => {
    const machine = new TestMachine(start);
    machine.bootId = bootId;
    const { show, steps, hold } = await openClock(machine);
    await hold(1e9);
    machine.pass(100);
    await show();
    machine.reboot(600, -start);
    expect(await show()).toBe(100);
    machine.pass(10);
    expect(await show()).toBe(110);
    // The machine's clock is put right, and the file's clock lacks the time for which the machine was off.
    machine.setOff(0);
    expect(await show()).toBe(110);
    expect((await steps()).map(({ how }) => how)).toEqual(["changed", null]);
    expect((await steps())[1]).toEqual({ seconds: 600, how: null });
  });

  test("T9 does not follow a step that is open", async () => {
    const { machine, show, steps, hold } = await openClock();
    await hold(1e9);
    machine.setOff(7200);
    await show();
    machine.reboot(600, 7200);
    expect([await show(), await steps()]).toEqual([600, [{ seconds: 7200, how: null }]]);
    machine.reboot(60, 0);
    expect(await show()).toBe(660);
    expect((await steps()).map(({ how }) => how)).toEqual(["undone"]);
  });

  test("goes on where a container's time since boot went back without a boot", async () => {
    const { machine, show, hold } = await openClock();
    await hold(1e9);
    machine.reboot(60, 0);
    machine.bootId = "boot 1";
    expect(await show()).toBe(60);
    machine.pass(5);
    expect(await show()).toBe(65);
  });

  test("begins with the last time written, if an earlier release wrote it with a clock that was ahead", async () => {
    const { machine, database, show, hold } = await openClock();
    await hold(1e9);
    const future = (start + 1e6) * 1000;
    await database.migrate([{ sql: `UPDATE instant SET now_ms = ${future}, base_ms = NULL`, args: [] }]);
    expect(await show()).toBe(1e6);
    machine.pass(5);
    expect(await show()).toBe(1e6 + 5);
  });
});

describe("two processes on one file", () => {
  test("T9 have one clock, follow a small difference once, and record a step once", async () => {
    const { machine, database, open, show, steps, hold } = await openClock();
    const other = open();
    await hold(1e9);
    machine.setOff(1);
    expect([await show(database), await show(other), await show(database)]).toEqual([1, 1, 1]);
    machine.setOff(7201);
    machine.pass(1);
    expect([await show(other), await show(database), await show(other)]).toEqual([2, 2, 2]);
    expect(await steps()).toEqual([{ seconds: 7200, how: null }]);
  });

  test("T9 never see it go back, whatever happens to the machine's clock, unless a step is followed", async () => {
    const event = fc.oneof(
      fc.record({ kind: fc.constant("pass" as const), by: fc.integer({ min: 0, max: 5000 }) }),
      fc.record({ kind: fc.constant("set" as const), by: fc.integer({ min: -20_000, max: 20_000 }) }),
      fc.record({ kind: fc.constant("reboot" as const), by: fc.integer({ min: -20_000, max: 20_000 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(event, fc.boolean()), { maxLength: 30 }), async (events) => {
        const { machine, database, open, show, hold } = await openClock();
        await hold(1e9);
        const other = open();
        let last = await show();
        for (const [{ kind, by }, isOther] of events) {
          if (kind === "pass") machine.pass(by);
          else if (kind === "set") machine.setOff(by);
          else machine.reboot(60, by);
          const now = await show(isOther ? other : database);
          expect(now).toBeGreaterThanOrEqual(last);
          if (kind === "pass") expect(now - last).toBeLessThan(by + 2);
          if (kind === "set") expect(now - last).toBeLessThan(2);
          last = now;
        }
      }),
      { numRuns: 20 },
    );
  });

  test("of which one was started later hear of the open step at once", async () => {
    const { machine, open, show, hold } = await openClock();
    await hold(1e9);
    machine.setOff(7200);
    await show();
    const later = open();
    await later.write([]);
    const events: ClockEvent[] = [];
    later.ownClock!.onEvent((event) => events.push(event));
    expect(events).toEqual([{ kind: "step", differenceMs: 7_200_000 }]);
  });
});
