/**
 * What one transaction of an operator may do to rows. It ends leases that it names, moves clients to free pairs, keeps
 * pairs for clients, and deletes the rows of closed pools. Everything else that it changes changes no row.
 *
 * @module
 */
import { bound, freeNever, isInUse, isRunning, offered, quarantineEnd, released } from "./leases.ts";
import type { LeaseRow } from "./rows.ts";
import type { DomainRules } from "./transitions.ts";
import { must } from "./violation.ts";

/** A change as the audit has it. */
export interface AuditedChange {
  readonly actor: string;
  readonly resource: string;
  readonly action: string;
  readonly name: string;
  readonly domain: string | null;
}

/** A transaction. */
export interface Operation {
  /** Unix seconds, rounded down. */
  readonly now: number;
  /** Unix seconds: housekeeping may forget the tenures that ended before. */
  readonly keptFrom: number;
  readonly audited: readonly AuditedChange[];
  readonly rulesOf: (domainId: number) => DomainRules | undefined;
  /** Whether the pool of a slot was closed before its rows are deleted, and whether an operator may have forced it. */
  readonly closingOf: (slot: number) => { readonly isClosed: boolean; readonly isForced: boolean };
  /** Whether the pool of a slot takes clients. */
  readonly isOpen: (slot: number) => boolean;
  /** The name of the lease of a slot in the API. */
  readonly nameOf: (slot: number) => string;
}

/** One row before and after. Undefined afterwards if it was deleted. */
export interface Operated {
  readonly slot: number;
  readonly before: LeaseRow | undefined;
  readonly after: LeaseRow | undefined;
}

/**
 * Checks all rows that a transaction of an operator changed.
 *
 * @returns The slots that clients may still use although they have lost them, because they were not told.
 */
export function checkOperation(written: readonly Operated[], operation: Operation): readonly number[] {
  // What was done before is written again, when a request was sent twice.
  const changed = written.filter(({ before, after }) => !isSameRow(before, after));
  const { audited, keptFrom } = operation;
  const rows = audited.length > 0 ? changed : changed.filter((row) => !isForgotten(row, keptFrom));
  const isOfRows = audited.some(({ resource }) => resource === "lease" || resource === "reservation");
  const kept = rows.filter((row) => row.after !== undefined && !isCancelled(row) && !isMover(row, rows));
  must(isOfRows || kept.length === 0, "an operation that concerns no rows changed some", audited, kept);
  for (const row of rows) {
    if (row.after === undefined) checkDeleted(row, operation);
    else checkChanged(row as Operated & { after: LeaseRow }, rows, operation);
  }
  return rows.filter((row) => isTaken(row, operation.now)).map(({ slot }) => slot);
}

/** Whether housekeeping removed an old tenure from a row: who had it, unless the pair is reserved for its client. */
function isForgotten({ before, after }: Operated, keptFrom: number): boolean {
  if (before === undefined || after === undefined || before.expiresAt >= keptFrom) return false;
  const client = before.freeAt === freeNever ? before.client : null;
  const line = client === null ? "" : before.line;
  const forgotten = { client, line, state: released, since: null, softwire: null, source: null, site: null };
  return isSameRow({ ...before, ...forgotten }, after) && (client !== null || before.freeAt < keptFrom);
}

/** Whether nothing of a row changed but the time of its last change. */
const isSameRow = (before: LeaseRow | undefined, after: LeaseRow | undefined): boolean =>
  JSON.stringify({ ...before, updatedAt: 0 }) === JSON.stringify({ ...after, updatedAt: 0 });

/** Whether only the move of a row was cancelled, as when the pool is drained to which its client was to move. */
function isCancelled({ before, after }: Operated): boolean {
  if (before === undefined || after?.moveTo !== null || after.moveFrom !== null) return false;
  const isTarget = before.moveFrom !== null && before.client === null;
  return goesOn(before, after) && (isTarget || before.freeAt === after.freeAt);
}

/** Whether a row is deleted, or its running lease ends. */
function isTaken({ before, after }: Operated, now: number): boolean {
  if (before === undefined) return false;
  return after === undefined || (isRunning(before, now) && !goesOn(before, after));
}

/** Whether the tenure of a row stays as it is. */
const goesOn = (before: LeaseRow, after: LeaseRow): boolean =>
  (
    ["client", "line", "state", "expiresAt", "since", "statedSeconds", "softwire", "source", "site"] as const
  ).every((name) => before[name] === after[name]);

function checkDeleted({ slot, before }: Operated, { now, closingOf }: Operation): void {
  const { isClosed, isForced } = closingOf(slot);
  must(isClosed, "a row was deleted although its pool is not closed", before);
  must(before?.freeAt !== freeNever, "a reserved pair was deleted", before);
  must(isForced || before!.freeAt <= now, "a pool in use was deleted without force", before, now);
}

function checkChanged(
  row: Operated & { after: LeaseRow },
  rows: readonly Operated[],
  operation: Operation,
): void {
  const { before, after } = row;
  const { now } = operation;
  must(operation.rulesOf(after.domainId) !== undefined, "a row belongs to no domain", after);
  must(
    (after.state === bound) === (after.since !== null),
    "bound rows have a tenure, and no other rows do",
    after,
  );
  must(before === undefined || before.domainId === after.domainId, "a row changed its domain", before, after);
  const isSame = before !== undefined && goesOn(before, after);
  // The end of a tenure is recorded with this time.
  const hadTenure = before !== undefined && before.since !== null;
  must(
    isSame || !hadTenure || after.updatedAt === now,
    "a row that changed does not say when",
    before,
    after,
    now,
  );
  if (!isSame) {
    must(after.state > bound, "an operator offered or bound a pair", before, after);
    must(after.softwire === null, "a row without a lease has a softwire address", after);
    if (before !== undefined && isInUse(before, now)) checkEnd(row, rows, operation);
    if (after.client !== null && after.client !== before?.client) checkHolder(row, rows, now);
  }
  if (after.moveTo !== null && after.moveTo !== before?.moveTo) checkMove(row, rows, operation);
  if (after.moveFrom !== null && after.moveFrom !== before?.moveFrom) checkTarget(row, rows, operation);
  checkFreeAt(row, rows, operation);
  checkQuarantine(before, after, operation);
}

/** An operator ends the lease that the transaction names, and it is in quarantine then. */
function checkEnd({ slot, before, after }: Operated, rows: readonly Operated[], operation: Operation): void {
  const { now, audited, nameOf, rulesOf } = operation;
  const name = nameOf(slot);
  const isNamed = audited.some(
    (each) => each.resource === "lease" && each.action === "release" && each.name === name,
  );
  if (!isNamed && before!.state === offered) {
    const { client } = before!;
    const moves = (from: number | null): boolean =>
      rows.some((row) => row.slot === from && row.after?.client === client);
    // The pair that is reserved may wait for its client, which has a lease on another line.
    const isReserved = rows.some(
      ({ after: row }) => row?.freeAt === freeNever && (row.client === client || moves(row.moveFrom)),
    );
    must(isReserved, "an offer ended that no operator named", before, after, audited, rows);
    return;
  }
  must(isNamed, "a lease ended that no operator named", before, after, audited);
  must(after!.state === released && after!.expiresAt === now, "an ended lease does not say when", after, now);
  const rules = rulesOf(after!.domainId)!;
  const rest = before!.state === offered ? quarantineEnd(before!, rules) : 0;
  const freeAt = before!.freeAt === freeNever ? freeNever : Math.max(rest, now + rules.quarantineSeconds);
  must(after!.freeAt === freeAt, "the quarantine of an ended lease is not that of its domain", after, freeAt);
}

/** Whether a row gets the client that was to move here, because its own row ended or was deleted. */
function isMover({ slot, before, after }: Operated, rows: readonly Operated[]): boolean {
  const left = rows.find((row) => row.slot === before?.moveFrom);
  const isEnded = left !== undefined && (left.after === undefined || left.after.client === null);
  return (
    isEnded &&
    left.before?.moveTo === slot &&
    after !== undefined &&
    after.client !== null &&
    left.before.client === after.client
  );
}

/** A row gets a client when the pair is reserved for it, or when the lease ends from which it was to move here. */
function checkHolder(row: Operated, rows: readonly Operated[], now: number): void {
  const { before, after } = row;
  const isOfMover = isMover(row, rows);
  must(isOfMover || after!.freeAt === freeNever, "an operator gave a pair to a client", before, after);
  must(
    isOfMover || before === undefined || !isInUse(before, now),
    "a pair in use went to another client",
    before,
    after,
  );
}

/** A client moves to a pair that nobody has. Its lease runs until it is told. */
function checkMove({ slot, before, after }: Operated, rows: readonly Operated[], { now }: Operation): void {
  must(before !== undefined && isRunning(before, now), "a client without a lease moves", before, after);
  must(goesOn(before, after!), "a move ended a lease", before, after);
  const target = rows.find((row) => row.slot === after!.moveTo);
  must(target?.after?.moveFrom === slot, "the target of a move does not know of it", after, target);
}

function checkTarget(
  { slot, before, after }: Operated,
  rows: readonly Operated[],
  operation: Operation,
): void {
  const { now, isOpen } = operation;
  const source = rows.find((row) => row.slot === after!.moveFrom)?.after;
  must(source?.moveTo === slot, "a pair is kept for a move that does not lead there", after, source);
  must(after!.client === null && after!.state === released, "the target of a move has a holder", after);
  must(isOpen(slot), "a client moves into a pool that is drained", after);
  const isFree = before === undefined || untilOf(before, operation) <= now || before.client === source.client;
  must(isFree, "a client moves to a pair that is not free", before, after, now);
}

/** @returns When a pair is free for others, if it is not reserved any more. */
function untilOf(row: LeaseRow, { rulesOf }: Operation): number {
  if (row.freeAt !== freeNever) return row.freeAt;
  return Math.max(row.expiresAt, quarantineEnd(row, rulesOf(row.domainId)!));
}

/** A reservation that comes or goes ends no quarantine of a lease that its client had before. */
function checkQuarantine(before: LeaseRow | undefined, after: LeaseRow, operation: Operation): void {
  const { now, rulesOf } = operation;
  must(
    after.quarantineUntil === null || after.state === offered || after.freeAt === freeNever,
    "a row says twice when its quarantine ends",
    after,
  );
  if (before === undefined || before.client === null || before.client !== after.client) return;
  // A pair that is given for another one is kept as long as that, but was not leased before.
  if (isRunning(before, now) || before.moveFrom !== null) return;
  const rules = rulesOf(after.domainId)!;
  const keptUntil = quarantineEnd(before, rules);
  must(
    keptUntil <= now || quarantineEnd(after, rules) >= keptUntil,
    "an operation ended a quarantine",
    before,
    after,
  );
}

/** When a pair becomes free for others changes only with a reason. */
function checkFreeAt(
  { slot, before, after }: Operated,
  rows: readonly Operated[],
  operation: Operation,
): void {
  const { now, audited, isOpen } = operation;
  if (before?.freeAt === after!.freeAt) return;
  if (after!.freeAt === freeNever) {
    must(
      audited.some(({ resource }) => resource === "reservation"),
      "nobody reserved this pair",
      after,
      audited,
    );
    must(isOpen(slot), "a pair of a drained pool was reserved", after);
    const source = rows.find((row) => row.slot === after!.moveFrom)?.after;
    const isOwn =
      before !== undefined && before.client !== null && before.client === (after!.client ?? source?.client);
    must(before === undefined || before.freeAt <= now || isOwn, "a pair in use was reserved", before, after);
    return;
  }
  if (before?.freeAt === freeNever) {
    must(
      after!.freeAt === untilOf(before, operation),
      "a pair that is reserved no more is free too early",
      before,
      after,
    );
    return;
  }
  const source = rows.find((row) => row.slot === after!.moveFrom)?.after;
  if (source?.moveTo === slot) {
    must(
      after!.freeAt === source.freeAt,
      "the target of a move is not kept as long as the lease",
      after,
      source,
    );
    return;
  }
  const isLeft = before !== undefined && before.moveFrom !== null && before.client === null;
  must(isLeft || isInUse(before!, now), "an operator changed when a pair is free", before, after);
  must(after!.freeAt >= now, "a pair became free in the past", before, after, now);
}
