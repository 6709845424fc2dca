/**
 * `apportion-relay status`: reads the current status of a relay, and formats it for the operator.
 *
 * @module
 */
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import * as v from "valibot";
import { UnreachableError } from "../../src/failure.ts";
import { relayStatusMsMax, relayStatusOctetsMax } from "../../src/limits.ts";
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

/** Fields that distinguish the status of a relay from the answer of another program. */
const statusShape = v.looseObject({
  pid: v.number(),
  uptimeSeconds: v.number(),
  kernel: v.array(v.looseObject({ dropped: v.number() })),
  counters: v.looseObject({
    received: v.number(),
    sent: v.number(),
    dropped: v.record(v.string(), v.number()),
  }),
  queue: v.looseObject({ frames: v.number(), octets: v.number(), oldestMs: v.number() }),
  listeners: v.array(v.looseObject({ endpoint: v.string() })),
  allocators: v.array(v.looseObject({ url: v.string(), state: v.string() })),
  untrustedRelays: v.array(v.looseObject({ address: v.string(), listener: v.string(), count: v.number() })),
});

/**
 * Requests the status of a relay.
 *
 * @param socket Path of its status socket.
 * @param answerMsMax Milliseconds that it may take. Default: {@link relayStatusMsMax}.
 * @throws {UnreachableError} If no relay answers there.
 */
export async function readStatus(socket: string, answerMsMax = relayStatusMsMax): Promise<StatusReport> {
  try {
    const answer: unknown = JSON.parse(await get(socket, "/status", answerMsMax));
    if (!v.is(statusShape, answer)) throw new TypeError("an answer of another form");
    return answer as unknown as StatusReport;
  } catch (error) {
    const found = `found ${describeFault(error as Error, answerMsMax)}`;
    const expected = "expected a relay that runs with this --status-socket or status.socket";
    throw new UnreachableError(`Cannot read the status of the relay at ${socket}: ${found}, ${expected}`, {
      cause: error,
    });
  }
}

function describeFault({ name, message }: Error, answerMsMax: number): string {
  if (name === "AbortError") return `no answer in ${answerMsMax / 1000} s`;
  return name === "SyntaxError" ? "an answer that is no JSON" : message;
}

function get(socketPath: string, path: string, answerMsMax: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { socketPath, path, signal: AbortSignal.timeout(answerMsMax) };
    const pending = request(options, (response) => {
      readAll(response).then(resolve, reject);
    });
    pending.on("error", reject).end();
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let octets = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    pieces.push(piece);
    octets += piece.length;
    // Leaving the loop ends the connection.
    if (octets > relayStatusOctetsMax) throw new RangeError(`more than ${relayStatusOctetsMax} octets`);
  }
  return Buffer.concat(pieces).toString("utf8");
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
