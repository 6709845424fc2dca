/**
 * One round: a fresh database, an allocator, a relay, a load, and what came of it.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LatencySummary } from "../../src/client/latencies.ts";
import { leaseLoad, renewLoad } from "../../src/client/load.ts";
import type { LoadCounts, LoadOptions } from "../../src/client/load.ts";
import type { CountersSnapshot } from "../../relay/counters.ts";
import { benchDeclaration } from "./declaration.ts";
import { startService } from "./service.ts";
import type { Service } from "./service.ts";
import { readUsage } from "./usage.ts";
import type { Usage } from "./usage.ts";
import { violationsOf } from "./violations.ts";

/** What is measured: whole exchanges of clients without a lease, or renewals of clients that have one. */
export const modes = ["dora", "renew"] as const;
export type Mode = (typeof modes)[number];

/** What to measure. */
export interface RoundOptions {
  readonly clients: number;
  /** Other clients that obtain a lease before, so that what is measured is not how Node compiles the program. */
  readonly warmUpClients: number;
  readonly inFlight: number;
  readonly mode: Mode;
  /** Whether clients share addresses, or get one each. */
  readonly isShared: boolean;
  /** Flags of the relay beside those that the bench sets. */
  readonly relayFlags: readonly string[];
  readonly profileFolder: string | undefined;
}

/** What was measured. */
export interface Round {
  readonly exchangesPerSecond: number;
  readonly elapsedSeconds: number;
  readonly offer: LatencySummary;
  readonly ack: LatencySummary;
  readonly exchange: LatencySummary;
  readonly counts: LoadCounts;
  /** CPU time is that of the load; peak memory is since the process began. */
  readonly processes: { readonly allocator: Usage; readonly relay: Usage; readonly generator: Usage };
  /** Frames in one POST of the relay, on average since it began. */
  readonly framesPerPost: number;
  /** What the relay dropped, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** What must not be; empty when all is well. */
  readonly violations: readonly string[];
}

const root = join(import.meta.dirname, "../..");

/** Runs one round. Its files are in a folder of their own, which is gone afterwards. */
export async function runRound(options: RoundOptions): Promise<Round> {
  const folder = await mkdtemp(join(tmpdir(), "apportion-bench-"));
  const services: Service[] = [];
  try {
    const environment = { APPORTION_RELAY_TOKEN: randomBytes(32).toString("base64url") };
    const allocator = await startAllocator(folder, environment, options);
    services.push(allocator);
    const relay = await startRelay(allocator, environment, options);
    services.push(relay);
    const measured = await whileAlive(services, measure({ allocator, relay }, options));
    const { forwarded, posts, dropped } = (await relay.stop()) as unknown as CountersSnapshot;
    await allocator.stop();
    return { ...measured, framesPerPost: forwarded / posts, dropped };
  } finally {
    for (const service of services) service.kill();
    await Promise.allSettled(services.map(({ ended }) => ended));
    await rm(folder, { recursive: true });
  }
}

/** Fails when a service ends, rather than when the last client has given up. */
async function whileAlive<T>(services: readonly Service[], work: Promise<T>): Promise<T> {
  const ends = services.map(async ({ ended }) => {
    await ended;
    throw new Error("Cannot measure a service that has ended");
  });
  return Promise.race([work, ...ends]);
}

async function startAllocator(
  folder: string,
  environment: Record<string, string>,
  { clients, warmUpClients, isShared, profileFolder }: RoundOptions,
): Promise<Service> {
  const config = join(folder, "config.json");
  await writeFile(config, JSON.stringify(benchDeclaration(clients + warmUpClients, isShared)));
  const flags = [
    "--config",
    config,
    "--database",
    `file:${join(folder, "leases.db")}`,
    "--listen",
    "127.0.0.1:0",
  ];
  return startService({
    name: "allocator",
    script: [join(root, "src/cli/main.ts"), "allocator", ...flags],
    environment,
    readyMessage: "allocator listening",
    profileFolder,
  });
}

async function startRelay(
  allocator: Service,
  environment: Record<string, string>,
  { relayFlags, profileFolder }: RoundOptions,
): Promise<Service> {
  return startService({
    name: "relay",
    script: [join(root, "relay/main.ts"), "--listen", "[::1]:0", ...relayFlags],
    environment: { ...environment, APPORTION_ALLOCATOR_URL: String(allocator.ready.url) },
    readyMessage: "relay listening",
    profileFolder,
  });
}

/** The processes that are measured; the generator is this one. */
type Services = Readonly<Record<"allocator" | "relay", Service>>;

async function measure(services: Services, options: RoundOptions) {
  const { clients, warmUpClients, mode } = options;
  const target = targetOf(services.relay, options);
  const warmUp =
    warmUpClients === 0 ? [] : [await leaseLoad({ ...target, firstClient: clients, clients: warmUpClients })];
  const lease = () => leaseLoad({ ...target, clients });
  const leases = mode === "renew" ? (await lease()).leases : undefined;
  const before = usageOfAll(services);
  const load = leases === undefined ? await lease() : await renewLoad(target, leases);
  const after = usageOfAll(services);
  const elapsedSeconds = load.elapsedMs / 1000;
  return {
    exchangesPerSecond: load.exchange.count / elapsedSeconds,
    elapsedSeconds,
    offer: load.offer,
    ack: load.ack,
    exchange: load.exchange,
    counts: load.counts,
    processes: usageSince(before, after),
    violations: violationsOf([...warmUp, load]),
  };
}

type Target = Omit<LoadOptions, "clients" | "firstClient">;

function targetOf(relay: Service, { inFlight, isShared }: RoundOptions): Target {
  const [listener] = relay.ready.listeners as [string];
  const port = Number(/]:(\d+)$/.exec(listener)?.[1]);
  return { server: "::1", port, inFlight, sharesPorts: isShared };
}

type Usages = Readonly<Record<"allocator" | "relay" | "generator", Usage>>;

function usageOfAll({ allocator, relay }: Services): Usages {
  return {
    allocator: readUsage(allocator.pid),
    relay: readUsage(relay.pid),
    generator: readUsage(process.pid),
  };
}

/** CPU time is that between the two; memory had its peak whenever it was. */
function usageSince(before: Usages, after: Usages): Usages {
  const since = (name: keyof Usages): Usage => ({
    cpuSeconds: after[name].cpuSeconds - before[name].cpuSeconds,
    peakMiB: after[name].peakMiB,
  });
  return { allocator: since("allocator"), relay: since("relay"), generator: since("generator") };
}
