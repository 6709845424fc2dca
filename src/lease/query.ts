/**
 * From the octets of a frame to what a client says: the one place where a message is judged to be well formed.
 *
 * @module
 */
import { clientIdentifierOctetsMax } from "../limits.ts";
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
import { clientIdentifierOctetsMin } from "../wire/dhcpv4/options/client-identifier.ts";

import { decodeMaxMessageSize } from "../wire/dhcpv4/options/max-message-size.ts";
import { decodeMessageType } from "../wire/dhcpv4/options/message-type.ts";
import { decodePortParams } from "../wire/dhcpv4/options/port-params.ts";
import { decodeRapidCommit } from "../wire/dhcpv4/options/rapid-commit.ts";
import { decodeSeconds } from "../wire/dhcpv4/options/seconds.ts";
import type { PortParams } from "../wire/dhcpv4/options/port-params.ts";
import { decodeSoftwireSourceAddress } from "../wire/dhcpv4/options/softwire-source-address.ts";
import { DecodeError, tryDecode } from "../wire/decode-error.ts";
import { encodeHex } from "../wire/hex.ts";
import type { Reason } from "./reasons.ts";

/** A well-formed message of a client, with what the rules ask of it. */
export interface Query {
  /** The DHCPV4-QUERY as it came. */
  readonly octets: Uint8Array;
  /** Relays on its way, outermost first; the first is our own. */
  readonly path: readonly RelayLevel[];
  /** IPv6 source of the client: the peer-address of the relay nearest to it. */
  readonly source: Uint8Array;
  /** U: the client would have sent this message by unicast (RFC 7341 §8). */
  readonly unicast: boolean;
  /** DHCPv6 options that the client wants beside the answer (option 6). */
  readonly optionRequest: readonly number[];
  readonly message: DhcpV4Message;
  readonly messageType: number;
  /** In hexadecimal: option 61, or hardware type and address of a client that sent none (RFC 2131 §4.2). */
  readonly clientId: string;
  /** What the client is known by. */
  readonly identity: "client-identifier" | "hardware-address";
  /** Option 55. */
  readonly parameterRequestList: readonly number[];
  /** The client can share an address: option 55 lists 159 (RFC 7618 §5). */
  readonly sharesPorts: boolean;
  /** Option 159 of a client that can share; absent when it is malformed or says nothing. */
  readonly portParams: PortParams | undefined;
  /** Option 50. */
  readonly requestedAddress: number | undefined;
  /** Option 54. */
  readonly serverIdentifier: number | undefined;
  /** Option 51. */
  readonly leaseSeconds: number | undefined;
  /** Option 80: the client would take a lease for an offer (RFC 4039). */
  readonly rapidCommit: boolean;
  /** Option 57: how long an IP datagram the client takes, in octets. */
  readonly maxMessageSize: number | undefined;
  /** Option 109. */
  readonly softwire: Uint8Array | undefined;
}

/** A query, or the reason why a frame is none. */
type QueryResult =
  { readonly kind: "query"; readonly query: Query } | { readonly kind: "drop"; readonly reason: Reason };

const drop = (reason: Reason): QueryResult => ({ kind: "drop", reason });

/**
 * Decodes a frame.
 *
 * What makes a message useless as a whole is a reason to drop it. An option that only wishes something is ignored
 * when it is malformed: a bad hint costs the hint.
 *
 * @param frame RELAY-FORW of our relay around a DHCPV4-QUERY.
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
  const { unicast, options: options6, dhcpv4 } = decodeDhcpV4Query(octets);
  const message = decodeDhcpV4(dhcpv4);
  const { options } = message;
  if (message.op !== bootRequest) return drop("not-a-bootrequest");
  const messageType = tryDecode(decodeMessageType, options.get(OptionCode.messageType));
  if (messageType === undefined) return drop("no-message-type");
  const who = identify(message);
  if (typeof who === "string") return drop(who);
  const parameterRequestList = Array.from(options.get(OptionCode.parameterRequestList) ?? []);
  const sharesPorts = parameterRequestList.includes(OptionCode.portParams);
  const query: Query = {
    octets,
    path,
    source: path.at(-1)!.peerAddress,
    unicast,
    optionRequest: tryDecode(decodeCodeList, findOption6(options6, OptionCode6.optionRequest)) ?? [],
    message,
    messageType,
    ...who,
    parameterRequestList,
    sharesPorts,
    // A message that gives a pair back may not list options (RFC 2131 table 5), so there 159 speaks for itself (A1).
    portParams: sharesPorts || givesBack(messageType) ? decodePortSet(options) : undefined,
    requestedAddress: tryDecode(decodeAddress, options.get(OptionCode.requestedAddress)),
    serverIdentifier: tryDecode(decodeAddress, options.get(OptionCode.serverIdentifier)),
    leaseSeconds: tryDecode(decodeSeconds, options.get(OptionCode.leaseTime)),
    rapidCommit: tryDecode(decodeRapidCommit, options.get(OptionCode.rapidCommit)) ?? false,
    maxMessageSize: tryDecode(decodeMaxMessageSize, options.get(OptionCode.maxMessageSize)),
    softwire: tryDecode(decodeSoftwireSourceAddress, options.get(OptionCode.softwireSourceAddress)),
  };
  return { kind: "query", query };
}

/** Whether a domain serves clients that are known by their hardware address alone is for the rules to say. */
function identify({
  options,
  htype,
  hlen,
  chaddr,
}: DhcpV4Message): Pick<Query, "clientId" | "identity"> | Reason {
  const clientIdentifier = options.get(OptionCode.clientIdentifier);
  if (clientIdentifier === undefined) {
    if (hlen === 0 || hlen > chaddr.length) return "no-client-identifier";
    const clientId = encodeHex(Uint8Array.of(htype, ...chaddr.subarray(0, hlen)));
    return { clientId, identity: "hardware-address" };
  }
  const { length } = clientIdentifier;
  const isUsable = length >= clientIdentifierOctetsMin && length <= clientIdentifierOctetsMax;
  return isUsable
    ? { clientId: encodeHex(clientIdentifier), identity: "client-identifier" }
    : "bad-client-identifier";
}

function givesBack(messageType: number): boolean {
  return messageType === MessageType.release || messageType === MessageType.decline;
}

/** PSID-length 0 is no port set, and no hint either (A6). */
function decodePortSet(options: ReadonlyMap<number, Uint8Array>): PortParams | undefined {
  const portParams = tryDecode(decodePortParams, options.get(OptionCode.portParams));
  return portParams?.psidLength === 0 ? undefined : portParams;
}
