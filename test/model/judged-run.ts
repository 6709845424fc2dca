/**
 * The oracle of a run: a judge of the database, and what clients believe. Time stands still while messages are served.
 *
 * @module
 */
import type { CommitResult } from "../../src/store/batch/commit.ts";
import type { Database } from "../../src/store/database/database.ts";
import { checkAnswer } from "../oracle/answers.ts";
import { Beliefs } from "../oracle/beliefs.ts";
import { Commits } from "../oracle/commits.ts";
import { effectivePair } from "../oracle/expected.ts";
import type { Message } from "../oracle/expected.ts";
import { Judge } from "../oracle/judge.ts";
import type { JudgedConfiguration } from "../oracle/judge.ts";
import { bound, isRunning } from "../oracle/leases.ts";
import { names } from "../oracle/pools.ts";
import type { NamedPair } from "../oracle/pools.ts";
import { auditRows } from "../oracle/row-audit.ts";
import type { LeaseRow } from "../oracle/rows.ts";
import { must } from "../oracle/violation.ts";
import type { BatchCause } from "../oracle/watched-batches.ts";
import { readAll, readHistory } from "../oracle/watched-database.ts";
import type { Commit } from "../oracle/watched-database.ts";
import type { Exchange } from "./messages.ts";

/** All times are in Unix milliseconds, by the clock of the model. */
export class JudgedRun {
  readonly judge = new Judge();
  readonly #beliefs = new Beliefs();
  readonly #commits = new Commits();
  /** Leases that were given since the last answers, or made longer. */
  #granted: LeaseRow[] = [];
  /** Commits of the judge at the last audit. */
  #auditedCommits = 0;

  /** @param rows Those that the database has at the beginning. */
  constructor(configuration: JudgedConfiguration, rows: readonly LeaseRow[], nowMs: number) {
    this.judge.configure(configuration, nowMs);
    for (const row of rows) this.judge.leases.set(row.slot, row, { atMs: nowMs, clockMs: nowMs });
  }

  /** Rows by slot. */
  get rows(): ReadonlyMap<number, LeaseRow> {
    return this.judge.leases.rows;
  }

  committed(commit: Commit, cause: BatchCause | undefined, nowMs: number): void {
    const now = Math.floor(nowMs / 1000);
    if (cause !== undefined) {
      const granted = commit.changed.filter(
        ([slot, row]) => row !== undefined && isGranted(this.rows.get(slot), row, now),
      );
      this.#granted.push(...granted.map(([, row]) => row!));
    }
    const time = { atMs: nowMs, trueMs: nowMs };
    const taken = this.#commits.committed(this.judge, commit, cause, time);
    for (const pair of taken) this.#beliefs.revoke(pair);
  }

  gotFacts(cause: BatchCause, result: CommitResult): void {
    this.#commits.answered(cause, result);
  }

  /** Messages are about to be served. */
  send(messages: readonly Message[], nowMs: number): void {
    this.#granted = [];
    for (const message of messages) {
      const { what, client, pair } = message;
      if (what !== "release" && what !== "decline" && what !== "withdraw") continue;
      this.judge.recordGivenUp(client, { atMs: nowMs, what, pair, line: undefined });
      const belief = this.#beliefs.of(client);
      if (belief !== undefined && givesUp(message, belief.pair)) this.#beliefs.doubt(client);
    }
  }

  /**
   * Checks answers, whether clients receive them or not.
   *
   * @param before The rows before the messages were served.
   */
  checkAnswers(exchanges: readonly Exchange[], before: ReadonlyMap<number, LeaseRow>, nowMs: number): void {
    for (const [message, answer] of exchanges) {
      if (answer === undefined || answer === "unknown") continue;
      const { what, client } = message;
      const named = effectivePair(message);
      checkAnswer(
        {
          ...answer,
          client,
          what,
          asksRapidCommit: false,
          named,
          pair: answer.pair ?? named!,
          // Before the transactions that serve it, which all have the same time.
          sentMs: nowMs - 1,
          heardMs: nowMs,
          isPlain: isPlain(message, [...before.values()], nowMs),
        },
        this.judge,
      );
    }
    if (!exchanges.some(([, answer]) => answer === "unknown")) this.#checkGranted(exchanges);
  }

  /** Each lease that was given was sent in an ACK. */
  #checkGranted(exchanges: readonly Exchange[]): void {
    for (const row of this.#granted) {
      const pair = this.judge.pairOf(row.slot)!;
      const isSent = exchanges.some(
        ([{ client }, answer]) =>
          client === row.client &&
          answer !== "unknown" &&
          answer?.kind === "ack" &&
          names(answer.pair!, pair),
      );
      must(isSent, "a lease was given and no ACK tells it", row, exchanges);
    }
  }

  /** Clients receive answers, in the order of their messages. */
  hear(exchanges: readonly Exchange[], nowMs: number): void {
    for (const [index, [{ client }, answer]] of exchanges.entries()) {
      if (answer === "unknown" || answer?.kind !== "ack") continue;
      const pair = answer.pair!;
      // The client gave the pair up before it heard the answer.
      const isGivenUp = exchanges
        .slice(index + 1)
        .some(([later]) => later.client === client && givesUp(later, pair));
      this.#beliefs.set(client, pair, nowMs, nowMs + answer.seconds * 1000, isGivenUp);
    }
  }

  /** Compares the whole database with what was committed. */
  async audit(database: Database, nowMs: number): Promise<void> {
    const { commits } = this.judge;
    if (commits === this.#auditedCommits) return;
    this.#auditedCommits = commits;
    const { rows, cursors } = await readAll(database);
    auditRows(this.judge, rows, cursors, nowMs);
    this.judge.tenures.audit(await readHistory(database));
  }

  /** @returns The seconds in which tenures of a slot began or ended, in order. */
  edgesOf(slot: number): number[] {
    const tenures = this.judge.tenures.of(slot, this.rows.get(slot));
    return [...new Set(tenures.flatMap(({ since, until }) => [since, until]))].sort((a, b) => a - b);
  }
}

/** Whether a client has a lease now that it did not have, or for longer. */
function isGranted(before: LeaseRow | undefined, after: LeaseRow, now: number): boolean {
  if (!isRunning(after, now)) return false;
  const isHeld = before?.client === after.client && isRunning(before, now);
  return !isHeld || after.expiresAt > before.expiresAt;
}

/** Whether a client gives up a pair that it uses. */
function givesUp({ what, pair }: Message, used: NamedPair): boolean {
  if (pair === undefined || (what !== "release" && what !== "decline")) return false;
  // A DECLINE may name the address only.
  const isOfAddress = what === "decline" && pair.portParams === undefined && pair.address === used.address;
  return isOfAddress || names(pair, used);
}

/** Whether a refusal can only mean that the client has no such lease: it is where it was, and asks for nothing else. */
function isPlain(
  { client, what, site, source, softwire }: Message,
  rows: readonly LeaseRow[],
  nowMs: number,
): boolean {
  const own = rows.find((row) => row.client === client);
  if (own?.site !== site) return false;
  if (what === "reboot" && own.source !== source) return false;
  return softwire === null || (own.state === bound && own.expiresAt * 1000 > nowMs);
}
