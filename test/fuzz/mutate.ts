/**
 * Mutations of trees and of octets.
 *
 * @module
 */
import { OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { MessageType6, OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { messageOctetsMax } from "../../src/limits.ts";
import { addresses6, boundaryLengths, boundaryOctets, codes4, codes6, data4, data6 } from "./dictionary.ts";
import type { Random } from "../support/random.ts";
import { copyItem, copyTree, encodeTree, joinOctets, listsOf, messagesOf } from "./tree.ts";
import type { Item, Message, Message4, Message6 } from "./tree.ts";

/** Octets of the longest message that is made: decoders must also meet some that no frame can hold. */
const octetsMax = messageOctetsMax + 64;

/** Messages that are made from one copy of a seed: the first without a change, each further one with more. */
const messagesPerCopy = 5;

/** Makes messages from seeds. */
export class Mutator {
  readonly #random: Random;
  readonly #seeds: readonly Message6[];
  #tree: Message6;
  #made = messagesPerCopy;
  /** The tree, encoded. */
  #octets: Uint8Array = new Uint8Array(0);

  /** @param seeds Trees. They are not changed. */
  constructor(random: Random, seeds: readonly Message6[]) {
    this.#random = random;
    this.#seeds = seeds;
    this.#tree = seeds[0]!;
  }

  /**
   * Makes a message: a tree that is changed in one more place and encoded, or the last message with changed octets. A few
   * messages are seeds as they are, so that what is beyond the decoders is reached as well.
   */
  next(): Uint8Array {
    const random = this.#random;
    if (random.oneIn(4)) {
      let octets = this.#octets;
      for (let change = random.below(4); change >= 0; change--) octets = mutateOctets(random, octets);
      return cut(octets);
    }
    if (this.#made === messagesPerCopy) {
      this.#tree = copyTree(random.pick(this.#seeds));
      this.#made = 0;
    } else random.pick(treeMutations)(random, this.#tree, this.#seeds);
    this.#made++;
    const octets = encodeTree(this.#tree);
    this.#octets = octets;
    // What has become long once would stay long, and slow.
    if (octets.length > longOctets) this.#made = Math.min(this.#made + 2, messagesPerCopy);
    return cut(octets);
  }
}

const cut = (octets: Uint8Array): Uint8Array =>
  octets.length > octetsMax ? octets.subarray(0, octetsMax) : octets;

/** A message above this length counts threefold, so that its copy is soon replaced. */
const longOctets = 4096;

type TreeMutation = (random: Random, tree: Message6, seeds: readonly Message6[]) => void;

/** Common mutations appear more than once. */
const treeMutations: readonly TreeMutation[] = [
  drop,
  repeat,
  swap,
  split,
  lengthen,
  truncate,
  tellWrongLength,
  replaceData,
  replaceData,
  replaceData,
  replaceCode,
  insert,
  insert,
  changeHeader,
  changeHeader,
  changeAddress,
  nest,
  unnest,
  crossOver,
  crossOver,
  overloadFields,
  multiply,
];

const anyMessage = (random: Random, tree: Message6): Message => random.pick(messagesOf(tree));

function anyList(random: Random, tree: Message6): { readonly list: Item[]; readonly message: Message } {
  const message = anyMessage(random, tree);
  return { list: random.pick(listsOf(message)), message };
}

/** @returns An option, its list and its place there; undefined if the list that was picked is empty. */
function anyItem(random: Random, tree: Message6) {
  const { list, message } = anyList(random, tree);
  if (list.length === 0) return undefined;
  const at = random.below(list.length);
  return { list, message, at, item: list[at]! };
}

const octetsOf = ({ data }: Item): Uint8Array => (data instanceof Uint8Array ? data : encodeTree(data));

function drop(random: Random, tree: Message6): void {
  const found = anyItem(random, tree);
  found?.list.splice(found.at, 1);
}

function repeat(random: Random, tree: Message6): void {
  const found = anyItem(random, tree);
  found?.list.splice(random.below(found.list.length + 1), 0, copyItem(found.item));
}

function swap(random: Random, tree: Message6): void {
  const found = anyItem(random, tree);
  if (found === undefined) return;
  const other = random.below(found.list.length);
  found.list[found.at] = found.list[other]!;
  found.list[other] = found.item;
}

/** Divides an option in two of the same code, which DHCPv4 joins again (RFC 3396) and DHCPv6 does not. */
function split(random: Random, tree: Message6): void {
  const found = anyItem(random, tree);
  if (found === undefined) return;
  const octets = octetsOf(found.item);
  const middle = random.below(octets.length + 1);
  const { code } = found.item;
  const part = (data: Uint8Array): Item => ({ code, length: undefined, data });
  found.list.splice(found.at, 1, part(octets.subarray(0, middle)), part(octets.subarray(middle)));
}

function lengthen(random: Random, tree: Message6): void {
  const found = anyItem(random, tree);
  if (found === undefined) return;
  // Nothing smaller fills a frame, so that no answer fits around it.
  const extra = random.oneIn(60)
    ? random.pick([random.below(60_000), 60_000 + random.below(5500)])
    : random.pick([1, 1, 2, 4, 16, 100, 255, 300]);
  const filler = random.oneIn(2)
    ? new Uint8Array(extra).fill(random.pick(boundaryOctets))
    : random.octets(extra);
  found.item.data = joinOctets([octetsOf(found.item), filler]);
}

function truncate(random: Random, tree: Message6): void {
  const found = anyItem(random, tree);
  if (found === undefined) return;
  const octets = octetsOf(found.item);
  found.item.data = octets.subarray(0, random.below(octets.length + 1));
}

function tellWrongLength(random: Random, tree: Message6): void {
  const found = anyItem(random, tree);
  if (found === undefined) return;
  const { length } = octetsOf(found.item);
  found.item.length = random.oneIn(2)
    ? random.pick(boundaryLengths)
    : Math.max(0, length + random.below(5) - 2);
}

function replaceData(random: Random, tree: Message6): void {
  const found = anyItem(random, tree);
  if (found === undefined) return;
  const { item, message } = found;
  item.data = message.kind === "dhcpv4" ? data4(random, item.code) : data6(random, item.code);
}

function replaceCode(random: Random, tree: Message6): void {
  const found = anyItem(random, tree);
  if (found !== undefined) found.item.code = random.pick(found.message.kind === "dhcpv4" ? codes4 : codes6);
}

function insert(random: Random, tree: Message6): void {
  const { list, message } = anyList(random, tree);
  const isDhcpV4 = message.kind === "dhcpv4";
  const code = random.pick(isDhcpV4 ? codes4 : codes6);
  const data = isDhcpV4 ? data4(random, code) : data6(random, code);
  list.splice(random.below(list.length + 1), 0, { code, length: undefined, data });
}

/** Offsets of the DHCPv4 header that rules read: op, htype, hlen, hops, secs, flags, addresses, chaddr, cookie. */
const headerOffsets4 = [0, 1, 2, 3, 8, 10, 12, 13, 15, 16, 20, 24, 28, 33, 44, 108, 236, 239];

function changeHeader(random: Random, tree: Message6): void {
  const { header, kind } = anyMessage(random, tree);
  if (header.length === 0) return;
  const at = kind === "dhcpv4" ? random.pick(headerOffsets4) : random.below(Math.min(header.length, 4));
  header[at] = random.pick(boundaryOctets);
}

/** Sets an address of a relay level, or ciaddr. */
function changeAddress(random: Random, tree: Message6): void {
  const { header, kind } = anyMessage(random, tree);
  if (kind === "dhcpv4") header.set(data4(random, OptionCode.requestedAddress), 12);
  else if (header.length === 34) header.set(random.pick(addresses6), random.oneIn(2) ? 2 : 18);
}

/** Puts a message into one relay level more, or into as many as the bound and a few beyond. */
function nest(random: Random, tree: Message6): void {
  const levels = random.oneIn(6) ? random.below(20) : 1;
  const place = random.pick(messagesOf(tree).filter((each) => each.kind === "dhcpv6"));
  for (let level = 0; level < levels; level++) {
    const inner: Message6 = { kind: "dhcpv6", header: place.header, items: place.items, tail: place.tail };
    const header = new Uint8Array(34);
    header[0] = MessageType6.relayForward;
    header[1] = random.pick([level, level, 0, 7, 8, 31, 32, 255]);
    header.set(random.pick(addresses6), 2);
    header.set(random.pick(addresses6), 18);
    const code = random.pick([
      OptionCode6.interfaceId,
      OptionCode6.remoteId,
      OptionCode6.echoRequest,
      OptionCode6.relayPort,
    ]);
    place.header = header;
    place.items = [{ code: OptionCode6.relayMessage, length: undefined, data: inner }];
    if (random.oneIn(2)) place.items.unshift({ code, length: undefined, data: data6(random, code) });
    place.tail = new Uint8Array(0);
  }
}

function unnest(random: Random, tree: Message6): void {
  const place = random.pick(messagesOf(tree).filter((each) => each.kind === "dhcpv6"));
  const inner = place.items.find(({ data }) => !(data instanceof Uint8Array))?.data as Message | undefined;
  if (inner?.kind !== "dhcpv6") return;
  place.header = inner.header;
  place.items = inner.items;
  place.tail = inner.tail;
}

/** Takes an option, or a whole message, from another seed. */
function crossOver(random: Random, tree: Message6, seeds: readonly Message6[]): void {
  const other = random.pick(seeds);
  const { list, message } = anyList(random, tree);
  const donors = messagesOf(other)
    .filter(({ kind }) => kind === message.kind)
    .flatMap(({ items }) => items);
  if (donors.length === 0) return;
  const item = copyItem(random.pick(donors));
  const same = list.findIndex(({ code }) => code === item.code);
  if (same >= 0 && !random.oneIn(4)) list[same] = item;
  else list.splice(random.below(list.length + 1), 0, item);
}

/** Moves options into `file` and `sname`, and says so in option 52, though not always the truth. */
function overloadFields(random: Random, tree: Message6): void {
  const message = messagesOf(tree).find((each): each is Message4 => each.kind === "dhcpv4");
  if (message === undefined) return;
  const bits = 1 + random.below(3);
  const moved = message.items.splice(random.below(message.items.length + 1));
  if ((bits & 1) !== 0) message.file = moved;
  if ((bits & 2) !== 0) message.sname = (bits & 1) === 0 || random.oneIn(4) ? moved : [];
  const told = random.oneIn(4) ? random.pick(boundaryOctets) : bits;
  message.items.push({ code: OptionCode.overload, length: undefined, data: Uint8Array.of(told) });
}

/** Repeats one option up to and beyond the bound of options. */
function multiply(random: Random, tree: Message6): void {
  const found = anyItem(random, tree);
  if (found === undefined) return;
  const { length } = octetsOf(found.item);
  const times = random.oneIn(50) ? 2000 : random.pick([2, 8, 61, 62, 63, 64, 65]);
  if (times * length > octetsMax) return;
  for (let time = 0; time < times; time++) found.list.push(copyItem(found.item));
}

/** Changes octets in one place. */
function mutateOctets(random: Random, octets: Uint8Array): Uint8Array {
  const { length } = octets;
  if (length === 0) return random.octets(random.below(8));
  const at = random.below(length);
  const changed = octets.slice();
  switch (random.below(7)) {
    case 0:
      changed[at] = changed[at]! ^ (1 << random.below(8));
      return changed;
    case 1:
      changed[at] = random.pick(boundaryOctets);
      return changed;
    case 2:
      return changed.subarray(0, at);
    case 3:
      return joinOctets([changed, random.octets(1 + random.below(8))]);
    case 4:
      return joinOctets([changed.subarray(0, at), random.octets(1 + random.below(4)), changed.subarray(at)]);
    case 5:
      return joinOctets([changed.subarray(0, at), changed.subarray(at + 1 + random.below(4))]);
    default:
      changed.copyWithin(random.below(length), at, Math.min(length, at + 1 + random.below(40)));
      return changed;
  }
}
