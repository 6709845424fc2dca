/**
 * Encodes what a client sends: a complete DHCPV4-QUERY for every message of RFC 2131 table 5, with the U flag of
 * RFC 7341 §8 and the port set of RFC 7618 §7. The functions are pure: the transaction identifier is a parameter.
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
import { encodeRapidCommit } from "../wire/dhcpv4/options/rapid-commit.ts";
import type { PortParams } from "../wire/dhcpv4/options/port-params.ts";
import { encodeSeconds } from "../wire/dhcpv4/options/seconds.ts";
import { encodeSoftwireSourceAddress } from "../wire/dhcpv4/options/softwire-source-address.ts";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import { encodeDhcpV4Query } from "../wire/dhcpv6/dhcpv4-query.ts";
import { encodeCodeList } from "../wire/dhcpv6/options/code-list.ts";

/** What every message of a client contains. */
export interface ClientProfile {
  /** Option 61, 2 to 255 octets (RFC 4361): the identity that the client's leases belong to. */
  readonly clientIdentifier: Uint8Array;
  /** `chaddr`, up to 16 octets; empty for a client without one. */
  readonly hardwareAddress: Uint8Array;
  /** Option 55. A client that can share an address lists 159 (R7618-6-01). */
  readonly parameterRequestList: readonly number[];
  /** DHCPv6 options requested with the answer (RFC 8539 §5): `softwireOptionRequest`, or empty for none. */
  readonly optionRequest: readonly number[];
  /** Option 51: the requested lease time in seconds; undefined leaves it to the server. */
  readonly leaseSeconds: number | undefined;
}

/** An address and port set. Together with the client identifier, they identify a lease (R7618-6-07). */
export interface LeasedPair {
  readonly address: number;
  /** Option 159 as the server sent it; undefined when it sent none, which means a full address (R7618-7-04). */
  readonly portParams: PortParams | undefined;
}

/** A leased pair and the server that leased it. */
export interface ServerPair extends LeasedPair {
  /** Option 54. */
  readonly serverIdentifier: number;
}

/** What a DISCOVER asks for (R7618-7-02, R7618-7-03). */
export interface Hint {
  readonly address?: number | undefined;
  readonly portParams?: PortParams | undefined;
}

/** Parts of a REQUEST other than the pair. */
interface RequestParts {
  /** Unsigned 32 bits. */
  readonly xid: number;
  /** Option 109: the source address of the softwire, which every REQUEST repeats (R8539-7.2-01). */
  readonly softwire: Uint8Array | undefined;
}

/** What every client requests: subnet mask, DNS servers, and the times of the lease. */
const commonParameters = [
  OptionCode.subnetMask,
  OptionCode.domainNameServers,
  OptionCode.leaseTime,
  OptionCode.renewalTime,
  OptionCode.rebindingTime,
];

/** DHCPv6 option request of a client that learns its softwire configuration from the server (RFC 8539 §5). */
export const softwireOptionRequest: readonly number[] = [OptionCode6.s46Br, OptionCode6.s46BindIPv6Prefix];

/** @returns The usual content of option 55. It includes 159 only for a client that can share an address (R7618-5-03). */
export function parameterRequestList({ sharesPorts }: { readonly sharesPorts: boolean }): number[] {
  return sharesPorts ? [...commonParameters, OptionCode.portParams] : commonParameters;
}

/**
 * Encodes a DISCOVER.
 *
 * @param client What every message of the client contains.
 * @param parts.xid Unsigned 32 bits.
 * @param parts.hint Requested address and port set. Port parameters with PSID 0 and no address request a size only.
 * @param parts.rapidCommit Whether a DHCPACK may come at once (RFC 4039 §3.1). Default: no.
 * @throws {RangeError} When the hint's port parameters are out of range.
 */
export function encodeDiscover(
  client: ClientProfile,
  parts: { readonly xid: number; readonly hint: Hint; readonly rapidCommit?: boolean },
): Uint8Array {
  const { xid, hint, rapidCommit } = parts;
  return encodeQuery(client, {
    type: MessageType.discover,
    unicast: false,
    requestsParameters: true,
    xid,
    requestedAddress: hint.address,
    portParams: hint.portParams,
    rapidCommit,
  });
}

/**
 * Encodes the REQUEST of state SELECTING, which accepts a server's offer.
 *
 * @param client What every message of the client contains.
 * @param offer The pair as offered: option 159 is returned octet for octet (R7618-6-06).
 * @param parts.xid The transaction identifier of the OFFER.
 */
export function encodeSelecting(client: ClientProfile, offer: ServerPair, parts: RequestParts): Uint8Array {
  return encodeQuery(client, {
    type: MessageType.request,
    unicast: false,
    requestsParameters: true,
    requestedAddress: offer.address,
    serverIdentifier: offer.serverIdentifier,
    portParams: offer.portParams,
    ...parts,
  });
}

/** Encodes the REQUEST of state INIT-REBOOT: a client that stored its lease asks whether the lease is still valid. */
export function encodeInitReboot(client: ClientProfile, pair: LeasedPair, parts: RequestParts): Uint8Array {
  return encodeQuery(client, {
    type: MessageType.request,
    unicast: false,
    requestsParameters: true,
    requestedAddress: pair.address,
    portParams: pair.portParams,
    ...parts,
  });
}

/** Encodes the REQUEST of state RENEWING. Over plain DHCPv4 it would be unicast, so U is set (RFC 7341 §8). */
export function encodeRenewing(client: ClientProfile, pair: LeasedPair, parts: RequestParts): Uint8Array {
  return encodeExtension(client, pair, parts, { unicast: true });
}

/** Encodes the REQUEST of state REBINDING, which differs from RENEWING only in the U flag (RFC 7341 §8). */
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
    requestsParameters: true,
    ciaddr: pair.address,
    portParams: pair.portParams,
    ...parts,
  });
}

/**
 * Encodes a RELEASE. It has option 159 (R7618-6-10), but no option 55 (RFC 2131 table 5) and no option 109
 * (R8539-7.3-01).
 */
export function encodeRelease(
  client: ClientProfile,
  pair: ServerPair,
  { xid }: { readonly xid: number },
): Uint8Array {
  return encodeQuery(client, {
    type: MessageType.release,
    unicast: true,
    requestsParameters: false,
    xid,
    ciaddr: pair.address,
    serverIdentifier: pair.serverIdentifier,
    portParams: pair.portParams,
  });
}

/** Encodes a DECLINE. Clients do not probe a shared address, so this is for tests and operators (R7618-6-09). */
export function encodeDecline(
  client: ClientProfile,
  pair: ServerPair,
  { xid }: { readonly xid: number },
): Uint8Array {
  return encodeQuery(client, {
    type: MessageType.decline,
    unicast: false,
    requestsParameters: false,
    xid,
    requestedAddress: pair.address,
    serverIdentifier: pair.serverIdentifier,
    portParams: pair.portParams,
  });
}

/**
 * Encodes an INFORM: a client that got its address elsewhere requests the other parameters.
 *
 * @param client What every message of the client contains.
 * @param parts.address The address that the client has.
 * @param parts.knowsServer The client would unicast the message to one server, so U is set (RFC 7341 §8).
 */
export function encodeInform(
  client: ClientProfile,
  parts: { readonly xid: number; readonly address: number; readonly knowsServer: boolean },
): Uint8Array {
  return encodeQuery(client, {
    type: MessageType.inform,
    unicast: parts.knowsServer,
    requestsParameters: true,
    xid: parts.xid,
    ciaddr: parts.address,
  });
}

/** The fields in which messages differ. An absent or undefined field is 0 in the header, or omitted as an option. */
interface Fields {
  readonly type: number;
  /** The U flag. */
  readonly unicast: boolean;
  /** The message requests parameters: it has option 55, and the DHCPv6 option request accompanies it. */
  readonly requestsParameters: boolean;
  readonly xid: number;
  readonly ciaddr?: number;
  readonly requestedAddress?: number | undefined;
  readonly serverIdentifier?: number;
  readonly softwire?: Uint8Array | undefined;
  readonly portParams?: PortParams | undefined;
  readonly rapidCommit?: boolean | undefined;
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
  const optionRequest = fields.requestsParameters && client.optionRequest.length > 0;
  return encodeDhcpV4Query({
    unicast: fields.unicast,
    options: optionRequest
      ? [{ code: OptionCode6.optionRequest, data: encodeCodeList(client.optionRequest) }]
      : [],
    dhcpv4,
  });
}

function dhcpOptions(client: ClientProfile, fields: Fields): Map<number, Uint8Array> {
  const { requestedAddress, serverIdentifier, softwire, portParams, rapidCommit } = fields;
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
  if (rapidCommit === true) options.set(OptionCode.rapidCommit, encodeRapidCommit());
  if (fields.requestsParameters) {
    options.set(OptionCode.parameterRequestList, encodeParameterRequestList(client.parameterRequestList));
  }
  return options;
}

/** No other message may contain option 51 (RFC 2131 table 5: MUST NOT). */
function isRequestOrDiscover(type: number): boolean {
  return type === MessageType.discover || type === MessageType.request;
}
