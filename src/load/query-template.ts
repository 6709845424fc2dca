/**
 * A query that is encoded once and sent for many clients: it is copied, and the few fields that differ are overwritten.
 *
 * ```ts
 * import { createQueryTemplate } from "./query-template.ts";
 *
 * const template = createQueryTemplate(encodeDiscover(profile, { xid: 0, hint: {} }));
 * writeUint32(octets, template.xid, 0x4f0a0001);
 * ```
 *
 * @module
 */
import { decodeDhcpV4 } from "../wire/dhcpv4/message.ts";
import { MessageType6 } from "../wire/dhcpv6/codes.ts";
import { decodeDhcpV4Query } from "../wire/dhcpv6/dhcpv4-query.ts";
import { decodeRelayPath } from "../wire/dhcpv6/relay.ts";

/** A query and the positions of its fields, as offsets in octets. */
export interface QueryTemplate {
  readonly octets: Uint8Array;
  readonly xid: number;
  readonly ciaddr: number;
  readonly chaddr: number;
  /** Offsets of the data of DHCPv4 options, by code. */
  readonly options: ReadonlyMap<number, number>;
  /** Offset after the data of the relay option that names the line; undefined without one. */
  readonly lineEnd: number | undefined;
}

const xidOffset = 4;
const ciaddrOffset = 12;

/**
 * Finds the positions of the fields of a query. Decoders return views, so the offset of a view is the position of its
 * field.
 *
 * @param octets A DHCPV4-QUERY, or RELAY-FORW around one.
 * @param lineCode Code of the relay option that names the line of the client.
 * @throws {DecodeError} When the octets are anything else.
 */
export function createQueryTemplate(octets: Uint8Array, lineCode?: number): QueryTemplate {
  const relayed = octets[0] === MessageType6.relayForward ? decodeRelayPath(octets) : undefined;
  const query = relayed?.message ?? octets;
  const line = relayed?.path[0]?.options.find(({ code }) => code === lineCode)?.data;
  const { dhcpv4 } = decodeDhcpV4Query(query);
  const { chaddr, options } = decodeDhcpV4(dhcpv4);
  const placeOf = (view: Uint8Array): number => view.byteOffset - octets.byteOffset;
  return {
    octets,
    xid: placeOf(dhcpv4) + xidOffset,
    ciaddr: placeOf(dhcpv4) + ciaddrOffset,
    chaddr: placeOf(chaddr),
    options: new Map(Array.from(options, ([code, data]) => [code, placeOf(data)])),
    lineEnd: line === undefined ? undefined : placeOf(line) + line.length,
  };
}
