/**
 * From a decision to the octets that go back: DHCPv4 message, DHCPV4-RESPONSE, one RELAY-REPL for each relay.
 *
 * @module
 */
import { bootReply, MessageType, OptionCode } from "../wire/dhcpv4/codes.ts";
import { emptyFile, emptySname, encodeDhcpV4, measureDhcpV4 } from "../wire/dhcpv4/message.ts";
import type { DhcpV4Message } from "../wire/dhcpv4/message.ts";
import { encodeAddress } from "../wire/dhcpv4/options/address.ts";
import { maxMessageSizeMin } from "../wire/dhcpv4/options/max-message-size.ts";
import { encodeMessage } from "../wire/dhcpv4/options/message.ts";
import { encodeMessageType } from "../wire/dhcpv4/options/message-type.ts";
import { encodePortParams } from "../wire/dhcpv4/options/port-params.ts";
import { encodeRapidCommit } from "../wire/dhcpv4/options/rapid-commit.ts";
import { encodeSeconds } from "../wire/dhcpv4/options/seconds.ts";
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

/** A decision that has an answer. */
type Reply = Exclude<Decision, { kind: "silence" }>;

/**
 * Encodes the answer to a query.
 *
 * @returns A RELAY-REPL that mirrors the query's relay path (RFC 8415 §19.3).
 */
export function encodeResponse(query: Query, domain: Domain, reply: Reply): Uint8Array {
  const octetsMax = (query.maxMessageSize ?? maxMessageSizeMin) - datagramHeaderOctets;
  const dhcpv4 = encodeWithin(replyMessage(query, domain, reply), octetsMax, reply.kind !== "nak");
  const options = reply.kind === "nak" ? [] : softwireOptions(query, domain);
  return encodeRelayReply(query.path, encodeDhcpV4Response({ options, dhcpv4 }));
}

/** Octets of the IPv4 and UDP headers that option 57 counts in, though 4o6 has none (RFC 2131 §2). */
const datagramHeaderOctets = 28;

/**
 * Keeps to the size that the client takes. What does not fit in the options field goes to `file` and `sname`, where
 * that is allowed; what does not fit there either is left out, from the end. Without all that may be left out, a
 * message always fits: the limit of client identifiers sees to it. What must not be left out is put first, so that
 * it takes no room in the small fields.
 */
function encodeWithin(message: DhcpV4Message, octetsMax: number, mayOverload: boolean): Uint8Array {
  if (measureDhcpV4(message.options) <= octetsMax) return encodeDhcpV4(message);
  const isNeeded = ([code]: [number, Uint8Array]): boolean => leaseCodes.includes(code);
  const needed = [...message.options].filter(isNeeded);
  const wanted = [...message.options].filter((option) => !isNeeded(option));
  const options = new Map([...needed, ...wanted]);
  const dispensable = wanted.map(([code]) => code);
  for (;;) {
    if (measureDhcpV4(options) <= octetsMax) return encodeDhcpV4({ ...message, options });
    const overloaded = mayOverload
      ? encodeOverloaded({ ...message, overload: 3, options }, octetsMax)
      : undefined;
    if (overloaded !== undefined) return overloaded;
    options.delete(dispensable.pop()!);
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

/** RFC 8539 §5: what the option request asks for, beside the DHCPv4 message. */
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

/** RFC 2131 table 3. */
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
    flags: message.flags,
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

/** What the lease is comes first, what the client asked for follows in its order (RFC 2132 §9.8). */
function replyOptions(query: Query, domain: Domain, reply: Reply): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  options.set(OptionCode.messageType, encodeMessageType(typeOf[reply.kind]));
  options.set(OptionCode.serverIdentifier, encodeAddress(domain.serverIdentifier));
  if (reply.kind === "offer" || reply.kind === "ack") addLease(options, reply.pair, reply.leaseSeconds);
  if (reply.kind === "nak") {
    options.set(OptionCode.message, encodeMessage(reasons[reply.reason].meaning));
  } else {
    addRequested(options, query, reply.options);
  }
  if (reply.kind === "ack" && reply.softwire !== null) {
    options.set(OptionCode.softwireSourceAddress, decodeHex(reply.softwire));
  }
  if (reply.kind === "ack" && reply.rapidCommit) options.set(OptionCode.rapidCommit, encodeRapidCommit());
  // RFC 6842: returned as it came, if it came.
  const clientIdentifier = query.message.options.get(OptionCode.clientIdentifier);
  if (clientIdentifier !== undefined) options.set(OptionCode.clientIdentifier, clientIdentifier);
  return options;
}

/** Options without which a lease is none; they are never left out. */
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

/** T1 and T2 at a half and seven eighths of the lease (RFC 2131 §4.4.5). */
function addLease(options: Map<number, Uint8Array>, pair: Pair, leaseSeconds: number): void {
  options.set(OptionCode.leaseTime, encodeSeconds(leaseSeconds));
  options.set(OptionCode.renewalTime, encodeSeconds(Math.floor(leaseSeconds / 2)));
  options.set(OptionCode.rebindingTime, encodeSeconds(Math.floor((leaseSeconds * 7) / 8)));
  if (pair.portSet !== undefined) options.set(OptionCode.portParams, encodePortParams(pair.portSet));
}

/** An address from a pool stands alone: nothing else is on its link. */
const hostMask = encodeAddress(0xffffffff);

/** Options by which a client does without IPv4, or lets a portal talk to its user: it has to ask (RFC 8925, 8910). */
const onlyWhenListed: readonly number[] = [OptionCode.v6OnlyPreferred, OptionCode.captivePortal];

/** What the client lists and the operator gives, in the client's order; to a client that lists nothing, the usual. */
function addRequested(options: Map<number, Uint8Array>, query: Query, configured: ConfiguredOptions): void {
  const { parameterRequestList } = query;
  const usual = [...configured.keys()].filter((code) => !onlyWhenListed.includes(code));
  const wishes = parameterRequestList.length > 0 ? parameterRequestList : usual;
  for (const code of wishes) {
    const data = configured.get(code) ?? (code === OptionCode.subnetMask ? hostMask : undefined);
    if (data !== undefined && !options.has(code)) options.set(code, data);
  }
}
