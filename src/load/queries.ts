/**
 * The messages of a load: templates of each sort, filled in for one client out of thousands.
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
import type { ClientProfile, ServerPair } from "../client/query.ts";
import { createQueryTemplate } from "./query-template.ts";
import type { QueryTemplate } from "./query-template.ts";

/** What the clients of a load have in common. */
interface Profile {
  /** They list option 159: they can share addresses. */
  readonly sharesPorts: boolean;
  /** DHCPv6 options that they want beside the answer; empty for none. */
  readonly optionRequest: readonly number[];
  /** The RELAY-FORW level that they send in, as if one relay served them all; undefined sends bare queries. */
  readonly relay: RelayLevel | undefined;
}

/** A lease, as a message names it. */
export interface PackedPair {
  readonly address: number;
  readonly serverIdentifier: number;
  /** The four octets of option 159; 0 for a full address. */
  readonly portParams: number;
}

/** Writes a message into the octets given, and returns its length. */
export interface Queries {
  /** Octets that the longest message takes. */
  readonly octetsMax: number;
  readonly discover: (into: Uint8Array, client: number, xid: number) => number;
  readonly selecting: (into: Uint8Array, client: number, xid: number, offer: PackedPair) => number;
  readonly renewing: (into: Uint8Array, client: number, xid: number, lease: PackedPair) => number;
  readonly release: (into: Uint8Array, client: number, xid: number, lease: PackedPair) => number;
}

/**
 * Identity of client 0. Each client has its number in the last four octets of its DUID-LL and hardware address, which
 * is a locally administered one.
 */
const hardwareAddress = Uint8Array.of(2, 0, 0, 0, 0, 0);
const clientIdentifier = encodeClientIdentifier({ iaid: 1, duid: encodeDuidLl(hardwareAddress) });
const numberInIdentifier = clientIdentifier.length - 4;
const numberInHardware = hardwareAddress.length - 4;

/** @returns The number of the client that an option 61 is of; undefined when it is of no client of a load. */
export function clientOfIdentifier(data: Uint8Array): number | undefined {
  if (data.length !== clientIdentifier.length) return undefined;
  for (let at = 0; at < numberInIdentifier; at++) if (data[at] !== clientIdentifier[at]) return undefined;
  return readUint32(data, numberInIdentifier);
}

/** @returns Option 61 of a client, by its number. */
export function identifierOfClient(client: number): Uint8Array {
  const data = clientIdentifier.slice();
  writeUint32(data, numberInIdentifier, client);
  return data;
}

/** Prepares the messages. */
export function createQueries({ sharesPorts, optionRequest, relay }: Profile): Queries {
  const profile: ClientProfile = {
    clientIdentifier,
    hardwareAddress,
    parameterRequestList: parameterRequestList({ sharesPorts }),
    optionRequest,
    leaseSeconds: undefined,
  };
  const template = (query: Uint8Array): QueryTemplate =>
    createQueryTemplate(
      relay === undefined ? query : encodeRelayMessage(MessageType6.relayForward, relay, query),
    );
  const parts = { xid: 0, softwire: undefined };
  const discover = template(encodeDiscover(profile, { xid: 0, hint: {} }));
  // A full address is named without option 159, so these messages come in two sorts.
  const bothSorts = (encode: (pair: ServerPair) => Uint8Array) => ({
    shared: template(encode({ ...noPair, portParams: { psidOffset: 0, psidLength: 0, psid: 0 } })),
    full: template(encode({ ...noPair, portParams: undefined })),
  });
  const selecting = bothSorts((pair) => encodeSelecting(profile, pair, parts));
  const renewing = bothSorts((pair) => encodeRenewing(profile, pair, parts));
  const release = bothSorts((pair) => encodeRelease(profile, pair, parts));
  const all = [discover, ...[selecting, renewing, release].flatMap(({ shared, full }) => [shared, full])];
  return {
    octetsMax: Math.max(...all.map(({ octets }) => octets.length)),
    discover: (into, client, xid) => writeQuery(discover, into, client, xid),
    selecting: (into, client, xid, offer) => writeFor(selecting, into, client, xid, offer),
    renewing: (into, client, xid, lease) => writeFor(renewing, into, client, xid, lease),
    release: (into, client, xid, lease) => writeFor(release, into, client, xid, lease),
  };
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
  // A message names its address either in option 50 or in ciaddr (RFC 2131 table 5).
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
  return template.octets.length;
}
