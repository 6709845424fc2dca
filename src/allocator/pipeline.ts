/**
 * The path of a batch through the allocator: frames -> queries -> claims -> one transaction -> facts -> answers. The
 * rules (`lease`) and the database (`store`) meet only here.
 *
 * @module
 */
import { earliestClockMs } from "../clock-reading.ts";
import type { ClockReading } from "../clock-reading.ts";
import type { Claim, Fact } from "../lease/claim.ts";
import { decide } from "../lease/decide.ts";
import { silence } from "../lease/decision.ts";
import type { Decision } from "../lease/decision.ts";
import type { Directory, Domain } from "../lease/domain.ts";
import { decodeQuery } from "../lease/query.ts";
import type { Query } from "../lease/query.ts";
import { encodeResponse } from "../lease/response.ts";
import {
  batchRoundsMax,
  clockDriftRatioMax,
  databaseAnswerMsMax,
  readyCommitMsMax,
  refusedClaimsMax,
} from "../limits.ts";
import { isOldReading } from "../store/batch/clock.ts";
import type { CommitResult } from "../store/batch/commit.ts";
import { receivedAt, wantedUntil } from "../store/batch/deadline.ts";
import type { Arrival } from "../store/batch/deadline.ts";
import type { Partition } from "../store/partition.ts";
import { isRefusal } from "../store/store.ts";
import type { Counters } from "./counters.ts";
import { createFaults } from "./faults.ts";
import type { Faults } from "./faults.ts";
import type { Histogram } from "./histogram.ts";
import type { Log } from "./log.ts";
import { recordDecision } from "./record-decision.ts";
import type { DecisionRecord } from "./record-decision.ts";
import { arrangeRound, SenderTurns } from "./round.ts";
import type { RoundEntry, Waiting } from "./round.ts";

/** The dependencies of a pipeline. */
export interface PipelineDeps {
  readonly partition: Partition;
  readonly counters: Counters;
  readonly log: Log;
  /** Durations of transactions. */
  readonly transactionSeconds?: Histogram | undefined;
  /** Milliseconds of a monotonic clock of this process. */
  readonly localMs: () => number;
}

/** Answers batches of frames. */
export interface Pipeline {
  /**
   * Serves one batch.
   *
   * @param frames Each is a RELAY-FORW from our relay.
   * @param arrival When the relay received the oldest of them. A message of the batch does not end a lease that changed
   *   after this time.
   * @returns The RELAY-REPL frames of the answers, in any order. All leases that they grant are durable.
   * @throws {DatabaseError} When the database cannot be reached. The transaction may have been committed although no
   *   client got an answer. A client that repeats its message gets the committed lease.
   */
  readonly serve: (frames: readonly Uint8Array[], arrival: Arrival) => Promise<Uint8Array[]>;
  /**
   * Checks that a batch would be served: commits an empty batch unless a batch was committed within the last second, and
   * loads domains and pools if they have changed. Only a write shows that the disk has room and works.
   *
   * @throws {DatabaseError} When the database cannot be reached or written, or was never migrated.
   */
  readonly probe: () => Promise<void>;
  /**
   * Returns what the clock of the main database surely shows by now, so that relays can state arrival times on it.
   *
   * @returns Milliseconds of Unix time, never later than the clock; undefined before its first reading.
   */
  readonly clockMs: () => number | undefined;
}

/** A pipeline for one database; `placement.ts` combines several of them. */
export interface DatabasePipeline extends Pipeline {
  /** Serves queries like {@link Pipeline.serve} serves frames. */
  readonly serveQueries: (queries: readonly Query[], arrival: Arrival) => Promise<Uint8Array[]>;
  /**
   * Returns the current domains and pools.
   *
   * @param ageMsMax Maximum age of the directory in memory, in milliseconds. An older one is loaded again.
   * @throws {DatabaseError} When the directory has to be loaded and the database cannot be reached.
   */
  readonly directory: (ageMsMax: number) => Promise<Directory>;
  /**
   * Returns the last reading of the database's clock, and reads the clock if there is none or it is old.
   *
   * @throws {DatabaseError} When the clock was never read, and the database cannot be reached.
   */
  readonly readClock: () => Promise<ClockReading>;
}

/**
 * Creates a pipeline. It keeps domains and pools in memory, and reloads them when the database reports a new revision.
 */
export function createPipeline(deps: PipelineDeps): DatabasePipeline {
  const { partition, localMs } = deps;
  let directory: Directory | undefined;
  let confirmedMs = 0;
  const last: LastCommit = { atMs: undefined };
  const clock: KnownClock = { reading: undefined };
  const record: AnswerRecord = { ...deps, faults: createFaults(deps.log, localMs) };

  function load(): Promise<Directory> {
    confirmedMs = localMs();
    return partition.loadDirectory();
  }

  async function serveRounds(queries: readonly Query[], stated: Arrival): Promise<Uint8Array[]> {
    const answers: Uint8Array[] = [];
    const arrival: JudgedArrival = { stated, received: undefined };
    const turns = new SenderTurns();
    let waiting = queries;
    for (let round = 1; round <= batchRoundsMax && waiting.length > 0; round++) {
      const current = (directory ??= await load());
      const { entries, immediate, later } = arrangeRound(waiting, current);
      // Also without claims: the transaction confirms the revision, on which all decisions depend.
      const commit = (some: readonly RoundEntry[]) => commitRound(deps, current, some, clock, arrival);
      const result = await commitEach(entries, commit, record.faults);
      last.atMs = localMs();
      if (result.isLate) continue;
      if (result.revision !== current.revision) {
        directory = undefined;
        // A clock that was set changes the revision too, and makes its earlier reading useless.
        arrival.received = undefined;
        continue;
      }
      confirmedMs = last.atMs;
      for (const { query, domain, decision, fault } of immediate) {
        if (fault !== undefined) record.faults.report("claim", fault);
        answers.push(...encodeAnswer(record, query, domain, () => decision));
      }
      const canWait = round < batchRoundsMax;
      const served = answerEntries(record, current, entries, { ...result, canWait });
      answers.push(...served.answers);
      waiting = turns.next(entries, [...served.unserved, ...later]);
    }
    for (const query of waiting) recordDecision(deps, query, silence("batch-rounds-exhausted"));
    return answers;
  }

  async function serveQueries(queries: readonly Query[], arrival: Arrival): Promise<Uint8Array[]> {
    try {
      return await serveRounds(queries, arrival);
    } catch (error) {
      directory = undefined;
      last.atMs = undefined;
      throw error;
    }
  }

  return {
    serveQueries,
    serve: (frames, arrival) => serveQueries(decodeQueries(record, frames), arrival),
    async probe() {
      const isCurrent = await probeCommit(deps, last, clock, directory?.revision);
      if (!isCurrent) directory = await load();
    },
    readClock: () => refreshReading(deps, clock),
    clockMs: () => clock.reading && earliestClockMs(clock.reading, localMs(), clockDriftRatioMax),
    async directory(ageMsMax) {
      if (directory !== undefined && localMs() - confirmedMs <= ageMsMax) return directory;
      const loaded = await load();
      // The same revision is the same configuration, for which there are indexes already.
      if (directory?.revision !== loaded.revision) directory = loaded;
      return directory;
    },
  };
}

/** When a batch was committed last, by the local clock; undefined if the last one failed. */
interface LastCommit {
  atMs: number | undefined;
}

/**
 * Commits an empty batch, whose statements are those of any batch, and reads the clock from it.
 *
 * @param known Revision of the configuration in memory, or undefined if none is loaded.
 * @returns Whether this is the current configuration, as of now or of a batch less than a second ago.
 */
async function probeCommit(
  { partition, localMs }: PipelineDeps,
  last: LastCommit,
  clock: KnownClock,
  known: number | undefined,
): Promise<boolean> {
  if (last.atMs !== undefined && localMs() - last.atMs < readyCommitMsMax) return known !== undefined;
  const sentMs = localMs();
  const { clockMs, revision } = await partition.commit([], { revision: 0 });
  last.atMs = localMs();
  clock.reading = { clockMs, sentMs, answeredMs: last.atMs };
  return revision === known;
}

/**
 * Answers the claims of a round.
 *
 * @param canWait Whether there is another round.
 * @returns The answers, and the queries that another round may serve.
 */
function answerEntries(
  record: AnswerRecord,
  directory: Directory,
  entries: readonly RoundEntry[],
  { facts, clockMs, canWait }: CommittedRound & { readonly canWait: boolean },
): { readonly answers: readonly Uint8Array[]; readonly unserved: readonly Waiting[] } {
  const answers: Uint8Array[] = [];
  const unserved: Waiting[] = [];
  const now = Math.ceil(clockMs / 1000);
  for (const [index, { claim, domain, queries }] of entries.entries()) {
    const fact = facts[index];
    if (fact === undefined) {
      for (const query of queries) recordDecision(record, query, silence("internal-error"));
    } else if (canWait && canServeNextRound(claim, fact)) {
      unserved.push(...queries.map((query) => ({ claim, query })));
    } else {
      const subject = { query: queries[0]!, domain, directory, now };
      for (const query of queries) {
        answers.push(...encodeAnswer(record, query, domain, () => decide(claim, fact, subject)));
      }
    }
  }
  return { answers, unserved };
}

/** What is known of the database's clock. */
interface KnownClock {
  reading: ClockReading | undefined;
}

/** Reads a database's clock if it was never read, or long ago. */
async function refreshReading(
  { partition, localMs }: Pick<PipelineDeps, "partition" | "localMs">,
  clock: KnownClock,
): Promise<ClockReading> {
  const known = clock.reading;
  if (known !== undefined && isKnown(known, localMs())) return known;
  try {
    return (clock.reading = await partition.readClock(localMs));
  } catch (error) {
    // Two clocks drift apart by little, so an old reading still serves while the database is away.
    if (known === undefined) throw error;
    return known;
  }
}

/** When the messages of a batch arrived. */
interface JudgedArrival {
  readonly stated: Arrival;
  /** By the database's clock, when that is known (`receivedAt`). */
  received: number | undefined;
}

async function commitRound(
  { partition, transactionSeconds, localMs }: PipelineDeps,
  current: Directory,
  entries: readonly RoundEntry[],
  clock: KnownClock,
  arrival: JudgedArrival,
): Promise<CommitResult> {
  const claims = entries.map((entry) => entry.claim);
  // Only a message that ends a lease needs the clock before the commit. Usually it is known from the previous answer.
  if (claims.some(({ kind }) => kind === "end") && !isKnown(clock.reading, localMs())) {
    clock.reading = await partition.readClock(localMs);
  }
  const sentMs = localMs();
  if (clock.reading !== undefined && isKnown(clock.reading, sentMs)) {
    arrival.received ??= receivedAt(clock.reading, arrival.stated);
  }
  const result = await partition.commit(claims, {
    revision: current.revision,
    until: clock.reading && wantedUntil(clock.reading, sentMs, databaseAnswerMsMax),
    received: arrival.received,
  });
  const answeredMs = localMs();
  clock.reading = { clockMs: result.clockMs, sentMs, answeredMs };
  arrival.received ??= receivedAt(clock.reading, arrival.stated);
  transactionSeconds?.observe((answeredMs - sentMs) / 1000);
  return result;
}

function isKnown(reading: ClockReading | undefined, nowMs: number): boolean {
  return reading !== undefined && !isOldReading(reading, nowMs);
}

/** Whether the next round may find a pair: in another pool of the claim, or in a slot further ahead. */
function canServeNextRound(claim: Claim, fact: Fact): boolean {
  return claim.kind === "offer" && fact.held === null && fact.roomLeft && !isSiteFull(claim, fact);
}

function isSiteFull({ siteLeasesMax }: Claim, { siteLeases }: Fact): boolean {
  return siteLeasesMax !== null && siteLeases >= siteLeasesMax;
}

/** The result of a round; the fact of a claim that the database refused is undefined. */
type CommittedRound = Omit<CommitResult, "facts"> & { readonly facts: readonly (Fact | undefined)[] };

/** Claims of one or more transactions; the result of the last one is undefined if the database refused all of them. */
interface CommittedPart {
  readonly result: CommitResult | undefined;
  readonly facts: readonly (Fact | undefined)[];
}

/**
 * Commits the claims of a round. If the database refuses the batch for the values of one claim, the halves are tried, so
 * that the claim that is refused costs only itself. After {@link refusedClaimsMax} such claims, a half that is refused is
 * not divided further: a client can repeat them, and each costs several transactions.
 *
 * @param commit Commits some entries as one transaction.
 * @returns As of the last transaction.
 */
async function commitEach(
  entries: readonly RoundEntry[],
  commit: (entries: readonly RoundEntry[]) => Promise<CommitResult>,
  faults: Faults,
): Promise<CommittedRound> {
  let refusedClaims = 0;
  async function commitPart(part: readonly RoundEntry[]): Promise<CommittedPart> {
    try {
      const result = await commit(part);
      return { result, facts: result.facts };
    } catch (error) {
      if (!isRefusal(error) || part.length === 0) throw error;
      if (part.length === 1 || refusedClaims >= refusedClaimsMax) {
        refusedClaims++;
        faults.report("commit", error);
        return { result: undefined, facts: part.map(() => undefined) };
      }
    }
    const middle = Math.ceil(part.length / 2);
    const first = await commitPart(part.slice(0, middle));
    // A late batch, or one of another revision, has no facts.
    if (first.facts.length < middle) return first;
    const second = await commitPart(part.slice(middle));
    if (second.facts.length < part.length - middle) return second;
    return { result: second.result ?? first.result, facts: [...first.facts, ...second.facts] };
  }
  const { result, facts } = await commitPart(entries);
  return { ...(result ?? (await commit([]))), facts };
}

/** Where decisions and faults are recorded. */
export interface AnswerRecord extends DecisionRecord {
  readonly faults: Faults;
}

/** @returns The queries of those frames that contain one. */
export function decodeQueries(record: AnswerRecord, frames: readonly Uint8Array[]): Query[] {
  record.counters.add("messages", frames.length);
  return frames.flatMap((frame) => {
    const result = decodeAlone(record, frame);
    if (result.kind === "query") {
      if (!result.query.statesBelief) record.counters.add("messagesWithoutBelief");
      return [result.query];
    }
    recordDecision(record, undefined, silence(result.reason));
    return [];
  });
}

function decodeAlone({ faults }: AnswerRecord, frame: Uint8Array): ReturnType<typeof decodeQuery> {
  try {
    return decodeQuery(frame);
  } catch (error) {
    faults.report("decode", error);
    return { kind: "drop", reason: "internal-error" };
  }
}

/**
 * Decides a query and encodes its answer.
 *
 * @returns The answer as a list of one, or an empty list when there is no answer.
 */
function encodeAnswer(
  record: AnswerRecord,
  query: Query,
  domain: Domain | undefined,
  decideQuery: () => Decision,
): Uint8Array[] {
  try {
    const decision = decideQuery();
    if (decision.kind === "silence" || domain === undefined) {
      recordDecision(record, query, decision);
      return [];
    }
    const answer = encodeResponse(query, domain, decision);
    recordDecision(record, query, answer === undefined ? silence("answer-too-large") : decision);
    return answer === undefined ? [] : [answer];
  } catch (error) {
    record.faults.report("answer", error);
    recordDecision(record, query, silence("internal-error"));
    return [];
  }
}
