/**
 * `/metrics`: pool statistics from the database, and the counters of this instance.
 *
 * @module
 */
import type { Handler } from "hono";
import { getRuntimeKey } from "hono/adapter";
import type { ClockMeasure } from "../../store/evidence/clock.ts";
import type { PoolStatistics } from "../../store/evidence/slot-counts.ts";
import { slotStates } from "../../store/evidence/slot-state.ts";
import type { Store } from "../../store/store.ts";
import { version } from "../../version.ts";
import type { AuthEnv } from "../auth.ts";
import type { Counters } from "../../allocator/counters.ts";
import type { Histogram } from "../../allocator/histogram.ts";
import { expositionType, formatMetrics } from "./exposition.ts";
import type { Metric, Sample } from "./exposition.ts";

/** Sources of the metrics. */
export interface MetricsDeps {
  readonly store: Pick<Store, "clock" | "statistics" | "maintenance">;
  readonly counters: Counters;
  /** Requests by `endpoint:status` (`count-requests.ts`). */
  readonly requests: Counters;
  readonly transactionSeconds: Histogram;
  /** Rejects when a batch cannot be committed: the check of `/readyz`. */
  readonly ensureReady: () => Promise<void>;
  /** Returns how many lines the log has lost; undefined if it loses none. */
  readonly linesLost?: (() => number) | undefined;
  /** Formats the metrics of the process, where the platform has some. */
  readonly processMetrics?: (() => Promise<string>) | undefined;
}

const ofInstance = "Counted by this instance since it started; an edge isolate soon loses its counts.";

/**
 * Creates the handler. A token that is restricted to a domain sees the pools of that domain, but no metrics of the
 * instance. When a database cannot be reached, only its own pools are missing. A monitor still sees the rest, and a
 * gauge counts the unreachable databases.
 */
export function metricsEndpoint(deps: MetricsDeps): Handler<AuthEnv> {
  return async (context) => {
    const principal = context.get("principal");
    const { pools, unreachable } = await deps.store.statistics.countReachable(principal);
    const isOfInstance = principal.domain === null;
    const metrics = [poolSlots(pools), ...(isOfInstance ? await instanceMetrics(deps, unreachable) : [])];
    const ofProcess = isOfInstance ? ((await deps.processMetrics?.()) ?? "") : "";
    return new Response(formatMetrics(metrics) + ofProcess, {
      headers: { "content-type": expositionType, "cache-control": "no-store" },
    });
  };
}

/** Metrics that concern more than one domain. */
async function instanceMetrics(deps: MetricsDeps, unreachable: number): Promise<Metric[]> {
  const { store, counters, requests, transactionSeconds, ensureReady, linesLost = () => 0 } = deps;
  const isUp = await ensureReady().then(
    () => true,
    () => false,
  );
  return [
    buildInfo(),
    databaseUp(isUp),
    unreachableDatabases(unreachable),
    ...clockMetrics(await store.clock.measure()),
    lastHousekeeping(await store.maintenance.lastHousekeeping()),
    ...countersOf(counters),
    requestsOf(requests),
    transactionDuration(transactionSeconds),
    lostLines(linesLost()),
  ];
}

function buildInfo(): Metric {
  return {
    name: "apportion_build_info",
    type: "gauge",
    help: "Release of this instance, and the platform that it runs on. The value is 1.",
    samples: [{ labels: { version, platform: getRuntimeKey() }, value: 1 }],
  };
}

function poolSlots(pools: readonly PoolStatistics[]): Metric {
  return {
    name: "apportion_pool_slots",
    type: "gauge",
    help: "Slots of a pool by state. The states add up to the pool: addresses times usable PSIDs. From the database.",
    samples: pools.flatMap((counts) => {
      const { domain, pool } = counts;
      return slotStates.map((state) => ({ labels: { domain, pool, state }, value: counts[state] }));
    }),
  };
}

/** The gauges of pools may be some minutes old, so they don't show an outage at once. */
function databaseUp(isUp: boolean): Metric {
  return {
    name: "apportion_database_up",
    type: "gauge",
    help: "1 if a batch can be committed now, as for /readyz; otherwise 0: clients get no leases.",
    samples: [{ value: isUp ? 1 : 0 }],
  };
}

function unreachableDatabases(count: number): Metric {
  return {
    name: "apportion_databases_unreachable",
    type: "gauge",
    help: "Databases that could not be read for this response, which lacks the gauges of their pools.",
    samples: [{ value: count }],
  };
}

function lostLines(count: number): Metric {
  return {
    name: "apportion_log_lines_lost_total",
    type: "counter",
    help: `Log lines that were lost because they could not be written. ${ofInstance}`,
    samples: [{ value: count }],
  };
}

/** With several files, the clock that differs most is shown. A server's clock is not compared with anything. */
function clockMetrics(measures: readonly ClockMeasure[]): Metric[] {
  const differences = measures.map(({ differenceMs }) => differenceMs / 1000);
  const largest = differences.sort((a, b) => Math.abs(b) - Math.abs(a)).slice(0, 1);
  return [
    {
      name: "apportion_clock_difference_seconds",
      type: "gauge",
      help: "The machine's clock less the clock of the database file; 2 s or more is a step that is not followed.",
      samples: largest.map((value) => ({ value })),
    },
    {
      name: "apportion_clock_steps_total",
      type: "counter",
      help: "Steps of the machine's clock that were ever recorded. From the database file.",
      samples: measures.length === 0 ? [] : [{ value: measures.reduce((sum, { steps }) => sum + steps, 0) }],
    },
  ];
}

/** A database that was never cleaned counts from its creation. */
function lastHousekeeping(seconds: readonly number[]): Metric {
  return {
    name: "apportion_housekeeping_last_success_timestamp_seconds",
    type: "gauge",
    help: "When housekeeping last finished in all databases, in Unix seconds. From the databases that can be read.",
    samples: seconds.length === 0 ? [] : [{ value: Math.min(...seconds) }],
  };
}

/** The other counters are named `outcome` or `outcome:reason` (`allocator/record-decision.ts`). */
function countersOf(counters: Counters): Metric[] {
  const { messages = 0, messagesWithoutBelief = 0, answersLeftOut = 0, ...decisions } = counters.snapshot();
  return [
    {
      name: "apportion_received_messages_total",
      type: "counter",
      help: `Messages that relays sent. ${ofInstance}`,
      samples: [{ value: messages }],
    },
    {
      name: "apportion_received_messages_without_belief_total",
      type: "counter",
      help: `Messages whose relay did not state which inner levels may be believed. ${ofInstance}`,
      samples: [{ value: messagesWithoutBelief }],
    },
    {
      name: "apportion_decisions_total",
      type: "counter",
      help: `Messages by outcome (offer, ack, settings, nak or silence) and reason. ${ofInstance}`,
      samples: Object.entries(decisions).map(([name, value]): Sample => {
        const [outcome = "", reason = ""] = name.split(":");
        return { labels: { outcome, reason }, value };
      }),
    },
    {
      name: "apportion_answers_left_out_total",
      type: "counter",
      help: `Answers that did not fit in a response that relays accept. ${ofInstance}`,
      samples: [{ value: answersLeftOut }],
    },
  ];
}

function requestsOf(requests: Counters): Metric {
  return {
    name: "apportion_http_requests_total",
    type: "counter",
    help: `HTTP requests by endpoint (relay, admin or other) and status. ${ofInstance}`,
    samples: Object.entries(requests.snapshot()).map(([name, value]): Sample => {
      const [endpoint = "", status = ""] = name.split(":");
      return { labels: { endpoint, status }, value };
    }),
  };
}

function transactionDuration(histogram: Histogram): Metric {
  const { buckets, sum, count } = histogram.snapshot();
  return {
    name: "apportion_database_transaction_duration_seconds",
    type: "histogram",
    help: `Time of one transaction that served messages, including round trip and commit. ${ofInstance}`,
    samples: [
      ...buckets.map((bucket) => ({
        suffix: "_bucket",
        labels: { le: String(bucket.bound) },
        value: bucket.count,
      })),
      { suffix: "_bucket", labels: { le: "+Inf" }, value: count },
      { suffix: "_sum", value: sum },
      { suffix: "_count", value: count },
    ],
  };
}
