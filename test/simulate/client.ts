/**
 * Clients: one state machine (RFC 2131 §4.4) that four kinds of clients follow well, badly, without memory, or not at
 * all.
 *
 * @module
 */
import type { ClientProfile, LeasedPair, ServerPair } from "../../src/client/query.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import type { MessageKind } from "../support/message-kinds.ts";
import type { Random } from "../support/random.ts";
import { encodeMessage, readHeard } from "./client-message.ts";
import type { Heard, Place, Sent } from "./client-message.ts";
import type { Kernel } from "./kernel.ts";
import type { ScenarioDomain } from "./scenario.ts";

/** How a client behaves. */
export type ClientKind = "well-behaved" | "stubborn" | "forgetful" | "hostile";

/** How a client reaches its relays, and reports what it does. */
export interface ClientWorld {
  /** Sends a datagram to a relay that the client reaches. */
  readonly send: (sent: Sent, datagram: Uint8Array) => void;
  /** The client got an answer to what it sent, perhaps not for the first time, and perhaps too late. */
  readonly heard: (sent: Sent, heard: Heard) => void;
  /** The client uses a pair from now until then. */
  readonly uses: (client: Client, pair: ServerPair, untilMs: number) => void;
  /** The client uses no pair any more. */
  readonly stops: (client: Client) => void;
  /** A pair that somebody uses, for those who want what is not theirs. */
  readonly somePair: (random: Random) => LeasedPair | undefined;
  /** A client whose identifier may be repeated from another line. */
  readonly someVictim: (client: Client) => Client | undefined;
}

/** Options of a client. */
export interface ClientOptions {
  readonly name: string;
  readonly kind: ClientKind;
  /** The domain of its link. */
  readonly domain: ScenarioDomain;
  readonly link: number;
  readonly profile: ClientProfile;
  /** Where it is at first, and where else it may go. */
  readonly places: readonly [Place, ...Place[]];
  readonly usesSoftwire: boolean;
  readonly asksRapidCommit: boolean;
  /** Option 54 of its server, for clients that did not listen. */
  readonly serverIdentifier: number;
  /** Seconds between two moments at which clients do something on their own. */
  readonly waveSeconds: number;
  /** One in so many of these moments, it does. */
  readonly whimOneIn: number;
}

type State = "off" | "selecting" | "requesting" | "rebooting" | "bound" | "renewing" | "rebinding";

/** Retransmissions wait this long, twice as long each time (RFC 2131 §4.1). */
const firstRetryMs = 4000;
const stubbornRetryMs = 250;
const lastRetryMs = 32_000;
/** Those who act together do so within this time. */
const togetherMs = 10;
/** They act at multiples of this time, those in a hurry at full seconds. */
const gridMsUsual = 5000;
/** A client that lost its lease, or was refused one, waits before it begins again. */
const afterRefusalMs = 500;
/** A client that gets no answer to its REQUEST begins again. */
const triesMax = 4;

/** Messages that a client remembers, so that late answers to them are judged as well. */
const rememberedMax = 4;
/** One DISCOVER in so many names a pair. */
const hintOneIn = 3;
/** One time in so many, a client that was off, or that wants to do something, goes somewhere else. */
const travelOneIn = 4;
/** One time in so many, a client that is switched on asks for the pair that it had last. */
const rebootOneIn = 3;
/** One offer in so many, a bad client does not take, and asks again. */
const refuseOneIn = 5;
/** One offer in so many, a bad client takes elsewhere. */
const takeAlongOneIn = 12;

/** A client. */
export class Client {
  readonly name: string;
  readonly kind: ClientKind;
  readonly options: ClientOptions;
  /** Option 61 in hexadecimal. */
  readonly id: string;
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #world: ClientWorld;
  #place: Place;
  #state: State = "off";
  #pair: ServerPair | undefined;
  /** The pair that it had last, which it may ask for again. */
  #lastPair: ServerPair | undefined;
  #leaseEndsMs = 0;
  #renewsAtMs = 0;
  #rebindsAtMs = 0;
  #softwire: Uint8Array | undefined;
  #sent: Sent | undefined;
  /** Its last messages, the newest last. */
  readonly #remembered: Sent[] = [];
  #datagram: Uint8Array | undefined;
  #tries = 0;
  #timer = 0;
  /** Set when the faults end: it does nothing on its own any more, and wants a lease. */
  #isCalm = false;

  constructor(kernel: Kernel, random: Random, world: ClientWorld, options: ClientOptions) {
    this.#kernel = kernel;
    this.#random = random;
    this.#world = world;
    this.options = options;
    this.name = options.name;
    this.kind = options.kind;
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

  /** Begins to live. */
  start(): void {
    this.#waitForWave();
  }

  /** The faults are over: bad clients fall silent, the others want a lease. */
  calm(): void {
    this.#isCalm = true;
    if (this.kind !== "well-behaved") {
      this.#timer++;
      this.#sent = undefined;
      return;
    }
    if (this.#state === "off") this.#discover();
  }

  /** A datagram arrives. */
  receive(datagram: Uint8Array): void {
    const answer = readHeard(datagram);
    // An offer that was under way for minutes must not wake a bad client up.
    if (answer === undefined || (this.#isCalm && this.kind !== "well-behaved")) return;
    const { xid, heard } = answer;
    const sent = this.#remembered.find((each) => each.xid === xid);
    if (sent === undefined) return;
    this.#world.heard(sent, heard);
    if (sent !== this.#sent || this.kind === "hostile") return;
    if (heard.kind === "offer" && this.#state === "selecting") this.#accept(heard);
    else if (heard.kind === "ack" && this.#state !== "off") this.#bind(sent, heard);
    else if (heard.kind === "nak" && this.#state !== "selecting" && this.#state !== "off") this.#lose();
  }

  #accept({ pair }: Heard): void {
    if (this.kind !== "well-behaved" && !this.#isCalm && this.#random.oneIn(12)) {
      this.#say("withdraw", { ...pair, serverIdentifier: 1 });
      this.#turnOff();
      return;
    }
    if (this.kind !== "well-behaved" && this.#random.oneIn(12)) {
      // It takes what was only offered for its lease.
      this.#pair = pair;
      this.#state = "rebooting";
      this.#ask(this.#random.pick(["reboot", "renew", "rebind"]));
      return;
    }
    if (this.kind !== "well-behaved" && !this.#isCalm && this.#random.oneIn(refuseOneIn)) {
      this.#travel();
      this.#discover();
      return;
    }
    // It takes the offer along to another site.
    if (this.kind !== "well-behaved" && !this.#isCalm && this.#random.oneIn(takeAlongOneIn)) this.#travel();
    this.#pair = pair;
    this.#perhapsChangeSoftwire();
    this.#state = "requesting";
    this.#ask("select");
  }

  #bind(sent: Sent, { pair, seconds }: Heard): void {
    // It counts from when it asked, because the server may have counted from then.
    const sinceMs = sent.sentMs;
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

  /** Its lease has ended. A stubborn client asks for it all the same. */
  #loseInTime(): void {
    if (this.kind !== "stubborn" || this.#isCalm || this.#random.oneIn(2)) {
      this.#lose();
      return;
    }
    this.#world.stops(this);
    this.#perhapsChangeSoftwire();
    this.#state = "rebooting";
    this.#ask(this.#random.pick(["reboot", "renew"]), this.#lastPair);
  }

  #discover(): void {
    this.#pair = undefined;
    this.#state = "selecting";
    this.#ask("discover", this.#hint());
  }

  /** @returns The pair that it asks for: the one that it had, or, if it is stubborn, one that somebody has. */
  #hint(): ServerPair | undefined {
    if (!this.#random.oneIn(hintOneIn)) return undefined;
    if (this.kind !== "stubborn" || this.#random.oneIn(2)) return this.#lastPair;
    const { serverIdentifier } = this.options;
    const pair = this.#world.somePair(this.#random);
    return pair && { ...pair, serverIdentifier };
  }

  /** Switched on, it may remember a pair that it had, and that may have ended since. */
  #switchOn(): void {
    if (this.kind === "well-behaved" || this.#lastPair === undefined || !this.#random.oneIn(rebootOneIn)) {
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
    if (this.#isCalm && this.kind === "well-behaved") this.#discover();
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
    const repeats = this.kind === "stubborn" && this.#random.oneIn(3) ? 2 : 1;
    for (let copy = 0; copy < repeats; copy++) this.#world.send(this.#sent!, this.#datagram!);
    this.#sent = undefined;
  }

  #transmit(): void {
    this.#tries++;
    const isStubborn = this.kind === "stubborn";
    const copies = isStubborn && this.#random.oneIn(8) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) this.#world.send(this.#sent!, this.#datagram!);
    const firstMs = isStubborn ? stubbornRetryMs : firstRetryMs;
    const waitMs = Math.min(lastRetryMs, firstMs * 2 ** (this.#tries - 1));
    this.#wake(this.#roundUp(waitMs * this.#random.between(0.8, 1.2)), this.#onSilence);
  }

  /** Clients act together, every few seconds: many messages in one POST are what is rare otherwise. */
  #roundUp(delayMs: number): number {
    const { nowMs } = this.#kernel;
    const gridMs = delayMs < gridMsUsual ? 1000 : gridMsUsual;
    return Math.ceil((nowMs + delayMs) / gridMs) * gridMs - nowMs + this.#random.between(0, togetherMs);
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
    const toRenewMs = this.#roundUp(Math.max(gridMsUsual, this.#renewsAtMs - this.#kernel.nowMs));
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

  #renew(): void {
    this.#perhapsChangeSoftwire();
    this.#state = "renewing";
    this.#ask("renew");
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
      if (this.kind === "stubborn") this.#beginAgain();
      else this.#turnOff();
    } else if (choice < 9) {
      this.#state = "rebooting";
      this.#world.stops(this);
      this.#ask("reboot", this.#pairToReboot(pair));
    } else if (choice === 9 && this.kind !== "well-behaved") {
      this.#say("decline", pair);
      this.#turnOff();
    } else if (choice === 10 && this.kind === "forgetful") this.#turnOff();
    else {
      this.#state = "rebinding";
      this.#ask("rebind");
    }
  }

  /** @returns The pair of a client, or, if it is stubborn, perhaps one that somebody else has. */
  #pairToReboot(own: ServerPair): ServerPair {
    if (this.kind !== "stubborn" || !this.#random.oneIn(4)) return own;
    return { ...own, ...this.#world.somePair(this.#random) };
  }

  /** Off, or hostile: waits for the next moment to do something. */
  #waitForWave(): void {
    this.#wake(this.#toWaveMs(), () => {
      if (this.kind === "hostile") {
        for (let left = 1 + this.#random.below(3); left > 0; left--) this.#harm();
        this.#waitForWave();
      } else if (this.#random.oneIn(2)) this.#switchOn();
      else this.#waitForWave();
    });
  }

  /** One message of a client that means no good. */
  #harm(): void {
    const what = this.#random.pick<MessageKind>([
      "discover",
      "select",
      "renew",
      "rebind",
      "reboot",
      "release",
      "decline",
      "withdraw",
    ]);
    const pair = this.#world.somePair(this.#random);
    if (pair === undefined && what !== "discover") return;
    const isDamaged = this.#random.oneIn(10);
    const victim = !isDamaged && this.#random.oneIn(2) ? this.#world.someVictim(this) : undefined;
    const serverIdentifier = what === "withdraw" ? 1 : this.options.serverIdentifier;
    this.#compose(what, pair && { ...pair, serverIdentifier }, victim);
    if (!isDamaged) {
      this.#world.send(this.#sent!, this.#datagram!);
      return;
    }
    // It may be any message by now, so it may give up what its sender has.
    this.#world.send({ ...this.#sent!, what: "release", isDamaged: true }, this.#damaged(this.#datagram!));
    this.#forget();
  }

  /** @returns A datagram with one wrong octet, but not in the identifier: another client would be answerable for it. */
  #damaged(datagram: Uint8Array): Uint8Array {
    const damaged = datagram.slice();
    const { clientIdentifier } = (this.#sent!.pretends ?? this).options.profile;
    const identifierAt = Buffer.from(damaged.buffer).indexOf(clientIdentifier);
    const at = this.#random.below(damaged.length);
    const isIdentifier = at >= identifierAt - 2 && at < identifierAt + clientIdentifier.length;
    if (!isIdentifier) damaged[at] = this.#random.below(256);
    return damaged;
  }

  #compose(what: MessageKind, pair: ServerPair | undefined, pretends?: Client): void {
    const xid = this.#random.next();
    const { profile: own } = this.options;
    const place = this.#place;
    const asksRapidCommit = what === "discover" && this.options.asksRapidCommit;
    const { clientIdentifier } = (pretends ?? this).options.profile;
    const profile = pretends === undefined ? own : { ...own, clientIdentifier };
    const { nowMs: sentMs } = this.#kernel;
    this.#sent = { client: this, what, xid, pair, sentMs, pretends, asksRapidCommit, place };
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
    if (this.kind !== "stubborn" || !this.#random.oneIn(4)) return profile;
    return { ...profile, leaseSeconds: this.#random.pick([1, 60, 90, 300, 100_000]) };
  }

  #perhapsChangeSoftwire(): void {
    if (!this.options.usesSoftwire || !this.#random.oneIn(4)) return;
    const forgets = this.kind !== "well-behaved" && this.#random.oneIn(4);
    this.#softwire = forgets ? undefined : this.#newSoftwire();
  }

  #newSoftwire(): Uint8Array {
    if (this.kind === "well-behaved") return parseIPv6(this.address).with(14, 1 + this.#random.below(2));
    // Few addresses, so that several want the same.
    const address = parseIPv6("2001:db8:ffff::");
    address[15] = 1 + this.#random.below(8);
    return address;
  }

  /** @returns Milliseconds to the next moment at which many clients act together. */
  #toWaveMs(): number {
    const waveMs = this.options.waveSeconds * 1000;
    const { nowMs } = this.#kernel;
    const next = (Math.floor(nowMs / waveMs) + 1) * waveMs;
    return next - nowMs + this.#random.between(0, togetherMs);
  }

  #wake(delayMs: number, action: () => void): void {
    const timer = ++this.#timer;
    this.#kernel.after(delayMs, () => {
      if (timer === this.#timer) action();
    });
  }
}
