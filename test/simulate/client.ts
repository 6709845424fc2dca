/**
 * Clients: one state machine (RFC 2131 §4.4) that each kind of clients follows with its own habits.
 *
 * @module
 */
import type { ClientProfile, ServerPair } from "../../src/client/query.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import type { MessageKind } from "../support/message-kinds.ts";
import type { Random } from "../support/random.ts";
import { chooseSoftwire, habitsOf } from "./client-habits.ts";
import type { ClientKind, Habits } from "./client-habits.ts";
import { encodeMessage, readHeard } from "./client-message.ts";
import type { Heard, Place, Sent } from "./client-message.ts";
import { gridMsUsual, retryMs, roundUp, toWaveMs } from "./client-timing.ts";
import type { ClientOptions, ClientWorld } from "./client-world.ts";
import { chooseHarm, damage } from "./hostile.ts";
import type { Kernel } from "./kernel.ts";

type State = "off" | "selecting" | "requesting" | "rebooting" | "bound" | "renewing" | "rebinding";

/** A client that lost its lease, or was refused one, waits before it begins again. */
const afterRefusalMs = 500;
/** A client that gets no answer to its REQUEST begins again. */
const triesMax = 4;

/** Milliseconds within which clients that have a lease ask for it again when the faults end. */
const calmAskMsMax = 20_000;

/** Milliseconds for which a client has its lease before it leaves. */
const leaveAfterMs = 5000;

/** Messages that a client remembers, so that late answers to them are judged as well. */
const rememberedMax = 4;
/** One DISCOVER in so many names a pair. */
const hintOneIn = 3;
/** One time in so many, a client that was off, or that wants to do something, goes somewhere else. */
const travelOneIn = 4;

/** A client. */
export class Client {
  readonly name: string;
  readonly kind: ClientKind;
  readonly options: ClientOptions;
  /** Option 61 in hexadecimal. */
  readonly id: string;
  readonly #habits: Habits;
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #world: ClientWorld;
  #place: Place;
  #state: State = "off";
  #pair: ServerPair | undefined;
  /** The pair that it had last, which it may ask for again. */
  #lastPair: ServerPair | undefined;
  #leaseEndsMs = 0;
  /** When it was told of its lease last. */
  #sinceMs = 0;
  #renewsAtMs = 0;
  #rebindsAtMs = 0;
  #softwire: Uint8Array | undefined;
  #sent: Sent | undefined;
  /** Its last messages, the newest last. */
  readonly #remembered: Sent[] = [];
  #datagram: Uint8Array | undefined;
  #tries = 0;
  #timer = 0;
  /** When the faults ended; infinite as long as they last. */
  #calmMs = Infinity;
  /** Set when it got an answer to a message that it sent since. */
  #hasHeard = false;

  constructor(kernel: Kernel, random: Random, world: ClientWorld, options: ClientOptions) {
    this.#kernel = kernel;
    this.#random = random;
    this.#world = world;
    this.options = options;
    this.name = options.name;
    this.kind = options.kind;
    this.#habits = habitsOf[options.kind];
    this.#place = options.places[0];
    this.id = encodeHex(options.profile.clientIdentifier);
  }

  /** Its IPv6 source address. */
  get address(): string {
    return this.#place.address;
  }

  get isBound(): boolean {
    return this.#state === "bound" || this.#state === "renewing" || this.#state === "rebinding";
  }

  get pair(): ServerPair | undefined {
    return this.isBound ? this.#pair : undefined;
  }

  /** The faults have ended: it does nothing on its own any more, and wants a lease. */
  get #isCalm(): boolean {
    return this.#calmMs < Infinity;
  }

  /** Whether it asked for something since the faults ended, and has no answer. */
  get isUnheard(): boolean {
    return this.#habits.wantsLeaseAtEnd && !this.#hasHeard;
  }

  /** Begins to live. */
  start(): void {
    this.#waitForWave();
  }

  /** The faults are over: bad clients fall silent, the others want a lease. */
  calm(): void {
    this.#calmMs = this.#kernel.nowMs;
    if (!this.#habits.wantsLeaseAtEnd) {
      this.#timer++;
      this.#sent = undefined;
      return;
    }
    if (this.#state === "off") this.#discover();
    if (this.isBound) this.#rest();
  }

  /** Whether it has a lease for long enough that a RELEASE cannot be taken for an older message. */
  get canLeave(): boolean {
    const isOld = this.#sinceMs + leaveAfterMs <= this.#kernel.nowMs;
    return this.#habits.wantsLeaseAtEnd && this.#state === "bound" && isOld;
  }

  /**
   * Gives its pair up for good.
   *
   * @returns The pair.
   */
  leave(): ServerPair {
    const pair = this.#pair!;
    this.#world.stops(this);
    this.#state = "off";
    this.#pair = undefined;
    this.#timer++;
    this.#say(this.#random.pick(["release", "decline"]), pair);
    return pair;
  }

  /** A datagram arrives. */
  receive(datagram: Uint8Array): void {
    const answer = readHeard(datagram);
    // An offer that was under way for minutes must not wake a bad client up.
    if (answer === undefined || (this.#isCalm && !this.#habits.wantsLeaseAtEnd)) return;
    const { xid, heard } = answer;
    const sent = this.#remembered.find((each) => each.xid === xid);
    if (sent === undefined) return;
    this.#hasHeard ||= sent.sentMs >= this.#calmMs;
    this.#world.heard(sent, heard);
    if (sent !== this.#sent || !this.#habits.actsOnAnswers) return;
    if (heard.kind === "offer" && this.#state === "selecting") this.#accept(heard);
    else if (heard.kind === "ack" && this.#state !== "off") this.#bind(sent, heard);
    else if (heard.kind === "nak" && this.#state !== "selecting" && this.#state !== "off") this.#lose();
  }

  #accept({ pair }: Heard): void {
    const { withdrawOneIn, presumeOneIn, refuseOneIn, takeAlongOneIn } = this.#habits;
    if (this.#does(withdrawOneIn)) {
      this.#say("withdraw", { ...pair, serverIdentifier: 1 });
      this.#turnOff();
      return;
    }
    if (this.#does(presumeOneIn)) {
      // It takes what was only offered for its lease.
      this.#pair = pair;
      this.#state = "rebooting";
      this.#ask(this.#random.pick(["reboot", "renew", "rebind"]));
      return;
    }
    if (this.#does(refuseOneIn)) {
      this.#travel();
      this.#discover();
      return;
    }
    // It takes the offer along to another site.
    if (this.#does(takeAlongOneIn)) this.#travel();
    this.#pair = pair;
    this.#perhapsChangeSoftwire();
    this.#state = "requesting";
    this.#ask("select");
  }

  #bind(sent: Sent, { pair, seconds }: Heard): void {
    // It counts from when it asked, because the server may have counted from then.
    const sinceMs = sent.sentMs;
    this.#sinceMs = this.#kernel.nowMs;
    this.#pair = pair;
    this.#lastPair = pair;
    this.#leaseEndsMs = sinceMs + seconds * 1000;
    this.#renewsAtMs = sinceMs + seconds * 500;
    this.#rebindsAtMs = sinceMs + seconds * 875;
    this.#sent = undefined;
    if (this.#leaseEndsMs <= this.#kernel.nowMs) {
      this.#lose();
      return;
    }
    this.#state = "bound";
    this.#world.uses(this, pair, this.#leaseEndsMs);
    this.#rest();
  }

  /** Without a lease: begin again. */
  #lose(): void {
    this.#world.stops(this);
    this.#state = "off";
    this.#pair = undefined;
    this.#sent = undefined;
    this.#wake(this.#roundUp(afterRefusalMs), () => {
      this.#discover();
    });
  }

  /** Its lease has ended. It may ask for it all the same, with nothing but the pair. */
  #loseInTime(): void {
    if (!this.#habits.asksForEndedLeases || this.#random.oneIn(2)) {
      this.#lose();
      return;
    }
    this.#world.stops(this);
    this.#softwire = undefined;
    this.#state = "rebooting";
    this.#ask(this.#random.pick(["reboot", "renew"]), this.#lastPair);
  }

  #discover(): void {
    this.#pair = undefined;
    this.#state = "selecting";
    this.#ask("discover", this.#hint());
  }

  /** @returns The pair that it asks for: the one that it had, or one that somebody has. */
  #hint(): ServerPair | undefined {
    if (!this.#random.oneIn(hintOneIn)) return undefined;
    if (!this.#habits.hintsAtOthers || this.#random.oneIn(2)) return this.#lastPair;
    const { serverIdentifier } = this.options;
    const pair = this.#world.somePair(this.#random);
    return pair && { ...pair, serverIdentifier };
  }

  /** Switched on, it may remember a pair that it had, and that may have ended since. */
  #switchOn(): void {
    if (this.#lastPair === undefined || !this.#does(this.#habits.rebootOneIn)) {
      this.#discover();
      return;
    }
    this.#perhapsChangeSoftwire();
    this.#state = "rebooting";
    this.#ask(this.#random.pick(["reboot", "reboot", "renew"]), this.#lastPair);
  }

  /** It has said that it leaves, and goes on in the same breath. */
  #beginAgain(): void {
    this.#world.stops(this);
    this.#discover();
  }

  #turnOff(): void {
    this.#world.stops(this);
    this.#state = "off";
    this.#pair = undefined;
    this.#sent = undefined;
    if (this.#isCalm) this.#discover();
    else {
      this.#perhapsTravel();
      this.#waitForWave();
    }
  }

  /** Begins an exchange, and repeats its message until there is an answer. */
  #ask(what: MessageKind, pair = this.#pair): void {
    this.#tries = 0;
    this.#compose(what, pair);
    this.#transmit();
  }

  /** Sends a message that gets no answer. */
  #say(what: MessageKind, pair: ServerPair): void {
    this.#compose(what, pair);
    const copies = this.#does(this.#habits.doubleFarewellOneIn) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) this.#world.send(this.#sent!, this.#datagram!);
    this.#sent = undefined;
  }

  #transmit(): void {
    this.#tries++;
    const { isPatient, doubleOneIn } = this.#habits;
    const copies = this.#does(doubleOneIn) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) this.#world.send(this.#sent!, this.#datagram!);
    this.#wake(this.#roundUp(retryMs(this.#tries, isPatient, this.#random)), this.#onSilence);
  }

  #roundUp(delayMs: number): number {
    return roundUp(delayMs, this.#kernel.nowMs, this.#random);
  }

  readonly #onSilence = (): void => {
    const { nowMs } = this.#kernel;
    if (this.isBound && nowMs >= this.#leaseEndsMs) this.#loseInTime();
    else if (this.#state === "renewing" && nowMs >= this.#rebindsAtMs) {
      this.#state = "rebinding";
      this.#ask("rebind");
    } else if (!this.isBound && this.#state !== "selecting" && this.#tries >= triesMax) this.#lose();
    else if (this.isBound && nowMs + 60_000 > this.#leaseEndsMs && this.#tries > 2) {
      this.#wake(this.#leaseEndsMs - nowMs, this.#onSilence);
    } else this.#transmit();
  };

  /** Bound: waits until it renews, or does something else. */
  #rest(): void {
    const toRenewMs = this.#roundUp(Math.max(gridMsUsual, this.#toRenewMs()));
    const toWaveMs = this.#isCalm ? Infinity : this.#toWaveMs();
    if (toRenewMs <= toWaveMs) {
      this.#wake(toRenewMs, () => {
        this.#renew();
      });
      return;
    }
    this.#wake(toWaveMs, () => {
      if (this.#random.oneIn(this.options.whimOneIn)) this.#whim();
      else this.#rest();
    });
  }

  #toRenewMs(): number {
    // What it was told before the faults ended proves nothing.
    if (this.#isCalm && !this.#hasHeard) return this.#random.between(0, calmAskMsMax);
    return this.#renewsAtMs - this.#kernel.nowMs;
  }

  #renew(): void {
    this.#perhapsChangeSoftwire();
    // What every server would hear must be heard, too.
    const isRebinding = this.#isCalm && this.#random.oneIn(3);
    this.#state = isRebinding ? "rebinding" : "renewing";
    this.#ask(isRebinding ? "rebind" : "renew");
  }

  /** Something that a bound client does when it likes. */
  #whim(): void {
    // A lease belongs to a line, if the domain has lines. Elsewhere, it goes with its client.
    if (!this.options.domain.hasLines) this.#perhapsTravel();
    const choice = this.#random.below(12);
    const pair = this.#pair!;
    if (choice < 4) this.#renew();
    else if (choice < 7) {
      this.#say("release", pair);
      if (this.#habits.returnsAtOnce) this.#beginAgain();
      else this.#turnOff();
    } else if (choice < 9) {
      this.#state = "rebooting";
      this.#world.stops(this);
      this.#ask("reboot", this.#pairToReboot(pair));
    } else if (choice === 9 && this.#habits.declinesLeases) {
      this.#say("decline", pair);
      this.#turnOff();
    } else if (choice === 10 && this.#habits.leavesSilently) this.#turnOff();
    else {
      this.#state = "rebinding";
      this.#ask("rebind");
    }
  }

  /** @returns The pair that it has, or one that somebody else has. */
  #pairToReboot(own: ServerPair): ServerPair {
    if (!this.#does(this.#habits.rebootElsewhereOneIn)) return own;
    return { ...own, ...this.#world.somePair(this.#random) };
  }

  /** Waits for the next moment to do something. */
  #waitForWave(): void {
    this.#wake(this.#toWaveMs(), () => {
      if (!this.#habits.actsOnAnswers) {
        for (let left = 1 + this.#random.below(3); left > 0; left--) this.#harm();
        this.#waitForWave();
      } else if (this.#random.oneIn(2)) this.#switchOn();
      else this.#waitForWave();
    });
  }

  /** One message of a client that means no good. */
  #harm(): void {
    const harm = chooseHarm(this.#random, this.#world, this);
    if (harm === undefined) return;
    const { what, pair, victim, isDamaged } = harm;
    const serverIdentifier = what === "withdraw" ? 1 : this.options.serverIdentifier;
    this.#compose(what, pair && { ...pair, serverIdentifier }, victim);
    if (!isDamaged) {
      this.#world.send(this.#sent!, this.#datagram!);
      return;
    }
    // It may be any message by now, so it may give up what its sender has.
    const { clientIdentifier } = this.options.profile;
    const damaged = damage(this.#datagram!, clientIdentifier, this.#random);
    this.#world.send({ ...this.#sent!, what: "release", isDamaged }, damaged);
    this.#forget();
  }

  #compose(what: MessageKind, pair: ServerPair | undefined, pretends?: Client): void {
    const xid = this.#random.next();
    const { profile: own } = this.options;
    const place = this.#place;
    const asksRapidCommit = what === "discover" && this.options.asksRapidCommit;
    const { clientIdentifier } = (pretends ?? this).options.profile;
    const profile = pretends === undefined ? own : { ...own, clientIdentifier };
    const { nowMs: sentMs } = this.#kernel;
    const softwire = this.#softwire && encodeHex(this.#softwire);
    this.#sent = { client: this, what, xid, pair, sentMs, pretends, asksRapidCommit, softwire, place };
    // What a client pretends to be may be answered as its owner's, whose rows it does not know.
    if (pretends === undefined) this.#remember(this.#sent);
    const parts = { xid, softwire: this.#softwire, rapidCommit: asksRapidCommit };
    this.#datagram = encodeMessage(what, this.#withWish(profile), pair, { ...parts, place });
  }

  #remember(sent: Sent): void {
    this.#remembered.push(sent);
    if (this.#remembered.length > rememberedMax) this.#remembered.shift();
  }

  /** Takes the last message back, as far as answers to it are concerned. */
  #forget(): void {
    if (this.#remembered.at(-1) === this.#sent) this.#remembered.pop();
    this.#sent = undefined;
  }

  #perhapsTravel(): void {
    if (this.#random.oneIn(travelOneIn)) this.#travel();
  }

  #travel(): void {
    this.#place = this.#random.pick(this.options.places);
  }

  #withWish(profile: ClientProfile): ClientProfile {
    if (!this.#does(this.#habits.wishOneIn)) return profile;
    return { ...profile, leaseSeconds: this.#random.pick([1, 60, 90, 300, 100_000]) };
  }

  #perhapsChangeSoftwire(): void {
    if (!this.options.usesSoftwire || !this.#random.oneIn(4)) return;
    const forgets = this.#does(this.#habits.forgetSoftwireOneIn);
    this.#softwire = forgets ? undefined : chooseSoftwire(this.#habits, this.address, this.#random);
  }

  #toWaveMs(): number {
    return toWaveMs(this.options.waveSeconds, this.#kernel.nowMs, this.#random);
  }

  /** @returns Whether it does something that it does one time in so many; 0 means never. */
  #does(oneIn: number): boolean {
    return oneIn > 0 && this.#random.oneIn(oneIn);
  }

  #wake(delayMs: number, action: () => void): void {
    const timer = ++this.#timer;
    this.#kernel.after(delayMs, () => {
      if (timer === this.#timer) action();
    });
  }
}
