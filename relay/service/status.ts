/**
 * `apportion-relay status`: reads the current status of a relay, and formats it for the operator.
 *
 * @module
 */
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { UnreachableError } from "../../src/failure.ts";
import { formatTable } from "../../src/text-table.ts";
import type { KernelSocket } from "../sockets/kernel-sockets.ts";
import { dropReasons } from "../reasons.ts";
import type { DropReason } from "../reasons.ts";
import type { RelayStatus } from "../relay.ts";

/** Status of a relay, as its status socket reports it. */
export interface StatusReport extends RelayStatus {
  readonly pid: number;
  /** Seconds since the relay started. */
  readonly uptimeSeconds: number;
  /** Kernel counters of the relay's sockets. */
  readonly kernel: readonly KernelSocket[];
}

/** Path of the status socket when the relay runs as a systemd service. */
export const defaultStatusSocket = "/run/apportion-relay/status.sock";

/**
 * Requests the status of a relay.
 *
 * @param socket Path of its status socket.
 * @throws {UnreachableError} If no relay answers there.
 */
export async function readStatus(socket: string): Promise<StatusReport> {
  try {
    return JSON.parse(await get(socket, "/status")) as StatusReport;
  } catch (error) {
    const found = `found ${(error as Error).message}`;
    const expected = "expected a relay that runs with this --status-socket or status.socket";
    throw new UnreachableError(`Cannot read the status of the relay at ${socket}: ${found}, ${expected}`, {
      cause: error,
    });
  }
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const pending = request({ socketPath, path }, (response) => {
      text(response).then(resolve, reject);
    });
    pending.on("error", reject).end();
  });
}

/** Formats a status as lines of text. */
export function formatStatus(report: StatusReport): string[] {
  const { counters, queue, listeners, allocators, kernel } = report;
  const kernelDrops = kernel.reduce((sum, { dropped }) => sum + dropped, 0);
  return [
    `process ${report.pid}, running for ${formatDuration(report.uptimeSeconds)}`,
    `${counters.received} datagrams received, ${counters.sent} sent; the kernel dropped ${kernelDrops}`,
    `${queue.frames} frames (${queue.octets} octets) waiting, the oldest for ${Math.round(queue.oldestMs)} ms`,
    "",
    ...formatTable(
      ["listener", "buffer requested", "granted"],
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
    ...formatUntrusted(report.untrustedRelays),
    ...formatDrops(counters.dropped),
  ];
}

function formatUntrusted(relays: StatusReport["untrustedRelays"]): string[] {
  const rows = relays.map(({ address, listener, count }) => [address, listener, String(count)]);
  return rows.length === 0
    ? []
    : ["", ...formatTable(["untrusted relay", "listener", "datagrams"], rows, { alignNumbersRight: true })];
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
