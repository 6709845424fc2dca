/**
 * Decodes a frame into a client's query. This is the only place that decides whether a message is well formed.
 *
 * @module
 */
import { answerGrowthOctetsMax, clientIdentifierOctetsMax, messageOctetsMax } from "../limits.ts";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import { decodeDhcpV4Query } from "../wire/dhcpv6/dhcpv4-query.ts";
import { findOption6 } from "../wire/dhcpv6/options.ts";
import { decodeCodeList } from "../wire/dhcpv6/options/code-list.ts";
import { decodeRelayPath } from "../wire/dhcpv6/relay.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { bootRequest, MessageType, OptionCode } from "../wire/dhcpv4/codes.ts";
import { decodeDhcpV4 } from "../wire/dhcpv4/message.ts";
import type { DhcpV4Message } from "../wire/dhcpv4/message.ts";
import { decodeAddress } from "../wire/dhcpv4/options/address.ts";
import {
  clientIdentifierOctetsMin,
  isSharedClientIdentifier,
} from "../wire/dhcpv4/options/client-identifier.ts";
import { decodeMaxMessageSize } from "../wire/dhcpv4/options/max-message-size.ts";
import { decodeMessageType } from "../wire/dhcpv4/options/message-type.ts";
import { isUsableHardwareAddress } from "../wire/dhcpv4/hardware-address.ts";
import { decodePortParams } from "../wire/dhcpv4/options/port-params.ts";
import { decodeRapidCommit } from "../wire/dhcpv4/options/rapid-commit.ts";
import { decodeSeconds } from "../wire/dhcpv4/options/seconds.ts";
import type { PortParams } from "../wire/dhcpv4/options/port-params.ts";
import { decodeSoftwireSourceAddress } from "../wire/dhcpv4/options/softwire-source-address.ts";
import { believedLevels } from "../wire/relay-interface-id.ts";
import { DecodeError, tryDecode } from "../wire/decode-error.ts";
import { encodeHex } from "../wire/hex.ts";
import type { Reason } from "./reasons.ts";

/** A well-formed message of a client, with the fields that the rules need. */
export interface Query {
  /** The DHCPV4-QUERY as received. */
  readonly octets: Uint8Array;
  /** Relays that the message passed, outermost first. The first is our own. */
  readonly path: readonly RelayLevel[];
  /**
   * The levels that trusted relays added, outermost first: at least our own. Only they say where the client is; what is
   * inside them are the client's own words.
   */
  readonly believed: readonly RelayLevel[];
  /** Whether our relay stated how many levels may be believed; without that, only its own is. */
  readonly statesBelief: boolean;
  /** IPv6 source address of the client: the peer-address of the deepest believed level. */
  readonly source: Uint8Array;
  /** U flag: over IPv4 the client would have sent this message by unicast (RFC 7341 §8). */
  readonly unicast: boolean;
  /** Codes of the DHCPv6 options that the client requests (option 6). */
  readonly optionRequest: readonly number[];
  readonly message: DhcpV4Message;
  readonly messageType: number;
  /** In hexadecimal: option 61, or hardware type and address when the client sent no option 61 (RFC 2131 §4.2). */
  readonly clientId: string;
  /** What `clientId` is made of. Several devices may send one and the same unusable hardware address, in option 61 or not. */
  readonly identity:
    "client-identifier" | "shared-client-identifier" | "hardware-address" | "unusable-hardware-address";
  /** Option 55. */
  readonly parameterRequestList: readonly number[];
  /** The client can share an address: option 55 lists 159 (RFC 7618 §5). */
  readonly sharesPorts: boolean;
  /** Option 159 of a client that can share an address; undefined when it is absent, malformed, or no port set. */
  readonly portParams: PortParams | undefined;
  /** Option 50. */
  readonly requestedAddress: number | undefined;
  /** Option 54. */
  readonly serverIdentifier: number | undefined;
  /** Option 51. */
  readonly leaseSeconds: number | undefined;
  /** Option 80: the client accepts a lease instead of an offer (RFC 4039). */
  readonly rapidCommit: boolean;
  /** Option 57: the longest IP datagram that the client accepts, in octets. */
  readonly maxMessageSize: number | undefined;
  /** Option 109. */
  readonly softwire: Uint8Array | undefined;
}

/** A query, or the reason for which a frame is dropped. */
type QueryResult =
  { readonly kind: "query"; readonly query: Query } | { readonly kind: "drop"; readonly reason: Reason };

const drop = (reason: Reason): QueryResult => ({ kind: "drop", reason });

/**
 * Decodes a frame into a query.
 *
 * A fault that makes the whole message useless is a reason to drop it. A malformed option that is only a hint is
 * ignored.
 *
 * @param frame RELAY-FORW of our relay that contains a DHCPV4-QUERY.
 * @returns The query, or the reason for which the frame is dropped.
 */
export function decodeQuery(frame: Uint8Array): QueryResult {
  try {
    return decodeWellFormed(frame);
  } catch (error) {
    if (error instanceof DecodeError) return drop(error.reason);
    throw error;
  }
}

function decodeWellFormed(frame: Uint8Array): QueryResult {
  const { path, message: octets } = decodeRelayPath(frame);
  // The answer repeats the relay levels. What could not be answered must not change anything.
  if (frame.length - octets.length + answerGrowthOctetsMax > messageOctetsMax)
    return drop("answer-too-large");
  const { unicast, options: options6, dhcpv4 } = decodeDhcpV4Query(octets);
  const message = decodeDhcpV4(dhcpv4);
  const { options } = message;
  if (message.op !== bootRequest) return drop("not-a-bootrequest");
  const messageType = tryDecode(decodeMessageType, options.get(OptionCode.messageType));
  if (messageType === undefined) return drop("no-message-type");
  const identification = identify(message);
  if (typeof identification === "string") return drop(identification);
  const parameterRequestList = Array.from(options.get(OptionCode.parameterRequestList) ?? []);
  const sharesPorts = parameterRequestList.includes(OptionCode.portParams);
  const { believed, statesBelief, source } = believe(path);
  const { clientId, identity } = identification;
  const query: Query = {
    octets,
    path,
    believed,
    statesBelief,
    source,
    unicast,
    optionRequest: tryDecode(decodeCodeList, findOption6(options6, OptionCode6.optionRequest)) ?? [],
    message,
    messageType,
    clientId,
    identity,
    parameterRequestList,
    sharesPorts,
    // RELEASE and DECLINE must not contain option 55 (RFC 2131 table 5), so there option 159 alone is enough (A1).
    portParams: sharesPorts || isReleaseOrDecline(messageType) ? decodePortSet(options) : undefined,
    requestedAddress: tryDecode(decodeAddress, options.get(OptionCode.requestedAddress)),
    serverIdentifier: tryDecode(decodeAddress, options.get(OptionCode.serverIdentifier)),
    leaseSeconds: tryDecode(decodeSeconds, options.get(OptionCode.leaseTime)),
    rapidCommit: tryDecode(decodeRapidCommit, options.get(OptionCode.rapidCommit)) ?? false,
    maxMessageSize: tryDecode(decodeMaxMessageSize, options.get(OptionCode.maxMessageSize)),
    softwire: tryDecode(decodeSoftwireSourceAddress, options.get(OptionCode.softwireSourceAddress)),
  };
  return { kind: "query", query };
}

/** Reads how far our relay, whose level is the outermost, vouches for the levels inside. */
function believe(path: readonly RelayLevel[]): Pick<Query, "believed" | "statesBelief" | "source"> {
  const stated = believedLevels(findOption6(path[0]!.options, OptionCode6.interfaceId));
  const believed = path.slice(0, 1 + (stated ?? 0));
  return { believed, statesBelief: stated !== undefined, source: believed.at(-1)!.peerAddress };
}

/**
 * Identifies the client by option 61 or, without that option, by its hardware address. The rules decide later whether
 * the domain serves clients that have only a hardware address.
 */
function identify({
  options,
  htype,
  hlen,
  chaddr,
}: DhcpV4Message): Pick<Query, "clientId" | "identity"> | Reason {
  const clientIdentifier = options.get(OptionCode.clientIdentifier);
  if (clientIdentifier === undefined) {
    const clientId = encodeHex(Uint8Array.of(htype, ...chaddr.subarray(0, hlen)));
    const isUsable = hlen <= chaddr.length && isUsableHardwareAddress(htype, chaddr.subarray(0, hlen));
    return { clientId, identity: isUsable ? "hardware-address" : "unusable-hardware-address" };
  }
  const { length } = clientIdentifier;
  const isUsable = length >= clientIdentifierOctetsMin && length <= clientIdentifierOctetsMax;
  if (isUsable && isSharedClientIdentifier(clientIdentifier)) {
    return { clientId: encodeHex(clientIdentifier), identity: "shared-client-identifier" };
  }
  return isUsable
    ? { clientId: encodeHex(clientIdentifier), identity: "client-identifier" }
    : "bad-client-identifier";
}

function isReleaseOrDecline(messageType: number): boolean {
  return messageType === MessageType.release || messageType === MessageType.decline;
}

/** Decodes option 159. A PSID length of 0 means neither a port set nor a hint (A6). */
function decodePortSet(options: ReadonlyMap<number, Uint8Array>): PortParams | undefined {
  const portParams = tryDecode(decodePortParams, options.get(OptionCode.portParams));
  return portParams?.psidLength === 0 ? undefined : portParams;
}
