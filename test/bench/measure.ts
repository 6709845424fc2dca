/**
 * Loads a server, and measures rate, latencies, CPU time and memory.
 *
 * @module
 */
import type { LatencySummary } from "../../src/load/latencies.ts";
import { leaseLoad, renewLoad } from "../../src/load/load.ts";
import type { LoadOptions } from "../../src/load/options.ts";
import type { LoadCounts, LoadResult } from "../../src/load/result.ts";
import { readUsage } from "./usage.ts";
import type { Usage } from "./usage.ts";
import { violationsOf } from "./violations.ts";

/** Kinds of exchange to measure: whole exchanges of clients without a lease, or renewals. */
export const modes = ["dora", "renew"] as const;
export type Mode = (typeof modes)[number];

/** What the clients do. */
export interface ClientLoad {
  readonly clients: number;
  /** Additional clients that obtain leases before the measurement, so that it does not include JIT compilation. */
  readonly warmUpClients: number;
  readonly inFlight: number;
  readonly mode: Mode;
}

/** The figures of a load. */
export interface Measurement {
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
  /** See `violations.ts`; empty when there are none. */
  readonly violations: readonly string[];
}

/** The processes that are loaded. A peer has others in their places. */
export interface Loaded {
  readonly allocator: { readonly pid: number };
  readonly relay: { readonly pid: number };
}

/** Where a load goes. */
export type Target = Omit<LoadOptions, "clients" | "firstClient" | "inFlight" | "durationMsMax">;

/** Time limit of a load in milliseconds. One exchange at a time with a distant server takes minutes. */
const loadMsMax = 600_000;

/**
 * @param targets One, or one for each of several domains, which share the clients.
 */
export async function measure(
  loaded: Loaded,
  targets: readonly Target[],
  { clients, warmUpClients, inFlight, mode }: ClientLoad,
): Promise<Measurement> {
  const limits = { inFlight: Math.ceil(inFlight / targets.length), durationMsMax: loadMsMax };
  const leaseAll = (first: number, count: number): Promise<LoadResult[]> =>
    Promise.all(
      targets.map((target, index) => {
        const share = Math.ceil(count / targets.length);
        const firstClient = first + index * share;
        const own = { firstClient, clients: Math.min(share, first + count - firstClient) };
        return leaseLoad({ ...target, ...limits, ...own });
      }),
    );
  const warmUp = warmUpClients === 0 ? [] : await leaseAll(clients, warmUpClients);
  const held = mode === "renew" ? await leaseAll(0, clients) : undefined;
  const before = usageOfAll(loaded);
  const loads =
    held === undefined
      ? await leaseAll(0, clients)
      : await Promise.all(
          targets.map((target, index) => renewLoad({ ...target, ...limits }, held[index]!.leases)),
        );
  const after = usageOfAll(loaded);
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

/** Of each process. */
export type Usages = Readonly<Record<"allocator" | "relay" | "generator", Usage>>;

/** Reads what each process has used. */
export function usageOfAll({ allocator, relay }: Loaded): Usages {
  return {
    allocator: readUsage(allocator.pid),
    relay: readUsage(relay.pid),
    generator: readUsage(process.pid),
  };
}

/** Returns the CPU time between two readings, and the peak memory since each process started. */
export function usageSince(before: Usages, after: Usages): Usages {
  const since = (name: keyof Usages): Usage => ({
    cpuSeconds: after[name].cpuSeconds - before[name].cpuSeconds,
    peakMiB: after[name].peakMiB,
  });
  return { allocator: since("allocator"), relay: since("relay"), generator: since("generator") };
}
