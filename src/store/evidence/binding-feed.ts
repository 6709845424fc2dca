/**
 * The binding table of an lwAFTR (RFC 7596 §6.1): the pair of each softwire address, and the changes since a version.
 *
 * **The table** has each slot whose lease is running and has a softwire address (RFC 8539). A slot leaves the table
 * when its lease ends: by a release, a decline, a deletion, or expiry.
 *
 * **A version contains its time.** It is `Unix seconds << 20`, or the version of the last change if that is higher.
 * Changes are in `binding_log`, each with the state of the slot before the change. Triggers write an entry when a
 * tenure begins, ends or changes. A renewal writes no entry. Expiry writes none either, because no statement runs when
 * a lease expires. A slot is in the table of version V if its lease, as of V, ends after the time of V.
 *
 * **Leases that expired between two versions** have not been changed since, and end between the two times. No index has
 * that end. But a pair becomes free one quarantine after the end of its lease, and the longest quarantine is known. So
 * a range of `lease_by_free_at` contains all of them: from the first time to the second time plus that quarantine.
 * Without a quarantine, another client may take the slot in the second in which the lease ends. This ends a tenure, so
 * the log has an entry. In both cases, the removal of the old row is reported no later than the addition of the new
 * one, and the old row is in no version whose time is at or after the end of the lease.
 *
 * **A snapshot shows one version**, although it is read page by page while leases change. Each page is read together
 * with the new entries of the log. A slot that changed after the version is shown with the state that the first such
 * entry recorded. Rows disappear only with their pool or reservation. This changes the configuration, so the reading
 * fails.
 *
 * @module
 */
import { bindingChangesMax, bindingPageRows } from "../../limits.ts";
import { slotKey } from "../../portset/slot-key.ts";
import { decodeHex } from "../../wire/hex.ts";
import type { Database } from "../database/database.ts";
import { statementOf } from "../database/queries.ts";
import { rowsOf } from "../database/selection.ts";
import type { RowOf, Selection } from "../database/selection.ts";
import { yieldToEventLoop } from "../database/slices.ts";
import { clockSeconds } from "../database/time.ts";
import {
  endedSelection,
  feedSelections,
  feedStatements,
  parseImages,
  parseLog,
  timeOfVersion,
} from "./feed-statements.ts";
import type { Image } from "./feed-statements.ts";
import type { SQL } from "drizzle-orm";

/** One row of the table. */
export interface BindingRow {
  /** Key of the slot (`portset/slot-key.ts`). */
  readonly slot: number;
  readonly softwire: Uint8Array;
}

/** The change of one slot between two versions. `before` and `after` are not both null. */
export interface BindingChange {
  readonly slot: number;
  /** Null if the slot was not in the table. */
  readonly before: Uint8Array | null;
  /** Null if the slot is no longer in the table. */
  readonly after: Uint8Array | null;
}

/** Why there is no increment, so that the consumer has to fetch the whole table. */
export type NoIncrement = "purged" | "ahead" | "configuration-changed" | "clock-set-back" | "too-many";

/** The changes between two versions, ordered by slot; or why they are not known. */
export type Increment =
  | { readonly kind: "changes"; readonly changes: readonly BindingChange[] }
  | { readonly kind: "gone"; readonly reason: NoIncrement };

const gone = (reason: NoIncrement): Increment => ({ kind: "gone", reason });

/** The table as of one version. */
export interface BindingSnapshot {
  readonly version: number;
  /** The time of the version, in Unix seconds. */
  readonly time: number;
  /** Revision of the configuration that defines what the slots mean. */
  readonly revision: number;
  /**
   * Reads the rows of one pool, ordered by slot, page by page.
   *
   * @throws {SnapshotLostError} When the table as of the version can no longer be determined.
   */
  readonly rows: (poolId: number) => AsyncGenerator<readonly BindingRow[]>;
  /**
   * Finds the changes since a version.
   *
   * @throws {SnapshotLostError} When the table as of this version can no longer be determined.
   */
  readonly changesSince: (version: number) => Promise<Increment>;
}

/**
 * The reading of a table cannot continue: the configuration changed, or more leases changed than can be kept in memory.
 * A new snapshot can be read.
 */
export class SnapshotLostError extends Error {
  /** @param what What has changed. */
  constructor(what: string) {
    super(`Cannot finish reading the binding table: ${what}; fetch the table again`);
    this.name = "SnapshotLostError";
  }
}

/**
 * Opens the table as of now. All reads of the snapshot show this state.
 *
 * @param pageRows Maximum number of rows that one statement reads.
 * @throws {DatabaseError} When the database cannot be reached.
 */
export async function openBindingSnapshot(
  database: Database,
  pageRows: number = bindingPageRows,
): Promise<BindingSnapshot> {
  const now = clockSeconds(database);
  const [result] = await database.read([statementOf(feedStatements.begin(now))]);
  const { version, revision, oldest, setBack } = rowsOf(feedSelections.begin(now), result!)[0]!;
  const reader = new SnapshotReader(database, version, revision, pageRows);
  return {
    version,
    time: timeOfVersion(version),
    revision,
    rows: (poolId) => reader.rows(poolId),
    changesSince: async (since) => {
      if (since > version) return gone("ahead");
      if (since < oldest) return gone("purged");
      if (isSetBack(setBack, timeOfVersion(since))) return gone("clock-set-back");
      return reader.changesSince(since);
    },
  };
}

/**
 * Returns whether a version may be older than a change that set the clock back, so that its time has come again since.
 *
 * @param setBack See `feedSelections.begin`.
 */
function isSetBack(setBack: string, time: number): boolean {
  const spans = JSON.parse(setBack) as [from: number, until: number][];
  return spans.some(([from, until]) => from <= time && time <= until);
}

/** Reads the table as of one version while the database changes. */
class SnapshotReader {
  readonly #database: Database;
  readonly #version: number;
  readonly #time: number;
  readonly #revision: number;
  readonly #limit: number;
  /** Slots that changed after the version -> their state at the version. */
  readonly #changed = new Map<number, Image>();
  /** Version of the last log entry that is included in `#changed`. */
  #seen: number;

  constructor(database: Database, version: number, revision: number, limit: number) {
    this.#database = database;
    this.#version = this.#seen = version;
    this.#time = timeOfVersion(version);
    this.#revision = revision;
    this.#limit = limit;
  }

  async *rows(poolId: number): AsyncGenerator<readonly BindingRow[]> {
    const end = slotKey(poolId + 1, 0) - 1;
    let after = slotKey(poolId, 0) - 1;
    for (;;) {
      const page = await this.#read(feedSelections.page, feedStatements.page(after, end, this.#limit));
      const rows: BindingRow[] = [];
      for (const image of parseImages(page.images)) {
        const softwire = this.#softwireOf(image);
        if (softwire !== null) rows.push({ slot: image[0], softwire: decodeHex(softwire) });
      }
      if (rows.length > 0) yield rows;
      if (page.last === null || page.entries < this.#limit) return;
      after = page.last;
    }
  }

  async changesSince(since: number): Promise<Increment> {
    const before = new Map<number, string | null>();
    const reason =
      (await this.#readLog(since, before)) ?? (await this.#findExpired(timeOfVersion(since), before));
    if (reason !== undefined) return gone(reason);
    const slots = [...before.keys()].sort((a, b) => a - b);
    const changes: BindingChange[] = [];
    for (let index = 0; index < slots.length; index += this.#limit) {
      const some = slots.slice(index, index + this.#limit);
      const { images } = await this.#read(feedSelections.slots, feedStatements.slots(some));
      const now = new Map(parseImages(images).map((image) => [image[0], image]));
      for (const slot of some) {
        const was = before.get(slot)!;
        const is = this.#softwireOf(now.get(slot) ?? [slot, null, 0]);
        if (was !== is) changes.push({ slot, before: octetsOfHex(was), after: octetsOfHex(is) });
      }
    }
    return { kind: "changes", changes };
  }

  /** Adds the state at `since` of each slot that changed later: its first entry after `since` has it. */
  async #readLog(since: number, before: Map<number, string | null>): Promise<NoIncrement | undefined> {
    const from = timeOfVersion(since);
    let seen = since;
    for (;;) {
      await yieldToEventLoop();
      const log = feedStatements.log(seen, this.#version, this.#limit);
      const [result] = await this.#database.read([statementOf(log)]);
      const { images, entries, last } = rowsOf(feedSelections.log, result!)[0]!;
      const logged = parseLog(images);
      if (logged.hasReset) return "configuration-changed";
      for (const [slot, softwire, expiresAt] of logged.images) {
        if (!before.has(slot)) before.set(slot, expiresAt > from ? softwire : null);
      }
      if (before.size > bindingChangesMax) return "too-many";
      if (last === null || entries < this.#limit) return undefined;
      seen = last;
    }
  }

  /** Adds the slots that expired since `from` and have not changed since. */
  async #findExpired(from: number, before: Map<number, string | null>): Promise<"too-many" | undefined> {
    const add = ([slot, softwire, expiresAt]: Image): void => {
      const isExpired = softwire !== null && expiresAt > from && expiresAt <= this.#time;
      if (isExpired && !before.has(slot)) before.set(slot, softwire);
    };
    const [result] = await this.#database.read([statementOf(feedStatements.pools())]);
    const ended = { from, until: this.#time };
    const limit = this.#limit;
    for (const { id, hold } of rowsOf(feedSelections.pools, result!)) {
      const end = this.#time + hold;
      const ranges = [
        { begin: from, next: (after: number) => feedStatements.expired(id, after, end, ended, limit) },
        {
          begin: slotKey(id, 0) - 1,
          next: (after: number) => feedStatements.reserved(id, after, ended, limit),
        },
      ];
      for (const { begin, next } of ranges) {
        for (let after: number | null = begin; after !== null;) {
          const slice: RowOf<typeof endedSelection> = await this.#read(endedSelection, next(after));
          for (const image of parseImages(slice.images)) if (!this.#changed.has(image[0])) add(image);
          if (before.size > bindingChangesMax) return "too-many";
          after = slice.last;
        }
      }
    }
    // Rows of slots that changed after the version no longer show the expired lease, so take it from the log entries.
    for (const image of this.#changed.values()) add(image);
    return undefined;
  }

  /** @returns The softwire address of a slot in the table as of the version, given the current row of the slot. */
  #softwireOf(row: Image): string | null {
    const [, softwire, expiresAt] = this.#changed.get(row[0]) ?? row;
    return softwire !== null && expiresAt > this.#time ? softwire : null;
  }

  /** Runs a statement and reads the log in one transaction, so that all changes to the rows are known. */
  async #read<S extends Selection>(selection: S, statement: SQL): Promise<RowOf<S>> {
    for (;;) {
      await yieldToEventLoop();
      const newEntries = feedStatements.log(this.#seen, Number.MAX_SAFE_INTEGER, this.#limit);
      const [log, result] = await this.#database.read([statementOf(newEntries), statementOf(statement)]);
      const { revision, entries, last, images } = rowsOf(feedSelections.log, log!)[0]!;
      if (revision !== this.#revision) throw new SnapshotLostError("the configuration has changed");
      for (const image of parseLog(images).images) {
        if (!this.#changed.has(image[0])) this.#changed.set(image[0], image);
      }
      if (this.#changed.size > bindingChangesMax) throw new SnapshotLostError("too many leases have changed");
      if (last !== null) this.#seen = last;
      if (entries < this.#limit) return rowsOf(selection, result!)[0]!;
    }
  }
}

function octetsOfHex(hex: string | null): Uint8Array | null {
  return hex === null ? null : decodeHex(hex);
}
