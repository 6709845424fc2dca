/**
 * Summarizes what a relay did: one line a minute in the log, instead of one for each datagram.
 *
 * @module
 */
import { readKernelSockets } from "../sockets/kernel-sockets.ts";
import type { CountersSnapshot } from "../counters.ts";
import type { RelayLog } from "../observer.ts";
import type { Relay } from "../relay.ts";

/**
 * Logs a summary at regular intervals, while datagrams come: what was received, answered and dropped, by reason.
 * Datagrams that the kernel dropped are a warning, because no client is told.
 *
 * @param intervalMs Milliseconds between two lines.
 * @returns Function that stops it.
 */
export function startReports({ counters }: Relay, log: RelayLog, intervalMs: number): () => void {
  let last = counters.snapshot();
  let lastKernelDrops = countKernelDrops();
  const timer = setInterval(() => {
    const now = counters.snapshot();
    const summary = summarize(last, now);
    if (summary !== undefined) log.info(summary, "relayed");
    const kernelDrops = countKernelDrops();
    if (kernelDrops > lastKernelDrops) {
      const count = kernelDrops - lastKernelDrops;
      log.warn({ count }, "the kernel dropped datagrams: a receive buffer was full");
    }
    last = now;
    lastKernelDrops = kernelDrops;
  }, intervalMs).unref();
  return () => {
    clearInterval(timer);
  };
}

/** @returns What has changed between two readings; undefined if nothing has. */
function summarize(before: CountersSnapshot, after: CountersSnapshot): object | undefined {
  const counts = differences(before, after);
  const dropped = differences(before.dropped, after.dropped);
  const hasDrops = Object.keys(dropped).length > 0;
  if (Object.keys(counts).length === 0 && !hasDrops) return undefined;
  return { ...counts, ...(hasDrops && { dropped }) };
}

/** @returns The counts that have grown, by how much. */
function differences(before: object, after: object): Record<string, number> {
  const former = new Map<string, unknown>(Object.entries(before));
  const changes = Object.entries(after).flatMap(([name, count]: [string, unknown]) =>
    typeof count === "number" ? [[name, count - Number(former.get(name) ?? 0)] as const] : [],
  );
  return Object.fromEntries(changes.filter(([, change]) => change > 0));
}

function countKernelDrops(): number {
  return readKernelSockets().reduce((sum, { dropped }) => sum + dropped, 0);
}
