/**
 * One real relay with sockets and an allocator in memory, and what must hold for it: each message has one outcome, each
 * frame leaves the queue, and good queries are answered.
 *
 * @module
 */
import { dropReasons } from "../../relay/reasons.ts";
import { laneOf } from "../../relay/messages/lane.ts";
import type { Lane } from "../../relay/messages/lane.ts";
import type { DropReason } from "../../relay/reasons.ts";
import { startRelay } from "../../relay/relay.ts";
import type { Relay } from "../../relay/relay.ts";
import type { RelayConfig } from "../../relay/config/config.ts";
import { messageOctetsMax, relayBodyOctetsMax } from "../../src/limits.ts";
import { optionHeaderOctets } from "../../src/wire/dhcpv6/options.ts";
import { readUint16 } from "../../src/wire/octets.ts";
import { decodeFrames, encodeFrames } from "../../src/wire/frames.ts";
import { encodeDiscover } from "../../src/client/query.ts";
import { clientProfile } from "../support/clients.ts";
import { ensure, PropertyError, same } from "./property.ts";
import type { Random } from "../support/random.ts";
import { failureOf, failures, goodAnswer, httpAnswer } from "./relay-answers.ts";
import type { Answer, Down, Up } from "./relay-answers.ts";
import { checkDelivery, checkFrame, checkInformation } from "./relay-checks.ts";
import type { Sent } from "./relay-checks.ts";
import { Outside, settle } from "./relay-outside.ts";
import type { FuzzSocket, WaitingRequest } from "./relay-outside.ts";
import { goodOrigin, idleOrigin, origins, serverAddresses, strangerAddress } from "./relay-settings.ts";
import type { Origin } from "./relay-settings.ts";

/** Told the outcome of a message, in words that the fuzzer counts, and the length of the message in octets. */
export type OnOutcome = (target: "up" | "down", outcome: string, octets: number) => void;

/** Messages that a relay gets in one turn of its event loop. */
const turnMessagesMax = 96;
/** Milliseconds between two turns, at most. */
const pauseMsMax = 100;
/** Milliseconds after which an allocator that failed is probed. */
const quarantineMs = 2500;
/** Milliseconds that no frame may wait. */
const deadlineMs = 120_000;

const goodClient = clientProfile(0x900d);

/** A datagram that the relay took, and whose frame must come out. */
interface Taken {
  /** Undefined for a query of the fuzzer's own clients. */
  readonly message: Up | undefined;
  readonly octets: Uint8Array;
  readonly origin: Origin;
}

/** A datagram before the relay had it. */
const kept = new Uint8Array(0x1_1000);

/** Joins words, and keeps what was joined: an outcome is one of a few strings. */
function joiner(prefix: string): (word: string) => string {
  const joined = new Map<string, string>();
  return (word) => {
    let found = joined.get(word);
    if (found === undefined) joined.set(word, (found = `${prefix}:${word}`));
    return found;
  };
}
const lanes = ["requests", "discovers"] as const;
const dropOf = joiner("drop");
const forwardOf = joiner("forward");

/** Whether a frame has a datagram as its Relay Message, which comes last. */
function endsWithMessage(frame: Uint8Array, datagram: Uint8Array): boolean {
  const at = frame.length - datagram.length;
  const isThere = at >= optionHeaderOctets && readUint16(frame, at - 2) === datagram.length;
  return isThere && same(frame.subarray(at), datagram);
}

/** The real relay, in surroundings that the fuzzer controls. */
export class FuzzedRelay {
  readonly #config: RelayConfig;
  readonly #random: Random;
  readonly #onOutcome: OnOutcome;
  readonly #outside: Outside;
  #relay!: Relay;
  /** In the order of the settings. */
  #listeners: readonly FuzzSocket[] = [];
  /** The socket towards DHCPv6 servers, if there are any. */
  #upstream: FuzzSocket | undefined;
  /** Datagrams that the relay queued, oldest first, by their lane. */
  readonly #queued: Readonly<Record<Lane, Taken[]>> = { requests: [], discovers: [] };
  /** Why some of them are not in the queue any more. Which ones, the next POSTs show. */
  readonly #leftQueue: DropReason[] = [];
  /** Mutated answers for the next turn. */
  #answers: Answer[] = [];
  /** Answers of DHCPv6 servers to good queries. */
  #ofServers: Answer[] = [];
  #messages = 0;
  /** The datagram that the relay has now, and what became of it. */
  #taking: Taken | undefined;
  #outcome: string | undefined;
  /** Answers that the relay has now, in their order. */
  #delivering: Answer[] = [];
  #mayExpire = false;
  /** What a wrong answer of the allocator is counted as; undefined if it answers as it should. */
  #failing: DropReason | undefined;
  #failure: unknown;
  /** The message that is checked, for the report of a failure. */
  current: Up | Down | undefined;

  constructor(config: RelayConfig, random: Random, onOutcome: OnOutcome) {
    this.#config = config;
    this.#random = random;
    this.#onOutcome = onOutcome;
    this.#outside = new Outside(this.#onSent, () => random.below(1000) / 1000);
  }

  async open(): Promise<void> {
    const ignore = () => undefined;
    const { timing } = this.#outside;
    const log = { info: ignore, warn: ignore };
    this.#relay = await startRelay(this.#config, { log, timing, outside: this.#outside });
    const socketOf = (address: string) =>
      this.#outside.sockets.find((each) => each.options.address === address);
    this.#listeners = this.#config.listeners.map(({ address }) => socketOf(address)!);
    this.#upstream = socketOf(this.#config.servers.sourceAddress);
    const { counters } = this.#relay;
    const drop = counters.drop.bind(counters);
    counters.drop = (reason, count) => {
      drop(reason, count);
      this.#guard(() => {
        if (count !== 0) this.#onDropped(reason, count ?? 1);
      });
    };
  }

  /** Whether {@link turn} should run before more messages come. */
  get isDue(): boolean {
    return this.#messages >= turnMessagesMax;
  }

  receive(message: Up): void {
    if (this.#messages++ === 0) this.#receiveGood();
    this.#take({ message, octets: message.octets, origin: origins[message.origin]! });
  }

  answer(message: Down): void {
    if (this.#messages++ === 0) this.#receiveGood();
    // No frame is longer.
    this.#answers.push({ message, octets: message.octets.subarray(0, messageOctetsMax) });
  }

  /** Lets the relay send what it has, and answers it. */
  async turn(): Promise<void> {
    if (this.#messages === 0 && this.#answers.length === 0) return;
    this.#mayExpire = this.#random.oneIn(256);
    if (this.#mayExpire) this.#outside.pass(deadlineMs);
    for (let more = this.#answers.length - this.#queuedCount; more >= 0; more--) this.#receiveOwn(idleOrigin);
    this.#receiveGood();
    this.#messages = 0;
    this.#outside.runSoon();
    await this.#answerAsServers();
    await this.#answerRequests();
    for (const lane of lanes) this.#recordLeft(this.#queued[lane].splice(0));
    ensure(
      this.#leftQueue.length === 0,
      () => `A relay drops what it has: found ${this.#leftQueue.length} frames more`,
    );
    this.#outside.pass(this.#random.below(pauseMsMax));
    this.current = undefined;
  }

  /** Stops the relay, which drops what it still gets. */
  async close(): Promise<void> {
    while (this.#answers.length > 0 || this.#messages > 0) await this.turn();
    const closed = this.#relay.close();
    const octets = encodeDiscover(goodClient, { xid: 0, hint: {} });
    const message: Up = { target: "up", origin: 0, setting: 0, octets };
    this.#take({ message, octets, origin: goodOrigin });
    this.#outside.runSoon();
    await closed;
    ensure(
      this.#outside.sockets.every(({ isOpen }) => !isOpen),
      () => "A relay that has stopped has no open socket",
    );
  }

  /** Keeps what a rejected promise of the relay would swallow, until the relay is done. */
  fail(error: unknown): void {
    this.#failure ??= error;
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.fail(error);
    }
  }

  #rethrow(): void {
    // The relay's own error, whatever it is, is the cause of the failure.
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    if (this.#failure !== undefined) throw this.#failure;
  }

  #receiveGood(): void {
    this.#receiveOwn(goodOrigin);
  }

  #receiveOwn(origin: Origin): void {
    const octets = encodeDiscover(goodClient, { xid: this.#random.next(), hint: {} });
    this.#take({ message: undefined, octets, origin });
  }

  #take(taken: Taken): void {
    const { octets, origin, message } = taken;
    kept.set(octets);
    this.current = message;
    this.#taking = taken;
    this.#outcome = undefined;
    this.#listeners[origin.listener]!.options.onDatagram(octets, origin.source);
    this.#taking = undefined;
    this.#rethrow();
    ensure(
      same(octets, kept.subarray(0, octets.length)),
      () => "The relay leaves a datagram alone: the octets have changed",
    );
    this.#onTaken(taken, this.#outcome);
  }

  /** A datagram without an outcome waits in the queue. */
  #onTaken(taken: Taken, outcome: string | undefined): void {
    if (outcome === undefined) this.#queued[laneOf(taken.octets)].push(taken);
    else if (taken.message !== undefined) this.#onOutcome("up", outcome, taken.octets.length);
    else ensure(outcome === "forward:servers", () => `A good query is forwarded: found ${outcome}`);
  }

  #setOutcome(outcome: string): void {
    // Each DHCPv6 server gets a copy.
    const isCopy = outcome === "forward:servers" && this.#outcome === outcome;
    ensure(
      isCopy || this.#outcome === undefined,
      () => `A datagram has one outcome: found ${outcome} after ${this.#outcome}`,
    );
    this.#outcome = outcome;
  }

  #onDropped(reason: DropReason, count: number): void {
    ensure(Object.hasOwn(dropReasons, reason), () => `Drops have a known reason: found ${reason}`);
    if (reason === "queue-full" || reason === "deadline-passed") this.#onLeftQueue(reason, count);
    else if (this.#taking !== undefined || this.#delivering.length > 0) {
      ensure(count === 1, () => `A message is dropped once: found ${count} times ${reason}`);
      if (this.#taking !== undefined) this.#setOutcome(dropOf(reason));
      else this.#onAnswered(dropOf(reason));
    } else {
      const isOurs = this.#failing === reason;
      ensure(isOurs, () => `A relay drops nothing that it did not get: found ${reason}`);
      this.#onOutcome("up", `POST ${reason}`, count);
    }
  }

  #onLeftQueue(reason: "queue-full" | "deadline-passed", count: number): void {
    if (count === 0) return;
    ensure(count <= this.#queuedCount, () => `A relay drops what it has: found ${count} frames`);
    const isMeant =
      reason === "deadline-passed" ? this.#mayExpire : this.#config.queue.length < turnMessagesMax;
    ensure(isMeant, () => `Nothing is dropped without need: found ${reason}`);
    for (let left = count; left > 0; left--) this.#leftQueue.push(reason);
  }

  get #queuedCount(): number {
    return this.#queued.requests.length + this.#queued.discovers.length - this.#leftQueue.length;
  }

  /** Datagrams left the queue in no POST, so the relay has dropped them. */
  #recordLeft(some: readonly Taken[]): void {
    for (const { message, octets } of some) {
      const reason = this.#leftQueue.shift();
      ensure(reason !== undefined, () => `Each frame leaves the queue: found ${some.length} there`);
      if (message !== undefined) this.#onOutcome("up", dropOf(reason), octets.length);
    }
  }

  #isMadeFrom(frame: Uint8Array, { octets, origin }: Taken): boolean {
    if (!endsWithMessage(frame, octets)) return false;
    try {
      checkFrame(frame, octets, origin, this.#config);
      return true;
    } catch {
      return false;
    }
  }

  /** @returns What a frame was made from: the oldest of its lane, apart from those that were dropped. */
  #takeFor(frame: Uint8Array): Taken {
    for (const lane of lanes) {
      const first = this.#queued[lane].findIndex(({ octets }) => endsWithMessage(frame, octets));
      if (first < 0) continue;
      // Several senders may have sent the same. If the frame is of none of them, the check of the frame says so.
      const own = this.#queued[lane].findIndex((each) => this.#isMadeFrom(frame, each));
      const at = Math.max(first, own);
      const [taken, ...older] = this.#queued[lane].splice(0, at + 1).reverse();
      this.#recordLeft(older);
      return taken!;
    }
    throw new PropertyError("A POST has the frames that wait, and no other");
  }

  readonly #onSent = (socket: FuzzSocket, payload: Uint8Array, port: number, address: string): void => {
    this.#guard(() => {
      ensure(socket.isOpen, () => "A relay sends from open sockets");
      if (socket === this.#upstream) this.#onSentToServer(payload);
      else this.#onSentToClient({ listener: this.#listeners.indexOf(socket), payload, port, address });
    });
  };

  #onSentToServer(frame: Uint8Array): void {
    const taken = this.#taking;
    ensure(taken !== undefined, () => "Servers get what the relay gets");
    checkFrame(frame, taken.octets, taken.origin, this.#config);
    // The first of the servers answers.
    if (taken.origin === goodOrigin && this.#outcome === undefined) this.#ofServers.push(goodAnswer(frame));
    this.#setOutcome("forward:servers");
  }

  #onSentToClient(sent: Sent): void {
    const taken = this.#taking;
    if (taken !== undefined) {
      checkInformation(sent, taken.octets, taken.origin);
      this.#setOutcome("answered");
      return;
    }
    const [answer] = this.#delivering;
    ensure(answer !== undefined, () => "A relay sends only what it got");
    this.current = answer.message;
    checkDelivery(sent, answer.octets);
    if (answer.message === undefined) {
      const isRight = sent.address === goodOrigin.source.address && sent.port === goodOrigin.source.port;
      ensure(isRight, () => `A good query is answered: found ${sent.address} port ${sent.port}`);
    }
    this.#onAnswered("delivered");
  }

  #onAnswered(outcome: string): void {
    const { message, octets } = this.#delivering.shift()!;
    if (message !== undefined) this.#onOutcome("down", outcome, octets.length);
    else ensure(outcome === "delivered", () => `A good query is answered: found ${outcome}`);
  }

  /** Gives the relay some of the answers as datagrams of DHCPv6 servers, and one of a stranger. */
  async #answerAsServers(): Promise<void> {
    const socket = this.#upstream;
    if (socket === undefined) return;
    const hasPosts = this.#config.servers.queries === "allocator";
    const count = hasPosts ? this.#random.below(this.#answers.length + 1) : this.#answers.length;
    for (const answer of [...this.#ofServers.splice(0), ...this.#answers.splice(0, count)]) {
      const isStranger = answer.message !== undefined && this.#random.oneIn(32);
      const address = isStranger ? strangerAddress : serverAddresses[0];
      const { octets } = answer;
      this.#delivering = [answer];
      socket.options.onDatagram(octets, { address, port: 547, family: "IPv6", size: octets.length });
      this.#checkDelivered();
    }
    await settle();
  }

  #checkDelivered(): void {
    this.#rethrow();
    const { length } = this.#delivering;
    ensure(length === 0, () => `Each answer is delivered or dropped: found ${length} that are not`);
  }

  async #answerRequests(): Promise<void> {
    for (
      let waiting = this.#outside.takeRequest();
      waiting !== undefined;
      waiting = this.#outside.takeRequest()
    ) {
      const { request, answer } = waiting;
      if (request.method === "GET") answer(httpAnswer(200));
      else this.#answerPost(waiting);
      await settle();
      this.#checkDelivered();
      if (this.#failing === undefined) continue;
      this.#failing = undefined;
      this.#mayExpire = true;
      this.#outside.pass(quarantineMs);
      await settle();
    }
  }

  #answerPost({ request, answer }: WaitingRequest): void {
    const { batchFrames } = this.#config.allocator;
    const body = request.body!;
    ensure(body.length <= relayBodyOctetsMax, () => `A POST has at most ${relayBodyOctetsMax} octets`);
    const frames = decodeFrames(body, batchFrames);
    const good: Answer[] = [];
    for (const frame of frames) {
      const taken = this.#takeFor(frame);
      this.current = taken.message;
      const judged = checkFrame(frame, taken.octets, taken.origin, this.#config);
      if (taken.message !== undefined) this.#onOutcome("up", forwardOf(judged), taken.octets.length);
      else if (taken.origin === goodOrigin) good.push(goodAnswer(frame));
    }
    this.#failing = this.#random.pick(failures);
    if (this.#failing !== undefined) {
      answer(failureOf(this.#failing));
      return;
    }
    const room = frames.length - good.length;
    this.#delivering = [...this.#answers.splice(0, room), ...good];
    answer(httpAnswer(200, encodeFrames(this.#delivering.map(({ octets }) => octets))));
  }
}
