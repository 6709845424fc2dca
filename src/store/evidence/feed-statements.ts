/**
 * The statements of the binding feed, and the columns that they select. A test reads their query plans.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import type { Column, SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { wasSetBack } from "../database/clock-step.ts";
import {
  bindingLog,
  clockStep,
  configuration,
  domain,
  freeNever,
  lease,
  LeaseState,
  longerHold,
  pool,
} from "../database/schema.ts";
import { selectionOf } from "../database/selection.ts";

/** A version is its time in seconds multiplied by this number, plus a count. */
const versionsPerSecond = 2 ** 20;

/** @returns The time that a version contains, in Unix seconds. */
export function timeOfVersion(version: number): number {
  return Math.floor(version / versionsPerSecond);
}

/** @returns The first version of a time in Unix seconds. */
export function versionAt(time: number): number {
  return time * versionsPerSecond;
}

/**
 * The state of a slot: before a change, from the log; or now, from its row. If the softwire is null, the slot is not in
 * the table.
 */
export type Image = readonly [slot: number, softwireHex: string | null, expiresAt: number];

/** Aliases for a page of lease rows, and for a page of the log. */
const page = alias(lease, "page");
const entry = alias(bindingLog, "entry");

interface ImageColumns {
  readonly slot: Column;
  readonly softwire: Column;
  readonly expiresAt: Column;
}

/** The rows as one JSON text, so that a page of a thousand rows is one value. */
const imagesOf = ({ slot, softwire, expiresAt }: ImageColumns): SQL<string> =>
  sql<string>`json_group_array(json_array(${slot}, hex(${softwire}), ${expiresAt}))`;

/** Parses the {@link Image}s that a statement selected. */
export function parseImages(text: string): Image[] {
  return parseLog(text).images;
}

/** Parses entries of the log. An entry without a slot is a reset: all copies of consumers are out of date. */
export function parseLog(text: string): { readonly hasReset: boolean; readonly images: Image[] } {
  const entries = JSON.parse(text) as [number | null, string, number][];
  const images = entries.flatMap(([slot, softwire, expiresAt]): Image[] =>
    slot === null ? [] : [[slot, softwire === "" ? null : softwire, expiresAt]],
  );
  return { hasReset: images.length < entries.length, images };
}

const revision = sql<number>`(SELECT ${configuration.revision} FROM ${configuration})`;

/** The columns that {@link feedStatements} select. */
export const feedSelections = {
  begin: (now: SQL) => ({
    revision,
    oldest: sql<number>`(SELECT min(${bindingLog.version}) FROM ${bindingLog})`,
    /** JSON: spans of time that the clock had before it was set back, and has or will have again. */
    setBack: sql<string>`(SELECT json_group_array(json_array(
      max(${clockStep.settledAt} + ${clockStep.differenceMs} / 1000, ${clockStep.since}), ${clockStep.settledAt}))
      FROM ${clockStep} WHERE ${wasSetBack})`,
    version: sql<number>`max((SELECT max(${bindingLog.version}) FROM ${bindingLog}), ${now} * ${versionsPerSecond})`,
  }),
  log: {
    revision,
    entries: sql<number>`count(*)`,
    last: sql<number | null>`max(${entry.version})`,
    images: imagesOf(entry),
  },
  page: {
    entries: sql<number>`count(*)`,
    last: sql<number | null>`max(${page.slot})`,
    images: imagesOf(page),
  },
  slots: { images: imagesOf(page) },
  pools: {
    id: pool.id,
    /** A hold that was longer is recorded only when it is longer than both of the settings, so both count. */
    hold: sql<number>`max(${domain.settings} ->> '$.quarantineSeconds', ${domain.settings} ->> '$.offerHoldSeconds',
      coalesce(${longerHold.seconds}, 0))`,
  },
} as const;

/** The softwire address of a bound row, otherwise null: a row in another state is not in the table. */
const boundSoftwire = sql`iif(${lease.state} = ${LeaseState.bound}, ${lease.softwire}, NULL)`;

/** Selects leases that ended after `from`, and at or before `until`, in Unix seconds. */
export interface EndedBetween {
  readonly from: number;
  readonly until: number;
}

const endedBetween = (row: typeof lease | typeof page, { from, until }: EndedBetween): SQL =>
  sql`${row.state} = ${LeaseState.bound} AND ${row.softwire} IS NOT NULL AND ${row.expiresAt} > ${from}
    AND ${row.expiresAt} <= ${until}`;

/** The columns of a slice of expired leases. `last` is null for the last slice. */
export const endedSelection = {
  last: sql<number | null>`last`,
  images: sql<string>`images`,
};

/** The statements. */
export const feedStatements = {
  begin: (now: SQL): SQL => sql`SELECT ${selectionOf(feedSelections.begin(now))}`,
  /** Changes after the version `seen`, up to and including the version `until`. */
  log: (seen: number, until: number, limit: number): SQL => sql`
    SELECT ${selectionOf(feedSelections.log)} FROM (SELECT * FROM ${bindingLog}
      WHERE ${bindingLog.version} > ${seen} AND ${bindingLog.version} <= ${until}
      ORDER BY ${bindingLog.version} LIMIT ${limit}) AS ${entry}`,
  /** A page of slots. */
  page: (after: number, end: number, limit: number): SQL => sql`
    SELECT ${selectionOf(feedSelections.page)} FROM (
      SELECT ${lease.slot}, ${boundSoftwire} AS softwire, ${lease.expiresAt} FROM ${lease}
      WHERE ${lease.slot} > ${after} AND ${lease.slot} <= ${end} ORDER BY ${lease.slot} LIMIT ${limit}) AS ${page}`,
  /** Slots by their keys. */
  slots: (slots: readonly number[]): SQL => sql`
    SELECT ${selectionOf(feedSelections.slots)} FROM (
      SELECT ${lease.slot}, ${boundSoftwire} AS softwire, ${lease.expiresAt}
      FROM json_each(${JSON.stringify(slots)}) AS wanted CROSS JOIN ${lease} ON ${lease.slot} = wanted.value) AS ${page}`,
  /** All pools, each with the maximum time for which a pair is held after its lease, in seconds. */
  pools: (): SQL => sql`
    SELECT ${selectionOf(feedSelections.pools)} FROM ${pool} JOIN ${domain} ON ${domain.id} = ${pool.domainId}
    LEFT JOIN ${longerHold} ON ${longerHold.domainId} = ${domain.id} ORDER BY ${pool.id}`,
  /**
   * Leases of a pool that ended between two times: one slice of the range that may contain them, ordered by `free_at`.
   */
  expired: (poolId: number, after: number, end: number, ended: EndedBetween, limit: number): SQL => sql`
    WITH edge(last) AS MATERIALIZED (SELECT coalesce((
      SELECT ${lease.freeAt} FROM ${lease}
      WHERE ${lease.poolId} = ${poolId} AND ${lease.freeAt} > ${after} AND ${lease.freeAt} <= ${end}
      ORDER BY ${lease.freeAt} LIMIT 1 OFFSET ${limit}), ${end}))
    SELECT nullif(max(edge.last), ${end}) AS last, ${imagesOf(lease)} FILTER (WHERE ${lease.slot} IS NOT NULL) AS images
    FROM edge LEFT JOIN ${lease} ON ${lease.poolId} = ${poolId} AND ${lease.freeAt} > ${after}
      AND ${lease.freeAt} <= edge.last AND ${endedBetween(lease, ended)}`,
  /** The same for reserved slots, which never become free. Ordered by slot. */
  reserved: (poolId: number, after: number, ended: EndedBetween, limit: number): SQL => sql`
    SELECT iif(count(*) < ${limit}, NULL, max(${page.slot})) AS last,
      ${imagesOf(page)} FILTER (WHERE ${endedBetween(page, ended)}) AS images
    FROM (SELECT ${lease.slot}, ${lease.state}, ${lease.softwire}, ${lease.expiresAt} FROM ${lease}
      WHERE ${lease.poolId} = ${poolId} AND ${lease.freeAt} = ${freeNever} AND ${lease.slot} > ${after}
      ORDER BY ${lease.slot} LIMIT ${limit}) AS ${page}`,
} as const;
