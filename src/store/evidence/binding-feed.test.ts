import { sql } from "drizzle-orm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { temporaryDatabase, vectorDomain } from "../../../test/support/database.ts";
import { anyLeaseEvent, openLeasePlay } from "../../../test/support/lease-play.ts";
import type { LeaseEvent } from "../../../test/support/lease-play.ts";
import { planOf } from "../../../test/support/query-plan.ts";
import { execute, query, queryNumber } from "../../../test/support/sql.ts";
import { encodeHex } from "../../wire/hex.ts";
import type { Database } from "../database/database.ts";
import { openBindingSnapshot } from "./binding-feed.ts";
import { purgeBindingLog } from "./binding-log.ts";
import { feedStatements } from "./feed-statements.ts";
import type { BindingChange, BindingSnapshot, Increment } from "./binding-feed.ts";

/** Slot -> softwire address. */
type Table = Record<string, string>;

/** Reads the table by scanning every row. */
async function tableByScan(database: Database, now: number): Promise<Table> {
  const rows = await query(
    database,
    "SELECT slot, lower(hex(softwire)) AS softwire FROM lease WHERE state = 2 AND softwire IS NOT NULL AND expires_at > ? ORDER BY slot",
    now,
  );
  return Object.fromEntries(rows.map(({ slot, softwire }) => [String(slot), String(softwire)]));
}

async function readTable(snapshot: BindingSnapshot): Promise<Table> {
  const table: Table = {};
  for (const pool of [1, 2]) {
    for await (const rows of snapshot.rows(pool)) {
      for (const { slot, softwire } of rows) table[slot] = encodeHex(softwire);
    }
  }
  return table;
}

/** Applies an increment to a copy of the table, as a consumer does. */
async function follow(table: Table, snapshot: BindingSnapshot, since: number): Promise<Table> {
  const copy = new Map(Object.entries(table));
  for (const { slot, before, after } of changesOf(await snapshot.changesSince(since))) {
    expect(before === null ? undefined : encodeHex(before)).toBe(copy.get(String(slot)));
    if (after === null) copy.delete(String(slot));
    else copy.set(String(slot), encodeHex(after));
  }
  return Object.fromEntries(copy);
}

function changesOf(found: Increment): readonly BindingChange[] {
  if (found.kind === "gone") throw new Error(`Cannot follow: ${found.reason}`);
  return found.changes;
}

const steps = fc.array(
  fc.oneof({ weight: 4, arbitrary: anyLeaseEvent }, { weight: 1, arbitrary: fc.constant("take" as const) }),
  { minLength: 10, maxLength: 60 },
);

const withRemoval: (LeaseEvent | "take")[] = [
  { kind: "discover", client: 1 },
  { kind: "request", client: 1, softwire: 1, leaseSeconds: 1000 },
  "take",
  { kind: "release", client: 1 },
];

describe("a copy that applies increments", () => {
  test("equals the whole table at each version, with pages of any size", async () => {
    let removals = 0;
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 4 }), async (events, pageRows) => {
        const play = await openLeasePlay();
        const open = () => openBindingSnapshot(play.database, pageRows);
        let copy: Table = {};
        let { version } = await open();
        for (const event of [...events, "take" as const]) {
          if (event !== "take") {
            await play.act(event);
            continue;
          }
          const snapshot = await open();
          const next = await follow(copy, snapshot, version);
          removals += Object.keys(copy).filter((slot) => !(slot in next)).length;
          expect(next).toEqual(await tableByScan(play.database, play.now));
          expect(next).toEqual(await readTable(await open()));
          expect(snapshot.version).toBeGreaterThanOrEqual(version);
          [copy, version] = [next, snapshot.version];
        }
        play.database.close();
      }),
      // Random histories may have no lease that ends between two versions.
      { numRuns: 40, examples: [[withRemoval, 1]] },
    );
    expect(removals).toBeGreaterThan(0);
  });

  test("reads a version while leases change, as it was when the reading began", async () => {
    await fc.assert(
      fc.asyncProperty(steps, steps, fc.integer({ min: 1, max: 3 }), async (earlier, later, pageRows) => {
        const play = await openLeasePlay();
        const isLease = (event: LeaseEvent | "take"): event is LeaseEvent =>
          event !== "take" && event.kind !== "quarantine";
        const [first] = [await openBindingSnapshot(play.database, pageRows)];
        for (const event of earlier.filter(isLease)) await play.act(event);
        const snapshot = await openBindingSnapshot(play.database, pageRows);
        const expected = await tableByScan(play.database, play.now);
        for (const event of later.filter(isLease)) await play.act(event);
        expect(await readTable(snapshot)).toEqual(expected);
        expect(await follow({}, snapshot, first.version)).toEqual(expected);
        play.database.close();
      }),
      { numRuns: 40 },
    );
  });
});

const lease = (softwire: number, seconds = 100) =>
  ({ kind: "request", client: softwire, softwire, leaseSeconds: seconds }) as const;

describe("the log", () => {
  test("has no entry for renewals, and one entry for each beginning, change and end", async () => {
    const play = await openLeasePlay();
    const entries = async () => (await queryNumber(play.database, "SELECT count(*) FROM binding_log")) - 1;
    await play.act({ kind: "discover", client: 1 });
    expect(await entries()).toBe(0);
    await play.act(lease(1));
    expect(await entries()).toBe(1);
    for (let renewal = 0; renewal < 5; renewal++) {
      play.now += 50;
      await play.act(lease(1));
    }
    expect(await entries()).toBe(1);
    await play.act({ ...lease(1), softwire: 2 });
    expect(await entries()).toBe(2);
    play.now += 100;
    expect(await readTable(await openBindingSnapshot(play.database))).toEqual({});
    expect(await entries()).toBe(2);
    await play.act({ kind: "release", client: 1 });
    expect(await entries()).toBe(3);
  });

  test("reports the end of a lease before the slot goes to another client, even without a quarantine", async () => {
    const play = await openLeasePlay();
    await play.act({ kind: "quarantine", seconds: 0 });
    for (const client of [1, 2, 3, 4, 5]) {
      await play.act({ kind: "discover", client });
      await play.act({ ...lease(client), softwire: client % 5 });
    }
    const { version } = await openBindingSnapshot(play.database);
    play.now += 100;
    const ended = await openBindingSnapshot(play.database);
    const removed = changesOf(await ended.changesSince(version));
    expect(removed.map(({ after }) => after)).toEqual([null, null, null, null]);
    await play.act({ kind: "discover", client: 0 });
    await play.act({ ...lease(4), client: 0 });
    const taken = await openBindingSnapshot(play.database);
    const added = changesOf(await taken.changesSince(ended.version));
    expect(added.map(({ before }) => before)).toEqual([null]);
  });

  test("reports the end of a lease whose quarantine was shortened since, while offers are held as long", async () => {
    const play = await openLeasePlay();
    await play.act({ kind: "discover", client: 1 });
    await play.act(lease(1));
    const { version } = await openBindingSnapshot(play.database);
    await play.act({ kind: "quarantine", seconds: 0 });
    play.now += 101;
    const ended = await openBindingSnapshot(play.database);
    expect(await readTable(ended)).toEqual({});
    const removed = changesOf(await ended.changesSince(version));
    expect(removed.map(({ after }) => after)).toEqual([null]);
  });

  test("is purged in steps; a version older than the log or newer than the table has no increment", async () => {
    const play = await openLeasePlay();
    const { version: first } = await openBindingSnapshot(play.database);
    for (const client of [1, 2, 3, 4]) {
      await play.act({ kind: "discover", client });
      await play.act(lease(client));
      play.now += 1;
    }
    const snapshot = await openBindingSnapshot(play.database);
    expect(changesOf(await snapshot.changesSince(first))).toHaveLength(4);
    expect(await purgeBindingLog(play.database, { before: play.now + 1, stepRows: 2 })).toBe(4);
    const later = await openBindingSnapshot(play.database);
    expect(await later.changesSince(first)).toEqual({ kind: "gone", reason: "purged" });
    expect(await later.changesSince(snapshot.version)).toEqual({ kind: "changes", changes: [] });
    expect(await later.changesSince(later.version + 1)).toEqual({ kind: "gone", reason: "ahead" });
  });

  test("has no increment across a change of the border relays", async () => {
    const { database } = await openLeasePlay();
    const { version } = await openBindingSnapshot(database);
    await execute(database, "UPDATE domain SET settings = json_set(settings, '$.leaseSeconds.max', 90000)");
    expect(await (await openBindingSnapshot(database)).changesSince(version)).toEqual({
      kind: "changes",
      changes: [],
    });
    await execute(
      database,
      "UPDATE domain SET settings = json_set(settings, '$.softwire.borderRelays[0]', '2001:db8::2')",
    );
    expect(await (await openBindingSnapshot(database)).changesSince(version)).toEqual({
      kind: "gone",
      reason: "configuration-changed",
    });
  });
});

test("reading a table fails when the configuration has changed", async () => {
  const { database } = await openLeasePlay();
  const snapshot = await openBindingSnapshot(database);
  await execute(database, "UPDATE configuration SET revision = revision + 1");
  await expect(readTable(snapshot)).rejects.toThrow(/configuration has changed; fetch the table again/);
});

const ended = { from: 1, until: 1 };
const samples = {
  begin: feedStatements.begin(sql`1`),
  log: feedStatements.log(1, 1, 1),
  page: feedStatements.page(1, 1, 1),
  slots: feedStatements.slots([1]),
  pools: feedStatements.pools(),
  expired: feedStatements.expired(1, 1, 1, ended, 1),
  reserved: feedStatements.reserved(1, 1, ended, 1),
};

test.each(Object.entries(samples))("the statement %s finds leases by key or index", async (_, template) => {
  const plan = await planOf(await temporaryDatabase(vectorDomain), template);
  const onGrowing = plan.filter((step) => /^(SCAN|SEARCH) (lease|binding_log)\b/.test(step));
  for (const step of onGrowing) expect(step).toMatch(/^SEARCH/);
});
