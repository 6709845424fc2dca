/**
 * Names of DHCPv6 message types, and counts by message type.
 *
 * @module
 */

/** Types of RFC 8415 §7.3 and RFC 7341 §10. Other types are shown by number. */
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

/** Index in {@link TypeCounts} for empty datagrams. */
const emptyIndex = 256;

/** Counts datagrams by message type. */
export class TypeCounts {
  readonly #counts = new Float64Array(emptyIndex + 1);

  /** Counts a datagram. */
  add(datagram: Uint8Array): void {
    this.#counts[datagram[0] ?? emptyIndex]! += 1;
  }

  /** Copies the counts, by name of the type. Types that never occurred are absent. */
  snapshot(): Readonly<Record<string, number>> {
    const entries = [...this.#counts.entries()].filter(([, count]) => count > 0);
    return Object.fromEntries(entries.map(([type, count]) => [nameOf(type), count]));
  }
}

function nameOf(type: number): string {
  return type === emptyIndex ? "empty" : (names[type] ?? `type-${type}`);
}
