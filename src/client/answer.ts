/**
 * Decodes what a client receives: a DHCPV4-RESPONSE, bare or inside a RELAY-REPL. The result is a typed answer, or
 * the reason why the client ignores the datagram.
 *
 * ```ts
 * import { decodeAnswer } from "./answer.ts";
 *
 * const result = decodeAnswer(datagram, { xid, clientIdentifier, sharesPorts: true, kinds: ["offer"] });
 * if (result.kind === "answer" && result.answer.kind === "offer") result.answer.lease.address;
 * ```
 *
 * @module
 */
import { relayLevelsMax } from "../limits.ts";
import { DecodeError, tryDecode } from "../wire/decode-error.ts";
import { bootReply, MessageType, OptionCode } from "../wire/dhcpv4/codes.ts";
import { decodeDhcpV4 } from "../wire/dhcpv4/message.ts";
import type { DhcpV4Message } from "../wire/dhcpv4/message.ts";
import { decodeAddress } from "../wire/dhcpv4/options/address.ts";
import { decodeMessageType } from "../wire/dhcpv4/options/message-type.ts";
import { decodeMessage } from "../wire/dhcpv4/options/message.ts";
import { decodePortParams } from "../wire/dhcpv4/options/port-params.ts";
import { decodeSeconds, infiniteSeconds } from "../wire/dhcpv4/options/seconds.ts";
import { decodeSoftwireSourceAddress } from "../wire/dhcpv4/options/softwire-source-address.ts";
import { MessageType6, OptionCode6 } from "../wire/dhcpv6/codes.ts";
import { decodeDhcpV4Response } from "../wire/dhcpv6/dhcpv4-query.ts";
import { findOption6 } from "../wire/dhcpv6/options.ts";
import type { Option6 } from "../wire/dhcpv6/options.ts";
import { decodeS46BindPrefix } from "../wire/dhcpv6/options/s46-bind-prefix.ts";
import { decodeS46Br } from "../wire/dhcpv6/options/s46-br.ts";
import { decodeRelayMessage } from "../wire/dhcpv6/relay.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { equalOctets } from "../wire/hex.ts";
import type { IPv6Prefix } from "../wire/ipv6-address.ts";
import type { ServerPair } from "./query.ts";

/** A lease that a server granted or offered. Times are in seconds from the answer; 0xffffffff means infinite. */
export interface ServerLease extends ServerPair {
  readonly leaseSeconds: number;
  /** T1: when to renew. Defaults to half of the lease time if the server omits it (RFC 2131 §4.4.5). */
  readonly renewalSeconds: number;
  /** T2: when to rebind. Defaults to seven eighths of the lease time if the server omits it. */
  readonly rebindingSeconds: number;
}

/** Configuration that accompanies a lease. */
export interface Parameters {
  /** Option 6. */
  readonly domainNameServers: readonly number[];
  /** Option 109 of an ACK: the softwire source address that the server bound (R8539-8-02). */
  readonly softwire: Uint8Array | undefined;
  /** Every option 90: the addresses of the lwAFTRs or BRs. */
  readonly borderRelays: readonly Uint8Array[];
  /** Option 137: the prefix to take the softwire source address from. */
  readonly bindPrefix: IPv6Prefix | undefined;
}

/** An answer that a client acts on. Kind `parameters` is the ACK to an INFORM. */
export type Answer =
  | { readonly kind: "offer"; readonly lease: ServerLease; readonly parameters: Parameters }
  | { readonly kind: "ack"; readonly lease: ServerLease; readonly parameters: Parameters }
  | { readonly kind: "parameters"; readonly serverIdentifier: number; readonly parameters: Parameters }
  | { readonly kind: "nak"; readonly serverIdentifier: number; readonly message: string | undefined };

/** Why a client ignores a datagram. */
export type IgnoreReason =
  /** The datagram is malformed at some level: relay, DHCPv6 or DHCPv4. */
  | "malformed"
  /** The RELAY-REPL is missing, or does not mirror the client's RELAY-FORW (RFC 8415 §19.3). */
  | "not-our-relay-level"
  /** The transaction identifier does not match. */
  | "other-exchange"
  /** Option 61 names another client (RFC 6842 §3). */
  | "other-client"
  /** The message is well formed but does not answer what was sent. */
  | "unexpected-message"
  /** Option 54 is missing, or an OFFER or ACK lacks an address or a lease time. */
  | "incomplete"
  /** Option 159 is malformed. Treating the lease as a full address would use other clients' ports. */
  | "bad-port-params"
  /** Option 159 is present, but the client did not request it (R7618-8-01). */
  | "unasked-port-params"
  /** The OFFER has no valid option 90, and the client requires one (RFC 8539 §7.1). */
  | "no-border-relay";

/** A decoded answer, or the reason why the datagram is ignored. */
export type AnswerResult =
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "ignored"; readonly reason: IgnoreReason };

/** What a client is waiting for. */
export interface Expected {
  readonly xid: number;
  readonly clientIdentifier: Uint8Array;
  /** The client listed 159 in option 55. */
  readonly sharesPorts: boolean;
  /** Kinds that answer the message that was sent. Other kinds answer an earlier message of the same transaction. */
  readonly kinds: readonly Answer["kind"][];
  /** The RELAY-FORW level around the query; absent for a query without one. */
  readonly relay?: RelayLevel | undefined;
  /** Ignore an OFFER without option 90. Default: false. */
  readonly needsBorderRelay?: boolean;
}

/**
 * Decodes a datagram that may be an answer.
 *
 * @param datagram UDP payload. The result holds views of it, not copies.
 * @param expected What the client is waiting for.
 * @returns The answer, or the reason why the client ignores the datagram.
 */
export function decodeAnswer(datagram: Uint8Array, expected: Expected): AnswerResult {
  try {
    const answer = decodeExpected(datagram, expected);
    return typeof answer === "string" ? { kind: "ignored", reason: answer } : { kind: "answer", answer };
  } catch (error) {
    if (error instanceof DecodeError) return { kind: "ignored", reason: "malformed" };
    throw error;
  }
}

function decodeExpected(datagram: Uint8Array, expected: Expected): Answer | IgnoreReason {
  const response = unwrapRelayReply(datagram, expected.relay);
  if (response === undefined) return "not-our-relay-level";
  const { options, dhcpv4 } = decodeDhcpV4Response(response);
  const message = decodeDhcpV4(dhcpv4);
  if (message.xid !== expected.xid) return "other-exchange";
  const clientIdentifier = message.options.get(OptionCode.clientIdentifier);
  if (clientIdentifier !== undefined && !equalOctets(clientIdentifier, expected.clientIdentifier)) {
    return "other-client";
  }
  const answer = toAnswer(message, options);
  if (typeof answer === "string") return answer;
  if (!expected.kinds.includes(answer.kind)) return "unexpected-message";
  return findRejection(answer, expected) ?? answer;
}

/**
 * Unwraps the RELAY-REPL levels around an answer.
 *
 * @param datagram UDP payload. The result is a view of it.
 * @param relay The RELAY-FORW level that the query was sent in; undefined accepts any number of levels, including 0.
 * @returns The innermost message; undefined when the outermost level does not mirror `relay` (RFC 8415 §19.3).
 * @throws {DecodeError} When a level is malformed, or there are more than {@link relayLevelsMax}.
 */
export function unwrapRelayReply(
  datagram: Uint8Array,
  relay: RelayLevel | undefined,
): Uint8Array | undefined {
  if (relay !== undefined && (datagram[0] !== MessageType6.relayReply || !isMirrorOf(datagram, relay))) {
    return undefined;
  }
  let message = datagram;
  for (let level = 0; message[0] === MessageType6.relayReply; level++) {
    if (level === relayLevelsMax) {
      throw new DecodeError(
        "relay-too-deep",
        `Cannot decode answer: found more relay levels, expected at most ${relayLevelsMax}`,
      );
    }
    message = decodeRelayMessage(message).message;
  }
  return message;
}

/** RFC 8415 §19.3: a RELAY-REPL repeats the hop-count, both addresses and the Interface-Id of the RELAY-FORW. */
function isMirrorOf(datagram: Uint8Array, relay: RelayLevel): boolean {
  const reply = decodeRelayMessage(datagram);
  const interfaceId = findOption6(relay.options, OptionCode6.interfaceId);
  const returned = findOption6(reply.options, OptionCode6.interfaceId);
  return (
    reply.hopCount === relay.hopCount &&
    equalOctets(reply.linkAddress, relay.linkAddress) &&
    equalOctets(reply.peerAddress, relay.peerAddress) &&
    (interfaceId === undefined
      ? returned === undefined
      : returned !== undefined && equalOctets(returned, interfaceId))
  );
}

function toAnswer(message: DhcpV4Message, options6: readonly Option6[]): Answer | IgnoreReason {
  if (message.op !== bootReply) return "unexpected-message";
  const serverIdentifier = tryDecode(decodeAddress, message.options.get(OptionCode.serverIdentifier));
  if (serverIdentifier === undefined) return "incomplete";
  switch (tryDecode(decodeMessageType, message.options.get(OptionCode.messageType))) {
    case MessageType.offer:
      return toLeaseAnswer("offer", message, serverIdentifier, options6);
    case MessageType.ack:
      // Only the ACK to an INFORM has no address (RFC 2131 table 3).
      if (message.yiaddr !== 0) return toLeaseAnswer("ack", message, serverIdentifier, options6);
      return { kind: "parameters", serverIdentifier, parameters: parametersOf(message, options6) };
    case MessageType.nak: {
      const text = tryDecode(decodeMessage, message.options.get(OptionCode.message));
      return { kind: "nak", serverIdentifier, message: text };
    }
    default:
      return "unexpected-message";
  }
}

function toLeaseAnswer(
  kind: "offer" | "ack",
  message: DhcpV4Message,
  serverIdentifier: number,
  options6: readonly Option6[],
): Answer | IgnoreReason {
  const secondsOf = (code: number) => tryDecode(decodeSeconds, message.options.get(code));
  const leaseSeconds = secondsOf(OptionCode.leaseTime);
  if (leaseSeconds === undefined || message.yiaddr === 0) return "incomplete";
  const portParamsData = message.options.get(OptionCode.portParams);
  const portParams = tryDecode(decodePortParams, portParamsData);
  if (portParamsData !== undefined && portParams === undefined) return "bad-port-params";
  const lease = {
    address: message.yiaddr,
    portParams,
    serverIdentifier,
    leaseSeconds,
    renewalSeconds: secondsOf(OptionCode.renewalTime) ?? fractionOf(leaseSeconds, 0.5),
    rebindingSeconds: secondsOf(OptionCode.rebindingTime) ?? fractionOf(leaseSeconds, 0.875),
  };
  return { kind, lease, parameters: parametersOf(message, options6) };
}

function fractionOf(leaseSeconds: number, fraction: number): number {
  return leaseSeconds === infiniteSeconds ? infiniteSeconds : Math.floor(leaseSeconds * fraction);
}

function parametersOf({ options }: DhcpV4Message, options6: readonly Option6[]): Parameters {
  return {
    domainNameServers: addressesOf(options.get(OptionCode.domainNameServers)),
    softwire: tryDecode(decodeSoftwireSourceAddress, options.get(OptionCode.softwireSourceAddress)),
    borderRelays: options6
      .filter(({ code }) => code === OptionCode6.s46Br)
      .map(({ data }) => tryDecode(decodeS46Br, data))
      .filter((address) => address !== undefined),
    bindPrefix: tryDecode(decodeS46BindPrefix, findOption6(options6, OptionCode6.s46BindIPv6Prefix)),
  };
}

/** Option 6 holds 4-octet addresses. A malformed option is treated as missing. */
function addressesOf(data: Uint8Array | undefined): number[] {
  if (data === undefined || data.length % 4 !== 0) return [];
  return Array.from({ length: data.length / 4 }, (_, index) =>
    decodeAddress(data.subarray(index * 4, index * 4 + 4)),
  );
}

/** Finds the reason why this client rejects a well-formed answer. */
function findRejection(answer: Answer, expected: Expected): IgnoreReason | undefined {
  if (answer.kind !== "offer" && answer.kind !== "ack") return undefined;
  if (answer.lease.portParams !== undefined && !expected.sharesPorts) return "unasked-port-params";
  const isBorderRelayMissing = answer.kind === "offer" && answer.parameters.borderRelays.length === 0;
  return isBorderRelayMissing && expected.needsBorderRelay === true ? "no-border-relay" : undefined;
}

/** @returns Whether the lease includes all ports of its address: no option 159, or one with PSID-length 0 (A16). */
export function isFullAddress({ portParams }: Pick<ServerLease, "portParams">): boolean {
  return portParams === undefined || portParams.psidLength === 0;
}

/**
 * Chooses among the offers of several servers.
 *
 * @param offers One or more, in order of arrival.
 * @param prefers The preferred kind of address. A client prefers a full one unless configured otherwise (R7618-5-05).
 * @returns The first offer of the preferred kind; if there is none, the first offer.
 */
export function chooseOffer<T extends { readonly lease: ServerLease }>(
  offers: readonly [T, ...T[]],
  prefers: "full" | "shared",
): T {
  return offers.find(({ lease }) => isFullAddress(lease) === (prefers === "full")) ?? offers[0];
}
