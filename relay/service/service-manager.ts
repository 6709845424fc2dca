/**
 * What the relay tells systemd (sd_notify(3)): that it is ready, that it is alive, that it stops.
 *
 * Node has no Unix datagram sockets, so systemd-notify(1) says it; the unit allows that with `NotifyAccess=all`. It is
 * started by a timer of the event loop: a loop that hangs says nothing, and systemd starts the relay again.
 *
 * @module
 */
import { execFile } from "node:child_process";

/** A connection to a service manager. */
export interface ServiceManager {
  /** Says that the relay serves, and from now on, that it is alive. */
  readonly ready: (status: string) => Promise<void>;
  /** Says that it stops. */
  readonly stopping: () => Promise<void>;
}

/** What a connection is made of. */
export interface ServiceManagerOptions {
  /** `NOTIFY_SOCKET` and `WATCHDOG_USEC`, as systemd sets them; without the first, nothing is said. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Learns that something could not be said. */
  readonly onFailed: (error: Error) => void;
}

const silent: ServiceManager = { ready: () => Promise.resolve(), stopping: () => Promise.resolve() };

/** Makes a connection to the service manager that started this process, if one did. */
export function connectServiceManager({ environment, onFailed }: ServiceManagerOptions): ServiceManager {
  if (environment.NOTIFY_SOCKET === undefined) return silent;
  const notify = (...variables: string[]): Promise<void> =>
    new Promise((resolve) => {
      execFile("systemd-notify", variables, (error) => {
        if (error !== null) onFailed(error);
        resolve();
      });
    });
  const intervalMs = watchdogIntervalMs(environment);
  let watchdog: NodeJS.Timeout | undefined;
  return {
    ready: async (status) => {
      await notify("--ready", `--pid=${process.pid}`, `--status=${status}`);
      if (intervalMs === undefined) return;
      watchdog = setInterval(() => void notify("WATCHDOG=1"), intervalMs);
      watchdog.unref();
    },
    stopping: async () => {
      clearInterval(watchdog);
      await notify("STOPPING=1");
    },
  };
}

/**
 * Computes how often to say that the process is alive: at half of the time that the watchdog allows
 * (sd_watchdog_enabled(3)).
 *
 * @returns Milliseconds; undefined when there is no watchdog, or it watches another process.
 */
export function watchdogIntervalMs({
  WATCHDOG_USEC: microseconds,
  WATCHDOG_PID: pid,
}: ServiceManagerOptions["environment"]): number | undefined {
  if (microseconds === undefined || !/^[1-9]\d{0,15}$/.test(microseconds)) return undefined;
  if (pid !== undefined && Number(pid) !== process.pid) return undefined;
  return Math.max(1, Math.floor(Number(microseconds) / 2000));
}
