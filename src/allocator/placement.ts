/**
 * One pipeline over several databases. Each query goes to the database of its domain, and all queries for one database
 * form one batch there. With a single database this adds nothing.
 *
 * @module
 */
import { earliestLocalMs } from "../clock-reading.ts";
import { selectDomain } from "../lease/select-domain.ts";
import type { Directory, Domain, Pool } from "../lease/domain.ts";
import type { Query } from "../lease/query.ts";
import { silence } from "../lease/decision.ts";
import { clockDriftRatioMax, placementAgeMsMax, placementWaitMsMax } from "../limits.ts";
import type { Arrival } from "../store/batch/deadline.ts";
import type { Partition } from "../store/partition.ts";
import { DatabaseError } from "../store/store.ts";
import type { Timing } from "../timing.ts";
import { createFaults, createLineLimit } from "./faults.ts";
import { createPipeline, decodeQueries } from "./pipeline.ts";
import type { AnswerRecord, DatabasePipeline, Pipeline, PipelineDeps } from "./pipeline.ts";
import { recordDecision } from "./record-decision.ts";

/** The dependencies of a pipeline over several databases. */
export interface PlacedPipelineDeps extends Omit<PipelineDeps, "partition"> {
  readonly partitions: readonly [Partition, ...Partition[]];
  readonly later: Timing["later"];
}

/**
 * Creates a pipeline that serves the domains of all databases.
 *
 * If a database cannot be reached, or is slow, only its own clients are affected: they get no answer, and retry. If the
 * main database cannot be reached, {@link Pipeline.serve} rejects, as it does with one database, unless others serve a
 * part of the batch.
 */
export function createPlacedPipeline({ partitions, later, ...deps }: PlacedPipelineDeps): Pipeline {
  const [main, ...others] = partitions;
  const first = createPipeline({ ...deps, partition: main });
  if (others.length === 0) return first;
  const pipelines = [first, ...others.map((partition) => createPipeline({ ...deps, partition }))];
  const directories = createDirectories(pipelines);
  const record = { ...deps, faults: createFaults(deps.log, deps.localMs) };
  const countFailure = createLineLimit(deps.localMs);
  let placement: Placement | undefined;
  const report = (reason: unknown): void => {
    const count = countFailure();
    if (count !== undefined) deps.log.error({ err: reason, count }, "one database unavailable");
  };
  return {
    async serve(frames, arrival) {
      const queries = decodeQueries(record, frames);
      const known = await directories();
      refuseOverlaps([...known.values()]);
      placement = placementOf(known, placement);
      const shares = [...divide(queries, placement, first, record)];
      const elsewhere = await arrivalElsewhere(arrival, first);
      const work = shares.map(([pipeline, share]) =>
        pipeline.serveQueries(share, pipeline === first ? arrival : elsewhere),
      );
      const served = await settleWithin(work, placementWaitMsMax, later);
      const isServed = served.some((each) => each?.status === "fulfilled");
      for (const [index, each] of served.entries()) {
        if (each?.status === "fulfilled") continue;
        const reason: unknown = each?.reason ?? new DatabaseError("The database has not answered in time");
        if (!isServed && shares[index]![0] === first) throw reason;
        report(reason);
      }
      return served.flatMap((each) => (each?.status === "fulfilled" ? each.value : []));
    },
    // Other databases concern only their own clients, and the relays must keep serving the rest.
    probe: first.probe,
    clockMs: first.clockMs,
  };
}

/**
 * Waits for several pieces of work. After a time it waits no longer than until one of them has succeeded.
 *
 * @returns The outcome of each, undefined if it has none yet.
 */
function settleWithin<T>(
  work: readonly Promise<T>[],
  waitMs: number,
  later: Timing["later"],
): Promise<readonly (PromiseSettledResult<T> | undefined)[]> {
  const settled = work.map((): PromiseSettledResult<T> | undefined => undefined);
  return new Promise((resolve) => {
    let isOverdue = false;
    const endIfDone = (): void => {
      const isDone = !settled.includes(undefined);
      if (isDone) cancel();
      if (isDone || (isOverdue && settled.some((each) => each?.status === "fulfilled")))
        resolve([...settled]);
    };
    const cancel = later(() => {
      isOverdue = true;
      endIfDone();
    }, waitMs);
    for (const [index, each] of work.entries()) {
      void each
        .then(
          (value) => (settled[index] = { status: "fulfilled", value }),
          (reason: unknown) => (settled[index] = { status: "rejected", reason }),
        )
        .then(endIfDone);
    }
    endIfDone();
  });
}

/**
 * Converts an arrival for the other databases. Relays know only the clock of the main database, so its time is
 * converted into local time, which each database's pipeline converts to its own clock.
 *
 * @throws {DatabaseError} When the clock of the main database was never read, and cannot be read now.
 */
async function arrivalElsewhere({ receivedMs, clockMs }: Arrival, main: DatabasePipeline): Promise<Arrival> {
  if (clockMs === undefined) return { receivedMs };
  const reading = await main.readClock();
  return { receivedMs: Math.min(receivedMs, earliestLocalMs(reading, clockMs, clockDriftRatioMax)) };
}

/**
 * Creates a function that returns the domains of all databases. Those that were never loaded are loaded first. Those that
 * are too old are reloaded while they are used, because a database that is away must not delay the clients of others.
 * Its domains stay known: otherwise its clients could get leases from another domain.
 *
 * @returns A function that throws a {@link DatabaseError} when domains cannot be loaded and never were.
 */
function createDirectories(
  pipelines: readonly DatabasePipeline[],
): () => Promise<ReadonlyMap<DatabasePipeline, Directory>> {
  const known = new Map<DatabasePipeline, Directory>();
  const loading = new Map<DatabasePipeline, Promise<void>>();
  async function load(pipeline: DatabasePipeline): Promise<void> {
    try {
      known.set(pipeline, await pipeline.directory(placementAgeMsMax));
    } finally {
      loading.delete(pipeline);
    }
  }
  const start = (pipeline: DatabasePipeline): Promise<void> => {
    const started = load(pipeline);
    // A failure matters only to callers that wait for the load.
    started.catch(() => undefined);
    loading.set(pipeline, started);
    return started;
  };
  return async () => {
    const loads = pipelines.map((pipeline) => loading.get(pipeline) ?? start(pipeline));
    await Promise.all(loads.filter((_, index) => !known.has(pipelines[index]!)));
    return known;
  };
}

/** The domains of all databases, and where each is served. */
interface Placement {
  /** What it was made from. */
  readonly directories: readonly Directory[];
  readonly owners: ReadonlyMap<Domain, DatabasePipeline>;
  readonly all: Directory;
}

/** @returns The former placement while no directory has changed, because what is found in it is indexed. */
function placementOf(
  known: ReadonlyMap<DatabasePipeline, Directory>,
  former: Placement | undefined,
): Placement {
  const directories = [...known.values()];
  const isSame =
    former?.directories.length === directories.length &&
    directories.every((directory, index) => directory === former.directories[index]);
  if (isSame) return former;
  const owners = new Map<Domain, DatabasePipeline>();
  for (const [pipeline, { domains }] of known) for (const domain of domains) owners.set(domain, pipeline);
  return {
    directories,
    owners,
    all: { revision: 0, domains: [...owners.keys()], poolsById: new Map(), borderRelays: new Set() },
  };
}

/** @returns For each database that has queries, its queries in their original order. */
function divide(
  queries: readonly Query[],
  { owners, all }: Placement,
  first: DatabasePipeline,
  record: AnswerRecord,
): Map<DatabasePipeline, Query[]> {
  const shares = new Map<DatabasePipeline, Query[]>();
  // For a client of no domain, the first database's pipeline decides: no answer, counted with its reason.
  const ownerOf = ({ believed }: Query): DatabasePipeline => {
    const domain = selectDomain(all, believed);
    return (domain && owners.get(domain)) ?? first;
  };
  for (const query of queries) {
    let owner: DatabasePipeline;
    try {
      owner = ownerOf(query);
    } catch (error) {
      record.faults.report("claim", error);
      recordDecision(record, query, silence("internal-error"));
      continue;
    }
    const share = shares.get(owner);
    if (share === undefined) shares.set(owner, [query]);
    else share.push(query);
  }
  return shares;
}

/** Sets of directories that have been compared already, by their first member. Directories seldom change. */
const compared = new WeakMap<Directory, ReadonlySet<Directory>>();

/**
 * Checks that pools of different databases do not overlap. Each database ensures this for its own pools, but cannot
 * check the others.
 *
 * @throws {Error} When pools overlap, because two clients could get the same pair.
 */
function refuseOverlaps(directories: readonly Directory[]): void {
  const [first] = directories;
  const before = first && compared.get(first);
  if (before?.size === directories.length && directories.every((each) => before.has(each))) return;
  const pools: readonly Pool[] = directories
    .flatMap(({ domains }) => domains.flatMap((domain) => domain.pools))
    .sort((a, b) => a.geometry.firstAddress - b.geometry.firstAddress);
  for (const [index, after] of pools.entries()) {
    const neighbour = pools[index - 1];
    if (neighbour !== undefined && after.geometry.firstAddress <= neighbour.geometry.lastAddress) {
      throw new Error(
        `Cannot serve domains of several databases: pool "${after.name}" overlaps pool "${neighbour.name}", ` +
          "expected disjoint ranges",
      );
    }
  }
  if (first !== undefined) compared.set(first, new Set(directories));
}
