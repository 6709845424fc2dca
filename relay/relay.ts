/**
 * The relay: datagrams up to the allocator, answers down to where the datagrams came from. It decides nothing about
 * leases and keeps nothing of an exchange; what it counts and what waits in its queue is all it has.
 *
 * @example
 * ```ts
 * const relay = await startRelay({ ...parseRelaySettings({}), secrets: { token } }, { log });
 * relay.addresses; // [{ address: "::1", port: 8547 }]
 * await relay.close();
 * ```
 *
 * @module
 */
import type { RemoteInfo } from "node:dgram";
import { relayBodyOctetsMax } from "../src/limits.ts";
import { Batcher } from "./batcher.ts";
import type { BatcherPorts } from "./batcher.ts";
import type { ListenerConfig, RelayConfig } from "./config.ts";
import { Counters } from "./counters.ts";
import { unwrapAnswer, wrapDatagram } from "./envelope.ts";
import { formatEndpoint, openListener } from "./listener.ts";
import type { Listener } from "./listener.ts";
import { Peers } from "./peers.ts";
import { systemTiming } from "./timing.ts";
import type { Timing } from "./timing.ts";
import { Uplink } from "./uplink.ts";

/** A log that takes fields and a message, such as pino. */
export interface Log {
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
}

/** What a relay is given beside its settings. */
export interface RelayContext {
  readonly log: Log;
  /** Clock, timers and randomness; those of the real world when left out. */
  readonly timing?: Timing;
}

/** A running relay. */
export interface Relay {
  /** Where it listens, in the order of the settings. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[];
  readonly counters: Counters;
  /** Takes no more datagrams, sends what waits, delivers the answers that are due, then stops. */
  readonly close: () => Promise<void>;
}

/**
 * Starts a relay.
 *
 * @throws {Error} When a listener can't be opened. The allocator need not be there yet.
 */
export async function startRelay(config: RelayConfig, context: RelayContext): Promise<Relay> {
  const engine = new Engine(config, context);
  try {
    await engine.listen();
  } catch (error) {
    await engine.close();
    throw error;
  }
  let closing: Promise<void> | undefined;
  return {
    addresses: engine.listeners.map(({ address, port }) => ({ address, port })),
    counters: engine.counters,
    close: () => (closing ??= engine.close()),
  };
}

/** The parts of a relay, joined. */
class Engine {
  readonly counters = new Counters();
  readonly listeners: Listener[] = [];
  readonly #config: RelayConfig;
  readonly #log: Log;
  readonly #uplink: Uplink;
  readonly #batcher: Batcher;
  readonly #peers = new Peers();
  #isClosing = false;
  /** What the log last said about an allocator that can't serve. */
  #trouble: string | undefined;

  constructor(config: RelayConfig, { log, timing = systemTiming }: RelayContext) {
    this.#config = config;
    this.#log = log;
    // Half of a datagram's time is for the queue and half for the POST, so that a POST never begins with no time left.
    const halfDeadlineMs = config.queue.deadlineMs / 2;
    this.#uplink = new Uplink({
      allocator: config.allocator.urls[0]!,
      token: config.secrets.token,
      connections: config.allocator.postsInFlight,
      timeoutMs: halfDeadlineMs,
    });
    const limits = {
      lengthMax: config.queue.length,
      octetsMax: config.queue.octets,
      waitMsMax: halfDeadlineMs,
      postsInFlightMax: config.allocator.postsInFlight,
      batchFramesMax: config.allocator.batchFrames,
      batchOctetsMax: relayBodyOctetsMax,
    };
    this.#batcher = new Batcher(limits, this.#batcherPorts(), timing);
  }

  async listen(): Promise<void> {
    for (const [index, listener] of this.#config.listeners.entries()) {
      this.listeners.push(await this.#open(listener, index));
    }
    const { allocator, replyPort } = this.#config;
    const endpoints = this.listeners.map(formatEndpoint);
    this.#log.info(
      { listeners: endpoints, allocator: allocator.urls[0]!.href, replyPort },
      "relay listening",
    );
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#batcher.drain();
    await Promise.all(this.listeners.map((listener) => listener.close()));
    await this.#uplink.close();
  }

  async #open({ address, port, linkAddress }: ListenerConfig, index: number): Promise<Listener> {
    const { receiveBufferOctets } = this.#config.queue;
    const listener = await openListener({
      address,
      port,
      receiveBufferOctets,
      onDatagram: (datagram, source) => {
        this.#forward(datagram, index, linkAddress, source);
      },
      onSendFailed: () => {
        this.counters.drop("send-failed");
      },
      onTrouble: (error) => {
        this.#log.warn(
          { listener: formatEndpoint({ address, port }), error: error.message },
          "socket in trouble",
        );
      },
    });
    if (listener.receiveBufferOctets < receiveBufferOctets) {
      const fields = { wanted: receiveBufferOctets, granted: listener.receiveBufferOctets };
      this.#log.warn(fields, "receive buffer is smaller than wanted: raise net.core.rmem_max");
    }
    return listener;
  }

  #batcherPorts(): BatcherPorts {
    const { counters } = this;
    return {
      post: (frames) => {
        counters.posts += 1;
        counters.forwarded += frames.length;
        return this.#uplink.post(frames);
      },
      deliver: (answers) => {
        counters.answered += answers.length;
        for (const answer of answers) this.#deliver(answer);
      },
      drop: (reason, count) => {
        counters.drop(reason, count);
      },
      failed: (failure) => {
        counters.postsFailed += 1;
        // An outage is one line, not one for each attempt.
        if (failure.detail === this.#trouble) return;
        this.#trouble = failure.detail;
        this.#log.warn(failure, "allocator can't serve: datagrams are dropped until it does");
      },
      recovered: () => {
        this.#trouble = undefined;
        this.#log.info({ allocator: this.#config.allocator.urls[0]!.href }, "allocator serves again");
      },
    };
  }

  /** The way up. */
  #forward(
    datagram: Uint8Array,
    listener: number,
    linkAddress: Uint8Array,
    { address, port }: RemoteInfo,
  ): void {
    this.counters.received += 1;
    const peer = this.#peers.parse(address);
    const isGroup = this.#config.listeners[listener]!.address.startsWith("ff");
    const wrapped = wrapDatagram(datagram, { listener, isGroup, linkAddress, peer, port });
    if (wrapped.kind === "drop") this.counters.drop(wrapped.reason);
    else if (this.#isClosing) this.counters.drop("relay-closing");
    else this.#batcher.add(wrapped.frame);
  }

  /** The way down. */
  #deliver(answer: Uint8Array): void {
    const unwrapped = unwrapAnswer(answer, this.listeners.length, this.#config.replyPort);
    if (unwrapped.kind === "drop") {
      this.counters.drop(unwrapped.reason);
      return;
    }
    this.counters.sent += 1;
    this.listeners[unwrapped.listener]!.send(unwrapped.payload, unwrapped.port, unwrapped.address);
  }
}
