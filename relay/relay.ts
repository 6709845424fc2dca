/**
 * The relay: forwards datagrams to the allocator, and delivers the answers to the senders of the datagrams. It decides
 * nothing about leases and keeps no state for an exchange, apart from the frames in its queue.
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
import { networkInterfaces } from "node:os";
import { isDeepStrictEqual } from "node:util";
import {
  datagramsPerTurnMax,
  datagramTurnsMax,
  loopBeatMs,
  loopGapMs,
  relayListenersMax,
} from "../src/limits.ts";
import { LoopWatch } from "../src/loop-watch.ts";
import { MessageType6 } from "../src/wire/dhcpv6/codes.ts";
import { isUnspecified } from "../src/wire/ipv6-address.ts";
import type { RelayConfig } from "./config/config.ts";
import { RelayCounters } from "./counters.ts";
import type { CountersSnapshot } from "./counters.ts";
import { formatEndpoint, zoneOf } from "./endpoint.ts";
import type { Endpoint } from "./endpoint.ts";
import { answerDatagram } from "./information/information.ts";
import { formatPeer, unwrapAnswer, wrapDatagram } from "./messages/envelope.ts";
import type { Delivery, Drop, Origin } from "./messages/envelope.ts";
import { laneOf } from "./messages/lane.ts";
import { countBelieved } from "./messages/trust.ts";
import type { Belief } from "./messages/trust.ts";
import { UntrustedRelays } from "./messages/untrusted-relays.ts";
import type { UntrustedRelay } from "./messages/untrusted-relays.ts";
import type { RelayLog, RelayObserver } from "./observer.ts";
import { Links } from "./sockets/links.ts";
import type { InterfacesReader } from "./sockets/links.ts";
import { openListener } from "./sockets/listener.ts";
import type { OpenListener } from "./sockets/listener.ts";
import { ListenerTable } from "./sockets/listener-table.ts";
import type { ListenerEntry } from "./sockets/listener-table.ts";
import { Peers } from "./sockets/peers.ts";
import type { Peer } from "./sockets/peers.ts";
import { RateLimiter } from "./sockets/rate-limiter.ts";
import { Servers } from "./sockets/servers.ts";
import { Sockets } from "./sockets/sockets.ts";
import { systemTiming } from "../src/timing.ts";
import type { Timing } from "../src/timing.ts";
import { Batcher } from "./uplink/batcher.ts";
import { openConnections } from "./uplink/connections.ts";
import type { OpenConnections } from "./uplink/connections.ts";
import type { AllocatorStatus } from "./uplink/uplink.ts";
import { batcherLimitsOf, Uplinks } from "./uplink/uplinks.ts";

/** Dependencies of a relay. */
export interface RelayContext {
  readonly log: RelayLog;
  readonly observer?: RelayObserver;
  /** Clock, timers and randomness; those of the system if omitted. */
  readonly timing?: Timing;
  /** How it reaches the outside; as the system does if omitted. */
  readonly outside?: RelayOutside;
}

/** The ways of a relay to the outside. */
export interface RelayOutside {
  /** Opens UDP sockets. */
  readonly openListener: OpenListener;
  /** Opens HTTP connections to allocators. */
  readonly openConnections: OpenConnections;
  /** Reads the interfaces of the host. */
  readonly readInterfaces: InterfacesReader;
}

const systemOutside: RelayOutside = { openListener, openConnections, readInterfaces: networkInterfaces };

/** Current state of a relay. */
export interface RelayStatus {
  readonly listeners: readonly ListenerStatus[];
  readonly allocators: readonly AllocatorStatus[];
  /** Frames that wait for a POST. */
  readonly queue: { readonly frames: number; readonly octets: number; readonly oldestMs: number };
  /** Number of sources whose rate is being tracked. */
  readonly sources: number;
  /** Addresses whose relay levels were not believed, the latest last. */
  readonly untrustedRelays: readonly UntrustedRelay[];
  readonly counters: CountersSnapshot;
}

/** Current state of a listener. */
export interface ListenerStatus {
  readonly endpoint: string;
  /** Octets of the receive buffer, as requested and as granted by the kernel (Linux reports twice the size). */
  readonly receiveBufferWanted: number;
  readonly receiveBufferGranted: number;
}

/** A running relay. */
export interface Relay {
  /** Addresses of its listeners, in the order of the settings. */
  readonly addresses: readonly Endpoint[];
  readonly counters: RelayCounters;
  readonly status: () => RelayStatus;
  /**
   * Switches to other settings without losing a datagram. Sockets that both settings have stay open, new sockets open
   * before old ones close, and answers to datagrams of the old sockets are still delivered.
   *
   * @throws {Error} If a socket can't be opened; then nothing has changed.
   */
  readonly reload: (config: RelayConfig) => Promise<void>;
  /** Accepts no more datagrams, sends the waiting frames, delivers the pending answers, then stops. */
  readonly close: () => Promise<void>;
}

/**
 * Starts a relay.
 *
 * @throws {Error} If a socket can't be opened. The allocators need not be reachable yet.
 */
export async function startRelay(config: RelayConfig, context: RelayContext): Promise<Relay> {
  const relay = new RunningRelay(config, context);
  try {
    await relay.listen();
  } catch (error) {
    await relay.close();
    throw error;
  }
  return relay;
}

const watchOptions = {
  beatMs: loopBeatMs,
  gapMs: loopGapMs,
  readsPerTurnMax: datagramsPerTurnMax,
  turnsMax: datagramTurnsMax,
};

/** A datagram without relay levels has none that could be doubted. */
const allBelieved: Belief = { levels: 0, untrusted: undefined };

/**
 * Connects the parts of a relay. Each direction is one function:
 *
 * - up, `#receive`: a listener's socket calls it with each datagram;
 * - down, `#deliver`: the batcher calls it with each answer from an allocator, and the socket towards DHCPv6 servers
 *   calls it with each answer from a server.
 */
class RunningRelay implements Relay {
  readonly counters = new RelayCounters();
  readonly #log: RelayLog;
  readonly #observer: RelayObserver;
  readonly #timing: Timing;
  readonly #links: Links;
  readonly #untrusted = new UntrustedRelays();
  readonly #watch: LoopWatch;
  readonly #listeners: ListenerTable;
  readonly #servers: Servers;
  readonly #sockets: Sockets;
  readonly #batcher: Batcher;
  readonly #uplinks: Uplinks;
  #config: RelayConfig;
  #peers: Peers;
  #limiter: RateLimiter;
  #stopLinkChecks: (() => void) | undefined;
  #stopWatch: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(config: RelayConfig, context: RelayContext) {
    const { log, observer = {}, timing = systemTiming, outside = systemOutside } = context;
    const links = (this.#links = new Links(outside.readInterfaces));
    const parts = { counters: this.counters, links, log, observer, timing, ...outside };
    this.#config = config;
    this.#log = log;
    this.#observer = observer;
    this.#timing = timing;
    this.#watch = new LoopWatch(watchOptions, timing);
    this.#peers = new Peers(config.storm);
    this.#limiter = new RateLimiter(config.storm);
    this.#listeners = new ListenerTable(this.#receive, parts);
    this.#servers = new Servers(this.#deliver, parts);
    this.#sockets = new Sockets({ ...parts, listeners: this.#listeners, servers: this.#servers });
    const onChanged = () => {
      this.#batcher.wake();
    };
    this.#uplinks = new Uplinks(config, { ...parts, onChanged });
    this.#batcher = new Batcher(batcherLimitsOf(config), this.#deliver, {
      ...parts,
      uplink: this.#uplinks,
    });
  }

  /**
   * Receives a datagram from a client or a downstream relay. It drops the datagram if the relay is closing or the
   * source exceeds its rate, and determines its origin. Then it answers the datagram here, or wraps it and either
   * queues it for the allocator or sends it to DHCPv6 servers. Every dropped datagram is counted with its reason.
   */
  readonly #receive = (datagram: Uint8Array, entry: ListenerEntry, source: RemoteInfo): void => {
    const { counters } = this;
    this.#watch.recordRead(entry.number);
    counters.received += 1;
    counters.receivedByType.add(datagram);
    this.#observer.received?.(datagram, source, entry.listener);
    if (this.#closing !== undefined || entry.state === "left") {
      counters.drop("relay-closing");
      return;
    }
    const peer = this.#peers.parse(source.address);
    if (!this.#limiter.admits(peer.source, this.#timing.nowMs())) {
      counters.drop("source-rate");
      return;
    }
    const belief = this.#believe(datagram, entry, peer);
    if (belief === undefined) {
      counters.drop("untrusted-relay");
      return;
    }
    const origin = this.#originOf(entry, peer, source.port, belief.levels);
    const { information, replyPort } = this.#config;
    const { rule: servers } = this.#servers;
    if (information !== undefined) {
      const hasServers = servers !== undefined;
      const isBelieved = belief.untrusted === undefined;
      const answered = answerDatagram(datagram, origin, information, { isBelieved, hasServers, replyPort });
      if (answered.kind !== "pass") {
        this.#send(answered);
        return;
      }
    }
    const wrapped = wrapDatagram(datagram, origin, servers);
    if (wrapped.kind === "drop") counters.drop(wrapped.reason);
    else if (wrapped.to === "allocator") {
      this.#batcher.add(wrapped.frame, laneOf(datagram), this.#watch.arrivedMs(entry.number));
    } else {
      counters.toServers += 1;
      this.#servers.send(wrapped.frame);
    }
  };

  /**
   * Decides how far a datagram's relay levels are believed, and reports a level that is not.
   *
   * @returns Undefined if the datagram has to be dropped.
   */
  #believe(datagram: Uint8Array, { config, listener }: ListenerEntry, peer: Peer): Belief | undefined {
    if (datagram[0] !== MessageType6.relayForward) return allBelieved;
    const belief = countBelieved(datagram, peer.address, config.trust);
    if (belief.untrusted === undefined) return belief;
    this.counters.untrusted += 1;
    const isDropped = config.trust.untrustedRelays === "drop";
    const relay = formatPeer(belief.levels === 0 ? peer : { address: belief.untrusted, zone: "" });
    const endpoint = formatEndpoint(listener);
    const count = this.#untrusted.add(relay, endpoint, this.#timing.nowMs());
    if (count !== undefined) {
      const message = isDropped
        ? "RELAY-FORW dropped: if this relay is yours, add it to trustedRelays of the listener"
        : "relay level not believed: if this relay is yours, add it to trustedRelays of the listener";
      this.#log.warn({ relay, listener: endpoint, count }, message);
    }
    return isDropped ? undefined : belief;
  }

  /**
   * Handles an answer: unwraps it, finds the listener that sends it, and sends it. The loop is watched from here, so that
   * what its client sends next is not taken for older than this answer.
   */
  readonly #deliver = (answer: Uint8Array): void => {
    this.#watch.watchTurns();
    this.#send(unwrapAnswer(answer, relayListenersMax, this.#config.replyPort));
  };

  #send(outcome: Delivery | Drop): void {
    const { counters } = this;
    if (outcome.kind === "drop") {
      counters.drop(outcome.reason);
      return;
    }
    const { payload, port, address } = outcome;
    const entry = this.#listeners.find(outcome.listener);
    if (entry === undefined) {
      counters.drop("unknown-interface-id");
      return;
    }
    counters.sent += 1;
    counters.sentByType.add(payload);
    this.#observer.sent?.(payload, entry.listener, { address, port });
    entry.listener.send(payload, port, address);
  }

  /** Uses the configured link-address, or else an address of the link that the datagram arrived on. */
  #originOf({ number, config, isGroup }: ListenerEntry, peer: Peer, port: number, believed: number): Origin {
    const zone = peer.zone === "" ? zoneOf(config.address) : peer.zone;
    const linkAddress = isUnspecified(config.linkAddress)
      ? this.#links.linkAddressOf(zone ?? "")
      : config.linkAddress;
    return { listener: number, isGroup, linkAddress, peer, port, believed };
  }

  get addresses(): readonly Endpoint[] {
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
      allocators: this.#uplinks.status(),
      queue: this.#batcher.waiting,
      sources: this.#limiter.sources,
      untrustedRelays: this.#untrusted.list(),
      counters: this.counters.snapshot(),
    };
  }

  async listen(): Promise<void> {
    this.#stopWatch = this.#watch.start();
    await this.#sockets.configure(this.#config);
    this.#stopLinkChecks = this.#sockets.watchLinks();
    this.#log.info(this.#summary(), "relay listening");
  }

  async reload(config: RelayConfig): Promise<void> {
    await this.#sockets.configure(config);
    const before = this.#config;
    this.#config = config;
    this.#uplinks.reconfigure(config);
    if (!isDeepStrictEqual(before.storm, config.storm)) {
      this.#peers = new Peers(config.storm);
      this.#limiter = new RateLimiter(config.storm);
    }
    this.#batcher.reconfigure(batcherLimitsOf(config));
    this.#log.info(this.#summary(), "relay reconfigured");
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#stop());
  }

  async #stop(): Promise<void> {
    this.#stopLinkChecks?.();
    await this.#batcher.drain();
    this.#stopWatch?.();
    await this.#sockets.close();
    await this.#uplinks.close();
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
}
