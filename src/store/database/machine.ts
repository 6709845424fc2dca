/**
 * The clocks of the machine: the wall clock, which people and NTP set, and the time since boot, which can't be set.
 *
 * @module
 */
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { openBootClock } from "./boot-clock.ts";

/** The clocks that a file's clock is made of. Tests replace them. */
export interface Machine {
  /** The machine's clock: milliseconds of Unix time. It may be set, so it may jump. */
  readonly wallMs: () => number;
  /** Milliseconds since boot; they count while the machine sleeps. */
  readonly bootMs: () => number;
  /** Identifies this boot; null if the system does not report it. */
  readonly bootId: string | null;
}

let machine: Machine | undefined;

/** @returns The machine of this process. The first call takes some milliseconds. */
export function thisMachine(): Machine {
  return (machine ??= { wallMs: () => Date.now(), bootMs: openBootClock(), bootId: readBootId() });
}

/**
 * Identifies the boot, and what may give a container its own time since boot: a time namespace, or a file system that
 * replaces `/proc/uptime` (lxcfs). There the process namespace lives as long as the container's time.
 */
function readBootId(): string | null {
  try {
    const parts = [readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(), linkOf("time")];
    if (statSync("/proc/uptime").dev !== statSync("/proc").dev) parts.push(linkOf("pid"));
    return parts.join(" ");
  } catch {
    // Not Linux, or Deno, which reads these files only with --allow-all.
    return null;
  }
}

function linkOf(namespace: string): string {
  try {
    return readlinkSync(`/proc/self/ns/${namespace}`);
  } catch {
    // A kernel before 5.6 has no time namespaces.
    return "";
  }
}
