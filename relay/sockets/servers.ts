/**
 * Relays messages that are not 4o6 to DHCPv6 servers, as any DHCPv6 relay does (RFC 8415 §19): one datagram in, one
 * datagram out to each server.
 *
 * @module
 */
import type { RemoteInfo } from "node:dgram";
import { serverPort } from "../../src/wire/dhcpv6/codes.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import type { RelayCounters } from "../counters.ts";
import type { Endpoint } from "../endpoint.ts";
import type { ServersRule } from "../messages/envelope.ts";
import type { RelayLog, RelayObserver } from "../observer.ts";
import type { Timing } from "../../src/timing.ts";
import type { Listener, OpenListener } from "./listener.ts";

/** Settings of the socket towards DHCPv6 servers. */
export interface ServersConfig {
  /** Each server gets every message; unicast addresses only (R8415-19-01). Empty: nothing is relayed to servers. */
  readonly destinations: readonly Endpoint[];
  /** Address and port of the socket. A port other than 547 requires servers that support RFC 8357. */
  readonly source: Endpoint;
  readonly queries: ServersRule["queries"];
  readonly relayed: ServersRule["relayed"];
  readonly receiveBufferOctets: number;
  /** Milliseconds within which a datagram must be answered. */
  readonly deadlineMs: number;
}

/** Receives a datagram from a configured server. */
export type DeliverAnswer = (answer: Uint8Array) => void;

/** Dependencies of {@link Servers}. */
export interface ServersContext {
  /** Counts datagrams from unknown senders, and those that the system refused to send. */
  readonly counters: Pick<RelayCounters, "drop">;
  readonly log: RelayLog;
  /** Observes every datagram that our socket receives, from any sender, and every datagram that it sends. */
  readonly observer: RelayObserver;
  readonly timing: Timing;
  readonly openListener: OpenListener;
}

/** A prepared change of settings, to be committed or abandoned. */
export interface ServersChange {
  readonly commit: () => void;
  readonly abandon: () => Promise<void>;
}

/** The socket in use, with its settings. */
interface ActiveSocket {
  readonly config: ServersConfig;
  readonly socket: Listener;
}

/** Sends messages to DHCPv6 servers and receives their answers. */
export class Servers {
  readonly #deliver: DeliverAnswer;
  readonly #context: ServersContext;
  #current: ActiveSocket | undefined;
  #rule: ServersRule | undefined;
  /** Addresses from which answers are accepted. */
  #known: ReadonlySet<string> = new Set();
  readonly #leaving = new Set<Listener>();

  constructor(deliver: DeliverAnswer, context: ServersContext) {
    this.#deliver = deliver;
    this.#context = context;
  }

  /** Rule for {@link wrapDatagram}; undefined if no servers are configured. */
  get rule(): ServersRule | undefined {
    return this.#rule;
  }

  /** Address and port of our socket; undefined if no servers are configured. */
  get source(): Endpoint | undefined {
    return this.#current?.socket;
  }

  /**
   * Opens the socket that other settings need. If its address and port stay the same, the open socket is reused.
   *
   * @returns The prepared change; nothing is applied before its `commit`.
   * @throws {Error} If the address can't be bound; then nothing has changed.
   */
  async prepare(config: ServersConfig): Promise<ServersChange> {
    const before = this.#current;
    if (config.destinations.length === 0) return this.#change(undefined, before?.socket);
    if (before !== undefined && isSame(before.config.source, config.source)) {
      return this.#change({ config, socket: before.socket }, undefined);
    }
    const { source, receiveBufferOctets } = config;
    const { counters, log, openListener } = this.#context;
    const socket = await openListener({
      ...source,
      receiveBufferOctets,
      onSendFailed: () => {
        counters.drop("send-failed");
      },
      onError: ({ message }) => {
        log.warn({ error: message }, "upstream socket error");
      },
      onDatagram: (datagram, from) => {
        this.#receive(datagram, from, socket);
      },
    });
    return this.#change({ config, socket }, before?.socket);
  }

  /** Sends a frame to each server. */
  send(frame: Uint8Array): void {
    if (this.#current === undefined) return;
    const { config, socket } = this.#current;
    for (const destination of config.destinations) {
      this.#context.observer.sent?.(frame, socket, destination);
      socket.send(frame, destination.port, destination.address);
    }
  }

  /** Closes each socket once the system has taken its last datagram. */
  async close(): Promise<void> {
    const sockets = [...this.#leaving, ...(this.#current === undefined ? [] : [this.#current.socket])];
    this.#current = undefined;
    this.#leaving.clear();
    await Promise.all(sockets.map((socket) => socket.close()));
  }

  #change(next: ActiveSocket | undefined, leaving: Listener | undefined): ServersChange {
    const before = this.#current;
    return {
      commit: () => {
        this.#current = next;
        this.#rule = next && ruleOf(next);
        this.#known = new Set(next?.config.destinations.map(({ address }) => keyOf(address)));
        if (leaving !== undefined) this.#leave(leaving, before!.config.deadlineMs);
      },
      abandon: async () => {
        if (next !== undefined && next.socket !== before?.socket) await next.socket.close();
      },
    };
  }

  /** Closes an old socket after the deadline, because pending answers still arrive at its port. */
  #leave(socket: Listener, deadlineMs: number): void {
    this.#leaving.add(socket);
    this.#context.timing.later(() => {
      if (this.#leaving.delete(socket)) void socket.close();
    }, deadlineMs);
  }

  /**
   * Accepts answers from configured servers only. A relay delivers a RELAY-REPL without further checks (R8415-19.2-01),
   * so without this check any host that reaches the socket could answer our clients.
   */
  #receive(datagram: Uint8Array, source: RemoteInfo, socket: Listener): void {
    this.#context.observer.received?.(datagram, source, socket);
    if (this.#known.has(keyOf(source.address))) this.#deliver(datagram);
    else this.#context.counters.drop("unknown-server");
  }
}

function ruleOf({ config: { queries, relayed }, socket }: ActiveSocket): ServersRule {
  return { queries, relayed, asksForPort: socket.port !== serverPort };
}

/** Returns a canonical key for an address, because one address can be written as several texts. */
function keyOf(text: string): string {
  const [address, zone = ""] = text.split("%", 2) as [string, string?];
  return `${encodeHex(parseIPv6(address))}%${zone}`;
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return keyOf(a.address) === keyOf(b.address) && a.port === b.port;
}
