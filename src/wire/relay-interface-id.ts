/**
 * The Interface-Id of our relay (RFC 8415 §21.18): all that it must know to deliver an answer, and how far the allocator
 * may believe the relay levels inside. It comes back with the answer, so the relay keeps no state, and another process
 * with the same listeners can deliver the answer.
 *
 * ```
 *  0        1          2          4          5
 * +--------+----------+----------+----------+-----------------------------+
 * | format | listener | UDP port | believed | zone of a link-local source |
 * +--------+----------+----------+----------+-----------------------------+
 * ```
 *
 * `believed` is the number of levels inside ours that trusted relays added. The zone is the name of an interface, not
 * its index, because an interface that is deleted and created again keeps its name but gets another index.
 *
 * @module
 */
import { zoneOctetsMax } from "../limits.ts";
import { readUint16, writeUint16 } from "./octets.ts";

/** Source of a datagram, apart from its address. */
export interface InterfaceId {
  /** Number of the listener: 0..255. */
  readonly listener: number;
  /** UDP source port: 1..65535. */
  readonly port: number;
  /** Number of relay levels inside ours that may be believed: 0..255. */
  readonly believed: number;
  /** Name of the interface when the source is link-local, else empty. At most 15 octets of UTF-8. */
  readonly zone: string;
}

const format = 2;
const believedOffset = 4;
const headerOctets = 5;

/** Octets of the longest Interface-Id. */
export const interfaceIdOctetsMax = headerOctets + zoneOctetsMax;

/** Linux allows all other octets in the name of an interface; `%` begins the zone in an address. */
const forbiddenInZone = /[/%\s\0]/;

/** @returns Whether a text can be the zone of an Interface-Id; the empty text can. */
export function isZone(text: string): boolean {
  const isShort = text.length <= zoneOctetsMax && octetsOf(text).length <= zoneOctetsMax;
  return isShort && !forbiddenInZone.test(text) && text !== "." && text !== "..";
}

/**
 * Encodes an Interface-Id.
 *
 * @param interfaceId Its zone must be one that {@link isZone} accepts.
 * @returns Data of option 18.
 */
export function encodeInterfaceId({ listener, port, believed, zone }: InterfaceId): Uint8Array {
  const name = octetsOf(zone);
  const data = new Uint8Array(headerOctets + name.length);
  data[0] = format;
  data[1] = listener;
  writeUint16(data, 2, port);
  data[believedOffset] = believed;
  data.set(name, headerOctets);
  return data;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const noOctets = new Uint8Array(0);

/** Most sources have no zone, and encoding is on the path of every datagram. */
function octetsOf(zone: string): Uint8Array {
  return zone === "" ? noOctets : encoder.encode(zone);
}

function textOf(octets: Uint8Array): string | undefined {
  try {
    return octets.length === 0 ? "" : decoder.decode(octets);
  } catch {
    return undefined;
  }
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
  const zone = textOf(data.subarray(headerOctets));
  if (port === 0 || zone === undefined || !isZone(zone)) return undefined;
  return { listener: data[1]!, port, believed: data[believedOffset]!, zone };
}

/**
 * Reads how many levels inside a relay level may be believed.
 *
 * @param data Data of option 18 of the outermost level; undefined if it has none.
 * @returns Undefined if the data does not have our format, so that the level states nothing.
 */
export function believedLevels(data: Uint8Array | undefined): number | undefined {
  return data?.[0] === format && data.length >= headerOctets ? data[believedOffset] : undefined;
}
