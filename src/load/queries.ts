/**
 * The messages of a load: one template for each kind of message, filled in for each of thousands of clients.
 *
 * @module
 */
import { OptionCode } from "../wire/dhcpv4/codes.ts";
import { encodeClientIdentifier } from "../wire/dhcpv4/options/client-identifier.ts";
import { encodeDuidLl } from "../wire/duid.ts";
import { MessageType6 } from "../wire/dhcpv6/codes.ts";
import { encodeRelayMessage } from "../wire/dhcpv6/relay.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";
import { readUint32, writeUint32 } from "../wire/octets.ts";
import {
  encodeDiscover,
  encodeRelease,
  encodeRenewing,
  encodeSelecting,
  parameterRequestList,
} from "../client/query.ts";
import type { ClientProfile, Hint, ServerPair } from "../client/query.ts";
import { createQueryTemplate } from "./query-template.ts";
import type { QueryTemplate } from "./query-template.ts";

/** What the clients of a load have in common. */
interface Profile {
  /** The clients list option 159, because they can share addresses. */
  readonly sharesPorts: boolean;
  /** DHCPv6 options that the clients request with the answer; empty for none. */
  readonly optionRequest: readonly number[];
  /** What they wish in a DISCOVER. */
  readonly hint: Hint;
  /** The RELAY-FORW level around each query, as if one relay served all clients; undefined sends bare queries. */
  readonly relay: RelayLevel | undefined;
  /** With `relay`: the option that names each client's line. */
  readonly line: LineOption | undefined;
}

/** A relay option that names the line of each client: a text, and then the client's number with ten digits. */
export interface LineOption {
  readonly code: number;
  /** What stands before the number. */
  readonly prefix: Uint8Array;
}

/** A lease, packed in the form that messages use. */
export interface PackedPair {
  readonly address: number;
  readonly serverIdentifier: number;
  /** The four octets of option 159; 0 for a full address. */
  readonly portParams: number;
}

/** Encoders of the messages. Each writes a message into the given octets and returns its length. */
export interface Queries {
  /** Length of the longest message, in octets. */
  readonly octetsMax: number;
  readonly discover: (into: Uint8Array, client: number, xid: number) => number;
  readonly selecting: (into: Uint8Array, client: number, xid: number, offer: PackedPair) => number;
  readonly renewing: (into: Uint8Array, client: number, xid: number, lease: PackedPair) => number;
  readonly release: (into: Uint8Array, client: number, xid: number, lease: PackedPair) => number;
}

/**
 * Identity of client 0. The last four octets of the DUID-LL and of the hardware address hold the client's number. The
 * hardware address is locally administered.
 */
const hardwareAddress = Uint8Array.of(2, 0, 0, 0, 0, 0);
const clientIdentifier = encodeClientIdentifier({ iaid: 1, duid: encodeDuidLl(hardwareAddress) });
const numberInIdentifier = clientIdentifier.length - 4;
const numberInHardware = hardwareAddress.length - 4;

/** Digits of the largest client number, 2^32 - 1. */
const lineDigits = 10;
const zero = 0x30;

/** @returns The number of the client that an option 61 identifies; undefined when it is not a client of a load. */
export function clientOfIdentifier(data: Uint8Array): number | undefined {
  if (data.length !== clientIdentifier.length) return undefined;
  for (let at = 0; at < numberInIdentifier; at++) if (data[at] !== clientIdentifier[at]) return undefined;
  return readUint32(data, numberInIdentifier);
}

/** @returns Option 61 of the client with this number. */
export function identifierOfClient(client: number): Uint8Array {
  const data = clientIdentifier.slice();
  writeUint32(data, numberInIdentifier, client);
  return data;
}

/** Prepares the templates of all messages. */
export function createQueries({ sharesPorts, optionRequest, hint, relay, line }: Profile): Queries {
  const profile: ClientProfile = {
    clientIdentifier,
    hardwareAddress,
    parameterRequestList: parameterRequestList({ sharesPorts }),
    optionRequest,
    leaseSeconds: undefined,
  };
  const level = relay === undefined || line === undefined ? relay : withLine(relay, line);
  const template = (query: Uint8Array): QueryTemplate =>
    createQueryTemplate(
      level === undefined ? query : encodeRelayMessage(MessageType6.relayForward, level, query),
      line?.code,
    );
  const parts = { xid: 0, softwire: undefined };
  const discover = template(encodeDiscover(profile, { xid: 0, hint }));
  // Messages about a full address omit option 159, so each of these has two templates.
  const bothKinds = (encode: (pair: ServerPair) => Uint8Array) => ({
    shared: template(encode({ ...noPair, portParams: { psidOffset: 0, psidLength: 0, psid: 0 } })),
    full: template(encode({ ...noPair, portParams: undefined })),
  });
  const selecting = bothKinds((pair) => encodeSelecting(profile, pair, parts));
  const renewing = bothKinds((pair) => encodeRenewing(profile, pair, parts));
  const release = bothKinds((pair) => encodeRelease(profile, pair, parts));
  const all = [discover, ...[selecting, renewing, release].flatMap(({ shared, full }) => [shared, full])];
  return {
    octetsMax: Math.max(...all.map(({ octets }) => octets.length)),
    discover: (into, client, xid) => writeQuery(discover, into, client, xid),
    selecting: (into, client, xid, offer) => writeFor(selecting, into, client, xid, offer),
    renewing: (into, client, xid, lease) => writeFor(renewing, into, client, xid, lease),
    release: (into, client, xid, lease) => writeFor(release, into, client, xid, lease),
  };
}

function withLine(relay: RelayLevel, { code, prefix }: LineOption): RelayLevel {
  const data = new Uint8Array(prefix.length + lineDigits);
  data.set(prefix);
  return { ...relay, options: [...relay.options, { code, data }] };
}

const noPair = { address: 0, serverIdentifier: 0 };

function writeFor(
  { shared, full }: { readonly shared: QueryTemplate; readonly full: QueryTemplate },
  into: Uint8Array,
  client: number,
  xid: number,
  pair: PackedPair,
): number {
  const template = pair.portParams === 0 ? full : shared;
  const length = writeQuery(template, into, client, xid);
  // A message has its address either in option 50 or in ciaddr (RFC 2131 table 5).
  const requestedAddress = template.options.get(OptionCode.requestedAddress);
  writeUint32(into, requestedAddress ?? template.ciaddr, pair.address);
  const serverIdentifier = template.options.get(OptionCode.serverIdentifier);
  if (serverIdentifier !== undefined) writeUint32(into, serverIdentifier, pair.serverIdentifier);
  const portParams = template.options.get(OptionCode.portParams);
  if (portParams !== undefined) writeUint32(into, portParams, pair.portParams);
  return length;
}

function writeQuery(template: QueryTemplate, into: Uint8Array, client: number, xid: number): number {
  into.set(template.octets);
  writeUint32(into, template.xid, xid);
  writeUint32(into, template.chaddr + numberInHardware, client);
  writeUint32(into, template.options.get(OptionCode.clientIdentifier)! + numberInIdentifier, client);
  if (template.lineEnd !== undefined) writeLineNumber(into, template.lineEnd, client);
  return template.octets.length;
}

/** Writes the digits from the last to the first: formatting a text for each message would take longer. */
function writeLineNumber(into: Uint8Array, end: number, client: number): void {
  let rest = client;
  for (let at = end - 1; at >= end - lineDigits; at--) {
    into[at] = zero + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}
