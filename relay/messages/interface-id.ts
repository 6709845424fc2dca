/**
 * Our Interface-Id (RFC 8415 §21.18): all that the relay needs to deliver an answer. It comes back with the answer, so
 * the relay keeps no state, and another process with the same listeners can deliver the answer.
 *
 * ```
 *  0        1          2          4
 * +--------+----------+----------+-----------------------------+
 * | format | listener | UDP port | zone of a link-local source |
 * +--------+----------+----------+-----------------------------+
 * ```
 *
 * The zone is the name of an interface, not its index, because an interface that is deleted and created again keeps its
 * name but gets another index.
 *
 * @module
 */
import { zoneOctetsMax } from "../../src/limits.ts";
import { readUint16, writeUint16 } from "../../src/wire/octets.ts";

/** Source of a datagram, apart from its address. */
export interface InterfaceId {
  /** Number of the listener: 0..255. */
  readonly listener: number;
  /** UDP source port: 1..65535. */
  readonly port: number;
  /** Name of the interface when the source is link-local, else empty. At most 15 characters of ASCII. */
  readonly zone: string;
}

const format = 1;
const headerOctets = 4;

/** Octets of the longest Interface-Id. */
export const interfaceIdOctetsMax = headerOctets + zoneOctetsMax;

const zonePattern = /^[\w.:@-]*$/;

/** @returns Whether a text can be the zone of an Interface-Id. The empty text can. */
export function isZone(text: string): boolean {
  return text.length <= zoneOctetsMax && zonePattern.test(text);
}

/**
 * Encodes an Interface-Id.
 *
 * @param interfaceId Its zone must be one that {@link isZone} accepts.
 * @returns Data of option 18.
 */
export function encodeInterfaceId({ listener, port, zone }: InterfaceId): Uint8Array {
  const data = new Uint8Array(headerOctets + zone.length);
  data[0] = format;
  data[1] = listener;
  writeUint16(data, 2, port);
  for (let at = 0; at < zone.length; at++) data[headerOctets + at] = zone.charCodeAt(at);
  return data;
}

/**
 * Decodes an Interface-Id.
 *
 * @param data Data of option 18; undefined if the answer lacks the option.
 * @returns Undefined if the data does not have our format.
 */
export function decodeInterfaceId(data: Uint8Array | undefined): InterfaceId | undefined {
  if (
    data === undefined ||
    data.length < headerOctets ||
    data.length > interfaceIdOctetsMax ||
    data[0] !== format
  ) {
    return undefined;
  }
  const port = readUint16(data, 2);
  const zone = String.fromCharCode(...data.subarray(headerOctets));
  return port === 0 || !isZone(zone) ? undefined : { listener: data[1]!, port, zone };
}
