/**
 * The addresses whose relay levels were not believed, for the operator: one of them may be a relay that is missing from
 * the settings. Anyone can make up addresses, so only the latest are kept, and the log gets a line now and then.
 *
 * @module
 */
import { relayUntrustedKeptMax, relayUntrustedLogMs } from "../../src/limits.ts";

/** An address whose relay level was not believed. */
export interface UntrustedRelay {
  /** IPv6 address, with `%zone` if it is link-local and was the UDP source. */
  readonly address: string;
  /** Endpoint of the listener. */
  readonly listener: string;
  /** Number of datagrams. */
  readonly count: number;
}

/** The untrusted relays of one relay process. */
export class UntrustedRelays {
  readonly #known = new Map<string, UntrustedRelay>();
  #nextLogMs = -Infinity;
  #unlogged = 0;

  /** The latest addresses, the least recent first. */
  list(): readonly UntrustedRelay[] {
    return [...this.#known.values()];
  }

  /**
   * Counts a datagram.
   *
   * @param nowMs Milliseconds of a monotonic clock.
   * @returns How many datagrams a log line about this one should count, or undefined if there should be no line now.
   */
  add(address: string, listener: string, nowMs: number): number | undefined {
    const key = `${listener} ${address}`;
    const count = (this.#known.get(key)?.count ?? 0) + 1;
    this.#known.delete(key);
    if (this.#known.size >= relayUntrustedKeptMax) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(key, { address, listener, count });
    this.#unlogged++;
    if (nowMs < this.#nextLogMs) return undefined;
    this.#nextLogMs = nowMs + relayUntrustedLogMs;
    const logged = this.#unlogged;
    this.#unlogged = 0;
    return logged;
  }
}
