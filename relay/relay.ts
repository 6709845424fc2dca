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
import { isDeepStrictEqual } from "node:util";
import { relayBodyOctetsMax, relayListenersMax } from "../src/limits.ts";
import { isUnspecified } from "../src/wire/ipv6-address.ts";
import { Batcher } from "./uplink/batcher.ts";
import type { BatcherLimits, BatcherPorts } from "./uplink/batcher.ts";
import type { RelayConfig } from "./config/config.ts";
import { Counters } from "./counters.ts";
import type { CountersSnapshot } from "./counters.ts";
import { unwrapAnswer } from "./messages/envelope.ts";
import type { Delivery, Drop, Origin } from "./messages/envelope.ts";
import type { Information } from "./information/information.ts";
import { takeDatagram } from "./messages/intake.ts";
import type { Links } from "./sockets/links.ts";
import type { Entry, ListenerTable } from "./sockets/listener-table.ts";
import { formatEndpoint } from "./sockets/listener.ts";
import type { Log, RelayObserver, UdpEnd } from "./observer.ts";
import { Peers } from "./sockets/peers.ts";
import type { Peer } from "./sockets/peers.ts";
import { RateLimiter } from "./sockets/rate-limiter.ts";
import { serverIdentifierOf } from "./config/server-identifier.ts";
import type { Servers } from "./sockets/servers.ts";
import { Sockets } from "./sockets/sockets.ts";
import { zoneOf } from "./sockets/steady-listener.ts";
import { systemTiming } from "../src/timing.ts";
import type { Timing } from "../src/timing.ts";
import type { AllocatorStatus } from "./uplink/uplink.ts";
import { postMs, Uplinks } from "./uplink/uplinks.ts";

/** What a relay is given beside its settings. */
export interface RelayContext {
  readonly log: Log;
  readonly observer?: RelayObserver;
  /** Clock, timers and randomness; those of the real world when left out. */
  readonly timing?: Timing;
}

/** How a relay is now. */
export interface RelayStatus {
  readonly listeners: readonly ListenerStatus[];
  readonly allocators: readonly AllocatorStatus[];
  /** What waits for a POST. */
  readonly queue: { readonly frames: number; readonly octets: number; readonly oldestMs: number };
  /** Sources whose rate is remembered. */
  readonly sources: number;
  readonly counters: CountersSnapshot;
}

/** How a socket is now. */
export interface ListenerStatus {
  readonly endpoint: string;
  /** Octets of the receive buffer, as asked for and as the kernel granted them (Linux counts double). */
  readonly receiveBufferWanted: number;
  readonly receiveBufferGranted: number;
}

/** A running relay. */
export interface Relay {
  /** Where it listens, in the order of the settings. */
  readonly addresses: readonly UdpEnd[];
  readonly counters: Counters;
  readonly status: () => RelayStatus;
  /**
   * Goes on with other settings, and loses no datagram: sockets that are in both stay open, new ones are open before
   * old ones are closed, and answers to what the old ones took are still delivered.
   *
   * @throws {Error} When a listener can't be opened; then nothing has changed.
   */
  readonly reload: (config: RelayConfig) => Promise<void>;
  /** Takes no more datagrams, sends what waits, delivers the answers that are due, then stops. */
  readonly close: () => Promise<void>;
}

/**
 * Starts a relay.
 *
 * @throws {Error} When a listener can't be opened. The allocators need not be there yet.
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
    get addresses() {
      return engine.addresses;
    },
    counters: engine.counters,
    status: () => engine.status(),
    reload: (next) => engine.reload(next),
    close: () => (closing ??= engine.close()),
  };
}

/** The parts of a relay, joined. */
class Engine {
  readonly counters = new Counters();
  readonly #log: Log;
  readonly #observer: RelayObserver;
  readonly #timing: Timing;
  readonly #sockets: Sockets;
  readonly #links: Links;
  readonly #listeners: ListenerTable;
  readonly #servers: Servers;
  readonly #batcher: Batcher;
  readonly #uplinks: Uplinks;
  #config: RelayConfig;
  #peers: Peers;
  #limiter: RateLimiter;
  /** What Information-Requests are answered with, if they are. */
  #information: Information | undefined;
  #stopLinkChecks: (() => void) | undefined;
  #isClosing = false;

  constructor(config: RelayConfig, { log, observer = {}, timing = systemTiming }: RelayContext) {
    const { counters } = this;
    this.#config = config;
    this.#log = log;
    this.#observer = observer;
    this.#timing = timing;
    this.#sockets = this.#createSockets();
    // Of these, what each datagram needs.
    ({ links: this.#links, listeners: this.#listeners, servers: this.#servers } = this.#sockets);
    const onAvailable = () => {
      this.#batcher.wake();
    };
    this.#uplinks = new Uplinks(config, { counters, log, observer, timing, onAvailable });
    this.#peers = new Peers(config.storm);
    this.#limiter = new RateLimiter(config.storm);
    this.#batcher = new Batcher(limitsOf(config), this.#batcherPorts(), timing);
  }

  get addresses(): readonly UdpEnd[] {
    return this.#listeners.configured.map(({ listener: { address, port } }) => ({ address, port }));
  }

  status(): RelayStatus {
    const { receiveBufferOctets } = this.#config.queue;
    return {
      listeners: this.#listeners.configured.map((entry) => ({
        endpoint: formatEndpoint(entry.listener),
        receiveBufferWanted: receiveBufferOctets,
        receiveBufferGranted: entry.receiveBufferOctets,
      })),
      allocators: this.#uplinks.current.status(),
      queue: this.#batcher.waiting,
      sources: this.#limiter.sources,
      counters: this.counters.snapshot(),
    };
  }

  async listen(): Promise<void> {
    await this.#configure(this.#config);
    this.#stopLinkChecks = this.#sockets.watchLinks();
    this.#log.info(this.#summary(), "relay listening");
  }

  async reload(config: RelayConfig): Promise<void> {
    await this.#configure(config);
    const before = this.#config;
    this.#config = config;
    this.#uplinks.reconfigure(config);
    if (!isDeepStrictEqual(before.storm, config.storm)) {
      this.#peers = new Peers(config.storm);
      this.#limiter = new RateLimiter(config.storm);
    }
    this.#batcher.reconfigure(limitsOf(config));
    this.#log.info(this.#summary(), "relay reconfigured");
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#stopLinkChecks?.();
    await this.#batcher.drain();
    await this.#sockets.close();
    await this.#uplinks.close();
  }

  /** All of it, or nothing. */
  async #configure(config: RelayConfig): Promise<void> {
    const information = informationOf(config);
    await this.#sockets.configure(config);
    this.#information = information;
  }

  #summary() {
    const { allocator, replyPort } = this.#config;
    const listeners = this.addresses.map(formatEndpoint);
    const { source } = this.#servers;
    return {
      listeners,
      allocators: allocator.urls.map(({ href }) => href),
      replyPort,
      ...(source !== undefined && { serversSource: formatEndpoint(source) }),
    };
  }

  #createSockets(): Sockets {
    return new Sockets({
      onDatagram: (datagram, entry, source) => {
        this.#take(datagram, entry, source);
      },
      onAnswer: (datagram) => {
        this.#deliver(datagram);
      },
      onStranger: () => {
        this.counters.drop("unknown-server");
      },
      onSendFailed: () => {
        this.counters.drop("send-failed");
      },
      log: this.#log,
      observer: this.#observer,
      timing: this.#timing,
    });
  }

  #batcherPorts(): BatcherPorts {
    const { counters } = this;
    return {
      canPost: () => this.#uplinks.current.canPost(),
      isAway: () => this.#uplinks.current.isAway(),
      taken: ({ frames, oldestMs }, nowMs) => {
        counters.forwarded += frames.length;
        this.#observer.batched?.(frames, nowMs - oldestMs);
      },
      post: (frames, oldestMs) => this.#uplinks.current.post(frames, oldestMs),
      deliver: (answers) => {
        counters.answered += answers.length;
        for (const answer of answers) this.#deliver(answer);
      },
      drop: (reason, count) => {
        counters.drop(reason, count);
      },
    };
  }

  /** The way up, unless the answer is ours. */
  #take(datagram: Uint8Array, entry: Entry, source: RemoteInfo): void {
    const { counters } = this;
    counters.received += 1;
    counters.receivedByType.add(datagram);
    this.#observer.received?.(datagram, { address: source.address, port: source.port }, entry.listener);
    if (this.#isClosing || entry.state === "left") {
      counters.drop("relay-closing");
      return;
    }
    const peer = this.#peers.parse(source.address);
    if (!this.#limiter.admits(peer.source, this.#timing.nowMs())) {
      counters.drop("source-rate");
      return;
    }
    const origin = this.#originOf(entry, peer, source.port);
    const { rule: servers } = this.#servers;
    const services = { information: this.#information, servers, replyPort: this.#config.replyPort };
    const taken = takeDatagram(datagram, origin, services);
    if (taken.kind !== "forward") this.#finish(taken);
    else if (taken.to === "allocator") this.#batcher.add(taken.frame);
    else {
      counters.toServers += 1;
      this.#servers.send(taken.frame);
    }
  }

  /** A link-address that nobody configured is one of the link that the datagram came through. */
  #originOf({ number, config, isGroup }: Entry, peer: Peer, port: number): Origin {
    const zone = peer.zone === "" ? zoneOf(config.address) : peer.zone;
    const linkAddress = isUnspecified(config.linkAddress)
      ? this.#links.linkAddressOf(zone ?? "")
      : config.linkAddress;
    return { listener: number, isGroup, linkAddress, peer, port };
  }

  /** The way down. */
  #deliver(answer: Uint8Array): void {
    this.#finish(unwrapAnswer(answer, relayListenersMax, this.#config.replyPort));
  }

  #finish(outcome: Delivery | Drop): void {
    if (outcome.kind === "drop") {
      this.counters.drop(outcome.reason);
      return;
    }
    const { listener: number, payload, port, address } = outcome;
    const entry = this.#listeners.find(number);
    if (entry === undefined) {
      this.counters.drop("unknown-interface-id");
      return;
    }
    this.counters.sent += 1;
    this.counters.sentByType.add(payload);
    this.#observer.sent?.(payload, entry.listener, { address, port });
    entry.listener.send(payload, port, address);
  }
}

/** @throws {ConfigError} When there is nothing to make a server identifier of. */
function informationOf({ information }: RelayConfig): Information | undefined {
  const serverIdentifier = serverIdentifierOf(information);
  return serverIdentifier && { ...information, serverIdentifier };
}

function limitsOf({ queue, allocator }: RelayConfig): BatcherLimits {
  return {
    lengthMax: queue.length,
    octetsMax: queue.octets,
    waitMsMax: queue.deadlineMs - postMs(queue.deadlineMs),
    postsInFlightMax: allocator.postsInFlight,
    batchFramesMax: allocator.batchFrames,
    batchOctetsMax: relayBodyOctetsMax,
  };
}
