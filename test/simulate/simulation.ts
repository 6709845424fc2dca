/**
 * One run: builds the world of a scenario, lets it live until enough was exchanged, ends the faults, and checks what is
 * left.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import { openFile } from "../../src/store/database/file.ts";
import { parseIPv4, formatIPv4 } from "../../src/wire/ipv4-address.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { formatIPv6, parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { Beliefs } from "../oracle/beliefs.ts";
import type { Belief } from "../oracle/beliefs.ts";
import { Judge } from "../oracle/judge.ts";
import { firstPortOf, nameOfPair } from "../oracle/pools.ts";
import { must, Violation } from "../oracle/violation.ts";
import type { BatchCause } from "../oracle/watched-batches.ts";
import { readAll } from "../oracle/watched-database.ts";
import type { Commit } from "../oracle/watched-database.ts";
import { applyDeclaration } from "../support/apply-declaration.ts";
import { clientProfile, fullProfile } from "../support/clients.ts";
import { Random } from "../support/random.ts";
import { AllocatorHost } from "./allocator-host.ts";
import type { AdminAnswer, AdminRequest } from "./allocator-host.ts";
import { Client } from "./client.ts";
import type { ClientKind, ClientWorld, Heard, Sent } from "./client.ts";
import { EvidenceAudit } from "./evidence.ts";
import { Kernel } from "./kernel.ts";
import { Network, noFaults } from "./network.ts";
import { Operator } from "./operator.ts";
import { useToken } from "./token-holder.ts";
import { SimulatedProcess } from "./process.ts";
import { RelayHost } from "./relay-host.ts";
import type { Scenario, ScenarioDomain } from "./scenario.ts";
import { noStorageFaults, Storage } from "./storage.ts";
import type { HolderWorld } from "./token-holder.ts";
import type { DatabaseFolder } from "./template.ts";
import { replaceTimers } from "./virtual-timers.ts";

/** What a run did. */
export interface RunResult {
  readonly hash: string;
  /** Messages of clients that an allocator has decided. */
  readonly exchanges: number;
  /** Leases that clients were told of, renewals included. */
  readonly grants: number;
  /** Transactions that decided them. */
  readonly batches: number;
  readonly virtualMs: number;
  readonly steps: number;
  readonly commits: number;
  readonly faults: ReadonlyMap<string, number>;
}

/** Options of a run. */
export interface RunOptions {
  /** Messages that were decided, after which the faults end. */
  readonly exchanges: number;
  /** Called for each event of the trace, with the virtual time. */
  readonly onEvent?: ((atMs: number, text: string) => void) | undefined;
}

const startUnixMs = 1_700_000_000_000;
const relayToken = "relay-token-of-the-simulation";
const adminToken = "admin-token-of-the-simulation";

/** The longest that a run lives with faults. */
const livesMsMax = 4 * 3_600_000;
const traceCharactersMax = 100_000;
/** Mean seconds between two moments at which a clock is set, and how long it stays wrong at most. */
const stepEverySeconds = 8;
const wrongMsMax = 30_000;
/** Each database has a transaction within this time after that. */
const settledMsMax = 600_000;
/** Without an answer for this long, the faults end. */
const silentMs = 180_000;
/** Milliseconds between two audits of all rows. */
const auditMs = 60_000;
/** Operations between two polls of a binding table. */
const operationsPerPoll = 4;
const operatorName = "the operator";
/** An operator waits this long for an answer. */
const operatorWaitMs = 10_000;
/** Within this time after all leases have ended and the faults are over, every well-behaved client has a lease. */
const healMs = 180_000;
/** Within this time after that, all queues have been empty. */
const emptyMs = 60_000;

/** A pair that a client used. */
interface UsedPair {
  readonly client: Client;
  readonly belief: Belief;
  /** When it asked for it. */
  readonly sentMs: number;
  /** When it stopped, by the kernel's clock; at the latest, when its lease ended. */
  toMs: number;
}

/** Uses of pairs of which an audit asks. */
const usedMax = 10;

/** A world. */
export class Simulation {
  readonly #scenario: Scenario;
  readonly #options: RunOptions;
  readonly #folder: DatabaseFolder;
  readonly #kernel = new Kernel();
  readonly #network: Network;
  readonly #faults = new Map<string, number>();
  readonly #hash = createHash("sha256");
  readonly #judges = new Map<Storage, Judge>();
  readonly #judgeOfDomain = new Map<string, Judge>();
  readonly #beliefs = new Beliefs();
  #storages!: readonly [Storage, ...Storage[]];
  #paths: string[] = [];
  #allocators: readonly AllocatorHost[] = [];
  #relays: readonly RelayHost[] = [];
  #clients: readonly Client[] = [];
  readonly #byAddress = new Map<string, Client>();
  readonly #domainOf = new Map<Client, ScenarioDomain>();
  /** Number of the link that each client is on: that of its domain. */
  readonly #linkOf = new Map<Client, number>();
  #exchanges = 0;
  #heardMs = 0;
  #grants = 0;
  #batches = 0;
  #isCalm = false;
  /** The part of the trace that is not in the hash yet. */
  #trace = "";
  #operator!: Operator;
  #evidence!: EvidenceAudit;
  readonly #holderRandom: Random;
  /** The latest uses of pairs. */
  readonly #used: UsedPair[] = [];
  /** When the message of the answer that is heard now was sent. */
  #heardSentMs = 0;
  /** When a message in which a client gives its pair up last reached a relay. */
  readonly #gaveUpMs = new Map<Client, number>();
  /**
   * Whether the pair of the answer that is heard now was taken away after its message was sent: by an operator, or by a
   * message of its client that was late.
   */
  #isTaken = false;
  /** By how much the clock of the machine of the databases is wrong, in milliseconds. */
  #clockErrorMs = 0;
  /** Until when this may be in the record of a database, which its next transactions settle. */
  #clockInDoubtMs = 0;

  constructor(scenario: Scenario, options: RunOptions, folder: DatabaseFolder) {
    this.#scenario = scenario;
    this.#options = options;
    this.#folder = folder;
    this.#holderRandom = this.#stream(19);
    const { udp, tcp } = scenario;
    this.#network = new Network(this.#kernel, this.#stream(3), { udp, tcp }, (event) => {
      this.#count(event);
    });
  }

  /**
   * Runs it.
   *
   * @throws {Violation} If a rule does not hold.
   */
  async run(): Promise<RunResult> {
    const restoreTimers = replaceTimers();
    try {
      await this.#build();
      this.#startFaults();
      for (const client of this.#clients) client.start();
      while (
        this.#exchanges < this.#options.exchanges &&
        this.#kernel.nowMs < livesMsMax &&
        !this.#isSilent()
      ) {
        await this.#kernel.runUntil(this.#kernel.nowMs + 2000);
        if (Math.floor(this.#kernel.nowMs / auditMs) !== Math.floor((this.#kernel.nowMs - 2000) / auditMs))
          await this.#audit();
      }
      await this.#calm();
      this.#hashTrace();
      return {
        hash: this.#hash.digest("hex"),
        exchanges: this.#exchanges,
        grants: this.#grants,
        batches: this.#batches,
        virtualMs: this.#kernel.nowMs,
        steps: this.#kernel.steps,
        commits: [...this.#judges.values()].reduce((sum, { commits }) => sum + commits, 0),
        faults: this.#faults,
      };
    } finally {
      restoreTimers();
      for (const host of [...this.#allocators, ...this.#relays]) host.kill();
      for (const storage of this.#judges.keys()) storage.close();
      for (const path of this.#paths) this.#folder.remove(path);
    }
  }

  /** Whether nothing was answered for so long that waiting for more is of no use. */
  #isSilent(): boolean {
    return this.#kernel.nowMs - this.#heardMs > silentMs;
  }

  /** Events and callbacks so far. */
  get steps(): number {
    return this.#kernel.steps;
  }

  /** Each part of the world has its own sequence, so that a part that is taken away changes no other. */
  #stream(number: number): Random {
    return new Random(this.#scenario.seed, number);
  }

  #count(event: string): void {
    this.#faults.set(event, (this.#faults.get(event) ?? 0) + 1);
  }

  #tell(text: () => string): void {
    const { onEvent } = this.#options;
    const line = text();
    this.#trace += `${this.#kernel.nowMs} ${line}\n`;
    if (this.#trace.length > traceCharactersMax) this.#hashTrace();
    onEvent?.(this.#kernel.nowMs, line);
  }

  #hashTrace(): void {
    this.#hash.update(this.#trace);
    this.#trace = "";
  }

  async #build(): Promise<void> {
    const { domains, allocators, relays } = this.#scenario;
    const main = await this.#createStorage(
      "main",
      domains.filter(({ isElsewhere }) => !isElsewhere),
    );
    const elsewhere = domains.filter(({ isElsewhere }) => isElsewhere);
    const second = elsewhere.length === 0 ? undefined : await this.#createStorage("second", elsewhere);
    this.#storages = second === undefined ? [main] : [main, second];
    const placed = new Map(elsewhere.map(({ name }) => [name, second!]));
    this.#evidence = this.#createEvidence(placed);
    for (const { name, isElsewhere } of domains)
      this.#judgeOfDomain.set(name, this.#judges.get(isElsewhere ? second! : main)!);
    this.#allocators = Array.from({ length: allocators }, (_, number) =>
      this.#createAllocator(number, placed),
    );
    for (const allocator of this.#allocators) allocator.start();
    this.#relays = Array.from({ length: relays }, (_, number) => this.#createRelay(number));
    for (const relay of this.#relays) relay.start();
    this.#clients = this.#createClients();
    this.#operator = this.#createOperator();
  }

  #createEvidence(placed: ReadonlyMap<string, Storage>): EvidenceAudit {
    const judged = new Map(
      [...this.#judges].map(([storage, judge]) => [storage, { database: storage.database, judge }]),
    );
    const world = {
      main: judged.get(this.#storages[0])!,
      placed: new Map([...placed].map(([domain, storage]) => [domain, judged.get(storage)!])),
      domains: this.#scenario.domains.map(({ name }) => name),
      now: () => Math.floor((startUnixMs + this.#kernel.nowMs) / 1000),
      isClockInDoubt: () => this.#kernel.nowMs < this.#clockInDoubtMs,
    };
    return new EvidenceAudit(world, this.#stream(20));
  }

  #createOperator(): Operator {
    const random = this.#stream(8);
    const { domains } = this.#scenario;
    const world = {
      domains,
      declaration: declarationOf(domains),
      someSubscriber: (own: Random) => {
        const client = own.pick(this.#clients);
        return { domain: this.#domainOf.get(client)!.name, id: client.id, pair: client.pair };
      },
      somePair: (own: Random, domain: string) => {
        const pools = this.#judgeOfDomain
          .get(domain)!
          .pools.filter(({ shape }) => shape.name.startsWith(domain));
        if (pools.length === 0) return undefined;
        const pool = own.pick(pools);
        return pool.pairOf(pool.shape.id * 2 ** 32 + own.below(pool.slots));
      },
      send: (request: AdminRequest) => this.#administer(random, request),
      waitMs: (ms: number) =>
        new Promise<void>((resolve) => {
          this.#continue(resolve, ms);
        }),
      nowMs: () => this.#kernel.nowMs,
      unixMs: () => startUnixMs + this.#kernel.nowMs,
      forces: (pool: string) => {
        for (const judge of this.#judges.values()) judge.recordForce(pool);
      },
      did: (what: string, status: number | "unknown") => {
        this.#count(`operator: ${status}`);
        this.#tell(() => `an operator: ${what}: ${status}`);
      },
    };
    return new Operator(random, world, adminToken);
  }

  #holderWorld(): HolderWorld {
    return {
      domains: this.#scenario.domains,
      tokens: () => this.#operator.tokens,
      someLease: (own, domain) => {
        const clients = this.#clients.filter((client) => this.#domainOf.get(client)!.name === domain);
        const pair = clients.length === 0 ? undefined : own.pick(clients).pair;
        return pair === undefined ? undefined : nameOfPair(pair);
      },
      send: (request) => this.#administer(this.#holderRandom, request),
      nowMs: () => this.#kernel.nowMs,
      unixMs: () => startUnixMs + this.#kernel.nowMs,
      did: (what, status) => {
        this.#count(`token: ${status}`);
        this.#tell(() => `a holder of ${what}: ${status}`);
      },
    };
  }

  /** Goes on with something that waits for a promise, as an event of its own. */
  #continue(resolve: () => void, afterMs: number): void {
    this.#kernel.after(afterMs, () => {
      this.#kernel.run(resolve);
    });
  }

  /** Sends a request of an operator to some allocator. Its answer may be lost. */
  #administer(random: Random, request: AdminRequest): Promise<AdminAnswer | undefined> {
    const allocator = random.pick(this.#allocators);
    const network = this.#network;
    return new Promise((resolve) => {
      const settle = (answer: AdminAnswer | undefined, afterMs = 0): void => {
        this.#continue(() => {
          resolve(answer);
        }, afterMs);
      };
      const onBroken = (): void => {
        settle(undefined);
      };
      settle(undefined, operatorWaitMs);
      const onAnswer = (answer: AdminAnswer): void => {
        network.sendOverTcp(
          allocator.name,
          operatorName,
          () => {
            settle(answer);
          },
          onBroken,
        );
      };
      network.sendOverTcp(
        operatorName,
        allocator.name,
        () => {
          allocator.administer(request, onAnswer, onBroken);
        },
        onBroken,
      );
    });
  }

  /** Lets the operator do something. */
  #operate(work: () => Promise<void>, onDone: () => void = () => undefined): void {
    this.#kernel.after(0, () => {
      this.#kernel.run(() => {
        work().then(onDone, (error: unknown) => {
          this.#kernel.fail(error);
        });
      });
    });
  }

  async #createStorage(name: string, domains: readonly ScenarioDomain[]): Promise<Storage> {
    const path = this.#folder.copy();
    this.#paths.push(path);
    const database = openFile(`file:${path}`, {
      machine: {
        wallMs: () => startUnixMs + this.#kernel.nowMs + this.#clockErrorMs,
        bootMs: () => this.#kernel.nowMs,
        bootId: "the only boot",
      },
      sync: "off",
      everySecond: () => () => undefined,
    });
    await applyDeclaration(database, parseDeclaration(declarationOf(domains), "the scenario"));
    const judge = new Judge();
    const storage: Storage = new Storage(
      this.#kernel,
      this.#stream(10 + this.#judges.size),
      this.#scenario.storage,
      {
        name,
        database,
        roundTripMs: this.#scenario.roundTripMs,
        onCommit: (commit, cause) => {
          this.#onCommit(storage, commit, cause);
        },
        onConfigured: (configuration) => {
          judge.configure(configuration, this.#kernel.nowMs);
        },
        count: (event) => {
          this.#count(`database: ${event}`);
        },
      },
    );
    this.#judges.set(storage, judge);
    await storage.open();
    return storage;
  }

  #createAllocator(number: number, placed: ReadonlyMap<string, Storage>): AllocatorHost {
    const random = this.#stream(100 + number);
    return new AllocatorHost({
      name: `allocator-${number}`,
      storages: this.#storages,
      placed,
      relayToken,
      adminToken,
      startProcess: () => this.#startProcess(random),
      log: (allocator, message, fields) => {
        this.#tell(() => `${allocator} logs: ${message} ${describeFields(fields)}`);
      },
      onFacts: (cause, { facts, isLate, revision }) => {
        this.#exchanges += facts.length;
        if (facts.length > 0) this.#batches++;
        const expected = this.#expected.get(cause);
        if (expected === undefined || isLate || revision !== cause.options.revision) return;
        this.#guard(() => {
          expected.judge.checkFacts(cause.claims, expected.facts, facts);
        });
      },
    });
  }

  readonly #expected = new WeakMap<
    BatchCause,
    { readonly judge: Judge; readonly facts: ReturnType<Judge["expectFacts"]> }
  >();

  #createRelay(number: number): RelayHost {
    const { policy, postsInFlight, batchFrames, deadlineMs, oldRelays } = this.#scenario;
    const random = this.#stream(200 + number);
    const allocators = this.#allocators;
    const first = number % allocators.length;
    return new RelayHost(this.#kernel, this.#network, {
      name: `relay-${number}`,
      addresses: this.#scenario.domains.map((_, link) => `2001:db8:${link + 1}00::${number + 1}`),
      token: relayToken,
      policy,
      postsInFlight,
      batchFrames,
      deadlineMs,
      states: number < oldRelays ? random.pick(["age", "nothing"]) : "arrival",
      allocators: [...allocators.slice(first), ...allocators.slice(0, first)].slice(0, 4),
      startProcess: () => this.#startProcess(random),
      log: (relay, message, fields) => {
        this.#tell(() => `${relay} logs: ${message} ${describeFields(fields)}`);
      },
      deliver: (payload, address, link) => {
        const client = this.#byAddress.get(address);
        this.#guard(() => {
          must(client !== undefined, "an answer left for an address that no client has", address);
          must(
            this.#linkOf.get(client) === link,
            "an answer left by another link than its query came by",
            address,
            link,
          );
        });
        if (client === undefined) return;
        this.#network.sendDatagram(`relay-${number}`, client.name, payload, (datagram) => {
          client.receive(datagram);
        });
      },
    });
  }

  #startProcess(random: Random): SimulatedProcess {
    const { pace, driftRatioMax } = this.#scenario;
    const driftRatio = random.between(-driftRatioMax, driftRatioMax);
    const calmPace = { ...pace, gapOneIn: 0 };
    return new SimulatedProcess(this.#kernel, random, () => (this.#isCalm ? calmPace : pace), { driftRatio });
  }

  #createClients(): Client[] {
    const { wellBehaved, stubborn, forgetful, hostile } = this.#scenario.clients;
    const counts = { "well-behaved": wellBehaved, stubborn, forgetful, hostile };
    return Object.entries(counts).flatMap(([kind, count]) =>
      Array.from({ length: count }, (_, index) => this.#createClient(kind as ClientKind, index)),
    );
  }

  /** Another number of clients leaves each of them as it is. */
  #createClient(kind: ClientKind, index: number): Client {
    const { domains, relays, seed, waveSeconds, whimOneIn } = this.#scenario;
    const kindNumber = clientKinds.indexOf(kind);
    const number = kindNumber * clientsOfKindMax + index;
    const random = new Random(seed, firstClientStream + number);
    const own = random.below(domains.length);
    // Four bad clients are neighbours, who share the limit of their site.
    const site = kindNumber * clientsOfKindMax + (kindNumber === 0 ? index : index >> 2);
    const link = kind === "well-behaved" ? own : site % domains.length;
    const domain = domains[link]!;
    const address = clientAddress(link, site, number);
    const home = random.below(relays);
    const client = new Client(this.#kernel, random, this.#worldOf(random, home), {
      name: `client-${number}`,
      kind,
      profile: random.oneIn(6) ? fullProfile(number) : clientProfile(number),
      address,
      remoteId: domain.hasLines ? Uint8Array.of(1, site >> 8, site & 255) : undefined,
      usesSoftwire: random.oneIn(2),
      serverIdentifier: parseIPv4("198.51.100.1") + link,
      waveSeconds,
      whimOneIn,
    });
    this.#domainOf.set(client, domain);
    this.#linkOf.set(client, link);
    this.#byAddress.set(address, client);
    return client;
  }

  #worldOf(random: Random, home: number): ClientWorld {
    return {
      send: (sent, datagram) => {
        // Most of the time, a client's messages take the same way.
        const number = random.oneIn(8) ? random.below(this.#relays.length) : home;
        this.#send(this.#relays[number]!, sent, datagram);
      },
      heard: (sent, heard) => {
        this.#heard(sent, heard);
      },
      uses: (client, pair, untilMs) => {
        const { nowMs } = this.#kernel;
        const belief = this.#beliefs.set(client.name, pair, nowMs, untilMs, this.#isTaken);
        this.#used.push({ client, belief, sentMs: this.#heardSentMs, toMs: untilMs });
        if (this.#used.length > usedMax) this.#used.shift();
        this.#grants++;
      },
      stops: (client) => {
        this.#beliefs.end(client.name);
        const last = this.#used.findLast((each) => each.client === client);
        if (last !== undefined) last.toMs = Math.min(last.toMs, this.#kernel.nowMs);
      },
      somePair: (own) => {
        const client = own.pick(this.#clients);
        return client.pair;
      },
      someVictim: (client) => {
        const victim = random.pick(this.#clients);
        const domain = this.#domainOf.get(client)!;
        return victim !== client && domain.hasLines && this.#domainOf.get(victim) === domain
          ? victim
          : undefined;
      },
    };
  }

  #send(relay: RelayHost, sent: Sent, datagram: Uint8Array): void {
    const { client, what, pair } = sent;
    this.#tell(() => `${client.name} sends ${what} ${describePair(pair)} by ${relay.name}`);
    this.#network.sendDatagram(client.name, relay.name, datagram, (arrived) => {
      if (what === "release" || what === "decline" || what === "withdraw") {
        const owner = sent.pretends ?? client;
        // Nobody can tell how long a datagram was under way before a relay, nor before a POST of an earlier release.
        if (sent.isDamaged === true || hasSameLine(client, owner)) this.#beliefs.doubt(owner.name);
        const atMs = relay.statesArrival ? this.#kernel.nowMs : Infinity;
        const line = sent.isDamaged === true ? undefined : lineOf(client);
        this.#judgeOf(client).recordGivenUp(owner.id, {
          atMs,
          what,
          pair: sent.isDamaged === true ? undefined : pair,
          line,
        });
        this.#gaveUpMs.set(owner, Math.max(this.#gaveUpMs.get(owner) ?? 0, atMs));
      }
      relay.receive(arrived, this.#linkOf.get(client)!, client.address, 546);
    });
  }

  #judgeOf(client: Client): Judge {
    return this.#judgeOfDomain.get(this.#domainOf.get(client)!.name)!;
  }

  #heard(sent: Sent, heard: Heard): void {
    const { client, what, sentMs, pretends } = sent;
    this.#heardMs = this.#kernel.nowMs;
    this.#tell(() => `${client.name} hears ${heard.kind} ${describePair(heard.pair)} for ${heard.seconds} s`);
    this.#heardSentMs = sentMs;
    this.#isTaken =
      this.#judgeOf(client).takenMs(heard.pair) >= sentMs || (this.#gaveUpMs.get(client) ?? -1) >= sentMs;
    this.#guard(() => {
      const isNamed = what === "discover" || heard.kind === "nak" || isSamePair(sent.pair, heard.pair);
      must(isNamed, "an ACK is for another pair than its message", sent.pair, heard.pair);
      this.#judgeOf(client).checkAnswer({
        kind: heard.kind,
        client: (pretends ?? client).id,
        what,
        pair: heard.kind === "nak" ? sent.pair! : heard.pair,
        seconds: heard.seconds,
        softwire: heard.softwire,
        sentMs,
        heardMs: this.#kernel.nowMs,
        isPlain: client.kind === "well-behaved",
      });
    });
  }

  #onCommit(
    storage: Storage,
    { clockMs, sentMs, changed, audited }: Commit,
    cause: BatchCause | undefined,
  ): void {
    const judge = this.#judges.get(storage)!;
    if (changed.length > 0)
      this.#tell(
        () => `${storage.name} commits ${changed.length} rows of ${cause?.allocator ?? "an operator"}`,
      );
    this.#guard(() => {
      const trueMs = startUnixMs + this.#kernel.nowMs;
      must(
        Math.abs(clockMs - trueMs) <= 1,
        "a transaction has another time than its database",
        clockMs,
        trueMs,
      );
      const operated = judge.commit({
        atMs: this.#kernel.nowMs,
        clockMs,
        sentMs,
        changed,
        claims: cause?.claims,
        by: cause?.allocator,
        hasDeadline: cause?.options.until !== undefined,
        audited,
      });
      for (const slot of operated) {
        const pair = judge.pairOf(slot);
        if (pair !== undefined) this.#beliefs.revoke(pair);
      }
      if (cause !== undefined)
        this.#expected.set(cause, { judge, facts: judge.expectFacts(cause.claims, clockMs) });
    });
  }

  /** What the oracle finds ends the run, wherever it is found. */
  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#kernel.fail(error);
    }
  }

  async #audit(): Promise<void> {
    for (const [storage, judge] of this.#judges) {
      const { rows, cursors } = await readAll(storage.database);
      judge.audit(rows, cursors, startUnixMs + this.#kernel.nowMs);
    }
    await this.#evidence.check();
    for (const used of this.#used.splice(0)) await this.#checkUse(used);
  }

  /** Asks who had a pair while a client used it. */
  async #checkUse({ client, belief, sentMs, toMs }: UsedPair): Promise<void> {
    const { pair, fromMs, isRevoked } = belief;
    const judge = this.#judgeOf(client);
    if (isRevoked || judge.takenMs(pair) >= sentMs || judge.mayHaveLost(client.id, pair, sentMs)) return;
    const from = Math.ceil((startUnixMs + fromMs) / 1000);
    const until = Math.floor((startUnixMs + Math.min(toMs, this.#kernel.nowMs) - 1) / 1000);
    if (from > until) return;
    const { address } = pair;
    await this.#evidence.checkBelief({ client: client.id, address, port: firstPortOf(pair), from, until });
  }

  /** Plans the faults that come by themselves. */
  #startFaults(): void {
    const { killsEverySeconds, pausesEverySeconds, partitionsEverySeconds, outagesEverySeconds } =
      this.#scenario;
    this.#repeat(killsEverySeconds, this.#stream(4), (random) => {
      this.#kill(random);
    });
    this.#repeat(pausesEverySeconds, this.#stream(5), (random) => {
      this.#pause(random);
    });
    this.#repeat(partitionsEverySeconds, this.#stream(6), (random) => {
      this.#partition(random);
    });
    this.#repeat(outagesEverySeconds, this.#stream(7), (random) => {
      this.#takeDatabaseAway(random);
    });
    const { operatorEverySeconds } = this.#scenario;
    this.#repeat(operatorEverySeconds, this.#stream(9), () => {
      this.#operate(() => this.#operator.act());
    });
    this.#repeat(operatorEverySeconds, this.#stream(18), (random) => {
      this.#operate(() => useToken(random, this.#holderWorld()));
    });
    this.#repeat(operatorEverySeconds * operationsPerPoll, this.#stream(21), (random) => {
      this.#poll(random);
    });
    const stepRandom = this.#stream(22);
    if (stepRandom.oneIn(3))
      this.#repeat(stepEverySeconds, stepRandom, (random) => {
        this.#setClock(random);
      });
  }

  /** A consumer of a binding table asks some allocator for changes. */
  #poll(random: Random): void {
    const { name } = random.pick(this.#scenario.domains);
    random.pick(this.#allocators).useStore((store) => {
      this.#evidence.poll(store, name).catch((error: unknown) => {
        // The database was away, or the configuration changed: it asks again.
        if (error instanceof Violation) this.#kernel.fail(error);
      });
    });
  }

  #repeat(everySeconds: number, random: Random, action: (random: Random) => void): void {
    if (everySeconds === 0) return;
    const next = (): void => {
      if (this.#isCalm) return;
      action(random);
      plan();
    };
    const plan = (): void => {
      this.#kernel.after(-Math.log(1 - random.fraction()) * everySeconds * 1000, next);
    };
    plan();
  }

  #kill(random: Random): void {
    const host = random.pick([...this.#allocators, ...this.#relays]);
    if (host.process === undefined) return;
    this.#tell(() => `${host.name} is killed`);
    this.#count("kill");
    host.kill();
    this.#kernel.after(random.between(50, 5000), () => {
      this.#tell(() => `${host.name} starts`);
      host.start();
    });
  }

  #pause(random: Random): void {
    const { process, name } = random.pick([...this.#allocators, ...this.#relays]);
    if (process === undefined) return;
    const ms = Math.exp(random.between(2, Math.log(this.#scenario.pauseMsMax)));
    this.#tell(() => `${name} is paused for ${Math.round(ms)} ms`);
    this.#count("pause");
    process.pause(ms);
  }

  #partition(random: Random): void {
    const relay = random.pick(this.#relays);
    const other = random.pick([...this.#allocators, ...this.#clients]);
    this.#tell(() => `${relay.name} and ${other.name} are apart`);
    this.#count("partition");
    this.#network.partition(relay.name, other.name, true);
    this.#kernel.after(random.between(100, 60_000), () => {
      this.#network.partition(relay.name, other.name, false);
    });
  }

  #takeDatabaseAway(random: Random): void {
    const storage = random.pick(this.#storages);
    this.#tell(() => `database ${storage.name} is away`);
    this.#count("outage");
    storage.isAway = true;
    this.#kernel.after(random.between(100, 20_000), () => {
      storage.isAway = false;
    });
  }

  /**
   * Sets the clock of the machine of the databases wrong for a while (T9). Their own clocks run on as long as there are
   * leases, so there must be one for all of this time.
   */
  #setClock(random: Random): void {
    const { nowMs } = this.#kernel;
    const leasedMs = startUnixMs + nowMs + wrongMsMax + 1000;
    if (this.#clockErrorMs !== 0 || ![...this.#judges.values()].every((judge) => judge.isLeasedAt(leasedMs)))
      return;
    this.#clockErrorMs = Math.round(random.pick([-1, 1]) * random.between(60_000, 7_200_000));
    this.#tell(() => `the clock of the databases is set by ${this.#clockErrorMs} ms`);
    this.#count("clock step");
    const wrongMs = random.between(100, wrongMsMax);
    this.#clockInDoubtMs = nowMs + wrongMs + settledMsMax;
    this.#kernel.after(wrongMs, () => {
      this.#clockErrorMs = 0;
    });
  }

  /** Ends all faults, and waits until every well-behaved client has a lease. */
  async #calm(): Promise<void> {
    this.#isCalm = true;
    this.#tell(() => "the faults end");
    this.#clockErrorMs = 0;
    this.#network.udp = noFaults;
    this.#network.tcp = noFaults;
    for (const storage of this.#storages) storage.faults = noStorageFaults;
    for (const client of this.#clients) client.calm();
    await this.#restore();
    const { domains } = this.#scenario;
    const longest = Math.max(
      ...domains.map((each) => each.leaseSecondsMax + Math.max(each.quarantineSeconds, each.declineSeconds)),
    );
    const endMs = this.#kernel.nowMs + longest * 1000 + healMs + this.#scenario.pauseMsMax;
    // Pauses that have begun still end by themselves, and so do POSTs.
    await this.#kernel.runUntil(
      this.#kernel.nowMs + this.#scenario.pauseMsMax + 2 * this.#scenario.deadlineMs,
    );
    while (this.#kernel.nowMs < endMs && this.#unserved().length > 0)
      await this.#kernel.runUntil(this.#kernel.nowMs + 5000);
    await this.#audit();
    const unserved = this.#unserved();
    must(
      unserved.length === 0,
      "a well-behaved client has no lease although the faults are over",
      unserved.map(({ name }) => name),
      unserved.slice(0, 1).map((client) => this.#describePools(client)),
    );
    await this.#checkQueues();
  }

  /** What is in the pools of a client's database, for the story of a failure. */
  #describePools(client: Client): object {
    const judge = this.#judgeOf(client);
    const clockMs = startUnixMs + this.#kernel.nowMs;
    return {
      domain: this.#domainOf.get(client)!.name,
      pools: judge.pools.map((pool) => [
        pool.shape.name,
        pool.shape.drainUntil,
        judge.countsOf(pool, clockMs),
      ]),
    };
  }

  async #restore(): Promise<void> {
    const { operatorEverySeconds, tcp, storage } = this.#scenario;
    if (operatorEverySeconds === 0) return;
    // What an operator asked for before may be done late, and has to be undone.
    await this.#kernel.runUntil(this.#kernel.nowMs + tcp.delayMsMax + storage.slowMsMax + operatorWaitMs);
    const restored = { isDone: false };
    this.#operate(
      () => this.#operator.restore(),
      () => {
        restored.isDone = true;
      },
    );
    while (!restored.isDone) await this.#kernel.runUntil(this.#kernel.nowMs + 1000);
  }

  /** Well-behaved clients without a lease, in domains that have enough pairs for all of them. */
  #unserved(): Client[] {
    return this.#clients.filter(
      (client) => client.kind === "well-behaved" && !client.isBound && this.#hasPlace(client),
    );
  }

  /**
   * A client that can share an address takes a full one if there is no other just then, and keeps it. So there is a full
   * one for each of the others only if there is one for all.
   */
  #hasPlace(client: Client): boolean {
    const domain = this.#domainOf.get(client)!;
    const rivals = this.#clients.filter(
      (each) => each.kind === "well-behaved" && this.#domainOf.get(each) === domain,
    );
    if (!sharesPorts(client)) return rivals.length <= slotsOf(domain, false);
    return rivals.filter(sharesPorts).length <= slotsOf(domain, true);
  }

  /** A relay that was refused waits before it tries an allocator again, and its frames with it. */
  async #checkQueues(): Promise<void> {
    const { deadlineMs } = this.#scenario;
    const endMs = this.#kernel.nowMs + emptyMs;
    const late = (): RelayHost[] =>
      this.#relays.filter(({ relay }) => relay !== undefined && relay.status().queue.oldestMs > deadlineMs);
    while (late().length > 0 && this.#kernel.nowMs < endMs)
      await this.#kernel.runUntil(this.#kernel.nowMs + 1000);
    const names = late().map(({ name }) => name);
    must(names.length === 0, "a frame waits in a relay although the faults are over", names);
  }
}

const clientKinds: readonly ClientKind[] = ["well-behaved", "stubborn", "forgetful", "hostile"];
const clientsOfKindMax = 4096;
/** Streams of random numbers below this one belong to the rest of the world. */
const firstClientStream = 1000;

/** What the name of a client's line ends with. */
const lineOf = ({ options: { remoteId } }: Client): string | undefined => remoteId && encodeHex(remoteId);

/** Whether a message of one client may be taken for one of the other. */
const hasSameLine = (one: Client, other: Client): boolean => one === other || lineOf(one) === lineOf(other);

const isSamePair = (one: Sent["pair"], other: Sent["pair"]): boolean =>
  one?.address === other?.address && one?.portParams?.psid === other?.portParams?.psid;

const sharesPorts = (client: Client): boolean => client.options.profile.parameterRequestList.includes(159);

function slotsOf({ psidLength, sharedAddresses, fullAddresses }: ScenarioDomain, isSharing: boolean): number {
  if (!isSharing) return fullAddresses;
  // Those with system ports are left out.
  const withSystemPorts = Math.max(1, 1024 / 2 ** (16 - psidLength));
  return sharedAddresses * (2 ** psidLength - withSystemPorts);
}

function declarationOf(domains: readonly ScenarioDomain[]): DeclarationInput {
  return {
    domains: domains.map((domain) => {
      const number = Number(domain.name.at(-1));
      const shared = parseIPv4(`192.0.${2 + number}.0`);
      const full = parseIPv4(`203.0.${113 + number}.0`);
      const range = (first: number, count: number): string =>
        `${formatIPv4(first)}-${formatIPv4(first + count - 1)}`;
      return {
        name: domain.name,
        prefixes: [`2001:db8:${number + 1}00::/40`],
        serverIdentifier: `198.51.100.${1 + number}`,
        leaseSeconds: {
          default: domain.leaseSeconds,
          min: Math.min(60, domain.leaseSeconds),
          max: domain.leaseSecondsMax,
        },
        offerHoldSeconds: domain.offerHoldSeconds,
        quarantineSeconds: domain.quarantineSeconds,
        declineSeconds: domain.declineSeconds,
        siteLeasesMax: domain.siteLeasesMax,
        softwire: { updateIntervalSeconds: domain.softwireIntervalSeconds },
        pools: [
          {
            name: `${domain.name}-shared`,
            kind: "shared" as const,
            range: range(shared, domain.sharedAddresses),
            psidLength: domain.psidLength,
            fill: domain.fill,
          },
          {
            name: `${domain.name}-full`,
            kind: "full" as const,
            range: range(full, domain.fullAddresses),
            fill: domain.fill,
          },
        ],
      };
    }),
  };
}

/** Each site has a /56. */
function clientAddress(domain: number, site: number, client: number): string {
  const high = ((domain + 1) << 8) | (site >> 8);
  const low = (site & 255) << 8;
  const text = `2001:db8:${high.toString(16)}:${low.toString(16)}::${(client + 1).toString(16)}`;
  return formatIPv6(parseIPv6(text));
}

function describePair(pair: Heard["pair"] | Sent["pair"]): string {
  if (pair === undefined) return "";
  const { address, portParams } = pair;
  return portParams === undefined ? formatIPv4(address) : `${formatIPv4(address)} PSID ${portParams.psid}`;
}

function describeFields(fields: object): string {
  const { err } = fields as { readonly err?: Error };
  return err === undefined ? "" : `(${err.message})`;
}
