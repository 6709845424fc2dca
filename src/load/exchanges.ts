/**
 * The exchanges of a load. Each waits for an OFFER or an ACK; when it ends, its slot goes to the next client.
 *
 * They use little CPU and memory, because they may share a machine with the server that they measure: queries are
 * copied from templates, one sweep over all exchanges replaces a timer for each, and the state of an exchange is a few
 * numbers in typed arrays.
 *
 * @module
 */
import { DecodeError } from "../wire/decode-error.ts";
import { MessageType, OptionCode } from "../wire/dhcpv4/codes.ts";
import { decodeDhcpV4 } from "../wire/dhcpv4/message.ts";
import type { DhcpV4Message } from "../wire/dhcpv4/message.ts";
import { decodeMessageType } from "../wire/dhcpv4/options/message-type.ts";
import { infiniteSeconds } from "../wire/dhcpv4/options/seconds.ts";
import { decodeDhcpV4Response } from "../wire/dhcpv6/dhcpv4-query.ts";
import { encodeHex } from "../wire/hex.ts";
import { unwrapRelayReply } from "../client/answer.ts";
import { createLatencies } from "./latencies.ts";
import { heldRowsOf, pairAt, storeLease } from "./lease-table.ts";
import type { LeaseTable } from "./lease-table.ts";
import { ackRecordOf, leaseEndMs, leaseSecondsOf, pairOfMessage } from "./answers.ts";
import { queriesOf } from "./options.ts";
import type { LoadSettings } from "./options.ts";
import { clientOfIdentifier, identifierOfClient } from "./queries.ts";
import type { PackedPair, Queries } from "./queries.ts";
import { createLoadCounts } from "./result.ts";
import type { EarlyEnd, LoadResult } from "./result.ts";
import type { LoadSockets } from "./sockets.ts";
import { Turns } from "./turns.ts";

/** What an exchange is waiting for. */
export const phases = { idle: 0, discovering: 1, requesting: 2 } as const;

/** Milliseconds between two looks at the clock, where exchanges begin by it. */
const paceMs = 5;

/** Most milliseconds between two sweeps, because each also tells the progress. */
const sweepMsMax = 1000;

/** A phase of a running exchange. */
export type Phase = (typeof phases)[Exclude<keyof typeof phases, "idle">];

/**
 * The exchanges of a load. Each exchange in flight has a slot, which is its index in every array. The low bits of its
 * xid are the slot, so that an answer finds its exchange without a search. The high bits are a counter, so that a late
 * answer to an earlier exchange of the slot is recognized.
 */
export class Exchanges {
  readonly #settings: LoadSettings;
  readonly #leases: LeaseTable;
  readonly #firstPhase: Phase;
  readonly #queries: Queries;
  #sockets: LoadSockets | undefined;

  readonly #slotBits: number;
  readonly #phase: Uint8Array;
  readonly #row: Uint32Array;
  readonly #xid: Uint32Array;
  readonly #tries: Uint8Array;
  /** Milliseconds: start of the exchange, start of its phase, last transmission. */
  readonly #beganMs: Float64Array;
  readonly #phaseMs: Float64Array;
  readonly #sentMs: Float64Array;
  readonly #length: Uint16Array;
  /** One message for each slot, `#queries.octetsMax` octets apart. */
  readonly #octets: Uint8Array;

  readonly #turns: Turns;
  /** OFFERs that clients accepted, and exchanges that ended with an ACK. */
  #offers = 0;
  #done = 0;
  #nextCount: number;
  #active = 0;
  #end: (why: EarlyEnd | undefined) => void = doNothing;

  readonly #offer;
  readonly #ack;
  readonly #exchange;
  readonly #counts = createLoadCounts();

  constructor(settings: LoadSettings, leases: LeaseTable, firstPhase: Phase) {
    const { inFlight, clients, timing } = settings;
    this.#settings = settings;
    this.#leases = leases;
    this.#firstPhase = firstPhase;
    this.#queries = queriesOf(settings);
    this.#slotBits = Math.ceil(Math.log2(inFlight));
    this.#nextCount = Math.floor(timing.random() * 2 ** 16);
    const rows =
      firstPhase === phases.requesting
        ? heldRowsOf(leases)
        : Uint32Array.from({ length: clients }, (_, row) => row);
    this.#turns = new Turns(settings, rows);
    this.#phase = new Uint8Array(inFlight);
    this.#row = new Uint32Array(inFlight);
    this.#xid = new Uint32Array(inFlight);
    this.#tries = new Uint8Array(inFlight);
    this.#beganMs = new Float64Array(inFlight);
    this.#phaseMs = new Float64Array(inFlight);
    this.#sentMs = new Float64Array(inFlight);
    this.#length = new Uint16Array(inFlight);
    this.#octets = new Uint8Array(inFlight * this.#queries.octetsMax);
    this.#offer = createLatencies(clients);
    this.#ack = createLatencies(clients);
    this.#exchange = createLatencies(clients);
  }

  /** Runs until every client has finished its exchange, or the time limit is reached. */
  async run(sockets: LoadSockets): Promise<LoadResult> {
    const { timing, retransmitMs, perSecond, beginsForMs, durationMsMax, stop } = this.#settings;
    this.#sockets = sockets;
    this.#turns.start();
    const cancelSweep = this.#every(Math.min(retransmitMs / 4, sweepMsMax), () => {
      this.#sweep();
      this.#tell();
    });
    const ended = new Promise<EarlyEnd | undefined>((resolve) => {
      this.#end = resolve;
    });
    const cancelEnd = timing.later(() => {
      this.#end("time-limit");
    }, durationMsMax);
    this.#beginDue();
    stop?.addEventListener("abort", this.#beginDue);
    const isPaced = perSecond !== undefined || beginsForMs !== undefined;
    const cancelPace = isPaced ? this.#every(paceMs, this.#beginDue) : doNothing;
    const endedEarly = await ended;
    stop?.removeEventListener("abort", this.#beginDue);
    for (const cancel of [cancelSweep, cancelPace, cancelEnd]) cancel();
    this.#counts.unfinished = this.#active + this.#turns.unserved;
    this.#tell();
    return {
      leases: this.#leases,
      elapsedMs: this.#turns.elapsedMs,
      endedEarly,
      offer: this.#offer.summary(),
      ack: this.#ack.summary(),
      exchange: this.#exchange.summary(),
      counts: this.#counts,
    };
  }

  /** Repeats work until it is cancelled. */
  #every(ms: number, work: () => void): () => void {
    let cancel = doNothing;
    const workLater = (): void => {
      cancel = this.#settings.timing.later(() => {
        work();
        workLater();
      }, ms);
    };
    workLater();
    return () => {
      cancel();
    };
  }

  #tell(): void {
    const goesOn = this.#settings.onProgress?.({
      elapsedMs: this.#turns.elapsedMs,
      offers: this.#offers,
      done: this.#done,
      inFlight: this.#active,
      counts: this.#counts,
    });
    if (goesOn === false) this.#end("given-up");
  }

  /** Begins exchanges in the idle slots, as many as are due by now. Ends the load if none is left. */
  readonly #beginDue = (): void => {
    for (const [slot, phase] of this.#phase.entries()) {
      if (phase === phases.idle && !this.#beginNext(slot)) break;
    }
    this.#endIfOver();
  };

  #endIfOver(): void {
    if (this.#active === 0 && this.#turns.isOver) this.#end(this.#turns.earlyEnd);
  }

  /** @returns False when no exchange is due. */
  #beginNext(slot: number): boolean {
    const row = this.#turns.take();
    if (row === undefined) return false;
    this.#active++;
    this.#row[slot] = row;
    this.#xid[slot] = this.#nextCount++ * 2 ** this.#slotBits + slot;
    this.#beganMs[slot] = this.#settings.timing.nowMs();
    if (this.#firstPhase === phases.discovering) {
      const length = this.#queries.discover(this.#octetsOf(slot), this.#clientOf(slot), this.#xid[slot]);
      this.#enter(slot, phases.discovering, length);
    } else {
      const lease = pairAt(this.#leases, row);
      const length = this.#queries.renewing(
        this.#octetsOf(slot),
        this.#clientOf(slot),
        this.#xid[slot],
        lease,
      );
      this.#enter(slot, phases.requesting, length);
    }
    return true;
  }

  #octetsOf(slot: number): Uint8Array {
    const { octetsMax } = this.#queries;
    return this.#octets.subarray(slot * octetsMax, (slot + 1) * octetsMax);
  }

  #clientOf(slot: number): number {
    return this.#leases.firstClient + this.#row[slot]!;
  }

  /** Starts a phase and sends its first message, which is already in the slot's octets. */
  #enter(slot: number, phase: Phase, length: number): void {
    this.#phase[slot] = phase;
    this.#length[slot] = length;
    this.#tries[slot] = 0;
    this.#phaseMs[slot] = this.#settings.timing.nowMs();
    this.#transmit(slot);
  }

  #transmit(slot: number): void {
    this.#tries[slot]!++;
    this.#sentMs[slot] = this.#settings.timing.nowMs();
    if (this.#isLost()) return;
    this.#sockets!.send(slot, this.#octets, slot * this.#queries.octetsMax, this.#length[slot]!);
  }

  /** Retransmits, or gives up, the exchanges whose answer is overdue. */
  #sweep(): void {
    const { timing, retransmitMs, triesMax } = this.#settings;
    const nowMs = timing.nowMs();
    for (const [slot, phase] of this.#phase.entries()) {
      if (phase === phases.idle) continue;
      const tries = this.#tries[slot]!;
      if (nowMs - this.#sentMs[slot]! < retransmitMs * 2 ** (tries - 1)) continue;
      if (tries < triesMax) {
        this.#counts.retransmits++;
        this.#transmit(slot);
      } else {
        this.#counts.timeouts++;
        if (phase === phases.discovering) this.#counts.withoutOffer++;
        this.#finish(slot);
      }
    }
  }

  /** Counts a socket error. */
  readonly onSocketError = (): void => {
    this.#counts.socketErrors++;
  };

  /** Decides whether the next datagram is lost on purpose, and counts it. */
  #isLost(): boolean {
    const { lossRatio, timing } = this.#settings;
    if (lossRatio === 0 || timing.random() >= lossRatio) return false;
    this.#counts.lost++;
    return true;
  }

  /** Receives a datagram, and counts it as ignored if it answers no exchange. */
  readonly onDatagram = (datagram: Uint8Array): void => {
    if (this.#isLost()) return;
    if (!this.#accept(datagram)) this.#counts.ignored++;
  };

  #accept(datagram: Uint8Array): boolean {
    try {
      const response = unwrapRelayReply(datagram, undefined);
      return response !== undefined && this.#advance(decodeDhcpV4(decodeDhcpV4Response(response).dhcpv4));
    } catch (error) {
      if (error instanceof DecodeError) return false;
      throw error;
    }
  }

  /**
   * Advances the exchange that a message answers.
   *
   * @returns False when the message answers no exchange.
   * @throws {DecodeError} When an option of the message is malformed.
   */
  #advance(message: DhcpV4Message): boolean {
    const slot = message.xid % 2 ** this.#slotBits;
    const phase = this.#phase[slot] ?? phases.idle;
    if (phase === phases.idle || this.#xid[slot] !== message.xid) return false;
    const clientIdentifier = message.options.get(OptionCode.clientIdentifier);
    const typeData = message.options.get(OptionCode.messageType);
    if (clientIdentifier === undefined || typeData === undefined) return false;
    if (clientOfIdentifier(clientIdentifier) !== this.#clientOf(slot)) return false;
    const type = decodeMessageType(typeData);
    if (phase === phases.discovering && type === MessageType.offer) return this.#onOffer(slot, message);
    if (phase === phases.requesting && type === MessageType.ack) return this.#onAck(slot, message);
    if (phase === phases.requesting && type === MessageType.nak) return this.#onNak(slot);
    return false;
  }

  #onOffer(slot: number, message: DhcpV4Message): boolean {
    const offer = pairOfMessage(message);
    if (offer === undefined) return false;
    this.#offers++;
    this.#offer.add(this.#settings.timing.nowMs() - this.#phaseMs[slot]!);
    const length = this.#queries.selecting(this.#octetsOf(slot), this.#clientOf(slot), message.xid, offer);
    this.#enter(slot, phases.requesting, length);
    return true;
  }

  #onAck(slot: number, message: DhcpV4Message): boolean {
    const lease = pairOfMessage(message);
    if (lease === undefined) return false;
    const leaseSeconds = leaseSecondsOf(message) ?? infiniteSeconds;
    const nowMs = this.#settings.timing.nowMs();
    this.#ack.add(nowMs - this.#phaseMs[slot]!);
    this.#exchange.add(nowMs - this.#beganMs[slot]!);
    const untilMs = leaseEndMs(this.#phaseMs[slot]!, leaseSeconds);
    const isOther = storeLease(this.#leases, this.#row[slot]!, { ...lease, fromMs: nowMs, untilMs });
    // A client that starts over with a DISCOVER may get any pair.
    if (isOther && this.#firstPhase === phases.requesting) this.#counts.moved++;
    this.#writeAck(slot, message, lease, nowMs);
    this.#done++;
    this.#settings.onAck?.();
    this.#finish(slot);
    return true;
  }

  #writeAck(slot: number, message: DhcpV4Message, lease: PackedPair, nowMs: number): void {
    const { wireLog } = this.#settings;
    if (wireLog === undefined) return;
    // The server may have answered any of the transmissions, so the wait counts from the first one.
    const waitedMs = nowMs - this.#phaseMs[slot]!;
    const record = ackRecordOf(message, lease, { client: this.#clientOf(slot), at: Date.now(), waitedMs });
    if (record !== undefined) wireLog(record);
  }

  #onNak(slot: number): boolean {
    this.#counts.naks++;
    const client = encodeHex(identifierOfClient(this.#clientOf(slot)));
    this.#settings.wireLog?.({ is: "nak", client, at: Date.now() });
    this.#leases.isHeld[this.#row[slot]!] = 0;
    this.#finish(slot);
    return true;
  }

  #finish(slot: number): void {
    this.#phase[slot] = phases.idle;
    this.#active--;
    const row = this.#row[slot]!;
    // A client without a lease has nothing to renew.
    if (this.#firstPhase === phases.discovering || this.#leases.isHeld[row] === 1) this.#turns.giveBack(row);
    this.#beginNext(slot);
    this.#endIfOver();
  }
}

function doNothing(): void {
  // Placeholder until the timer or the end callback is set.
}
