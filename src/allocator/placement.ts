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
import { clockDriftRatioMax, placementAgeMsMax } from "../limits.ts";
import type { Arrival } from "../store/batch/deadline.ts";
import type { Partition } from "../store/partition.ts";
import { createFaults } from "./faults.ts";
import { createPipeline, decodeQueries } from "./pipeline.ts";
import type { DatabasePipeline, Pipeline, PipelineDeps } from "./pipeline.ts";

/** The dependencies of a pipeline over several databases. */
export interface PlacedPipelineDeps extends Omit<PipelineDeps, "partition"> {
  readonly partitions: readonly [Partition, ...Partition[]];
}

/**
 * Creates a pipeline that serves the domains of all databases.
 *
 * If a database cannot be reached, only its own clients are affected: they get no answer, and retry. If no database
 * that a batch needs can be reached, {@link Pipeline.serve} rejects, as it does with one database.
 */
export function createPlacedPipeline({ partitions, ...deps }: PlacedPipelineDeps): Pipeline {
  const [main, ...others] = partitions;
  const first = createPipeline({ ...deps, partition: main });
  if (others.length === 0) return first;
  const pipelines = [first, ...others.map((partition) => createPipeline({ ...deps, partition }))];
  const known = new Map<DatabasePipeline, Directory>();
  const record = { ...deps, faults: createFaults(deps.log, deps.localMs) };
  let placement: Placement | undefined;
  return {
    async serve(frames, arrival) {
      const queries = decodeQueries(record, frames);
      await Promise.all(pipelines.map((pipeline) => refreshDirectory(pipeline, known, placementAgeMsMax)));
      refuseOverlaps([...known.values()]);
      placement = placementOf(known, placement);
      const shares = [...divide(queries, placement, first)];
      const elsewhere = await arrivalElsewhere(arrival, first);
      const served = await Promise.allSettled(
        shares.map(([pipeline, share]) =>
          pipeline.serveQueries(share, pipeline === first ? arrival : elsewhere),
        ),
      );
      const failures = served.filter((each) => each.status === "rejected");
      if (failures.length > 0 && failures.length === shares.length) throw failures[0]!.reason;
      for (const { reason } of failures)
        deps.log.error({ err: reason as unknown }, "one database unavailable");
      return served.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
    },
    async probe() {
      await Promise.all(pipelines.map((pipeline) => pipeline.probe()));
    },
    clockMs: first.clockMs,
  };
}

/**
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
 * Reloads the domains of a database when they are too old. If the database cannot be reached, the old ones are kept:
 * otherwise its clients could get leases from another domain.
 *
 * @throws {DatabaseError} When the domains cannot be loaded and never were.
 */
async function refreshDirectory(
  pipeline: DatabasePipeline,
  known: Map<DatabasePipeline, Directory>,
  ageMsMax: number,
): Promise<void> {
  try {
    known.set(pipeline, await pipeline.directory(ageMsMax));
  } catch (error) {
    if (!known.has(pipeline)) throw error;
  }
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
  return { directories, owners, all: { revision: 0, domains: [...owners.keys()], poolsById: new Map() } };
}

/** @returns For each database that has queries, its queries in their original order. */
function divide(
  queries: readonly Query[],
  { owners, all }: Placement,
  first: DatabasePipeline,
): Map<DatabasePipeline, Query[]> {
  const shares = new Map<DatabasePipeline, Query[]>();
  for (const query of queries) {
    const domain = selectDomain(all, query.believed);
    // For a client of no domain, the first database's pipeline decides: no answer, counted with its reason.
    const owner = (domain && owners.get(domain)) ?? first;
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
