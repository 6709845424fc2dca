/** A late message, which waited in a relay or on the way to the database, must not end a lease that is newer. */
import { expect, test } from "vitest";
import { askBy, createTestAllocator, relayToken, wrap } from "../../test/support/allocator.ts";
import type { TestAllocator } from "../../test/support/allocator.ts";
import { TestClock } from "../../test/support/clock.ts";
import { clientProfile, says } from "../../test/support/clients.ts";
import { temporaryDatabase, vectorDomain } from "../../test/support/database.ts";
import type { Database } from "../store/database/database.ts";
import { execute, query } from "../../test/support/sql.ts";
import { createApp } from "../http/app.ts";
import { createStore } from "../store/store.ts";
import { encodeFrames } from "../wire/frames.ts";
import { createCounters } from "./counters.ts";

/** The header of a relay whose messages waited for 5 s. */
const waited = { "apportion-age-ms": "5000" };

/** A first allocator from which a client has got a lease, and its database. */
async function openLeased() {
  const database = await temporaryDatabase(vectorDomain);
  const first = await createTestAllocator(database);
  const client = clientProfile(1);
  const [offer] = await first.ask(says.discover(client));
  const [ack] = await first.ask(says.selecting(client, offer!));
  return { database, first, client, ack: ack! };
}

/** Sends messages as a relay in which they have waited. */
const askLate = ({ post }: TestAllocator) => askBy((body) => post(body, waited));

const reasonsOf = ({ counters }: TestAllocator) =>
  Object.keys(counters.snapshot()).filter((key) => key.startsWith("silence:"));

/** Counts round trips, and can delay a batch until the test continues it. */
function watched(database: Database) {
  const state = { roundTrips: 0, hold: undefined as Promise<void> | undefined };
  const watchedDatabase: Database = {
    ...database,
    read: (statements) => {
      state.roundTrips++;
      return database.read(statements);
    },
    write: async (statements) => {
      state.roundTrips++;
      await state.hold;
      return database.write(statements);
    },
    clock: () => {
      state.roundTrips++;
      return database.clock();
    },
  };
  return { state, database: watchedDatabase };
}

test.each(["release", "decline"] as const)(
  "a %s that waited in a relay does not end a lease that its client got since; one that did not wait does",
  async (message) => {
    const { database, first, client, ack } = await openLeased();
    const second = await createTestAllocator(database);
    await askLate(second)(says[message](client, ack));
    expect(reasonsOf(second)).toEqual(["silence:release-overtaken"]);
    expect((await first.ask(says.renew(client, ack)))[0]!.type).toBe("ack");
    await first.ask(says[message](client, ack));
    expect(reasonsOf(first)).toEqual([`silence:${message}d`]);
  },
);

test("a RELEASE that waited ends a lease that has not changed since", async () => {
  const { database, first, client, ack } = await openLeased();
  await execute(database, "UPDATE lease SET updated_at = updated_at - 60, touched_ms = touched_ms - 60000");
  await askLate(first)(says.release(client, ack));
  expect(reasonsOf(first)).toEqual(["silence:released"]);
});

test("a RELEASE that waits on the way to the database does not end a lease that its client renews in between", async () => {
  const { database, first, client, ack } = await openLeased();
  const { state, database: slow } = watched(database);
  const second = await createTestAllocator(slow);
  await second.ask(says.discover(clientProfile(2)));
  let resume = (): void => undefined;
  state.hold = new Promise((resolve) => (resume = resolve));
  const released = second.ask(says.release(client, ack));
  await first.ask(says.renew(client, ack));
  resume();
  await released;
  expect(reasonsOf(second)).toEqual(["silence:release-overtaken"]);
});

test("an allocator that does not know its database's clock reads it once, and only for a message that ends a lease", async () => {
  const { database, client, ack } = await openLeased();
  const { state, database: counted } = watched(database);
  const roundTripsOf = async (...messages: Parameters<TestAllocator["ask"]>): Promise<number> => {
    const { ask } = await createTestAllocator(counted);
    state.roundTrips = 0;
    await ask(...messages);
    return state.roundTrips;
  };
  // The first is for the domains.
  expect(await roundTripsOf(says.renew(client, ack))).toBe(2);
  expect(await roundTripsOf(says.release(client, ack), says.release(clientProfile(2), ack))).toBe(3);
});

test("T4 a client's RELEASE after its REQUEST in one POST ends the lease, unless both waited", async () => {
  for (const [headers, reason] of [
    [{}, "silence:released"],
    [waited, "silence:release-overtaken"],
  ] as const) {
    const { database, client, ack } = await openLeased();
    const clock = new TestClock(1000);
    const second = await createTestAllocator(database, { clock });
    await askBy((body) => second.post(body, headers))(says.renew(client, ack), says.release(client, ack));
    expect(reasonsOf(second)).toEqual(["silence:given-up-since", reason]);
  }
});

type Client = Parameters<typeof says.discover>[0];

test.each([
  ["after its REQUEST in one POST", says.renew, ["silence:given-up-since", "silence:released"]],
  ["in a later round", (client: Client) => says.discover(client), ["silence:released"]],
] as const)(
  "T4 a client's RELEASE %s ends the lease, however old the last reading of the clock is",
  async (_, before, reasons) => {
    const clock = new TestClock(1_000_000);
    const database = await temporaryDatabase(vectorDomain, { clockMs: clock.clockMs });
    const [first, second] = [
      await createTestAllocator(database, { clock }),
      await createTestAllocator(database, { clock }),
    ];
    await second.ask(says.discover(clientProfile(2)));
    clock.seconds! += 36_000;
    const client = clientProfile(1);
    const [offer] = await first.ask(says.discover(client));
    const [ack] = await first.ask(says.selecting(client, offer!));
    await second.ask(before(client, ack!), says.release(client, ack!));
    expect(reasonsOf(second)).toEqual(reasons);
  },
);

/** Times that a relay states, on the clock of the database. */
const statedBy = (clockMs: number) => ({ "apportion-arrival-ms": String(clockMs) });

test.each([
  ["", 0.02],
  [", in the same millisecond", 0],
])(
  "T4 a RELEASE in a later round ends no lease that its client got by another batch%s",
  async (_, seconds) => {
    const clock = new TestClock(1_000_000);
    const database = await temporaryDatabase(vectorDomain, { clockMs: clock.clockMs });
    const [first, second] = [
      await createTestAllocator(database, { clock }),
      await createTestAllocator(database, { clock }),
    ];
    const client = clientProfile(1);
    const [offer] = await first.ask(says.discover(client));
    const arrivedMs = clock.seconds! * 1000;
    clock.seconds! += 0.03;
    const [ack] = await first.ask(says.selecting(client, offer!));
    clock.seconds! += seconds;
    // Both messages came before the REQUEST that the first allocator has served.
    const late = askBy((body) => second.post(body, statedBy(arrivedMs)));
    await late(says.discover(client), says.release(client, ack!));
    expect(reasonsOf(second)).toContain("silence:release-overtaken");
    expect(await query(database, "SELECT state FROM lease")).toEqual([{ state: 2 }]);
  },
);

test.each(["release", "decline"] as const)(
  "T4 a %s that was long on its way to the allocator ends no lease that its client got meanwhile",
  async (message) => {
    const { database, first, client, ack } = await openLeased();
    const second = await createTestAllocator(database);
    const clockMs = await database.clock();
    expect((await first.ask(says.renew(client, ack)))[0]!.type).toBe("ack");
    const changed = (await query(database, "SELECT touched_ms AS ms FROM lease"))[0]!.ms as number;
    const askArrived = (atMs: number) => askBy((body) => second.post(body, statedBy(atMs)));
    await askArrived(Math.min(clockMs, changed - 1))(says[message](client, ack));
    expect(reasonsOf(second)).toEqual(["silence:release-overtaken"]);
    await askArrived(changed)(says[message](client, ack));
    expect(reasonsOf(second)).toEqual(["silence:release-overtaken", `silence:${message}d`].toSorted());
  },
);

test("T4 of two statements about a message's arrival, the earlier one counts", async () => {
  for (const headers of [
    { ...waited, ...statedBy(Date.now() + 3_600_000) },
    { "apportion-age-ms": "0", ...statedBy(1) },
  ]) {
    const { database, client, ack } = await openLeased();
    const second = await createTestAllocator(database);
    await askBy((body) => second.post(body, headers))(says.release(client, ack));
    expect(reasonsOf(second)).toEqual(["silence:release-overtaken"]);
  }
});

test("T4 an allocator tells what the judging clock has reached with each answer and when it is ready", async () => {
  const { database, first, client, ack } = await openLeased();
  const second = await createTestAllocator(database);
  const ready = await second.app.request("/readyz");
  const answered = await first.post(encodeFrames([says.renew(client, ack)].map(wrap)));
  const changed = (await query(database, "SELECT touched_ms AS ms FROM lease"))[0]!.ms as number;
  for (const { status, headers } of [ready, answered]) {
    expect(status).toBe(200);
    expect(headers.get("apportion-clock-ms")).toMatch(/^\d+$/);
    expect(Number(headers.get("apportion-clock-ms"))).toBeLessThanOrEqual(await database.clock());
  }
  expect(Number(answered.headers.get("apportion-clock-ms"))).toBeGreaterThanOrEqual(changed);
});

test.each(["", "-1", "1.5", "1e3", "12345678901234567890", "soon"])(
  "T4 an arrival of %j is refused, because it must not pass for new",
  async (stated) => {
    const { first } = await openLeased();
    const response = await first.post(new Uint8Array(), { "apportion-arrival-ms": stated });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("Cannot read the header apportion-arrival-ms");
  },
);

test("T4 an arrival on the clock of the main database holds for domains on other databases, whatever their clock shows", async () => {
  const clock = new TestClock(1_000_000);
  const placed = await temporaryDatabase(vectorDomain, { clockMs: () => 5_000_000 + clock.clockMs() });
  const main = await temporaryDatabase({ domains: [] }, { clockMs: clock.clockMs });
  const allocator = await createTestAllocator(main, { clock, placed: new Map([["vectors", placed]]) });
  const client = clientProfile(1);
  const [offer] = await allocator.ask(says.discover(client));
  const [ack] = await allocator.ask(says.selecting(client, offer!));
  clock.seconds! += 5;
  await askBy((body) => allocator.post(body, statedBy(clock.clockMs() - 5001)))(says.release(client, ack!));
  expect(reasonsOf(allocator)).toEqual(["silence:release-overtaken"]);
  await askBy((body) => allocator.post(body, statedBy(clock.clockMs() - 4900)))(says.release(client, ack!));
  expect(reasonsOf(allocator)).toEqual(["silence:release-overtaken", "silence:released"]);
});

test("T4 a request that an older relay sent is as old as the gap of the event loop in which it was read", async () => {
  const { database, client, ack } = await openLeased();
  const counters = createCounters();
  const quiet = () => undefined;
  const app = createApp({
    store: createStore({ main: database, placed: new Map() }),
    relayToken,
    counters,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    arrivedMs: () => performance.now() - 30_000,
  });
  const post: TestAllocator["post"] = async (body) =>
    app.request("/v1/relay", {
      method: "POST",
      headers: { authorization: `Bearer ${relayToken}`, "content-type": "application/octet-stream" },
      body: body as Uint8Array<ArrayBuffer>,
    });
  await askBy(post)(says.release(client, ack));
  expect(counters.snapshot()).toHaveProperty("silence:release-overtaken");
});
