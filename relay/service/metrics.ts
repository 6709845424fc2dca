/**
 * Metrics of a relay for Prometheus. Counts per datagram are plain numbers that are read at each scrape. Only values
 * that are measured once per POST go into histograms.
 *
 * @module
 */
import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "prom-client";
import { createProcessRegistry } from "../../src/process-metrics.ts";
import { version } from "../../src/version.ts";
import { readKernelSockets } from "../sockets/kernel-sockets.ts";
import type { RelayObserver } from "../observer.ts";
import { dropReasons } from "../reasons.ts";
import type { RelayStatus } from "../relay.ts";

/** Metrics, and the observer that feeds their histograms. */
export interface RelayMetrics {
  readonly observer: RelayObserver;
  readonly contentType: string;
  /** Formats all metrics as they are now. */
  readonly read: () => Promise<string>;
}

/** Upper bounds in seconds: from a round trip in the local network to twice the default deadline. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8];

const framesBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** A value with its labels. */
type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/**
 * Creates the metrics of a relay.
 *
 * @param status Returns the relay's current status; called at each scrape.
 * @param linesLost Returns how many lines the log has lost.
 */
export function createMetrics(status: () => RelayStatus, linesLost: () => number): RelayMetrics {
  const registry = createProcessRegistry();
  addGauge(registry, ["build_info", "Release of this relay. The value is 1", "version"], () => [
    [{ version }, 1],
  ]);
  addCounters(registry, status);
  addGauges(registry, status);
  addKernelMetrics(registry);
  addCounter(
    registry,
    ["log_lines_lost_total", "Log lines that were lost because they could not be written"],
    () => [[{}, linesLost()]],
  );
  return {
    observer: createObserver(registry),
    contentType: registry.contentType,
    read: () => registry.metrics(),
  };
}

function createObserver(registry: Registry): RelayObserver {
  const registers = [registry];
  const batch = new Histogram({
    name: "apportion_relay_batch_frames",
    help: "Frames in a batch for one POST",
    buckets: framesBuckets,
    registers,
  });
  const wait = new Histogram({
    name: "apportion_relay_queue_wait_seconds",
    help: "How long the oldest frame of a batch waited in the queue",
    buckets: secondsBuckets,
    registers,
  });
  const post = new Histogram({
    name: "apportion_relay_post_duration_seconds",
    help: "How long POSTs took, by allocator and by outcome: answers, unavailable, refused, malformed",
    labelNames: ["allocator", "outcome"],
    buckets: secondsBuckets,
    registers,
  });
  return {
    batched: (frames, oldestWaitedMs) => {
      batch.observe(frames.length);
      wait.observe(oldestWaitedMs / 1000);
    },
    posted: ({ allocator, outcome, elapsedMs }) => {
      post.observe({ allocator, outcome: outcome.kind }, elapsedMs / 1000);
    },
  };
}

/** Adds a counter that takes its values from `samples` at each scrape. */
function addCounter(
  registry: Registry,
  [name, help, ...labelNames]: readonly [string, string, ...string[]],
  samples: () => readonly Sample[],
): void {
  const counter = new Counter({
    name: `apportion_relay_${name}`,
    help,
    labelNames,
    registers: [registry],
    collect: () => {
      counter.reset();
      for (const [labels, value] of samples()) counter.inc(labels, value);
    },
  });
}

function addGauge(
  registry: Registry,
  [name, help, ...labelNames]: readonly [string, string, ...string[]],
  samples: () => readonly Sample[],
): void {
  const gauge = new Gauge({
    name: `apportion_relay_${name}`,
    help,
    labelNames,
    registers: [registry],
    collect: () => {
      gauge.reset();
      for (const [labels, value] of samples()) gauge.set(labels, value);
    },
  });
}

function addCounters(registry: Registry, status: () => RelayStatus): void {
  const byType = (counts: Readonly<Record<string, number>>): Sample[] =>
    Object.entries(counts).map(([type, count]) => [{ type }, count]);
  addCounter(
    registry,
    ["received_datagrams_total", "Datagrams from clients and relays, by DHCPv6 message type", "type"],
    () => byType(status().counters.receivedByType),
  );
  addCounter(
    registry,
    ["sent_datagrams_total", "Datagrams to clients and relays, by DHCPv6 message type", "type"],
    () => byType(status().counters.sentByType),
  );
  addCounter(
    registry,
    ["dropped_datagrams_total", "Dropped datagrams and answers, by reason", "reason"],
    () => {
      const { dropped } = status().counters;
      return Object.keys(dropReasons).map((reason) => [
        { reason },
        (dropped as Readonly<Record<string, number>>)[reason] ?? 0,
      ]);
    },
  );
  addCounter(registry, ["forwarded_frames_total", "Frames that were put into POSTs"], () => [
    [{}, status().counters.forwarded],
  ]);
  addCounter(registry, ["server_datagrams_total", "Messages that were relayed to DHCPv6 servers"], () => [
    [{}, status().counters.toServers],
  ]);
  addCounter(
    registry,
    ["untrusted_datagrams_total", "Datagrams with a relay level that was not believed, dropped or not"],
    () => [[{}, status().counters.untrusted]],
  );
  addCounter(registry, ["answered_frames_total", "Frames in the answers to POSTs"], () => [
    [{}, status().counters.answered],
  ]);
}

function addGauges(registry: Registry, status: () => RelayStatus): void {
  const queue = (name: string, help: string, read: (queue: RelayStatus["queue"]) => number): void => {
    addGauge(registry, [`queue_${name}`, help], () => [[{}, read(status().queue)]]);
  };
  queue("frames", "Frames that wait for a POST", ({ frames }) => frames);
  queue("bytes", "Octets that wait for a POST", ({ octets }) => octets);
  queue("oldest_seconds", "How long the oldest frame has waited", ({ oldestMs }) => oldestMs / 1000);
  addGauge(registry, ["sources", "Sources whose rate is tracked"], () => [[{}, status().sources]]);
  addGauge(registry, ["posts_in_flight", "POSTs that wait for their answer", "allocator"], () =>
    status().allocators.map(({ url, postsInFlight }) => [{ allocator: url }, postsInFlight]),
  );
  addGauge(
    registry,
    [
      "allocator_up",
      "1 while POSTs go to an allocator; 0 while it is left alone after a failure",
      "allocator",
    ],
    () => status().allocators.map(({ url, state }) => [{ allocator: url }, state === "quarantined" ? 0 : 1]),
  );
  addGauge(
    registry,
    [
      "receive_buffer_bytes",
      "Receive buffer that the kernel granted; Linux reports twice the size",
      "listener",
    ],
    () =>
      status().listeners.map(({ endpoint, receiveBufferGranted }) => [
        { listener: endpoint },
        receiveBufferGranted,
      ]),
  );
  addGauge(registry, ["receive_buffer_wanted_bytes", "Receive buffer that was requested", "listener"], () =>
    status().listeners.map(({ endpoint, receiveBufferWanted }) => [
      { listener: endpoint },
      receiveBufferWanted,
    ]),
  );
}

function addKernelMetrics(registry: Registry): void {
  addCounter(
    registry,
    [
      "kernel_dropped_datagrams_total",
      "Datagrams that the kernel dropped because a receive buffer was full",
      "endpoint",
    ],
    () => readKernelSockets().map(({ endpoint, dropped }) => [{ endpoint }, dropped]),
  );
  addGauge(
    registry,
    ["kernel_queued_bytes", "Octets that wait in receive buffers of the kernel", "endpoint"],
    () => readKernelSockets().map(({ endpoint, queuedOctets }) => [{ endpoint }, queuedOctets]),
  );
}
