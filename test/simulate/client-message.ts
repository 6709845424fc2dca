/**
 * Messages of a client, and the answers to them: what the oracle knows of them, and their octets.
 *
 * @module
 */
import type { ClientProfile, LeasedPair, ServerPair } from "../../src/client/query.ts";
import { OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { decodeAddress } from "../../src/wire/dhcpv4/options/address.ts";
import { decodeSeconds } from "../../src/wire/dhcpv4/options/seconds.ts";
import { MessageType6, OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { encodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { readAnswer } from "../support/answer.ts";
import { encodeKind } from "../support/message-kinds.ts";
import type { MessageKind, MessageParts } from "../support/message-kinds.ts";
import type { Client } from "./client.ts";

/** A message of a client, as the oracle knows it. */
export interface Sent {
  readonly client: Client;
  readonly what: MessageKind;
  readonly xid: number;
  readonly pair: LeasedPair | undefined;
  /** When it was sent first. */
  readonly sentMs: number;
  /** Option 61, if it is that of another client. */
  readonly pretends: Client | undefined;
  /** Whether a lease may be granted at once. */
  readonly asksRapidCommit: boolean;
  /** Softwire address that it asks for, in hexadecimal. */
  readonly softwire: string | undefined;
  /** Where the client was when it sent it. */
  readonly place: Place;
  /** Set if an octet is wrong, so that it may say anything. */
  readonly isDamaged?: boolean | undefined;
}

/** Where a client is. */
export interface Place {
  /** IPv6 source address. */
  readonly address: string;
  /** Remote-Id that its access node states; undefined without an access node. */
  readonly remoteId: Uint8Array | undefined;
}

/** An answer that a client got. */
export interface Heard {
  readonly kind: "offer" | "ack" | "nak";
  /** Option 61 in hexadecimal; undefined if the answer has none. */
  readonly clientId: string | undefined;
  readonly pair: ServerPair;
  readonly seconds: number;
  readonly softwire: string | null;
  /** T1 and T2 in seconds; undefined if the answer has none. */
  readonly renewalSeconds: number | undefined;
  readonly rebindingSeconds: number | undefined;
}

/** Enterprise number of the access nodes. */
export const enterprise = [0, 0, 0, 9];
const noLink = new Uint8Array(16);
const noOctets = new Uint8Array();

/** @returns An answer and the transaction that it belongs to; undefined if it is none, as one that was cut short. */
export function readHeard(datagram: Uint8Array): { readonly xid: number; readonly heard: Heard } | undefined {
  let answer: ReturnType<typeof readAnswer>;
  try {
    answer = readAnswer(datagram);
  } catch {
    return undefined;
  }
  const { options, xid, yiaddr: address } = answer.message;
  const server = options.get(OptionCode.serverIdentifier);
  if (server === undefined) return undefined;
  const secondsOf = (code: number): number | undefined => {
    const data = options.get(code);
    return data && decodeSeconds(data);
  };
  const softwire = options.get(OptionCode.softwireSourceAddress);
  const client = options.get(OptionCode.clientIdentifier);
  const heard: Heard = {
    kind: answer.type as Heard["kind"],
    clientId: client && encodeHex(client),
    pair: { address, portParams: answer.portParams, serverIdentifier: decodeAddress(server) },
    seconds: secondsOf(OptionCode.leaseTime) ?? 0,
    softwire: softwire === undefined ? null : encodeHex(softwire),
    renewalSeconds: secondsOf(OptionCode.renewalTime),
    rebindingSeconds: secondsOf(OptionCode.rebindingTime),
  };
  return { xid, heard };
}

/** Encodes a message of a client at a place. */
export function encodeMessage(
  what: MessageKind,
  profile: ClientProfile,
  pair: ServerPair | undefined,
  { place, ...parts }: MessageParts & { readonly place: Place },
): Uint8Array {
  const message = encodeKind(what, profile, pair, parts);
  return place.remoteId === undefined ? message : throughAccessNode(message, place);
}

/** Wraps a message as the access node of its line does (RFC 6221). */
function throughAccessNode(message: Uint8Array, { address, remoteId = noOctets }: Place): Uint8Array {
  const options = [
    { code: OptionCode6.interfaceId, data: remoteId },
    { code: OptionCode6.remoteId, data: Uint8Array.of(...enterprise, ...remoteId) },
  ];
  const level = { hopCount: 0, linkAddress: noLink, peerAddress: parseIPv6(address), options };
  return encodeRelayMessage(MessageType6.relayForward, level, message);
}
