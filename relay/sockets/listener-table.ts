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
import type { Links } from "./links.ts";
import { isGroup } from "./listener.ts";
import { openSteadyListener } from "./steady-listener.ts";
import type { SteadyListener } from "./steady-listener.ts";
import type { Timing } from "../../src/timing.ts";

/** An open socket. */
export interface Entry {
  /** 0..255. */
  readonly number: number;
  /** What it was, or is, configured with. */
  config: ListenerConfig;
  readonly listener: SteadyListener;
  /** Whether it is bound to a multicast group. */
  readonly isGroup: boolean;
  /** Octets of the receive buffer that the kernel granted. */
  receiveBufferOctets: number;
  /** `leaving`: no longer configured; `left`: takes nothing more. */
  state: "configured" | "leaving" | "left";
  cancelStep: (() => void) | undefined;
}

/** What sockets are opened with, beside where. */
export interface ListenerTableOptions {
  readonly onDatagram: (datagram: Uint8Array, entry: Entry, source: RemoteInfo) => void;
  readonly onSendFailed: (error: Error) => void;
  readonly onTrouble: (entry: Entry, error: Error) => void;
  /** Learns that a socket is open again after its interface had gone, or could not be opened again. */
  readonly onReopened: (entry: Entry, error?: Error) => void;
  readonly links: Pick<Links, "has">;
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
  readonly #options: ListenerTableOptions;
  readonly #byNumber = new Map<number, Entry>();
  #configured: readonly Entry[] = [];

  constructor(options: ListenerTableOptions) {
    this.#options = options;
  }

  /** Sockets that are configured, in the order of the settings. */
  get configured(): readonly Entry[] {
    return this.#configured;
  }

  /** @returns The socket with a number, also while it leaves. */
  find(number: number): Entry | undefined {
    return this.#byNumber.get(number);
  }

  /**
   * Opens the sockets that are new, and lets those leave that are no longer configured; the others stay open, with the
   * link-addresses and buffers that are configured now.
   *
   * @throws {Error} When one can't be opened; then nothing has changed.
   */
  async configure({ listeners, receiveBufferOctets, deadlineMs }: ListenerTableConfig): Promise<void> {
    const kept = new Set<Entry>();
    const opened: Entry[] = [];
    const entries: Entry[] = [];
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
    for (const [index, entry] of entries.entries()) keep(entry, listeners[index]!, receiveBufferOctets);
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
  #findOpen(config: ListenerConfig, taken: ReadonlySet<Entry>): Entry | undefined {
    return [...this.#byNumber.values()].find(
      (entry) =>
        !taken.has(entry) && entry.config.address === config.address && entry.config.port === config.port,
    );
  }

  async #open(config: ListenerConfig, receiveBufferOctets: number): Promise<Entry> {
    const { onDatagram, onSendFailed, onTrouble, onReopened, links } = this.#options;
    const number = this.#freeNumber();
    const socket = {
      address: config.address,
      port: config.port,
      receiveBufferOctets,
      onDatagram: (datagram: Uint8Array, source: RemoteInfo) => {
        onDatagram(datagram, entry, source);
      },
      onSendFailed,
      onTrouble: (error: Error) => {
        onTrouble(entry, error);
      },
    };
    const listener = await openSteadyListener(socket, {
      links,
      onReopened: () => {
        onReopened(entry);
      },
      onReopenFailed: (error) => {
        onReopened(entry, error);
      },
    });
    const entry: Entry = {
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

  #freeNumber(): number {
    for (let number = 0; number < relayListenersMax; number++) {
      if (!this.#byNumber.has(number)) return number;
    }
    throw new RangeError(
      `Cannot open a listener: ${relayListenersMax} are open, expected fewer; those that leave are closed soon`,
    );
  }

  #leave(entry: Entry, deadlineMs: number): void {
    const { timing } = this.#options;
    entry.state = "leaving";
    entry.cancelStep = timing.later(() => {
      entry.state = "left";
      entry.cancelStep = timing.later(() => void this.#close(entry), deadlineMs);
    }, deadlineMs);
  }

  async #close(entry: Entry): Promise<void> {
    entry.cancelStep?.();
    this.#byNumber.delete(entry.number);
    await entry.listener.close();
  }
}

function keep(entry: Entry, config: ListenerConfig, receiveBufferOctets: number): void {
  entry.cancelStep?.();
  entry.cancelStep = undefined;
  entry.state = "configured";
  entry.config = config;
  entry.receiveBufferOctets = entry.listener.resizeReceiveBuffer(receiveBufferOctets);
}
