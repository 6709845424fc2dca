import { expect, test } from "vitest";
import { operator } from "../../../test/support/admin.ts";
import { adminToken, createTestAllocator, relayToken } from "../../../test/support/allocator.ts";
import { TestClock } from "../../../test/support/clock.ts";
import { clientProfile, says } from "../../../test/support/clients.ts";
import { vectorDomain } from "../../../test/support/database.ts";
import { execute } from "../../../test/support/sql.ts";
import { createHistogram } from "../../allocator/histogram.ts";
import { tokenCacheMs, tokenKeptAwayMs } from "../../limits.ts";
import { DatabaseError } from "../../store/store.ts";
import { createMaintenance } from "../../store/evidence/maintenance.ts";
import { version } from "../../version.ts";
import { formatMetrics } from "./exposition.ts";

async function scrape() {
  const allocator = await createTestAllocator(vectorDomain);
  const client = clientProfile(1);
  const [offer] = await allocator.ask(says.discover(client));
  await allocator.ask(says.selecting(client, offer!));
  await allocator.ask(says.renew(clientProfile(2), offer!));
  const get = (token: string) =>
    allocator.app.request("/metrics", { headers: { authorization: `Bearer ${token}` } });
  return { allocator, get };
}

test("/metrics has pools from the database and counters of the instance, in the text format", async () => {
  const { get } = await scrape();
  const response = await get(adminToken);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  expect(text).toContain('apportion_pool_slots{domain="vectors",pool="shared",state="bound"} 1\n');
  expect(text).toContain('apportion_decisions_total{outcome="ack",reason=""} 1\n');
  expect(text).toContain("apportion_received_messages_total 3\n");
  expect(text).toMatch(/apportion_database_transaction_duration_seconds_bucket\{le="\+Inf"\} 3\n/);
  expect(text).toMatch(/# HELP apportion_decisions_total .*an edge isolate soon loses its counts/);
  for (const line of text.trimEnd().split("\n")) {
    expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="[^"]*",?)*\})? [\d.e+-]+)$/);
  }
});

test("/metrics requires a token of scope read, and hides instance metrics from a token for one domain", async () => {
  const { allocator, get } = await scrape();
  expect((await get(relayToken)).status).toBe(403);
  const call = operator(allocator.app);
  const created = await call("PUT", "/tokens/one", { scope: "read", domain: "vectors" });
  const text = await (await get(created.body.secret as string)).text();
  expect(text).toContain("apportion_pool_slots{");
  expect(text).not.toContain("apportion_received_messages_total");
});

/** An allocator whose database can be taken away, and a token of scope `read` that it has accepted. */
async function scrapeWithToken() {
  let isAway = false;
  const unlessAway = <A extends unknown[], R>(run: (...args: A) => Promise<R>) => {
    return (...args: A): Promise<R> => (isAway ? Promise.reject(new DatabaseError("away")) : run(...args));
  };
  const clock = new TestClock(1_750_000_000);
  const allocator = await createTestAllocator(vectorDomain, {
    clock,
    replace: ({ ...database }) => ({
      ...database,
      read: unlessAway(database.read),
      write: unlessAway(database.write),
    }),
  });
  const call = operator(allocator.app);
  const secret = (await call("PUT", "/tokens/monitor", { scope: "read" })).body.secret as string;
  const get = (path = "/metrics", token = secret) =>
    allocator.app.request(path, { headers: { authorization: `Bearer ${token}` } });
  return {
    call,
    get,
    advance: (ms: number) => (clock.seconds! += ms / 1000),
    setAway: (away: boolean) => (isAway = away),
  };
}

test("E20 /metrics answers a token that was valid while the database is away, and nothing else does", async () => {
  const { get, advance, setAway } = await scrapeWithToken();
  expect(await (await get()).text()).toContain("apportion_database_up 1\n");
  setAway(true);
  advance(tokenCacheMs + 1);
  const response = await get();
  const text = await response.text();
  expect([response.status, text]).toEqual([200, expect.stringContaining("apportion_database_up 0\n")]);
  expect(text).toContain("apportion_received_messages_total 0\n");
  expect((await get("/admin/v1/leases")).status).toBe(503);
  expect((await get("/metrics", "unknown")).status).toBe(503);
  advance(tokenKeptAwayMs - tokenCacheMs - 1000);
  expect((await get()).status).toBe(200);
  advance(1000);
  expect((await get()).status).toBe(503);
});

test("E20 a token that was deleted is not accepted by /metrics any longer than elsewhere", async () => {
  const { call, get, advance, setAway } = await scrapeWithToken();
  expect((await get()).status).toBe(200);
  await call("DELETE", "/tokens/monitor", undefined, { "if-match": "*" });
  advance(tokenCacheMs + 1);
  expect((await get()).status).toBe(401);
  setAway(true);
  advance(tokenCacheMs + 1);
  expect((await get()).status).toBe(503);
});

test("/metrics tells the release, the last housekeeping, and requests by endpoint and status", async () => {
  const { allocator, get } = await scrape();
  await allocator.app.request("/admin/v1/pools");
  await allocator.app.request("/nowhere");
  const before = await (await get(adminToken)).text();
  expect(before).toContain(`apportion_build_info{version="${version}",platform="node"} 1\n`);
  expect(before).toContain('apportion_http_requests_total{endpoint="relay",status="200"} 3\n');
  expect(before).toContain('apportion_http_requests_total{endpoint="admin",status="401"} 1\n');
  expect(before).toContain('apportion_http_requests_total{endpoint="other",status="404"} 1\n');
  const lastSuccess = (text: string) =>
    Number(/^apportion_housekeeping_last_success_timestamp_seconds (\d+)$/m.exec(text)?.[1]);
  await execute(allocator.database, "UPDATE retention SET housekept_at = housekept_at - 1000");
  const old = lastSuccess(await (await get(adminToken)).text());
  await allocator.database.write([]);
  const maintenance = createMaintenance({ main: allocator.database, placed: new Map() });
  for await (const report of maintenance.runHousekeeping({ historyDays: null, bindingLogDays: 30 })) {
    expect(report.openClockSteps).toBe(0);
  }
  expect(lastSuccess(await (await get(adminToken)).text())).toBeGreaterThanOrEqual(old + 1000);
});

test("formatMetrics() escapes special characters in labels and help texts", () => {
  const samples = [{ labels: { name: 'a"b\\c\nd' }, value: Infinity }];
  expect(formatMetrics([{ name: "x", type: "gauge", help: "a\\b\nc", samples }])).toBe(
    '# HELP x a\\\\b\\nc\n# TYPE x gauge\nx{name="a\\"b\\\\c\\nd"} +Inf\n',
  );
});

test("createHistogram() counts the values up to each bound", () => {
  const histogram = createHistogram([0.1, 1]);
  for (const seconds of [0.05, 0.1, 0.5, 7]) histogram.observe(seconds);
  expect(histogram.snapshot()).toEqual({
    buckets: [
      { bound: 0.1, count: 2 },
      { bound: 1, count: 3 },
    ],
    sum: 7.65,
    count: 4,
  });
});
