/**
 * All UDP sockets of a relay: its listeners, and the one towards DHCPv6 servers. They change together or not at all,
 * and the log tells of their troubles.
 *
 * @module
 */
import type { RemoteInfo } from "node:dgram";
import { linkCheckIntervalMs } from "../../src/limits.ts";
import type { RelayConfig } from "../config/config.ts";
import { Links } from "./links.ts";
import { ListenerTable } from "./listener-table.ts";
import type { Entry } from "./listener-table.ts";
import { formatEndpoint } from "./listener.ts";
import type { Log, RelayObserver, UdpEnd } from "../observer.ts";
import { Servers } from "./servers.ts";
import type { ServersConfig } from "./servers.ts";
import { zoneOf } from "./steady-listener.ts";
import type { Timing } from "../../src/timing.ts";

/** Settings that the sockets come from. */
export type SocketsConfig = Pick<RelayConfig, "listeners" | "servers" | "queue">;

/** What sockets work with, and whom they tell what. */
export interface SocketsContext {
  /** Takes a datagram of a client or a downstream relay. */
  readonly onDatagram: (datagram: Uint8Array, entry: Entry, source: RemoteInfo) => void;
  /** Takes a datagram of a configured DHCPv6 server. */
  readonly onAnswer: (datagram: Uint8Array) => void;
  /** Learns of a datagram that came from anyone else to the socket towards the servers. */
  readonly onStranger: () => void;
  /** Learns of a datagram that the system did not take. */
  readonly onSendFailed: () => void;
  readonly log: Log;
  /** Sees the datagrams from and to DHCPv6 servers. */
  readonly observer: RelayObserver;
  readonly timing: Timing;
}

/** The sockets of a relay. */
export class Sockets {
  readonly links = new Links();
  readonly listeners: ListenerTable;
  readonly servers: Servers;
  readonly #log: Log;

  constructor(context: SocketsContext) {
    this.#log = context.log;
    this.listeners = createListeners(context, this.links);
    this.servers = createServers(context);
  }

  /**
   * Opens what is new, and lets leave what is no longer configured.
   *
   * @throws {Error} When a socket can't be opened; then nothing has changed.
   */
  async configure(config: SocketsConfig): Promise<void> {
    const servers = await this.servers.prepare(serversOf(config));
    try {
      await this.#configureListeners(config);
    } catch (error) {
      await servers.abandon();
      throw error;
    }
    servers.commit();
  }

  /**
   * Looks now and then for interfaces that went or came back.
   *
   * @returns Ends it.
   */
  watchLinks(): () => void {
    const timer = setInterval(() => {
      this.#checkLinks();
    }, linkCheckIntervalMs);
    return () => {
      clearInterval(timer);
    };
  }

  /** Closes all sockets, when the last datagram has left them. */
  async close(): Promise<void> {
    await Promise.all([this.listeners.close(), this.servers.close()]);
  }

  async #configureListeners({ listeners, queue }: SocketsConfig): Promise<void> {
    const { receiveBufferOctets: wanted, deadlineMs } = queue;
    await this.listeners.configure({ listeners, receiveBufferOctets: wanted, deadlineMs });
    const granted = Math.min(...this.listeners.configured.map((entry) => entry.receiveBufferOctets));
    if (granted < wanted) {
      this.#log.warn({ wanted, granted }, "receive buffer is smaller than wanted: raise net.core.rmem_max");
    }
  }

  #checkLinks(): void {
    const { gone, returned, renumbered } = this.links.refresh();
    const served = new Set(this.listeners.configured.map(({ config }) => zoneOf(config.address)));
    for (const name of gone) {
      if (served.has(name)) this.#log.warn({ interface: name }, "interface is gone: waiting for it");
    }
    for (const name of renumbered) {
      if (served.has(name)) this.#log.info({ interface: name }, "link-address changed");
    }
    this.listeners.reopen(returned);
  }
}

function createListeners(
  { onDatagram, onSendFailed, log, timing }: SocketsContext,
  links: Links,
): ListenerTable {
  return new ListenerTable({
    onDatagram,
    onSendFailed,
    onTrouble: ({ config }, error) => {
      log.warn({ listener: formatEndpoint(config), error: error.message }, "socket in trouble");
    },
    onReopened: ({ config }, error) => {
      const fields = { listener: formatEndpoint(config) };
      if (error === undefined) log.info(fields, "interface is back: listening again");
      else log.warn({ ...fields, error: error.message }, "interface is back: can't listen on it yet");
    },
    links,
    timing,
  });
}

function createServers({
  onAnswer,
  onStranger,
  onSendFailed,
  log,
  observer,
  timing,
}: SocketsContext): Servers {
  const ports = {
    onAnswer,
    onStranger,
    onSendFailed,
    onReceived: (datagram: Uint8Array, { address, port }: UdpEnd, to: UdpEnd) => {
      observer.received?.(datagram, { address, port }, to);
    },
    onSent: (datagram: Uint8Array, from: UdpEnd, to: UdpEnd) => {
      observer.sent?.(datagram, from, to);
    },
    onTrouble: ({ message }: Error) => {
      log.warn({ error: message }, "socket towards DHCPv6 servers in trouble");
    },
  };
  return new Servers(ports, timing);
}

function serversOf({ servers, queue }: SocketsConfig): ServersConfig {
  const { sourceAddress: address, sourcePort: port, ...rest } = servers;
  const { receiveBufferOctets, deadlineMs } = queue;
  return { ...rest, source: { address, port }, receiveBufferOctets, deadlineMs };
}
