/**
 * Logs the counters of a relay at regular intervals: its own, the drops by reason, and the datagrams that the kernel
 * dropped.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { readKernelSockets } from "../sockets/kernel-sockets.ts";
import { dropReasons } from "../reasons.ts";
import type { DropReason } from "../reasons.ts";
import type { RelayLog } from "../observer.ts";
import type { Relay } from "../relay.ts";

/**
 * Logs changes at regular intervals: one line with all counters, one for each reason with the number of drops, and one
 * for datagrams that the kernel dropped.
 *
 * @param intervalMs Milliseconds between two reports.
 * @returns Function that stops the reports.
 */
export function startReports({ counters }: Relay, log: RelayLog, intervalMs: number): () => void {
  let last = counters.snapshot();
  let lastKernelDrops = countKernelDrops();
  const timer = setInterval(() => {
    const now = counters.snapshot();
    if (!isDeepStrictEqual(now, last)) log.info(now, "relay counters");
    for (const [reason, total] of Object.entries(now.dropped)) {
      const count = total - (last.dropped[reason as DropReason] ?? 0);
      if (count > 0) log.warn({ reason, count, meaning: dropReasons[reason as DropReason] }, "dropped");
    }
    const kernelDrops = countKernelDrops();
    if (kernelDrops > lastKernelDrops) {
      const count = kernelDrops - lastKernelDrops;
      log.warn({ count }, "the kernel dropped datagrams: a receive buffer was full");
    }
    last = now;
    lastKernelDrops = kernelDrops;
  }, intervalMs);
  return () => {
    clearInterval(timer);
  };
}

function countKernelDrops(): number {
  return readKernelSockets().reduce((sum, { dropped }) => sum + dropped, 0);
}
