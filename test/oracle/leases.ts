/**
 * The lease rows of one database as the oracle knows them, with their earlier versions and the indexes that rules need.
 *
 * @module
 */
import type { LeaseRow } from "./rows.ts";

/** States of a row. */
export const [offered, bound, released, declined] = [1, 2, 3, 4];

/** `free_at` of a reserved slot: it never becomes free for other clients. */
export const freeNever = 253402300799;

/** @returns Whether the row has an unexpired offer or lease. */
export const isInUse = (row: LeaseRow, now: number): boolean => row.state <= bound && row.expiresAt > now;

/** @returns Whether the row has an unexpired lease. */
export const isRunning = (row: LeaseRow, now: number): boolean => row.state === bound && row.expiresAt > now;

/** @returns Whether the row keeps its pair from others; a reserved one only while it is in use. */
export const isOccupied = (row: LeaseRow, now: number): boolean =>
  row.freeAt === freeNever ? isInUse(row, now) : row.freeAt > now;

/** @returns Whether nobody has a pair any more that a client had. It is its own again then, on each of its lines. */
export const isGone = (row: LeaseRow, now: number): boolean =>
  row.expiresAt <= now && (row.freeAt <= now || row.freeAt === freeNever);

/** The settings of a domain for the quarantine of its pairs, in seconds. */
export interface QuarantineRules {
  readonly quarantineSeconds: number;
  readonly declineSeconds: number;
}

/** @returns When the quarantine of the last lease of a row ends, in Unix seconds; 0 or a time in the past if it has none. */
export function quarantineEnd(row: LeaseRow, rules: QuarantineRules): number {
  if (row.state === offered) return row.quarantineUntil ?? 0;
  if (row.freeAt !== freeNever) return row.freeAt;
  const seconds = row.state === declined ? rules.declineSeconds : rules.quarantineSeconds;
  return Math.max(row.expiresAt + seconds, row.quarantineUntil ?? 0);
}

/** A row as it was from one commit to the next. */
export interface Version {
  readonly row: LeaseRow;
  /** When it was committed, by the judge's clock. */
  readonly atMs: number;
  /** The same by the clock of the database. */
  readonly clockMs: number;
  /** The allocator that committed it; undefined for others. */
  readonly by?: string | undefined;
}

/** Versions that are remembered of each slot. */
const versionsMax = 64;

/** Rows by an attribute. */
class Index {
  readonly #slots = new Map<string, Set<number>>();

  of(key: string): ReadonlySet<number> {
    return this.#slots.get(key) ?? none;
  }

  move(slot: number, from: string | undefined, to: string | undefined): void {
    if (from === to) return;
    if (from !== undefined) {
      const slots = this.#slots.get(from);
      slots?.delete(slot);
      if (slots?.size === 0) this.#slots.delete(from);
    }
    if (to === undefined) return;
    const slots = this.#slots.get(to);
    if (slots === undefined) this.#slots.set(to, new Set([slot]));
    else slots.add(slot);
  }
}

const none: ReadonlySet<number> = new Set();

const clientKey = (domainId: number, client: string): string => `${domainId} ${client}`;
const siteKey = (domainId: number, site: string): string => `${domainId} ${site}`;

/** All rows of one database. */
export class Leases {
  readonly rows = new Map<number, LeaseRow>();
  readonly #versions = new Map<number, Version[]>();
  /** When rows were deleted, with their pools. Their slots never come back. */
  readonly #deletedMs = new Map<number, number>();
  /** Slot -> end of the quarantine of its last lease, in Unix seconds. None if that is not known. */
  readonly #keptUntil = new Map<number, number>();
  readonly #byClient = new Index();
  readonly #bySite = new Index();
  readonly #bySoftwire = new Index();

  /** Takes a row over as it was committed. */
  set(slot: number, row: LeaseRow | undefined, { atMs, clockMs, by }: Omit<Version, "row">): void {
    const before = this.rows.get(slot);
    this.#byClient.move(slot, clientOf(before), clientOf(row));
    this.#bySite.move(slot, siteOf(before), siteOf(row));
    this.#bySoftwire.move(slot, before?.softwire ?? undefined, row?.softwire ?? undefined);
    if (row === undefined) {
      this.rows.delete(slot);
      this.#deletedMs.set(slot, atMs);
      this.#keptUntil.delete(slot);
      return;
    }
    this.rows.set(slot, row);
    this.#noteQuarantine(slot, before, row, by);
    const versions = this.#versions.get(slot);
    if (versions === undefined) this.#versions.set(slot, [{ row, atMs, clockMs, by }]);
    else {
      versions.push({ row, atMs, clockMs, by });
      if (versions.length > versionsMax) versions.shift();
    }
  }

  /** Offers that come and go have no quarantine. That of a reserved pair is not known: it depends on the settings. */
  #noteQuarantine(slot: number, before: LeaseRow | undefined, row: LeaseRow, by: Version["by"]): void {
    const isOfLease = row.state === bound || before?.state === bound;
    if (by !== undefined && !isOfLease) return;
    const end = row.freeAt === freeNever ? null : row.state === offered ? row.quarantineUntil : row.freeAt;
    if (end === null) this.#keptUntil.delete(slot);
    else this.#keptUntil.set(slot, end);
  }

  /** @returns The end of the quarantine of the last lease of a slot, in Unix seconds; 0 if it is not known. */
  keptUntil(slot: number): number {
    return this.#keptUntil.get(slot) ?? 0;
  }

  /** @returns The versions of a slot that existed in some part of a time, the oldest first. */
  versions(slot: number, fromMs: number): readonly Version[] {
    if ((this.#deletedMs.get(slot) ?? Infinity) < fromMs) return [];
    const versions = this.#versions.get(slot) ?? [];
    let first = versions.length - 1;
    while (first > 0 && versions[first]!.atMs > fromMs) first--;
    return versions.slice(Math.max(0, first));
  }

  /**
   * @returns The version before the last one in which an allocator granted the row. One in which a client was only told
   *   another time grants nothing, and neither does an operator's change.
   */
  lastGrant(slot: number): Version | undefined {
    const versions = this.#versions.get(slot) ?? [];
    let at = versions.length - 2;
    const isGrant = ({ row, by }: Version, before: Version): boolean =>
      by !== undefined && !isOnlyTold(before.row, row);
    while (at > 0 && !isGrant(versions[at]!, versions[at - 1]!)) at--;
    return versions[at];
  }

  ofClient(domainId: number, client: string): LeaseRow[] {
    return this.#rowsOf(this.#byClient.of(clientKey(domainId, client)));
  }

  ofSite(domainId: number, site: string): LeaseRow[] {
    return this.#rowsOf(this.#bySite.of(siteKey(domainId, site)));
  }

  ofSoftwire(softwire: string): LeaseRow[] {
    return this.#rowsOf(this.#bySoftwire.of(softwire));
  }

  #rowsOf(slots: ReadonlySet<number>): LeaseRow[] {
    return [...slots].map((slot) => this.rows.get(slot)!);
  }
}

/** Whether two versions differ only in the lease time that the client was told. */
export function isOnlyTold(before: LeaseRow, after: LeaseRow): boolean {
  if (before.statedSeconds === after.statedSeconds) return false;
  return (
    JSON.stringify({ ...before, statedSeconds: null }) === JSON.stringify({ ...after, statedSeconds: null })
  );
}

/** Whether two versions differ at most in the time of the change. */
export function isOnlyNoted(before: LeaseRow, after: LeaseRow): boolean {
  return JSON.stringify({ ...before, updatedAt: null }) === JSON.stringify({ ...after, updatedAt: null });
}

function clientOf(row: LeaseRow | undefined): string | undefined {
  return row === undefined || row.client === null ? undefined : clientKey(row.domainId, row.client);
}

function siteOf(row: LeaseRow | undefined): string | undefined {
  return row === undefined || row.site === null ? undefined : siteKey(row.domainId, row.site);
}
