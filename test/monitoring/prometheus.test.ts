/**
 * Metrics, alert rules and dashboard with a real Prometheus, which scrapes an allocator and a relay that serve clients.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { expect, onTestFinished, test } from "vitest";
import { findFreePort } from "../../src/free-port.ts";
import { openUdpPeer } from "../relay/udp-peer.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startAllocatorProcess, startProgram, startRelayProcess } from "../support/processes.ts";
import { whyWithout } from "../support/tools.ts";

const metricsFolder = join(import.meta.dirname, "../../src/http/metrics");
const read = (name: string): string => readFileSync(join(metricsFolder, name), "utf8");

const { groups } = parse(read("alerts.yaml")) as { groups: { rules: { expr: string }[] }[] };
const { panels } = JSON.parse(read("dashboard.json")) as {
  panels: { title: string; type: string; targets?: { expr: string }[] }[];
};

/** Queries of the dashboard, by panel, with the values that Grafana would fill in. */
const dashboardQueries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({
    title,
    expr: expr.replaceAll("$__rate_interval", "1m").replaceAll("$domain", ".*").replaceAll("$relay", ".*"),
  })),
);

const tokens = { relayToken: "a-token-of-the-relays", adminToken: "a-token-of-the-operators" };

const declaration = {
  domains: [
    {
      name: "home",
      prefixes: ["2001:db8:1::/48"],
      serverIdentifier: "192.0.2.1",
      siteLeasesMax: 10_000,
      pools: [{ name: "shared", kind: "shared", range: "198.51.100.0/24", psidLength: 6 }],
    },
  ],
};

/** Runs a command with text on its standard input. @returns Its exit code and output. */
async function runWith(command: string, args: readonly string[], input: string) {
  const child = spawn(command, args, { stdio: "pipe" });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += String(text)));
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number];
  return { code, output };
}

async function fetchMetrics(url: string, token?: string): Promise<string> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/metrics`, { headers });
  expect(response.status).toBe(200);
  return response.text();
}

/** Starts an allocator and a relay with an HTTP server for its metrics. */
async function startService(folder: string) {
  const config = join(folder, "state.json");
  await writeFile(config, JSON.stringify(declaration));
  const allocator = await startAllocatorProcess(`file:${join(folder, "leases.db")}`, tokens, [
    ...["--config", config],
  ]);
  const port = await findFreePort();
  const relay = await startRelayProcess(allocator.url, tokens.relayToken, ["--http", `127.0.0.1:${port}`]);
  return { allocatorUrl: allocator.url, relayUrl: `http://127.0.0.1:${port}`, relayPort: relay.port };
}

/** Serves some clients, refuses one on a link of no domain, and drops a datagram that is too short. */
async function serveClients(port: number): Promise<void> {
  const load = async (flags: string, code: number): Promise<void> => {
    const args = ["load", "--port", String(port), ...flags.split(" ")];
    const { exited } = startProgram("apportion", args, {}, "ignore");
    expect(await exited).toEqual([code, null]);
  };
  await load("--clients 300 --relay 2001:db8:1::1", 0);
  await load("--clients 1 --relay 2001:db8:ffff::1 --tries 1 --retransmit 0.1", 3);
  const peer = await openUdpPeer();
  await peer.send(Uint8Array.of(20), port);
  peer.close();
}

/** Answer of the API of Prometheus. */
interface QueryAnswer {
  readonly status: string;
  readonly error?: string;
  readonly data: { readonly result: readonly { readonly metric: Record<string, string> }[] };
}

/** Starts Prometheus, which scrapes both. @returns A function that evaluates a query. */
async function startPrometheus(
  folder: string,
  { allocatorUrl, relayUrl }: Awaited<ReturnType<typeof startService>>,
) {
  const job = (name: string, url: string, extra: object = {}) => ({
    job_name: name,
    static_configs: [{ targets: [new URL(url).host] }],
    ...extra,
  });
  const config = join(folder, "prometheus.json");
  const settings = {
    global: { scrape_interval: "200ms", evaluation_interval: "1s" },
    rule_files: [join(metricsFolder, "alerts.yaml")],
    scrape_configs: [
      job("apportion-allocators", allocatorUrl, { authorization: { credentials: tokens.adminToken } }),
      job("apportion-relays", relayUrl),
    ],
  };
  await writeFile(config, JSON.stringify(settings));
  const port = await findFreePort();
  const flags = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, "tsdb")}`];
  const child = spawn("prometheus", [...flags, `--web.listen-address=127.0.0.1:${port}`], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (text) => (said += String(text)));
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return async (expr: string): Promise<readonly { readonly metric: Record<string, string> }[]> => {
    const query = new URLSearchParams({ query: expr }).toString();
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?${query}`).catch(() => undefined);
    // It does not listen yet.
    if (response === undefined || response.status === 503) {
      expect([child.exitCode, said]).toEqual([null, said]);
      return [];
    }
    const { status, error, data } = await response.json<QueryAnswer>();
    expect([status, error]).toEqual(["success", undefined]);
    return data.result;
  };
}

const without = whyWithout("prometheus", "promtool");

test.skipIf(without !== "")(
  `Prometheus scrapes allocator and relay: promtool finds no fault, and each panel of the dashboard has data${without}`,
  { timeout: 120_000 },
  async () => {
    const folder = await temporaryFolder();
    const service = await startService(folder);
    const evaluate = await startPrometheus(folder, service);
    const waitFor = async (expr: string): Promise<void> => {
      await expect.poll(() => evaluate(expr), { interval: 100, timeout: 90_000 }).not.toEqual([]);
    };
    await waitFor("count_over_time(apportion_pool_slots[1m]) > 1 and on() count(up == 1) == 2");
    await serveClients(service.relayPort);
    // The counts of pools may be some seconds old.
    await waitFor('apportion_pool_slots{state="bound"} > 0');
    await waitFor('rate(apportion_relay_dropped_datagrams_total{reason="runt"}[1m]) > 0');

    const texts = [
      await fetchMetrics(service.allocatorUrl, tokens.adminToken),
      await fetchMetrics(service.relayUrl),
    ];
    for (const text of texts) {
      expect(await runWith("promtool", ["check", "metrics"], text)).toEqual({ code: 0, output: "" });
    }

    const empty: string[] = [];
    for (const { title, expr } of dashboardQueries) {
      if ((await evaluate(expr)).length === 0) empty.push(`${title}: ${expr}`);
    }
    expect(empty).toEqual([]);

    const names = new Set(
      (await evaluate('count by (__name__) ({__name__=~"apportion_.+|up"})')).map(
        ({ metric }) => metric.__name__,
      ),
    );
    const rules = groups.flatMap((group) => group.rules);
    const used = rules.flatMap(({ expr }) => expr.match(/\bapportion_[a-z_]+/g) ?? []);
    expect(used.filter((name) => !names.has(name))).toEqual([]);
    expect(await evaluate('ALERTS{alertstate="firing"}')).toEqual([]);
  },
);
