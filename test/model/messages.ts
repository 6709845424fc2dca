/**
 * The messages of the model's clients, and what their answers say.
 *
 * @module
 */
import { OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { decodeSeconds } from "../../src/wire/dhcpv4/options/seconds.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { formatIPv6, parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import type { ExpectedAnswer, Message } from "../oracle/expected.ts";
import { slotOfPair } from "../oracle/pools.ts";
import type { NamedPair, OraclePool } from "../oracle/pools.ts";
import { must } from "../oracle/violation.ts";
import type { TestAnswer } from "../support/allocator.ts";
import { clientProfile, fullProfile } from "../support/clients.ts";
import { encodeKind } from "../support/message-kinds.ts";
import { clientsCount, sharingClients, sitesCount } from "./plan.ts";
import type { PlannedMessage } from "./plan.ts";

const serverIdentifier = parseIPv4("198.51.100.1");
const otherServer = parseIPv4("198.51.100.2");
const sharedAddress = parseIPv4("192.0.2.0");
const fullAddress = parseIPv4("203.0.113.0");

/** Option 61 of each client, in hexadecimal. */
export const clientIds = Array.from({ length: clientsCount }, (_, client) =>
  encodeHex(clientProfile(client).clientIdentifier),
);

const shared = (address: number, psid: number, psidLength = 2): NamedPair => ({
  address,
  portParams: { psidOffset: 0, psidLength, psid },
});
const full = (address: number): NamedPair => ({ address, portParams: undefined });

/**
 * Pairs by number: those of the pools, then one with another PSID-length, one with reserved ports, one whose address is
 * in no pool, and a full address with a port set.
 */
const namedPairs: readonly NamedPair[] = [
  ...[0, 1].flatMap((index) => [1, 2, 3].map((psid) => shared(sharedAddress + index, psid))),
  ...[0, 1].map((index) => full(fullAddress + index)),
  shared(sharedAddress, 5, 3),
  shared(sharedAddress, 0),
  shared(parseIPv4("198.51.100.77"), 1),
  shared(fullAddress + 1, 1),
];

/** A message with its octets. */
export interface Built {
  readonly message: Message;
  readonly octets: Uint8Array;
  /** IPv6 source address as text. */
  readonly source: string;
}

/** @param heard The pair of the last OFFER or ACK that the client received. */
export function buildMessage(planned: PlannedMessage, heard: NamedPair | undefined, xid: number): Built {
  const isSharing = planned.client < sharingClients !== planned.otherKind;
  const wish = planned.wish ?? undefined;
  const kind = isSharing ? clientProfile(planned.client) : fullProfile(planned.client);
  const profile = { ...kind, leaseSeconds: wish };
  const site = planned.place === 2 ? (planned.client + 1) % sitesCount : planned.client % sitesCount;
  const source = formatIPv6(parseIPv6(`2001:db8:0:${site}00::${planned.place}:${planned.client + 1}`));
  const chosen = planned.pair === "own" ? heard : planned.pair < 0 ? undefined : namedPairs[planned.pair];
  const pair = chosen ?? (planned.what === "discover" ? undefined : namedPairs[0]!);
  const named = planned.withoutPortSet && pair !== undefined ? full(pair.address) : pair;
  const softwire =
    planned.softwire === null ? undefined : parseIPv6(`2001:db8:ffff::${planned.softwire + 1}`);
  const isBinding = ["select", "renew", "rebind", "reboot"].includes(planned.what);
  const message: Message = {
    what: planned.what,
    client: clientIds[planned.client]!,
    lists159: isSharing,
    pair: named,
    wish,
    softwire: isBinding && softwire !== undefined ? encodeHex(softwire) : null,
    source: encodeHex(parseIPv6(source)),
    site: `prefix:${encodeHex(parseIPv6(source).subarray(0, 7))}`,
  };
  const server = planned.what === "withdraw" ? otherServer : serverIdentifier;
  const parts = { xid, softwire };
  const octets = encodeKind(planned.what, profile, named && { ...named, serverIdentifier: server }, parts);
  return { message, source, octets };
}

/** An answer that an allocator sent, whether its client received it or not. */
export interface GivenAnswer {
  readonly kind: "offer" | "ack" | "nak";
  /** Undefined for a NAK. */
  readonly pair: NamedPair | undefined;
  readonly seconds: number;
  readonly softwire: string | null;
}

/** A message and its answer; `unknown` when the whole POST failed. */
export type Exchange = readonly [Message, GivenAnswer | undefined | "unknown"];

/** @returns What an answer says, after a check of what holds for every answer. */
export function readAnswer({ message, octets }: Built, answer: TestAnswer): GivenAnswer {
  const { type, address, portParams } = answer;
  const { options, xid, yiaddr } = answer.message;
  const found = { message, type, address, portParams };
  const isLease = type === "offer" || type === "ack";
  must(isLease || type === "nak", "an answer is of another type than OFFER, ACK and NAK", found);
  const identifier = options.get(OptionCode.clientIdentifier);
  must(
    identifier !== undefined && encodeHex(identifier) === message.client,
    "option 61 is not that of the client",
    found,
  );
  must(encodeHex(answer.header) === "15000000", "the header of the response has flags", found);
  // The xid of an answer must be one that occurs in the octets of the query.
  const isOfQuery = encodeHex(octets).includes(xid.toString(16).padStart(8, "0"));
  must(isOfQuery, "the xid is not that of the query", found);
  must(
    !options.has(OptionCode.portParams) || message.lists159,
    "R7618-8-01: option 159 was sent to a client that does not list it",
    found,
  );
  const seconds = options.get(OptionCode.leaseTime);
  must((seconds !== undefined) === isLease, "option 51 is missing from a lease, or in a NAK", found);
  const softwire = options.get(OptionCode.softwireSourceAddress);
  return {
    kind: type,
    pair: isLease ? { address: yiaddr, portParams } : undefined,
    seconds: seconds === undefined ? 0 : decodeSeconds(seconds),
    softwire: softwire === undefined ? null : encodeHex(softwire),
  };
}

/** @returns An answer in the form of an expected one. */
export function asExpected(pools: readonly OraclePool[], answer: GivenAnswer | undefined): ExpectedAnswer {
  if (answer === undefined) return { kind: "silence" };
  const { kind, pair, seconds, softwire } = answer;
  if (kind === "nak") return { kind };
  const slot = slotOfPair(pools, pair!);
  must(slot !== undefined, "the pair of a lease is in no pool", answer);
  return { kind, slot, seconds, softwire };
}
