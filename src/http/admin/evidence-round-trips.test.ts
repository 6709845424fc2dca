/**
 * Counts the database round trips of requests for leases, look-ups, bindings and statistics. The comment of each row has
 * the number of an earlier release, which no request may exceed.
 */
import { expect, test } from "vitest";
import { operator } from "../../../test/support/admin.ts";
import { createTestAllocator } from "../../../test/support/allocator.ts";
import { clientProfile, says } from "../../../test/support/clients.ts";
import { execute } from "../../../test/support/sql.ts";
import { DatabaseError } from "../../store/database/database.ts";
import type { Database } from "../../store/database/database.ts";

/** Opens an allocator with one database, whose round trips are counted. Clients 1 and 2 have leases. */
async function open() {
  const trips = { count: 0, isBroken: false };
  const replace = (database: Database): Database => ({
    ...database,
    read: (statements) => {
      trips.count += 1;
      if (trips.isBroken) return Promise.reject(new DatabaseError("Cannot reach the database"));
      return database.read(statements);
    },
    write: (statements) => {
      trips.count += 1;
      return database.write(statements);
    },
    clock: () => {
      trips.count += 1;
      return database.clock();
    },
  });
  const pool = { name: "p", kind: "shared" as const, range: "192.0.2.0/31", psidOffset: 6, psidLength: 8 };
  const domain = {
    name: "north",
    default: true,
    serverIdentifier: "203.0.113.1",
    softwire: { borderRelays: ["2001:db8:ffff::1"] },
    pools: [pool],
  };
  const allocator = await createTestAllocator({ domains: [domain] }, { replace });
  const clients = [clientProfile(1), clientProfile(2)];
  const offers = await allocator.ask(...clients.map((client) => says.discover(client)));
  await allocator.ask(...clients.map((client, index) => says.selecting(client, offers[index]!)));
  await execute(
    allocator.database,
    "UPDATE lease SET softwire = unhex('20010db8000000000000000000000001') WHERE slot = (SELECT min(slot) FROM lease)",
  );
  const call = operator(allocator.app);
  const counted = async (...request: Parameters<typeof call>) => {
    trips.count = 0;
    const answer = await call(...request);
    return { answer, seen: [answer.status, trips.count] };
  };
  const breakDatabase = () => {
    trips.isBroken = true;
  };
  return { counted, breakDatabase };
}

const at = () => new Date().toISOString().slice(0, 19) + "Z";

test.each([
  ["GET", "/leases", 200, 2], // 2
  ["GET", "/leases?address=192.0.2.0&port=1025", 200, 2], // 2
  ["GET", "/leases?domain=nowhere", 404, 1], // 1
  ["GET", "/leases/192.0.2.0-0", 200, 2], // 3
  ["GET", "/leases/192.0.2.9-0", 404, 1], // 1
  ["GET", "/leases/192.0.2.0-9", 404, 2], // 3
  ["GET", `/lookup?address=192.0.2.0&port=1025&at=${at()}`, 200, 2], // 2, and 1 for each further pool
  ["GET", `/lookup?address=192.0.2.0&port=80&at=${at()}`, 200, 1], // 1
  ["GET", `/lookup?address=192.0.9.0&port=80&at=${at()}`, 200, 1], // 1
  ["GET", `/lookup?address=192.0.2.0&at=${at()}`, 400, 1], // 1
  ["GET", "/bindings", 200, 3], // 3
  ["GET", "/bindings?digest=true", 200, 4], // 4
  ["GET", "/bindings?domain=nowhere", 404, 2], // 2
  ["GET", "/statistics", 200, 2], // 2
] as const)("%s %s: status and round trips", async (method, path, status, trips) => {
  const { counted } = await open();
  expect((await counted(method, path)).seen).toEqual([status, trips]);
});

test.each([
  ["release", undefined, { "if-match": '"1"' }, 412, 2], // 3
  ["release", undefined, {}, 200, 3], // 7
  ["move", { address: "203.0.113.9" }, {}, 400, 2], // 3
  ["move", { address: "192.0.2.0", psid: 0 }, {}, 409, 3], // 7
  ["move", { address: "192.0.2.1", psid: 9 }, {}, 200, 3], // 7
] as const)(
  "POST /leases/:id/%s %j: status and round trips",
  async (action, body, headers, status, trips) => {
    const { counted } = await open();
    const { seen } = await counted("POST", `/leases/192.0.2.0-0/${action}`, body, headers);
    expect(seen).toEqual([status, trips]);
  },
);

test("a second release is refused after two round trips", async () => {
  const { counted } = await open();
  await counted("POST", "/leases/192.0.2.0-0/release");
  expect((await counted("POST", "/leases/192.0.2.0-0/release")).seen).toEqual([409, 2]); // 3
});

test("binding changes need seven round trips, and six if nothing changed", async () => {
  const { counted } = await open();
  const { answer } = await counted("GET", "/bindings");
  const since = `/bindings?since=${answer.headers.get("apportion-version")}`;
  expect((await counted("GET", since)).seen).toEqual([200, 6]); // 6
  await counted("POST", "/leases/192.0.2.0-0/release");
  expect((await counted("GET", since)).seen).toEqual([200, 7]); // 7
});

test("statistics are counted once for several requests", async () => {
  const { counted } = await open();
  await counted("GET", "/statistics");
  expect((await counted("GET", "/statistics")).seen).toEqual([200, 0]); // 0
});

test.each([
  "/leases",
  "/leases/192.0.2.0-0",
  `/lookup?address=192.0.2.0&port=1025&at=${at()}`,
  "/bindings",
  "/statistics",
])("GET %s is 503 when the database cannot be reached", async (path) => {
  const { counted, breakDatabase } = await open();
  breakDatabase();
  expect((await counted("GET", path)).seen[0]).toBe(503);
});
