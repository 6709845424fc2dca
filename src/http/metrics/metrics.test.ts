import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { operator } from "../../../test/support/admin.ts";
import { adminToken, createTestAllocator, relayToken } from "../../../test/support/allocator.ts";
import { TestClock } from "../../../test/support/clock.ts";
import { clientProfile, says } from "../../../test/support/clients.ts";
import { vectorDomain } from "../../../test/support/database.ts";
import { createHistogram } from "../../allocator/histogram.ts";
import { tokenCacheMs, tokenKeptAwayMs } from "../../limits.ts";
import { DatabaseError } from "../../store/store.ts";
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
  expect(text).toContain('apportion_pool_slots{domain="vectors",pool="shared"} 63\n');
  expect(text).toContain('apportion_pool_slots_by_state{domain="vectors",pool="shared",state="bound"} 1\n');
  expect(text).toContain('apportion_answers_total{kind="ack",reason=""} 1\n');
  expect(text).toContain("apportion_frames_total 3\n");
  expect(text).toMatch(/apportion_database_seconds_bucket\{le="\+Inf"\} 3\n/);
  expect(text).toMatch(/# HELP apportion_answers_total .*an edge isolate soon loses its counts/);
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
  expect(text).not.toContain("apportion_frames_total");
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
  expect(text).toContain("apportion_frames_total 0\n");
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

test("E20 the dashboard and the alert rules name only metrics that exist", async () => {
  const { get } = await scrape();
  const text = await (await get(adminToken)).text();
  const names = new Set([...text.matchAll(/^(?:# TYPE )?([a-z_]+)[ {]/gm)].map((match) => match[1]!));
  const read = (name: string) => readFileSync(join(import.meta.dirname, name), "utf8");
  const { panels } = JSON.parse(read("dashboard.json")) as { panels: { targets: { expr: string }[] }[] };
  const { groups } = parse(read("alerts.yaml")) as { groups: { rules: { alert: string; expr: string }[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  const expressions = [
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...rules.map(({ expr }) => expr),
  ];
  const used = new Set(expressions.flatMap((expr) => expr.match(/\bapportion_[a-z_]+/g) ?? []));
  expect([...used].filter((name) => !names.has(name))).toEqual([]);
  expect(used.size).toBeGreaterThan(5);
  const alerts = rules.map(({ alert }) => alert);
  expect(alerts).toEqual(
    expect.arrayContaining([
      "ApportionPoolFilling",
      "ApportionPoolFull",
      "ApportionRefusals",
      "ApportionSiteLimit",
      "ApportionDatabaseSlow",
      "ApportionDatabaseAway",
      "ApportionDown",
    ]),
  );
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
