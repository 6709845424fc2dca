/**
 * Judges answers: a row allows each, from when its message was sent to when the answer arrived.
 *
 * @module
 */
import type { Excuses } from "./excuses.ts";
import type { GivenUp } from "./given-up.ts";
import { bound, offered } from "./leases.ts";
import type { Leases, Version } from "./leases.ts";
import { names } from "./pools.ts";
import type { NamedPair } from "./pools.ts";
import { must } from "./violation.ts";

/** An answer that a client got to a message. */
export interface JudgedAnswer {
  readonly kind: "offer" | "ack" | "nak";
  /** Client identifier of the message, in hexadecimal. */
  readonly client: string;
  readonly what: string;
  /** Whether a lease may be granted at once. */
  readonly asksRapidCommit: boolean;
  /** The pair of the message. */
  readonly named: NamedPair | undefined;
  /** The pair of the answer; of the message for a NAK. */
  readonly pair: NamedPair;
  readonly seconds: number;
  readonly softwire: string | null;
  /** When the message was sent first, and when the answer arrived, by the judge's clock. */
  readonly sentMs: number;
  readonly heardMs: number;
  /** Whether nothing but the lease itself decides a renewal: its sender is who it says, and stays where it is. */
  readonly isPlain: boolean;
  /** The end of the name of the line that the message came from; undefined if it has none, or nobody knows. */
  readonly line?: string | undefined;
  /** Its IPv6 source address, in hexadecimal; undefined if nobody knows. */
  readonly source?: string | undefined;
}

/** What a judge knows. */
export interface AnswerGround {
  readonly excuses: Excuses;
  readonly leases: Leases;
  /** @returns The slot of a pair in the pools that exist. */
  readonly slotOf: (pair: NamedPair) => number | undefined;
  /** @returns Its slots in all pools that there ever were. */
  readonly slotsOf: (pair: NamedPair) => readonly number[];
  /** @returns Messages of a client that give a pair up. */
  readonly givenUpBy: (client: string) => readonly GivenUp[];
  /** Whether the pool of a slot was drained at some time since. */
  readonly wasDrained: (slot: number, sinceMs: number) => boolean;
  /** Whether an operator has taken a slot from its client since, or drained its pool. */
  readonly isExcused: (slot: number, sinceMs: number) => boolean;
}

/** Checks an answer by the versions of its row, from when its message was sent to when it arrived. */
export function checkAnswer(answer: JudgedAnswer, ground: AnswerGround): void {
  const { kind, client, named, pair, sentMs, what, isPlain, source } = answer;
  const isToDiscover = kind === "offer" || (kind === "ack" && answer.asksRapidCommit);
  must(what === "discover" ? isToDiscover : kind !== "offer", "an answer is not one to its message", answer);
  const isNamed = what === "discover" || (named !== undefined && names(named, pair));
  must(isNamed, "an answer is for another pair than its message", answer);
  if (kind === "nak") {
    const slot = ground.slotOf(pair);
    if (what === "discover" || slot === undefined) return;
    if (ground.excuses.count("refusal: bad client", !isPlain && source === undefined)) return;
    checkRefusal(answer, slot, ground.leases.versions(slot, sentMs), ground);
    return;
  }
  // A pool may have been deleted since, and another one may have its addresses.
  const versions = ground.slotsOf(pair).flatMap((slot) => ground.leases.versions(slot, sentMs));
  // A damaged message may have lost the name of its line.
  const isDamaged = ground.givenUpBy(client).some((each) => each.pair === undefined);
  ground.excuses.count("line of an answer: damaged message", isDamaged);
  const judged = isDamaged ? { ...answer, line: undefined } : answer;
  const isAllowed = versions.some(
    (version) =>
      (allows(version, judged) &&
        (isLongEnough(version, answer) || ground.wasDrained(version.row.slot, sentMs)) &&
        !isLeaving(version, answer, ground)) ||
      isKeptFor(version, answer, ground),
  );
  const isShort = !versions.some((version) => isLongEnough(version, answer));
  ground.excuses.count("short lease: drained", isShort);
  must(isAllowed, `no row allows this ${kind}`, answer, { client }, versions);
  if (kind === "offer") checkPreference(answer, versions, ground);
}

/** Whether the pair is kept for a client that is to move there. It is offered, but it becomes the client's when asked for. */
function isKeptFor(
  { row }: Version,
  { kind, client, sentMs }: JudgedAnswer,
  { leases }: AnswerGround,
): boolean {
  if (kind !== "offer" || row.client !== null || row.moveFrom === null) return false;
  const sources = leases.versions(row.moveFrom, sentMs);
  return sources.some((each) => each.row.client === client && each.row.moveTo === row.slot);
}

/**
 * Whether a client gets its old pair, or an offer of it, although it is to move. A move ends when the pool of its target is
 * drained.
 */
function isLeaving({ row, atMs }: Version, { kind, sentMs }: JudgedAnswer, ground: AnswerGround): boolean {
  if (kind === "nak" || row.moveTo === null) return false;
  const targets = ground.leases.versions(row.moveTo, Math.max(atMs, sentMs));
  const isPending =
    targets.length > 0 && targets.every((each) => each.row.moveFrom === row.slot && each.row.client === null);
  const isVoid = isPending && ground.wasDrained(row.moveTo, sentMs);
  return isPending && !ground.excuses.count("pair that is moved away: drained", isVoid);
}

/** A client that had a pair when it asked, and still has it, is offered this pair. */
function checkPreference(
  { client, sentMs, heardMs }: JudgedAnswer,
  granted: readonly Version[],
  ground: AnswerGround,
): void {
  const offer = granted.find(({ row }) => row.client === client)?.row;
  if (offer === undefined) return;
  for (const { slot, line } of ground.leases.ofClient(offer.domainId, client)) {
    if (slot === offer.slot || line !== offer.line) continue;
    const versions = ground.leases.versions(slot, sentMs);
    const isKept =
      versions[0]!.atMs < sentMs &&
      lastUntil(versions, heardMs) &&
      versions.every(({ row }) => row.client === client && row.state <= bound && row.moveTo === null);
    const isExcused = isKept && ground.isExcused(slot, sentMs);
    ground.excuses.count("other offer: operated or drained", isExcused);
    must(!isKept || isExcused, "a client was offered another pair although it has one", offer, versions);
  }
}

/**
 * A client that renews the lease that it has, or takes what it was offered, must not be refused. Of a bad client, only a
 * lease of the same line and source is judged: others may have its softwire address, or it may have moved.
 */
function checkRefusal(
  answer: JudgedAnswer,
  slot: number,
  versions: readonly Version[],
  ground: AnswerGround,
): void {
  const { client, heardMs, sentMs, what, isPlain, line = "", source } = answer;
  const isSameHolder = ({ row }: Version): boolean => row.source === source && row.line.endsWith(line);
  // Another line may have claimed its identifier for a pair that it has lost since.
  const isOfLine = ({ row }: Version): boolean => row.line === "" || row.line.endsWith(line);
  const isOwn = (version: Version): boolean =>
    version.row.client === client &&
    (version.row.state === bound || (isPlain && what === "select" && version.row.state === offered)) &&
    version.row.moveTo === null &&
    isOfLine(version) &&
    (isPlain || isSameHolder(version));
  const isHeld =
    versions.length > 0 &&
    versions[0]!.atMs < sentMs &&
    versions.every(isOwn) &&
    lastUntil(versions, heardMs + 2000);
  const isExcused = isHeld && ground.isExcused(slot, sentMs);
  ground.excuses.count("refusal: operated or drained", isExcused);
  must(!isHeld || isExcused, "a lease that its client has was refused", answer, versions);
}

/** Whether an answer grants all that its row was given, less the seconds that have passed. */
function isLongEnough({ row, clockMs, atMs }: Version, { kind, seconds, heardMs }: JudgedAnswer): boolean {
  const stated = row.statedSeconds ?? 0;
  const left = row.expiresAt - (clockMs + Math.max(0, heardMs - atMs)) / 1000;
  return seconds >= (kind === "offer" ? stated : Math.min(stated, left - 1));
}

/** Whether each of some versions that follow each other lasted until the next one, and the last until then. */
function lastUntil(versions: readonly Version[], untilMs: number): boolean {
  return versions.every(({ row, clockMs, atMs }, index) => {
    const endMs = versions[index + 1]?.atMs ?? untilMs;
    return row.expiresAt * 1000 > clockMs + endMs - atMs;
  });
}

/** Whether a version of a row allows an answer that was sent while it was current. */
function allows({ row, clockMs, atMs }: Version, answer: JudgedAnswer): boolean {
  if (row.client !== answer.client) return false;
  const { kind, seconds, softwire, sentMs, what, line } = answer;
  // A REQUEST takes the lease to its line. A DISCOVER leaves a running lease where it is.
  if (line !== undefined && what !== "discover" && !row.line.endsWith(line)) return false;
  if (row.statedSeconds !== null && seconds > row.statedSeconds) return false;
  // What was committed before the message came is judged as of the message.
  const atClockMs = clockMs + Math.max(0, sentMs - atMs);
  if (row.expiresAt * 1000 < atClockMs) return false;
  if (kind === "offer") return row.state === offered || row.state === bound;
  return (
    row.state === bound && row.softwire === softwire && row.expiresAt * 1000 >= atClockMs + seconds * 1000
  );
}
