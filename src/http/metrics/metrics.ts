/**
 * `/metrics`: pool statistics from the database, and the counters of this instance.
 *
 * @module
 */
import type { Handler } from "hono";
import type { ClockMeasure } from "../../store/evidence/clock.ts";
import type { PoolStatistics } from "../../store/evidence/slot-counts.ts";
import { slotStates } from "../../store/evidence/slot-state.ts";
import type { Store } from "../../store/store.ts";
import type { AuthEnv } from "../auth.ts";
import type { Counters } from "../../allocator/counters.ts";
import type { Histogram } from "../../allocator/histogram.ts";
import { expositionType, formatMetrics } from "./exposition.ts";
import type { Metric, Sample } from "./exposition.ts";

/** Sources of the metrics. */
export interface MetricsDeps {
  readonly store: Pick<Store, "clock" | "statistics">;
  readonly counters: Counters;
  readonly databaseSeconds: Histogram;
  /** Rejects when a batch cannot be committed: the check of `/readyz`. */
  readonly ensureReady: () => Promise<void>;
  /** Returns how many lines the log has lost; undefined if it loses none. */
  readonly linesLost?: (() => number) | undefined;
}

const ofInstance = "Counted by this instance since it started; an edge isolate soon loses its counts.";

/**
 * Creates the handler. A token that is restricted to a domain sees the pools of that domain, but no metrics of the
 * instance. When a database cannot be reached, only its own pools are missing. A monitor still sees the rest, and a
 * gauge counts the unreachable databases.
 */
export function metricsEndpoint({
  store,
  counters,
  databaseSeconds,
  ensureReady,
  linesLost = () => 0,
}: MetricsDeps): Handler<AuthEnv> {
  return async (context) => {
    const principal = context.get("principal");
    const { pools, unreachable } = await store.statistics.countReachable(principal);
    const own =
      principal.domain === null
        ? [
            databaseUp(
              await ensureReady().then(
                () => true,
                () => false,
              ),
            ),
            unreachableDatabases(unreachable),
            ...clockMetrics(await store.clock.measure()),
            ...countersOf(counters),
            histogramOf(databaseSeconds),
            lostLines(linesLost()),
          ]
        : [];
    return new Response(formatMetrics([...poolMetrics(pools), ...own]), {
      headers: { "content-type": expositionType, "cache-control": "no-store" },
    });
  };
}

function poolMetrics(pools: readonly PoolStatistics[]): Metric[] {
  const labels = ({ domain, pool }: PoolStatistics) => ({ domain, pool });
  return [
    {
      name: "apportion_pool_slots",
      type: "gauge",
      help: "Slots of a pool: addresses times usable PSIDs. From the database.",
      samples: pools.map((pool) => ({ labels: labels(pool), value: pool.total })),
    },
    {
      name: "apportion_pool_slots_by_state",
      type: "gauge",
      help: "Slots of a pool by state; the states add up to apportion_pool_slots. From the database.",
      samples: pools.flatMap((pool) =>
        slotStates.map((state) => ({ labels: { ...labels(pool), state }, value: pool[state] })),
      ),
    },
  ];
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

/** The other counters are named `kind` or `kind:reason` (`allocator/record-decision.ts`). */
function countersOf(counters: Counters): Metric[] {
  const {
    frames = 0,
    framesWithoutBelief = 0,
    rounds = 0,
    answersLeftOut = 0,
    ...answers
  } = counters.snapshot();
  return [
    {
      name: "apportion_frames_total",
      type: "counter",
      help: `Messages that relays sent. ${ofInstance}`,
      samples: [{ value: frames }],
    },
    {
      name: "apportion_frames_without_belief_total",
      type: "counter",
      help: `Messages whose relay did not state which inner levels may be believed. ${ofInstance}`,
      samples: [{ value: framesWithoutBelief }],
    },
    {
      name: "apportion_rounds_total",
      type: "counter",
      help: `Transactions that served messages. ${ofInstance}`,
      samples: [{ value: rounds }],
    },
    {
      name: "apportion_answers_left_out_total",
      type: "counter",
      help: `Answers that did not fit in a response that relays accept. ${ofInstance}`,
      samples: [{ value: answersLeftOut }],
    },
    {
      name: "apportion_answers_total",
      type: "counter",
      help: `Messages by outcome (offer, ack, nak or silence) and reason. ${ofInstance}`,
      samples: Object.entries(answers).map(([name, value]): Sample => {
        const [kind = "", reason = ""] = name.split(":");
        return { labels: { kind, reason }, value };
      }),
    },
  ];
}

function histogramOf(histogram: Histogram): Metric {
  const { buckets, sum, count } = histogram.snapshot();
  return {
    name: "apportion_database_seconds",
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
