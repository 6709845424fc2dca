/**
 * Source addresses of datagrams, from the text that Node has for them to octets.
 *
 * @module
 */
import { relayPeersMax } from "../src/limits.ts";
import { parseIPv6 } from "../src/wire/ipv6-address.ts";

/** Who sent a datagram. */
export interface Peer {
  /** 16 octets. */
  readonly address: Uint8Array;
  /** Name of the interface when the address is link-local, else empty. */
  readonly zone: string;
}

/**
 * Parses addresses, and remembers them: most datagrams come from a few relays nearer the clients, and to parse an
 * address takes longer than all else that the relay does to a datagram.
 */
export class Peers {
  readonly #known = new Map<string, Peer>();

  /**
   * @param text IPv6 address, with `%zone` when it is link-local.
   * @throws {SyntaxError} When it is not one.
   */
  parse(text: string): Peer {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const [address, zone = ""] = text.split("%", 2) as [string, string?];
    const peer = { address: parseIPv6(address), zone };
    // To begin anew costs each peer one more parsing; to find out which one was not seen for longest costs more.
    if (this.#known.size === relayPeersMax) this.#known.clear();
    this.#known.set(text, peer);
    return peer;
  }
}
