/**
 * `apportion load`: many DHCP 4o6 clients at once, against any server or relay.
 *
 * @module
 */
import { Command } from "commander";
import { UnreachableError } from "../failure.ts";
import { createGoodput } from "../load/goodput.ts";
import { heldRowsOf, leasesOf } from "../load/lease-table.ts";
import { leaseLoad, releaseLoad, renewLoad } from "../load/load.ts";
import type { LoadOptions } from "../load/options.ts";
import { findOverlaps } from "../load/overlaps.ts";
import type { LoadResult } from "../load/result.ts";
import { print, printError } from "../program-output.ts";
import { systemTiming } from "../timing.ts";
import { addLoadOptions, loadOptionsOf, preparationOf } from "./load-options.ts";
import type { LoadFlags } from "./load-options.ts";
import { watchLoad } from "./load-progress.ts";
import { formatLoadReport, overlapReport } from "./load-report.ts";
import type { LoadReport } from "./load-report.ts";
import { verdictOf } from "./load-verdict.ts";
import { exitOnFailure, interruption } from "./process.ts";

/** Creates the command. */
export function loadCommand(): Command {
  return addLoadOptions(new Command("load"))
    .description("load a DHCP 4o6 server or relay with many clients, and measure it")
    .action(exitOnFailure(runLoad));
}

async function runLoad(flags: LoadFlags): Promise<void> {
  const options = loadOptionsOf(flags);
  const stop = interruption("Ending with the exchanges in flight; a second signal ends at once");
  const report = await reach(options, run(flags, { ...options, stop }));
  const verdict = verdictOf(report, flags.dropsMax);
  // If nobody answered, this line says everything.
  if (hasResults(report))
    print(flags.json === true ? `${JSON.stringify(report)}\n` : `${formatLoadReport(report).join("\n")}\n`);
  if (verdict.line !== undefined) printError(`${verdict.line}\n`);
  process.exitCode = verdict.exitCode;
}

function hasResults({ endedEarly, latencies, counts, leases }: LoadReport): boolean {
  return leases + latencies.offer.count + counts.naks > 0 || endedEarly === "stopped";
}

/** A socket may find no way to the server. */
async function reach<T>({ server, port }: LoadOptions, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new UnreachableError(`Cannot reach ${server} port ${port}: ${error.message}`, { cause: error });
  }
}

async function run(flags: LoadFlags, options: LoadOptions): Promise<LoadReport> {
  if (flags.mode === "dora") return measure(flags, (watched) => leaseLoad({ ...options, ...watched }));
  const prepared = await leaseLoad({
    ...preparationOf(flags),
    stop: options.stop,
    onProgress: watchLoad("dora", flags.reportEvery),
  });
  const { leases } = prepared;
  // Without a lease there is nothing to measure, and the report says what became of the preparation.
  if (heldRowsOf(leases).length === 0) return reportOf(flags, prepared, { slowestSecond: undefined });
  if (flags.mode === "release") return release(flags, options, prepared);
  return measure(flags, (watched) => renewLoad({ ...options, ...watched }, leases));
}

async function measure(
  flags: LoadFlags,
  load: (watched: Pick<LoadOptions, "onAck" | "onProgress">) => Promise<LoadResult>,
): Promise<LoadReport> {
  const goodput = createGoodput(systemTiming.nowMs);
  const result = await load({
    onAck: goodput.count,
    onProgress: watchLoad(flags.mode, flags.reportEvery),
  });
  return reportOf(flags, result, { slowestSecond: goodput.slowestSecond() });
}

/** RELEASEs are not answered: latencies and counts are those of the leases before. */
async function release(flags: LoadFlags, options: LoadOptions, prepared: LoadResult): Promise<LoadReport> {
  const before = reportOf(flags, prepared, { slowestSecond: undefined });
  const { nowMs } = systemTiming;
  const beganMs = nowMs();
  const exchanges = await releaseLoad(options, prepared.leases);
  const seconds = (nowMs() - beganMs) / 1000;
  const unfinished = before.leases - exchanges;
  return {
    ...before,
    seconds,
    endedEarly: unfinished > 0 ? "stopped" : null,
    exchanges,
    perSecond: exchanges / seconds,
    dropRatio: null,
    counts: { ...before.counts, unfinished },
  };
}

function reportOf(
  { mode, server, port, clients }: LoadFlags,
  { elapsedMs, endedEarly, offer, ack, exchange, counts, leases }: LoadResult,
  { slowestSecond }: { readonly slowestSecond: number | undefined },
): LoadReport {
  const seconds = elapsedMs / 1000;
  const held = leasesOf(leases);
  const ended = exchange.count + counts.timeouts + counts.naks;
  return {
    mode,
    server,
    port,
    clients,
    seconds,
    endedEarly: endedEarly ?? null,
    exchanges: exchange.count,
    perSecond: exchange.count / seconds,
    slowestSecond: slowestSecond ?? null,
    dropRatio: ended === 0 ? 0 : counts.timeouts / ended,
    latencies: { offer, ack, exchange },
    counts,
    leases: held.length,
    overlaps: findOverlaps(held).map(overlapReport),
  };
}
