/**
 * The whole service behind real sockets, for tests of the rules: datagrams go in at the relay's UDP port, travel to the
 * allocator over HTTP, and what comes back is read at the UDP port that they were sent from.
 *
 * Silence is proved, not waited for: see {@link Stage.ask}.
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
import type { Place } from "./acting-client.ts";

/** What came back for one message, the relay's own level taken off. */
export type Answer = Omit<TestAnswer, "envelope">;

/** Fields of the one domain of most tests. */
type DomainInput = DeclarationInput["domains"][number];

/** One shared pool of 63 port sets on each of two addresses, and one of two full addresses. */
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

/** The same without full addresses. */
export const sharedOnly: Partial<DomainInput> = { pools: [domain.pools[0]!] };

/** A domain in which the stage asks for nothing but settings, to see that all before was served. */
const probePlace: Place = { linkAddress: "2001:db8:dead::1", source: "fe80::dead" };
const probeDomain: DomainInput = {
  name: "probe",
  prefixes: ["2001:db8:dead::/48"],
  serverIdentifier: "198.51.100.255",
  pools: [],
};
const probeXids = 0xfade0000;

/** A line of a log. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: object;
  readonly message: string;
}

/** A service that a test speaks to. */
export class Stage {
  readonly database: Database;
  /** What became of the messages, as the allocator counts it. */
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
   * Starts an allocator on a database of its own and a relay in front of it; both end with the test.
   *
   * @param fields What differs from {@link domain}, or all domains.
   */
  static async open(fields: Partial<DomainInput> | DomainInput[] = {}): Promise<Stage> {
    const domains = Array.isArray(fields) ? fields : [{ ...domain, ...fields }];
    const clock = new TestClock(1_800_000_000);
    const { clockMs } = clock;
    const database = await temporaryDatabase({ domains: [...domains, probeDomain] }, { clockMs });
    const counters = createCounters();
    const logged: LogLine[] = [];
    const url = await startHttp({ database, counters, logged, clock });
    // One POST at a time: what was sent first is answered first.
    const settings = parseRelaySettings({
      // The levels that tests wrap queries in are those of trusted relays, as far as their senders can be.
      listeners: [
        { address: "::1", port: 0, trustedRelays: [{ prefix: "2001:db8::/32" }], untrustedRelays: "report" },
      ],
      allocator: { urls: [url], postsInFlight: 1 },
    });
    const config = { ...settings, secrets: { token: relayToken } };
    const quiet = () => undefined;
    // The clock of the leases stands still, so that of the relay does too: no message grows older on its way.
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

  /** Unix seconds by which the allocator judges leases. */
  get now(): number {
    return this.#clock.seconds!;
  }

  set now(seconds: number) {
    this.#clock.seconds = seconds;
  }

  /** A client by number, at a place of its own unless another is named. */
  client(number: number, place: Place = {}): ActingClient {
    return new ActingClient(this, number, place);
  }

  /**
   * Sends datagrams in their order, and returns all that comes back for them.
   *
   * Afterwards the stage asks for settings, twice, through the same sockets. The relay has one POST in flight, so the
   * first answer is delivered with those of the messages before it or after them, and the second one after all of
   * them: what has not arrived by then is not on its way.
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
   * @returns In the order of the messages; undefined is silence. A message that is answered twice is an error.
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

  /** Sends one datagram that may be anything, and expects one answer or none. */
  async ask(datagram: Uint8Array): Promise<Answer | undefined> {
    const [answer, ...more] = await this.send(datagram);
    if (more.length > 0) throw new Error(`A message has ${more.length + 1} answers, expected one at most`);
    return answer === undefined ? undefined : readAnswer(answer);
  }

  /**
   * What comes of a message, in one line: `offer 192.0.2.18 PSID 1`, `ack 203.0.113.0`, `nak:pair-not-held`,
   * `silence:released`. What was counted and what was answered have to agree.
   */
  async outcome(answering: () => Promise<Answer | undefined>): Promise<string> {
    const before = this.counters.snapshot();
    const answer = await answering();
    const after = this.counters.snapshot();
    const counted = Object.keys(after).filter((name) => {
      const probes = name === "settings" ? 2 : 0;
      return !["frames", "rounds"].includes(name) && after[name]! > (before[name] ?? 0) + probes;
    });
    const [outcome = "nothing", ...more] = counted;
    if (more.length > 0) throw new Error(`A message has several outcomes: ${counted.join(", ")}`);
    const kind = outcome.split(":")[0]!;
    const isAnswered = ["offer", "ack", "nak", "settings"].includes(kind);
    if (isAnswered !== (answer !== undefined)) {
      throw new Error(`The allocator counted ${outcome}, and ${answer?.type ?? "no answer"} came`);
    }
    return answer === undefined || kind === "nak" || kind === "settings" ? outcome : pairText(answer);
  }

  /** How often the allocator came to an outcome: `offer`, `nak:pair-not-held`, `silence:released`, ... */
  count(outcome: string): number {
    return this.counters.snapshot()[outcome] ?? 0;
  }

  /** Rows of the lease table that are in use now: offered or bound, and not expired. */
  async leases(): Promise<number> {
    const sql = "SELECT count(*) AS leases FROM lease WHERE state <= 2 AND expires_at > ?";
    return queryNumber(this.database, sql, this.now);
  }

  /** Sends a datagram and nothing more; what comes back is among what the next {@link send} returns. */
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
    await this.transmit(enclose(inform, [levelAt(probePlace)]));
    await arrived;
  }
}

/** An answer's type and pair: `ack 192.0.2.18 PSID 1`. */
export function pairText({ type, address, portParams }: Answer): string {
  return `${type} ${address}${portParams === undefined ? "" : ` PSID ${portParams.psid}`}`;
}

/** What is no answer at all is for the test to see, not for the probe. */
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
