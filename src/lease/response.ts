/**
 * Encodes a decision as an answer: a DHCPv4 message in a DHCPV4-RESPONSE, in one RELAY-REPL for each relay.
 *
 * @module
 */
import { bootReply, broadcastFlag, MessageType, OptionCode } from "../wire/dhcpv4/codes.ts";
import { emptyFile, emptySname, encodeDhcpV4, measureDhcpV4 } from "../wire/dhcpv4/message.ts";
import type { DhcpV4Message } from "../wire/dhcpv4/message.ts";
import { encodeAddress } from "../wire/dhcpv4/options/address.ts";
import { maxMessageSizeMin } from "../wire/dhcpv4/options/max-message-size.ts";
import { encodeMessage } from "../wire/dhcpv4/options/message.ts";
import { encodeMessageType } from "../wire/dhcpv4/options/message-type.ts";
import { encodePortParams } from "../wire/dhcpv4/options/port-params.ts";
import { encodeRapidCommit } from "../wire/dhcpv4/options/rapid-commit.ts";
import { encodeSeconds } from "../wire/dhcpv4/options/seconds.ts";
import { answerOctetsMax } from "../limits.ts";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import { encodeDhcpV4Response } from "../wire/dhcpv6/dhcpv4-query.ts";
import type { Option6 } from "../wire/dhcpv6/options.ts";
import { encodeS46BindPrefix } from "../wire/dhcpv6/options/s46-bind-prefix.ts";
import { encodeRelayReply } from "../wire/dhcpv6/relay.ts";
import { decodeHex } from "../wire/hex.ts";
import type { ConfiguredOptions, Decision } from "./decision.ts";
import type { Domain, Pair } from "./domain.ts";
import type { Query } from "./query.ts";
import { reasons } from "./reasons.ts";
import { renewalTimes } from "./renewal-times.ts";

/** A decision that is answered. */
type Reply = Exclude<Decision, { kind: "silence" }>;

/**
 * Encodes the answer to a query.
 *
 * @param query The client's message.
 * @param domain The domain that serves the client.
 * @param reply The decision to encode.
 * @returns A RELAY-REPL that follows the query's relay path back (RFC 8415 §19.3). Undefined if what the answer has to
 *   contain is longer than the client accepts.
 */
export function encodeResponse(query: Query, domain: Domain, reply: Reply): Uint8Array | undefined {
  const acceptedMax = (query.maxMessageSize ?? maxMessageSizeMin) - datagramHeaderOctets;
  const octetsMax = Math.min(acceptedMax, answerOctetsMax);
  const dhcpv4 = encodeWithin(replyMessage(query, domain, reply), octetsMax, reply.kind !== "nak");
  if (dhcpv4 === undefined) return undefined;
  const options = reply.kind === "nak" ? [] : softwireOptions(query, domain);
  return encodeRelayReply(query.path, encodeDhcpV4Response({ options, dhcpv4 }));
}

/** Octets of the IPv4 and UDP headers, which option 57 includes although 4o6 has no such headers (RFC 2131 §2). */
const datagramHeaderOctets = 28;

/**
 * Encodes a message within the size that the client accepts. Options that do not fit in the options field go to `file`
 * and `sname` where that is allowed. Options that do not fit there either are omitted, starting with the last. The
 * options of the lease itself are never omitted. They are written first, so that they do not use up the small fields.
 *
 * @returns Undefined if the options of the lease alone do not fit.
 */
function encodeWithin(
  message: DhcpV4Message,
  octetsMax: number,
  canOverload: boolean,
): Uint8Array | undefined {
  if (measureDhcpV4(message.options) <= octetsMax) return encodeDhcpV4(message);
  const isNeeded = ([code]: [number, Uint8Array]): boolean => leaseCodes.includes(code);
  const needed = [...message.options].filter(isNeeded);
  const wanted = [...message.options].filter((option) => !isNeeded(option));
  const options = new Map([...needed, ...wanted]);
  const omittable = wanted.map(([code]) => code);
  for (;;) {
    if (measureDhcpV4(options) <= octetsMax) return encodeDhcpV4({ ...message, options });
    const overloaded = canOverload
      ? encodeOverloaded({ ...message, overload: 3, options }, octetsMax)
      : undefined;
    if (overloaded !== undefined) return overloaded;
    const last = omittable.pop();
    if (last === undefined) return undefined;
    options.delete(last);
  }
}

function encodeOverloaded(message: DhcpV4Message, octetsMax: number): Uint8Array | undefined {
  try {
    return encodeDhcpV4(message, { octetsMax });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Lists the DHCPv6 softwire options that the client requests in option 6 (RFC 8539 §5). */
function softwireOptions(query: Query, { softwire }: Domain): Option6[] {
  const options: Option6[] = [];
  if (query.optionRequest.includes(OptionCode6.s46Br)) {
    for (const address of softwire.borderRelays) options.push({ code: OptionCode6.s46Br, data: address });
  }
  if (query.optionRequest.includes(OptionCode6.s46BindIPv6Prefix) && softwire.bindPrefix !== null) {
    options.push({ code: OptionCode6.s46BindIPv6Prefix, data: encodeS46BindPrefix(softwire.bindPrefix) });
  }
  return options;
}

/**
 * Builds the DHCPv4 message (RFC 2131 table 3). A NAK for a client of a DHCPv4 relay has the broadcast bit (RFC 2131
 * §4.3.2), because the client may have no address at which that relay could reach it.
 */
function replyMessage(query: Query, domain: Domain, reply: Reply): DhcpV4Message {
  const { message } = query;
  const isLease = reply.kind === "offer" || reply.kind === "ack";
  return {
    op: bootReply,
    htype: message.htype,
    hlen: message.hlen,
    hops: 0,
    xid: message.xid,
    secs: 0,
    flags: reply.kind === "nak" && message.giaddr !== 0 ? message.flags | broadcastFlag : message.flags,
    ciaddr: reply.kind === "ack" || reply.kind === "settings" ? message.ciaddr : 0,
    yiaddr: isLease ? reply.pair.address : 0,
    siaddr: 0,
    giaddr: message.giaddr,
    chaddr: message.chaddr,
    sname: emptySname,
    file: emptyFile,
    overload: 0,
    options: replyOptions(query, domain, reply),
  };
}

const typeOf = {
  offer: MessageType.offer,
  ack: MessageType.ack,
  settings: MessageType.ack,
  nak: MessageType.nak,
} as const satisfies Record<Reply["kind"], number>;

/**
 * Builds the options: first those of the lease, then the requested ones in the client's order (RFC 2132 §9.8), except
 * that the subnet mask precedes the routers (§3.3).
 */
function replyOptions(query: Query, domain: Domain, reply: Reply): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  options.set(OptionCode.messageType, encodeMessageType(typeOf[reply.kind]));
  options.set(OptionCode.serverIdentifier, encodeAddress(domain.serverIdentifier));
  if (reply.kind === "offer" || reply.kind === "ack") addLease(options, query, reply);
  if (reply.kind === "nak") {
    options.set(OptionCode.message, encodeMessage(reasons[reply.reason].meaning));
  } else {
    addRequested(options, query, reply.options);
  }
  if (reply.kind === "ack" && reply.softwire !== null) {
    options.set(OptionCode.softwireSourceAddress, decodeHex(reply.softwire));
  }
  if (reply.kind === "ack" && reply.rapidCommit) options.set(OptionCode.rapidCommit, encodeRapidCommit());
  // RFC 6842: the client identifier is returned unchanged if the client sent one.
  const clientIdentifier = query.message.options.get(OptionCode.clientIdentifier);
  if (clientIdentifier !== undefined) options.set(OptionCode.clientIdentifier, clientIdentifier);
  return options;
}

/** Options that a lease needs; they are never omitted. */
const leaseCodes: readonly number[] = [
  OptionCode.messageType,
  OptionCode.serverIdentifier,
  OptionCode.leaseTime,
  OptionCode.renewalTime,
  OptionCode.rebindingTime,
  OptionCode.portParams,
  OptionCode.rapidCommit,
  OptionCode.softwireSourceAddress,
  OptionCode.clientIdentifier,
];

/** Adds the options of a lease. */
function addLease(
  options: Map<number, Uint8Array>,
  { clientId }: Query,
  { pair, leaseSeconds }: { readonly pair: Pair; readonly leaseSeconds: number },
): void {
  options.set(OptionCode.leaseTime, encodeSeconds(leaseSeconds));
  const times = renewalTimes({ clientId, pair, leaseSeconds });
  if (times !== undefined) {
    options.set(OptionCode.renewalTime, encodeSeconds(times.renewalSeconds));
    options.set(OptionCode.rebindingTime, encodeSeconds(times.rebindingSeconds));
  }
  if (pair.portSet !== undefined) options.set(OptionCode.portParams, encodePortParams(pair.portSet));
}

/** Default subnet mask: no other host shares the link of an address from a pool. */
const hostMask = encodeAddress(0xffffffff);

/** Options that only a client that lists them may get: IPv6-Only Preferred (RFC 8925), Captive-Portal (RFC 8910). */
const onlyWhenListed: readonly number[] = [OptionCode.v6OnlyPreferred, OptionCode.captivePortal];

/**
 * Adds the configured options that the client lists, in its order, but the subnet mask before the routers (RFC 2132
 * §3.3). A client without a list gets all configured options except those in {@link onlyWhenListed}.
 */
function addRequested(options: Map<number, Uint8Array>, query: Query, configured: ConfiguredOptions): void {
  const { parameterRequestList } = query;
  const requested = parameterRequestList.length > 0 ? parameterRequestList : sentUnasked(configured);
  const { routers, subnetMask } = OptionCode;
  const sendsBoth = configured.has(routers) && requested.includes(subnetMask);
  for (const code of requested) {
    if (code === routers && sendsBoth) addConfigured(options, configured, subnetMask);
    addConfigured(options, configured, code);
  }
}

function sentUnasked(configured: ConfiguredOptions): number[] {
  return [...configured.keys()].filter((code) => !onlyWhenListed.includes(code));
}

/** Adds one option, unless it is not configured or there already. */
function addConfigured(options: Map<number, Uint8Array>, configured: ConfiguredOptions, code: number): void {
  const data = configured.get(code) ?? (code === OptionCode.subnetMask ? hostMask : undefined);
  if (data !== undefined && !options.has(code)) options.set(code, data);
}
