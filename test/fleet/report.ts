/**
 * Prints rounds and the result of a fleet.
 *
 * @module
 */
import type { Disturbance } from "./chaos.ts";
import type { FleetOptions, FleetResult, Round } from "./fleet.ts";

const number = (value: number): string => value.toLocaleString("en-US");

/** @returns One line for a round, and one for each fault that its check found. */
export function formatRound({ number: round, seconds, kills, acks, held, faults }: Round): string {
  const line =
    `round ${round}: ${seconds.toFixed(0)} s; so far ${number(kills)} kills, ${number(acks)} DHCPACKs; ` +
    `${number(held)} leases compared; ${faults.length} faults`;
  return [line, ...faults.map((fault) => `  ${fault}`), ""].join("\n");
}

/** @returns The table at the end of a run. */
export function formatResult(
  result: FleetResult,
  { database, allocators }: Pick<FleetOptions, "database" | "allocators">,
) {
  const happened = (kind: Disturbance): string => number(result.disturbances[kind] ?? 0);
  const kinds =
    database === "server" ? (["allocator", "relay", "server"] as const) : (["allocator", "relay"] as const);
  const total = kinds.reduce((sum, kind) => sum + (result.disturbances[`kill-${kind}`] ?? 0), 0);
  const rows: readonly (readonly [string, string])[] = [
    ["database", `${database}, ${allocators} allocators and relays`],
    ["time", `${(result.seconds / 60).toFixed(1)} minutes, ${result.rounds} rounds`],
    ["kills", number(total)],
    ...kinds.map((kind) => [`  of ${kind}s`, happened(`kill-${kind}`)] as const),
    ["  of a stopped process", number(result.killsOfPaused)],
    ["  while another was stopped", number(result.killsWhilePaused)],
    ["  while another restarted", number(result.killsWhileRestarting)],
    ...kinds.map((kind) => [`restart of ${kind}s`, describeTimes(result.restartsMs[kind])] as const),
    ["killed while starting", number(result.killsOfStarting)],
    ...(database === "server"
      ? ([["server killed because it hung", number(result.serverHangs)]] as const)
      : []),
    ["starts that failed", number(result.failedStarts.length)],
    ...kinds.map((kind) => [`pauses of ${kind}s`, happened(`pause-${kind}`)] as const),
    ["clock steps", happened("set-clock")],
    ["DHCPACKs", number(result.acks)],
    ["  leases obtained", number(result.obtained)],
    ["  renewed", number(result.renewed)],
    ["released", number(result.released)],
    ["clients that went away", number(result.left)],
    ["ports passed on after a lease's end", number(result.passedOn.afterEnd)],
    ["ports passed on after a RELEASE", number(result.passedOn.afterRelease)],
    ["clients without an answer", number(result.timeouts)],
    ["faults", number(result.faults.length)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  const reasons = result.failedStarts.map((reason) => `failed start: ${reason}`);
  return [...lines, ...reasons, ...result.faults.map((fault) => `  ${fault}`), ""].join("\n");
}

/** @returns Median and longest of some times. */
function describeTimes(timesMs: readonly number[]): string {
  const sorted = timesMs.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) return "none";
  return `${(middle / 1000).toFixed(2)} s in the median, at most ${(sorted.at(-1)! / 1000).toFixed(2)} s`;
}
