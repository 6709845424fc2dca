/**
 * `npm run bench -- --avalanche COUNT`: what happens when so many clients want a lease at once, as after a power cut, with
 * far more of them in flight than the servers can answer in time.
 *
 * @module
 */
import type { LatencySummary } from "../../src/load/latencies.ts";
import { createGoodput } from "../../src/load/goodput.ts";
import { leaseLoad } from "../../src/load/load.ts";
import type { LoadOptions } from "../../src/load/options.ts";
import type { LoadCounts, LoadResult } from "../../src/load/result.ts";
import { usageOfAll, usageSince } from "./measure.ts";
import type { Loaded, Measurement, Target } from "./measure.ts";
import { formatDrops, formatFaults, formatMachine, table } from "./report.ts";
import type { Machine } from "./report.ts";
import { withServers } from "./round.ts";
import type { RoundOptions, ServerFigures } from "./round.ts";
import type { Side } from "./side.ts";
import { violationsOf } from "./violations.ts";

/** The load that is compared with: the usual one of the bench. */
const steady = { clients: 20_000, inFlight: 512 } as const;

/** Clients that get a lease one after the other, before and after the avalanche: a queue that is left delays them. */
const probes = 200;

/** Of a load, the time limit in milliseconds. */
const loadMsMax = 120_000;

/** The figures of an avalanche. */
export interface Avalanche extends ServerFigures {
  readonly steadyPerSecond: number;
  /** Seconds until the last client had its lease. */
  readonly seconds: number;
  /** Leases in the window of a second that had the fewest. */
  readonly lowestPerSecond: number;
  readonly exchange: LatencySummary;
  readonly counts: LoadCounts;
  /** One client at a time, before and directly after it. */
  readonly alone: { readonly before: LatencySummary; readonly after: LatencySummary };
  readonly processes: Measurement["processes"];
  readonly violations: readonly string[];
}

/**
 * @param options Its clients are those of the avalanche.
 * @throws {ServiceError} When a process does not start, or exits before the load ends.
 */
export function runAvalanche(side: Side, options: RoundOptions, signal?: AbortSignal): Promise<Avalanche> {
  const { clients, warmUpClients, inFlight } = options;
  const all = { ...options, clients: clients + steady.clients + 2 * probes };
  return withServers(
    side,
    all,
    async (loaded: Loaded, [target]: readonly Target[]) => {
      let next = 0;
      const lease = (load: Pick<LoadOptions, "clients" | "inFlight" | "onAck">): Promise<LoadResult> => {
        const firstClient = next;
        next += load.clients;
        return leaseLoad({ ...target!, ...load, firstClient, durationMsMax: loadMsMax });
      };
      const loads = warmUpClients === 0 ? [] : [await lease({ ...steady, clients: warmUpClients })];
      const usual = await lease(steady);
      const before = await lease({ clients: probes, inFlight: 1 });
      const [goodput, used] = [createGoodput(() => performance.now()), usageOfAll(loaded)];
      const flood = await lease({ clients, inFlight, onAck: goodput.count });
      const processes = usageSince(used, usageOfAll(loaded));
      const after = await lease({ clients: probes, inFlight: 1 });
      loads.push(usual, before, flood, after);
      return {
        steadyPerSecond: usual.exchange.count / (usual.elapsedMs / 1000),
        seconds: flood.elapsedMs / 1000,
        lowestPerSecond: goodput.slowestSecond() ?? flood.exchange.count,
        exchange: flood.exchange,
        counts: flood.counts,
        alone: { before: before.exchange, after: after.exchange },
        processes,
        violations: violationsOf(loads),
      };
    },
    signal,
  );
}

/** The results of an avalanche. */
export interface AvalancheReport {
  readonly command: string;
  readonly machine: Machine;
  readonly load: RoundOptions;
  readonly avalanche: Avalanche;
  readonly faults: readonly string[];
}

/** Formats a report as lines of text. */
export function formatAvalanche({ command, machine, load, avalanche, faults }: AvalancheReport): string[] {
  const { steadyPerSecond, seconds, lowestPerSecond, exchange, counts, alone, processes, dropped } =
    avalanche;
  const share = ((100 * lowestPerSecond) / steadyPerSecond).toFixed(0);
  const latency = (name: string, { p50Ms, p99Ms, maxMs }: LatencySummary): string[] => [
    name,
    ...[p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1)),
  ];
  return [
    command,
    formatMachine(machine),
    "",
    `${load.clients} clients, ${load.inFlight} in flight: all bound after ${seconds.toFixed(2)} s`,
    `steady ${steadyPerSecond.toFixed(0)} leases/s (${steady.inFlight} in flight); in the avalanche ` +
      `${(exchange.count / seconds).toFixed(0)}/s, and ${lowestPerSecond} in its slowest second (${share} %)`,
    "",
    ...table(
      ["exchange", "p50 ms", "p99 ms", "max ms"],
      [
        latency("in the avalanche", exchange),
        latency("one at a time, before", alone.before),
        latency("one at a time, after", alone.after),
      ],
    ),
    "",
    ...table(
      ["", "CPU s", "peak MiB"],
      Object.entries(processes).map(([name, { cpuSeconds, peakMiB }]) => [
        name,
        cpuSeconds.toFixed(2),
        peakMiB.toFixed(0),
      ]),
    ),
    "",
    `${counts.retransmits} retransmits, ${counts.timeouts} timeouts; relay dropped ${formatDrops(dropped)}`,
    ...formatFaults(faults, "FAULTS", "no two clients held the same port, and each client got a lease"),
  ];
}
