/**
 * One round: a fresh database, an allocator, a relay, a load, and the result.
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

/** The kind of load: whole exchanges of clients without a lease, or renewals of clients that have one. */
export const modes = ["dora", "renew"] as const;
export type Mode = (typeof modes)[number];

/** What to measure. */
export interface RoundOptions extends StorageOptions {
  readonly clients: number;
  /** Other clients that obtain a lease first, so that the measurement does not include the compiler of Node. */
  readonly warmUpClients: number;
  readonly inFlight: number;
  readonly mode: Mode;
  /** Whether clients share addresses, or get one each. */
  readonly isShared: boolean;
  /** Flags of the relay beside those that the bench sets. */
  readonly relayFlags: readonly string[];
  readonly profileFolder: string | undefined;
}

/** The measurement. */
export interface Round {
  readonly exchangesPerSecond: number;
  readonly elapsedSeconds: number;
  readonly offer: LatencySummary;
  readonly ack: LatencySummary;
  readonly exchange: LatencySummary;
  readonly counts: LoadCounts;
  /**
   * CPU time is that of the load; peak memory is since the process began. The generator is this process, with the proxies
   * to libSQL servers.
   */
  readonly processes: { readonly allocator: Usage; readonly relay: Usage; readonly generator: Usage };
  /** Frames in one POST of the relay, on average since it began. */
  readonly framesPerPost: number;
  /** Requests to libSQL servers for one POST of the relay, on average; 0 with a file. */
  readonly databaseRequestsPerPost: number;
  /** What the relay dropped, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** What must not be; empty when all is well. */
  readonly violations: readonly string[];
}

/**
 * Runs one round. Its files are in a folder of their own, which is gone afterwards; so are its processes.
 *
 * @param side Whose allocator and relay are measured. The load comes from this process, whatever side it is.
 * @param signal Ends the round at once when it is aborted.
 * @throws {ServiceError} When a process does not start, or ends before the load does.
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

/** Fails when a service ends, rather than when the last client has given up. */
async function whileAlive<T>(services: readonly Service[], work: Promise<T>): Promise<T> {
  const ends = services.map(async ({ name, ended }) => {
    await ended;
    throw new ServiceError(`Cannot measure the ${name}: it has ended`);
  });
  return Promise.race([work, ...ends]);
}

/** The processes that are measured; the generator is this one. */
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
  // Of two loads side by side, the slower one says how long it took; latencies are those of the first.
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

/** Milliseconds that a load may take. One exchange at a time on a server that is far away takes minutes. */
const loadMsMax = 600_000;

type Target = Omit<LoadOptions, "clients" | "firstClient">;

/** One load, or one for each of several domains, whose clients have a relay on the domain's link. */
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

/** CPU time is that between the two; memory had its peak whenever it was. */
function usageSince(before: Usages, after: Usages): Usages {
  const since = (name: keyof Usages): Usage => ({
    cpuSeconds: after[name].cpuSeconds - before[name].cpuSeconds,
    peakMiB: after[name].peakMiB,
  });
  return { allocator: since("allocator"), relay: since("relay"), generator: since("generator") };
}
