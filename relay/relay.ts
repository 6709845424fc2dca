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
import { linkCheckIntervalMs, relayBodyOctetsMax } from "../src/limits.ts";
import { isUnspecified } from "../src/wire/ipv6-address.ts";
import { Batcher } from "./batcher.ts";
import type { BatcherPorts } from "./batcher.ts";
import type { ListenerConfig, RelayConfig } from "./config.ts";
import { Counters } from "./counters.ts";
import { unwrapAnswer } from "./envelope.ts";
import type { Delivery, Drop } from "./envelope.ts";
import { takeDatagram } from "./intake.ts";
import type { Services } from "./intake.ts";
import { Links } from "./links.ts";
import { formatEndpoint } from "./listener.ts";
import { Peers } from "./peers.ts";
import { deriveServerIdentifier } from "./server-identifier.ts";
import { openServers } from "./servers.ts";
import type { Servers } from "./servers.ts";
import { openSteadyListener, zoneOf } from "./steady-listener.ts";
import type { SteadyListener } from "./steady-listener.ts";
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
  readonly listeners: SteadyListener[] = [];
  readonly #config: RelayConfig;
  readonly #log: Log;
  readonly #uplink: Uplink;
  readonly #batcher: Batcher;
  readonly #peers = new Peers();
  readonly #links = new Links();
  #services: Services;
  #servers: Servers | undefined;
  #stopLinkChecks: (() => void) | undefined;
  #isClosing = false;
  /** What the log last said about an allocator that can't serve. */
  #trouble: string | undefined;

  constructor(config: RelayConfig, { log, timing = systemTiming }: RelayContext) {
    this.#config = config;
    this.#log = log;
    this.#services = servicesOf(config);
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
    if (this.#config.servers.destinations.length > 0) await this.#openServers();
    const timer = setInterval(() => {
      this.#checkLinks();
    }, linkCheckIntervalMs);
    this.#stopLinkChecks = () => {
      clearInterval(timer);
    };
    const { allocator, replyPort } = this.#config;
    const endpoints = this.listeners.map(formatEndpoint);
    this.#log.info(
      { listeners: endpoints, allocator: allocator.urls[0]!.href, replyPort },
      "relay listening",
    );
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#stopLinkChecks?.();
    await this.#batcher.drain();
    await Promise.all(this.listeners.map((listener) => listener.close()));
    await this.#servers?.close();
    await this.#uplink.close();
  }

  async #open(config: ListenerConfig, index: number): Promise<SteadyListener> {
    const { receiveBufferOctets } = this.#config.queue;
    const { address, port } = config;
    const endpoint = formatEndpoint(config);
    const socket = {
      address,
      port,
      receiveBufferOctets,
      onDatagram: (datagram: Uint8Array, source: RemoteInfo) => {
        this.#take(datagram, config, index, source);
      },
      ...this.#socketTroubles(endpoint),
    };
    const listener = await openSteadyListener(socket, {
      links: this.#links,
      onReopened: () => {
        this.#log.info({ listener: endpoint }, "interface is back: listening again");
      },
      onReopenFailed: ({ message }) => {
        this.#log.warn(
          { listener: endpoint, error: message },
          "interface is back, but not to be listened on",
        );
      },
    });
    if (listener.receiveBufferOctets < receiveBufferOctets) {
      const fields = { wanted: receiveBufferOctets, granted: listener.receiveBufferOctets };
      this.#log.warn(fields, "receive buffer is smaller than wanted: raise net.core.rmem_max");
    }
    return listener;
  }

  #socketTroubles(socket: string) {
    return {
      onSendFailed: () => {
        this.counters.drop("send-failed");
      },
      onTrouble: ({ message }: Error) => {
        this.#log.warn({ listener: socket, error: message }, "socket in trouble");
      },
    };
  }

  async #openServers(): Promise<void> {
    const { servers, queue } = this.#config;
    const { sourceAddress: address, sourcePort: port, destinations, relayed } = servers;
    const source = { address, port };
    this.#servers = await openServers(
      { destinations, source, relayed },
      {
        receiveBufferOctets: queue.receiveBufferOctets,
        onAnswer: (datagram) => {
          this.#deliver(datagram);
        },
        onStranger: () => {
          this.counters.drop("unknown-server");
        },
        ...this.#socketTroubles(formatEndpoint(source)),
      },
    );
    this.#services = { ...this.#services, servers: this.#servers.rule };
    const { port: bound } = this.#servers;
    this.#log.info({ servers: destinations.map(formatEndpoint), port: bound }, "relaying to DHCPv6 servers");
  }

  #checkLinks(): void {
    const returned = this.#links.refresh();
    for (const listener of this.listeners) void listener.onLinks(returned);
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

  /** The way up, unless the answer is ours. */
  #take(
    datagram: Uint8Array,
    { address: listening, linkAddress }: ListenerConfig,
    listener: number,
    { address, port }: RemoteInfo,
  ): void {
    this.counters.received += 1;
    const peer = this.#peers.parse(address);
    const origin = {
      listener,
      isGroup: listening.startsWith("ff"),
      linkAddress: isUnspecified(linkAddress) ? this.#linkAddressFor(peer.zone, listening) : linkAddress,
      peer,
      port,
    };
    const taken = takeDatagram(datagram, origin, this.#services);
    if (taken.kind !== "forward") this.#finish(taken);
    else if (this.#isClosing) this.counters.drop("relay-closing");
    else if (taken.to === "allocator") this.#batcher.add(taken.frame);
    else this.#servers?.send(taken.frame);
  }

  /** What comes from beyond a link has another link-address than any of ours, or none. */
  #linkAddressFor(sourceZone: string, listening: string): Uint8Array {
    const zone = sourceZone === "" ? zoneOf(listening) : sourceZone;
    return this.#links.linkAddressOf(zone ?? "");
  }

  /** The way down. */
  #deliver(answer: Uint8Array): void {
    this.#finish(unwrapAnswer(answer, this.listeners.length, this.#config.replyPort));
  }

  #finish(outcome: Delivery | Drop): void {
    if (outcome.kind === "drop") {
      this.counters.drop(outcome.reason);
      return;
    }
    this.counters.sent += 1;
    this.listeners[outcome.listener]!.send(outcome.payload, outcome.port, outcome.address);
  }
}

/** @throws {ConfigError} When there is nothing to make a server identifier of. */
function servicesOf({ information, replyPort }: RelayConfig): Services {
  const { enabled, serverIdentifier, ...said } = information;
  if (!enabled) return { replyPort };
  const duid = serverIdentifier ?? deriveServerIdentifier();
  return { replyPort, information: { ...said, serverIdentifier: duid } };
}
