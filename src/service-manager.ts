/**
 * Notifies systemd (sd_notify(3)) that a service is ready, that it is alive, and that it is stopping.
 *
 * Node has no Unix datagram sockets, so systemd-notify(1) sends the notifications; the unit allows that with
 * `NotifyAccess=all`. The watchdog notifications run on a timer of the event loop: if the loop hangs, they stop and
 * systemd restarts the service.
 *
 * @module
 */
import { execFile } from "node:child_process";

/** A connection to a service manager. */
export interface ServiceManager {
  /**
   * Notifies that a service is ready, and from then on, at regular intervals, that it is alive. A further call only changes
   * the status.
   */
  readonly ready: (status: string) => Promise<void>;
  /** Notifies that it is stopping, and ends the watchdog notifications. */
  readonly stopping: () => Promise<void>;
}

/** Options of a connection. */
export interface ServiceManagerOptions {
  /** `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`, as systemd sets them. Without the first, nothing is sent. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Called when a notification can't be sent. */
  readonly log: { readonly warn: (fields: { readonly error: string }, message: string) => void };
}

const silent: ServiceManager = { ready: () => Promise.resolve(), stopping: () => Promise.resolve() };

/** Connects to the service manager that started this process, if there is one. */
export function connectServiceManager({ environment, log }: ServiceManagerOptions): ServiceManager {
  if (environment.NOTIFY_SOCKET === undefined) return silent;
  const notify = (...variables: string[]): Promise<void> =>
    new Promise((resolve) => {
      execFile("systemd-notify", variables, (error) => {
        if (error !== null)
          log.warn({ error: error.message }, "cannot notify systemd: is systemd-notify installed?");
        resolve();
      });
    });
  const intervalMs = watchdogIntervalMs(environment);
  let watchdog: NodeJS.Timeout | undefined;
  let told: string | undefined;
  return {
    ready: async (status) => {
      if (status === told) return;
      told = status;
      await notify("--ready", `--pid=${process.pid}`, `--status=${status}`);
      if (intervalMs === undefined) return;
      watchdog ??= setInterval(() => void notify("WATCHDOG=1"), intervalMs);
      watchdog.unref();
    },
    stopping: async () => {
      clearInterval(watchdog);
      await notify("STOPPING=1");
    },
  };
}

/**
 * Computes the interval of the watchdog notifications: half of the time that the watchdog allows
 * (sd_watchdog_enabled(3)).
 *
 * @returns Milliseconds, 1 or more; undefined if there is no watchdog, or it watches another process.
 */
export function watchdogIntervalMs({
  WATCHDOG_USEC: microseconds,
  WATCHDOG_PID: pid,
}: ServiceManagerOptions["environment"]): number | undefined {
  if (microseconds === undefined || !/^[1-9]\d{0,15}$/.test(microseconds)) return undefined;
  if (pid !== undefined && Number(pid) !== process.pid) return undefined;
  return Math.max(1, Math.floor(Number(microseconds) / 2000));
}
