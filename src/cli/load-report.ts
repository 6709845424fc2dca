/**
 * What `apportion load` reports, as text or JSON.
 *
 * @module
 */
import type { LatencySummary } from "../load/latencies.ts";
import type { LoadResult } from "../load/result.ts";
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
  /** Exchanges that ended with an ACK; of `release`, RELEASEs sent. */
  readonly exchanges: number;
  readonly perSecond: number;
  /** Exchanges in the second that had the fewest; null for a load of less than two seconds. */
  readonly slowestSecond: number | null;
  /** Share of the exchanges that got no answer to any try, 0 to 1. */
  readonly dropRatio: number;
  readonly latencies: Readonly<Record<"offer" | "ack" | "exchange", LatencySummary>>;
  readonly counts: LoadResult["counts"];
  /** Leases that clients held at the end of the load, or before they released them. */
  readonly leases: number;
  readonly overlaps: readonly OverlapReport[];
}

const percent = (ratio: number): string => `${(100 * ratio).toFixed(2)} %`;

/** Formats a report as lines of text. */
export function formatLoadReport(report: LoadReport): string[] {
  const { mode, clients, server, port, seconds, exchanges, perSecond, slowestSecond, counts } = report;
  const slowest = slowestSecond === null ? "" : `, ${slowestSecond} in the slowest second`;
  const lost = counts.lost === 0 ? "" : `, ${counts.lost} datagrams lost on purpose`;
  const lines = [
    `${mode} by ${clients} clients, to ${server} port ${port}`,
    `${exchanges} exchanges in ${seconds.toFixed(2)} s: ${perSecond.toFixed(0)} a second${slowest}`,
  ];
  if (mode !== "release") {
    lines.push(
      `${counts.timeouts} exchanges without an answer (${percent(report.dropRatio)}), ${counts.retransmits} retransmissions${lost}`,
      `${counts.naks} NAKs, ${counts.moved} renewals with another pair, ${counts.ignored} other datagrams, ` +
        `${counts.socketErrors} errors of sockets`,
      "",
      ...formatTable(
        ["", "p50 ms", "p90 ms", "p99 ms", "max ms"],
        Object.entries(report.latencies)
          .filter(([, { count }]) => count > 0)
          .map(([name, { p50Ms, p90Ms, p99Ms, maxMs }]) => [
            name,
            ...[p50Ms, p90Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1)),
          ]),
        { alignNumbersRight: true },
      ),
      "",
    );
  }
  const { overlaps, leases } = report;
  lines.push(
    overlaps.length === 0
      ? `${leases} leases, none of which overlap`
      : `${leases} leases, and ${overlaps.length} OVERLAPS:`,
    ...overlaps
      .slice(0, overlapsShownMax)
      .map(
        ({ clients: [a, b], address, port: shared }) =>
          `  clients ${a} and ${b} have port ${shared} of ${address}`,
      ),
  );
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
