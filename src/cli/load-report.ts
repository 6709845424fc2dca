/**
 * What `apportion load` reports, as text or JSON.
 *
 * @module
 */
import type { LatencySummary } from "../load/latencies.ts";
import type { EarlyEnd, LoadResult } from "../load/result.ts";
import { formatTable } from "../text-table.ts";
import { formatIPv4 } from "../wire/ipv4-address.ts";
import type { LoadMode } from "./load-options.ts";

/** Two clients that have a port in common. */
export interface OverlapReport {
  readonly clients: readonly [number, number];
  readonly address: string;
  readonly port: number;
}

/** Figures of a load. */
export interface LoadReport {
  readonly mode: LoadMode;
  readonly server: string;
  readonly port: number;
  readonly clients: number;
  readonly seconds: number;
  /** Why it ended before all its exchanges did; null if it did not. */
  readonly endedEarly: EarlyEnd | null;
  /** Exchanges that ended with an ACK; of `release`, RELEASEs sent. */
  readonly exchanges: number;
  readonly perSecond: number;
  /** Exchanges in the second that had the fewest; null for a load of less than two seconds. */
  readonly slowestSecond: number | null;
  /** Share of the exchanges that got no answer to any try, 0 to 1; null for `release`, which expects none. */
  readonly dropRatio: number | null;
  readonly latencies: Readonly<Record<"offer" | "ack" | "exchange", LatencySummary>>;
  readonly counts: LoadResult["counts"];
  /** The last leases of the clients, whether or not they have expired by now; of `release`, those before it. */
  readonly leases: number;
  readonly overlaps: readonly OverlapReport[];
}

const reasons: Readonly<Record<EarlyEnd, string>> = {
  "time-limit": "its time limit passed",
  "given-up": "nobody listens on the port",
  stopped: "it was told to stop",
  "no-leases": "no client had a lease to renew any more",
};

const percent = (ratio: number): string => `${(100 * ratio).toFixed(2)} %`;

/** Formats a report as lines of text. */
export function formatLoadReport(report: LoadReport): string[] {
  const { mode, clients, server, port, seconds, exchanges, perSecond, slowestSecond, counts } = report;
  const { endedEarly, dropRatio } = report;
  const slowest = slowestSecond === null ? "" : `, ${slowestSecond} in the slowest second`;
  const lost = counts.lost === 0 ? "" : `, ${counts.lost} datagrams lost on purpose`;
  const lines = [
    `${mode} by ${clients} clients, to ${server} port ${port}`,
    `${exchanges} exchanges in ${seconds.toFixed(2)} s: ${perSecond.toFixed(0)} a second${slowest}`,
  ];
  if (endedEarly !== null)
    lines.push(`It ended early, because ${reasons[endedEarly]}: ${counts.unfinished} exchanges unfinished`);
  if (dropRatio !== null) {
    const { timeouts, withoutOffer } = counts;
    lines.push(
      `${timeouts} exchanges without an answer (${percent(dropRatio)}): ${withoutOffer} DISCOVERs, ` +
        `${timeouts - withoutOffer} REQUESTs; ${counts.retransmits} retransmissions${lost}`,
      `${counts.naks} NAKs, ${counts.moved} renewals with another pair, ${counts.ignored} other datagrams, ` +
        `${counts.socketErrors} errors of sockets`,
      ...formatLatencies(report.latencies),
    );
  }
  return [...lines, ...formatOverlaps(report)];
}

function formatLatencies(latencies: LoadReport["latencies"]): string[] {
  const measured = Object.entries(latencies).filter(([, { count }]) => count > 0);
  if (measured.length === 0) return [];
  const rows = measured.map(([name, { minMs, meanMs, p50Ms, p90Ms, p99Ms, maxMs }]) => [
    name,
    ...[minMs, meanMs, p50Ms, p90Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1)),
  ]);
  const titles = ["", "min ms", "mean ms", "p50 ms", "p90 ms", "p99 ms", "max ms"];
  return ["", ...formatTable(titles, rows, { alignNumbersRight: true }), ""];
}

function formatOverlaps({ overlaps, leases }: LoadReport): string[] {
  const lines = [
    overlaps.length === 0
      ? `${leases} leases, none of which overlap`
      : `${leases} leases, and ${overlaps.length} OVERLAPS:`,
    ...overlaps
      .slice(0, overlapsShownMax)
      .map(
        ({ clients: [a, b], address, port: shared }) =>
          `  clients ${a} and ${b} have port ${shared} of ${address}`,
      ),
  ];
  if (overlaps.length > overlapsShownMax) lines.push(`  and ${overlaps.length - overlapsShownMax} more`);
  return lines;
}

const overlapsShownMax = 20;

/** @param overlap Two leases with a port in common. */
export function overlapReport({
  first,
  second,
  port,
}: {
  readonly first: { readonly client: number; readonly address: number };
  readonly second: { readonly client: number };
  readonly port: number;
}): OverlapReport {
  return { clients: [first.client, second.client], address: formatIPv4(first.address), port };
}
