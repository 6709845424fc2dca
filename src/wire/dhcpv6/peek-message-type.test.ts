import fc from "fast-check";
import { expect, test } from "vitest";
import { vectors } from "../../../test/support/vectors.ts";
import { relayLevelsMax } from "../../limits.ts";
import { OptionCode } from "../dhcpv4/codes.ts";
import { decodeDhcpV4 } from "../dhcpv4/message.ts";
import { decodeHex } from "../hex.ts";
import { decodeDhcpV4Query } from "./dhcpv4-query.ts";
import { peekMessageType } from "./peek-message-type.ts";
import { decodeRelayPath, encodeRelayMessage } from "./relay.ts";
import { MessageType6, OptionCode6 } from "./codes.ts";

/** The type that the decoders find; undefined if they reject the datagram. */
function decodeType(datagram: Uint8Array): number | undefined {
  try {
    const message = datagram[0] === 12 ? decodeRelayPath(datagram).message : datagram;
    const { options, overload } = decodeDhcpV4(decodeDhcpV4Query(message).dhcpv4);
    return overload === 0 ? options.get(OptionCode.messageType)?.[0] : undefined;
  } catch {
    return undefined;
  }
}

const decoded = vectors
  .map(({ name, hex }) => ({ name, datagram: decodeHex(hex), type: decodeType(decodeHex(hex)) }))
  .filter(({ type }) => type !== undefined);

/** Puts a datagram in so many relay levels. */
function relayed(datagram: Uint8Array, levels: number): Uint8Array {
  let message = datagram;
  for (let hopCount = 0; hopCount < levels; hopCount++) {
    const addresses = { linkAddress: new Uint8Array(16), peerAddress: new Uint8Array(16) };
    const options = [{ code: OptionCode6.interfaceId, data: new Uint8Array(3) }];
    message = encodeRelayMessage(MessageType6.relayForward, { hopCount, ...addresses, options }, message);
  }
  return message;
}

test.each(decoded)("peekMessageType finds type $type in $name", ({ datagram, type }) => {
  expect(peekMessageType(datagram)).toBe(type);
});

test("peekMessageType finds the type in as many relay levels as a decoder follows, and not in more", () => {
  const { datagram, type } = decoded[0]!;
  expect(peekMessageType(relayed(datagram, relayLevelsMax))).toBe(type);
  expect(peekMessageType(relayed(datagram, relayLevelsMax + 1))).toBeUndefined();
});

test.each([
  ["no octets", ""],
  ["a RELAY-REPL", "0d"],
  ["another DHCPv6 message", "0b000000"],
  ["a query without option 87", "14000000"],
  ["an option that is longer than its message", "140000000057ffff"],
])("peekMessageType finds nothing in %s", (_what, hex) => {
  expect(peekMessageType(decodeHex(hex))).toBeUndefined();
});

test("peekMessageType reads any octets, whole or cut, without an error", () => {
  const datagram = fc.constantFrom(...decoded.map((each) => each.datagram));
  const damage = fc.array(fc.tuple(fc.nat(1500), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(datagram, damage, fc.nat(1500), (octets, changes, length) => {
      const damaged = octets.slice(0, length);
      for (const [at, octet] of changes) if (at < damaged.length) damaged[at] = octet;
      const type = peekMessageType(damaged);
      expect(type === undefined || (type >= 0 && type <= 255)).toBe(true);
    }),
  );
});
