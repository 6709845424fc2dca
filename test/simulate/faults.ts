/**
 * Faults that come by themselves: processes that are killed and paused, hosts that are apart, databases that are away,
 * and clocks that are set.
 *
 * @module
 */
import type { Random } from "../support/random.ts";
import type { AllocatorHost } from "./allocator-host.ts";
import type { Client } from "./client.ts";
import type { Crashes } from "./crashes.ts";
import type { Kernel } from "./kernel.ts";
import { noFaults } from "./network.ts";
import type { Network } from "./network.ts";
import type { RelayHost } from "./relay-host.ts";
import type { Scenario } from "./scenario.ts";
import { noStorageFaults } from "./storage.ts";
import type { Storage } from "./storage.ts";
import { streams } from "./streams.ts";
import type { Trace } from "./trace.ts";

/** What faults happen to. */
export interface FaultyWorld {
  readonly kernel: Kernel;
  readonly trace: Trace;
  readonly scenario: Scenario;
  readonly network: Network;
  readonly crashes: Crashes;
  readonly storages: readonly Storage[];
  readonly allocators: readonly AllocatorHost[];
  readonly relays: readonly RelayHost[];
  readonly clients: readonly Client[];
  /** Whether a database has a lease that runs until then, in Unix milliseconds of its clock. */
  readonly isLeasedAt: (storage: Storage, unixMs: number) => boolean;
  /** A sequence of random numbers for one purpose. */
  readonly stream: (number: number) => Random;
}

/** Mean seconds between two moments at which a clock is set, and how long it stays wrong at most. */
const stepEverySeconds = 8;
const wrongMsMax = 30_000;

/** The faults of a run. */
export class Faults {
  readonly #world: FaultyWorld;
  #areOver = false;

  constructor(world: FaultyWorld) {
    this.#world = world;
  }

  /** Plans them. */
  start(): void {
    const { scenario, stream } = this.#world;
    this.repeat(scenario.killsEverySeconds, stream(streams.kills), this.#kill);
    this.repeat(scenario.pausesEverySeconds, stream(streams.pauses), this.#pause);
    this.repeat(scenario.partitionsEverySeconds, stream(streams.partitions), this.#partition);
    // A file is where its processes are.
    if (scenario.roundTripMs > 0)
      this.repeat(scenario.outagesEverySeconds, stream(streams.outages), this.#takeDatabaseAway);
    const stepRandom = stream(streams.clockSteps);
    if (stepRandom.oneIn(3)) this.repeat(stepEverySeconds, stepRandom, this.#setClock);
  }

  /** Ends them. A pause that has begun still ends by itself. */
  end(): void {
    this.#areOver = true;
    const { crashes, network, storages } = this.#world;
    for (const { clock } of storages) clock.correct();
    crashes.end();
    network.udp = noFaults;
    network.tcp = noFaults;
    network.join();
    for (const storage of storages) storage.faults = noStorageFaults;
  }

  /** Does something again and again until the faults are over, after random times. */
  repeat(everySeconds: number, random: Random, action: (random: Random) => void): void {
    if (everySeconds === 0) return;
    const { kernel } = this.#world;
    const next = (): void => {
      if (this.#areOver) return;
      action(random);
      plan();
    };
    const plan = (): void => {
      kernel.after(-Math.log(1 - random.fraction()) * everySeconds * 1000, next);
    };
    plan();
  }

  readonly #kill = (random: Random): void => {
    const { crashes, allocators, relays } = this.#world;
    const host = random.pick([...allocators, ...relays]);
    if (host.process !== undefined) crashes.kill(host, undefined, random);
  };

  readonly #pause = (random: Random): void => {
    const { trace, scenario, allocators, relays } = this.#world;
    const { process, name } = random.pick([...allocators, ...relays]);
    if (process === undefined) return;
    const ms = Math.exp(random.between(2, Math.log(scenario.pauseMsMax)));
    trace.tell(`${name} is paused for ${Math.round(ms)} ms`);
    trace.count("pause");
    process.pause(ms);
  };

  readonly #partition = (random: Random): void => {
    const { kernel, trace, network, allocators, relays, clients } = this.#world;
    const relay = random.pick(relays);
    const other = random.pick([...allocators, ...clients]);
    trace.tell(`${relay.name} and ${other.name} are apart`);
    trace.count("partition");
    network.partition(relay.name, other.name, true);
    kernel.after(random.between(100, 60_000), () => {
      network.partition(relay.name, other.name, false);
    });
  };

  readonly #takeDatabaseAway = (random: Random): void => {
    const { kernel, trace, storages } = this.#world;
    const storage = random.pick(storages);
    trace.tell(`database ${storage.name} is away`);
    trace.count("outage");
    storage.isAway = true;
    kernel.after(random.between(100, 20_000), () => {
      storage.isAway = false;
    });
  };

  /**
   * Sets the clock of the machine of a database wrong for a while. The database's own clock runs on as long as there are
   * leases, so there must be one for all of this time.
   */
  readonly #setClock = (random: Random): void => {
    const { trace, storages, isLeasedAt } = this.#world;
    const storage = random.pick(storages);
    const { clock, name } = storage;
    if (clock.isWrong || !isLeasedAt(storage, clock.trueMs + wrongMsMax + 1000)) return;
    const errorMs = Math.round(random.pick([-1, 1]) * random.between(60_000, 7_200_000));
    trace.tell(`the clock of database ${name} is set by ${errorMs} ms`);
    trace.count("clock step");
    clock.set(errorMs, random.between(100, wrongMsMax));
  };
}
