/**
 * The pools of the bench: of addresses that RFC 2544 sets aside for this, and just large enough, so that clients
 * really share addresses.
 *
 * @module
 */
import type { DeclarationInput } from "../../src/declaration/declaration.ts";
import { createPoolGeometry } from "../../src/portset/pool-geometry.ts";
import { formatIPv4, parseIPv4 } from "../../src/wire/ipv4-address.ts";

/** A PSID-length of 6 is 1024 ports for each client, and 63 clients on an address: the first set is reserved. */
const shared = { psidOffset: 0, psidLength: 6 };

/** Room above the number of clients: a pool that is full to the last slot would be another measurement. */
const margin = 1.05;

/** Begins and ends of the halves of 198.18.0.0/15. */
const sharedRange = { first: parseIPv4("198.18.0.0"), last: parseIPv4("198.18.255.255") };
const fullRange = { first: parseIPv4("198.19.0.0"), last: parseIPv4("198.19.255.255") };

/**
 * Declares a domain for everyone with one pool.
 *
 * @param clients How many leases it must have room for.
 * @param isShared Whether clients share addresses, or get one each.
 * @throws {RangeError} When there are more clients than room.
 */
export function benchDeclaration(clients: number, isShared: boolean): DeclarationInput {
  const { first, last } = isShared ? sharedRange : fullRange;
  const addresses = Math.ceil((clients * margin) / (isShared ? clientsPerAddress() : 1));
  if (first + addresses - 1 > last) {
    throw new RangeError(
      `Cannot make a pool for ${clients} clients: it has ${addresses} addresses, expected 65536`,
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

/** Link-addresses by which clients of {@link placedDeclaration} find their domains. */
export const benchLinks = ["2001:db8:1::1", "2001:db8:2::1"] as const;

/**
 * Declares two domains with half of the clients each, so that they can be on databases of their own.
 *
 * @throws {RangeError} When there are more clients than room.
 */
export function placedDeclaration(clients: number): DeclarationInput {
  const addresses = Math.ceil(((clients / 2) * margin) / clientsPerAddress());
  const { first, last } = sharedRange;
  if (first + 2 * addresses - 1 > last) {
    throw new RangeError(
      `Cannot make pools for ${clients} clients: they have ${2 * addresses} addresses, expected 65536 at most`,
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
