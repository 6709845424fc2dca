/**
 * The pools of the bench. They use the benchmark addresses of RFC 2544, and are only slightly larger than necessary, so
 * that clients really share addresses.
 *
 * @module
 */
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import { createPoolGeometry } from "../../src/portset/pool-geometry.ts";
import { formatIPv4, parseIPv4 } from "../../src/wire/ipv4-address.ts";

/** With PSID-length 6, each client gets 1024 ports and 63 clients share an address. The first port set is reserved. */
const shared = { psidOffset: 0, psidLength: 6 };

/** Slots in proportion to clients. A pool without free slots would measure something else. */
const margin = 1.05;

/** First and last addresses of the two halves of 198.18.0.0/15. */
const sharedRange = { first: parseIPv4("198.18.0.0"), last: parseIPv4("198.18.255.255") };
const fullRange = { first: parseIPv4("198.19.0.0"), last: parseIPv4("198.19.255.255") };

/**
 * Declares a default domain with one pool.
 *
 * @param clients Number of leases for which the pool must have room.
 * @param isShared Whether clients share addresses or get one each.
 * @throws {RangeError} When the clients need more than 65536 addresses.
 */
export function benchDeclaration(clients: number, isShared: boolean): DeclarationInput {
  const { first, last } = isShared ? sharedRange : fullRange;
  const addresses = Math.ceil((clients * margin) / (isShared ? clientsPerAddress() : 1));
  if (first + addresses - 1 > last) {
    throw new RangeError(
      `Cannot create a pool for ${clients} clients: it needs ${addresses} addresses, expected at most 65536`,
    );
  }
  const range = `${formatIPv4(first)}-${formatIPv4(first + addresses - 1)}`;
  return {
    domains: [
      {
        name: "bench",
        default: true,
        serverIdentifier: "198.51.100.1",
        pools: [
          isShared
            ? { name: "shared", kind: "shared", range, ...shared }
            : { name: "full", kind: "full", range },
        ],
      },
    ],
  };
}

/** Link-addresses that select the domains of {@link placedDeclaration}. */
export const benchLinks = ["2001:db8:1::1", "2001:db8:2::1"] as const;

/**
 * Declares two domains with half of the clients each, which can be placed on different databases.
 *
 * @throws {RangeError} When the clients need more than 65536 addresses.
 */
export function placedDeclaration(clients: number): DeclarationInput {
  const addresses = Math.ceil(((clients / 2) * margin) / clientsPerAddress());
  const { first, last } = sharedRange;
  if (first + 2 * addresses - 1 > last) {
    throw new RangeError(
      `Cannot create pools for ${clients} clients: they need ${2 * addresses} addresses, expected at most 65536`,
    );
  }
  return {
    domains: benchLinks.map((link, index) => {
      const begin = first + index * addresses;
      const range = `${formatIPv4(begin)}-${formatIPv4(begin + addresses - 1)}`;
      return {
        name: `bench-${index}`,
        prefixes: [`${link}/128`],
        serverIdentifier: "198.51.100.1",
        pools: [{ name: `shared-${index}`, kind: "shared", range, ...shared }],
      };
    }),
  };
}

function clientsPerAddress(): number {
  const reservedPorts = [{ first: 0, last: 1023 }];
  return createPoolGeometry({ firstAddress: 0, lastAddress: 0, ...shared, reservedPorts, fill: "pack" })
    .slots;
}
