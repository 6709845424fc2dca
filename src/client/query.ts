/**
 * What a client sends: complete DHCPV4-QUERY octets for every message of RFC 2131 table 5, with the U flag of
 * RFC 7341 §8 and the port set of RFC 7618 §7. Pure: the transaction identifier is a parameter.
 *
 * ```ts
 * import { decodeHex } from "../wire/hex.ts";
 * import { encodeDiscover, parameterRequestList } from "./query.ts";
 *
 * const client = {
 *   clientIdentifier: decodeHex("ff000000010003000102005e100001"),
 *   hardwareAddress: decodeHex("02005e100001"),
 *   parameterRequestList: parameterRequestList({ sharesPorts: true }),
 *   optionRequest: [],
 *   leaseSeconds: undefined,
 * };
 * const datagram = encodeDiscover(client, { xid: 0x4f0a0001, hint: {} });
 * ```
 *
 * @module
 */
import { bootRequest, ethernet, MessageType, OptionCode } from "../wire/dhcpv4/codes.ts";
import { emptyFile, emptySname, encodeDhcpV4 } from "../wire/dhcpv4/message.ts";
import { encodeAddress } from "../wire/dhcpv4/options/address.ts";
import { encodeMessageType } from "../wire/dhcpv4/options/message-type.ts";
import { encodeParameterRequestList } from "../wire/dhcpv4/options/parameter-request-list.ts";
import { encodePortParams } from "../wire/dhcpv4/options/port-params.ts";
import type { PortParams } from "../wire/dhcpv4/options/port-params.ts";
import { encodeSeconds } from "../wire/dhcpv4/options/seconds.ts";
import { encodeSoftwireSourceAddress } from "../wire/dhcpv4/options/softwire-source-address.ts";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import { encodeDhcpV4Query } from "../wire/dhcpv6/dhcpv4-query.ts";
import { encodeCodeList } from "../wire/dhcpv6/options/code-list.ts";

/** What a client says in each of its messages. */
export interface ClientProfile {
  /** Option 61, 2 to 255 octets (RFC 4361): the identity that its leases belong to. */
  readonly clientIdentifier: Uint8Array;
  /** `chaddr`, up to 16 octets; empty for a client without one. */
  readonly hardwareAddress: Uint8Array;
  /** Option 55. A client that can share an address lists 159 (R7618-6-01). */
  readonly parameterRequestList: readonly number[];
  /** DHCPv6 options wanted beside the answer (RFC 8539 §5): `softwireOptionRequest`, or empty for none. */
  readonly optionRequest: readonly number[];
  /** Option 51: the lease time wished for, in seconds; undefined leaves it to the server. */
  readonly leaseSeconds: number | undefined;
}

/** What names a lease, together with the client identifier (R7618-6-07). */
export interface LeasedPair {
  readonly address: number;
  /** Option 159 as the server sent it; undefined when it sent none, that is for a full address (R7618-7-04). */
  readonly portParams: PortParams | undefined;
}

/** A pair and the server that leases it. */
export interface ServerPair extends LeasedPair {
  /** Option 54. */
  readonly serverIdentifier: number;
}

/** What a DISCOVER wishes for (R7618-7-02, R7618-7-03). */
export interface Hint {
  readonly address?: number | undefined;
  readonly portParams?: PortParams | undefined;
}

/** Parts of a REQUEST beside the pair. */
interface RequestParts {
  /** Unsigned 32 bits. */
  readonly xid: number;
  /** Option 109: the softwire's source address, which every REQUEST repeats (R8539-7.2-01). */
  readonly softwire: Uint8Array | undefined;
}

/** Subnet mask, DNS, and the times of a lease: what any client asks for. */
const commonParameters = [
  OptionCode.subnetMask,
  OptionCode.domainNameServers,
  OptionCode.leaseTime,
  OptionCode.renewalTime,
  OptionCode.rebindingTime,
];

/** Option request of a client that learns its softwire from the server (RFC 8539 §5). */
export const softwireOptionRequest: readonly number[] = [OptionCode6.s46Br, OptionCode6.s46BindIPv6Prefix];

/** @returns The usual content of option 55: with 159 only for a client that can share an address (R7618-5-03). */
export function parameterRequestList({ sharesPorts }: { readonly sharesPorts: boolean }): number[] {
  return sharesPorts ? [...commonParameters, OptionCode.portParams] : commonParameters;
}

/**
 * Encodes a DISCOVER.
 *
 * @param hint Address and port set wished for; port parameters with PSID 0 and no address wish for a size only.
 * @throws {RangeError} When the hint's port parameters are out of range.
 */
export function encodeDiscover(
  client: ClientProfile,
  { xid, hint }: { readonly xid: number; readonly hint: Hint },
): Uint8Array {
  return encodeQuery(client, {
    type: MessageType.discover,
    unicast: false,
    asks: true,
    xid,
    requestedAddress: hint.address,
    portParams: hint.portParams,
  });
}

/**
 * Encodes the REQUEST of SELECTING, which takes a server's offer.
 *
 * @param offer The pair as it was offered: option 159 returns octet for octet (R7618-6-06).
 * @param parts.xid That of the OFFER.
 */
export function encodeSelecting(client: ClientProfile, offer: ServerPair, parts: RequestParts): Uint8Array {
  return encodeQuery(client, {
    type: MessageType.request,
    unicast: false,
    asks: true,
    requestedAddress: offer.address,
    serverIdentifier: offer.serverIdentifier,
    portParams: offer.portParams,
    ...parts,
  });
}

/** Encodes the REQUEST of INIT-REBOOT, by which a client that stored its lease asks whether it still holds it. */
export function encodeInitReboot(client: ClientProfile, pair: LeasedPair, parts: RequestParts): Uint8Array {
  return encodeQuery(client, {
    type: MessageType.request,
    unicast: false,
    asks: true,
    requestedAddress: pair.address,
    portParams: pair.portParams,
    ...parts,
  });
}

/** Encodes the REQUEST of RENEWING: it would have been unicast to its server, so U is set. */
export function encodeRenewing(client: ClientProfile, pair: LeasedPair, parts: RequestParts): Uint8Array {
  return encodeExtension(client, pair, parts, { unicast: true });
}

/** Encodes the REQUEST of REBINDING, which differs from RENEWING in the U flag alone (RFC 7341 §8). */
export function encodeRebinding(client: ClientProfile, pair: LeasedPair, parts: RequestParts): Uint8Array {
  return encodeExtension(client, pair, parts, { unicast: false });
}

function encodeExtension(
  client: ClientProfile,
  pair: LeasedPair,
  parts: RequestParts,
  { unicast }: { readonly unicast: boolean },
): Uint8Array {
  return encodeQuery(client, {
    type: MessageType.request,
    unicast,
    asks: true,
    ciaddr: pair.address,
    portParams: pair.portParams,
    ...parts,
  });
}

/**
 * Encodes a RELEASE: no option 55 (RFC 2131 table 5), no option 109 (R8539-7.3-01), but option 159 (R7618-6-10).
 */
export function encodeRelease(
  client: ClientProfile,
  pair: ServerPair,
  { xid }: { readonly xid: number },
): Uint8Array {
  return encodeQuery(client, {
    type: MessageType.release,
    unicast: true,
    asks: false,
    xid,
    ciaddr: pair.address,
    serverIdentifier: pair.serverIdentifier,
    portParams: pair.portParams,
  });
}

/** Encodes a DECLINE. A client of a shared address doesn't probe it, so this is for tests and operators (R7618-6-09). */
export function encodeDecline(
  client: ClientProfile,
  pair: ServerPair,
  { xid }: { readonly xid: number },
): Uint8Array {
  return encodeQuery(client, {
    type: MessageType.decline,
    unicast: false,
    asks: false,
    xid,
    requestedAddress: pair.address,
    serverIdentifier: pair.serverIdentifier,
    portParams: pair.portParams,
  });
}

/**
 * Encodes an INFORM: a client that has an address from elsewhere asks for the other parameters.
 *
 * @param parts.address The address it has.
 * @param parts.knowsServer It would send the message to one server, so U is set (RFC 7341 §8).
 */
export function encodeInform(
  client: ClientProfile,
  parts: { readonly xid: number; readonly address: number; readonly knowsServer: boolean },
): Uint8Array {
  return encodeQuery(client, {
    type: MessageType.inform,
    unicast: parts.knowsServer,
    asks: true,
    xid: parts.xid,
    ciaddr: parts.address,
  });
}

/** What the messages differ in; a field that is absent or undefined stays 0 or out of the message. */
interface Fields {
  readonly type: number;
  /** The U flag. */
  readonly unicast: boolean;
  /** The message asks for parameters: it has option 55, and the option request travels beside it. */
  readonly asks: boolean;
  readonly xid: number;
  readonly ciaddr?: number;
  readonly requestedAddress?: number | undefined;
  readonly serverIdentifier?: number;
  readonly softwire?: Uint8Array | undefined;
  readonly portParams?: PortParams | undefined;
}

function encodeQuery(client: ClientProfile, fields: Fields): Uint8Array {
  const chaddr = new Uint8Array(16);
  chaddr.set(client.hardwareAddress);
  const dhcpv4 = encodeDhcpV4({
    op: bootRequest,
    htype: client.hardwareAddress.length === 0 ? 0 : ethernet,
    hlen: client.hardwareAddress.length,
    hops: 0,
    xid: fields.xid,
    secs: 0,
    flags: 0,
    ciaddr: fields.ciaddr ?? 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
    chaddr,
    sname: emptySname,
    file: emptyFile,
    overload: 0,
    options: dhcpOptions(client, fields),
  });
  const optionRequest = fields.asks && client.optionRequest.length > 0;
  return encodeDhcpV4Query({
    unicast: fields.unicast,
    options: optionRequest
      ? [{ code: OptionCode6.optionRequest, data: encodeCodeList(client.optionRequest) }]
      : [],
    dhcpv4,
  });
}

function dhcpOptions(client: ClientProfile, fields: Fields): Map<number, Uint8Array> {
  const { requestedAddress, serverIdentifier, softwire, portParams } = fields;
  const options = new Map<number, Uint8Array>([[OptionCode.messageType, encodeMessageType(fields.type)]]);
  if (requestedAddress !== undefined) {
    options.set(OptionCode.requestedAddress, encodeAddress(requestedAddress));
  }
  if (serverIdentifier !== undefined) {
    options.set(OptionCode.serverIdentifier, encodeAddress(serverIdentifier));
  }
  if (client.leaseSeconds !== undefined && isRequestOrDiscover(fields.type)) {
    options.set(OptionCode.leaseTime, encodeSeconds(client.leaseSeconds));
  }
  options.set(OptionCode.clientIdentifier, client.clientIdentifier);
  if (softwire !== undefined) {
    options.set(OptionCode.softwireSourceAddress, encodeSoftwireSourceAddress(softwire));
  }
  if (portParams !== undefined) options.set(OptionCode.portParams, encodePortParams(portParams));
  if (fields.asks) {
    options.set(OptionCode.parameterRequestList, encodeParameterRequestList(client.parameterRequestList));
  }
  return options;
}

/** Option 51 MUST NOT stand in any other message (RFC 2131 table 5). */
function isRequestOrDiscover(type: number): boolean {
  return type === MessageType.discover || type === MessageType.request;
}
