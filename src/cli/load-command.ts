/**
 * `apportion load`: many DHCP 4o6 clients at once, against any server or relay.
 *
 * @module
 */
import { Command } from "commander";
import { exitCodes, UnreachableError, UsageError } from "../failure.ts";
import { createGoodput } from "../load/goodput.ts";
import type { Goodput } from "../load/goodput.ts";
import { leasesOf } from "../load/lease-table.ts";
import { leaseLoad, releaseLoad, renewLoad } from "../load/load.ts";
import type { LoadOptions, LoadProgress } from "../load/options.ts";
import { findOverlaps } from "../load/overlaps.ts";
import type { LoadResult } from "../load/result.ts";
import { print, printError } from "../program-output.ts";
import { systemTiming } from "../timing.ts";
import { addLoadOptions, loadOptionsOf } from "./load-options.ts";
import type { LoadFlags, LoadMode } from "./load-options.ts";
import { formatLoadReport, overlapReport } from "./load-report.ts";
import type { LoadReport } from "./load-report.ts";
import { exitOnFailure } from "./process.ts";

/** Creates the command. */
export function loadCommand(): Command {
  return addLoadOptions(new Command("load"))
    .description("load a DHCP 4o6 server or relay with many clients, and measure it")
    .action(exitOnFailure(runLoad));
}

async function runLoad(flags: LoadFlags): Promise<void> {
  const options = optionsOf(flags);
  const { nowMs } = systemTiming;
  const prepared = flags.mode === "dora" ? undefined : await prepare(options);
  const goodput = createGoodput(nowMs);
  const measured: LoadOptions = { ...options, onAck: goodput.count, onProgress: watch(flags.mode) };
  const report =
    flags.mode === "release"
      ? await release(options, prepared!)
      : reportOf(flags, await measure(measured, prepared), goodput);
  print(flags.json === true ? `${JSON.stringify(report)}\n` : `${formatLoadReport(report).join("\n")}\n`);
  if (report.overlaps.length > 0 || report.counts.moved > 0) process.exitCode = exitCodes.refused;
}

function optionsOf(flags: LoadFlags): LoadOptions {
  try {
    return loadOptionsOf(flags);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`Cannot use --hint-psid-length: ${error.message}`, { cause: error });
  }
}

/** The leases that are renewed or released. Each client gets one, whatever the flags say about time. */
async function prepare(options: LoadOptions): Promise<LoadResult> {
  const each = { ...options, perSecond: undefined, beginsForMs: undefined, lossRatio: 0 };
  return reached(options, await attempt(options, leaseLoad({ ...each, onProgress: watch("dora") })));
}

async function measure(options: LoadOptions, prepared: LoadResult | undefined): Promise<LoadResult> {
  if (prepared === undefined) return reached(options, await attempt(options, leaseLoad(options)));
  return attempt(options, renewLoad(options, prepared.leases));
}

/** A socket may find no way to the server. */
async function attempt<T>({ server, port }: LoadOptions, load: Promise<T>): Promise<T> {
  try {
    return await load;
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new UnreachableError(`Cannot reach ${server} port ${port}: ${error.message}`, { cause: error });
  }
}

/** @throws {UnreachableError} When nobody answered. */
function reached({ server, port }: LoadOptions, result: LoadResult): LoadResult {
  const { offer, counts } = result;
  if (offer.count > 0 || counts.naks > 0) return result;
  const why = counts.socketErrors > 0 ? "a port on which nobody listens" : "no answer";
  const ignored = counts.ignored > 0 ? `, and ${counts.ignored} datagrams that answer no client` : "";
  throw new UnreachableError(
    `Cannot load ${server} port ${port}: found ${why}${ignored}, expected a DHCP 4o6 server or relay`,
  );
}

/** Milliseconds between two progress lines. */
const progressMs = 1000;

/**
 * Shows the progress on a terminal, and ends a load that only meets closed ports.
 *
 * @param mode What is being done.
 */
function watch(mode: LoadMode): (progress: LoadProgress) => boolean {
  const isShown = process.stderr.isTTY;
  let shownMs = 0;
  let wasDone = 0;
  return ({ elapsedMs, done, inFlight, counts }) => {
    if (isShown && elapsedMs - shownMs >= progressMs) {
      const perSecond = ((done - wasDone) * 1000) / (elapsedMs - shownMs);
      printError(
        `\r${(elapsedMs / 1000).toFixed(0)} s  ${mode}: ${done} done, ${perSecond.toFixed(0)} a second, ` +
          `${inFlight} in flight, ${counts.timeouts} without an answer, ${counts.naks} NAKs\u001b[K`,
      );
      [shownMs, wasDone] = [elapsedMs, done];
    }
    if (isShown && inFlight === 0 && shownMs > 0) printError("\r\u001b[K");
    return done > 0 || counts.socketErrors === 0;
  };
}

function reportOf(flags: LoadFlags, result: LoadResult, goodput: Goodput): LoadReport {
  const { elapsedMs, offer, ack, exchange, counts, leases } = result;
  const { mode, server, port, clients } = flags;
  const seconds = elapsedMs / 1000;
  const held = leasesOf(leases);
  const ended = exchange.count + counts.timeouts + counts.naks;
  return {
    mode,
    server,
    port,
    clients,
    seconds,
    exchanges: exchange.count,
    perSecond: exchange.count / seconds,
    slowestSecond: goodput.slowestSecond() ?? null,
    dropRatio: ended === 0 ? 0 : counts.timeouts / ended,
    latencies: { offer, ack, exchange },
    counts,
    leases: held.length,
    overlaps: findOverlaps(held).map(overlapReport),
  };
}

async function release(options: LoadOptions, prepared: LoadResult): Promise<LoadReport> {
  const held = leasesOf(prepared.leases);
  const { nowMs } = systemTiming;
  const beganMs = nowMs();
  const sent = await attempt(options, releaseLoad(options, prepared.leases));
  const seconds = (nowMs() - beganMs) / 1000;
  const { server, port, clients } = options;
  const { offer, ack, exchange, counts } = prepared;
  return {
    mode: "release",
    server,
    port,
    clients,
    seconds,
    exchanges: sent,
    perSecond: sent / seconds,
    slowestSecond: null,
    dropRatio: 0,
    latencies: { offer, ack, exchange },
    counts,
    leases: held.length,
    overlaps: findOverlaps(held).map(overlapReport),
  };
}
