/**
 * The alert rules, evaluated by promtool on made series: a healthy system fires nothing, and each fault fires its alerts
 * and no others.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/database.ts";
import { whyWithout } from "../support/tools.ts";

const run = promisify(execFile);
const rules = join(import.meta.dirname, "../../src/http/metrics/alerts.yaml");
const { groups } = parse(readFileSync(rules, "utf8")) as { groups: { rules: { alert: string }[] }[] };
const alerts = groups.flatMap((group) => group.rules.map(({ alert }) => alert));

const without = whyWithout("promtool");

/** Series by name and labels -> values, in promtool's notation: `start+step x times`, one value a minute. */
type Series = Readonly<Record<string, string>>;

/** The rule for pools that fill looks back 6 hours, and then waits for one; all others need less than one. */
const minutes = 8 * 60;
const isSlow = (alert: string): boolean => alert === "ApportionPoolFullSoon";
const constant = (value: number) => `${value}+0x${minutes}`;
const growing = (step: number, from = 0) => `${from}${step < 0 ? "" : "+"}${step}x${minutes}`;

const slots = (state: string) => `apportion_pool_slots{domain="home",pool="shared",state="${state}"}`;
const decisions = (outcome: string, reason = "") =>
  `apportion_decisions_total{outcome="${outcome}",reason="${reason}"}`;
const duration = (le: string) => `apportion_database_transaction_duration_seconds_bucket{le="${le}"}`;
const allocatorUp = (name: string) => `apportion_relay_allocator_up{instance="relay",allocator="${name}"}`;
const drops = (reason: string) =>
  `apportion_relay_dropped_datagrams_total{instance="relay",reason="${reason}"}`;
const kernelDrops = 'apportion_relay_kernel_dropped_datagrams_total{instance="relay",endpoint="[::]:547"}';

const healthy: Series = {
  'up{job="apportion-relays",instance="relay"}': constant(1),
  'up{job="other",instance="other"}': constant(0),
  [slots("free")]: constant(500),
  [slots("bound")]: constant(500),
  [decisions("ack")]: growing(600),
  [decisions("nak", "wrong-network")]: growing(6),
  [decisions("silence", "other-server-chosen")]: growing(60),
  [duration("0.5")]: growing(600),
  [duration("1")]: growing(600),
  [duration("+Inf")]: growing(600),
  apportion_database_up: constant(1),
  apportion_databases_unreachable: constant(0),
  apportion_clock_difference_seconds: constant(-1.5),
  // Housekeeping has finished each minute since the start of Unix time, which is when these series begin.
  apportion_housekeeping_last_success_timestamp_seconds: growing(60),
  'apportion_http_requests_total{instance="a",endpoint="relay",status="200"}': growing(60),
  'apportion_http_requests_total{instance="a",endpoint="admin",status="404"}': growing(60),
  apportion_log_lines_lost_total: constant(7),
  apportion_relay_log_lines_lost_total: constant(7),
  [allocatorUp("first")]: constant(1),
  [allocatorUp("second")]: constant(1),
  [drops("queue-full")]: growing(6),
  [drops("duplicate")]: growing(6000),
  [kernelDrops]: constant(12),
  'apportion_relay_untrusted_datagrams_total{instance="relay"}': constant(3),
};

/** What is different from a healthy system, and the alerts that fire for it. */
const faults: readonly (readonly [what: string, series: Series, alerts: readonly string[]])[] = [
  [
    "a process that cannot be scraped",
    { 'up{job="apportion-relays",instance="relay"}': constant(0) },
    ["ApportionDown"],
  ],
  ["a log that loses lines", { apportion_log_lines_lost_total: growing(1) }, ["ApportionLogLinesLost"]],
  [
    "a relay's log that loses lines",
    { apportion_relay_log_lines_lost_total: growing(1) },
    ["ApportionLogLinesLost"],
  ],
  [
    "a pool with a tenth of its slots free",
    { [slots("free")]: constant(100), [slots("bound")]: constant(900) },
    ["ApportionPoolFilling"],
  ],
  [
    "a pool that is almost full",
    { [slots("free")]: constant(10), [slots("bound")]: constant(990) },
    ["ApportionPoolFilling", "ApportionPoolFull"],
  ],
  [
    "a pool that fills within a day",
    { [slots("free")]: growing(-0.5, 700), [slots("bound")]: growing(0.5) },
    ["ApportionPoolFullSoon"],
  ],
  [
    "clients without a pair",
    { [decisions("silence", "pools-exhausted")]: growing(6) },
    ["ApportionPoolsExhausted"],
  ],
  ["many refusals", { [decisions("nak", "wrong-network")]: growing(60) }, ["ApportionRefusals"]],
  [
    "sites that request too much",
    { [decisions("silence", "site-limit")]: growing(60) },
    ["ApportionSiteLimit"],
  ],
  ["links of no domain", { [decisions("silence", "no-domain")]: growing(1) }, ["ApportionNoDomain"]],
  [
    "clients that cannot share",
    { [decisions("silence", "shared-pools-only")]: growing(1) },
    ["ApportionSharedPoolsOnly"],
  ],
  ["a database that is away", { apportion_database_up: constant(0) }, ["ApportionDatabaseAway"]],
  [
    "one of several databases that is away",
    { apportion_databases_unreachable: constant(1) },
    ["ApportionDatabaseAway"],
  ],
  ["a slow database", { [duration("0.5")]: growing(590) }, ["ApportionDatabaseSlow"]],
  [
    "requests that fail",
    { 'apportion_http_requests_total{instance="a",endpoint="relay",status="503"}': growing(1) },
    ["ApportionServerErrors"],
  ],
  ["a clock that was set back", { apportion_clock_difference_seconds: constant(-2) }, ["ApportionClockStep"]],
  [
    "housekeeping that last finished two days ago",
    { apportion_housekeeping_last_success_timestamp_seconds: constant(-2 * 86_400) },
    ["ApportionHousekeepingFailing"],
  ],
  ["an allocator that is away", { [allocatorUp("first")]: constant(0) }, ["ApportionRelayAllocatorAway"]],
  [
    "no allocator",
    { [allocatorUp("first")]: constant(0), [allocatorUp("second")]: constant(0) },
    ["ApportionRelayAllocatorAway", "ApportionRelayNoAllocator"],
  ],
  ["a full queue", { [drops("queue-full")]: growing(120) }, ["ApportionRelayDrops"]],
  ["a full receive buffer", { [kernelDrops]: growing(1) }, ["ApportionRelayKernelDrops"]],
  [
    "relays that are not trusted",
    { 'apportion_relay_untrusted_datagrams_total{instance="relay"}': growing(1) },
    ["ApportionRelayUntrusted"],
  ],
];

/** Hours with these series, at whose end exactly these alerts fire. */
const hoursOf = (name: string, series: Series, expected: readonly string[]) => ({
  name,
  interval: "1m",
  input_series: Object.entries(series).map(([text, values]) => ({ series: text, values })),
  promql_expr_test: [
    {
      expr: 'group by (alertname) (ALERTS{alertstate="firing"})',
      eval_time: `${expected.length === 0 || expected.some(isSlow) ? minutes - 1 : 60}m`,
      exp_samples: expected.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 })),
    },
  ],
});

test("each alert fires for some fault", () => {
  expect(new Set(faults.flatMap(([, , fired]) => fired))).toEqual(new Set(alerts));
});

test.skipIf(without !== "")(
  `promtool: a healthy system fires nothing, and each fault fires its alerts and no others${without}`,
  async () => {
    const file = join(await temporaryFolder(), "tests.json");
    const tests = [
      hoursOf("a healthy system", healthy, []),
      ...faults.map(([what, series, expected]) => hoursOf(what, { ...healthy, ...series }, expected)),
    ];
    await writeFile(file, JSON.stringify({ rule_files: [rules], evaluation_interval: "1m", tests }));
    const checked = await run("promtool", ["check", "rules", rules]);
    expect(checked.stdout).toContain(`SUCCESS: ${alerts.length} rules found`);
    // It ends with 1 if an alert is missing, or fires that should not.
    const tested = await run("promtool", ["test", "rules", file]);
    expect(tested.stdout).toMatch(/\n {2}SUCCESS\n/);
  },
);
