/**
 * What clients believe: the pair that each was told, and until when. No port may have two believers.
 *
 * @module
 */
import { Excuses } from "./excuses.ts";
import { share } from "./pools.ts";
import type { NamedPair } from "./pools.ts";
import { must } from "./violation.ts";

/** A pair that a client uses. */
export interface Belief {
  readonly client: string;
  readonly pair: NamedPair;
  readonly fromMs: number;
  readonly untilMs: number;
  /** An operator, or a message of the client itself that was late, took the pair away, and the client does not know. */
  isRevoked: boolean;
}

/** All clients and what they believe. */
export class Beliefs {
  readonly #excuses: Excuses;
  readonly #byClient = new Map<string, Belief>();
  readonly #byAddress = new Map<number, Set<Belief>>();

  constructor(excuses = new Excuses()) {
    this.#excuses = excuses;
  }

  of(client: string): Belief | undefined {
    return this.#byClient.get(client);
  }

  /**
   * A client uses a pair from now until then.
   *
   * @param isRevoked Whether the pair was taken away while the answer was under way.
   */
  set(client: string, pair: NamedPair, nowMs: number, untilMs: number, isRevoked: boolean): Belief {
    this.end(client);
    const belief: Belief = { client, pair, fromMs: nowMs, untilMs, isRevoked };
    const ofAddress = this.#byAddress.get(pair.address) ?? new Set<Belief>();
    let isSpared = isRevoked;
    for (const other of ofAddress) {
      if (other.untilMs <= nowMs) {
        ofAddress.delete(other);
        if (this.#byClient.get(other.client) === other) this.#byClient.delete(other.client);
        continue;
      }
      const isShared = share(other.pair, pair);
      const isExcused = isRevoked || other.isRevoked;
      isSpared ||= isShared && isExcused;
      must(!isShared || isExcused, "two clients use one port", belief, other);
    }
    this.#excuses.count("port in use: revoked", isSpared);
    ofAddress.add(belief);
    this.#byAddress.set(pair.address, ofAddress);
    this.#byClient.set(client, belief);
    return belief;
  }

  /** A client uses no pair any more. */
  end(client: string): void {
    const before = this.#byClient.get(client);
    if (before === undefined) return;
    this.#byClient.delete(client);
    this.#byAddress.get(before.pair.address)?.delete(before);
  }

  /** A message in which a client gives its pair up arrives, perhaps later than the client has it again. */
  doubt(client: string): void {
    const belief = this.#byClient.get(client);
    if (belief !== undefined) belief.isRevoked = true;
  }

  /** An operator takes a pair away from whoever uses it. */
  revoke(pair: NamedPair): void {
    for (const belief of this.#byAddress.get(pair.address) ?? [])
      if (share(belief.pair, pair)) belief.isRevoked = true;
  }
}
