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
import { linkCheckIntervalMs, relayBodyOctetsMax, relayListenersMax } from "../src/limits.ts";
import { isUnspecified } from "../src/wire/ipv6-address.ts";
import { createAllocatorClient } from "./allocator-client.ts";
import { Batcher } from "./batcher.ts";
import type { BatcherLimits, BatcherPorts } from "./batcher.ts";
import type { RelayConfig } from "./config.ts";
import { Counters } from "./counters.ts";
import type { CountersSnapshot } from "./counters.ts";
import { unwrapAnswer } from "./envelope.ts";
import type { Delivery, Drop, Origin } from "./envelope.ts";
import type { Information } from "./information.ts";
import { takeDatagram } from "./intake.ts";
import { Links } from "./links.ts";
import { ListenerTable } from "./listener-table.ts";
import type { Entry } from "./listener-table.ts";
import { formatEndpoint } from "./listener.ts";
import { Peers } from "./peers.ts";
import type { Peer } from "./peers.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { serverIdentifierOf } from "./server-identifier.ts";
import { Servers } from "./servers.ts";
import type { ServersConfig } from "./servers.ts";
import { zoneOf } from "./steady-listener.ts";
import { systemTiming } from "./timing.ts";
import type { Timing } from "./timing.ts";
import { Uplink } from "./uplink.ts";
import type { AllocatorStatus, EndedPost } from "./uplink.ts";

/** A log that takes fields and a message, such as pino. */
export interface Log {
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
}

/** One end of a UDP datagram. */
export interface UdpEnd {
  /** IPv6 address as text, perhaps with `%zone`. */
  readonly address: string;
  readonly port: number;
}

/** Sees what the relay does, datagram by datagram and POST by POST. Whatever it does with it, it does quickly. */
export interface RelayObserver {
  /** Datagrams of clients and of relays nearer them, and of DHCPv6 servers. */
  readonly received?: (datagram: Uint8Array, from: UdpEnd, to: UdpEnd) => void;
  readonly sent?: (datagram: Uint8Array, from: UdpEnd, to: UdpEnd) => void;
  /** Frames left the queue for a POST; the oldest had waited for so many milliseconds. */
  readonly batched?: (frames: readonly Uint8Array[], oldestWaitedMs: number) => void;
  /** A POST begins. */
  readonly posting?: (allocator: string, frames: readonly Uint8Array[]) => void;
  /** A POST is over. */
  readonly posted?: (post: EndedPost) => void;
}

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
  readonly #links = new Links();
  readonly #listeners: ListenerTable;
  readonly #servers: Servers;
  readonly #batcher: Batcher;
  #config: RelayConfig;
  #uplink: Uplink;
  #peers: Peers;
  #limiter: RateLimiter;
  /** What Information-Requests are answered with, if they are. */
  #information: Information | undefined;
  #linkChecks: NodeJS.Timeout | undefined;
  /** Uplinks of former settings, while their POSTs are in flight. */
  readonly #leaving = new Set<Promise<void>>();
  #isClosing = false;
  /** What the log last said about each allocator that can't serve. */
  readonly #troubles = new Map<string, string>();

  constructor(config: RelayConfig, { log, observer = {}, timing = systemTiming }: RelayContext) {
    this.#config = config;
    this.#log = log;
    this.#observer = observer;
    this.#timing = timing;
    this.#listeners = this.#createListeners();
    this.#servers = this.#createServers();
    this.#uplink = this.#createUplink(config);
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
      allocators: this.#uplink.status(),
      queue: this.#batcher.waiting,
      sources: this.#limiter.sources,
      counters: this.counters.snapshot(),
    };
  }

  async listen(): Promise<void> {
    await this.#configureSockets(this.#config);
    this.#linkChecks = setInterval(() => {
      this.#checkLinks();
    }, linkCheckIntervalMs);
    this.#log.info(this.#summary(), "relay listening");
  }

  async reload(config: RelayConfig): Promise<void> {
    await this.#configureSockets(config);
    const before = this.#config;
    this.#config = config;
    if (!hasSameUplink(before, config)) this.#replaceUplink(config);
    if (!isDeepStrictEqual(before.storm, config.storm)) {
      this.#peers = new Peers(config.storm);
      this.#limiter = new RateLimiter(config.storm);
    }
    this.#batcher.reconfigure(limitsOf(config));
    this.#log.info(this.#summary(), "relay reconfigured");
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#linkChecks);
    await this.#batcher.drain();
    await Promise.all([this.#listeners.close(), this.#servers.close()]);
    await Promise.all([...this.#leaving, this.#uplink.close()]);
  }

  #summary() {
    const { allocator, replyPort } = this.#config;
    const listeners = this.addresses.map(formatEndpoint);
    const { source } = this.#servers;
    return {
      ...{ listeners, allocators: allocator.urls.map(({ href }) => href), replyPort },
      ...(source !== undefined && { serversSource: formatEndpoint(source) }),
    };
  }

  #createListeners(): ListenerTable {
    return new ListenerTable({
      onDatagram: (datagram, entry, source) => {
        this.#take(datagram, entry, source);
      },
      onSendFailed: () => {
        this.counters.drop("send-failed");
      },
      onTrouble: ({ config }, error) => {
        this.#log.warn({ listener: formatEndpoint(config), error: error.message }, "socket in trouble");
      },
      onReopened: ({ config }, error) => {
        const fields = { listener: formatEndpoint(config) };
        if (error === undefined) this.#log.info(fields, "interface is back: listening again");
        else this.#log.warn({ ...fields, error: error.message }, "interface is back: can't listen on it yet");
      },
      links: this.#links,
      timing: this.#timing,
    });
  }

  #createServers(): Servers {
    const ports = {
      onAnswer: (datagram: Uint8Array) => {
        this.#deliver(datagram);
      },
      onStranger: () => {
        this.counters.drop("unknown-server");
      },
      onReceived: (datagram: Uint8Array, { address, port }: UdpEnd, to: UdpEnd) => {
        this.#observer.received?.(datagram, { address, port }, to);
      },
      onSent: (datagram: Uint8Array, from: UdpEnd, to: UdpEnd) => {
        this.#observer.sent?.(datagram, from, to);
      },
      onSendFailed: () => {
        this.counters.drop("send-failed");
      },
      onTrouble: ({ message }: Error) => {
        this.#log.warn({ error: message }, "socket towards DHCPv6 servers in trouble");
      },
    };
    return new Servers(ports, this.#timing);
  }

  /** All of it, or nothing. */
  async #configureSockets(config: RelayConfig): Promise<void> {
    const information = informationOf(config);
    const servers = await this.#servers.prepare(serversOf(config));
    try {
      await this.#configureListeners(config);
    } catch (error) {
      await servers.abandon();
      throw error;
    }
    servers.commit();
    this.#information = information;
  }

  async #configureListeners({ listeners, queue }: RelayConfig): Promise<void> {
    const { receiveBufferOctets: wanted, deadlineMs } = queue;
    await this.#listeners.configure({ listeners, receiveBufferOctets: wanted, deadlineMs });
    const granted = Math.min(...this.#listeners.configured.map((entry) => entry.receiveBufferOctets));
    if (granted < wanted) {
      this.#log.warn({ wanted, granted }, "receive buffer is smaller than wanted: raise net.core.rmem_max");
    }
  }

  #checkLinks(): void {
    const { gone, returned, renumbered } = this.#links.refresh();
    const served = new Set(this.#listeners.configured.map(({ config }) => zoneOf(config.address)));
    for (const name of gone) {
      if (served.has(name)) this.#log.warn({ interface: name }, "interface is gone: waiting for it");
    }
    for (const name of renumbered) {
      if (served.has(name)) this.#log.info({ interface: name }, "link-address changed");
    }
    this.#listeners.reopen(returned);
  }

  #createUplink({ allocator, queue, secrets }: RelayConfig): Uplink {
    const { urls, postsInFlight, policy } = allocator;
    const timeoutMs = postMs(queue.deadlineMs);
    const clients = urls.map((url) =>
      createAllocatorClient({ url, secrets, postsInFlight, connectTimeoutMs: timeoutMs }),
    );
    const ports = {
      began: (url: string, frames: readonly Uint8Array[]) => {
        this.#observer.posting?.(url, frames);
      },
      ended: (post: EndedPost) => {
        this.#endPost(post);
      },
      recovered: (url: string) => {
        this.#troubles.delete(url);
        this.#log.info({ allocator: url }, "allocator serves again");
      },
      available: () => {
        this.#batcher.wake();
      },
    };
    return new Uplink(clients, { policy, timeoutMs }, ports, this.#timing);
  }

  #replaceUplink(config: RelayConfig): void {
    const leaving = this.#uplink.close().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
    this.#troubles.clear();
    this.#uplink = this.#createUplink(config);
  }

  #batcherPorts(): BatcherPorts {
    const { counters } = this;
    return {
      canPost: () => this.#uplink.canPost(),
      isAway: () => this.#uplink.isAway(),
      taken: ({ frames, oldestMs }, nowMs) => {
        counters.forwarded += frames.length;
        this.#observer.batched?.(frames, nowMs - oldestMs);
      },
      post: (frames) => this.#uplink.post(frames),
      deliver: (answers) => {
        counters.answered += answers.length;
        for (const answer of answers) this.#deliver(answer);
      },
      drop: (reason, count) => {
        counters.drop(reason, count);
      },
    };
  }

  #endPost(post: EndedPost): void {
    const { allocator, outcome } = post;
    this.counters.posts += 1;
    this.#observer.posted?.(post);
    if (outcome.kind === "answers") return;
    this.counters.postsFailed += 1;
    // An outage is one line, not one for each attempt.
    if (outcome.detail === this.#troubles.get(allocator)) return;
    this.#troubles.set(allocator, outcome.detail);
    this.#log.warn({ allocator, ...outcome }, "allocator can't serve: it is left alone for a while");
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
  #originOf({ number, config }: Entry, peer: Peer, port: number): Origin {
    const zone = peer.zone === "" ? zoneOf(config.address) : peer.zone;
    const isGroup = multicastText.test(config.address);
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

/** Text of a multicast address: its first group is ff00 to ffff (RFC 4291 §2.7). */
const multicastText = /^ff[0-9a-f]{2}:/i;

/** @throws {ConfigError} When there is nothing to make a server identifier of. */
function informationOf({ information }: RelayConfig): Information | undefined {
  const serverIdentifier = serverIdentifierOf(information);
  return serverIdentifier && { ...information, serverIdentifier };
}

function serversOf({ servers, queue }: RelayConfig): ServersConfig {
  const { sourceAddress: address, sourcePort: port, ...rest } = servers;
  const { receiveBufferOctets, deadlineMs } = queue;
  return { ...rest, source: { address, port }, receiveBufferOctets, deadlineMs };
}

/** Half of a datagram's time is for the queue and half for the POST, so that a POST never begins with no time left. */
function postMs(deadlineMs: number): number {
  return deadlineMs / 2;
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

/** An uplink that stays the same keeps its connections, and what it knows of its allocators. */
function hasSameUplink(a: RelayConfig, b: RelayConfig): boolean {
  const of = ({ allocator, secrets, queue }: RelayConfig) => [
    allocator.urls.map(({ href }) => href),
    [allocator.policy, allocator.postsInFlight, queue.deadlineMs],
    secrets,
  ];
  return isDeepStrictEqual(of(a), of(b));
}
