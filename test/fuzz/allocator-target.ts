/**
 * The allocator's side: frames of a POST through the real pipeline on a real database, together with the messages of
 * honest clients. A second allocator serves only the honest clients, and must give them the same answers.
 *
 * @module
 */
import {
  encodeDiscover,
  encodeInitReboot,
  encodeRebinding,
  encodeRenewing,
  encodeSelecting,
} from "../../src/client/query.ts";
import type { ServerPair } from "../../src/client/query.ts";
import { unwrapAnswer } from "../../relay/messages/envelope.ts";
import { decodeQuery } from "../../src/lease/query.ts";
import type { Query } from "../../src/lease/query.ts";
import { reasons } from "../../src/lease/reasons.ts";
import { answerOctetsMax, messageOctetsMax, relayListenersMax } from "../../src/limits.ts";
import { OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { decodeAddress } from "../../src/wire/dhcpv4/options/address.ts";
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { findOption6 } from "../../src/wire/dhcpv6/options.ts";
import { decodeFrames, encodeFrames } from "../../src/wire/frames.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { readAnswer } from "../support/answer.ts";
import type { TestAnswer } from "../support/answer.ts";
import { clientProfile } from "../support/clients.ts";
import { ensure, same } from "./property.ts";
import type { Random } from "../support/random.ts";
import { behindAccessNode, clientMessage, everyParameter, frameOf, places } from "./seeds.ts";
import { honestProfiles, openWorld, worldBegins } from "./world.ts";
import type { World } from "./world.ts";

/** An answer, without the level of our own relay. */
type Answer = Omit<TestAnswer, "envelope">;

/** The longest time between two batches, in seconds: long enough for leases to end, too short for the honest ones. */
const pauseSecondsMax = 120;
/** Latest answers that are kept, from which clients go on. */
const keptAnswersMax = 256;

const honestPlace = { linkAddress: parseIPv6("2001:db8:1::1"), peerAddress: parseIPv6("fe80::900d") };
const honestSoftwire = (at: number) => parseIPv6(`2001:db8:900d::${(at + 1).toString(16)}`);
const honestIds = new Set(honestProfiles.map(({ clientIdentifier }) => encodeHex(clientIdentifier)));

/** Our relay's Interface-Id in front of an honest client: its zone names the client, and no seed has it. */
const honestInterfaceId = (at: number) => Uint8Array.of(2, 0, 2, 34, 0, ...Buffer.from(`honest${at}`));

/** Prefixes of the counters of messages that get an answer. */
const answeredKinds = ["offer", "ack", "settings", "nak:"];

/** An answer that a client, honest or not, can go on from. */
interface Known {
  readonly clientIdentifier: Uint8Array;
  readonly pair: ServerPair;
  readonly place: (typeof places)[number];
}

/** Two allocators and the honest clients. */
export class AllocatorTarget {
  readonly #clock = { nowMs: worldBegins * 1000 };
  readonly #random: Random;
  readonly #known: Known[] = [];
  readonly #pairs: ServerPair[] = [];
  #leases: ReadonlyMap<number, LeaseRow> | undefined;
  #fuzzed!: World;
  #quiet!: World;

  private constructor(random: Random) {
    this.#random = random;
  }

  /** Opens both allocators, and gives each honest client a lease. */
  static async open(random: Random): Promise<AllocatorTarget> {
    const target = new AllocatorTarget(random);
    target.#fuzzed = await openWorld(target.#clock);
    target.#quiet = await openWorld(target.#clock);
    const offers = await target.#serveHonest((at) =>
      encodeDiscover(honestProfiles[at]!, { xid: at, hint: {} }),
    );
    target.#pairs.push(...offers.map(pairOf));
    const acks = await target.#serveHonest((at) => target.#select(at));
    ensure(
      acks.every(({ type }) => type === "ack"),
      () => "Each honest client has a lease before the fuzzing begins",
    );
    return target;
  }

  close(): void {
    this.#fuzzed.close();
    this.#quiet.close();
  }

  /** @returns Counters of the allocator that is fuzzed. */
  counts(): Record<string, number> {
    return this.#fuzzed.counters.snapshot();
  }

  /** @returns What a client sends after one of the latest answers, as a frame; undefined if there is no answer. */
  goOn(random: Random): Uint8Array | undefined {
    if (this.#known.length === 0) return undefined;
    const { clientIdentifier, pair, place } = random.pick(this.#known);
    const parameters = random.oneIn(4) ? { parameterRequestList: everyParameter } : {};
    const client = { ...clientProfile(1, parameters), clientIdentifier };
    const where = random.oneIn(8) ? random.pick(places) : place;
    const message = clientMessage(random, client, pair);
    if (random.oneIn(4))
      return frameOf(where, Uint8Array.of(2, 0, 2, 34, 1), behindAccessNode(message, random.below(4)));
    return frameOf(where, Uint8Array.of(2, 0, 2, 34, random.below(3)), message);
  }

  /**
   * Serves frames and the honest clients in one batch.
   *
   * @returns The octets of the answers, for the hash of the run.
   * @throws {PropertyError} When a property does not hold.
   */
  async serve(frames: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    this.#clock.nowMs += this.#random.below(pauseSecondsMax * 1000);
    const queries = frames.map(queryOf);
    // A mutation that happens to be an honest client's own message may change what that client is told.
    const bad = frames.filter((_, at) => !honestIds.has(queries[at]?.clientId ?? ""));
    const honest = honestProfiles.map((_, at) => honestFrame(at, this.#honestMessage(at)));
    const mixed = [...bad];
    for (const frame of honest) mixed.splice(this.#random.below(mixed.length + 1), 0, frame);
    // Nothing else changes the leases, so those after the last batch are those before this one.
    const before = this.#leases ?? (await leasesOf(this.#fuzzed));
    const countsBefore = this.counts();
    // A RELEASE that waited ends no lease that its client got since.
    const ageMs = this.#random.oneIn(3) ? this.#random.below(2 * pauseSecondsMax * 1000) : 0;
    const answers = await this.#fuzzed.serve(mixed, ageMs);
    const expected = await this.#quiet.serve(honest, ageMs);
    this.#checkErrors();
    checkCounts(mixed.length, answers.length, countsBefore, this.counts());
    ensure(
      same(encodeFrames(decodeFrames(encodeFrames(mixed), mixed.length)), encodeFrames(mixed)),
      () => "decode∘encode keeps frames",
    );
    const known = queries.filter((query) => query !== undefined);
    checkHonest(answers, expected);
    this.#checkAnswers(answers, known);
    await this.#checkLeases(before, known);
    return answers;
  }

  #select(at: number): Uint8Array {
    return encodeSelecting(honestProfiles[at]!, this.#pairs[at]!, { xid: at, softwire: honestSoftwire(at) });
  }

  #honestMessage(at: number): Uint8Array {
    const client = honestProfiles[at]!;
    const pair = this.#pairs[at]!;
    const parts = { xid: this.#random.next(), softwire: honestSoftwire(at) };
    switch (this.#random.below(5)) {
      case 0:
        return encodeDiscover(client, { ...parts, hint: {} });
      case 1:
        return encodeInitReboot(client, pair, parts);
      case 2:
        return encodeRebinding(client, pair, parts);
      case 3:
        return this.#select(at);
      default:
        return encodeRenewing(client, pair, parts);
    }
  }

  /** Serves only the honest clients, in both worlds. */
  async #serveHonest(messageOf: (at: number) => Uint8Array): Promise<Answer[]> {
    const frames = honestProfiles.map((_, at) => honestFrame(at, messageOf(at)));
    const answers = await this.#fuzzed.serve(frames);
    checkHonest(answers, await this.#quiet.serve(frames));
    const byClient = new Map(answers.map((answer) => [interfaceIdOf(answer), answer]));
    return honestProfiles.map((_, at) => readAnswer(byClient.get(encodeHex(honestInterfaceId(at)))!));
  }

  #checkErrors(): void {
    for (const { errors } of [this.#fuzzed, this.#quiet]) {
      ensure(errors.length === 0, () => `No message causes an internal error: found ${errors[0]}`);
    }
  }

  /** Each answer can be decoded, is delivered by the relay, and mirrors the message that it answers. */
  #checkAnswers(answers: readonly Uint8Array[], queries: readonly Query[]): void {
    const asked = new Map<string, Query[]>();
    for (const query of queries) {
      const key = `${query.message.xid} ${encodeHex(query.path[0]!.peerAddress)}`;
      const others = asked.get(key);
      if (others === undefined) asked.set(key, [query]);
      else others.push(query);
    }
    for (const octets of answers) {
      ensure(
        octets.length <= messageOctetsMax,
        () => `An answer fits in a frame: found ${octets.length} octets`,
      );
      const answer = readAnswer(octets);
      const [own] = answer.levels;
      if (isHonest(octets)) continue;
      const key = `${answer.message.xid} ${encodeHex(own!.peerAddress)}`;
      // A client may repeat its transaction identifier with other options: then any of its messages may be meant.
      const mirrored = (asked.get(key) ?? []).filter((each) => isMirrored(each, answer));
      const [query] = mirrored;
      ensure(query !== undefined, () => `An answer mirrors its query: found none for ${encodeHex(octets)}`);
      checkLength(answer.octets, Math.max(...mirrored.map(acceptedOctets)));
      checkDelivered(octets, query);
      this.#remember(answer, query);
    }
  }

  #remember(answer: Answer, { path, clientId }: Query): void {
    if (answer.message.yiaddr === 0) return;
    const [{ linkAddress, peerAddress }] = path as [Query["path"][number]];
    const clientIdentifier = Buffer.from(clientId, "hex");
    this.#known.push({ clientIdentifier, pair: pairOf(answer), place: { linkAddress, peerAddress } });
    if (this.#known.length > keptAnswersMax) this.#known.splice(this.#random.below(keptAnswersMax), 1);
  }

  /** The running leases of clients that sent nothing have not changed. */
  async #checkLeases(before: ReadonlyMap<number, LeaseRow>, queries: readonly Query[]): Promise<void> {
    const senders = new Set([...queries.map(({ clientId }) => clientId), ...honestIds]);
    const after = await leasesOf(this.#fuzzed);
    this.#leases = after;
    const nowSeconds = Math.ceil(this.#clock.nowMs / 1000);
    for (const [slot, { client, expiresAt, text }] of before) {
      if (expiresAt <= nowSeconds || senders.has(client)) continue;
      const found = after.get(slot)?.text;
      ensure(
        found === text,
        () => `A lease of another client does not change: found ${found}, expected ${text}`,
      );
    }
  }
}

const honestFrame = (at: number, message: Uint8Array) => frameOf(honestPlace, honestInterfaceId(at), message);

function queryOf(frame: Uint8Array): Query | undefined {
  const result = decodeQuery(frame);
  return result.kind === "query" ? result.query : undefined;
}

function pairOf({ message, portParams }: Answer): ServerPair {
  const serverIdentifier = decodeAddress(message.options.get(OptionCode.serverIdentifier)!);
  return { address: message.yiaddr, portParams, serverIdentifier };
}

function interfaceIdOf(answer: Uint8Array): string {
  return encodeHex(
    findOption6(readAnswer(answer).levels[0]!.options, OptionCode6.interfaceId) ?? new Uint8Array(0),
  );
}

/** The octets of `honest`, as a zone follows the header of an Interface-Id. */
const honestZone = Buffer.from("honest");
const isHonest = (answer: Uint8Array): boolean =>
  Buffer.from(answer.buffer, answer.byteOffset, answer.length).includes(honestZone);

/** The honest clients get the same answers as without the others. */
function checkHonest(answers: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  const sorted = (list: readonly Uint8Array[]) => list.map(encodeHex).sort();
  const found = sorted(answers.filter(isHonest));
  const wanted = sorted(expected);
  ensure(
    wanted.length === honestProfiles.length,
    () => `Each honest client is answered: found ${wanted.length} answers without the others`,
  );
  for (const [at, answer] of wanted.entries()) {
    ensure(
      found[at] === answer,
      () => `An honest client gets the same answer: found ${found[at]}, expected ${answer}`,
    );
  }
  ensure(found.length === wanted.length, () => `An honest client gets one answer: found ${found.length}`);
}

/** Each frame is counted once, with a reason of the closed list if it has one, and each answer is sent. */
function checkCounts(
  frames: number,
  answers: number,
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): void {
  let outcomes = 0;
  let answered = 0;
  for (const [name, count] of Object.entries(after)) {
    if (["messages", "messagesWithoutBelief"].includes(name)) continue;
    const added = count - (before[name] ?? 0);
    outcomes += added;
    if (answeredKinds.some((kind) => name.startsWith(kind))) answered += added;
    const [, reason] = name.split(":");
    ensure(reason === undefined || Object.hasOwn(reasons, reason), () => `A reason is known: found ${name}`);
    ensure(reason !== "internal-error", () => "No message causes an internal error");
  }
  ensure(
    outcomes === frames,
    () => `Each frame is counted once: found ${outcomes} outcomes of ${frames} frames`,
  );
  ensure(answered === answers, () => `Each answer is sent: found ${answers}, expected ${answered}`);
}

function isMirrored({ path, clientId, message }: Query, { levels, message: answered }: Answer): boolean {
  const echoed = answered.options.get(OptionCode.clientIdentifier);
  return (
    levels.length === path.length &&
    (echoed === undefined || encodeHex(echoed) === clientId) &&
    same(answered.chaddr, message.chaddr) &&
    path.every((level, at) => {
      const { hopCount, linkAddress, peerAddress, options } = levels[at]!;
      const asked = findOption6(level.options, OptionCode6.interfaceId);
      const told = findOption6(options, OptionCode6.interfaceId);
      return (
        hopCount === level.hopCount &&
        same(linkAddress, level.linkAddress) &&
        same(peerAddress, level.peerAddress) &&
        (asked === undefined ? told === undefined : told !== undefined && same(asked, told))
      );
    })
  );
}

/** Octets of the IPv4 and UDP headers, which option 57 includes (RFC 2131 §2). */
const datagramHeaderOctets = 28;
/** What every client accepts, headers included (RFC 2131 §2). */
const acceptedByAll = 576;

/** @returns The longest DHCPv4 message that a client accepts: option 57, if that has a valid value. */
function acceptedOctets({ message }: Query): number {
  const data = message.options.get(OptionCode.maxMessageSize);
  const stated = data?.length === 2 ? data[0]! * 256 + data[1]! : 0;
  return Math.max(stated, acceptedByAll) - datagramHeaderOctets;
}

function checkLength({ length }: Uint8Array, acceptedMax: number): void {
  ensure(
    length <= acceptedMax,
    () => `An answer is not longer than its client accepts: found ${length}, expected at most ${acceptedMax}`,
  );
  ensure(
    length <= answerOctetsMax,
    () => `A DHCPv4 answer has at most ${answerOctetsMax} octets: found ${length}`,
  );
}

/** If the relay made the frame, it can deliver the answer: mutated levels may name no port or no address. */
function checkDelivered(octets: Uint8Array, { path }: Query): void {
  const delivered = unwrapAnswer(octets, relayListenersMax, "source");
  if (delivered.kind === "drop") {
    ensure(
      delivered.reason === "unknown-interface-id" || delivered.reason === "unusable-destination",
      () => `The relay understands an answer: found ${delivered.reason}`,
    );
    return;
  }
  const interfaceId = findOption6(path[0]!.options, OptionCode6.interfaceId)!;
  ensure(
    delivered.port === interfaceId[2]! * 256 + interfaceId[3]!,
    () => `An answer goes to the port that its message came from: found ${delivered.port}`,
  );
}

interface LeaseRow {
  readonly client: string;
  readonly expiresAt: number;
  /** All columns that a message can change. */
  readonly text: string;
}

const leaseSql = `SELECT slot, client_id, expires_at, line, state, free_at, since, stated_seconds, updated_at, touched_ms,
  hex(source), hex(softwire), site, quarantine_until FROM lease`;

async function leasesOf({ database }: World): Promise<ReadonlyMap<number, LeaseRow>> {
  const [result] = await database.read([{ sql: leaseSql, args: [] }]);
  return new Map(
    result!.rows.map(([slot, client, expiresAt, ...others]) => [
      Number(slot),
      {
        client: client instanceof Uint8Array ? encodeHex(client) : "",
        expiresAt: Number(expiresAt),
        text: `${Number(expiresAt)} ${others.join(" ")}`,
      },
    ]),
  );
}
