/**
 * The address of an HTTP client. Behind a proxy, the address of the connection is the proxy's, and the client's is in a
 * header that anyone can write. So the header counts only as far as trusted proxies have written it.
 *
 * @module
 */
import { authFailurePrefixBits, forwardedHopsMax, trustedProxiesMax } from "../limits.ts";
import { formatIPv6, maskIPv6, parseIPv6, parseIPv6Prefix, prefixContains } from "../wire/ipv6-address.ts";
import type { IPv6Prefix } from "../wire/ipv6-address.ts";
import { parseIPv4, parseIPv4Prefix } from "../wire/ipv4-address.ts";

/** IPv4 addresses are handled as the IPv6 addresses that stand for them, ::ffff:0:0/96 (RFC 4291 §2.5.5.2). */
const mappedBits = 96;

/** A prefix of addresses of trusted proxies. */
export type ProxyPrefix = IPv6Prefix;

/**
 * Parses a list of prefixes and addresses, such as `10.0.0.0/8, 2001:db8::1`.
 *
 * @param text Entries separated by commas, spaces or both.
 * @returns The prefixes. An address is a prefix of all its bits.
 * @throws {SyntaxError} When an entry is neither a prefix nor an address.
 * @throws {RangeError} When an entry has host bits, or there are too many entries.
 */
export function parseTrustedProxies(text: string): readonly ProxyPrefix[] {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== "");
  if (entries.length > trustedProxiesMax) {
    throw new RangeError(
      `Cannot trust proxies: found ${entries.length} prefixes, expected at most ${trustedProxiesMax}`,
    );
  }
  return entries.map(parseProxy);
}

function parseProxy(entry: string): ProxyPrefix {
  if (!/^[\d.]+(\/|$)|:/.test(entry)) {
    throw new SyntaxError(
      `Cannot trust proxies: found "${entry}", expected an address or a prefix, such as 10.0.0.0/8`,
    );
  }
  const [, isPrefix] = /^[^/]*(\/)?/.exec(entry)!;
  if (entry.includes(":")) return parseIPv6Prefix(isPrefix === undefined ? `${entry}/128` : entry);
  const { address, length } = parseIPv4Prefix(isPrefix === undefined ? `${entry}/32` : entry);
  return { address: mapped(address), length: mappedBits + length };
}

function mapped(address: number): Uint8Array {
  const octets = new Uint8Array(16);
  octets.fill(0xff, 10, 12);
  new DataView(octets.buffer).setUint32(12, address);
  return octets;
}

/** @returns 16 octets; undefined if the text is not an address. A port, brackets and a zone are left out. */
function parseAddress(text: string): Uint8Array | undefined {
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? text.replace(/^([\d.]+):\d+$/, "$1");
  try {
    return bare.includes(":") ? parseIPv6(bare.replace(/%.*$/, "")) : mapped(parseIPv4(bare));
  } catch {
    return undefined;
  }
}

/**
 * Groups addresses that one client can use: an IPv4 address alone, and all addresses of an IPv6 /64.
 *
 * @param text The address; undefined if the platform does not report one.
 * @returns The name of the group.
 */
export function addressGroup(text: string | undefined): string {
  const address = text === undefined ? undefined : parseAddress(text);
  if (address === undefined) return "unknown";
  const isIPv4 = prefixContains({ address: mapped(0), length: mappedBits }, address);
  return formatIPv6(isIPv4 ? address : maskIPv6(address, authFailurePrefixBits));
}

/** Returns a header of a request; several of the same name are joined by commas. */
export type ReadHeader = (name: string) => string | undefined;

/**
 * Creates a function that finds the address of a client. If the connection comes from a trusted proxy, it is the last
 * address in `X-Forwarded-For` or `Forwarded` (RFC 7239) that is not itself a trusted proxy. If both headers are there
 * and name different clients, neither is believed: the proxy may have passed on one of them as the client sent it.
 *
 * @returns A function from the address of the connection and the headers to the address of the client.
 */
export function createClientAddress(
  trusted: readonly ProxyPrefix[],
): (peer: string | undefined, header: ReadHeader) => string | undefined {
  const isTrusted = (text: string): boolean => {
    const address = parseAddress(text);
    return address !== undefined && trusted.some((prefix) => prefixContains(prefix, address));
  };
  /** @param hops Addresses in the order in which proxies appended them. */
  const follow = (peer: string, hops: readonly string[]): string => {
    let believed = peer;
    for (const hop of hops.slice(-forwardedHopsMax).reverse()) {
      // An entry that is not an address names no client, and the entries before it are not trusted.
      if (parseAddress(hop) === undefined) return believed;
      believed = hop;
      if (!isTrusted(hop)) return believed;
    }
    return believed;
  };
  return (peer, header) => {
    if (peer === undefined || !isTrusted(peer)) return peer;
    const [plain, standard] = [header("x-forwarded-for"), header("forwarded")];
    const chains = [
      plain === undefined ? [] : [plain.split(",").map((hop) => hop.trim())],
      standard === undefined ? [] : [forwardedHops(standard)],
    ].flat();
    const clients = chains.map((hops) => follow(peer, hops));
    const groups = new Set(clients.map(addressGroup));
    return groups.size === 1 ? clients[0] : peer;
  };
}

/**
 * Reads the `for` parameter of each element of `Forwarded` (RFC 7239 §4). An element that has none, or that is not well
 * formed, is a hop without an address. Quotation marks do not hide a comma: an address needs none, and a client could
 * open a quotation in its own header, or in a host name, that swallows what the proxy appends.
 */
function forwardedHops(header: string): string[] {
  return header.split(",").map((element) => {
    const pairs = element.split(";").map((pair) => /^\s*([\w-]+)=(?:"([^"\\]*)"|([^\s"\\]+))\s*$/.exec(pair));
    if (pairs.includes(null)) return "";
    const [, , quoted, token] = pairs.find((pair) => pair![1]!.toLowerCase() === "for") ?? [];
    return quoted ?? token ?? "";
  });
}
