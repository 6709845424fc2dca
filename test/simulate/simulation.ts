/**
 * One run: builds the world of a scenario, lets it live until enough was exchanged, ends the faults, and checks what is
 * left.
 *
 * @module
 */
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import type { Database } from "../../src/store/database/database.ts";
import { openFile } from "../../src/store/database/file.ts";
import type { ExcuseCount } from "../oracle/excuses.ts";
import { must } from "../oracle/violation.ts";
import { readHistory } from "../oracle/watched-database.ts";
import { applyDeclaration } from "../support/apply-declaration.ts";
import { Random } from "../support/random.ts";
import { declarationOf, relayAddress } from "./addressing.ts";
import { Administration } from "./administration.ts";
import { AllocatorHost } from "./allocator-host.ts";
import { readHeard } from "./client-message.ts";
import type { Sent } from "./client-message.ts";
import type { ClientWorld } from "./client-world.ts";
import { Crashes } from "./crashes.ts";
import { EvidenceAudit } from "./evidence.ts";
import { Faults } from "./faults.ts";
import { Judges } from "./judges.ts";
import { Kernel } from "./kernel.ts";
import { MachineClock } from "./machine-clock.ts";
import { Network } from "./network.ts";
import { Population } from "./population.ts";
import { SimulatedProcess } from "./process.ts";
import { checkRecovery } from "./recovery.ts";
import { RelayHost } from "./relay-host.ts";
import type { Scenario, ScenarioDomain } from "./scenario.ts";
import { Storage } from "./storage.ts";
import { streams } from "./streams.ts";
import type { DatabaseFolder } from "./template.ts";
import { describeFields, describePair, Trace } from "./trace.ts";
import type { OnEvent } from "./trace.ts";
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
  readonly faults: ReadonlyMap<string, number>;
  /** How often rules were excused. */
  readonly excuses: Readonly<Record<string, ExcuseCount>>;
}

/** Options of a run. */
export interface RunOptions {
  /** Messages that were decided, after which the faults end. */
  readonly exchanges: number;
  /** Called for each event of the trace, with the virtual time. */
  readonly onEvent?: OnEvent | undefined;
  /** Called every few seconds of virtual time, with the number of messages that were decided. */
  readonly onLook?: ((exchanges: number) => Promise<void>) | undefined;
}

const relayToken = "relay-token-of-the-simulation";
const adminToken = "admin-token-of-the-simulation";

/** Without an answer for this long, the faults end. */
const silentMs = 180_000;
/** Milliseconds between two audits of all rows. */
const auditMs = 60_000;
/** Milliseconds between two looks at whether a run is over. */
const lookMs = 2000;

/** A world. */
export class Simulation {
  readonly #scenario: Scenario;
  readonly #options: RunOptions;
  readonly #folder: DatabaseFolder;
  readonly #kernel = new Kernel();
  readonly #judges = new Judges(this.#kernel);
  readonly #trace: Trace;
  readonly #network: Network;
  readonly #crashes: Crashes;
  readonly #storages: Storage[] = [];
  readonly #paths: string[] = [];
  #allocators: readonly AllocatorHost[] = [];
  #relays: readonly RelayHost[] = [];
  #population!: Population;
  #evidence!: EvidenceAudit;
  #administration!: Administration;
  #faults!: Faults;
  #isCalm = false;
  #exchanges = 0;
  #grants = 0;
  #batches = 0;
  /** When a client last got an answer. */
  #heardMs = 0;

  constructor(scenario: Scenario, options: RunOptions, folder: DatabaseFolder) {
    this.#scenario = scenario;
    this.#options = options;
    this.#folder = folder;
    this.#trace = new Trace(this.#kernel, options.onEvent);
    const { udp, tcp, collectMs, crashOneIn: oneIn } = scenario;
    this.#crashes = new Crashes(this.#kernel, this.#trace, { random: this.#stream(streams.crashes), oneIn });
    this.#network = new Network(
      this.#kernel,
      this.#stream(streams.network),
      { udp, tcp, collectMs },
      (event) => {
        this.#trace.count(event);
      },
    );
  }

  /**
   * Runs it.
   *
   * @throws {Violation} If a rule does not hold.
   */
  async run(): Promise<RunResult> {
    const restoreTimers = replaceTimers(() => this.#kernel.nowMs);
    try {
      await this.#build();
      this.#faults.start();
      this.#administration.start(this.#faults);
      for (const client of this.#population.clients) client.start();
      await this.#live();
      await this.#calm();
      return {
        hash: this.#trace.digest(),
        exchanges: this.#exchanges,
        grants: this.#grants,
        batches: this.#batches,
        virtualMs: this.#kernel.nowMs,
        faults: this.#trace.faults,
        excuses: this.#judges.excuses.counts,
      };
    } finally {
      restoreTimers();
      for (const host of [...this.#allocators, ...this.#relays]) host.kill();
      for (const storage of this.#storages) storage.close();
      for (const path of this.#paths) this.#folder.remove(path);
    }
  }

  /** Events and callbacks so far. */
  get steps(): number {
    return this.#kernel.steps;
  }

  readonly #stream = (number: number): Random => new Random(this.#scenario.seed, number);

  async #build(): Promise<void> {
    const { domains, allocators, relays } = this.#scenario;
    const elsewhere = domains.filter(({ isElsewhere }) => isElsewhere);
    const main = await this.#createStorage(
      "main",
      domains.filter(({ isElsewhere }) => !isElsewhere),
    );
    const second = elsewhere.length === 0 ? undefined : await this.#createStorage("second", elsewhere);
    const placed = new Map(elsewhere.map(({ name }) => [name, second!]));
    this.#evidence = this.#createEvidence(main, placed);
    this.#allocators = Array.from({ length: allocators }, (_, number) =>
      this.#createAllocator(number, main, placed),
    );
    for (const allocator of this.#allocators) allocator.start();
    this.#relays = Array.from({ length: relays }, (_, number) => this.#createRelay(number));
    for (const relay of this.#relays) relay.start();
    this.#population = new Population(this.#kernel, this.#scenario, this.#worldOf);
    this.#judges.know(this.#population.clients);
    const world = {
      kernel: this.#kernel,
      trace: this.#trace,
      scenario: this.#scenario,
      network: this.#network,
      crashes: this.#crashes,
      allocators: this.#allocators,
      stream: this.#stream,
    };
    this.#faults = new Faults({
      ...world,
      storages: this.#storages,
      relays: this.#relays,
      clients: this.#population.clients,
      isLeasedAt: (storage, unixMs) => this.#judges.of(storage).isLeasedAt(unixMs),
    });
    this.#administration = new Administration({
      ...world,
      unixMs: () => main.clock.trueMs,
      judges: this.#judges,
      evidence: this.#evidence,
      population: this.#population,
      adminToken,
    });
  }

  async #createStorage(name: string, domains: readonly ScenarioDomain[]): Promise<Storage> {
    const path = this.#folder.copy();
    this.#paths.push(path);
    const clock = new MachineClock(
      this.#kernel,
      this.#storages.length === 0 ? 0 : this.#scenario.secondAheadMs,
    );
    const machine = {
      wallMs: () => clock.wallMs,
      bootMs: () => this.#kernel.nowMs,
      bootId: "the only boot",
    };
    const open = (): Database =>
      openFile(`file:${path}`, { machine, sync: "off", everySecond: () => () => undefined });
    const database = open();
    await applyDeclaration(database, parseDeclaration(declarationOf(domains), "the scenario"));
    const random = this.#stream(streams.databases + this.#storages.length);
    const storage: Storage = new Storage(this.#kernel, random, this.#scenario.storage, {
      name,
      clock,
      database,
      open,
      roundTripMs: this.#scenario.roundTripMs,
      onCommit: (commit, cause) => {
        const { length } = commit.changed;
        if (length > 0)
          this.#trace.tell(`${name} commits ${length} rows of ${cause?.allocator ?? "an operator"}`);
        this.#kernel.check(() => {
          this.#judges.committed(storage, commit, cause);
        });
      },
      onConfigured: (configuration) => {
        judge.configure(configuration, this.#kernel.nowMs);
      },
      count: (event) => {
        this.#trace.count(`database: ${event}`);
      },
      beforeWrite: (cause) => {
        // A database without leases would follow a clock that is wrong.
        if (!clock.isWrong) return;
        const endsMax = cause?.claims.filter(({ kind }) => kind === "end").length;
        if (!judge.isLeasedBeside(endsMax, clock.wrongUntilMs + 1000)) clock.correct();
      },
    });
    const judge = this.#judges.add(
      storage,
      domains.map((domain) => domain.name),
    );
    judge.historySeconds = this.#scenario.historySeconds ?? Infinity;
    this.#storages.push(storage);
    await storage.open();
    return storage;
  }

  #createEvidence(main: Storage, placed: ReadonlyMap<string, Storage>): EvidenceAudit {
    const judgedOf = (storage: Storage) => ({
      database: storage.database,
      judge: this.#judges.of(storage),
      now: () => Math.floor(storage.clock.trueMs / 1000),
    });
    const judged = new Map(this.#storages.map((storage) => [storage, judgedOf(storage)]));
    const world = {
      main: judged.get(main)!,
      placed: new Map([...placed].map(([domain, storage]) => [domain, judged.get(storage)!])),
      domains: this.#scenario.domains.map(({ name }) => name),
      isClockInDoubt: () => this.#storages.some(({ clock }) => clock.isInDoubt),
    };
    return new EvidenceAudit(world, this.#stream(streams.evidence));
  }

  #createAllocator(number: number, main: Storage, placed: ReadonlyMap<string, Storage>): AllocatorHost {
    const random = this.#stream(streams.allocators + number);
    return new AllocatorHost({
      name: `allocator-${number}`,
      main,
      placed,
      relayToken,
      adminToken,
      historySeconds: this.#scenario.historySeconds,
      startProcess: () => this.#startProcess(random),
      crashes: this.#crashes,
      log: this.#log,
      onInternalError: (error) => {
        this.#kernel.check(() => {
          must(false, "an allocator has an internal error", (error as Error).stack ?? error);
        });
      },
      onFacts: (cause, result) => {
        this.#exchanges += result.facts.length;
        if (result.facts.length > 0) this.#batches++;
        this.#kernel.check(() => {
          this.#judges.answered(cause, result);
        });
      },
    });
  }

  #createRelay(number: number): RelayHost {
    const { domains, policy, postsInFlight, batchFrames, deadlineMs, oldRelays } = this.#scenario;
    const random = this.#stream(streams.relays + number);
    const allocators = this.#allocators;
    const first = number % allocators.length;
    const name = `relay-${number}`;
    return new RelayHost(this.#kernel, this.#network, {
      name,
      addresses: domains.map((_, link) => relayAddress(link, number)),
      token: relayToken,
      policy,
      postsInFlight,
      batchFrames,
      deadlineMs,
      states: number < oldRelays ? random.pick(["age", "nothing"]) : "arrival",
      allocators: [...allocators.slice(first), ...allocators.slice(0, first)].slice(0, 4),
      startProcess: () => this.#startProcess(random),
      crashes: this.#crashes,
      log: this.#log,
      deliver: (payload, address, link) => {
        this.#deliver(name, payload, address, link);
      },
    });
  }

  #startProcess(random: Random): SimulatedProcess {
    const { pace, driftRatioMax } = this.#scenario;
    const driftRatio = random.between(-driftRatioMax, driftRatioMax);
    const calmPace = { ...pace, gapOneIn: 0 };
    return new SimulatedProcess(this.#kernel, random, () => (this.#isCalm ? calmPace : pace), { driftRatio });
  }

  readonly #log = (host: string, message: string, fields: object): void => {
    this.#trace.tell(`${host} logs: ${message} ${describeFields(fields)}`);
  };

  /** A relay sends an answer to an address on a link. */
  #deliver(relay: string, payload: Uint8Array, address: string, link: number): void {
    const client = this.#population.at(address);
    this.#kernel.check(() => {
      must(client !== undefined, "an answer left for an address that no client has", address);
      const isBack = client.options.link === link;
      must(isBack, "an answer left by another link than its query came by", address, link);
      const answer = readHeard(payload);
      must(answer !== undefined, "an answer left that no client can read", address);
      const isAsked = this.#judges.hasAsked(client, answer.xid);
      must(isAsked, "an answer left for a client that did not ask", address, answer);
    });
    this.#trace.add(payload);
    if (client === undefined) return;
    this.#network.sendDatagram(relay, client.name, payload, (datagram) => {
      // It may have gone somewhere else.
      if (client.address === address) client.receive(datagram);
    });
  }

  readonly #worldOf = (random: Random, home: number): ClientWorld => ({
    send: (sent, datagram) => {
      // Most of the time, a client's messages take the same way. A RELEASE that takes another one may be overtaken.
      const number = random.oneIn(sent.what === "release" ? 2 : 8) ? random.below(this.#relays.length) : home;
      this.#send(this.#relays[number]!, sent, datagram);
    },
    heard: (sent, heard) => {
      this.#heardMs = this.#kernel.nowMs;
      const { kind, pair, seconds } = heard;
      this.#trace.tell(`${sent.client.name} hears ${kind} ${describePair(pair)} for ${seconds} s`);
      this.#judges.heard(sent, heard);
    },
    uses: (client, pair, untilMs) => {
      this.#judges.uses(client, pair, untilMs);
      this.#grants++;
    },
    stops: (client) => {
      this.#judges.stops(client);
    },
    somePair: (own) => own.pick(this.#population.clients).pair,
    someVictim: (client) => {
      const victim = random.pick(this.#population.clients);
      const { domain } = client.options;
      return victim !== client && domain.hasLines && victim.options.domain === domain ? victim : undefined;
    },
  });

  #send(relay: RelayHost, sent: Sent, datagram: Uint8Array): void {
    const { client, what, pair } = sent;
    const { link } = client.options;
    this.#judges.sent(sent);
    this.#trace.tell(`${client.name} sends ${what} ${describePair(pair)} by ${relay.name}`);
    this.#trace.add(datagram);
    this.#network.sendDatagram(client.name, relay.name, datagram, (arrived) => {
      if (what === "release" || what === "decline" || what === "withdraw")
        this.#judges.gaveUp(sent, what, this.#isTold(relay) ? undefined : this.#servedUntilMs());
      relay.receive(arrived, link, sent.place.address, 546);
    });
  }

  /** Whether allocators are told when a message reached a relay. An age does not cover the time on the network. */
  #isTold(relay: RelayHost): boolean {
    return relay.statesArrival || (relay.statesAge && this.#scenario.tcp.delayed === 0);
  }

  /**
   * Until when a datagram that reaches a relay now may be served: it waits in the relay, on the network, in processes that are
   * paused, and for the database.
   */
  #servedUntilMs(): number {
    const { deadlineMs, tcp, pace, pauseMsMax, pausesEverySeconds, storage } = this.#scenario;
    const pausedMs = 2 * pace.gapMs + (pausesEverySeconds === 0 ? 0 : 2 * pauseMsMax);
    const underWayMs = tcp.delayed === 0 ? 0 : 2 * tcp.delayMsMax;
    return this.#kernel.nowMs + 2 * deadlineMs + underWayMs + pausedMs + 2 * storage.slowMsMax + 10_000;
  }

  /** Lets time pass until enough was exchanged. */
  async #live(): Promise<void> {
    const kernel = this.#kernel;
    const endMs = this.#scenario.lifeSeconds * 1000;
    while (this.#exchanges < this.#options.exchanges && kernel.nowMs < endMs) {
      // Waiting for more is of no use.
      if (kernel.nowMs - this.#heardMs > silentMs) return;
      await kernel.runUntil(kernel.nowMs + lookMs);
      await this.#options.onLook?.(this.#exchanges);
      const audits = (atMs: number): number => Math.floor(atMs / auditMs);
      if (audits(kernel.nowMs) !== audits(kernel.nowMs - lookMs)) await this.#audit();
    }
  }

  async #audit(): Promise<void> {
    await this.#judges.audit();
    await this.#evidence.check();
    for (const host of [...this.#relays, ...this.#allocators]) host.checkCounters();
    for (const past of this.#judges.takePastBeliefs()) await this.#evidence.checkBelief(past);
  }

  /** Ends all faults, and expects that everything works again. */
  async #calm(): Promise<void> {
    this.#isCalm = true;
    this.#trace.tell("the faults end");
    this.#faults.end();
    for (const client of this.#population.clients) client.calm();
    // Pauses that have begun still end by themselves. What an operator sent to a paused allocator, such as the deletion
    // of a pool, takes effect only then.
    const { pauseMsMax, deadlineMs } = this.#scenario;
    await this.#kernel.runUntil(this.#kernel.nowMs + pauseMsMax + 2 * deadlineMs);
    await this.#administration.restore();
    await checkRecovery({
      kernel: this.#kernel,
      scenario: this.#scenario,
      judges: this.#judges,
      population: this.#population,
      allocators: this.#allocators,
      relays: this.#relays,
    });
    await this.#audit();
    await this.#checkHistory();
  }

  /** The history has all tenures that ended, and no other. */
  async #checkHistory(): Promise<void> {
    if (this.#scenario.historySeconds !== null) return;
    for (const storage of this.#storages)
      this.#judges.of(storage).tenures.audit(await readHistory(storage.database));
  }
}
