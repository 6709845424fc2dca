import { expect, test, vi } from "vitest";
import { onlyDatabase, temporaryDatabase } from "../../test/support/database.ts";
import { createManualTiming } from "../../test/support/manual-timing.ts";
import { execute, queryNumber } from "../../test/support/sql.ts";
import type { Database } from "../store/database/database.ts";
import { createMaintenance } from "../store/evidence/maintenance.ts";
import { startHousekeeping } from "./housekeeping.ts";

const settings = { historyDays: 30, bindingLogDays: 1, everyMinutes: 10 };
const intervalMs = 600_000;

async function open() {
  const database = await temporaryDatabase();
  const fault: { error?: Error | undefined } = {};
  const breakable: Database = {
    ...database,
    clock: () => (fault.error === undefined ? database.clock() : Promise.reject(fault.error)),
  };
  const maintenance = createMaintenance(onlyDatabase(breakable));
  const timing = createManualTiming();
  const { advance, waiting } = timing;
  const lines: { level: string; fields: object; message: string }[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields, message });
  const log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const addTenure = (days: number) =>
    execute(
      database,
      `INSERT INTO history (slot, domain_id, client_id, since, until)
        SELECT 1, 1, x'01', 1, now_ms / 1000 - ${days} * 86400 FROM instant`,
    );
  const tenures = () => queryNumber(database, "SELECT count(*) FROM history");
  return { maintenance, fault, timing, advance, waiting, lines, log, addTenure, tenures };
}

test("startHousekeeping() deletes only expired records, at each interval", async () => {
  const { maintenance, timing, advance, waiting, lines, log, addTenure, tenures } = await open();
  await addTenure(31);
  await addTenure(29);
  const stop = startHousekeeping(maintenance, settings, log, timing);
  advance(intervalMs - 1);
  expect(await tenures()).toBe(2);
  advance(1);
  await vi.waitFor(() => {
    expect(lines).toEqual([
      { level: "info", message: "housekeeping done", fields: expect.anything() as object },
    ]);
  });
  expect(lines[0]!.fields).toMatchObject({ tenures: 1 });
  expect(await tenures()).toBe(1);
  advance(intervalMs);
  await vi.waitFor(() => {
    expect(lines.at(-1)).toMatchObject({ level: "debug", fields: { tenures: 0 } });
  });
  expect(waiting()).toBe(1);
  await stop();
  expect(waiting()).toBe(0);
});

test("startHousekeeping() logs a failure and retries", async () => {
  const { maintenance, fault, timing, advance, waiting, lines, log, addTenure } = await open();
  await addTenure(31);
  fault.error = new Error("the disk is gone");
  const stop = startHousekeeping(maintenance, settings, log, timing);
  advance(intervalMs);
  await vi.waitFor(() => {
    expect(waiting()).toBe(1);
  });
  expect(lines).toMatchObject([{ level: "warn", fields: { err: { message: "the disk is gone" } } }]);
  fault.error = undefined;
  advance(intervalMs);
  await vi.waitFor(() => {
    expect(lines.at(-1)).toMatchObject({ level: "info", fields: { tenures: 1 } });
  });
  await stop();
});

test("startHousekeeping() stops after the step in progress, and logs nothing", async () => {
  const { maintenance, timing, advance, waiting, lines, log, addTenure, tenures } = await open();
  await addTenure(31);
  const stop = startHousekeeping(maintenance, settings, log, timing);
  advance(intervalMs);
  await stop();
  expect([lines, waiting(), await tenures()]).toEqual([[], 0, 1]);
});

test("startHousekeeping() does nothing when it is disabled", async () => {
  const { maintenance, timing, waiting, log } = await open();
  await startHousekeeping(maintenance, { ...settings, everyMinutes: 0 }, log, timing)();
  expect(waiting()).toBe(0);
});
