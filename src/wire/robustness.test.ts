/**
 * Untrusted input: whatever the octets and their length, a decoder throws nothing but DecodeError, finishes quickly,
 * and does not modify its input.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { octets, reasonOf } from "../../test/support/octets.ts";
import { vectors } from "../../test/support/vectors.ts";
import { relayBodyOctetsMax, relayFramesMax } from "../limits.ts";
import { DecodeError, decodeReasons } from "./decode-error.ts";
import { decodeDhcpV4 } from "./dhcpv4/message.ts";
import { decodeAddress } from "./dhcpv4/options/address.ts";
import { decodeClientIdentifier } from "./dhcpv4/options/client-identifier.ts";
import { decodeMaxMessageSize } from "./dhcpv4/options/max-message-size.ts";
import { decodeMessageType } from "./dhcpv4/options/message-type.ts";
import { decodeMessage } from "./dhcpv4/options/message.ts";
import { decodeParameterRequestList } from "./dhcpv4/options/parameter-request-list.ts";
import { decodePortParams } from "./dhcpv4/options/port-params.ts";
import { decodeRapidCommit } from "./dhcpv4/options/rapid-commit.ts";
import { decodeSeconds } from "./dhcpv4/options/seconds.ts";
import { decodeSoftwireSourceAddress } from "./dhcpv4/options/softwire-source-address.ts";
import { decodeDhcpV4Query, decodeDhcpV4Response } from "./dhcpv6/dhcpv4-query.ts";
import { decodeMessage6 } from "./dhcpv6/message.ts";
import { decodeOptions6 } from "./dhcpv6/options.ts";
import { decodeCodeList } from "./dhcpv6/options/code-list.ts";
import { decodeDhcp4o6Server } from "./dhcpv6/options/dhcp4o6-server.ts";
import { decodeRelayPort } from "./dhcpv6/options/relay-port.ts";
import { decodeRemoteId } from "./dhcpv6/options/remote-id.ts";
import { decodeS46BindPrefix } from "./dhcpv6/options/s46-bind-prefix.ts";
import { decodeS46Br } from "./dhcpv6/options/s46-br.ts";
import { decodeS46ContLw } from "./dhcpv6/options/s46-cont-lw.ts";
import { decodeRelayPathRecord } from "./dhcpv6/relay-path.ts";
import { decodeRelayMessage, decodeRelayPath, encodeRelayReply } from "./dhcpv6/relay.ts";
import { decodeFrames } from "./frames.ts";
import { equalOctets } from "./hex.ts";

/** Decodes a datagram as the allocator does: all relay levels, then the message, then the DHCPv4 message. */
function decodeDatagram(datagram: Uint8Array): unknown {
  const { path, message } = datagram[0] === 12 ? decodeRelayPath(datagram) : { path: [], message: datagram };
  encodeRelayReply(path, new Uint8Array(300));
  return decodeDhcpV4(decodeDhcpV4Query(message).dhcpv4);
}

const decoders: Record<string, (input: Uint8Array) => unknown> = {
  decodeDatagram,
  decodeDhcpV4,
  decodeAddress,
  decodeClientIdentifier,
  decodeMaxMessageSize,
  decodeMessageType,
  decodeMessage,
  decodeParameterRequestList,
  decodePortParams,
  decodeRapidCommit,
  decodeSeconds,
  decodeSoftwireSourceAddress,
  decodeDhcpV4Query,
  decodeDhcpV4Response,
  decodeMessage6,
  decodeOptions6,
  decodeCodeList,
  decodeDhcp4o6Server,
  decodeRelayPort,
  decodeRemoteId,
  decodeS46BindPrefix,
  decodeS46Br,
  decodeS46ContLw,
  decodeRelayPathRecord,
  decodeRelayMessage,
  decodeRelayPath,
  decodeFrames: (input) => decodeFrames(input, relayFramesMax),
};

/** Runs a decoder, and throws when the decoder throws anything but DecodeError or modifies its input. */
function attempt(decode: (input: Uint8Array) => unknown, input: Uint8Array): void {
  const before = input.slice();
  try {
    decode(input);
  } catch (error) {
    if (!(error instanceof DecodeError) || !decodeReasons.includes(error.reason)) throw error;
  }
  // `toEqual` is too slow for this many octets.
  if (!equalOctets(input, before)) throw new Error("The decoder changed its input");
}

const golden = vectors.map(({ hex }) => octets(hex));

/** An option with a known code, whose length may be wrong. */
const option6 = fc
  .tuple(
    fc.constantFrom(6, 9, 18, 37, 43, 79, 87, 88, 90, 92, 93, 96, 135, 137),
    fc.uint8Array({ maxLength: 40 }),
    fc.nat(2),
  )
  .map(([code, data, extra]) => Uint8Array.of(0, code, 0, data.length + (extra === 2 ? 1 : 0), ...data));
/** Octets that are close to what decoders expect: a valid header, then options or random octets. */
const shaped = fc
  .tuple(
    fc.constantFrom(
      octets(""),
      octets("14000000"),
      octets("15000000"),
      octets(`0c00${"00".repeat(32)}`),
      octets(`0d08${"00".repeat(32)}`),
      octets(`0101060000000000${"00".repeat(228)}63825363`),
      octets(`0101060000000000${"00".repeat(228)}63825363340103`),
    ),
    fc.array(fc.oneof(option6, fc.uint8Array({ maxLength: 6 })), { maxLength: 5 }),
  )
  .map(([head, parts]) => Uint8Array.from([...head, ...parts.flatMap((part) => [...part])]));

/** A golden packet with some octets changed, then truncated or extended. */
const mutated = fc
  .tuple(
    fc.constantFrom(...golden),
    fc.array(fc.tuple(fc.nat(700), fc.constantFrom(0, 1, 9, 52, 87, 127, 159, 254, 255)), { maxLength: 8 }),
    fc.nat(700),
    fc.uint8Array({ maxLength: 8 }),
  )
  .map(([packet, changes, cut, tail]) => {
    const changed = packet.slice();
    for (const [at, value] of changes) changed[at % changed.length] = value;
    return Uint8Array.of(...changed.subarray(0, cut), ...tail);
  });

/** Builds octets of 64 KiB, the longest possible datagram: a start, then a repeated pattern. */
const fill = (start: string, pattern: readonly number[]): Uint8Array => {
  const filled = new Uint8Array(65_535);
  const head = octets(start);
  filled.set(head);
  for (let at = head.length; at < filled.length; at++)
    filled[at] = pattern[(at - head.length) % pattern.length]!;
  return filled;
};
const dhcpv4Head = `010106000000000000000000${"00".repeat(224)}63825363`;
const relayHead = `0c00${"00".repeat(32)}`;

/** Builds nested RELAY-FORW messages with correct lengths that fill 64 KiB. */
function nestUpTo64KiB(): Uint8Array {
  const levelOctets = 38;
  const nested = new Uint8Array(levelOctets * Math.floor(65_535 / levelOctets));
  for (let at = 0; at < nested.length; at += levelOctets) {
    const inner = nested.length - at - levelOctets;
    nested[at] = 12;
    nested.set([0, 9, inner >> 8, inner & 255], at + 34);
  }
  return nested;
}

const extremes: Record<string, Uint8Array> = {
  "64 KiB of zeros": fill("", [0]),
  "64 KiB of ones": fill("", [255]),
  "a DHCPv4 message of 64 KiB of PAD": fill(dhcpv4Head, [0]),
  "a DHCPv4 message of 64 KiB of options without data": fill(dhcpv4Head, [43, 0]),
  "a DHCPv4 message of 64 KiB of one option in parts of an octet": fill(dhcpv4Head, [43, 1, 7]),
  "a DHCPv4 message of 64 KiB of all options": fill(
    dhcpv4Head,
    Array.from({ length: 254 }, (_, index) => [index + 1, 1, 7]).flat(),
  ),
  "a query of 64 KiB of options without data": fill("14000000", [0, 14, 0, 0]),
  "a query of 64 KiB of option 87 without data": fill("14000000", [0, 87, 0, 0]),
  "a RELAY-FORW of 64 KiB of options without data": fill(relayHead, [0, 18, 0, 0]),
  "a RELAY-FORW that requests 32 000 echoes": fill(
    `${relayHead} 0012 0001 61 0009 0000 002b ffcc`,
    [0, 18, 250, 1],
  ),
  "64 KiB of nested RELAY-FORW": nestUpTo64KiB(),
  "1 MiB of empty frames": new Uint8Array(relayBodyOctetsMax),
};

describe.each(Object.entries(decoders))("%s()", (_, decode) => {
  it("throws nothing but DecodeError for random octets", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (input) => {
        attempt(decode, input);
      }),
    );
  });

  it("throws nothing but DecodeError for almost valid octets", () => {
    fc.assert(
      fc.property(fc.oneof(shaped, mutated), (input) => {
        attempt(decode, input);
      }),
      { numRuns: 300 },
    );
  });
});

describe.each(Object.entries(extremes))("%s", (_, input) => {
  it("is decoded or rejected by every decoder", () => {
    for (const decode of Object.values(decoders)) attempt(decode, input);
  });
});

describe("truncated golden packets", () => {
  it("are decoded or rejected by the message decoders", () => {
    for (const packet of golden) {
      for (let length = 0; length <= packet.length; length++) {
        const cut = packet.subarray(0, length);
        for (const decode of [decodeDatagram, decodeMessage6, decodeDhcpV4Response]) attempt(decode, cut);
      }
    }
  });

  it("are rejected as relay paths, because truncation always shortens an option 9", () => {
    for (const { name, hex } of vectors) {
      // Here other options follow option 9, and truncation can remove them completely.
      if (!name.startsWith("relay-forw") || name === "relay-forw-msg-first") continue;
      const packet = octets(hex);
      for (let length = 0; length < packet.length; length++) {
        expect(
          reasonOf(() => decodeRelayPath(packet.subarray(0, length))),
          `${name} of ${length} octets`,
        ).toMatch(/^(message-truncated|option-overrun|no-relay-message)$/);
      }
    }
  });

  it("are decoded or rejected as DHCPv4 messages, without the length check of option 87", () => {
    // In a query with no other option, the message header and the header of option 87 take 8 octets.
    for (const packet of golden.filter((each) => each[0] === 20 && each[5] === 87)) {
      for (let length = 8; length <= packet.length; length++)
        attempt(decodeDhcpV4, packet.subarray(8, length));
    }
  });
});
