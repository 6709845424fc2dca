/**
 * Messages as trees that can be changed: relay levels, DHCPv6 options, the DHCPv4 message with its options in three
 * fields. The parser accepts anything and does not use the decoders under test; what it cannot read stays as octets.
 *
 * @module
 */

import { allocateOctets } from "../../src/wire/octets.ts";

/** An option, of DHCPv6 or DHCPv4. */
export interface Item {
  code: number;
  /** What the length says, if that is not the length of the data. */
  length: number | undefined;
  data: Uint8Array | Message;
}

/** A DHCPv6 message: a relay level (header of 34 octets) or a client's message (4 octets). */
export interface Message6 {
  readonly kind: "dhcpv6";
  header: Uint8Array;
  items: Item[];
  /** Octets after the last option. */
  tail: Uint8Array;
}

/** A DHCPv4 message. The header has 240 octets, cookie included. */
export interface Message4 {
  readonly kind: "dhcpv4";
  header: Uint8Array;
  items: Item[];
  tail: Uint8Array;
  /** Options in `file` and `sname`; undefined if the field is only octets. */
  file: Item[] | undefined;
  sname: Item[] | undefined;
}

export type Message = Message6 | Message4;

export const relayHeader = 34;
export const clientHeader = 4;
export const bootpHeader = 240;
export const snameAt = 44;
export const snameOctets = 64;
export const fileAt = 108;
export const fileOctets = 128;
export const relayMessage = 9;
export const dhcpv4Message = 87;
export const overload = 52;
export const pad = 0;
export const end = 255;
/** Octets that the length of a DHCPv4 option can tell. */
const partOctetsMax = 255;
/** More levels than any seed has. */
const depthMax = 40;

const isRelay = (type: number | undefined): boolean => type === 12 || type === 13;

/** Parses a DHCPv6 message. */
export function parseMessage6(octets: Uint8Array, depth = 0): Message6 {
  const size = isRelay(octets[0]) ? relayHeader : clientHeader;
  const items: Item[] = [];
  let at = Math.min(size, octets.length);
  const header = octets.slice(0, at);
  while (at + 4 <= octets.length) {
    const code = octets[at]! * 256 + octets[at + 1]!;
    const stop = at + 4 + octets[at + 2]! * 256 + octets[at + 3]!;
    if (stop > octets.length) break;
    items.push({ code, length: undefined, data: parseData6(code, octets.slice(at + 4, stop), depth) });
    at = stop;
  }
  return { kind: "dhcpv6", header, items, tail: octets.slice(at) };
}

function parseData6(code: number, data: Uint8Array, depth: number): Item["data"] {
  if (code === relayMessage && data.length > 0 && depth < depthMax) return parseMessage6(data, depth + 1);
  return code === dhcpv4Message && data.length >= bootpHeader ? parseMessage4(data) : data;
}

/** Parses a DHCPv4 message of at least 240 octets. */
function parseMessage4(octets: Uint8Array): Message4 {
  const { items, tail } = parseItems4(octets.subarray(bootpHeader));
  const value = items.find(({ code }) => code === overload)?.data;
  const bits = value instanceof Uint8Array ? (value[0] ?? 0) : 0;
  const fieldOf = (bit: number, at: number, size: number) =>
    (bits & bit) === 0 ? undefined : parseItems4(octets.subarray(at, at + size)).items;
  return {
    kind: "dhcpv4",
    header: octets.slice(0, bootpHeader),
    items,
    tail,
    file: fieldOf(1, fileAt, fileOctets),
    sname: fieldOf(2, snameAt, snameOctets),
  };
}

function parseItems4(octets: Uint8Array): { readonly items: Item[]; readonly tail: Uint8Array } {
  const items: Item[] = [];
  let at = 0;
  while (at < octets.length && octets[at] !== end) {
    const code = octets[at]!;
    const stop = code === pad ? at + 1 : at + 2 + (octets[at + 1] ?? 0);
    if (stop > octets.length) break;
    items.push({ code, length: undefined, data: octets.slice(at + 2, stop) });
    at = stop;
  }
  return { items, tail: octets.slice(at) };
}

/** Where trees are encoded. What does not fit is left out: it is longer than any message can be. */
const scratchOctets = 256 * 1024;
const scratch = new Uint8Array(scratchOctets);

/** Encodes a tree. Lengths that do not fit in their field are cut off, as a faulty sender would. */
export function encodeTree(message: Message): Uint8Array {
  const length = writeMessage(message, 0);
  const octets = allocateOctets(length);
  octets.set(scratch.subarray(0, length));
  return octets;
}

/** Octets up to which a loop copies faster than `set()`. */
const loopOctetsMax = 24;

function write(octets: Uint8Array, at: number): number {
  const { length } = octets;
  if (at + length > scratchOctets) return at;
  if (length > loopOctetsMax) scratch.set(octets, at);
  else for (let index = 0; index < length; index++) scratch[at + index] = octets[index]!;
  return at + length;
}

/** @returns The offset after the message. */
function writeMessage(message: Message, start: number): number {
  let at = write(message.header, start);
  if (message.kind === "dhcpv6") {
    for (const item of message.items) at = writeItem6(item, at);
    return write(message.tail, at);
  }
  for (const item of message.items) at = writeItem4(item, at);
  at = write(message.tail, at);
  if (at - start >= bootpHeader) {
    if (message.file !== undefined) fillField(message.file, start + fileAt, fileOctets);
    if (message.sname !== undefined) fillField(message.sname, start + snameAt, snameOctets);
  }
  return at;
}

const writeData = (data: Item["data"], at: number): number =>
  data instanceof Uint8Array ? write(data, at) : writeMessage(data, at);

function writeItem6({ code, length, data }: Item, at: number): number {
  if (at + 4 > scratchOctets) return at;
  const end = writeData(data, at + 4);
  const told = length ?? end - at - 4;
  scratch[at] = code >> 8;
  scratch[at + 1] = code;
  scratch[at + 2] = told >> 8;
  scratch[at + 3] = told;
  return end;
}

/** Data of more than 255 octets are written in parts (RFC 3396), unless the option tells a length of its own. */
function writeItem4({ code, length, data }: Item, at: number): number {
  if (at + 2 > scratchOctets) return at;
  scratch[at] = code;
  if (code === pad || code === end) return at + 1;
  if (length === undefined && data instanceof Uint8Array && data.length > partOctetsMax) {
    return writeParts4(code, data, at);
  }
  const stop = writeData(data, at + 2);
  scratch[at + 1] = length ?? stop - at - 2;
  return stop;
}

function writeParts4(code: number, data: Uint8Array, start: number): number {
  let at = start;
  for (let from = 0; from < data.length && at + 2 <= scratchOctets; from += partOctetsMax) {
    const part = data.subarray(from, from + partOctetsMax);
    scratch[at] = code;
    scratch[at + 1] = part.length;
    at = write(part, at + 2);
  }
  return at;
}

/** Fills a field of the header with options, as far as they fit. */
function fillField(items: readonly Item[], at: number, size: number): void {
  const after = scratch.slice(at + size, at + 2 * size + 2);
  let stop = at;
  for (const item of items) {
    if (stop >= at + size || (item.data instanceof Uint8Array && item.data.length > size)) break;
    stop = writeItem4(item, stop);
  }
  scratch.fill(0, Math.min(stop, at + size), at + size);
  if (stop < at + size) scratch[stop] = end;
  scratch.set(after, at + size);
}

export function joinOctets(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const joined = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Copies a tree. Octets are shared: mutations replace them, and change only headers in place. */
export function copyTree(message: Message6): Message6;
export function copyTree(message: Message): Message;
export function copyTree(message: Message): Message {
  const { kind, header, items, tail } = message;
  if (kind === "dhcpv6") return { kind, header: header.slice(), items: items.map(copyItem), tail };
  const file = message.file?.map(copyItem);
  const sname = message.sname?.map(copyItem);
  return { kind, header: header.slice(), items: items.map(copyItem), tail, file, sname };
}

export function copyItem({ code, length, data }: Item): Item {
  return { code, length, data: data instanceof Uint8Array ? data : copyTree(data) };
}

/** @returns All messages of a tree, outermost first. */
export function messagesOf(message: Message, found: Message[] = []): Message[] {
  found.push(message);
  for (const { data } of message.items) if (!(data instanceof Uint8Array)) messagesOf(data, found);
  return found;
}

/** @returns The lists of options of a message. */
export function listsOf(message: Message): Item[][] {
  if (message.kind === "dhcpv6") return [message.items];
  return [message.items, message.file, message.sname].filter((list) => list !== undefined);
}
