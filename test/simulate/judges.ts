/**
 * The oracle of a run: a judge for each database, and what clients believe. It sees each message that reaches a relay,
 * each transaction, and each answer that a client gets.
 *
 * @module
 */
import type { Claim, LeaseTerms } from "../../src/lease/claim.ts";
import { Actors } from "../oracle/actors.ts";
import { checkAnswer } from "../oracle/answers.ts";
import { Beliefs } from "../oracle/beliefs.ts";
import type { Belief } from "../oracle/beliefs.ts";
import { Commits } from "../oracle/commits.ts";
import { Excuses } from "../oracle/excuses.ts";
import { Judge } from "../oracle/judge.ts";
import { bound, isRunning } from "../oracle/leases.ts";
import { firstPortOf, nameOfPair } from "../oracle/pools.ts";
import type { NamedPair } from "../oracle/pools.ts";
import { auditRows } from "../oracle/row-audit.ts";
import { must } from "../oracle/violation.ts";
import type { BatchCause } from "../oracle/watched-batches.ts";
import { readAll } from "../oracle/watched-database.ts";
import type { Commit } from "../oracle/watched-database.ts";
import { renewalTimesLeaseSecondsMin } from "../../src/limits.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import type { CommitResult } from "../../src/store/batch/commit.ts";
import type { Client } from "./client.ts";
import type { Heard, Place, Sent } from "./client-message.ts";
import type { PastBelief } from "./evidence.ts";
import type { Kernel } from "./kernel.ts";
import type { MachineClock } from "./machine-clock.ts";
import { lineOf, mayBeOf, siteOf } from "./population.ts";
import type { Storage } from "./storage.ts";

/** A pair that a client used. */
interface UsedPair {
  readonly client: Client;
  readonly belief: Belief;
  /** When it asked for it. */
  readonly sentMs: number;
  /** When it stopped, by the kernel's clock; at the latest, when its lease ended. */
  toMs: number;
}

/** Names of the lines and sites of some places, and their IPv6 addresses in hexadecimal. */
interface PlaceNames {
  readonly lines: ReadonlySet<string>;
  readonly sites: ReadonlySet<string>;
  readonly sources: ReadonlySet<string>;
}

const namesOf = (places: readonly Place[]): PlaceNames => ({
  lines: new Set(places.map(lineOf)),
  sites: new Set(places.map(siteOf)),
  sources: new Set(places.map(({ address }) => encodeHex(parseIPv6(address)))),
});

function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}

/** Uses of pairs of which an audit asks. */
const usedMax = 10;

/** All judges of a run. */
export class Judges {
  readonly #kernel: Kernel;
  readonly #byStorage = new Map<Storage, Judge>();
  /** Name of a domain -> the storage that it is in. */
  readonly #byDomain = new Map<string, Storage>();
  readonly excuses = new Excuses();
  readonly #beliefs = new Beliefs(this.excuses);
  readonly #commits = new Commits();
  readonly #actors = new Actors();
  /** The latest uses of pairs. */
  #used: UsedPair[] = [];
  /** When a message in which a client gives its pair up last reached a relay. */
  readonly #gaveUpMs = new Map<Client, number>();
  /** The first answer to each message that clients remember. */
  readonly #answered = new WeakMap<Sent, Pick<Heard, "pair">>();
  /** Transaction ids of messages, by who sent them. */
  readonly #xids = new Map<Client, Set<number>>();
  /** Softwire addresses that messages ask for, by the identifier that they name. */
  readonly #softwires = new Map<string, Set<string>>();
  /** Clients that sent damaged messages. */
  readonly #damaging = new Set<Client>();
  /** When the message of the answer that is heard now was sent. */
  #heardSentMs = 0;
  /**
   * Whether the pair of the answer that is heard now was taken away after its message was sent: by an operator, or by a
   * message of its client that was late.
   */
  #isTaken = false;
  /** Where clients are, by their identifiers. What a damaged message says may be anything, so hostile ones are left out. */
  readonly #places = new Map<string, PlaceNames>();
  /** Where those are who pretend to be others. */
  #pretenders: PlaceNames = namesOf([]);

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Clients, by whose places claims are judged. */
  know(clients: readonly Client[]): void {
    const pretenders = clients.filter(({ kind }) => kind === "hostile");
    this.#pretenders = namesOf(pretenders.flatMap(({ options }) => options.places));
    for (const { id, kind, options } of clients)
      if (kind !== "hostile") this.#places.set(id, namesOf(options.places));
  }

  /** @param domains Names of the domains that the database has. */
  add(storage: Storage, domains: readonly string[]): Judge {
    const judge = new Judge(this.excuses);
    this.#byStorage.set(storage, judge);
    for (const domain of domains) this.#byDomain.set(domain, storage);
    return judge;
  }

  get all(): readonly Judge[] {
    return [...this.#byStorage.values()];
  }

  of(storage: Storage): Judge {
    return this.#byStorage.get(storage)!;
  }

  /** @param domain Its name. */
  ofDomain(domain: string): Judge {
    return this.of(this.#byDomain.get(domain)!);
  }

  /** The clock of the database of a client's domain. */
  clockOf({ options }: Client): MachineClock {
    return this.#byDomain.get(options.domain.name)!.clock;
  }

  ofClient({ options }: Client): Judge {
    return this.ofDomain(options.domain.name);
  }

  /**
   * Whether a client has a pair.
   *
   * @param pair By default the one that it believes to have. An operator may have taken that, and it is not told.
   */
  isHeldBy(client: Client, pair: NamedPair | undefined = client.pair): boolean {
    return this.tenureOf(client, pair) !== undefined;
  }

  /** Since when a client has had a pair, by its database's clock; undefined if it does not have it. */
  tenureOf(client: Client, pair: NamedPair | undefined): number | undefined {
    if (pair === undefined) return undefined;
    const judge = this.ofClient(client);
    const now = Math.floor(this.clockOf(client).trueMs / 1000);
    const rows = judge.slotsOf(pair).map((slot) => judge.leases.rows.get(slot));
    return rows.find((row) => row?.client === client.id && isRunning(row, now))?.since ?? undefined;
  }

  /** A database committed a transaction. */
  committed(storage: Storage, commit: Commit, cause: BatchCause | undefined): void {
    for (const claim of cause?.claims ?? []) this.#checkClaim(claim);
    this.#actors.check(commit.audited);
    const time = { atMs: this.#kernel.nowMs, trueMs: storage.clock.trueMs };
    const taken = this.#commits.committed(this.of(storage), commit, cause, time);
    for (const pair of taken) this.#beliefs.revoke(pair);
  }

  /** A claim says where its client is: on a line, at a site. */
  #checkClaim(claim: Claim): void {
    const { clientId, line, site } = claim;
    const places = this.#places.get(clientId);
    if (this.excuses.count("line and site: hostile client", places === undefined)) return;
    const isFrom = ({ lines, sites }: PlaceNames): boolean => lines.has(line) && sites.has(site);
    const terms = claim.kind === "bind" || claim.kind === "offer" ? claim.lease : null;
    if (terms !== null) this.#checkTerms(clientId, places!, terms);
    const isKnown = isFrom(places!) || isFrom(this.#pretenders);
    must(isKnown, "a claim is of a line or site at which its client is not", clientId, line, site);
  }

  /** A lease is made with the source of a message, and the softwire address that one asks for. */
  #checkTerms(clientId: string, places: PlaceNames, { source, softwire }: LeaseTerms): void {
    const from = encodeHex(source);
    const isSource = places.sources.has(from) || this.#pretenders.sources.has(from);
    must(isSource, "a claim has a source that its client does not have", clientId, from);
    const isWanted = this.#isWanted(clientId, softwire);
    must(isWanted, "a claim has a softwire address that its client did not ask for", clientId, softwire);
  }

  /** Whether a message that names a client asked for a softwire address; null is none. */
  #isWanted(clientId: string, softwire: string | null): boolean {
    return softwire === null || this.#softwires.get(clientId)?.has(softwire) === true;
  }

  /** An allocator got the result of a transaction. */
  answered(cause: BatchCause, result: CommitResult): void {
    this.#commits.answered(cause, result);
  }

  /** A client sends a message. */
  sent({ client, pretends, xid, softwire, isDamaged = false }: Sent): void {
    const { id } = pretends ?? client;
    addTo(this.#xids, client, xid);
    if (softwire !== undefined) addTo(this.#softwires, id, softwire);
    // Of what is damaged, anything may be different.
    if (isDamaged) this.#damaging.add(client);
  }

  /** Whether a client sent a message with a transaction id. */
  hasAsked(client: Client, xid: number): boolean {
    return this.#damaging.has(client) || this.#xids.get(client)?.has(xid) === true;
  }

  /**
   * A message in which a client gives its pair up reached a relay.
   *
   * @param servedUntilMs Until when it may be served, if its relay does not state when it arrived.
   */
  gaveUp(sent: Sent, what: "release" | "decline" | "withdraw", servedUntilMs: number | undefined): void {
    const { client, pretends, isDamaged = false, pair, place } = sent;
    const owner = pretends ?? client;
    const atMs = this.#kernel.nowMs;
    this.ofClient(client).recordGivenUp(owner.id, {
      atMs,
      servedUntilMs,
      what,
      pair: isDamaged ? undefined : pair,
      line: isDamaged ? undefined : lineOf(place) || undefined,
    });
    if (!isDamaged && !mayBeOf(owner, place)) return;
    // Nobody can tell how long a datagram was under way before a relay, nor before a POST of an earlier release.
    this.#beliefs.doubt(owner.name);
    this.#gaveUpMs.set(owner, Math.max(this.#gaveUpMs.get(owner) ?? 0, servedUntilMs ?? atMs));
  }

  /** A client got an answer. It says by {@link Judges.uses} and {@link Judges.stops} what it makes of it. */
  heard(sent: Sent, heard: Heard): void {
    const { client, what, sentMs, pair, asksRapidCommit, place } = sent;
    const judge = this.ofClient(client);
    this.#heardSentMs = sentMs;
    this.#isTaken = judge.takenMs(heard.pair) >= sentMs || (this.#gaveUpMs.get(client) ?? -1) >= sentMs;
    this.#kernel.check(() => {
      checkTimes(heard);
      this.#checkRepeat(sent, heard, judge);
      must(heard.clientId === client.id, "an answer names another client", client.name, heard);
      const isWanted = this.#isWanted(client.id, heard.softwire);
      must(isWanted, "a client is told a softwire address that it did not ask for", client.name, heard);
      checkDomain(heard, what, client, judge);
      checkAnswer(
        {
          kind: heard.kind,
          client: client.id,
          what,
          asksRapidCommit,
          named: pair,
          pair: heard.kind === "nak" ? pair! : heard.pair,
          seconds: heard.seconds,
          softwire: heard.softwire,
          sentMs,
          heardMs: this.#kernel.nowMs,
          isPlain: client.kind === "well-behaved",
          line: lineOf(place) || undefined,
          source: encodeHex(parseIPv6(place.address)),
        },
        judge,
      );
    });
  }

  /**
   * A message that is answered twice gets the same pair twice, unless its client lost that meanwhile.
   */
  #checkRepeat(sent: Sent, { kind, pair }: Heard, judge: Judge): void {
    const first = this.#answered.get(sent);
    if (kind === "nak") return;
    if (first === undefined) {
      this.#answered.set(sent, { pair });
      return;
    }
    // The answer that is heard first may have been given last.
    const isLost = [first.pair, pair].some((each) => hasLost(judge, sent, each));
    if (this.excuses.count("repeat: pair lost", isLost)) return;
    must(
      nameOfPair(pair) === nameOfPair(first.pair),
      "a repeated message is answered by another pair",
      sent.what,
      first.pair,
      pair,
    );
  }

  /** A client uses the pair of the answer that it has just heard. */
  uses(client: Client, pair: NamedPair, untilMs: number): void {
    const belief = this.#beliefs.set(client.name, pair, this.#kernel.nowMs, untilMs, this.#isTaken);
    this.#used.push({ client, belief, sentMs: this.#heardSentMs, toMs: untilMs });
    if (this.#used.length > usedMax) this.#used.shift();
  }

  /** A client uses no pair any more. */
  stops(client: Client): void {
    this.#beliefs.end(client.name);
    const last = this.#used.findLast((each) => each.client === client);
    if (last !== undefined) last.toMs = Math.min(last.toMs, this.#kernel.nowMs);
  }

  /**
   * Somebody asks for a change.
   *
   * @param actor Name of the token.
   * @param path Path of the request below the root of the API.
   */
  recordAsked(actor: string, path: string): void {
    this.#actors.record(actor, path);
  }

  /** An operator asks to delete a pool although it is in use. */
  recordForce(pool: string): void {
    for (const judge of this.all) judge.recordForce(pool);
  }

  /** Compares all rows with what was committed. */
  async audit(): Promise<void> {
    for (const [storage, judge] of this.#byStorage) {
      const { rows, cursors } = await readAll(storage.database);
      auditRows(judge, rows, cursors, storage.clock.trueMs);
    }
  }

  /** @returns Uses of pairs since the last call of which there must be evidence. */
  takePastBeliefs(): PastBelief[] {
    const used = this.#used;
    this.#used = [];
    return used.map((each) => this.#pastBelief(each)).filter((past) => past !== undefined);
  }

  #pastBelief({ client, belief, sentMs, toMs }: UsedPair): PastBelief | undefined {
    const { pair, fromMs, isRevoked } = belief;
    const judge = this.ofClient(client);
    const isLost = isRevoked || judge.takenMs(pair) >= sentMs || judge.mayHaveLost(client.id, pair, sentMs);
    if (this.excuses.count("evidence of a use: pair lost", isLost)) return undefined;
    const { nowMs } = this.#kernel;
    const startMs = this.clockOf(client).trueMs - nowMs;
    const from = Math.ceil((startMs + fromMs) / 1000);
    const until = Math.floor((startMs + Math.min(toMs, nowMs) - 1) / 1000);
    if (from > until) return undefined;
    return { client: client.id, address: pair.address, port: firstPortOf(pair), from, until };
  }
}

/** Whether the sender of a message has lost a pair, or may have, since it sent the message. */
function hasLost(judge: Judge, { client, sentMs }: Sent, pair: NamedPair): boolean {
  const slots = judge.slotsOf(pair);
  const versions = slots.flatMap((slot) => judge.leases.versions(slot, sentMs));
  // An operator may only have begun to move the client.
  const isKept = versions
    .slice(1)
    .every(({ row, by }) => by !== undefined && row.client === client.id && row.state <= bound);
  const isTaken = slots.some((slot) => judge.isExcused(slot, sentMs));
  return !isKept || isTaken || judge.mayHaveLost(client.id, pair, sentMs);
}

/** An answer is from the server of its client's domain, and names a pair of it. */
function checkDomain(
  { kind, pair }: Heard,
  what: Sent["what"],
  { name, options }: Client,
  judge: Judge,
): void {
  const { domain, serverIdentifier } = options;
  must(pair.serverIdentifier === serverIdentifier, "an answer is from another server", pair, name);
  const pools = judge.allPools.filter((pool) => pool.slotOf(pair) !== undefined);
  const isOwn = pools.some(({ shape }) => shape.name.startsWith(`${domain.name}-`));
  must(kind === "nak" || isOwn, "a client got a pair of another domain", name, pair);
  const isAtOnce = kind === "ack" && what === "discover";
  must(!isAtOnce || domain.rapidCommit, "a DISCOVER was granted in a domain without Rapid Commit", name);
}

/** R2131-4.4.5-01: T1 is before T2, and T2 before the end. */
function checkTimes({ kind, seconds, renewalSeconds, rebindingSeconds }: Heard): void {
  if (kind === "nak") return;
  const hasTimes = renewalSeconds !== undefined && rebindingSeconds !== undefined;
  must(hasTimes || seconds < renewalTimesLeaseSecondsMin, "a lease has no T1 or no T2", { seconds });
  if (!hasTimes) return;
  const isInOrder =
    renewalSeconds >= Math.floor(seconds * 0.45) &&
    renewalSeconds <= seconds / 2 &&
    renewalSeconds < rebindingSeconds &&
    rebindingSeconds < seconds;
  must(isInOrder, "a lease is not renewed in time", { renewalSeconds, rebindingSeconds, seconds });
}
