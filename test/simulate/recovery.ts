/**
 * What must hold when all faults are over: everybody is served again, nothing waits, and what clients say is obeyed.
 *
 * @module
 */
import { countsOf } from "../oracle/row-audit.ts";
import { must } from "../oracle/violation.ts";
import type { AllocatorHost } from "./allocator-host.ts";
import type { Client } from "./client.ts";
import type { Judges } from "./judges.ts";
import type { Kernel } from "./kernel.ts";
import type { Population } from "./population.ts";
import type { RelayHost } from "./relay-host.ts";
import type { Scenario } from "./scenario.ts";

/** What recovers. */
export interface RecoveringWorld {
  readonly kernel: Kernel;
  readonly scenario: Scenario;
  readonly judges: Judges;
  readonly population: Population;
  readonly allocators: readonly AllocatorHost[];
  readonly relays: readonly RelayHost[];
}

/** A client that has a lease asks for it again, and has an answer within this time. */
const answerMs = 150_000;
/** Within this time after all leases have ended, every well-behaved client has a lease. */
const healMs = 180_000;
/** Within this time after that, all queues have been empty. */
const emptyMs = 60_000;
/** Within this time, an allocator says that it is ready. */
const readyMs = 10_000;
/** Clients that leave then: one in so many of those that have a lease. */
const leavingOneIn = 8;
/** At most so many, because a relay with the smallest POSTs passes no more on before they are too old for it. */
const leavingMax = 32;
/** A message that gives a pair up is obeyed within this time. */
const obeyedMs = 3000;

/** @throws {Violation} If something does not work although the faults are over. */
export async function checkRecovery(world: RecoveringWorld): Promise<void> {
  const { kernel, scenario } = world;
  const longest = Math.max(
    ...scenario.domains.map(
      (each) => each.leaseSecondsMax + Math.max(each.quarantineSeconds, each.declineSeconds),
    ),
  );
  const endMs = kernel.nowMs + longest * 1000 + healMs;
  await checkAnswered(world);
  await checkServed(world, endMs);
  await checkQueues(world);
  await checkReady(world);
  await checkFarewells(world);
}

/** Clients that have a lease asked for it again, and were answered. */
async function checkAnswered({ kernel, population, judges }: RecoveringWorld): Promise<void> {
  const endMs = kernel.nowMs + answerMs;
  // One that gets its lease only now may be judged before it hears of it.
  const holders = population.clients.filter((client) => judges.isHeldBy(client));
  const unheard = (): string[] =>
    holders.filter((client) => client.isUnheard && judges.isHeldBy(client)).map(({ name }) => name);
  while (kernel.nowMs < endMs && unheard().length > 0) await kernel.runUntil(kernel.nowMs + 2000);
  must(unheard().length === 0, "a client gets no answer although the faults are over", unheard());
}

/** Every well-behaved client has a lease, if there are enough. */
async function checkServed({ kernel, population, judges }: RecoveringWorld, endMs: number): Promise<void> {
  while (kernel.nowMs < endMs && population.unserved().length > 0) await kernel.runUntil(kernel.nowMs + 5000);
  const unserved = population.unserved();
  must(
    unserved.length === 0,
    "a well-behaved client has no lease although the faults are over",
    unserved.map(({ name }) => name),
    unserved.slice(0, 1).map((client) => describePools(judges, client)),
  );
}

/** What is in the pools of a client's database, for the story of a failure. */
function describePools(judges: Judges, client: Client): object {
  const judge = judges.ofClient(client);
  const { trueMs } = judges.clockOf(client);
  return {
    domain: client.options.domain.name,
    pools: judge.pools.map((pool) => [
      pool.shape.name,
      pool.shape.drainUntil,
      countsOf(judge.leases, pool, trueMs),
    ]),
  };
}

/**
 * All hosts are up, and nothing waits in them. A relay that was refused waits before it tries an allocator again, and
 * its frames with it.
 */
async function checkQueues({ kernel, scenario, relays, allocators }: RecoveringWorld): Promise<void> {
  const endMs = kernel.nowMs + emptyMs;
  const isLate = ({ relay }: RelayHost): boolean =>
    relay === undefined || relay.status().queue.oldestMs > scenario.deadlineMs;
  const isBusy = ({ process, openRequests }: AllocatorHost): boolean =>
    process === undefined || openRequests > 0;
  const late = (): string[] =>
    [...relays.filter(isLate), ...allocators.filter(isBusy)].map(({ name }) => name);
  while (late().length > 0 && kernel.nowMs < endMs) await kernel.runUntil(kernel.nowMs + 1000);
  must(late().length === 0, "something waits in a host although the faults are over", late());
}

/** Each allocator serves, whether relays use it or not. */
async function checkReady({ kernel, allocators }: RecoveringWorld): Promise<void> {
  const unready = new Set(allocators.map(({ name }) => name));
  for (const allocator of allocators)
    allocator.administer(
      { method: "GET", path: "/readyz", headers: {} },
      ({ status }) => {
        if (status === 200) unready.delete(allocator.name);
      },
      () => undefined,
    );
  await kernel.runUntil(kernel.nowMs + readyMs);
  must(unready.size === 0, "an allocator does not serve although the faults are over", [...unready]);
}

/** Some clients release or decline what they have, and have it no more. */
async function checkFarewells({ kernel, population, judges }: RecoveringWorld): Promise<void> {
  const holders = population.clients.filter((client) => client.canLeave && judges.isHeldBy(client));
  const leaving = holders
    .filter((_, index) => index % leavingOneIn === 0)
    .slice(0, leavingMax)
    .map((client) => ({ client, since: judges.tenureOf(client, client.pair), pair: client.leave() }));
  await kernel.runUntil(kernel.nowMs + obeyedMs);
  // A DISCOVER with Rapid Commit that was under way for minutes may begin another tenure.
  const kept = leaving.filter(({ client, since, pair }) => judges.tenureOf(client, pair) === since);
  must(
    kept.length === 0,
    "a client gave its pair up, and it still has it",
    kept.map(({ client, pair }) => [client.name, pair]),
  );
}
