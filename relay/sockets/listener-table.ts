/**
 * The listeners of a relay. Each is a socket with a number, which its Interface-Ids contain.
 *
 * A socket keeps its number for as long as it is open, even if the settings change. An answer that arrives after the
 * change is therefore sent from the socket that received its query. A socket that is no longer configured closes in two
 * steps, each as long as an answer may take: first it still accepts datagrams, then it only sends the pending answers.
 *
 * @module
 */
import type { RemoteInfo } from "node:dgram";
import { isDeepStrictEqual } from "node:util";
import { relayListenersMax } from "../../src/limits.ts";
import type { ListenerConfig } from "../config/config.ts";
import type { RelayCounters } from "../counters.ts";
import { formatEndpoint, isGroup } from "../endpoint.ts";
import type { RelayLog } from "../observer.ts";
import type { Timing } from "../../src/timing.ts";
import type { Links } from "./links.ts";
import type { OpenListener } from "./listener.ts";
import { openReopeningListener } from "./reopening-listener.ts";
import type { ReopeningListener, ReopeningListenerOptions } from "./reopening-listener.ts";

/** A listener of the table. */
export interface ListenerEntry {
  /** Number of the listener: 0..255. */
  readonly number: number;
  /** Its current settings, or the last ones if it is no longer configured. */
  config: ListenerConfig;
  readonly listener: ReopeningListener;
  /** Whether the socket is bound to a multicast group. */
  readonly isGroup: boolean;
  /** Octets of the receive buffer that the kernel granted. */
  receiveBufferOctets: number;
  /** `leaving`: no longer configured, still accepts datagrams; `left`: only sends pending answers. */
  state: "configured" | "leaving" | "left";
  cancelStep: (() => void) | undefined;
}

/** Receives a datagram from a client or a downstream relay. Each socket calls it directly. */
export type ReceiveDatagram = (datagram: Uint8Array, entry: ListenerEntry, source: RemoteInfo) => void;

/** Dependencies of a table. */
export interface ListenerTableContext {
  readonly links: Pick<Links, "has">;
  readonly openListener: OpenListener;
  /** Counts datagrams that the system refused to send. */
  readonly counters: Pick<RelayCounters, "drop">;
  readonly log: RelayLog;
  readonly timing: Timing;
}

/** Settings of the sockets of a table. */
export interface ListenerTableConfig {
  readonly listeners: readonly ListenerConfig[];
  /** Octets of the receive buffer to request. */
  readonly receiveBufferOctets: number;
  /** Milliseconds within which a datagram must be answered. */
  readonly deadlineMs: number;
}

/** The listeners of a relay. */
export class ListenerTable {
  readonly #receive: ReceiveDatagram;
  readonly #context: ListenerTableContext;
  readonly #byNumber = new Map<number, ListenerEntry>();
  #configured: readonly ListenerEntry[] = [];

  constructor(receive: ReceiveDatagram, context: ListenerTableContext) {
    this.#receive = receive;
    this.#context = context;
  }

  /** Configured sockets, in the order of the settings. */
  get configured(): readonly ListenerEntry[] {
    return this.#configured;
  }

  /** @returns The socket with a number, even if it is no longer configured but still open. */
  find(number: number): ListenerEntry | undefined {
    return this.#byNumber.get(number);
  }

  /**
   * Opens sockets for new listeners, and starts to close those that are no longer configured. The others stay open,
   * with the new link-addresses and buffers.
   *
   * @throws {Error} If a socket can't be opened; then nothing has changed.
   */
  async configure({ listeners, receiveBufferOctets, deadlineMs }: ListenerTableConfig): Promise<void> {
    const kept = new Set<ListenerEntry>();
    const opened: ListenerEntry[] = [];
    const entries: ListenerEntry[] = [];
    try {
      for (const config of listeners) {
        let entry = this.#findOpen(config, kept);
        if (entry === undefined) {
          entry = await this.#open(config, receiveBufferOctets);
          opened.push(entry);
        }
        kept.add(entry);
        entries.push(entry);
      }
    } catch (error) {
      await Promise.all(opened.map((entry) => this.#close(entry)));
      throw error;
    }
    for (const [index, entry] of entries.entries())
      keepConfigured(entry, listeners[index]!, receiveBufferOctets);
    for (const entry of this.#configured) if (!kept.has(entry)) this.#leave(entry, deadlineMs);
    this.#configured = entries;
  }

  /**
   * Reopens the sockets whose interfaces are back.
   *
   * @param returned Names of interfaces, from {@link Links.refresh}.
   */
  reopen(returned: readonly string[]): void {
    for (const { listener } of this.#byNumber.values()) void listener.onLinks(returned);
  }

  /** Closes each socket once the system has taken its last datagram. */
  async close(): Promise<void> {
    await Promise.all([...this.#byNumber.values()].map((entry) => this.#close(entry)));
  }

  /** Finds an open socket with this address and port. One that is leaving is still bound, so it must be reused. */
  #findOpen(config: ListenerConfig, taken: ReadonlySet<ListenerEntry>): ListenerEntry | undefined {
    return [...this.#byNumber.values()].find(
      (entry) =>
        !taken.has(entry) &&
        entry.config.address === config.address &&
        entry.config.port === config.port &&
        isDeepStrictEqual(entry.config.joinedAlso, config.joinedAlso),
    );
  }

  async #open(config: ListenerConfig, receiveBufferOctets: number): Promise<ListenerEntry> {
    const number = this.#freeNumber();
    const receive = this.#receive;
    const listener = await openReopeningListener({
      ...this.#hooksFor(config),
      address: config.address,
      port: config.port,
      joinedAlso: config.joinedAlso,
      receiveBufferOctets,
      onDatagram: (datagram, source) => {
        receive(datagram, entry, source);
      },
    });
    const entry: ListenerEntry = {
      number,
      config,
      listener,
      isGroup: isGroup(config.address),
      receiveBufferOctets: listener.receiveBufferOctets,
      state: "configured",
      cancelStep: undefined,
    };
    this.#byNumber.set(number, entry);
    return entry;
  }

  /** Creates the hooks that count and log the events of a socket. */
  #hooksFor(
    config: ListenerConfig,
  ): Pick<ReopeningListenerOptions, "links" | "openListener" | "onSendFailed" | "onError" | "onReopened"> {
    const { links, openListener, counters, log } = this.#context;
    const listener = formatEndpoint(config);
    return {
      links,
      openListener,
      onSendFailed: () => {
        counters.drop("send-failed");
      },
      onError: ({ message }) => {
        log.warn({ listener, error: message }, "listener socket error");
      },
      onReopened: (error) => {
        if (error === undefined) log.info({ listener }, "interface is back: listening again");
        else log.warn({ listener, error: error.message }, "interface is back: cannot listen on it yet");
      },
    };
  }

  #freeNumber(): number {
    for (let number = 0; number < relayListenersMax; number++) {
      if (!this.#byNumber.has(number)) return number;
    }
    throw new RangeError(
      `Cannot open a listener: found ${relayListenersMax} open, expected fewer; those no longer configured close soon`,
    );
  }

  #leave(entry: ListenerEntry, deadlineMs: number): void {
    const { timing } = this.#context;
    entry.state = "leaving";
    entry.cancelStep = timing.later(() => {
      entry.state = "left";
      entry.cancelStep = timing.later(() => void this.#close(entry), deadlineMs);
    }, deadlineMs);
  }

  async #close(entry: ListenerEntry): Promise<void> {
    entry.cancelStep?.();
    this.#byNumber.delete(entry.number);
    await entry.listener.close();
  }
}

function keepConfigured(entry: ListenerEntry, config: ListenerConfig, receiveBufferOctets: number): void {
  entry.cancelStep?.();
  entry.cancelStep = undefined;
  entry.state = "configured";
  entry.config = config;
  entry.receiveBufferOctets = entry.listener.resizeReceiveBuffer(receiveBufferOctets);
}
