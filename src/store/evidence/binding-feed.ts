/**
 * The binding table of an lwAFTR (RFC 7596 §6.1): which softwire address has which pair, now or since a version.
 *
 * **In the table** is a slot whose lease runs and has a softwire address (RFC 8539). It leaves the table with its
 * lease: at a release, a decline, a deletion, or at the time of its expiry.
 *
 * **A version contains its time.** It is `Unix seconds << 20`, or the version of the last change where that is higher.
 * Changes are in `binding_log`, each with what was true of the slot before. Triggers write it when a tenure begins,
 * ends or changes; a renewal does none of this, and so writes nothing. Expiry writes nothing either: it is no event,
 * but a time that comes. A slot is in the table of version V if its lease, as of V, ends after the time in V.
 *
 * **What has gone by itself between two versions** are leases that nobody touched, and whose end lies between the two
 * times. Nothing has an index on that end. But a lease is free its quarantine after its end, and the longest
 * quarantine is known, so a range of `lease_by_free_at` has them all: from the first time to the second and that
 * quarantine. Without a quarantine the slot may be another's in the second of its end. Then taking it over ended a
 * tenure, and the log has it. In both cases the removal is told before the addition, and not later than it; and the
 * row was out of the table of every version whose time is not before the end.
 *
 * **One table is of one version** though it is read page by page while leases change. Each page is read together
 * with what the log has got since; a slot that was changed after the version is shown as the first such entry says
 * that it was before. Rows vanish only with their pool or reservation; that changes the configuration, and ends the
 * reading.
 *
 * @module
 */
import type { Client, ResultSet } from "@libsql/client";
import { bindingChangesMax, bindingPageRows } from "../../limits.ts";
import { decodeHex } from "../../wire/hex.ts";
import { freeNever, LeaseState } from "../database/schema.ts";
import { argumentsOf, letOthersRun } from "../database/slices.ts";

/** One row of the table. */
export interface BindingRow {
  /** Key of the slot (`lease/domain.ts`). */
  readonly slot: number;
  readonly softwire: Uint8Array;
}

/** What became of one slot between two versions. Never null on both sides. */
export interface BindingChange {
  readonly slot: number;
  /** Null when it was not in the table. */
  readonly before: Uint8Array | null;
  /** Null when it is not in it any more. */
  readonly after: Uint8Array | null;
}

/** Why there is no increment: the whole table has to be taken. */
export type NoIncrement = "purged" | "ahead" | "configuration-changed" | "too-many";

/** The table as of one version. */
export interface BindingSnapshot {
  readonly version: number;
  /** The time in the version, in Unix seconds. */
  readonly time: number;
  /** Revision of the configuration; what slots mean is as of it. */
  readonly revision: number;
  /**
   * Reads the rows of one pool, ordered by slot, page by page.
   *
   * @throws {SnapshotLostError} When it can't be told any more what the table was.
   */
  readonly rows: (poolId: number) => AsyncGenerator<readonly BindingRow[]>;
  /**
   * Finds what changed since a version.
   *
   * @returns Ordered by slot.
   * @throws {SnapshotLostError} As above.
   */
  readonly changesSince: (version: number) => Promise<readonly BindingChange[] | NoIncrement>;
}

/** The table was changed by more than can be kept in mind while it is read. Reading it again helps. */
export class SnapshotLostError extends Error {
  constructor(what: string) {
    super(`Cannot read the binding table to its end: ${what}; take it again`);
    this.name = "SnapshotLostError";
  }
}

/** Options of the feed; those of tests. */
export interface FeedOptions {
  /** Unix seconds to judge by in place of the database's clock. */
  readonly now?: number | undefined;
  readonly pageRows?: number | undefined;
}

/** A version is so many times the second that is in it. */
const versionsPerSecond = 2 ** 20;
const slotsPerPool = 2 ** 32;

/** @returns The time that a version contains, in Unix seconds. */
export function timeOfVersion(version: number): number {
  return Math.floor(version / versionsPerSecond);
}

/** What the log says of a slot before a change, or its row now: not in the table when its softwire is null. */
type Image = readonly [slot: number, softwireHex: string | null, expiresAt: number];

/** An entry of the log that says that all is out of date. */
const isReset = ([slot]: Image): boolean => (slot as number | null) === null;

const asImages = `json_group_array(json_array(slot, hex(softwire), expires_at))`;
const tenure = `iif(state = ${LeaseState.bound}, softwire, NULL) AS softwire`;

/** The statements. A test reads their query plans. */
export const feedStatements = {
  begin: `SELECT (SELECT revision FROM configuration) AS revision, (SELECT min(version) FROM binding_log) AS oldest,
    max((SELECT max(version) FROM binding_log), coalesce(CAST(:now AS INTEGER), unixepoch()) << 20) AS version`,
  /** What was changed since the last look. */
  log: `SELECT (SELECT revision FROM configuration) AS revision, count(*) AS entries, max(version) AS last, ${asImages} AS images
    FROM (SELECT * FROM binding_log WHERE version > :seen AND version <= :until ORDER BY version LIMIT :limit)`,
  /** A page of a pool. */
  page: `SELECT count(*) AS entries, max(slot) AS last, ${asImages} AS images FROM (
    SELECT slot, ${tenure}, expires_at FROM lease WHERE slot > :after AND slot <= :end ORDER BY slot LIMIT :limit)`,
  /** Slots by name. */
  slots: `SELECT ${asImages} AS images FROM (
    SELECT slot, ${tenure}, expires_at FROM json_each(:slots) CROSS JOIN lease ON slot = value)`,
  /** How long the pairs of each pool are kept at most after their lease, in seconds. */
  pools: `SELECT p.id, max(d.settings ->> '$.quarantineSeconds', coalesce(h.seconds, 0)) AS hold
    FROM pool p JOIN domain d ON d.id = p.domain_id LEFT JOIN longer_hold h ON h.domain_id = d.id ORDER BY p.id`,
  /** Leases of a pool whose time came between two times: one slice of where they can be. */
  expired: `WITH edge(last) AS MATERIALIZED (SELECT coalesce((
    SELECT free_at FROM lease WHERE pool_id = :pool AND free_at > :after AND free_at <= :end
    ORDER BY free_at LIMIT 1 OFFSET :limit), :end))
    SELECT nullif(max(last), :end) AS last, ${asImages} FILTER (WHERE slot IS NOT NULL) AS images FROM edge LEFT JOIN lease
    ON pool_id = :pool AND free_at > :after AND free_at <= edge.last
    AND state = ${LeaseState.bound} AND softwire IS NOT NULL AND expires_at > :from AND expires_at <= :time`,
  /** The same of reserved slots, which are never free. */
  reserved: `SELECT iif(count(*) < :limit, NULL, max(slot)) AS last, ${asImages}
    FILTER (WHERE state = ${LeaseState.bound} AND softwire IS NOT NULL AND expires_at > :from AND expires_at <= :time) AS images
    FROM (SELECT slot, state, softwire, expires_at FROM lease
      WHERE pool_id = :pool AND free_at = ${freeNever} AND slot > :after ORDER BY slot LIMIT :limit)`,
} as const;

type StatementName = keyof typeof feedStatements;

/**
 * Takes the table as of now. It is read afterwards, and stays as it is now.
 *
 * @throws {LibsqlError} When the database can't be reached.
 */
export async function openBindingSnapshot(
  client: Client,
  { now, pageRows = bindingPageRows }: FeedOptions = {},
): Promise<BindingSnapshot> {
  const { rows } = await client.execute({
    sql: feedStatements.begin,
    args: { now: now === undefined ? null : BigInt(now) },
  });
  const begin = rows[0]!;
  const [version, revision] = [Number(begin.version), Number(begin.revision)];
  const reader = new Reader(client, version, revision, pageRows);
  return {
    version,
    time: timeOfVersion(version),
    revision,
    rows: (poolId) => reader.rows(poolId),
    changesSince: async (since) => {
      if (since > version) return "ahead";
      if (since < Number(begin.oldest)) return "purged";
      return reader.changesSince(since);
    },
  };
}

/** Reads at a version that grows older. */
class Reader {
  readonly #client: Client;
  readonly #version: number;
  readonly #time: number;
  readonly #revision: number;
  readonly #limit: number;
  /** Slots that were changed after the version -> what was true of them at the version. */
  readonly #changed = new Map<number, Image>();
  /** The last entry of the log that is in `#changed`. */
  #seen: number;

  constructor(client: Client, version: number, revision: number, limit: number) {
    this.#client = client;
    this.#version = this.#seen = version;
    this.#time = timeOfVersion(version);
    this.#revision = revision;
    this.#limit = limit;
  }

  async *rows(poolId: number): AsyncGenerator<readonly BindingRow[]> {
    const end = (poolId + 1) * slotsPerPool - 1;
    let after = poolId * slotsPerPool - 1;
    for (;;) {
      const page = await this.#read("page", { after, end, limit: this.#limit });
      const rows: BindingRow[] = [];
      for (const image of imagesOf(page)) {
        const softwire = this.#softwireOf(image);
        if (softwire !== null) rows.push({ slot: image[0], softwire: decodeHex(softwire) });
      }
      if (rows.length > 0) yield rows;
      if (Number(page.rows[0]!.entries) < this.#limit) return;
      after = Number(page.rows[0]!.last);
    }
  }

  async changesSince(since: number): Promise<readonly BindingChange[] | NoIncrement> {
    const before = new Map<number, string | null>();
    const logged = await this.#readLog(since, before);
    if (logged !== undefined) return logged;
    const from = timeOfVersion(since);
    if ((await this.#findExpired(from, before)) === "too-many") return "too-many";
    const slots = [...before.keys()].sort((a, b) => a - b);
    const changes: BindingChange[] = [];
    for (let index = 0; index < slots.length; index += this.#limit) {
      const some = slots.slice(index, index + this.#limit);
      const now = new Map(
        imagesOf(await this.#read("slots", { slots: JSON.stringify(some) })).map((image) => [
          image[0],
          image,
        ]),
      );
      for (const slot of some) {
        const was = before.get(slot)!;
        const is = this.#softwireOf(now.get(slot) ?? [slot, null, 0]);
        if (was !== is) changes.push({ slot, before: octetsOrNull(was), after: octetsOrNull(is) });
      }
    }
    return changes;
  }

  /** The first entry of a slot after `since` says what it was at `since`. */
  async #readLog(since: number, before: Map<number, string | null>): Promise<NoIncrement | undefined> {
    const from = timeOfVersion(since);
    let seen = since;
    for (;;) {
      await letOthersRun();
      const args = argumentsOf(feedStatements.log, { seen, until: this.#version, limit: this.#limit });
      const result = await this.#client.execute({ sql: feedStatements.log, args });
      for (const image of imagesOf(result)) {
        if (isReset(image)) return "configuration-changed";
        const [slot, softwire, expiresAt] = image;
        if (!before.has(slot)) before.set(slot, expiresAt > from ? softwire : null);
      }
      if (before.size > bindingChangesMax) return "too-many";
      if (Number(result.rows[0]!.entries) < this.#limit) return undefined;
      seen = Number(result.rows[0]!.last);
    }
  }

  /** Adds the slots that have left the table by themselves, and were not touched since. */
  async #findExpired(from: number, before: Map<number, string | null>): Promise<"too-many" | undefined> {
    const add = ([slot, softwire, expiresAt]: Image): void => {
      const isExpired = softwire !== null && expiresAt > from && expiresAt <= this.#time;
      if (isExpired && !before.has(slot)) before.set(slot, softwire);
    };
    const pools = await this.#client.execute(feedStatements.pools);
    for (const pool of pools.rows) {
      const [id, hold] = [Number(pool.id), Number(pool.hold)];
      const ranges = [
        { name: "expired", after: from, end: this.#time + hold },
        { name: "reserved", after: id * slotsPerPool - 1, end: 0 },
      ] as const;
      for (const { name, end, ...range } of ranges) {
        for (let after: number | null = range.after; after !== null;) {
          const values = { pool: id, after, end, from, time: this.#time, limit: this.#limit };
          const slice = await this.#read(name, values);
          for (const image of imagesOf(slice)) if (!this.#changed.has(image[0])) add(image);
          if (before.size > bindingChangesMax) return "too-many";
          const last = slice.rows[0]!.last;
          after = last === null ? null : Number(last);
        }
      }
    }
    // And those that were touched after the version: their rows say something else by now.
    for (const image of this.#changed.values()) add(image);
    return undefined;
  }

  /** @returns What was in the table at the version for a slot, whose row is now like this. */
  #softwireOf(row: Image): string | null {
    const [, softwire, expiresAt] = this.#changed.get(row[0]) ?? row;
    return softwire !== null && expiresAt > this.#time ? softwire : null;
  }

  /** Runs a statement together with a look at the log: what it read is then never newer than what is known. */
  async #read(name: StatementName, values: Record<string, number | string>): Promise<ResultSet> {
    for (;;) {
      await letOthersRun();
      const look = { seen: this.#seen, until: Number.MAX_SAFE_INTEGER, limit: this.#limit };
      const [log, result] = await this.#client.batch(
        [
          { sql: feedStatements.log, args: argumentsOf(feedStatements.log, look) },
          { sql: feedStatements[name], args: argumentsOf(feedStatements[name], values) },
        ],
        "read",
      );
      const { revision, entries, last } = log!.rows[0]!;
      if (Number(revision) !== this.#revision) throw new SnapshotLostError("the configuration was changed");
      for (const image of imagesOf(log!)) {
        if (!isReset(image) && !this.#changed.has(image[0])) this.#changed.set(image[0], image);
      }
      if (this.#changed.size > bindingChangesMax) throw new SnapshotLostError("too many leases have changed");
      if (last !== null) this.#seen = Number(last);
      if (Number(entries) < this.#limit) return result!;
    }
  }
}

function imagesOf(result: ResultSet): Image[] {
  const images = JSON.parse(result.rows[0]!.images as string) as [number, string, number][];
  return images.map(([slot, softwire, expiresAt]) => [slot, softwire === "" ? null : softwire, expiresAt]);
}

function octetsOrNull(hex: string | null): Uint8Array | null {
  return hex === null ? null : decodeHex(hex);
}

/** How far back the log shall go. */
export interface PurgeLogOptions {
  /** Unix seconds; entries of that time and later stay. */
  readonly before: number;
  /** Entries that one transaction deletes. */
  readonly stepRows: number;
  /** Ends it before the next step. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Deletes entries of the log, so many in a transaction, oldest first. The newest stays: it says where the log begins.
 *
 * @returns How many were deleted.
 */
export async function purgeBindingLog(
  client: Client,
  { before, stepRows, signal }: PurgeLogOptions,
): Promise<number> {
  let deleted = 0;
  for (;;) {
    signal?.throwIfAborted();
    const [result] = await client.batch(
      [
        {
          sql: `DELETE FROM binding_log WHERE version IN (
            SELECT version FROM binding_log WHERE version < :before << 20
              AND version < (SELECT max(version) FROM binding_log) ORDER BY version LIMIT :limit
          ) RETURNING 1`,
          args: { before: BigInt(before), limit: BigInt(stepRows) },
        },
      ],
      "write",
    );
    deleted += result!.rows.length;
    if (result!.rows.length < stepRows) return deleted;
    await letOthersRun();
  }
}
