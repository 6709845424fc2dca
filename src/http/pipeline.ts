/**
 * The way of a batch through the allocator: frames -> queries -> claims -> one transaction -> facts -> answers.
 * Here, and only here, the rules (`lease`) and the database (`store`) meet.
 *
 * @module
 */
import type { Client } from "@libsql/client";
import type { Claim, Fact } from "../lease/claim.ts";
import { decide } from "../lease/decide.ts";
import { silence } from "../lease/decision.ts";
import type { Decision } from "../lease/decision.ts";
import type { Directory, Domain } from "../lease/domain.ts";
import { decodeQuery } from "../lease/query.ts";
import type { Query } from "../lease/query.ts";
import { reasons } from "../lease/reasons.ts";
import { encodeResponse } from "../lease/response.ts";
import { batchRoundsMax } from "../limits.ts";
import { commitClaims } from "../store/commit.ts";
import { mendDatabase } from "../store/connect.ts";
import { loadDirectory } from "../store/directory.ts";
import type { Counters } from "./counters.ts";
import type { Histogram } from "./histogram.ts";
import type { Log } from "./log.ts";
import { arrangeRound } from "./round.ts";
import type { Entry } from "./round.ts";

/** What a pipeline works with. */
export interface PipelineDeps {
  readonly database: Client;
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
   * @returns The RELAY-REPL frames of those that get an answer; their order says nothing. All leases that they
   *   grant are durable.
   * @throws {LibsqlError} When the database can't be reached. Then no client was told of what may be committed;
   *   its message, sent again, finds it.
   */
  readonly serve: (frames: readonly Uint8Array[]) => Promise<Uint8Array[]>;
  /**
   * Loads domains and pools: can leases be given out?
   *
   * @throws {LibsqlError} When the database can't be reached, or was never migrated.
   */
  readonly probe: () => Promise<void>;
}

/** Creates a pipeline. It keeps domains and pools in memory, and loads them again when the database says so. */
export function createPipeline(deps: PipelineDeps): Pipeline {
  const { database, counters, databaseSeconds, now: clock, log } = deps;
  const record = { counters, log };
  let directory: Directory | undefined;

  /** @returns Undefined when the claims were made from a configuration that is no longer so. */
  async function commitEntries(
    current: Directory,
    entries: readonly Entry[],
  ): Promise<{ readonly facts: readonly Fact[]; readonly now: number } | undefined> {
    const claims = entries.map((entry) => entry.claim);
    const begin = performance.now();
    const { revision, now, facts } = await commitClaims(database, claims, {
      revision: current.revision,
      now: clock?.(),
    });
    databaseSeconds?.observe((performance.now() - begin) / 1000);
    counters.add("rounds");
    return revision === current.revision ? { facts, now } : undefined;
  }

  async function serveQueries(queries: readonly Query[]): Promise<Uint8Array[]> {
    const answers: Uint8Array[] = [];
    let waiting = queries;
    for (let round = 1; round <= batchRoundsMax && waiting.length > 0; round++) {
      const current = (directory ??= await loadDirectory(database));
      const { entries, immediate, later } = arrangeRound(waiting, current);
      // Also without a claim: the decisions that need none are right for one revision only.
      const result = await commitEntries(current, entries);
      if (result === undefined) {
        directory = undefined;
        continue;
      }
      for (const { query, domain, decision } of immediate) {
        answers.push(...encodeAnswer(record, query, domain, decision));
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
        for (const query of asking) answers.push(...encodeAnswer(record, query, domain, decision));
      }
      waiting = [...unserved, ...later];
    }
    for (const query of waiting) note(record, query, silence("batch-rounds-exhausted"));
    return answers;
  }

  return {
    async serve(frames) {
      const queries = decodeQueries(record, frames);
      try {
        return await serveQueries(queries);
      } catch (error) {
        directory = undefined;
        await mendDatabase(database).catch(() => undefined);
        throw error;
      }
    },
    async probe() {
      directory = await loadDirectory(database);
    },
  };
}

/** Its pool was full for this batch, but another on its list, or a slot further on, is not. */
function mayBeServedLater(claim: Claim, fact: Fact): boolean {
  return claim.kind === "offer" && fact.held === null && fact.roomLeft && !isSiteFull(claim, fact);
}

function isSiteFull({ siteLeasesMax }: Claim, { siteLeases }: Fact): boolean {
  return siteLeasesMax !== null && siteLeases >= siteLeasesMax;
}

/** Where it is kept what became of messages. */
type Notebook = Pick<PipelineDeps, "counters" | "log">;

function decodeQueries(record: Notebook, frames: readonly Uint8Array[]): Query[] {
  record.counters.add("frames", frames.length);
  return frames.flatMap((frame) => {
    const result = decodeQuery(frame);
    if (result.kind === "query") return [result.query];
    note(record, undefined, silence(result.reason));
    return [];
  });
}

/** Counts what became of a message, and writes it down with the reason where it is not what the client wished. */
function note({ counters, log }: Notebook, query: Query | undefined, decision: Decision): void {
  if (!("reason" in decision)) {
    counters.add(decision.kind);
    return;
  }
  const { kind, reason } = decision;
  counters.add(`${kind}:${reason}`);
  const fields = { reason, clientId: query?.clientId, xid: query?.message.xid };
  // A pair that is of no use means that something else uses it: someone has to look (RFC 2131 §4.3.3).
  if (reason === "declined") log.warn(fields, reasons[reason].meaning);
  else log.debug(fields, kind === "nak" ? "refused" : "not answered");
}

/** @returns The answer in a list, or an empty list for silence. */
function encodeAnswer(
  record: Notebook,
  query: Query,
  domain: Domain | undefined,
  decision: Decision,
): Uint8Array[] {
  note(record, query, decision);
  return decision.kind === "silence" || domain === undefined ? [] : [encodeResponse(query, domain, decision)];
}
