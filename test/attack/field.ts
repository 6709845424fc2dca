/**
 * The field of an attack: a relay and an allocator as processes on loopback, with a database file in a temporary folder,
 * and honest clients in a domain of their own.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { stringify } from "smol-toml";
import { readStatus } from "../../relay/service/status.ts";
import type { StatusReport } from "../../relay/service/status.ts";
import { encodeInform } from "../../src/client/query.ts";
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import { tryDecode } from "../../src/wire/decode-error.ts";
import { startService } from "../bench/service.ts";
import type { LogLine, Service } from "../bench/service.ts";
import { ActingClient, enclose, levelAt } from "../rules/acting-client.ts";
import type { ClientLocation } from "../rules/acting-client.ts";
import { operatorBy } from "../support/admin.ts";
import type { Call } from "../support/admin.ts";
import { readAnswer } from "../support/answer.ts";
import type { TestAnswer } from "../support/answer.ts";
import { clientProfile } from "../support/clients.ts";
import { createFakeClock } from "../support/faketime.ts";
import type { FakeClock } from "../support/faketime.ts";
import { adminToken, relayToken } from "../support/tokens.ts";

/** Folder of the project. */
export const root = join(import.meta.dirname, "../..");

/** A declared domain. */
export type DomainInput = DeclarationInput["domains"][number];

/** An answer without the level of our own relay. */
export type FieldAnswer = Omit<TestAnswer, "envelope">;

/** What a field consists of. */
export interface FieldSetup {
  /** Domains beside that of the honest clients. */
  readonly domains?: readonly DomainInput[];
  /** Paths to the database: each has an allocator and a relay. Default: 1. */
  readonly paths?: number;
  /** A clock for the allocators that {@link Field.clock} sets. Default: false. */
  readonly hasFakeClock?: boolean;
  /** Environment of the allocators. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How an allocator is started. */
export interface AllocatorStart {
  /** `msg` of the log line that shows that it is ready. Default: that of an allocator that listens. */
  readonly readyMessage?: string;
  readonly flags?: readonly string[];
  readonly listen?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The field that most attacks share. */
export const sharedSetup: FieldSetup = {};

/** Option 54 of all domains, which {@link ActingClient} repeats. */
export const serverIdentifier = "198.51.100.1";

/** The domain of honest clients that no attack is about. */
const honestDomain: DomainInput = {
  name: "honest",
  prefixes: ["2001:db8:dead::/48"],
  serverIdentifier,
  pools: [{ name: "honest", kind: "shared", range: "192.0.2.0/24", psidLength: 6 }],
};
const honestLocation: ClientLocation = { linkAddress: "2001:db8:dead::1", source: "fe80::dead" };

/** Numbers of honest clients begin here, far from those of the attacks. */
const honestClients = 0xd000_0000;
const probeXids = 0xfade_0000;

/** Milliseconds after which a probe is repeated: its answer is lost while a relay waits for its allocator. */
const probeMs = 1000;

/** Milliseconds between two looks at something that is awaited. */
const pollMs = 20;

/** A running allocator. */
export interface FieldAllocator extends Service {
  readonly url: string;
}

/** A running relay. */
export interface FieldRelay extends Service {
  /** UDP port on ::1 whose listener reports and forwards what untrusted relays send. */
  readonly port: number;
  /** The same of a listener that drops it. */
  readonly droppingPort: number;
  readonly status: () => Promise<StatusReport>;
}

/** A relay with its allocator. */
export interface Path {
  readonly relay: FieldRelay;
  allocator: FieldAllocator;
}

/** How a client reaches the field. */
export interface Reach {
  /** Number of the path. Default: 0. */
  readonly path?: number;
  /** UDP port of a relay that is not one of the field's. */
  readonly port?: number;
  /** Whether it sends to the listener that drops what untrusted relays send. Default: false. */
  readonly drops?: boolean;
}

/** A message with an xid that no other message has. */
export interface Sent {
  readonly xid: number;
  readonly datagram: Uint8Array;
}

/** Processes under attack, and the socket that all clients send from. */
export class Field {
  readonly folder: string;
  readonly paths: Path[] = [];
  /** Log lines of all processes. */
  readonly lines: LogLine[] = [];
  /** Datagrams that the socket received and that are not answers to DHCPV4-QUERYs. */
  readonly others: Uint8Array[] = [];
  /** Set if the setup has a clock. */
  readonly clock: FakeClock | undefined;
  readonly #setup: FieldSetup;
  readonly #socket: Socket;
  readonly #closing = new AbortController();
  readonly #answers = new Map<number, FieldAnswer[]>();
  #onAnswer: () => void = () => undefined;
  #xids = probeXids;
  #honest = honestClients;

  private constructor(setup: FieldSetup, folder: string, socket: Socket, clock: FakeClock | undefined) {
    this.#setup = setup;
    this.folder = folder;
    this.#socket = socket;
    this.clock = clock;
    socket.on("message", (octets) => {
      const answer = tryDecode(readAnswer, new Uint8Array(octets));
      if (answer === undefined) {
        this.others.push(new Uint8Array(octets));
        return;
      }
      const { xid } = answer.message;
      this.#answers.set(xid, [...(this.#answers.get(xid) ?? []), answer]);
      this.#onAnswer();
    });
  }

  /** Starts the processes. */
  static async open(setup: FieldSetup): Promise<Field> {
    const folder = await mkdtemp(join(tmpdir(), "apportion-attack-"));
    const socket = createSocket({ type: "udp6", recvBufferSize: 4 * 1024 * 1024 });
    socket.bind(0, "::1");
    await once(socket, "listening");
    const clock = setup.hasFakeClock === true ? await createFakeClock(folder) : undefined;
    const field = new Field(setup, folder, socket, clock);
    try {
      await field.#start();
      return field;
    } catch (error) {
      await field.close();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { domains = [], paths = 1 } = this.#setup;
    await writeFile(
      join(this.folder, "declared.json"),
      JSON.stringify({ domains: [honestDomain, ...domains] }),
    );
    for (let number = 0; number < paths; number++) {
      // Attacks use the tokens of domains, which may change nothing in a domain that a file owns.
      const flags =
        number === 0 ? ["--config", join(this.folder, "declared.json"), "--config-mode", "create"] : [];
      const allocator = await this.startAllocator({ flags });
      this.paths.push({ allocator, relay: await this.#startRelay(allocator, number) });
    }
  }

  /** Aborted when the field closes: what an attack has started must end then. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Path of the database file. */
  get database(): string {
    return join(this.folder, "apportion.db");
  }

  get allocator(): FieldAllocator {
    return this.paths[0]!.allocator;
  }

  get relay(): FieldRelay {
    return this.paths[0]!.relay;
  }

  /** Starts an allocator on the database of the field. */
  async startAllocator({
    flags = [],
    listen = "127.0.0.1:0",
    environment = {},
    readyMessage = "allocator listening",
  }: AllocatorStart = {}): Promise<FieldAllocator> {
    const service = await startService({
      name: "allocator",
      script: [join(root, "src/cli/main.ts"), "allocator", "--http", listen, ...flags],
      environment: {
        APPORTION_DATABASE_URL: `file:${this.database}`,
        APPORTION_RELAY_TOKEN: relayToken,
        APPORTION_ADMIN_TOKEN: adminToken,
        ...this.clock?.environment,
        ...this.#setup.environment,
        ...environment,
      },
      readyMessage,
      signal: this.#closing.signal,
      onLine: (line) => void this.lines.push(line),
    });
    return { ...service, url: String(service.ready.url) };
  }

  /** Starts an allocator again at its address, after it has ended. */
  async restartAllocator(): Promise<void> {
    this.paths[0]!.allocator = await this.startAllocator({ listen: new URL(this.allocator.url).host });
  }

  async #startRelay(allocator: FieldAllocator, number: number): Promise<FieldRelay> {
    const file = join(this.folder, `relay-${number}.toml`);
    const socket = join(this.folder, `relay-${number}.sock`);
    await writeFile(file, stringify(relaySettings(allocator.url, socket)));
    const service = await startService({
      name: "relay",
      script: [join(root, "relay/main.ts"), "--config", file],
      environment: { APPORTION_RELAY_TOKEN: relayToken },
      readyMessage: "relay listening",
      signal: this.#closing.signal,
      onLine: (line) => void this.lines.push(line),
    });
    const [port, droppingPort] = (service.ready.listeners as string[]).map((each) =>
      Number(/]:(\d+)$/.exec(each)![1]),
    );
    return { ...service, port: port!, droppingPort: droppingPort!, status: () => readStatus(socket) };
  }

  /** Returns a client by number. Each number has its own client identifier and its own source address. */
  client(number: number, location: ClientLocation = {}, reach: Reach = {}): ActingClient {
    return new ActingClient({ askAll: (...messages) => this.askAll(messages, reach) }, number, {
      source: `fe80::${number.toString(16)}`,
      ...location,
    });
  }

  /** Sends a datagram and waits for nothing. */
  async transmit(datagram: Uint8Array, { path = 0, drops = false, port }: Reach = {}): Promise<void> {
    const { relay } = this.paths[path]!;
    const destination = port ?? (drops ? relay.droppingPort : relay.port);
    await new Promise<void>((resolve, reject) => {
      this.#socket.send(datagram, destination, "::1", (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  /**
   * Sends messages, and returns the answer to each; undefined for silence. The relay has one POST in flight, so when two
   * probes after them are answered, one after the other, nothing more will come.
   */
  async askAll(messages: readonly Sent[], reach: Reach = {}): Promise<(FieldAnswer | undefined)[]> {
    for (const { datagram } of messages) await this.transmit(datagram, reach);
    await this.settle(reach);
    const answers = messages.map(({ xid }) => this.#answers.get(xid)?.[0]);
    for (const { xid } of messages) this.#answers.delete(xid);
    return answers;
  }

  /** Waits until everything that was sent before is answered, or never will be. */
  async settle(reach: Reach = {}): Promise<void> {
    await this.#probe(reach);
    await this.#probe(reach);
  }

  async #probe(reach: Reach): Promise<void> {
    for (;;) {
      this.#closing.signal.throwIfAborted();
      const xid = this.#xids++;
      const inform = encodeInform(clientProfile(0xdead), { xid, address: 1, knowsServer: false });
      const answered = new Promise<true>((resolve) => {
        this.#onAnswer = () => {
          if (this.#answers.delete(xid)) resolve(true);
        };
      });
      await this.transmit(enclose(inform, [levelAt(honestLocation)]), reach);
      if (await Promise.race([answered, delay(probeMs, false)])) return;
    }
  }

  /** Polls until it is true. The deadline is that of the attack. */
  async until(condition: () => Promise<boolean> | boolean): Promise<void> {
    while (!(await condition())) {
      this.#closing.signal.throwIfAborted();
      await delay(pollMs);
    }
  }

  /** Requests a path of the allocator. */
  async http(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.allocator.url}${path}`, init);
  }

  /** Calls the admin API. */
  get admin(): Call {
    return this.operator(adminToken);
  }

  /** Calls the admin API with another token. */
  operator(token: string): Call {
    return operatorBy((path, init) => this.http(path, init), token);
  }

  /** POSTs a body to an allocator, as a relay does. */
  async post(body: Uint8Array, { url } = this.allocator): Promise<Response> {
    return fetch(`${url}/v1/relay`, {
      method: "POST",
      headers: { authorization: `Bearer ${relayToken}`, "content-type": "application/octet-stream" },
      body: body as Uint8Array<ArrayBuffer>,
    });
  }

  /** How often the allocator of the first path counted an outcome, such as `silence` of a reason. */
  async count(kind: string, reason = ""): Promise<number> {
    const response = await this.http("/metrics", { headers: { authorization: `Bearer ${adminToken}` } });
    const label = `outcome="${kind}",reason="${reason}"`;
    const line = (await response.text()).split("\n").find((each) => each.includes(label));
    return Number(line?.split(" ").at(-1) ?? 0);
  }

  /** Number of POSTs of the first relay that failed. */
  async postsFailed(): Promise<number> {
    const { allocators } = await this.relay.status();
    return allocators[0]!.postsFailed;
  }

  /** @returns What an honest client finds wrong; undefined if it gets a lease and the allocator is healthy. */
  async findFailure(): Promise<string | undefined> {
    const { status } = await this.http("/healthz");
    if (status !== 200) return `/healthz answers ${status}`;
    let found = "";
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        await this.client(this.#honest++, honestLocation).lease();
        return undefined;
      } catch (error) {
        found = (error as Error).message;
      }
    }
    return found;
  }

  /** Kills the processes, and deletes the folder. */
  async close(): Promise<void> {
    this.#closing.abort();
    const services = this.paths.flatMap(({ relay, allocator }) => [relay, allocator]);
    await Promise.all(services.map(({ ended }) => ended.catch(() => undefined)));
    this.#socket.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Stops a process with SIGSTOP. Returns a function that resumes it. */
export function pause({ pid }: Service): () => void {
  process.kill(pid, "SIGSTOP");
  return () => {
    process.kill(pid, "SIGCONT");
  };
}

/** A relay that trusts this host and 2001:db8::/32. One listener reports what other relays send, one drops it. */
export function relaySettings(url: string, statusSocket: string) {
  const listener = { address: "::1", port: 0, trustedRelays: [{ prefix: "2001:db8::/32" }] };
  return {
    listeners: [
      { ...listener, untrustedRelays: "report" },
      { ...listener, untrustedRelays: "drop" },
    ],
    // With one POST at a time, messages are answered in the order in which they were sent.
    allocator: { urls: [url], postsInFlight: 1 },
    // Longer than usual, so that a busy machine drops nothing.
    queue: { deadlineMs: 20_000 },
    information: {
      enabled: true,
      serverIdentifier: "00:03:00:01:02:00:5e:53:00:01",
      borderRelays: ["2001:db8:ffff::1"],
    },
    status: { socket: statusSocket },
  };
}
