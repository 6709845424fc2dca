/**
 * A host with a relay: the real relay, with sockets and connections of the simulation.
 *
 * @module
 */
import { parseRelaySettings } from "../../relay/config/config.ts";
import { startRelay } from "../../relay/relay.ts";
import type { Relay } from "../../relay/relay.ts";
import type { Listener, ListenerOptions } from "../../relay/sockets/listener.ts";
import type { Connections, HttpAnswer, HttpRequest } from "../../relay/uplink/connections.ts";
import { ageHeader, clockHeader } from "../../src/wire/relay-call.ts";
import { must } from "../oracle/violation.ts";
import type { AllocatorHost } from "./allocator-host.ts";
import type { Crashes } from "./crashes.ts";
import type { Kernel } from "./kernel.ts";
import type { Network } from "./network.ts";
import type { SimulatedProcess } from "./process.ts";
import { RelayLedger } from "./relay-ledger.ts";
import type { LedgerPost } from "./relay-ledger.ts";

/** Options of a relay. */
export interface RelayHostOptions {
  readonly name: string;
  /** IPv6 address of each listener, which is the link-address that it states. Each is the link of one domain. */
  readonly addresses: readonly string[];
  readonly token: string;
  readonly policy: "priority" | "spread";
  readonly postsInFlight: number;
  /** Frames in a POST. */
  readonly batchFrames: number;
  readonly deadlineMs: number;
  /** The release that it is of: earlier ones state no arrival, or no age. */
  readonly states: "arrival" | "age" | "nothing";
  readonly allocators: readonly AllocatorHost[];
  readonly startProcess: () => SimulatedProcess;
  readonly crashes: Crashes;
  readonly log: (relay: string, message: string, fields: object) => void;
  /** Delivers a datagram to the client with an address, over the link with a number. */
  readonly deliver: (payload: Uint8Array, address: string, link: number) => void;
}

/** A host on which a relay runs, is killed and started again. */
export class RelayHost {
  readonly name: string;
  readonly #kernel: Kernel;
  readonly #network: Network;
  readonly #options: RelayHostOptions;
  #process: SimulatedProcess | undefined;
  #relay: Relay | undefined;
  #ledger: RelayLedger | undefined;
  readonly #sockets = new Map<string, ListenerOptions>();

  constructor(kernel: Kernel, network: Network, options: RelayHostOptions) {
    this.name = options.name;
    this.#kernel = kernel;
    this.#network = network;
    this.#options = options;
  }

  /** Whether its release covers the whole way of a message from here to the database. */
  get statesArrival(): boolean {
    return this.#options.states === "arrival";
  }

  /** Whether its release covers at least the time that a message waits here, and in the process that it is sent to. */
  get statesAge(): boolean {
    return this.#options.states !== "nothing";
  }

  get process(): SimulatedProcess | undefined {
    return this.#process;
  }

  /** The relay; undefined while its process is starting or down. */
  get relay(): Relay | undefined {
    return this.#relay;
  }

  start(): void {
    const process = this.#options.startProcess();
    this.#process = process;
    const ledger = (this.#ledger = new RelayLedger(this.name));
    const { name, addresses, token, policy, postsInFlight, batchFrames, deadlineMs, allocators, log } =
      this.#options;
    const settings = parseRelaySettings({
      replyPort: "source",
      listeners: addresses.map((address) => ({
        address,
        port: 547,
        linkAddress: address,
        accessNodes: true,
      })),
      allocator: {
        urls: allocators.map((each) => `http://${each.name}`),
        policy,
        postsInFlight,
        batchFrames,
      },
      queue: { deadlineMs },
    });
    const write = (fields: object, message: string): void => {
      log(name, message, fields);
    };
    const outside = {
      openListener: (options: ListenerOptions) =>
        Promise.resolve(this.#openListener(process, ledger, options)),
      openConnections: ({ url }: { readonly url: URL }) =>
        this.#connect(
          process,
          ledger,
          allocators.find((each) => each.name === url.hostname)!,
        ),
      readInterfaces: () => ({}),
    };
    process.deliver("connections", () => {
      const context = { log: { info: () => undefined, warn: write }, timing: process.timing, outside };
      void startRelay({ ...settings, secrets: { token } }, context).then((relay) => {
        if (process.isAlive) this.#relay = relay;
      });
    });
  }

  /**
   * Compares what the relay counts with what went through its host.
   *
   * @throws {Violation} If they differ.
   */
  checkCounters(isKilled = false): void {
    if (this.#relay === undefined) return;
    const { counters, queue } = this.#relay.status();
    must(queue.frames > 0 || queue.octets === 0, "an empty queue has octets", this.name, queue);
    this.#ledger!.check(counters, queue.frames, isKilled);
  }

  kill(): void {
    this.#kernel.check(() => {
      this.checkCounters(true);
    });
    this.#process?.kill();
    this.#process = undefined;
    this.#relay = undefined;
    this.#sockets.clear();
  }

  /** A datagram arrives at the listener of a link. */
  receive(datagram: Uint8Array, link: number, address: string, port: number): void {
    const socket = this.#sockets.get(this.#options.addresses[link]!);
    if (socket === undefined) return;
    const ledger = this.#ledger!;
    this.#process?.deliver(`socket ${socket.address}`, () => {
      ledger.recordReceived();
      socket.onDatagram(datagram, { address, port, family: "IPv6", size: datagram.length });
    });
  }

  #openListener(process: SimulatedProcess, ledger: RelayLedger, options: ListenerOptions): Listener {
    this.#sockets.set(options.address, options);
    const { receiveBufferOctets } = options;
    return {
      address: options.address,
      port: options.port,
      receiveBufferOctets,
      resizeReceiveBuffer: () => receiveBufferOctets,
      send: (payload, _port, address) => {
        const { crashes } = this.#options;
        ledger.recordSent();
        if (!process.isAlive || crashes.strike(this, "before a datagram")) return;
        this.#options.deliver(payload, address, this.#options.addresses.indexOf(options.address));
        crashes.strike(this, "after a datagram");
      },
      close: () => Promise.resolve(),
    };
  }

  #connect(process: SimulatedProcess, ledger: RelayLedger, allocator: AllocatorHost): Connections {
    return {
      request: (request, timeoutMs) => {
        const post = request.body && ledger.recordPost(request.body);
        return this.#request(process, allocator, request, timeoutMs, post);
      },
      close: () => Promise.resolve(),
    };
  }

  #request(
    process: SimulatedProcess,
    allocator: AllocatorHost,
    request: HttpRequest,
    timeoutMs: number,
    post: LedgerPost | undefined,
  ): Promise<HttpAnswer> {
    const network = this.#network;
    return new Promise((resolve, reject) => {
      if (!process.isAlive) return;
      const fail = (message: string): void => {
        post?.failed();
        reject(new Error(message));
      };
      const cancel = process.timing.later(() => {
        fail(`No answer within ${Math.round(timeoutMs)} ms`);
      }, timeoutMs);
      const receive = (settle: () => void): void => {
        process.deliver("connections", () => {
          cancel();
          settle();
        });
      };
      const onBroken = (): void => {
        this.#kernel.after(1, () => {
          receive(() => {
            fail("other side closed");
          });
        });
      };
      const onAnswer = (answer: HttpAnswer): void => {
        const arrive = (): void => {
          receive(() => {
            post?.answered(answer);
            resolve(this.#asItReads(answer));
          });
        };
        network.sendOverTcp(allocator.name, this.name, arrive, onBroken);
      };
      const sent = this.#asOfItsRelease(request);
      const arrive = (): void => {
        allocator.request(this.name, sent, onAnswer, onBroken);
      };
      network.sendOverTcp(this.name, allocator.name, arrive, onBroken);
      this.#options.crashes.strike(this, "after a POST");
    });
  }

  /** An older release knows nothing of the judging clock. */
  #asItReads(answer: HttpAnswer): HttpAnswer {
    if (this.statesArrival) return answer;
    return { ...answer, headers: { ...answer.headers, [clockHeader]: undefined } };
  }

  #asOfItsRelease(request: HttpRequest): HttpRequest {
    const { states } = this.#options;
    if (states === "arrival" || request.headers === undefined) return request;
    const { [ageHeader]: age, authorization, "content-type": type } = request.headers;
    const headers = { authorization: authorization!, "content-type": type! };
    return {
      ...request,
      headers: { ...headers, ...(states === "age" && age !== undefined && { [ageHeader]: age }) },
    };
  }
}
