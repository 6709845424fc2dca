/**
 * Those who use the admin API of a running system: an operator, holders of tokens, and consumers of binding tables.
 *
 * @module
 */
import { nameOfPair } from "../oracle/pools.ts";
import type { Random } from "../support/random.ts";
import { declarationOf } from "./addressing.ts";
import { isOutsideError } from "./allocator-host.ts";
import type { AdminAnswer, AdminRequest, AllocatorHost } from "./allocator-host.ts";
import type { EvidenceAudit } from "./evidence.ts";
import type { Faults } from "./faults.ts";
import type { Judges } from "./judges.ts";
import type { Kernel } from "./kernel.ts";
import type { Network } from "./network.ts";
import { Operator } from "./operator.ts";
import type { Population } from "./population.ts";
import type { Scenario } from "./scenario.ts";
import { streams } from "./streams.ts";
import { useToken } from "./token-holder.ts";
import type { HolderWorld } from "./token-holder.ts";
import type { Trace } from "./trace.ts";

/** What they see and reach. */
export interface AdministeredWorld {
  readonly kernel: Kernel;
  readonly trace: Trace;
  readonly scenario: Scenario;
  readonly network: Network;
  /** Unix milliseconds of the main database, which has the tokens. */
  readonly unixMs: () => number;
  readonly judges: Judges;
  readonly evidence: EvidenceAudit;
  readonly population: Population;
  readonly allocators: readonly AllocatorHost[];
  readonly adminToken: string;
  /** A sequence of random numbers for one purpose. */
  readonly stream: (number: number) => Random;
}

const operatorName = "the operator";
/** An operator waits this long for an answer, in milliseconds. */
const operatorWaitMs = 10_000;
/** Clients among which an operator looks for one that has a lease. */
const subscribersSeen = 4;
/** Operations between two polls of a binding table. */
const operationsPerPoll = 4;

/** Everyone who uses the admin API in a run. */
export class Administration {
  readonly #world: AdministeredWorld;
  readonly #operator: Operator;
  readonly #holderRandom: Random;

  constructor(world: AdministeredWorld) {
    this.#world = world;
    this.#holderRandom = world.stream(streams.tokenHolders);
    this.#operator = this.#createOperator();
  }

  /** Lets them act until the faults are over. */
  start(faults: Faults): void {
    const { scenario, stream } = this.#world;
    const everySeconds = scenario.operatorEverySeconds;
    faults.repeat(everySeconds, stream(streams.operations), () => {
      this.#operate(() => this.#operator.act());
    });
    faults.repeat(everySeconds, stream(streams.tokenUses), (random) => {
      this.#operate(() => useToken(random, this.#holderWorld()));
    });
    faults.repeat(everySeconds * operationsPerPoll, stream(streams.polls), this.#poll);
  }

  /** Puts the configuration of the scenario back. */
  async restore(): Promise<void> {
    const { kernel, scenario } = this.#world;
    const { operatorEverySeconds, tcp, storage } = scenario;
    if (operatorEverySeconds === 0) return;
    // What an operator asked for before may be done late, and has to be undone.
    await kernel.runUntil(kernel.nowMs + tcp.delayMsMax + storage.slowMsMax + operatorWaitMs);
    const restored = { isDone: false };
    this.#operate(
      () => this.#operator.restore(),
      () => {
        restored.isDone = true;
      },
    );
    while (!restored.isDone) await kernel.runUntil(kernel.nowMs + 1000);
  }

  #createOperator(): Operator {
    const { kernel, unixMs, judges, population, scenario, adminToken, stream } = this.#world;
    const random = stream(streams.operator);
    const world = {
      domains: scenario.domains,
      isRenumbering: scenario.isRenumbering,
      declaration: declarationOf(scenario.domains),
      someSubscriber: (own: Random) => {
        // Those who have a lease are of more interest.
        const some = Array.from({ length: subscribersSeen }, () => own.pick(population.clients));
        const client = some.find(({ pair }) => pair !== undefined) ?? some[0]!;
        return { domain: client.options.domain.name, id: client.id, pair: client.pair };
      },
      somePair: (own: Random, domain: string) => {
        const pools = judges.ofDomain(domain).pools.filter(({ shape }) => shape.name.startsWith(domain));
        if (pools.length === 0) return undefined;
        const pool = own.pick(pools);
        return pool.pairOf(pool.shape.id * 2 ** 32 + own.below(pool.slots));
      },
      send: (request: AdminRequest) => this.#send(random, request),
      waitMs: (ms: number) =>
        new Promise<void>((resolve) => {
          this.#continue(resolve, ms);
        }),
      nowMs: () => kernel.nowMs,
      unixMs,
      asks: (actor: string, path: string) => {
        judges.recordAsked(actor, path);
      },
      forces: (pool: string) => {
        judges.recordForce(pool);
      },
      did: this.#report("operator", "an operator:"),
    };
    return new Operator(random, world, adminToken);
  }

  #holderWorld(): HolderWorld {
    const { kernel, unixMs, population, scenario } = this.#world;
    return {
      domains: scenario.domains,
      tokens: () => this.#operator.tokens,
      someLease: (own, domain) => {
        const clients = population.of(domain);
        const pair = clients.length === 0 ? undefined : own.pick(clients).pair;
        return pair === undefined ? undefined : nameOfPair(pair);
      },
      send: (request) => this.#send(this.#holderRandom, request),
      nowMs: () => kernel.nowMs,
      unixMs,
      did: this.#report("token", "a holder of"),
    };
  }

  /** @returns What tells of an answer that somebody got. */
  #report(kind: string, who: string): (what: string, status: number | "unknown") => void {
    const { trace } = this.#world;
    return (what, status) => {
      trace.count(`${kind}: ${status}`);
      trace.tell(`${who} ${what}: ${status}`);
    };
  }

  /** Goes on with something that waits for a promise, as an event of its own. */
  #continue(resolve: () => void, afterMs: number): void {
    const { kernel } = this.#world;
    kernel.after(afterMs, () => {
      kernel.run(resolve);
    });
  }

  /** Sends a request to some allocator. Its answer may be lost. */
  #send(random: Random, request: AdminRequest): Promise<AdminAnswer | undefined> {
    const { allocators, network } = this.#world;
    const allocator = random.pick(allocators);
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
        const arrive = (): void => {
          settle(answer);
        };
        network.sendOverTcp(allocator.name, operatorName, arrive, onBroken);
      };
      const arrive = (): void => {
        allocator.administer(request, onAnswer, onBroken);
      };
      network.sendOverTcp(operatorName, allocator.name, arrive, onBroken);
    });
  }

  /** Does something that takes several requests. */
  #operate(work: () => Promise<void>, onDone: () => void = () => undefined): void {
    const { kernel } = this.#world;
    kernel.after(0, () => {
      kernel.run(() => {
        work().then(onDone, (error: unknown) => {
          kernel.fail(error);
        });
      });
    });
  }

  /** A consumer of a binding table asks some allocator for changes. */
  readonly #poll = (random: Random): void => {
    const { kernel, allocators, evidence, scenario } = this.#world;
    const { name } = random.pick(scenario.domains);
    random.pick(allocators).useStore((store) => {
      evidence.poll(store, name).catch((error: unknown) => {
        // It asks again.
        if (!isOutsideError(error)) kernel.fail(error);
      });
    });
  };
}
