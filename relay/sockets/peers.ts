/**
 * Source addresses of datagrams, from the text that Node has for them to octets, and to what they count as.
 *
 * @module
 */
import { relayPeersMax } from "../../src/limits.ts";
import { formatIPv6, isLinkLocal, maskIPv6, parseIPv6, prefixContains } from "../../src/wire/ipv6-address.ts";
import type { IPv6Prefix } from "../../src/wire/ipv6-address.ts";
import type { PeerAddress } from "../messages/envelope.ts";

/** Who sent a datagram. */
export interface Peer extends PeerAddress {
  /** Whose rate the datagram counts for; undefined when it is of a source without a limit. */
  readonly source: string | undefined;
}

/** What makes a source. */
export interface SourceRules {
  /** Bits of an address that tell sources apart; link-local ones are told apart by all of them and the zone. */
  readonly sourcePrefixLength: number;
  /** Whose datagrams are not limited. */
  readonly trustedSources: readonly IPv6Prefix[];
}

/**
 * Parses addresses, and remembers them: most datagrams come from a few relays nearer the clients, and to parse an
 * address takes longer than all else that the relay does to a datagram.
 */
export class Peers {
  readonly #rules: SourceRules;
  readonly #known = new Map<string, Peer>();

  constructor(rules: SourceRules) {
    this.#rules = rules;
  }

  /**
   * @param text IPv6 address, with `%zone` when it is link-local.
   * @throws {SyntaxError} When it is not one.
   */
  parse(text: string): Peer {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const [host, zone = ""] = text.split("%", 2) as [string, string?];
    const address = parseIPv6(host);
    const peer = { address, zone, source: this.#sourceOf(address, text) };
    // To begin anew costs each peer one more parsing; to find out which one was not seen for longest costs more.
    if (this.#known.size === relayPeersMax) this.#known.clear();
    this.#known.set(text, peer);
    return peer;
  }

  #sourceOf(address: Uint8Array, text: string): string | undefined {
    const { sourcePrefixLength, trustedSources } = this.#rules;
    if (trustedSources.some((prefix) => prefixContains(prefix, address))) return undefined;
    return isLinkLocal(address) ? text : formatIPv6(maskIPv6(address, sourcePrefixLength));
  }
}
