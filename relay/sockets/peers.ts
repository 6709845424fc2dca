/**
 * Parses the source addresses of datagrams: from Node's text to octets, and to the source for the rate limit.
 *
 * @module
 */
import { relayPeersMax } from "../../src/limits.ts";
import { formatIPv6, isLinkLocal, maskIPv6, parseIPv6, prefixContains } from "../../src/wire/ipv6-address.ts";
import type { IPv6Prefix } from "../../src/wire/ipv6-address.ts";
import type { PeerAddress } from "../messages/envelope.ts";

/** Sender of a datagram. */
export interface Peer extends PeerAddress {
  /** Source to which the rate limit counts the datagram; undefined if it has no limit. */
  readonly source: string | undefined;
}

/** Rules that assign addresses to sources. */
export interface SourceRules {
  /** Leading bits of an address that identify a source. A link-local source is identified by all bits and its zone. */
  readonly sourcePrefixLength: number;
  /** Prefixes of sources without a rate limit. */
  readonly unlimitedSources: readonly IPv6Prefix[];
}

/**
 * Parses addresses and caches the results. Most datagrams come from a few downstream relays, and parsing an address
 * takes longer than everything else that the relay does with a datagram.
 */
export class Peers {
  readonly #rules: SourceRules;
  readonly #known = new Map<string, Peer>();

  constructor(rules: SourceRules) {
    this.#rules = rules;
  }

  /**
   * Parses an address, or returns the cached result.
   *
   * @param text IPv6 address, with `%zone` if it is link-local.
   * @throws {SyntaxError} If it is not an IPv6 address.
   */
  parse(text: string): Peer {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const [host, zone = ""] = text.split("%", 2) as [string, string?];
    const address = parseIPv6(host);
    const peer = { address, zone, source: this.#sourceOf(address, text) };
    // Clearing the cache makes each peer be parsed once more. Tracking the least recently used peer would cost more.
    if (this.#known.size === relayPeersMax) this.#known.clear();
    this.#known.set(text, peer);
    return peer;
  }

  #sourceOf(address: Uint8Array, text: string): string | undefined {
    const { sourcePrefixLength, unlimitedSources } = this.#rules;
    if (unlimitedSources.some((prefix) => prefixContains(prefix, address))) return undefined;
    return isLinkLocal(address) ? text : formatIPv6(maskIPv6(address, sourcePrefixLength));
  }
}
