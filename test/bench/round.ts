/**
 * Runs one round: starts an allocator and a relay on a fresh database, loads them, and measures.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import type { LatencySummary } from "../../src/load/latencies.ts";
import { leaseLoad, renewLoad } from "../../src/load/load.ts";
import type { LoadOptions } from "../../src/load/options.ts";
import type { LoadCounts, LoadResult } from "../../src/load/result.ts";
import type { RelayLevel } from "../../src/wire/dhcpv6/relay.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { benchDeclaration, benchLinks, placedDeclaration } from "./declaration.ts";
import { startAllocator, startRelay, stopRelay } from "./servers.ts";
import type { AllocatorService, RelayService } from "./servers.ts";
import { ServiceError } from "./service.ts";
import type { Service } from "./service.ts";
import type { Side } from "./side.ts";
import { openStorage } from "./storage.ts";
import type { Storage, StorageOptions } from "./storage.ts";
import { readUsage } from "./usage.ts";
import type { Usage } from "./usage.ts";
import { violationsOf } from "./violations.ts";

/** Kinds of exchange to measure: whole exchanges of clients without a lease, or renewals. */
export const modes = ["dora", "renew"] as const;
export type Mode = (typeof modes)[number];

/** Options of a round. */
export interface RoundOptions extends StorageOptions {
  readonly clients: number;
  /** Additional clients that obtain leases before the measurement, so that it does not include JIT compilation. */
  readonly warmUpClients: number;
  readonly inFlight: number;
  readonly mode: Mode;
  /** Whether clients share addresses or get one each. */
  readonly isShared: boolean;
  /** Flags of the relay in addition to those that the bench sets. */
  readonly relayFlags: readonly string[];
  readonly profileFolder: string | undefined;
}

/** The figures of a round. */
export interface Round {
  readonly exchangesPerSecond: number;
  readonly elapsedSeconds: number;
  readonly offer: LatencySummary;
  readonly ack: LatencySummary;
  readonly exchange: LatencySummary;
  readonly counts: LoadCounts;
  /**
   * CPU time during the load, and peak memory since the process started. The generator is this process, including the
   * proxies to libSQL servers.
   */
  readonly processes: { readonly allocator: Usage; readonly relay: Usage; readonly generator: Usage };
  /** Frames in one POST of the relay, on average since the relay started. */
  readonly framesPerPost: number;
  /** Requests to libSQL servers for one POST of the relay, on average; 0 with a file. */
  readonly databaseRequestsPerPost: number;
  /** Datagrams and frames that the relay dropped, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** See `violations.ts`; empty when there are none. */
  readonly violations: readonly string[];
}

/**
 * Runs one round. Afterwards its processes have exited and its temporary folder is deleted.
 *
 * @param side The side whose allocator and relay are measured. The load always comes from this process.
 * @param signal Aborts the round immediately.
 * @throws {ServiceError} When a process does not start, or exits before the load ends.
 */
export async function runRound(side: Side, options: RoundOptions, signal?: AbortSignal): Promise<Round> {
  const folder = await mkdtemp(join(tmpdir(), "apportion-bench-"));
  const services: Service[] = [];
  let storage: Storage | undefined;
  try {
    storage = await openStorage(side, folder, declarationOf(options), options, signal);
    const environment = {
      APPORTION_RELAY_TOKEN: randomBytes(32).toString("base64url"),
      ...storage.environment,
    };
    const server = { side, environment, profileFolder: options.profileFolder, signal };
    const before = storage.requests();
    const allocator = await startAllocator(server);
    services.push(allocator);
    const relay = await startRelay(allocator, server, options.relayFlags);
    services.push(relay);
    const measured = await whileAlive(services, measure({ allocator, relay }, options));
    const { forwarded, posts, dropped } = await stopRelay(relay);
    await allocator.stop();
    const databaseRequestsPerPost = (storage.requests() - before) / posts;
    return { ...measured, framesPerPost: forwarded / posts, databaseRequestsPerPost, dropped };
  } finally {
    for (const service of services) service.kill();
    await Promise.allSettled(services.map(({ ended }) => ended));
    await storage?.close();
    await rm(folder, { recursive: true });
  }
}

function declarationOf({ clients, warmUpClients, servers, isShared }: RoundOptions): DeclarationInput {
  const all = clients + warmUpClients;
  return servers > 0 ? placedDeclaration(all) : benchDeclaration(all, isShared);
}

/** Fails as soon as a service exits, instead of when the last client has given up. */
async function whileAlive<T>(services: readonly Service[], work: Promise<T>): Promise<T> {
  const ends = services.map(async ({ name, ended }) => {
    await ended;
    throw new ServiceError(`Cannot measure the ${name}: it has exited`);
  });
  return Promise.race([work, ...ends]);
}

/** The measured processes, except the generator, which is this process. */
interface Services {
  readonly allocator: AllocatorService;
  readonly relay: RelayService;
}

async function measure(services: Services, options: RoundOptions) {
  const { clients, warmUpClients, mode } = options;
  const targets = targetsOf(services.relay, options);
  const leaseAll = (first: number, count: number): Promise<LoadResult[]> =>
    Promise.all(
      targets.map((target, index) => {
        const share = Math.ceil(count / targets.length);
        const firstClient = first + index * share;
        return leaseLoad({ ...target, firstClient, clients: Math.min(share, first + count - firstClient) });
      }),
    );
  const warmUp = warmUpClients === 0 ? [] : await leaseAll(clients, warmUpClients);
  const held = mode === "renew" ? await leaseAll(0, clients) : undefined;
  const before = usageOfAll(services);
  const loads =
    held === undefined
      ? await leaseAll(0, clients)
      : await Promise.all(targets.map((target, index) => renewLoad(target, held[index]!.leases)));
  const after = usageOfAll(services);
  // With two parallel loads, the slower one determines the duration. Latencies are taken from the first.
  const elapsedSeconds = Math.max(...loads.map(({ elapsedMs }) => elapsedMs)) / 1000;
  const [first] = loads as [LoadResult];
  const exchanges = loads.reduce((sum, { exchange }) => sum + exchange.count, 0);
  return {
    exchangesPerSecond: exchanges / elapsedSeconds,
    elapsedSeconds,
    offer: first.offer,
    ack: first.ack,
    exchange: { ...first.exchange, count: exchanges },
    counts: loads.map(({ counts }) => counts).reduce(addCounts),
    processes: usageSince(before, after),
    violations: violationsOf([...warmUp, ...loads]),
  };
}

function addCounts(a: LoadCounts, b: LoadCounts): LoadCounts {
  const names = Object.keys(a) as (keyof LoadCounts)[];
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as unknown as LoadCounts;
}

/** Time limit of a load in milliseconds. One exchange at a time with a distant server takes minutes. */
const loadMsMax = 600_000;

type Target = Omit<LoadOptions, "clients" | "firstClient">;

/** Returns one load, or one for each of several domains. Its clients then use a relay on the domain's link. */
function targetsOf({ port }: RelayService, { inFlight, isShared, servers }: RoundOptions): Target[] {
  const target = { server: "::1", port, inFlight, sharesPorts: isShared, durationMsMax: loadMsMax };
  if (servers === 0) return [target];
  return benchLinks.map((link) => ({
    ...target,
    inFlight: Math.ceil(inFlight / benchLinks.length),
    relay: relayOn(link),
  }));
}

function relayOn(link: string): RelayLevel {
  return { hopCount: 0, linkAddress: parseIPv6(link), peerAddress: parseIPv6("fe80::1"), options: [] };
}

type Usages = Readonly<Record<"allocator" | "relay" | "generator", Usage>>;

function usageOfAll({ allocator, relay }: Services): Usages {
  return {
    allocator: readUsage(allocator.pid),
    relay: readUsage(relay.pid),
    generator: readUsage(process.pid),
  };
}

/** Returns the CPU time between two readings, and the peak memory since each process started. */
function usageSince(before: Usages, after: Usages): Usages {
  const since = (name: keyof Usages): Usage => ({
    cpuSeconds: after[name].cpuSeconds - before[name].cpuSeconds,
    peakMiB: after[name].peakMiB,
  });
  return { allocator: since("allocator"), relay: since("relay"), generator: since("generator") };
}
