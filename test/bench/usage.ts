/**
 * What a process has used, as Linux counts it.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** CPU time and memory of a process. */
export interface Usage {
  /** Seconds in user and kernel mode, of all threads. */
  readonly cpuSeconds: number;
  /** The most memory that it ever held at a time, in MiB. */
  readonly peakMiB: number;
}

/** Clock ticks in a second: Linux shows programs always this many. */
const ticksPerSecond = 100;

/**
 * Reads what a process has used since it began.
 *
 * @throws {Error} When there is no such process, or no /proc.
 */
export function readUsage(pid: number): Usage {
  // The name of the process is in parentheses and may hold anything, parentheses and spaces too.
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // Fields 14 and 15 of proc(5) are user and kernel time; the rest of the line begins with field 3.
  const ticks = Number(fields[14 - 3]) + Number(fields[15 - 3]);
  const peakKiB = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return { cpuSeconds: ticks / ticksPerSecond, peakMiB: Number(peakKiB) / 1024 };
}
