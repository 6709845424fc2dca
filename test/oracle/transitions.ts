/**
 * What one transaction of claims may do to a row. The rules are told once more here, row by row, and know neither the
 * statements nor their order.
 *
 * @module
 */
import type { BindClaim, Claim, EndClaim, OfferClaim, SlotRange } from "../../src/lease/claim.ts";
import {
  bound,
  declined,
  freeNever,
  isGone,
  isInUse,
  isOccupied,
  isOnlyNoted,
  isOnlyTold,
  isRunning,
  offered,
  quarantineEnd,
  released,
} from "./leases.ts";
import type { Leases } from "./leases.ts";
import type { LeaseRow } from "./rows.ts";
import { poolIdOf } from "./pools.ts";
import { checkLeftover, checkRefusedSite, checkSite } from "./sites.ts";
import { must } from "./violation.ts";

/** Facts of a domain that rules depend on. */
export interface DomainRules {
  readonly siteLeasesMax: number | null;
  readonly quarantineSeconds: number;
  readonly declineSeconds: number;
  readonly offerHoldSeconds: number;
  readonly leaseSecondsMax: number;
  readonly softwireIntervalSeconds: number;
}

/** A transaction. */
export interface Transaction {
  /** Unix seconds, rounded down and up. */
  readonly now: number;
  readonly nowUp: number;
  readonly claims: readonly Claim[];
  readonly rulesOf: (domainId: number) => DomainRules | undefined;
  /** When the last lease of a slot's pool ends, if the pool is drained. */
  readonly drainUntilOf: (slot: number) => number | null;
  /**
   * Whether a message of the client that gives its pair up reached a relay after the row was last granted.
   *
   * @param row As it was.
   */
  readonly mayEnd: (row: LeaseRow) => boolean;
}

/** One row before and after a transaction. */
export interface Transition {
  readonly slot: number;
  readonly before: LeaseRow | undefined;
  readonly after: LeaseRow;
}

/** Checks one row. The rows of `leases` are those after the transaction. */
export function checkTransition(
  { before, after }: Transition,
  transaction: Transaction,
  leases: Leases,
): void {
  const { now, rulesOf } = transaction;
  const rules = rulesOf(after.domainId);
  must(rules !== undefined, "a row belongs to no domain", after);
  checkForm(after, transaction);
  const isHandOver = isLeft(before, after) || isMover(before, after, leases);
  const hasSameHolder =
    before !== undefined &&
    before.client !== null &&
    before.client === after.client &&
    (isSameLine(before, after) || isGone(before, now));
  must(
    after.updatedAt === now || (hasSameHolder && isOnlyTold(before, after)),
    "a row that changed does not say when",
    before,
    after,
    now,
  );
  checkDrain(before, after, transaction);
  checkQuarantine(before, after, now, leases);
  if (hasSameHolder) checkHolder(before, after, transaction, leases);
  else if (isHandOver) checkHandOver(before!, after, transaction);
  else if (after.client === null) checkDeclined(before, after, transaction);
  else checkNewHolder(before, after, transaction, leases);
  // A client that an operator moves leaves one pair of its site for another.
  const isCounted =
    isMover(before, after, leases) ||
    (before !== undefined && isOccupied(before, now) && before.site === after.site);
  if (isInUse(after, now) && !isCounted) checkSite(after, rules.siteLeasesMax, now, leases);
  if (after.softwire !== null && isRunning(after, now))
    checkSoftwire(before, after, transaction, rules, leases);
}

/** An offer ends no quarantine, however it ends itself: nobody else gets the pair of an earlier lease before. */
function checkQuarantine(before: LeaseRow | undefined, after: LeaseRow, now: number, leases: Leases): void {
  if (before === undefined || before.state === bound || after.state === bound) return;
  const keptUntil = leases.keptUntil(after.slot);
  must(
    keptUntil <= now || after.freeAt >= keptUntil,
    "the end of an offer ended the quarantine of an earlier lease",
    before,
    after,
    keptUntil,
  );
}

/** A pool that is drained gives nothing to others, and nothing beyond its date. */
function checkDrain(before: LeaseRow | undefined, after: LeaseRow, { now, drainUntilOf }: Transaction): void {
  const drainUntil = drainUntilOf(after.slot);
  if (drainUntil === null || !isInUse(after, now)) return;
  must(before !== undefined, "a drained pool gave a pair away", after);
  must(before.client === after.client, "a drained pool gave a pair away", before, after);
  const endsAt = isInUse(before, now) ? before.expiresAt : 0;
  must(
    after.state !== bound || after.expiresAt <= Math.max(endsAt, drainUntil),
    "a lease goes beyond the drain date of its pool",
    before,
    after,
    drainUntil,
  );
}

/** A row that changes hands between lines of one client counts as another holder, unless one of them has no name. */
function isSameLine(a: LeaseRow, b: LeaseRow): boolean {
  return a.line === b.line || a.line === "" || b.line === "";
}

/** What holds for every row that a transaction has written. */
function checkForm(row: LeaseRow, { now, nowUp, claims }: Transaction): void {
  must((row.state === bound) === (row.since !== null), "bound rows have a tenure, and no other rows do", row);
  must(row.softwire === null || row.state === bound, "a row without a lease has a softwire address", row);
  must(row.moveTo === null || row.state === bound, "a client without a lease is to move", row);
  must(row.client !== null || !isInUse(row, now), "a pair in use has no client", row);
  must(row.since === null || row.since <= now, "a tenure begins in the future", row, now);
  must(
    row.quarantineUntil === null || row.state === offered || (row.freeAt === freeNever && row.state > bound),
    "a row says twice when its quarantine ends",
    row,
  );
  if (row.freeAt !== freeNever)
    must(!isInUse(row, now) || row.freeAt >= row.expiresAt, "a slot becomes free while it is in use", row);
  must(
    row.client === null || row.state > bound || row.expiresAt > nowUp - 1 || row.expiresAt > now - 1,
    "an offer or a lease had ended when it was written",
    row,
  );
  const isClaimed =
    row.client === null ||
    claims.some(
      (claim) =>
        claim.clientId === row.client &&
        claim.domainId === row.domainId &&
        // What has ended on one line may be given up on another.
        (isOfLine(claim, row) || row.state > bound),
    );
  must(isClaimed, "a row changed for a client that claimed nothing", row);
}

/** A REQUEST, or a DISCOVER with Rapid Commit, which binds what it is offered. */
type Binding = BindClaim | (OfferClaim & { readonly lease: object });

const isBinding = (claim: Claim): claim is Binding =>
  claim.kind === "bind" || (claim.kind === "offer" && claim.lease !== null);

/** A row whose line has no name is of every line, and a message from such a line reaches every row of its client. */
const isOfLine = ({ line }: Claim, row: LeaseRow): boolean =>
  line === "" || row.line === "" || line === row.line;

/** A client keeps its row: it is offered, bound, renewed, or ended. */
function checkHolder(before: LeaseRow, after: LeaseRow, transaction: Transaction, leases: Leases): void {
  const { now, nowUp, rulesOf, mayEnd, claims } = transaction;
  const { quarantineSeconds, leaseSecondsMax, offerHoldSeconds, declineSeconds } = rulesOf(after.domainId)!;
  const wasRunning = isRunning(before, now);
  if (after.state === bound) {
    must(
      before.state <= bound || hasOffer(claims, after),
      "a pair that its client gave up was bound",
      before,
      after,
    );
    // An offer keeps its word although the setting was changed meanwhile, also when it is accepted once more.
    const takesOffer = claims.some(
      (claim) => claim.kind === "bind" && claim.takesOfferedSeconds && claim.clientId === after.client,
    );
    const keepsWord = before.state === offered || takesOffer;
    const secondsMax = Math.max(leaseSecondsMax, keepsWord ? (before.statedSeconds ?? 0) : 0);
    must(
      after.expiresAt <= Math.max(wasRunning ? before.expiresAt : 0, nowUp + secondsMax),
      "a lease is longer than the longest of its domain",
      before,
      after,
    );
    must(!wasRunning || after.expiresAt >= before.expiresAt, "a running lease was shortened", before, after);
    // The setting may have changed since the lease was given.
    const isKept = after.expiresAt === before.expiresAt && after.freeAt === before.freeAt;
    must(
      isKept ||
        after.freeAt === (before.freeAt === freeNever ? freeNever : after.expiresAt + quarantineSeconds),
      "the quarantine of a lease is not that of its domain",
      after,
      quarantineSeconds,
    );
    const isOffered = claims.some((claim) => claim.kind === "offer" && claim.clientId === after.client);
    if (isOffered && isOnlyTold(before, after)) return;
    const moving = claims.filter((claim): claim is Binding => {
      const isOfClient = claim.clientId === after.client && claim.domainId === after.domainId;
      return isOfClient && isOfLine(claim, after) && isBinding(claim) && claim.site !== after.site;
    });
    // A DISCOVER of the same transaction may have been told another time.
    const told = isOffered ? { ...before, statedSeconds: after.statedSeconds } : before;
    if (wasRunning && moving.length > 0 && isOnlyNoted(told, after))
      checkRefusedSite(after, moving, transaction, leases);
    else checkBinding(before, after, transaction);
    return;
  }
  if (after.state === offered) {
    must(!wasRunning, "a running lease became an offer", before, after);
    must(after.expiresAt === nowUp + offerHoldSeconds, "an offer is not held as configured", after);
    checkOffer(before, after, transaction);
    const isDeclined = before.state === declined && before.freeAt > now && before.freeAt !== freeNever;
    must(!isDeclined, "a declined pair was offered to the client that declined it", before, after);
    return;
  }
  must(after.expiresAt <= before.expiresAt, "what ended lasts longer than before", before, after);
  must(after.expiresAt <= now, "what ended lasts on", before, after);
  if (wasRunning) {
    must(mayEnd(before), "a lease ended without a word of its client", before, after);
    const seconds = after.state === declined ? declineSeconds : quarantineSeconds;
    must(
      after.freeAt === freeNever || after.freeAt >= (seconds > 0 ? nowUp + seconds : now),
      "the quarantine of an ended lease is too short",
      after,
      seconds,
    );
  } else if (isInUse(before, now)) {
    must(mayEnd(before), "an offer ended without a word of its client", before, after);
  }
}

/** A REQUEST binds the pair that it names, for the time that it asks for, and the tenure says since when. */
function checkBinding(
  before: LeaseRow,
  after: LeaseRow,
  { now, nowUp, claims, drainUntilOf }: Transaction,
): void {
  const claim = claims.find(
    (each): each is Binding =>
      isBinding(each) &&
      each.clientId === after.client &&
      each.domainId === after.domainId &&
      isOfLine(each, after),
  );
  must(claim !== undefined, "a pair was bound for a client that asked for none", before, after);
  must(after.site === claim.site, "a lease is of another site than its message", after, claim.site);
  must(
    claim.line === "" || after.line === claim.line,
    "a lease is of another line than its message",
    after,
    claim.line,
  );
  const wasRunning = isRunning(before, now);
  // A lease that has ended has no softwire address any more: another client may have it.
  must(
    wasRunning || after.softwire === claim.lease.softwire,
    "a lease begins with another softwire address than its message has",
    before,
    after,
    claim.lease,
  );
  const isContinued =
    wasRunning &&
    before.site === after.site &&
    before.softwire === after.softwire &&
    before.source === after.source;
  must(
    after.since === (isContinued ? before.since : now),
    "a tenure begins at another time",
    before,
    after,
    now,
  );
  const stated = after.statedSeconds ?? 0;
  must(after.expiresAt >= nowUp + stated, "a lease is shorter than its client is told", after, nowUp);
  if (claim.kind === "offer") return;
  must(isAmong(claim.slots, after.slot), "a pair was bound that its client did not name", after, claim.slots);
  must(
    before.state !== offered || claim.accepts === "offer-or-lease",
    "an offer was bound by a client that did not accept it",
    before,
    after,
  );
  const wanted = claim.lease.leaseSeconds;
  const granted = claim.takesOfferedSeconds ? (before.statedSeconds ?? wanted) : wanted;
  must(
    stated === granted || (stated < granted && drainUntilOf(after.slot) !== null),
    "a lease has another time than its client asked for",
    before,
    after,
    granted,
  );
}

const isAmong = ({ first, last, step }: SlotRange, slot: number): boolean =>
  slot >= first && slot <= last && (slot - first) % step === 0;

/** A DISCOVER with Rapid Commit binds what it was offered in the same transaction. */
function hasOffer(claims: readonly Claim[], { client }: LeaseRow): boolean {
  return claims.some((claim) => claim.kind === "offer" && claim.lease !== null && claim.clientId === client);
}

/** An offer remembers the quarantine of the lease before it. */
function checkOffer(before: LeaseRow, after: LeaseRow, { now, rulesOf }: Transaction): void {
  const rules = rulesOf(after.domainId)!;
  const isReserved = before.freeAt === freeNever;
  // Of a lease that the same transaction ended, only the least is known. A reserved one may have been declined by it.
  const least = isReserved ? 0 : Math.min(rules.quarantineSeconds, rules.declineSeconds);
  const keptUntil = isRunning(before, now)
    ? Math.min(before.freeAt, now + least)
    : isReserved && before.state === declined
      ? 0
      : quarantineEnd(before, rules);
  const remembered = after.quarantineUntil ?? 0;
  must(keptUntil <= now || remembered >= keptUntil, "an offer ended a quarantine", before, after, keptUntil);
  must(
    after.freeAt === freeNever || after.freeAt >= Math.max(remembered, after.expiresAt),
    "an offer ended a quarantine",
    before,
    after,
  );
}

/** A row that loses its client: it declined the pair, or has to leave it. */
function checkDeclined(before: LeaseRow | undefined, after: LeaseRow, transaction: Transaction): void {
  const { now, nowUp, mayEnd, rulesOf, drainUntilOf } = transaction;
  must(before !== undefined, "a row without a client appeared", after);
  if (before.client === null) return;
  if (after.state === declined) {
    must(!isInUse(before, now) || mayEnd(before), "a pair was declined by nobody", before, after);
    const { declineSeconds } = rulesOf(after.domainId)!;
    // It is counted from the end of the second, or from the beginning if the pair is free at once.
    const declinedUntil = declineSeconds > 0 ? nowUp + declineSeconds : now;
    const keptUntil = before.state === offered ? (before.quarantineUntil ?? 0) : 0;
    must(
      !isInUse(before, now) || after.freeAt === Math.max(declinedUntil, keptUntil),
      "the quarantine of a declined pair is not that of its domain",
      before,
      after,
    );
    return;
  }
  const drainUntil = drainUntilOf(before.slot);
  const isDrained = drainUntil !== null && drainUntil <= nowUp && after.freeAt >= before.freeAt;
  must(!isRunning(before, now) || isDrained, "a running lease lost its client", before, after);
}

/** Whether a client leaves its row because of a move. */
const isLeft = (before: LeaseRow | undefined, after: LeaseRow): boolean =>
  before !== undefined && before.moveTo !== null && after.client === null;

/** Whether the client for which a row is kept gets it, or nobody yet. */
function isMover(before: LeaseRow | undefined, after: LeaseRow, leases: Leases): boolean {
  if (before === undefined || before.moveFrom === null || before.client !== null) return false;
  const sources = leases.versions(before.moveFrom, 0);
  return (
    after.client === null ||
    sources.some(({ row }) => row.client === after.client && row.moveTo === after.slot)
  );
}

/**
 * Whether a message lets its client leave a running lease for the pair that it moves to: it asks for the old pair, which is
 * refused, it takes the new one, or it gets that at once.
 */
function leavesByMove(
  claim: Claim,
  { domainId, client, slot, moveTo }: LeaseRow,
  { nowUp, drainUntilOf }: Transaction,
): boolean {
  if (claim.domainId !== domainId || claim.clientId !== client) return false;
  if (claim.kind === "bind")
    return (
      isAmong(claim.slots, slot) || (isAmong(claim.slots, moveTo!) && claim.accepts === "offer-or-lease")
    );
  const drainUntil = drainUntilOf(slot);
  const isDrained = drainUntil !== null && drainUntil <= nowUp;
  return claim.kind === "offer" ? claim.lease !== null || isDrained : claim.kind === "end";
}

/** An operator's move: the client leaves one row, and gets the other. */
function checkHandOver(before: LeaseRow, after: LeaseRow, transaction: Transaction): void {
  const { now, claims } = transaction;
  if (before.moveTo !== null) {
    must(after.freeAt >= Math.min(before.freeAt, now), "a move freed a pair too early", before, after);
    const isAsked = claims.some((claim) => leavesByMove(claim, before, transaction));
    must(!isRunning(before, now) || isAsked, "a client lost a running lease by a move too early", before);
    return;
  }
  const isOfMover = claims.some((claim) => claim.clientId === after.client);
  must(after.client === null || isOfMover, "a pair that is moved to went to another client", before, after);
}

/** A row gets another client, or is new. */
function checkNewHolder(
  before: LeaseRow | undefined,
  after: LeaseRow,
  transaction: Transaction,
  leases: Leases,
): void {
  const { now, nowUp, claims, rulesOf } = transaction;
  const { offerHoldSeconds, siteLeasesMax } = rulesOf(after.domainId)!;
  const claim = claims.find(
    ({ kind, clientId, line }) =>
      kind === "offer" && clientId === after.client && (line === "" || line === after.line),
  );
  must(claim?.kind === "offer", "a pair was given to a client that asked for none", before, after);
  must(after.state === offered || claim.lease !== null, "a pair was bound before it was offered", after);
  must(after.state <= bound, "an ended row got a client", before, after);
  must(after.site === claim.site, "an offer is of another site than its message", after, claim.site);
  must(
    claim.poolIds.includes(poolIdOf(after.slot)),
    "an offer is of a pool that does not serve its client",
    after,
  );
  must(
    after.state === bound || after.expiresAt === nowUp + offerHoldSeconds,
    "an offer is not held as configured",
    after,
  );
  const others = leases
    .ofClient(after.domainId, after.client!)
    .filter(({ slot, line }) => slot !== after.slot && line === after.line);
  must(others.length === 0, "a client has two rows on a line", after, others);
  checkLeftover(before, after, claim, now, leases);
  if (before === undefined) return;
  // A reservation is for an identifier, on whatever line it is.
  const isReserved = before.client === after.client && !isInUse(before, now);
  must(before.freeAt !== freeNever || isReserved, "a reserved pair went to another client", before, after);
  if (before.freeAt === freeNever) return;
  const left = endedBefore(before, transaction);
  const keptUntil = before.state === bound || after.state === bound ? 0 : leases.keptUntil(before.slot);
  if (Math.max(left.freeAt, keptUntil) <= now) return;
  const isLeftover =
    siteLeasesMax !== null && left.site === after.site && left.expiresAt <= now && left.state !== declined;
  must(isLeftover, "a pair that is not free went to another client", before, after);
  if (after.state === offered) checkOffer(left, after, transaction);
}

/** A row before it was given away. A batch ends leases first, so a message of its holder may have ended it just now. */
function endedBefore(before: LeaseRow, { now, nowUp, claims, rulesOf, mayEnd }: Transaction): LeaseRow {
  const end = claims.find(
    (claim): claim is EndClaim =>
      claim.kind === "end" &&
      claim.clientId === before.client &&
      claim.domainId === before.domainId &&
      isOfLine(claim, before) &&
      (claim.slots === null || isAmong(claim.slots, before.slot)),
  );
  if (end === undefined || !isInUse(before, now) || !mayEnd(before)) return before;
  if (end.as === "withdrawn" && before.state === bound) return before;
  const { quarantineSeconds, declineSeconds } = rulesOf(before.domainId)!;
  const seconds = { released: quarantineSeconds, declined: declineSeconds, withdrawn: 0 }[end.as];
  const state = end.as === "declined" ? declined : released;
  return { ...before, state, expiresAt: now, freeAt: seconds > 0 ? nowUp + seconds : now };
}

/** R8539-8.2-01 and R8539-8.1-02. */
function checkSoftwire(
  before: LeaseRow | undefined,
  after: LeaseRow,
  { now }: Transaction,
  { softwireIntervalSeconds }: DomainRules,
  leases: Leases,
): void {
  const others = leases
    .ofSoftwire(after.softwire!)
    .filter((row) => row.slot !== after.slot && isRunning(row, now));
  must(others.length === 0, "two leases have one softwire address", after, others);
  const isChanged =
    before !== undefined &&
    isRunning(before, now) &&
    before.softwire !== null &&
    before.softwire !== after.softwire;
  must(
    !isChanged || now - before.since! >= softwireIntervalSeconds,
    "a softwire address changed too soon",
    before,
    after,
  );
}
