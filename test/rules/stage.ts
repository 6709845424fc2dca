/**
 * The whole service with real sockets, for tests of the rules. A test sends datagrams to the relay's UDP port. The
 * relay forwards them to the allocator over HTTP. The test receives the answers on the UDP port that it sent from.
 *
 * Silence is proved without a timeout: see {@link Stage.send}.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { onTestFinished } from "vitest";
import { parseRelaySettings } from "../../relay/config/config.ts";
import type { RelayCounters } from "../../relay/counters.ts";
import { startRelay } from "../../relay/relay.ts";
import { systemTiming } from "../../src/timing.ts";
import type { Database } from "../../src/store/database/database.ts";
import { createStore } from "../../src/store/store.ts";
import { encodeInform } from "../../src/client/query.ts";
import { createApp } from "../../src/http/app.ts";
import { createCounters } from "../../src/allocator/counters.ts";
import type { Counters } from "../../src/allocator/counters.ts";
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import { tryDecode } from "../../src/wire/decode-error.ts";
import { readAnswer, relayToken } from "../support/allocator.ts";
import type { TestAnswer } from "../support/allocator.ts";
import { clientProfile } from "../support/clients.ts";
import { TestClock } from "../support/clock.ts";
import { temporaryDatabase } from "../support/database.ts";
import { queryNumber } from "../support/sql.ts";
import { ActingClient, enclose, levelAt } from "./acting-client.ts";
import type { ClientLocation } from "./acting-client.ts";

/** The answer to one message, without the level of our own relay. */
export type Answer = Omit<TestAnswer, "envelope">;

/** A declared domain. */
type DomainInput = DeclarationInput["domains"][number];

/**
 * The domain that most tests use: a shared pool with 63 usable port sets on each of two addresses, and a full pool with
 * two addresses.
 */
export const domain: DomainInput = {
  name: "rules",
  default: true,
  serverIdentifier: "198.51.100.1",
  softwire: { borderRelays: ["2001:db8:ffff::1"], bindPrefix: "2001:db8:1234:5600::/56" },
  pools: [
    { name: "shared", kind: "shared", range: "192.0.2.18-192.0.2.19", psidLength: 6 },
    { name: "full", kind: "full", range: "203.0.113.0/31" },
  ],
};

/** Changes {@link domain} to have no full addresses. */
export const sharedOnly: Partial<DomainInput> = { pools: [domain.pools[0]!] };

/** Where the probes come from. A probe is an INFORM; its answer shows that earlier messages have been served. */
const probeLocation: ClientLocation = { linkAddress: "2001:db8:dead::1", source: "fe80::dead" };
/** A domain of its own for the probes, so that they do not affect the domains of a test. */
const probeDomain: DomainInput = {
  name: "probe",
  prefixes: ["2001:db8:dead::/48"],
  serverIdentifier: "198.51.100.255",
  pools: [],
};
const probeXids = 0xfade0000;

/** A line of the allocator's log. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: object;
  readonly message: string;
}

/** A running service: a database, an allocator, a relay, and the socket of the test. */
export class Stage {
  readonly database: Database;
  /** The allocator's counters of outcomes. */
  readonly counters: Counters;
  readonly relay: RelayCounters;
  /** Lines of the allocator's log. */
  readonly logged: LogLine[];
  readonly #clock: TestClock;
  readonly #socket: Socket;
  readonly #port: number;
  #received: Uint8Array[] = [];
  #probes = 0;
  #onDatagram: () => void = () => undefined;

  private constructor(parts: {
    database: Database;
    counters: Counters;
    relay: RelayCounters;
    logged: LogLine[];
    clock: TestClock;
    socket: Socket;
    port: number;
  }) {
    this.#clock = parts.clock;
    this.database = parts.database;
    this.counters = parts.counters;
    this.relay = parts.relay;
    this.logged = parts.logged;
    this.#socket = parts.socket;
    this.#port = parts.port;
    this.#socket.on("message", (octets) => {
      this.#received.push(new Uint8Array(octets));
      this.#onDatagram();
    });
  }

  /**
   * Starts an allocator with a new database, and a relay for it. Both stop when the test ends.
   *
   * @param fields Fields that differ from {@link domain}, or a list of all domains.
   */
  static async open(fields: Partial<DomainInput> | DomainInput[] = {}): Promise<Stage> {
    const domains = Array.isArray(fields) ? fields : [{ ...domain, ...fields }];
    const clock = new TestClock(1_800_000_000);
    const { clockMs } = clock;
    const database = await temporaryDatabase({ domains: [...domains, probeDomain] }, { clockMs });
    const counters = createCounters();
    const logged: LogLine[] = [];
    const url = await startHttp({ database, counters, logged, clock });
    // With one POST at a time, messages are answered in the order in which they were sent.
    const settings = parseRelaySettings({
      // The levels that tests wrap queries in are those of trusted relays, as far as their senders can be.
      listeners: [
        { address: "::1", port: 0, trustedRelays: [{ prefix: "2001:db8::/32" }], untrustedRelays: "report" },
      ],
      allocator: { urls: [url], postsInFlight: 1 },
    });
    const config = { ...settings, secrets: { token: relayToken } };
    const quiet = () => undefined;
    // The clock of the leases stands still. So does the relay's, or messages would age on their way.
    const timing = { ...systemTiming, nowMs: () => 0 };
    const relay = await startRelay(config, { log: { info: quiet, warn: quiet }, timing });
    onTestFinished(() => relay.close());
    const socket = createSocket("udp6");
    onTestFinished(() => void socket.close());
    socket.bind(0, "::1");
    await once(socket, "listening");
    const { port } = relay.addresses[0]!;
    return new Stage({ database, counters, relay: relay.counters, logged, clock, socket, port });
  }

  /** The time by which the allocator judges leases, in Unix seconds. */
  get now(): number {
    return this.#clock.seconds!;
  }

  set now(seconds: number) {
    this.#clock.seconds = seconds;
  }

  /** Returns a client by number. Each number has its own client identifier and its own source address. */
  client(number: number, location: ClientLocation = {}): ActingClient {
    return new ActingClient(this, number, location);
  }

  /**
   * Sends datagrams in order, and returns all answers.
   *
   * It then sends two INFORMs, the probes, through the same sockets, and waits for the answer to each. The relay has
   * one POST in flight, so the first probe may be answered together with the datagrams, but the second only after all
   * of them. An answer that has not arrived by then will never arrive.
   */
  async send(...datagrams: readonly Uint8Array[]): Promise<Uint8Array[]> {
    for (const datagram of datagrams) await this.transmit(datagram);
    await this.#probe();
    await this.#probe();
    const received = this.#received;
    this.#received = [];
    return received;
  }

  /**
   * Sends messages with different xids, and finds the answer to each.
   *
   * @returns The answers in the order of the messages; undefined for silence.
   * @throws {Error} When a message has more than one answer.
   */
  async askAll(...messages: readonly { readonly xid: number; readonly datagram: Uint8Array }[]) {
    const datagrams = await this.send(...messages.map(({ datagram }) => datagram));
    const answers = datagrams.map(readAnswer);
    return messages.map(({ xid }): Answer | undefined => {
      const [answer, ...more] = answers.filter(({ message }) => message.xid === xid);
      if (more.length > 0) throw new Error(`A message has ${more.length + 1} answers, expected one at most`);
      return answer;
    });
  }

  /**
   * Sends one datagram, which may be malformed.
   *
   * @returns Its answer, or undefined for silence.
   * @throws {Error} When it has more than one answer.
   */
  async ask(datagram: Uint8Array): Promise<Answer | undefined> {
    const [answer, ...more] = await this.send(datagram);
    if (more.length > 0) throw new Error(`A message has ${more.length + 1} answers, expected one at most`);
    return answer === undefined ? undefined : readAnswer(answer);
  }

  /**
   * Sends a message and describes its outcome in one line: `offer 192.0.2.18 PSID 1`, `ack 203.0.113.0`,
   * `nak:pair-not-held`, `silence:released`.
   *
   * @param answering Sends the message and returns its answer.
   * @throws {Error} When the allocator counted something else than it answered.
   */
  async outcome(answering: () => Promise<Answer | undefined>): Promise<string> {
    const before = this.counters.snapshot();
    const answer = await answering();
    const after = this.counters.snapshot();
    const counted = Object.keys(after).filter((name) => {
      const probes = name === "settings" ? 2 : 0;
      return name !== "messages" && after[name]! > (before[name] ?? 0) + probes;
    });
    const [outcome = "nothing", ...more] = counted;
    if (more.length > 0) throw new Error(`Found the outcomes ${counted.join(", ")}, expected one`);
    const kind = outcome.split(":")[0]!;
    const isAnswered = ["offer", "ack", "nak", "settings"].includes(kind);
    if (isAnswered !== (answer !== undefined)) {
      throw new Error(
        `Found ${answer?.type ?? "no answer"}, expected what the allocator counted: ${outcome}`,
      );
    }
    return answer === undefined || kind === "nak" || kind === "settings" ? outcome : pairText(answer);
  }

  /** @returns How often the allocator counted an outcome: `offer`, `nak:pair-not-held`, `silence:released`, ... */
  count(outcome: string): number {
    return this.counters.snapshot()[outcome] ?? 0;
  }

  /** @returns The number of rows of the lease table that are in use: offered or bound, and not expired. */
  async leases(): Promise<number> {
    const sql = "SELECT count(*) AS leases FROM lease WHERE state <= 2 AND expires_at > ?";
    return queryNumber(this.database, sql, this.now);
  }

  /** Sends a datagram and waits for nothing. The next {@link send} returns its answer. */
  async transmit(datagram: Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.send(datagram, this.#port, "::1", (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  async #probe(): Promise<void> {
    const xid = probeXids + this.#probes++;
    const inform = encodeInform(clientProfile(0xdead), { xid, address: 1, knowsServer: false });
    const isAnswer = (datagram: Uint8Array): boolean => tryRead(datagram)?.message.xid === xid;
    const arrived = new Promise<void>((resolve) => {
      this.#onDatagram = () => {
        const before = this.#received.length;
        this.#received = this.#received.filter((datagram) => !isAnswer(datagram));
        if (this.#received.length < before) resolve();
      };
    });
    await this.transmit(enclose(inform, [levelAt(probeLocation)]));
    await arrived;
  }
}

/** Formats an answer's type and pair: `ack 192.0.2.18 PSID 1`. */
export function pairText({ type, address, portParams }: Answer): string {
  return `${type} ${address}${portParams === undefined ? "" : ` PSID ${portParams.psid}`}`;
}

/** Returns undefined for a datagram that is no answer, because the test must see it instead of the probe. */
const tryRead = (datagram: Uint8Array): Answer | undefined => tryDecode(readAnswer, datagram);

async function startHttp({
  database,
  counters,
  logged,
  clock,
}: Pick<Stage, "database" | "counters" | "logged"> & { clock: TestClock }): Promise<string> {
  const at = (level: LogLine["level"]) => (fields: object, message: string) => {
    logged.push({ level, fields, message });
  };
  const log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const store = createStore({ main: database, placed: new Map() });
  const app = createApp({ store, relayToken, counters, log, localMs: clock.localMs });
  const address = await new Promise<AddressInfo>((resolve) => {
    const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, resolve);
    onTestFinished(
      () =>
        new Promise<void>((closed) => {
          server.close(() => {
            closed();
          });
        }),
    );
  });
  return `http://127.0.0.1:${address.port}`;
}
