/**
 * The choice of the domain that serves a query (RFC 7341 §11). It takes as long with 65,000 lines as with one: lines and
 * prefixes are found by key, in an index that is built once for each configuration.
 *
 * @module
 */
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import { findOption6 } from "../wire/dhcpv6/options.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { encodeHex } from "../wire/hex.ts";
import { isLinkLocal, isUnspecified, maskIPv6 } from "../wire/ipv6-address.ts";
import type { Directory, Domain } from "./domain.ts";
import { nearestLink } from "./line.ts";

/** Prefixes of one length. */
interface PrefixTable {
  /** In bits: 0..128. */
  readonly length: number;
  /** Key of the network -> the first domain that has it. */
  readonly domains: ReadonlyMap<string, Domain>;
}

/** The domains of a directory by what locates a client. */
interface DomainIndex {
  /** Key of a line -> the first domain that has it. */
  readonly lines: ReadonlyMap<string, Domain>;
  /** Octets of the longest Interface-Id of a line; 0 without lines. */
  readonly interfaceIdOctetsMax: number;
  /** The longest prefixes first. */
  readonly prefixes: readonly PrefixTable[];
  readonly fallback: Domain | undefined;
}

const indexes = new WeakMap<readonly Domain[], DomainIndex>();

/**
 * Finds the domain that serves a client.
 *
 * 1. A domain that lists the client's line serves it, because a line is the most specific location. A line is the pair
 *    of an Interface-Id and the link-address of its level. If that is `::`, as an LDRA leaves it, the link-address of
 *    the nearest level around it counts, and otherwise `::` itself. The innermost line wins.
 * 2. Otherwise the innermost usable link-address locates the client. Two addresses are not usable: `::` does not
 *    identify a link (RFC 8415 §13.1, RFC 6221), and a link-local address is not unique among links. If no
 *    link-address is usable, the client's own address locates it, unless it is link-local. Among all matching prefixes
 *    of all domains, the longest wins.
 * 3. Clients that no prefix covers go to the default domain.
 *
 * @param directory Domains to choose from.
 * @param believed Levels of trusted relays, outermost first. The peer-address of the last level is the client's address.
 * @returns The domain, or undefined when no domain serves this client.
 */
export function selectDomain({ domains }: Directory, believed: readonly RelayLevel[]): Domain | undefined {
  let index = indexes.get(domains);
  if (index === undefined) indexes.set(domains, (index = indexOf(domains)));
  const onLine = findLine(index, believed);
  if (onLine !== undefined) return onLine;
  const place = locationOf(believed);
  return (place && findPrefix(index, place)) ?? index.fallback;
}

function indexOf(domains: readonly Domain[]): DomainIndex {
  const lines = new Map<string, Domain>();
  const tables = new Map<number, Map<string, Domain>>();
  let interfaceIdOctetsMax = 0;
  for (const domain of domains) {
    for (const { linkAddress, interfaceId } of domain.lines) {
      const key = lineKey(linkAddress, interfaceId);
      if (!lines.has(key)) lines.set(key, domain);
      interfaceIdOctetsMax = Math.max(interfaceIdOctetsMax, interfaceId.length);
    }
    for (const { address, length } of domain.prefixes) {
      const table = tables.get(length) ?? new Map<string, Domain>();
      const key = networkKey(address, length);
      if (!table.has(key)) table.set(key, domain);
      tables.set(length, table);
    }
  }
  const prefixes = [...tables].map(([length, table]) => ({ length, domains: table }));
  return {
    lines,
    interfaceIdOctetsMax,
    prefixes: prefixes.sort((a, b) => b.length - a.length),
    fallback: domains.find(({ isDefault }) => isDefault),
  };
}

const lineKey = (linkAddress: Uint8Array, interfaceId: Uint8Array): string =>
  `${encodeHex(linkAddress)}:${encodeHex(interfaceId)}`;

/** @returns The octets that the prefix touches, its host bits cleared. */
const networkKey = (address: Uint8Array, length: number): string =>
  encodeHex(maskIPv6(address.subarray(0, (length + 7) >> 3), length));

/** The outermost level is skipped: it is our own relay, whose Interface-Id identifies a socket and not a line. */
function findLine(index: DomainIndex, believed: readonly RelayLevel[]): Domain | undefined {
  if (index.lines.size === 0) return undefined;
  for (let level = believed.length - 1; level > 0; level--) {
    const { linkAddress, options } = believed[level]!;
    const interfaceId = findOption6(options, OptionCode6.interfaceId);
    if (interfaceId === undefined || interfaceId.length > index.interfaceIdOctetsMax) continue;
    const around = isUnspecified(linkAddress) ? nearestLink(believed, level) : undefined;
    for (const link of [around, linkAddress]) {
      const domain = link && index.lines.get(lineKey(link, interfaceId));
      if (domain !== undefined) return domain;
    }
  }
  return undefined;
}

function findPrefix({ prefixes }: DomainIndex, place: Uint8Array): Domain | undefined {
  for (const { length, domains } of prefixes) {
    const domain = domains.get(networkKey(place, length));
    if (domain !== undefined) return domain;
  }
  return undefined;
}

function locationOf(believed: readonly RelayLevel[]): Uint8Array | undefined {
  for (let level = believed.length - 1; level >= 0; level--) {
    const { linkAddress } = believed[level]!;
    if (!isUnspecified(linkAddress) && !isLinkLocal(linkAddress)) return linkAddress;
  }
  const source = believed.at(-1)?.peerAddress;
  return source === undefined || isLinkLocal(source) ? undefined : source;
}
