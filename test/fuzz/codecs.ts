/**
 * What must hold for the codecs, whatever the octets: they throw only DecodeError, do not change their input, and what
 * they decoded is decoded again from its own encoding.
 *
 * @module
 */
import { answerGrowthOctetsMax, messageOctetsMax, relayLevelsMax } from "../../src/limits.ts";
import { OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { decodeDhcpV4, encodeDhcpV4, measureDhcpV4 } from "../../src/wire/dhcpv4/message.ts";
import type { DhcpV4Message } from "../../src/wire/dhcpv4/message.ts";
import { decodeAddress, encodeAddress } from "../../src/wire/dhcpv4/options/address.ts";
import {
  decodeMaxMessageSize,
  encodeMaxMessageSize,
} from "../../src/wire/dhcpv4/options/max-message-size.ts";
import { decodeMessageType, encodeMessageType } from "../../src/wire/dhcpv4/options/message-type.ts";
import { decodePortParams, encodePortParams } from "../../src/wire/dhcpv4/options/port-params.ts";
import { decodeSeconds, encodeSeconds } from "../../src/wire/dhcpv4/options/seconds.ts";
import {
  decodeSoftwireSourceAddress,
  encodeSoftwireSourceAddress,
} from "../../src/wire/dhcpv4/options/softwire-source-address.ts";
import { MessageType6, OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { decodeDhcpV4Query, encodeDhcpV4Query } from "../../src/wire/dhcpv6/dhcpv4-query.ts";
import type { Option6 } from "../../src/wire/dhcpv6/options.ts";
import { decodeCodeList, encodeCodeList } from "../../src/wire/dhcpv6/options/code-list.ts";
import { decodeDhcp4o6Server, encodeDhcp4o6Server } from "../../src/wire/dhcpv6/options/dhcp4o6-server.ts";
import { decodeRelayPort, encodeRelayPort } from "../../src/wire/dhcpv6/options/relay-port.ts";
import { decodeRemoteId, encodeRemoteId } from "../../src/wire/dhcpv6/options/remote-id.ts";
import { decodeS46BindPrefix, encodeS46BindPrefix } from "../../src/wire/dhcpv6/options/s46-bind-prefix.ts";
import { decodeS46Br, encodeS46Br } from "../../src/wire/dhcpv6/options/s46-br.ts";
import { decodeS46ContLw, encodeS46ContLw } from "../../src/wire/dhcpv6/options/s46-cont-lw.ts";
import { decodeRelayPathRecord, encodeRelayPathRecord } from "../../src/wire/dhcpv6/relay-path.ts";
import {
  decodeRelayMessage,
  decodeRelayPath,
  encodeRelayMessage,
  encodeRelayReply,
} from "../../src/wire/dhcpv6/relay.ts";
import type { RelayLevel } from "../../src/wire/dhcpv6/relay.ts";
import { decodeInterfaceId, encodeInterfaceId } from "../../src/wire/relay-interface-id.ts";
import { attempt, decodeOrReason, ensure, same } from "./property.ts";
import { checkDhcpV4Reading } from "./reference4.ts";
import { checkPathReading, checkQueryReading } from "./reference6.ts";

/** Decodes an option and encodes what it decoded. */
type Again = (data: Uint8Array) => Uint8Array;

const optionCodecs6: ReadonlyMap<number, Again> = new Map<number, Again>([
  [OptionCode6.optionRequest, (data) => encodeCodeList(decodeCodeList(data))],
  [OptionCode6.dhcp4o6Server, (data) => encodeDhcp4o6Server(decodeDhcp4o6Server(data))],
  [OptionCode6.relayPort, (data) => encodeRelayPort(decodeRelayPort(data))],
  [OptionCode6.remoteId, (data) => encodeRemoteId(decodeRemoteId(data))],
  [OptionCode6.s46Br, (data) => encodeS46Br(decodeS46Br(data))],
  [OptionCode6.s46BindIPv6Prefix, (data) => encodeS46BindPrefix(decodeS46BindPrefix(data))],
  [OptionCode6.s46ContLw, (data) => encodeS46ContLw(decodeS46ContLw(data))],
]);

const optionCodecs4: ReadonlyMap<number, Again> = new Map<number, Again>([
  [OptionCode.requestedAddress, (data) => encodeAddress(decodeAddress(data))],
  [OptionCode.leaseTime, (data) => encodeSeconds(decodeSeconds(data))],
  [OptionCode.messageType, (data) => encodeMessageType(decodeMessageType(data))],
  [OptionCode.maxMessageSize, (data) => encodeMaxMessageSize(decodeMaxMessageSize(data))],
  [
    OptionCode.softwireSourceAddress,
    (data) => encodeSoftwireSourceAddress(decodeSoftwireSourceAddress(data)),
  ],
  [OptionCode.portParams, (data) => encodePortParams(decodePortParams(data))],
]);

/** The octets before the codecs had them. */
const kept = new Uint8Array(0x1_1000);

/**
 * Checks all codecs that a message passes on its way through relay and allocator.
 *
 * @throws {PropertyError} When something does not hold.
 */
export function checkCodecs(octets: Uint8Array): void {
  kept.set(octets);
  if (octets[0] === MessageType6.relayForward) {
    const relayed = decodeOrReason(decodeRelayPath, octets);
    checkPathReading(octets, relayed);
    if (typeof relayed !== "string") {
      checkPath(octets, relayed.path, relayed.message);
      checkQuery(relayed.message);
    }
  } else checkQuery(octets);
  ensure(
    same(octets, kept.subarray(0, octets.length)),
    () => "Decoders leave their input alone: the octets have changed",
  );
}

function checkPath(octets: Uint8Array, path: readonly RelayLevel[], message: Uint8Array): void {
  ensure(
    path.length <= relayLevelsMax,
    () => `A path has at most ${relayLevelsMax} levels: found ${path.length}`,
  );
  for (const { options } of path) checkOptions6(options);
  let again = message;
  for (let at = path.length - 1; at >= 0; at--)
    again = encodeRelayMessage(MessageType6.relayForward, path[at]!, again);
  ensure(
    again.length === octets.length,
    () => `A relay path is encoded as it came: ${again.length} octets, expected ${octets.length}`,
  );
  const decoded = decodeRelayPath(again);
  ensure(
    same(decoded.message, message) && isSamePath(decoded.path, path),
    () => "decode∘encode keeps a relay path",
  );
  const record = decodeRelayPathRecord(encodeRelayPathRecord(path));
  ensure(isSamePath(record, path), () => "decode∘encode keeps the record of a relay path");
  if (octets.length - message.length + answerGrowthOctetsMax <= messageOctetsMax) checkReply(path);
}

/** An answer mirrors every level, and is not longer than the levels that it answers. */
function checkReply(path: readonly RelayLevel[]): void {
  let reply = encodeRelayReply(path, Uint8Array.of(MessageType6.dhcpv4Response, 0, 0, 0));
  for (const level of path) {
    const mirrored = decodeRelayMessage(reply);
    ensure(
      mirrored.type === MessageType6.relayReply && isSameHeader(mirrored, level),
      () => "A RELAY-REPL mirrors the header of its RELAY-FORW",
    );
    ensure(
      mirrored.options.length <= level.options.length,
      () => "A RELAY-REPL has no more options than its RELAY-FORW",
    );
    reply = mirrored.message;
  }
}

function isSameHeader(a: RelayLevel, b: RelayLevel): boolean {
  return (
    a.hopCount === b.hopCount && same(a.linkAddress, b.linkAddress) && same(a.peerAddress, b.peerAddress)
  );
}

function isSamePath(a: readonly RelayLevel[], b: readonly RelayLevel[]): boolean {
  return (
    a.length === b.length &&
    a.every((level, at) => isSameHeader(level, b[at]!) && areSameOptions(level.options, b[at]!.options))
  );
}

function areSameOptions(a: readonly Option6[], b: readonly Option6[]): boolean {
  return (
    a.length === b.length && a.every(({ code, data }, at) => code === b[at]!.code && same(data, b[at]!.data))
  );
}

function checkOptions6(options: readonly Option6[]): void {
  for (const { code, data } of options) {
    if (code === OptionCode6.interfaceId) {
      const decoded = decodeInterfaceId(data);
      ensure(
        decoded === undefined || same(encodeInterfaceId(decoded), data),
        () => "encode∘decode keeps an Interface-Id",
      );
    } else checkAgain(`option ${code} of DHCPv6`, optionCodecs6.get(code), data);
  }
}

/** The first encoding may differ from the octets in unused bits. The second must equal the first. */
function checkAgain(name: string, again: Again | undefined, data: Uint8Array): void {
  const encoded = again && attempt(again, data);
  if (again === undefined || encoded === undefined) return;
  const twice = attempt(again, encoded);
  ensure(twice !== undefined && same(twice, encoded), () => `decode∘encode keeps ${name}`);
}

function checkQuery(octets: Uint8Array): void {
  const query = decodeOrReason(decodeDhcpV4Query, octets);
  checkQueryReading(octets, query);
  if (typeof query === "string") return;
  checkOptions6(query.options);
  const encoded = encodeDhcpV4Query(query);
  const again = decodeDhcpV4Query(encoded);
  ensure(
    encoded.length === octets.length &&
      again.unicast === query.unicast &&
      same(again.dhcpv4, query.dhcpv4) &&
      areSameOptions(again.options, query.options),
    () => "decode∘encode keeps a DHCPV4-QUERY",
  );
  const message = decodeOrReason(decodeDhcpV4, query.dhcpv4);
  checkDhcpV4Reading(query.dhcpv4, message);
  if (typeof message !== "string") checkDhcpV4(message, query.dhcpv4.length);
}

const numberFields = [
  "op",
  "htype",
  "hlen",
  "hops",
  "xid",
  "secs",
  "flags",
  "ciaddr",
  "yiaddr",
  "siaddr",
  "giaddr",
  "overload",
] as const;
const octetFields = ["chaddr", "sname", "file"] as const;

/** Octets of option 52 and of END, which an encoded message may have in addition. */
const encodedExtraOctets = 4;

function checkDhcpV4(message: DhcpV4Message, length: number): void {
  for (const [code, data] of message.options) checkAgain(`option ${code}`, optionCodecs4.get(code), data);
  const octetsMax = measureDhcpV4(message.options) + 3;
  // Options may come from three fields, and are encoded in one.
  const fieldOctets = 64 + 128;
  ensure(
    octetsMax <= length + fieldOctets + encodedExtraOctets,
    () => `Options have no more octets than their message: ${octetsMax}, found in ${length}`,
  );
  const again = decodeDhcpV4(encodeDhcpV4(message, { octetsMin: 0, octetsMax }));
  for (const field of numberFields) {
    ensure(again[field] === message[field], () => `decode∘encode keeps ${field}`);
  }
  for (const field of octetFields) {
    ensure(same(again[field], message[field]), () => `decode∘encode keeps ${field}`);
  }
  const options = again.options.entries();
  for (const [code, data] of message.options) {
    const { value } = options.next();
    ensure(
      value?.[0] === code && same(value[1], data),
      () => "decode∘encode keeps DHCPv4 options and their order",
    );
  }
  ensure(again.options.size === message.options.size, () => "decode∘encode adds no DHCPv4 option");
}
