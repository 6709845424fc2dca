/**
 * Who had a slot when, from the rows as they were committed: a history of the oracle's own.
 *
 * @module
 */
import { isRunning } from "./leases.ts";
import type { LeaseRow } from "./rows.ts";
import { must } from "./violation.ts";

/** The time for which a client had a slot. Unix seconds. */
export interface KnownTenure {
  readonly client: string;
  readonly since: number;
  readonly until: number;
  /** The last second of which it may have had a part. */
  readonly lastSecond: number;
}

/** An ended tenure, as the database has it. */
export interface RecordedTenure extends Omit<KnownTenure, "lastSecond"> {
  readonly slot: number;
}

/** Ended tenures by slot. */
export class Tenures {
  readonly #ended = new Map<number, KnownTenure[]>();
  /** Slots that had a tenure, in the order of their first. */
  readonly slots: number[] = [];

  /** Takes a change over. */
  record(slot: number, before: LeaseRow | undefined, after: LeaseRow | undefined, now: number): void {
    if (before === undefined || before.since === null || before.client === null) return;
    if (after?.since === before.since && after.client === before.client) return;
    const until = Math.min(before.expiresAt, now);
    const tenure = { client: before.client, since: before.since, until, lastSecond: until };
    const ended = this.#ended.get(slot);
    if (ended === undefined) {
      this.#ended.set(slot, [tenure]);
      this.slots.push(slot);
      return;
    }
    ended.push(tenure);
  }

  /** Compares the whole history of a database with the tenures that its rows had. */
  audit(history: readonly RecordedTenure[]): void {
    const textOf = ({ slot, client, since, until }: RecordedTenure): string =>
      `${slot} ${client} ${since} ${until}`;
    const recorded = history.map(textOf).sort();
    const known = this.slots
      .flatMap((slot) => this.#ended.get(slot)!.map((each) => textOf({ slot, ...each })))
      .sort();
    const isSame = recorded.length === known.length && recorded.every((each, index) => each === known[index]);
    must(isSame, "the history is not that of the rows", recorded, known);
  }

  /** @param row The row of the slot now. */
  of(slot: number, row: LeaseRow | undefined): readonly KnownTenure[] {
    const ended = this.#ended.get(slot) ?? [];
    if (row === undefined || row.since === null) return ended;
    const { client, since, expiresAt } = row;
    return [...ended, { client: client!, since, until: expiresAt, lastSecond: expiresAt - 1 }];
  }
}

/** @returns The softwire address of each row with a running lease that has one. */
export function bindingsOf(rows: Iterable<LeaseRow>, domainId: number, now: number): Map<number, string> {
  const bindings = new Map<number, string>();
  for (const row of rows)
    if (row.domainId === domainId && row.softwire !== null && isRunning(row, now))
      bindings.set(row.slot, row.softwire);
  return bindings;
}
