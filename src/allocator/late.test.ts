/** A late message, which waited in a relay or on the way to the database, must not end a lease that is newer. */
import { expect, test } from "vitest";
import { askBy, createTestAllocator } from "../../test/support/allocator.ts";
import type { TestAllocator } from "../../test/support/allocator.ts";
import { clientProfile, says } from "../../test/support/clients.ts";
import { temporaryDatabase, vectorDomain } from "../../test/support/database.ts";
import type { Database } from "../store/database/database.ts";
import { execute } from "../../test/support/sql.ts";

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
    const { ask, app } = await createTestAllocator(counted);
    expect((await app.request("/readyz")).status).toBe(200);
    state.roundTrips = 0;
    await ask(...messages);
    return state.roundTrips;
  };
  expect(await roundTripsOf(says.renew(client, ack))).toBe(1);
  expect(await roundTripsOf(says.release(client, ack), says.release(clientProfile(2), ack))).toBe(2);
});

test("a client's RELEASE after its REQUEST in one POST ends the lease, unless both waited", async () => {
  for (const [headers, reason] of [
    [{}, "silence:released"],
    [waited, "silence:release-overtaken"],
  ] as const) {
    const { database, client, ack } = await openLeased();
    const second = await createTestAllocator(database);
    await askBy((body) => second.post(body, headers))(says.renew(client, ack), says.release(client, ack));
    expect(reasonsOf(second)).toEqual([reason]);
  }
});
