/**
 * The listeners of a relay: sockets, each with the number that stands in its Interface-Ids.
 *
 * A number belongs to a socket for as long as the socket is open, whatever happens to the settings: an answer that is
 * still on its way when the settings change finds the socket that its query came to. A socket that is no longer
 * configured therefore leaves in two steps, each as long as an answer may take: at first it takes what still comes, then
 * it only sends the answers that are due, then it is closed.
 *
 * @module
 */
import type { RemoteInfo } from "node:dgram";
import { relayListenersMax } from "../../src/limits.ts";
import type { ListenerConfig } from "../config/config.ts";
import type { RelayCounters } from "../counters.ts";
import { formatEndpoint, isGroup } from "../endpoint.ts";
import type { RelayLog } from "../observer.ts";
import type { Timing } from "../../src/timing.ts";
import type { Links } from "./links.ts";
import { openReopeningListener } from "./reopening-listener.ts";
import type { ReopeningListener, ReopeningListenerOptions } from "./reopening-listener.ts";

/** A listener of the table. */
export interface ListenerEntry {
  /** 0..255. */
  readonly number: number;
  /** What it was, or is, configured with. */
  config: ListenerConfig;
  readonly listener: ReopeningListener;
  /** Whether it is bound to a multicast group. */
  readonly isGroup: boolean;
  /** Octets of the receive buffer that the kernel granted. */
  receiveBufferOctets: number;
  /** `leaving`: no longer configured; `left`: takes nothing more. */
  state: "configured" | "leaving" | "left";
  cancelStep: (() => void) | undefined;
}

/** Takes a datagram of a client or a downstream relay; each socket calls it directly. */
export type ReceiveDatagram = (datagram: Uint8Array, entry: ListenerEntry, source: RemoteInfo) => void;

/** What a table works with. */
export interface ListenerTableContext {
  readonly links: Pick<Links, "has">;
  /** Datagrams that the system did not take are counted here. */
  readonly counters: Pick<RelayCounters, "drop">;
  readonly log: RelayLog;
  readonly timing: Timing;
}

/** Settings that the sockets of a table come from. */
export interface ListenerTableConfig {
  readonly listeners: readonly ListenerConfig[];
  /** Octets of the receive buffer to ask for. */
  readonly receiveBufferOctets: number;
  /** Milliseconds that an answer may take. */
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

  /** Sockets that are configured, in the order of the settings. */
  get configured(): readonly ListenerEntry[] {
    return this.#configured;
  }

  /** @returns The socket with a number, also while it leaves. */
  find(number: number): ListenerEntry | undefined {
    return this.#byNumber.get(number);
  }

  /**
   * Opens the sockets that are new, and lets those leave that are no longer configured; the others stay open, with the
   * link-addresses and buffers that are configured now.
   *
   * @throws {Error} When one can't be opened; then nothing has changed.
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
   * Opens sockets again whose interfaces are back.
   *
   * @param returned Interfaces, as {@link Links.refresh} told.
   */
  reopen(returned: readonly string[]): void {
    for (const { listener } of this.#byNumber.values()) void listener.onLinks(returned);
  }

  /** Closes all sockets, when the last datagram has left them. */
  async close(): Promise<void> {
    await Promise.all([...this.#byNumber.values()].map((entry) => this.#close(entry)));
  }

  /** One that leaves is still bound, so it must do when it is configured again. */
  #findOpen(config: ListenerConfig, taken: ReadonlySet<ListenerEntry>): ListenerEntry | undefined {
    return [...this.#byNumber.values()].find(
      (entry) =>
        !taken.has(entry) && entry.config.address === config.address && entry.config.port === config.port,
    );
  }

  async #open(config: ListenerConfig, receiveBufferOctets: number): Promise<ListenerEntry> {
    const number = this.#freeNumber();
    const receive = this.#receive;
    const listener = await openReopeningListener({
      ...this.#hooksFor(config),
      address: config.address,
      port: config.port,
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

  /** What happens to a socket now and then is counted and logged. */
  #hooksFor(
    config: ListenerConfig,
  ): Pick<ReopeningListenerOptions, "links" | "onSendFailed" | "onError" | "onReopened"> {
    const { links, counters, log } = this.#context;
    const listener = formatEndpoint(config);
    return {
      links,
      onSendFailed: () => {
        counters.drop("send-failed");
      },
      onError: ({ message }) => {
        log.warn({ listener, error: message }, "socket in trouble");
      },
      onReopened: (error) => {
        if (error === undefined) log.info({ listener }, "interface is back: listening again");
        else log.warn({ listener, error: error.message }, "interface is back: can't listen on it yet");
      },
    };
  }

  #freeNumber(): number {
    for (let number = 0; number < relayListenersMax; number++) {
      if (!this.#byNumber.has(number)) return number;
    }
    throw new RangeError(
      `Cannot open a listener: ${relayListenersMax} are open, expected fewer; those that leave are closed soon`,
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
