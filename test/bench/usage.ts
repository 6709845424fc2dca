/**
 * CPU time and memory of a process, as Linux counts them.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** CPU time and memory of a process. */
export interface Usage {
  /** Seconds in user and kernel mode, over all threads. */
  readonly cpuSeconds: number;
  /** Peak resident memory in MiB. */
  readonly peakMiB: number;
}

/** Clock ticks in a second. Linux always reports this unit to programs. */
const ticksPerSecond = 100;

/**
 * Reads what a process has used since it started.
 *
 * @throws {Error} When the process does not exist, or /proc is not available.
 */
export function readUsage(pid: number): Usage {
  // The process name is in parentheses and may contain any character, including parentheses and spaces.
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // Fields 14 and 15 of proc(5) are user and kernel time. `fields` begins with field 3.
  const ticks = Number(fields[14 - 3]) + Number(fields[15 - 3]);
  const peakKiB = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return { cpuSeconds: ticks / ticksPerSecond, peakMiB: Number(peakKiB) / 1024 };
}
