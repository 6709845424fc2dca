/**
 * A load of many clients: each obtains, renews or releases its lease over real UDP, so many exchanges at a time.
 *
 * It is frugal, to share a machine with what it measures: queries are copies of templates, there is no timer for each
 * exchange but one sweep over all, and what is kept for an exchange are numbers in typed arrays.
 *
 * ```ts
 * import { leaseLoad } from "./load.ts";
 * import { leasesOf } from "./lease-table.ts";
 * import { findOverlaps } from "./overlaps.ts";
 *
 * const result = await leaseLoad({ server: "::1", port: 8547, clients: 10_000, inFlight: 256 });
 * findOverlaps(leasesOf(result.leases)); // []
 * ```
 *
 * @module
 */
import { loadExchangesMax } from "../limits.ts";
import { DecodeError } from "../wire/decode-error.ts";
import { MessageType, OptionCode } from "../wire/dhcpv4/codes.ts";
import { decodeDhcpV4 } from "../wire/dhcpv4/message.ts";
import type { DhcpV4Message } from "../wire/dhcpv4/message.ts";
import { decodeAddress } from "../wire/dhcpv4/options/address.ts";
import { decodeMessageType } from "../wire/dhcpv4/options/message-type.ts";
import { decodePortParams } from "../wire/dhcpv4/options/port-params.ts";
import { decodeDhcpV4Response } from "../wire/dhcpv6/dhcpv4-query.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { encodeHex } from "../wire/hex.ts";
import { readUint32, writeUint32 } from "../wire/octets.ts";
import { unwrapRelayReply } from "./answer.ts";
import { createLatencies } from "./latencies.ts";
import type { LatencySummary } from "./latencies.ts";
import { createLeaseTable } from "./lease-table.ts";
import type { LeaseTable } from "./lease-table.ts";
import { clientOfIdentifier, createLoadQueries, identifierOfClient } from "./load-queries.ts";
import type { LoadPair, LoadQueries } from "./load-queries.ts";
import { openLoadSockets } from "./load-sockets.ts";
import type { LoadSockets } from "./load-sockets.ts";
import { systemTiming } from "./timing.ts";
import type { Timing } from "./timing.ts";
import type { WireLog } from "./wire-log.ts";

/** Who loads whom, and how much. */
export interface LoadOptions {
  /** IPv6 address of the server or relay. */
  readonly server: string;
  /** Its UDP port. */
  readonly port: number;
  /** How many clients take part, 1 or more. */
  readonly clients: number;
  /** Number of the first; another number is another client. Default: 0. */
  readonly firstClient?: number;
  /** Exchanges at a time, 1 to 65536. */
  readonly inFlight: number;
  /** Sockets to send from. Default: 2. */
  readonly sockets?: number;
  /** The clients list option 159. Default: true. */
  readonly sharesPorts?: boolean;
  /** DHCPv6 options that they want beside the answer. Default: none. */
  readonly optionRequest?: readonly number[];
  /** The RELAY-FORW level to send in. Default: bare queries. */
  readonly relay?: RelayLevel;
  /** Milliseconds before a message is sent again; doubles each time. Default: 1000. */
  readonly retransmitMs?: number;
  /** How often a message is sent before its client gives up, 1 to 10. Default: 5. */
  readonly triesMax?: number;
  /** Milliseconds that the whole may take. Default: 60000. */
  readonly durationMsMax?: number;
  readonly timing?: Timing;
  /** Gets what happens to each client, by the clock of this machine. Default: nobody does. */
  readonly wireLog?: WireLog | undefined;
}

/** What came of a load. */
export interface LoadResult {
  readonly leases: LeaseTable;
  readonly elapsedMs: number;
  /** From DISCOVER to OFFER. */
  readonly offer: LatencySummary;
  /** From REQUEST to ACK. */
  readonly ack: LatencySummary;
  /** From the first message of an exchange to its ACK. */
  readonly exchange: LatencySummary;
  readonly counts: LoadCounts;
}

/** How often things happened. */
export interface LoadCounts {
  /** Messages that were sent again. */
  retransmits: number;
  /** Exchanges that a NAK ended. */
  naks: number;
  /** Exchanges that got no answer to all their tries. */
  timeouts: number;
  /** Clients that had no end, or no beginning, when the time was over. */
  unfinished: number;
  /** Datagrams that answered nothing: late, repeated, of another client, or malformed. */
  ignored: number;
  /** Renewals that were acknowledged with another pair than the client's: a fault of the server. */
  moved: number;
  /** Complaints of the sockets, such as that nobody listens on the port. */
  socketErrors: number;
}

const defaults = {
  firstClient: 0,
  sockets: 2,
  sharesPorts: true,
  optionRequest: [],
  retransmitMs: 1000,
  triesMax: 5,
  durationMsMax: 60_000,
  timing: systemTiming,
} as const satisfies Partial<LoadOptions>;

type Settings = LoadOptions & Required<Pick<LoadOptions, keyof typeof defaults>>;

/**
 * Lets clients obtain leases: DISCOVER, OFFER, REQUEST, ACK for each.
 *
 * @throws {RangeError} When the options are out of range.
 * @throws {Error} When there is no route to the server.
 */
export function leaseLoad(options: LoadOptions): Promise<LoadResult> {
  const settings = settingsOf(options);
  return runLoad(settings, createLeaseTable(settings.firstClient, settings.clients), phases.discovering);
}

/**
 * Lets clients renew what they hold; those without a lease are passed over.
 *
 * @param options Its clients are the table's.
 * @param leases Is written to: the result holds the same table.
 * @throws {RangeError} When the options are out of range.
 * @throws {Error} When there is no route to the server.
 */
export function renewLoad(
  options: Omit<LoadOptions, "clients" | "firstClient">,
  leases: LeaseTable,
): Promise<LoadResult> {
  const { clients, firstClient } = leases;
  return runLoad(settingsOf({ ...options, clients, firstClient }), leases, phases.requesting);
}

/** Milliseconds between two bursts of RELEASE: nothing is answered that could set the pace. */
const releasePauseMs = 10;

/**
 * Lets clients release what they hold, `inFlight` of them every 10 ms. No answer says whether a RELEASE arrived.
 *
 * @returns How many were sent; the table says of none that it is held.
 * @throws {RangeError} When the options are out of range.
 * @throws {Error} When there is no route to the server.
 */
export async function releaseLoad(
  options: Omit<LoadOptions, "clients" | "firstClient">,
  leases: LeaseTable,
): Promise<number> {
  const { clients, firstClient } = leases;
  const settings = settingsOf({ ...options, clients, firstClient });
  const queries = queriesOf(settings);
  const sockets = await openLoadSockets(settings, ignore, ignore);
  let sent = 0;
  for (let row = 0; row < clients; row++) {
    if (leases.isHeld[row] === 0) continue;
    const client = encodeHex(identifierOfClient(firstClient + row));
    settings.wireLog?.({ is: "release", client, at: Date.now() });
    // The system may still hold the octets of the messages before: each has its own.
    const octets = new Uint8Array(queries.octetsMax);
    const length = queries.release(octets, firstClient + row, row, pairAt(leases, row));
    sockets.send(sent, octets, 0, length);
    leases.isHeld[row] = 0;
    sent++;
    if (sent % settings.inFlight === 0) await pause(settings.timing, releasePauseMs);
  }
  await pause(settings.timing, releasePauseMs);
  sockets.close();
  return sent;
}

function ignore(): void {
  // What comes back for a RELEASE, or from its socket, changes nothing.
}

function pause({ later }: Timing, ms: number): Promise<void> {
  return new Promise((resolve) => {
    later(resolve, ms);
  });
}

function settingsOf(options: LoadOptions): Settings {
  const settings = { ...defaults, ...options };
  for (const [name, max] of [
    ["clients", 2 ** 32],
    ["inFlight", loadExchangesMax],
    ["sockets", 64],
    ["triesMax", 10],
  ] as const) {
    const value = settings[name];
    if (!Number.isInteger(value) || value < 1 || value > max) {
      throw new RangeError(`Cannot run load: ${name} is ${value}, expected an integer from 1 to ${max}`);
    }
  }
  return settings;
}

function queriesOf({ sharesPorts, optionRequest, relay }: Settings): LoadQueries {
  return createLoadQueries({ sharesPorts, optionRequest, relay });
}

function pairAt(leases: LeaseTable, row: number): LoadPair {
  return {
    address: leases.address[row]!,
    serverIdentifier: leases.serverIdentifier[row]!,
    portParams: leases.portParams[row]!,
  };
}

async function runLoad(settings: Settings, leases: LeaseTable, firstPhase: Phase): Promise<LoadResult> {
  const load = new Load(settings, leases, firstPhase);
  const sockets = await openLoadSockets(settings, load.onDatagram, load.onSocketError);
  try {
    return await load.run(sockets);
  } finally {
    sockets.close();
  }
}

/** What an exchange waits for. */
const phases = { idle: 0, discovering: 1, requesting: 2 } as const;
type Phase = (typeof phases)[Exclude<keyof typeof phases, "idle">];

/**
 * A load at work. Exchange number `slot` of those in flight has its place in each array. The low bits of its xid are
 * the slot, so that an answer finds its exchange without a search; the high bits count, so that a late answer to an
 * earlier exchange of the slot is known as such.
 */
class Load {
  readonly #settings: Settings;
  readonly #leases: LeaseTable;
  readonly #firstPhase: Phase;
  readonly #queries: LoadQueries;
  #sockets: LoadSockets | undefined;

  readonly #slotBits: number;
  readonly #phase: Uint8Array;
  readonly #row: Uint32Array;
  readonly #xid: Uint32Array;
  readonly #tries: Uint8Array;
  /** Milliseconds: begin of the exchange, begin of its phase, last send. */
  readonly #beganMs: Float64Array;
  readonly #phaseMs: Float64Array;
  readonly #sentMs: Float64Array;
  readonly #length: Uint16Array;
  /** One message for each slot, `#queries.octetsMax` octets apart. */
  readonly #octets: Uint8Array;

  #nextRow = 0;
  #nextCount: number;
  #active = 0;
  #end: () => void = ignore;

  readonly #offer;
  readonly #ack;
  readonly #exchange;
  readonly #counts: LoadCounts = {
    retransmits: 0,
    naks: 0,
    timeouts: 0,
    unfinished: 0,
    ignored: 0,
    moved: 0,
    socketErrors: 0,
  };

  constructor(settings: Settings, leases: LeaseTable, firstPhase: Phase) {
    const { inFlight, clients, timing } = settings;
    this.#settings = settings;
    this.#leases = leases;
    this.#firstPhase = firstPhase;
    this.#queries = queriesOf(settings);
    this.#slotBits = Math.ceil(Math.log2(inFlight));
    this.#nextCount = Math.floor(timing.random() * 2 ** 16);
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

  async run(sockets: LoadSockets): Promise<LoadResult> {
    const { timing, inFlight, retransmitMs, durationMsMax } = this.#settings;
    this.#sockets = sockets;
    const startMs = timing.nowMs();
    let cancelSweep = ignore;
    const sweepLater = (): void => {
      cancelSweep = timing.later(() => {
        this.#sweep();
        sweepLater();
      }, retransmitMs / 4);
    };
    const ended = new Promise<void>((resolve) => {
      this.#end = resolve;
    });
    const cancelEnd = timing.later(this.#end, durationMsMax);
    for (let slot = 0; slot < inFlight; slot++) this.#begin(slot);
    sweepLater();
    await ended;
    cancelSweep();
    cancelEnd();
    this.#counts.unfinished = this.#active + this.#leases.clients - this.#nextRow;
    return {
      leases: this.#leases,
      elapsedMs: timing.nowMs() - startMs,
      offer: this.#offer.summary(),
      ack: this.#ack.summary(),
      exchange: this.#exchange.summary(),
      counts: this.#counts,
    };
  }

  /** Gives a slot to the next client, or ends the load when it was the last slot at work. */
  #begin(slot: number): void {
    const { clients, isHeld } = this.#leases;
    if (this.#firstPhase === phases.requesting) {
      while (this.#nextRow < clients && isHeld[this.#nextRow] === 0) this.#nextRow++;
    }
    if (this.#nextRow === clients) {
      if (this.#active === 0) this.#end();
      return;
    }
    const row = this.#nextRow++;
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
  }

  #octetsOf(slot: number): Uint8Array {
    const { octetsMax } = this.#queries;
    return this.#octets.subarray(slot * octetsMax, (slot + 1) * octetsMax);
  }

  #clientOf(slot: number): number {
    return this.#leases.firstClient + this.#row[slot]!;
  }

  /** Sends the first message of a phase, which is in the slot's octets. */
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
    this.#sockets!.send(slot, this.#octets, slot * this.#queries.octetsMax, this.#length[slot]!);
  }

  /** Looks for exchanges whose answer is overdue. */
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
        this.#finish(slot);
      }
    }
  }

  readonly onSocketError = (): void => {
    this.#counts.socketErrors++;
  };

  readonly onDatagram = (datagram: Uint8Array): void => {
    if (!this.#hears(datagram)) this.#counts.ignored++;
  };

  #hears(datagram: Uint8Array): boolean {
    try {
      const response = unwrapRelayReply(datagram, undefined);
      return response !== undefined && this.#act(decodeDhcpV4(decodeDhcpV4Response(response).dhcpv4));
    } catch (error) {
      if (error instanceof DecodeError) return false;
      throw error;
    }
  }

  /**
   * @returns Whether the message answers an exchange.
   * @throws {DecodeError} When one of its options is malformed.
   */
  #act(message: DhcpV4Message): boolean {
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
    const offer = pairOf(message);
    if (offer === undefined) return false;
    this.#offer.add(this.#settings.timing.nowMs() - this.#phaseMs[slot]!);
    const length = this.#queries.selecting(this.#octetsOf(slot), this.#clientOf(slot), message.xid, offer);
    this.#enter(slot, phases.requesting, length);
    return true;
  }

  #onAck(slot: number, message: DhcpV4Message): boolean {
    const lease = pairOf(message);
    if (lease === undefined) return false;
    const nowMs = this.#settings.timing.nowMs();
    this.#ack.add(nowMs - this.#phaseMs[slot]!);
    this.#exchange.add(nowMs - this.#beganMs[slot]!);
    this.#hold(this.#row[slot]!, lease);
    this.#writeAck(slot, message, lease, nowMs);
    this.#finish(slot);
    return true;
  }

  /** It was asked for when the phase began, whichever of the repeats was answered. */
  #writeAck(
    slot: number,
    { options }: DhcpV4Message,
    { address, portParams }: LoadPair,
    nowMs: number,
  ): void {
    const { wireLog } = this.#settings;
    const leaseTime = options.get(OptionCode.leaseTime);
    if (wireLog === undefined || leaseTime === undefined) return;
    const data = new Uint8Array(4);
    writeUint32(data, 0, portParams);
    const at = Date.now();
    wireLog({
      is: "ack",
      client: encodeHex(identifierOfClient(this.#clientOf(slot))),
      at,
      sentAt: at - (nowMs - this.#phaseMs[slot]!),
      address,
      ...decodePortParams(data),
      leaseSeconds: readUint32(leaseTime, 0),
    });
  }

  #hold(row: number, lease: LoadPair): void {
    const { isHeld, address, portParams, serverIdentifier } = this.#leases;
    const isSame = address[row] === lease.address && portParams[row] === lease.portParams;
    if (isHeld[row] === 1 && !isSame) this.#counts.moved++;
    isHeld[row] = 1;
    address[row] = lease.address;
    portParams[row] = lease.portParams;
    serverIdentifier[row] = lease.serverIdentifier;
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
    this.#begin(slot);
  }
}

/**
 * @returns Undefined when the message names no lease.
 * @throws {DecodeError} When an option is malformed: a bad option 159 must not pass for a full address.
 */
function pairOf({ yiaddr, options }: DhcpV4Message): LoadPair | undefined {
  const serverIdentifier = options.get(OptionCode.serverIdentifier);
  if (yiaddr === 0 || serverIdentifier === undefined) return undefined;
  const portParams = options.get(OptionCode.portParams);
  if (portParams !== undefined) decodePortParams(portParams);
  return {
    address: yiaddr,
    serverIdentifier: decodeAddress(serverIdentifier),
    portParams: portParams === undefined ? 0 : readUint32(portParams, 0),
  };
}
