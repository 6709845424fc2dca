/**
 * The relay as a service: metrics, status, reports and capture, and reloading of the settings.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import { summaryIntervalMs } from "../../src/limits.ts";
import { Capture } from "../capture/capture.ts";
import { ConfigError } from "../config/config-error.ts";
import type { RelayConfig } from "../config/config.ts";
import { joinObservers } from "../observer.ts";
import { startRelay } from "../relay.ts";
import type { Relay } from "../relay.ts";
import { readKernelSockets } from "../sockets/kernel-sockets.ts";
import { startLocalServer } from "./local-server.ts";
import type { LocalEndpoint, LocalServer, Pages } from "./local-server.ts";
import { createMetrics } from "./metrics.ts";
import type { RelayMetrics } from "./metrics.ts";
import { startReports } from "./report.ts";
import type { StatusReport } from "./status.ts";

/** A relay that runs as a service. */
export interface Daemon {
  /**
   * Reads the settings again and applies them. On any fault it keeps the current settings and logs the reason, so this
   * never rejects. Reloads run one at a time.
   */
  readonly reload: () => Promise<void>;
  /** Finishes the exchanges in progress, and stops. */
  readonly close: () => Promise<void>;
}

/** A log that may lose lines. */
export type ServiceLog = Logger & {
  /** Returns how many lines were lost because they could not be written. */
  readonly linesLost?: (() => number) | undefined;
};

/** HTTP servers for an operator's tools, by purpose. */
type LocalServers = Readonly<Record<"metrics" | "status", OpenServer | undefined>>;

const noLocalServers: LocalServers = { metrics: undefined, status: undefined };

interface OpenServer {
  readonly endpoint: LocalEndpoint;
  readonly server: LocalServer;
}

/**
 * Starts the service.
 *
 * @param readConfig Reads the current settings.
 * @param log Its level is set from the settings, unless `level` is given.
 * @param level Overrides the log level of the settings.
 * @throws {Error} If the settings have faults, or a socket or file can't be opened.
 */
export async function startDaemon(
  readConfig: () => RelayConfig,
  log: ServiceLog,
  level: string | undefined,
): Promise<Daemon> {
  const service = new Service(log, level);
  try {
    await service.start(readConfig());
  } catch (error) {
    await service.close();
    throw error;
  }
  let last = Promise.resolve();
  return {
    reload: () => (last = last.then(() => service.reload(readConfig))),
    close: () => service.close(),
  };
}

class Service {
  readonly #log: Logger;
  readonly #level: string | undefined;
  readonly #capture: Capture;
  readonly #metrics: RelayMetrics;
  #relay: Relay | undefined;
  #servers = noLocalServers;
  #stopReports: (() => void) | undefined;

  constructor(log: ServiceLog, level: string | undefined) {
    this.#log = log;
    this.#level = level;
    this.#capture = new Capture(log);
    this.#metrics = createMetrics(() => this.#relay!.status(), log.linesLost ?? (() => 0));
  }

  async start(config: RelayConfig): Promise<void> {
    this.#log.level = this.#level ?? config.log.level;
    const observer = joinObservers(this.#metrics.observer, this.#capture.observer);
    await this.#apply(config, async () => {
      this.#relay = await startRelay(config, { log: this.#log, observer });
    });
    this.#stopReports = startReports(this.#relay!, this.#log, summaryIntervalMs);
  }

  async reload(readConfig: () => RelayConfig): Promise<void> {
    try {
      const config = readConfig();
      await this.#apply(config, () => this.#relay!.reload(config));
    } catch (error) {
      const faults = error instanceof ConfigError ? error.faults : [(error as Error).message];
      this.#log.error({ faults }, "reload rejected: keeping the current settings");
    }
  }

  async close(): Promise<void> {
    this.#stopReports?.();
    await this.#relay?.close();
    this.#capture.close();
    await closeExcept(this.#servers, noLocalServers);
    if (this.#relay !== undefined) this.#log.info(this.#relay.counters.snapshot(), "relay stopped");
  }

  /** Applies settings. The steps that can fail come first, so that a fault changes nothing. */
  async #apply(config: RelayConfig, applyToRelay: () => Promise<void>): Promise<void> {
    const servers = await this.#openServers(config);
    let capture;
    try {
      capture = this.#capture.prepare(config.capture);
      await applyToRelay();
    } catch (error) {
      capture?.cancel();
      await closeExcept(servers, this.#servers);
      throw error;
    }
    capture.commit();
    this.#log.level = this.#level ?? config.log.level;
    const before = this.#servers;
    this.#servers = servers;
    for (const [name, open] of Object.entries(servers)) {
      if (open !== undefined && open !== before[name as keyof LocalServers]) {
        this.#log.info({ address: open.server.address }, `${name} listening`);
      }
    }
    await closeExcept(before, servers);
  }

  /** Opens the servers of the settings. A server whose endpoint has not changed stays open. */
  async #openServers({ metrics, status }: RelayConfig): Promise<LocalServers> {
    const open = async (name: keyof LocalServers, endpoint: LocalEndpoint | undefined) => {
      const before = this.#servers[name];
      if (endpoint === undefined || isDeepStrictEqual(before?.endpoint, endpoint)) {
        return endpoint === undefined ? undefined : before;
      }
      return { endpoint, server: await startLocalServer(endpoint, this.#pages()) };
    };
    const opened = { metrics: await open("metrics", metrics.listen), status: undefined };
    try {
      const { socket } = status;
      return { ...opened, status: await open("status", socket === undefined ? undefined : { socket }) };
    } catch (error) {
      await closeExcept(opened, this.#servers);
      throw error;
    }
  }

  #pages(): Pages {
    return {
      "/metrics": async () => ({ type: this.#metrics.contentType, body: await this.#metrics.read() }),
      // eslint-disable-next-line @typescript-eslint/require-await -- async turns an error into a rejection
      "/status": async () => ({
        type: "application/json",
        body: `${JSON.stringify(this.#report())}\n`,
      }),
    };
  }

  #report(): StatusReport {
    return {
      pid: process.pid,
      uptimeSeconds: process.uptime(),
      ...this.#relay!.status(),
      kernel: readKernelSockets(),
    };
  }
}

/** Closes the servers that are not in `keep`. */
async function closeExcept(servers: LocalServers, keep: LocalServers): Promise<void> {
  const kept = new Set<OpenServer | undefined>(Object.values(keep));
  for (const each of Object.values<OpenServer | undefined>(servers)) {
    if (!kept.has(each)) await each?.server.close();
  }
}
