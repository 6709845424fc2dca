/**
 * Results as text.
 *
 * @module
 */
import type { ExcuseCount } from "../oracle/excuses.ts";
import type { Totals } from "./campaign.ts";
import type { MemoryReport } from "./memory-watch.ts";
import type { Outcome } from "./run-seed.ts";
import type { Reduction } from "./scenario.ts";

/** Formats what a campaign did. */
export function formatTotals(
  totals: Totals,
  { firstSeed, elapsedMs }: { readonly firstSeed: number; readonly elapsedMs: number },
): string {
  const { seeds, exchanges, grants, batches, virtualMs, cpuMs, memory, faults, excuses, failures } = totals;
  const rate = Math.round((exchanges / cpuMs) * 1000);
  const counts = [...faults].sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`);
  return [
    `${seeds} seeds from ${firstSeed}, ${exchanges} exchanges in ${batches} transactions, ${grants} grants, ${failures.length} violations`,
    `${(virtualMs / 3_600_000).toFixed(1)} hours of virtual time in ${Math.round(elapsedMs / 1000)} s; ${rate} exchanges a second of CPU time`,
    ...(memory === undefined ? [] : [formatMemory(memory)]),
    `faults: ${counts.length === 0 ? "none" : counts.join(", ")}`,
    formatExcuses(excuses),
  ].join("\n");
}

/** The rules that were excused most often in proportion come first. */
function formatExcuses(excuses: ReadonlyMap<string, ExcuseCount>): string {
  const shareOf = ({ judged, excused }: ExcuseCount): number => excused / judged;
  const all = [...excuses].sort(([, a], [, b]) => shareOf(b) - shareOf(a));
  return `excused: ${all.map(([name, { judged, excused }]) => `${name} ${excused} of ${judged}`).join(", ")}`;
}

function formatMemory({ firstOctets, nowOctets }: MemoryReport): string {
  const [first, now] = [firstOctets, nowOctets].map((octets) => Math.round(octets / 2 ** 20));
  return `memory of a process: ${first} MiB after its first seeds, at most ${now} MiB later`;
}

/** Formats a failure as a story, with the command that replays it. */
export function formatFailure(
  outcome: Exclude<Outcome, { kind: "held" }>,
  {
    exchanges,
    reduction,
    withStory,
  }: { readonly exchanges: number; readonly reduction: Reduction | undefined; readonly withStory: boolean },
): string {
  const { seed, step, kind, message, story } = outcome;
  const { without = [], clientsPercent = 100 } = reduction ?? {};
  const command = [
    `npm run simulate -- --seed ${seed} --exchanges ${exchanges}`,
    ...(without.length > 0 ? [`--without ${without.join(",")}`] : []),
    ...(clientsPercent < 100 ? [`--clients ${clientsPercent}`] : []),
    "--replay",
  ];
  return [
    ...(withStory ? ["", "The last events:", ...story, ""] : []),
    `seed ${seed}, step ${step}: ${kind === "violated" ? "a rule does not hold" : "something threw"}`,
    message,
    `Replay: ${command.join(" ")}`,
  ].join("\n");
}
