/**
 * The line of a client: where it is, as trusted relays say. A client identifier says who a client is, and anybody can
 * repeat it from elsewhere; a line says where it is.
 *
 * Three options of a relay identify a line. Remote-Id and Subscriber-Id are names in the whole network. An Interface-Id
 * is unique only within its relay, so it needs the link-address of the relay beside it, unless the domain declares that
 * its Interface-Ids are unique.
 *
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { siteIdentifierOctetsMax } from "../limits.ts";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import { findOption6 } from "../wire/dhcpv6/options.ts";
import { decodeRemoteId } from "../wire/dhcpv6/options/remote-id.ts";
import type { RemoteId } from "../wire/dhcpv6/options/remote-id.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { encodeHex } from "../wire/hex.ts";
import { ipv6Octets, isUnspecified } from "../wire/ipv6-address.ts";
import { showOctets } from "../wire/octets-text.ts";

/** Octets of the enterprise number at the start of a Remote-Id. Alone, it names a manufacturer and no line. */
const enterpriseNumberOctets = 4;

/** Link-address of a level that nothing around it locates. */
const noLink = new Uint8Array(ipv6Octets);

/**
 * Names a client's line by its Remote-Id, otherwise by its Subscriber-Id, otherwise by its Interface-Id if that is
 * unique in the domain.
 *
 * @param believed Levels of trusted relays, outermost first. The outermost level is our own relay, whose Interface-Id
 *   identifies a listener and not a line.
 * @param interfaceIdsAreUnique Whether no two lines of the domain have the same Interface-Id.
 * @returns The name, `kind:hex`, which is the same whichever relay the client's messages pass; empty if the line has no
 *   such name.
 */
export function lineOf(believed: readonly RelayLevel[], interfaceIdsAreUnique: boolean): string {
  const name = remoteIdOf(believed) ?? subscriberIdOf(believed);
  if (name !== undefined) return name;
  return (interfaceIdsAreUnique ? uniqueInterfaceOf(believed) : undefined) ?? "";
}

/** @returns `remote:` and the innermost Remote-Id (RFC 4649) that has more than an enterprise number. */
function remoteIdOf(believed: readonly RelayLevel[]): string | undefined {
  const found = findRemoteId(believed);
  return found && `remote:${identifierKey(found.value)}`;
}

/** @returns `subscriber:` and the innermost Subscriber-Id (RFC 4580) that is not empty. */
export function subscriberIdOf(believed: readonly RelayLevel[]): string | undefined {
  const found = findSubscriberId(believed);
  return found && `subscriber:${identifierKey(found.value)}`;
}

/** @returns `interface:` and the innermost Interface-Id that is not empty. */
export function uniqueInterfaceOf(believed: readonly RelayLevel[]): string | undefined {
  const found = findInterfaceId(believed);
  return found && `interface:${identifierKey(found.value)}`;
}

/** @returns `interface:`, the nearest link-address, and the innermost Interface-Id that is not empty. */
export function interfaceOnLinkOf(believed: readonly RelayLevel[]): string | undefined {
  const found = findInterfaceId(believed);
  if (found === undefined) return undefined;
  const link = nearestLink(believed, found.index) ?? noLink;
  return `interface:${encodeHex(link)}:${identifierKey(found.value)}`;
}

/**
 * Finds the link-address that is nearest to a client. An LDRA leaves its link-address unspecified (RFC 6221 §5.3.1), so
 * the relay around it says which link this is.
 *
 * @param innermost Index of the level to begin at. Default: the innermost one.
 * @returns The first link-address other than `::`, going outwards; undefined if no level has one.
 */
export function nearestLink(
  believed: readonly RelayLevel[],
  innermost = believed.length - 1,
): Uint8Array | undefined {
  for (let index = innermost; index >= 0; index--) {
    const { linkAddress } = believed[index]!;
    if (!isUnspecified(linkAddress)) return linkAddress;
  }
  return undefined;
}

/** Names of a line, as a log shows them; those that the line does not have are undefined. */
export interface LineNames {
  /** Enterprise number and identifier, such as `4491 modem-7`. */
  readonly remoteId?: string | undefined;
  readonly subscriberId?: string | undefined;
  readonly interfaceId?: string | undefined;
}

/** @returns The names of a client's line as text, as far as they are text. */
export function showLine(believed: readonly RelayLevel[]): LineNames {
  const [remote, subscriber, port] = [findRemoteId, findSubscriberId, findInterfaceId].map(
    (find) => find(believed)?.value,
  );
  return {
    remoteId: remote && showRemoteId(decodeRemoteId(remote)),
    subscriberId: subscriber && showOctets(subscriber),
    interfaceId: port && showOctets(port),
  };
}

const showRemoteId = ({ enterprise, remoteId }: RemoteId): string => `${enterprise} ${showOctets(remoteId)}`;

const findRemoteId = (believed: readonly RelayLevel[]): Found | undefined =>
  findInnermost(believed, OptionCode6.remoteId, enterpriseNumberOctets + 1);

const findSubscriberId = (believed: readonly RelayLevel[]): Found | undefined =>
  findInnermost(believed, OptionCode6.subscriberId, 1);

const findInterfaceId = (believed: readonly RelayLevel[]): Found | undefined =>
  findInnermost(believed, OptionCode6.interfaceId, 1);

/** An option, and the level that has it. */
interface Found {
  readonly index: number;
  readonly value: Uint8Array;
}

/** Finds the innermost level, our own excepted, with an option that is long enough to identify something. */
function findInnermost(believed: readonly RelayLevel[], code: number, octetsMin: number): Found | undefined {
  for (let index = believed.length - 1; index > 0; index--) {
    const value = findOption6(believed[index]!.options, code);
    if (value !== undefined && value.length >= octetsMin) return { index, value };
  }
  return undefined;
}

/** @returns The identifier in hexadecimal, or its SHA-256 if it is too long for a key. */
function identifierKey(identifier: Uint8Array): string {
  return identifier.length <= siteIdentifierOctetsMax
    ? encodeHex(identifier)
    : `sha256:${encodeHex(sha256(identifier))}`;
}
