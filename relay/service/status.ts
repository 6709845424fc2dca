/**
 * How a relay is, for an operator who asks now: `apportion-relay status`.
 *
 * @module
 */
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { formatTable } from "../../src/text-table.ts";
import type { KernelSocket } from "../sockets/kernel-sockets.ts";
import { dropReasons } from "../reasons.ts";
import type { DropReason } from "../reasons.ts";
import type { RelayStatus } from "../relay.ts";

/** What the status socket says. */
export interface StatusReport extends RelayStatus {
  readonly pid: number;
  /** Seconds since the relay began. */
  readonly uptimeSeconds: number;
  /** What the kernel says of our sockets. */
  readonly kernel: readonly KernelSocket[];
}

/** Where the status is found, in a service of systemd's. */
export const defaultStatusSocket = "/run/apportion-relay/status.sock";

/**
 * Asks a relay how it is.
 *
 * @param socket Path of its status socket.
 * @throws {Error} When nobody answers there.
 */
export async function readStatus(socket: string): Promise<StatusReport> {
  try {
    return JSON.parse(await get(socket, "/status")) as StatusReport;
  } catch (error) {
    throw new Error(`Cannot ask the relay at ${socket}: ${(error as Error).message}`, { cause: error });
  }
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path }, (response) => {
      text(response).then(resolve, reject);
    });
    asking.on("error", reject).end();
  });
}

/** Formats a status for people: lines of text. */
export function formatStatus(report: StatusReport): string[] {
  const { counters, queue, listeners, allocators, kernel } = report;
  const kernelDrops = kernel.reduce((sum, { dropped }) => sum + dropped, 0);
  return [
    `process ${report.pid}, running for ${formatDuration(report.uptimeSeconds)}`,
    `${counters.received} datagrams received, ${counters.sent} sent; the kernel dropped ${kernelDrops}`,
    `${queue.frames} frames (${queue.octets} octets) wait, the oldest for ${Math.round(queue.oldestMs)} ms`,
    "",
    ...formatTable(
      ["listener", "buffer wanted", "granted"],
      listeners.map((each) => [
        each.endpoint,
        String(each.receiveBufferWanted),
        String(each.receiveBufferGranted),
      ]),
      { alignNumbersRight: true },
    ),
    "",
    ...formatTable(
      ["allocator", "state", "in flight", "posts", "failed", "last failure"],
      allocators.map((each) => [
        each.url,
        each.state,
        String(each.postsInFlight),
        String(each.posts),
        String(each.postsFailed),
        each.lastFailure ?? "",
      ]),
      { alignNumbersRight: true },
    ),
    ...formatDrops(counters.dropped),
  ];
}

function formatDrops(dropped: RelayStatus["counters"]["dropped"]): string[] {
  const rows = Object.entries(dropped).map(([reason, count]) => [
    reason,
    String(count),
    dropReasons[reason as DropReason],
  ]);
  return rows.length === 0
    ? []
    : ["", ...formatTable(["dropped", "count", "meaning"], rows, { alignNumbersRight: true })];
}

function formatDuration(seconds: number): string {
  const [days, hours, minutes] = [86_400, 3600, 60].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ];
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}
