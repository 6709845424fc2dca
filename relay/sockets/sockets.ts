/**
 * All UDP sockets of a relay: its listeners, and the socket towards DHCPv6 servers. They change together or not at all.
 * Datagrams do not pass through here: the sockets hand them to the relay directly.
 *
 * @module
 */
import { linkCheckIntervalMs } from "../../src/limits.ts";
import type { RelayConfig } from "../config/config.ts";
import { zoneOf } from "../endpoint.ts";
import type { RelayLog } from "../observer.ts";
import type { Timing } from "../../src/timing.ts";
import type { Links } from "./links.ts";
import type { ListenerTable } from "./listener-table.ts";
import type { Servers, ServersConfig } from "./servers.ts";

/** Settings of the sockets. */
export type SocketsConfig = Pick<RelayConfig, "listeners" | "servers" | "queue">;

/** Parts that are changed and closed together. */
export interface SocketsParts {
  readonly links: Links;
  readonly listeners: ListenerTable;
  readonly servers: Servers;
  readonly log: RelayLog;
  readonly timing: Pick<Timing, "later">;
}

/** The sockets of a relay. */
export class Sockets {
  readonly #links: Links;
  readonly #listeners: ListenerTable;
  readonly #servers: Servers;
  readonly #log: RelayLog;
  readonly #timing: Pick<Timing, "later">;

  constructor({ links, listeners, servers, log, timing }: SocketsParts) {
    this.#links = links;
    this.#listeners = listeners;
    this.#servers = servers;
    this.#log = log;
    this.#timing = timing;
  }

  /**
   * Opens sockets for new listeners, and starts to close those that are no longer configured.
   *
   * @throws {Error} If a socket can't be opened; then nothing has changed.
   */
  async configure(config: SocketsConfig): Promise<void> {
    const servers = await this.#servers.prepare(serversOf(config));
    try {
      await this.#configureListeners(config);
    } catch (error) {
      await servers.abandon();
      throw error;
    }
    servers.commit();
  }

  /**
   * Checks at regular intervals for interfaces that have gone or come back.
   *
   * @returns Function that stops the checks.
   */
  watchLinks(): () => void {
    let cancel = (): void => undefined;
    const check = (): void => {
      cancel = this.#timing.later(check, linkCheckIntervalMs);
      this.#checkLinks();
    };
    cancel = this.#timing.later(check, linkCheckIntervalMs);
    return () => {
      cancel();
    };
  }

  /** Closes each socket once the system has taken its last datagram. */
  async close(): Promise<void> {
    await Promise.all([this.#listeners.close(), this.#servers.close()]);
  }

  async #configureListeners({ listeners, queue }: SocketsConfig): Promise<void> {
    const { receiveBufferOctets: wanted, deadlineMs } = queue;
    await this.#listeners.configure({ listeners, receiveBufferOctets: wanted, deadlineMs });
    const granted = Math.min(...this.#listeners.configured.map((entry) => entry.receiveBufferOctets));
    if (granted < wanted) {
      this.#log.warn(
        { wanted, granted },
        "receive buffer is smaller than requested: raise net.core.rmem_max",
      );
    }
  }

  #checkLinks(): void {
    const { gone, returned, renumbered } = this.#links.refresh();
    const served = new Set(this.#listeners.configured.map(({ config }) => zoneOf(config.address)));
    for (const name of gone) {
      if (served.has(name))
        this.#log.warn({ interface: name }, "interface is gone: waiting until it is back");
    }
    for (const name of renumbered) {
      if (served.has(name)) this.#log.info({ interface: name }, "link-address changed");
    }
    this.#listeners.reopen(returned);
  }
}

function serversOf({ servers, queue }: SocketsConfig): ServersConfig {
  const { sourceAddress: address, sourcePort: port, ...rest } = servers;
  const { receiveBufferOctets, deadlineMs } = queue;
  return { ...rest, source: { address, port }, receiveBufferOctets, deadlineMs };
}
