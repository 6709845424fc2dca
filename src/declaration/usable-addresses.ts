/**
 * Which addresses an operator may declare. An address that no packet of a client can carry is a typing error, and a
 * client that leased it would be without service. Private and shared space (RFC 1918, RFC 6598) and the addresses of
 * documentation (RFC 5737) are for labs and stay allowed.
 *
 * Only declarations are checked. A database of an earlier release may have such addresses, and is served as it is.
 *
 * @module
 */
import * as v from "valibot";
import {
  isLinkLocal,
  isLoopback,
  isMapped,
  isIPv4Compatible,
  isMulticast,
  isSiteLocal,
  isUnspecified,
  parseIPv6,
  parseIPv6Prefix,
} from "../wire/ipv6-address.ts";
import { parseIPv4, parseIPv4Prefix } from "../wire/ipv4-address.ts";

/** Prefixes of IPv4 addresses that no host has (RFC 6890 §2.2.2), and what they are. */
const hostlessPrefixes = [
  { prefix: "0.0.0.0/8", what: "this network" },
  { prefix: "127.0.0.0/8", what: "loopback" },
  { prefix: "169.254.0.0/16", what: "link-local" },
  { prefix: "224.0.0.0/4", what: "multicast" },
  { prefix: "240.0.0.0/4", what: "reserved, and 255.255.255.255 is broadcast" },
].map(({ prefix, what }) => {
  const { address, length } = parseIPv4Prefix(prefix);
  return { prefix, what, firstAddress: address, lastAddress: address + 2 ** (32 - length) - 1 };
});

/** A range of IPv4 addresses, both ends included. */
export interface IPv4Range {
  readonly firstAddress: number;
  readonly lastAddress: number;
}

/**
 * Finds addresses in a range that no client can use.
 *
 * @returns What was expected instead; undefined if all are usable.
 */
export function unusableInRange({ firstAddress, lastAddress }: IPv4Range): string | undefined {
  const found = hostlessPrefixes.find(
    (each) => firstAddress <= each.lastAddress && lastAddress >= each.firstAddress,
  );
  return found && `expected addresses that a host can have: ${found.prefix} is ${found.what}`;
}

/** @returns Whether a range contains an address. */
export function rangeContains({ firstAddress, lastAddress }: IPv4Range, address: number): boolean {
  return firstAddress <= address && address <= lastAddress;
}

/**
 * Checks a well-formed text.
 *
 * @returns What was expected instead; undefined if the text is usable.
 */
export type Refusal = (text: string) => string | undefined;

/** Adds a check to a schema. Its message shows what was found and what was expected. */
export function usable(refusal: Refusal) {
  return v.rawCheck<string>(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.issues !== undefined) return;
    const expected = refusal(dataset.value);
    if (expected !== undefined) {
      addIssue({ message: `found "${dataset.value}", ${expected}`, received: `"${dataset.value}"` });
    }
  });
}

/** Refuses an IPv4 address that no host has. */
export const unlessHost: Refusal = (text) => {
  const address = parseIPv4(text);
  return unusableInRange({ firstAddress: address, lastAddress: address });
};

/** Refuses 0.0.0.0 and 255.255.255.255, which cannot be the address of a server. */
export const unlessAnyServer: Refusal = (text) =>
  ["0.0.0.0", "255.255.255.255"].includes(text) ? "expected the address of a host" : undefined;

/** Refuses an address that cannot be a next hop. 0.0.0.0 is allowed: the destination is on the link (RFC 3442). */
export const unlessNextHop: Refusal = (text) =>
  parseIPv4(text) < 0xe0000000 ? undefined : "expected a unicast address";

/** Refuses an address that is not unicast, so that it cannot be a router or name server. */
export const unlessUnicast: Refusal = (text) => {
  const address = parseIPv4(text);
  return address < 0x01000000 || address >= 0xe0000000 ? "expected a unicast address" : undefined;
};

/** Kinds of IPv6 addresses that may not be declared, because they mean nothing beyond one link or host. */
const localKinds: readonly (readonly [(octets: Uint8Array) => boolean, string])[] = [
  [isUnspecified, "the unspecified address"],
  [isLoopback, "the loopback address"],
  [isMulticast, "multicast"],
  [isLinkLocal, "link-local"],
  [isMapped, "IPv4-mapped"],
];

/**
 * Kinds that are refused for the ends of a softwire too, because no network routes them any more. A link may still be
 * named by one (RFC 3879 §4).
 */
const softwireKinds: typeof localKinds = [
  ...localKinds,
  [isSiteLocal, "site-local, which RFC 3879 withdrew"],
  [isIPv4Compatible, "IPv4-compatible, which RFC 4291 withdrew"],
];

const whyNotGlobal = (octets: Uint8Array, kinds = localKinds): string | undefined => {
  const found = kinds.find(([isSuch]) => isSuch(octets));
  return found && `expected a global or unique local address: it is ${found[1]}`;
};

/** Refuses an IPv6 address that a border relay cannot have. */
export const unlessGlobal: Refusal = (text) => whyNotGlobal(parseIPv6(text), softwireKinds);

/** Refuses a link-address that a relay cannot state. `::` is allowed: it means that no relay names the link. */
export const unlessLink: Refusal = (text) => {
  const octets = parseIPv6(text);
  return isUnspecified(octets) || isLoopback(octets) ? undefined : whyNotGlobal(octets);
};

/** Refuses a prefix that no client can have. `::/0` (all clients) and `::1/128` (clients on this host) are allowed. */
export const unlessServed: Refusal = (text) =>
  isLoopback(parseIPv6Prefix(text).address) ? undefined : whyNotGlobalPrefix(text, localKinds);

/** Refuses a prefix all of whose addresses are unusable for a softwire. */
export const unlessGlobalPrefix: Refusal = (text) => whyNotGlobalPrefix(text, softwireKinds);

function whyNotGlobalPrefix(text: string, kinds: typeof localKinds): string | undefined {
  const { address, length } = parseIPv6Prefix(text);
  const named =
    length === 128 ? kinds : kinds.filter(([isSuch]) => isSuch !== isUnspecified && isSuch !== isLoopback);
  const isWithin = isMapped(address) || isIPv4Compatible(address) ? length >= 96 : true;
  const why = isWithin ? whyNotGlobal(address, named) : undefined;
  return why?.replace("address: it is", "prefix: it is");
}
