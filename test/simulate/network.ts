/**
 * The network: UDP, which loses, repeats, delays and reorders, and HTTP over TCP, which delays or breaks.
 *
 * @module
 */
import type { Random } from "../support/random.ts";
import type { Action, Kernel } from "./kernel.ts";

/** What a link does to what passes it. Probabilities are from 0 to 1. */
export interface LinkFaults {
  readonly lost: number;
  readonly repeated: number;
  /** Delayed by up to {@link LinkFaults.delayMsMax} beyond the usual. */
  readonly delayed: number;
  readonly delayMsMax: number;
  /** UDP: only the first part arrives. TCP: the connection breaks within the answer. */
  readonly truncated: number;
}

export const noFaults: LinkFaults = { lost: 0, repeated: 0, delayed: 0, delayMsMax: 0, truncated: 0 };

/** What is delayed for longer was queued. Queues are emptied at multiples of a time. */
const queuedMsMin = 100;
const burstMs = 250;
/** A broken connection is noticed within this time. */
const noticeMsMax = 3000;

/** What happened on the network, for the report. */
export type NetworkEvent = "lost" | "repeated" | "delayed" | "truncated" | "partitioned" | "broken";

/** A datagram that has not been read. */
interface Datagram {
  readonly arrivesMs: number;
  readonly receive: Action;
}

/** The network of a simulation. */
export class Network {
  readonly #kernel: Kernel;
  readonly #random: Random;
  readonly #count: (event: NetworkEvent) => void;
  /** Pairs of hosts that can't reach each other, as `a b`. */
  readonly #partitions = new Set<string>();
  readonly #collectMs: number;
  /** Datagrams under way, by the time at which they are read. */
  readonly #collected = new Map<number, Datagram[]>();
  /** Changed when the faults end. */
  udp: LinkFaults;
  tcp: LinkFaults;

  constructor(
    kernel: Kernel,
    random: Random,
    links: { readonly udp: LinkFaults; readonly tcp: LinkFaults; readonly collectMs: number },
    count: (event: NetworkEvent) => void,
  ) {
    this.#kernel = kernel;
    this.#random = random;
    this.#count = count;
    this.udp = links.udp;
    this.tcp = links.tcp;
    this.#collectMs = links.collectMs;
  }

  /** Separates two hosts, or joins them again. */
  partition(a: string, b: string, isApart: boolean): void {
    for (const pair of [`${a} ${b}`, `${b} ${a}`])
      if (isApart) this.#partitions.add(pair);
      else this.#partitions.delete(pair);
  }

  /** Joins all hosts. */
  join(): void {
    this.#partitions.clear();
  }

  isApart(a: string, b: string): boolean {
    return this.#partitions.size > 0 && this.#partitions.has(`${a} ${b}`);
  }

  /**
   * Sends a datagram.
   *
   * @param receive Called for each copy that arrives. It owns the octets.
   */
  sendDatagram(
    from: string,
    to: string,
    datagram: Uint8Array,
    receive: (datagram: Uint8Array) => void,
  ): void {
    if (this.isApart(from, to)) {
      this.#count("partitioned");
      return;
    }
    const { lost, repeated, truncated } = this.udp;
    if (this.#happens(lost)) {
      this.#count("lost");
      return;
    }
    const copies = this.#happens(repeated) ? 2 : 1;
    if (copies > 1) this.#count("repeated");
    for (let copy = 0; copy < copies; copy++) {
      let octets = datagram.slice();
      if (this.#happens(truncated)) {
        this.#count("truncated");
        octets = octets.subarray(0, this.#random.below(octets.length));
      }
      this.#deliver(this.#delayMs(this.udp), () => {
        receive(octets);
      });
    }
  }

  /**
   * Sends something over a connection.
   *
   * @param onBroken Called instead if the connection breaks.
   */
  sendOverTcp(from: string, to: string, arrive: Action, onBroken: Action): void {
    if (this.isApart(from, to)) {
      // Its sender waits until its own time limit.
      this.#count("partitioned");
      return;
    }
    const isBroken = this.#happens(this.tcp.lost) || this.#happens(this.tcp.truncated);
    if (!isBroken) {
      this.#kernel.after(this.#delayMs(this.tcp), arrive);
      return;
    }
    this.#count("broken");
    this.#kernel.after(this.#noticeMs(), onBroken);
  }

  /**
   * Delivers a datagram. Datagrams are collected, as network cards do, so that messages that come together are read
   * together. They keep the order of their arrival.
   */
  #deliver(delayMs: number, receive: Action): void {
    const { nowMs } = this.#kernel;
    if (this.#collectMs === 0) {
      this.#kernel.after(delayMs, receive);
      return;
    }
    const arrivesMs = nowMs + delayMs;
    const readMs = Math.ceil(arrivesMs / this.#collectMs) * this.#collectMs;
    const collected = this.#collected.get(readMs);
    if (collected !== undefined) {
      collected.push({ arrivesMs, receive });
      return;
    }
    const first = [{ arrivesMs, receive }];
    this.#collected.set(readMs, first);
    this.#kernel.at(readMs, () => {
      this.#collected.delete(readMs);
      for (const each of first.sort((a, b) => a.arrivesMs - b.arrivesMs)) each.receive();
    });
  }

  /** What was queued for long leaves together with others, as when a link that was full has room again. */
  #toBurst(delayMs: number): number {
    const { nowMs } = this.#kernel;
    return Math.ceil((nowMs + delayMs) / burstMs) * burstMs - nowMs;
  }

  /** @returns When somebody notices that a connection broke: at once, or only after a while. */
  #noticeMs(): number {
    return Math.exp(this.#random.between(0, Math.log(noticeMsMax)));
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#random.fraction() < probability;
  }

  #delayMs({ delayed, delayMsMax }: LinkFaults): number {
    const usualMs = this.#random.between(1, 5);
    if (!this.#happens(delayed)) return usualMs;
    this.#count("delayed");
    // Short delays are as likely as long ones.
    const delayMs = Math.exp(this.#random.between(0, Math.log(delayMsMax)));
    return usualMs + (delayMs < queuedMsMin ? delayMs : this.#toBurst(delayMs));
  }
}
