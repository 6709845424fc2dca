/**
 * Whether a load was successful: its exit code, and a line that says why it was not.
 *
 * @module
 */
import { exitCodes } from "../failure.ts";
import type { ExitCode } from "../failure.ts";
import type { LoadReport } from "./load-report.ts";

/** How a load ended. */
export interface Verdict {
  readonly exitCode: ExitCode;
  /** Why, for standard error; undefined if the report itself says it. */
  readonly line?: string;
}

/** The figures of a report that decide. */
export type Judged = Pick<
  LoadReport,
  "server" | "port" | "exchanges" | "endedEarly" | "dropRatio" | "latencies" | "counts" | "overlaps"
>;

/**
 * Judges the measured part of a load. One exchange that succeeded is a success, unless the server was wrong or too many
 * exchanges were not answered.
 *
 * @param dropsMax Percentage of the exchanges that may be without an answer. Default: 100.
 */
export function verdictOf(report: Judged, dropsMax = 100): Verdict {
  const { exchanges, dropRatio, counts, overlaps } = report;
  if (overlaps.length > 0 || counts.moved > 0) return { exitCode: exitCodes.refused };
  if (exchanges === 0) return verdictOfNothing(report);
  const drops = (dropRatio ?? 0) * 100;
  if (drops <= dropsMax) return { exitCode: exitCodes.done };
  return {
    exitCode: exitCodes.refused,
    line: `--drops-max: found ${drops.toFixed(2)} % of the exchanges without an answer, expected at most ${dropsMax} %`,
  };
}

function verdictOfNothing({ server, port, endedEarly, latencies, counts }: Judged): Verdict {
  const cannot = `Cannot load ${server} port ${port}: found`;
  if (counts.naks > 0) {
    return {
      exitCode: exitCodes.refused,
      line: `${cannot} ${counts.naks} NAKs and no ACK, expected ACKs: the log of the server says why it refuses`,
    };
  }
  if (endedEarly === "stopped") {
    return { exitCode: exitCodes.refused, line: `${cannot} a signal before the first result, expected none` };
  }
  const ignored = counts.ignored > 0 ? `, and ${counts.ignored} datagrams that answer no client` : "";
  return {
    exitCode: exitCodes.unreachable,
    line: `${cannot} ${silence(latencies.offer.count, counts)}${ignored}, expected a DHCP 4o6 server or relay`,
  };
}

function silence(offers: number, { socketErrors }: LoadReport["counts"]): string {
  if (offers > 0) return `${offers} OFFERs and no ACK`;
  return socketErrors > 0 ? "a port on which nobody listens" : "no answer";
}
