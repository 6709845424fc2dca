/**
 * The way of a batch through the allocator: frames -> queries -> claims -> one transaction -> facts -> answers.
 * Here, and only here, the rules (`lease`) and the database (`store`) meet.
 *
 * @module
 */
import type { Claim, Fact } from "../lease/claim.ts";
import { decide } from "../lease/decide.ts";
import { silence } from "../lease/decision.ts";
import type { Decision } from "../lease/decision.ts";
import type { Directory, Domain } from "../lease/domain.ts";
import { decodeQuery } from "../lease/query.ts";
import type { Query } from "../lease/query.ts";
import { encodeResponse } from "../lease/response.ts";
import { batchRoundsMax, databaseAnswerMsMax } from "../limits.ts";
import { isOldReading, readClock } from "../store/batch/clock.ts";
import type { ClockReading } from "../store/batch/clock.ts";
import { commitClaims } from "../store/batch/commit.ts";
import type { CommitResult } from "../store/batch/commit.ts";
import { mendDatabase } from "../store/database/connect.ts";
import type { Place } from "../store/database/databases.ts";
import { receivedAfterRound, receivedAt, wantedUntil } from "../store/batch/deadline.ts";
import { loadPlace } from "../store/configuration/directory.ts";
import type { Counters } from "./counters.ts";
import type { Histogram } from "./histogram.ts";
import type { Log } from "./log.ts";
import { note } from "./record-decision.ts";
import type { Notebook } from "./record-decision.ts";
import { arrangeRound } from "./round.ts";
import type { Entry } from "./round.ts";

/** What a pipeline works with. */
export interface PipelineDeps {
  readonly place: Place;
  readonly counters: Counters;
  readonly log: Log;
  /** How long transactions take. */
  readonly databaseSeconds?: Histogram | undefined;
  /** Unix seconds to judge leases by, in place of the database's clock: for tests. */
  readonly now?: (() => number | undefined) | undefined;
}

/** Answers batches of frames. */
export interface Pipeline {
  /**
   * Serves one batch.
   *
   * @param frames Each a RELAY-FORW of our relay.
   * @param receivedMs When the oldest of them came to the relay, by `performance.now()` of this process. What changes a
   *   client's lease after that is not ended by a message among them.
   * @returns The RELAY-REPL frames of those that get an answer; their order says nothing. All leases that they
   *   grant are durable.
   * @throws {LibsqlError} When the database can't be reached. Then no client was told of what may be committed;
   *   its message, sent again, finds it.
   */
  readonly serve: (frames: readonly Uint8Array[], receivedMs: number) => Promise<Uint8Array[]>;
  /**
   * Loads domains and pools: can leases be given out?
   *
   * @throws {LibsqlError} When the database can't be reached, or was never migrated.
   */
  readonly probe: () => Promise<void>;
}

/** A pipeline to one database, as `placement.ts` puts several together. */
export interface DatabasePipeline extends Pipeline {
  /** Serves queries, as {@link Pipeline.serve} does frames. */
  readonly serveQueries: (queries: readonly Query[], receivedMs: number) => Promise<Uint8Array[]>;
  /**
   * Says which domains and pools there are.
   *
   * @param ageMsMax How long ago the database may have said so last, in milliseconds.
   * @throws {LibsqlError} When the database has to be asked and can't be reached.
   */
  readonly directory: (ageMsMax: number) => Promise<Directory>;
}

/** Creates a pipeline. It keeps domains and pools in memory, and loads them again when the database says so. */
export function createPipeline(deps: PipelineDeps): DatabasePipeline {
  const { place } = deps;
  let directory: Directory | undefined;
  let confirmedMs = 0;
  const clock: KnownClock = { reading: undefined };

  function load(): Promise<Directory> {
    confirmedMs = performance.now();
    return loadPlace(place);
  }

  async function serveRounds(queries: readonly Query[], receivedMs: number): Promise<Uint8Array[]> {
    const answers: Uint8Array[] = [];
    const arrival: Arrival = { receivedMs, received: undefined };
    let waiting = queries;
    for (let round = 1; round <= batchRoundsMax && waiting.length > 0; round++) {
      const current = (directory ??= await load());
      const { entries, immediate, later } = arrangeRound(waiting, current);
      // Also without a claim: the decisions that need none are right for one revision only.
      const result = await commitEntries(deps, current, entries, clock, arrival);
      if (result.isLate) continue;
      if (result.revision !== current.revision) {
        directory = undefined;
        continue;
      }
      confirmedMs = performance.now();
      arrival.received = arrival.received && receivedAfterRound(arrival.received, result.clockMs);
      for (const { query, domain, decision } of immediate) {
        answers.push(...encodeAnswer(deps, query, domain, decision));
      }
      const unserved: Query[] = [];
      for (const [index, { claim, domain, queries: asking }] of entries.entries()) {
        const fact = result.facts[index]!;
        if (mayBeServedLater(claim, fact) && round < batchRoundsMax) {
          unserved.push(...asking);
          continue;
        }
        const subject = { query: asking[0]!, domain, directory: current, now: result.now };
        const decision = decide(claim, fact, subject);
        for (const query of asking) answers.push(...encodeAnswer(deps, query, domain, decision));
      }
      waiting = [...unserved, ...later];
    }
    for (const query of waiting) note(deps, query, silence("batch-rounds-exhausted"));
    return answers;
  }

  async function serveQueries(queries: readonly Query[], receivedMs: number): Promise<Uint8Array[]> {
    try {
      return await serveRounds(queries, receivedMs);
    } catch (error) {
      directory = undefined;
      await mendDatabase(place.database).catch(() => undefined);
      throw error;
    }
  }

  return {
    serveQueries,
    serve: (frames, receivedMs) => serveQueries(decodeQueries(deps, frames), receivedMs),
    async probe() {
      directory = await load();
    },
    async directory(ageMsMax) {
      if (directory === undefined || performance.now() - confirmedMs > ageMsMax) directory = await load();
      return directory;
    },
  };
}

/** The database's clock; where a test pins it, nothing is known of the real one. */
interface KnownClock {
  reading: ClockReading | undefined;
}

/** When the messages of a batch came. */
interface Arrival {
  /** By `performance.now()`. */
  readonly receivedMs: number;
  /** By the database's clock, once that is known (`receivedAt`). */
  received: number | undefined;
}

async function commitEntries(
  { place, counters, databaseSeconds, now }: PipelineDeps,
  current: Directory,
  entries: readonly Entry[],
  clock: KnownClock,
  arrival: Arrival,
): Promise<CommitResult> {
  const claims = entries.map((entry) => entry.claim);
  const pinned = now?.();
  // Only a message that ends something has to know the clock before it acts; usually the answer before has told it.
  if (pinned === undefined && claims.some(({ kind }) => kind === "end") && !isKnown(clock.reading)) {
    clock.reading = await readClock(place.database, () => performance.now());
  }
  arrival.received ??= clock.reading && receivedAt(clock.reading, arrival.receivedMs);
  const askedMs = performance.now();
  const result = await commitClaims(place.database, claims, {
    revision: current.revision,
    now: pinned,
    until: clock.reading && wantedUntil(clock.reading, askedMs, databaseAnswerMsMax),
    received: arrival.received,
  });
  const answeredMs = performance.now();
  if (pinned === undefined) {
    clock.reading = { clockMs: result.clockMs, askedMs, answeredMs };
    arrival.received ??= receivedAt(clock.reading, arrival.receivedMs);
  }
  databaseSeconds?.observe((answeredMs - askedMs) / 1000);
  counters.add("rounds");
  return result;
}

function isKnown(reading: ClockReading | undefined): boolean {
  return reading !== undefined && !isOldReading(reading, performance.now());
}

/** Its pool was full for this batch, but another on its list, or a slot further on, is not. */
function mayBeServedLater(claim: Claim, fact: Fact): boolean {
  return claim.kind === "offer" && fact.held === null && fact.roomLeft && !isSiteFull(claim, fact);
}

function isSiteFull({ siteLeasesMax }: Claim, { siteLeases }: Fact): boolean {
  return siteLeasesMax !== null && siteLeases >= siteLeasesMax;
}

/** @returns The queries of those frames that have one. */
export function decodeQueries(notebook: Notebook, frames: readonly Uint8Array[]): Query[] {
  notebook.counters.add("frames", frames.length);
  return frames.flatMap((frame) => {
    const result = decodeQuery(frame);
    if (result.kind === "query") return [result.query];
    note(notebook, undefined, silence(result.reason));
    return [];
  });
}

/** @returns The answer in a list, or an empty list for silence. */
function encodeAnswer(
  notebook: Notebook,
  query: Query,
  domain: Domain | undefined,
  decision: Decision,
): Uint8Array[] {
  note(notebook, query, decision);
  return decision.kind === "silence" || domain === undefined ? [] : [encodeResponse(query, domain, decision)];
}
