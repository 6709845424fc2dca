/**
 * What surrounds a fuzzed relay: sockets, connections to an allocator, a clock and timers, all in memory. Nothing happens
 * unless the fuzzer makes it happen.
 *
 * @module
 */
import type { RelayOutside } from "../../relay/relay.ts";
import type { Listener, ListenerOptions } from "../../relay/sockets/listener.ts";
import type { HttpAnswer, HttpRequest } from "../../relay/uplink/connections.ts";
import type { Timing } from "../../src/timing.ts";
import { readInterfaces } from "./relay-settings.ts";

/** A socket of the relay. */
export interface FuzzSocket {
  readonly options: ListenerOptions;
  isOpen: boolean;
}

/** A request of the relay that waits for its answer. */
export interface WaitingRequest {
  readonly request: HttpRequest;
  readonly answer: (answer: HttpAnswer) => void;
}

/** Told each datagram that the relay sends. */
export type OnSent = (socket: FuzzSocket, payload: Uint8Array, port: number, address: string) => void;

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** A port that the system would choose. */
const chosenPort = 40_547;

/** The surroundings of one relay. */
export class Outside implements RelayOutside {
  /** In the order in which the relay opened them. */
  readonly sockets: FuzzSocket[] = [];
  readonly readInterfaces = readInterfaces;
  readonly timing: Timing;
  #requests: WaitingRequest[] = [];
  #soon: (() => void)[] = [];
  #timers = new Set<Timer>();
  #nowMs = 1000;
  readonly #onSent: OnSent;

  /** @param random Returns a number of at least 0, less than 1. */
  constructor(onSent: OnSent, random: () => number) {
    this.#onSent = onSent;
    this.timing = {
      nowMs: () => this.#nowMs,
      soon: (run) => {
        this.#soon.push(run);
      },
      later: (run, delayMs) => {
        const timer = { atMs: this.#nowMs + delayMs, run };
        this.#timers.add(timer);
        return () => {
          this.#timers.delete(timer);
        };
      },
      random,
    };
  }

  readonly openListener = (options: ListenerOptions): Promise<Listener> => {
    const socket = { options, isOpen: true };
    this.sockets.push(socket);
    const { receiveBufferOctets } = options;
    return Promise.resolve({
      address: options.address,
      port: options.port === 0 ? chosenPort : options.port,
      receiveBufferOctets,
      resizeReceiveBuffer: (octets) => octets,
      send: (payload, port, address) => {
        this.#onSent(socket, payload, port, address);
      },
      close: () => {
        socket.isOpen = false;
        return Promise.resolve();
      },
    });
  };

  readonly openConnections: RelayOutside["openConnections"] = () => ({
    request: (request) =>
      new Promise((answer) => {
        this.#requests.push({ request, answer });
      }),
    close: () => Promise.resolve(),
  });

  /** Runs what the relay does after the datagrams of a turn. */
  runSoon(): void {
    while (this.#soon.length > 0) {
      const due = this.#soon;
      this.#soon = [];
      for (const run of due) run();
    }
  }

  /** Lets time pass, and runs each timer that is due once, as a loop does that was busy. */
  pass(ms: number): void {
    this.#nowMs += ms;
    const due = [...this.#timers].filter(({ atMs }) => atMs <= this.#nowMs);
    for (const timer of due) if (this.#timers.delete(timer)) timer.run();
  }

  /** @returns The oldest request without an answer. */
  takeRequest(): WaitingRequest | undefined {
    return this.#requests.shift();
  }
}

/** Lets the relay do what it does when a promise is settled. */
export const settle = (): Promise<void> => new Promise((done) => setImmediate(done));
