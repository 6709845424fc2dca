/**
 * The DHCP message type inside a 4o6 datagram, read without decoding it: the relay looks at each datagram, and leaves it to
 * the allocator to check the message.
 *
 * @module
 */
import { relayLevelsMax } from "../../limits.ts";
import { OptionCode } from "../dhcpv4/codes.ts";
import { dhcpV4OptionsOffset } from "../dhcpv4/message.ts";
import { readUint16 } from "../octets.ts";
import { MessageType6, OptionCode6 } from "./codes.ts";
import { messageHeaderOctets } from "./message.ts";
import { optionHeaderOctets } from "./options.ts";
import { relayHeaderOctets } from "./relay.ts";

/** From where to where, in octets of a datagram. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * Looks for option 53 of the DHCPv4 message in a DHCPV4-QUERY (RFC 7341 §6), which may be in relay levels (RFC 8415 §19).
 *
 * @param datagram Any octets.
 * @returns The type: `MessageType` names those of RFC 2131. Undefined if the first option 53 is missing, is not one octet
 *   long, or is in `sname` or `file`.
 */
export function peekMessageType(datagram: Uint8Array): number | undefined {
  let message: Range | undefined = { from: 0, to: datagram.length };
  for (let level = 0; message !== undefined && level < relayLevelsMax; level++) {
    if (datagram[message.from] !== MessageType6.relayForward) break;
    message = findOption(datagram, message, relayHeaderOctets, OptionCode6.relayMessage);
  }
  if (message === undefined || datagram[message.from] !== MessageType6.dhcpv4Query) return undefined;
  const dhcpv4 = findOption(datagram, message, messageHeaderOctets, OptionCode6.dhcpv4Message);
  return dhcpv4 === undefined ? undefined : findMessageType(datagram, dhcpv4);
}

/** @returns Where the data of the first DHCPv6 option with a code is in a message. */
function findOption(
  octets: Uint8Array,
  { from, to }: Range,
  headerOctets: number,
  code: number,
): Range | undefined {
  let at = from + headerOctets;
  while (at + optionHeaderOctets <= to) {
    const end = at + optionHeaderOctets + readUint16(octets, at + 2);
    if (end > to) return undefined;
    if (readUint16(octets, at) === code) return { from: at + optionHeaderOctets, to: end };
    at = end;
  }
  return undefined;
}

function findMessageType(octets: Uint8Array, { from, to }: Range): number | undefined {
  let at = from + dhcpV4OptionsOffset;
  while (at + 2 < to) {
    const code = octets[at]!;
    const length = octets[at + 1]!;
    if (code === OptionCode.messageType) return length === 1 ? octets[at + 2] : undefined;
    if (code === OptionCode.end) return undefined;
    at += code === OptionCode.pad ? 1 : 2 + length;
  }
  return undefined;
}
