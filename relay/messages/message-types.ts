/**
 * Names of DHCPv6 message types, for numbers that people read.
 *
 * @module
 */

/** RFC 8415 §7.3, RFC 7341 §10; the rest of IANA's registry goes by its number. */
const names: Readonly<Record<number, string>> = {
  1: "solicit",
  2: "advertise",
  3: "request",
  4: "confirm",
  5: "renew",
  6: "rebind",
  7: "reply",
  8: "release",
  9: "decline",
  10: "reconfigure",
  11: "information-request",
  12: "relay-forw",
  13: "relay-repl",
  20: "dhcpv4-query",
  21: "dhcpv4-response",
};

/** Place of a datagram without any octet in a {@link TypeCounts}. */
const emptyPlace = 256;

/** How many datagrams there were of each message type. */
export class TypeCounts {
  readonly #counts = new Float64Array(emptyPlace + 1);

  /** Counts a datagram. */
  add(datagram: Uint8Array): void {
    this.#counts[datagram[0] ?? emptyPlace]! += 1;
  }

  /** Copies the counts, by name; types that never occurred are absent. */
  snapshot(): Readonly<Record<string, number>> {
    const entries = [...this.#counts.entries()].filter(([, count]) => count > 0);
    return Object.fromEntries(entries.map(([type, count]) => [nameOf(type), count]));
  }
}

function nameOf(type: number): string {
  return type === emptyPlace ? "empty" : (names[type] ?? `type-${type}`);
}
