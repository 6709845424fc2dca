/**
 * Summarizes what an allocator decided: one line a minute in the log, instead of one for each message.
 *
 * @module
 */
import type { Timing } from "../timing.ts";
import type { Counters } from "./counters.ts";
import type { Log } from "./log.ts";

/** Counts of messages, by name of the counter. */
type Counts = Readonly<Record<string, number>>;

/** What was decided in a while. Outcomes and reasons that did not occur are absent. */
export interface Summary {
  readonly messages: number;
  readonly offer?: number;
  readonly ack?: number;
  /** Answers to clients that asked for settings only (DHCPINFORM). */
  readonly settings?: number;
  /** Refused requests, by reason. */
  readonly nak?: Counts;
  /** Messages without an answer, by reason. */
  readonly silence?: Counts;
}

/**
 * Summarizes the messages between two readings of the counters.
 *
 * @returns Undefined if none came.
 */
export function summarize(before: Counts, after: Counts): Summary | undefined {
  const summary: Record<string, number | Record<string, number>> = {};
  for (const [name, total] of Object.entries(after)) {
    const count = total - (before[name] ?? 0);
    const [kind = "", reason] = name.split(":");
    if (count === 0 || !summarized.has(kind)) continue;
    if (reason === undefined) summary[kind] = count;
    else summary[kind] = { ...(summary[kind] as Record<string, number>), [reason]: count };
  }
  return summary.messages === undefined ? undefined : (summary as unknown as Summary);
}

const summarized: ReadonlySet<string> = new Set(["messages", "offer", "ack", "settings", "nak", "silence"]);

/**
 * Logs a summary at regular intervals, while messages come.
 *
 * @param intervalMs Milliseconds between two lines.
 * @returns A function that stops it.
 */
export function startSummaries(
  counters: Counters,
  log: Log,
  { intervalMs, later }: { readonly intervalMs: number; readonly later: Timing["later"] },
): () => void {
  let last = counters.snapshot();
  let cancel: () => void;
  const wait = (): void => {
    cancel = later(() => {
      const now = counters.snapshot();
      const summary = summarize(last, now);
      if (summary !== undefined) log.info(summary, "served");
      last = now;
      wait();
    }, intervalMs);
  };
  wait();
  return () => {
    cancel();
  };
}
