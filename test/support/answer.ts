/**
 * Decodes answers to clients.
 *
 * @module
 */
import { tryDecode } from "../../src/wire/decode-error.ts";
import { MessageType, OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { decodeDhcpV4 } from "../../src/wire/dhcpv4/message.ts";
import type { DhcpV4Message } from "../../src/wire/dhcpv4/message.ts";
import { decodePortParams } from "../../src/wire/dhcpv4/options/port-params.ts";
import type { PortParams } from "../../src/wire/dhcpv4/options/port-params.ts";
import { MessageType6 } from "../../src/wire/dhcpv6/codes.ts";
import { decodeDhcpV4Response } from "../../src/wire/dhcpv6/dhcpv4-query.ts";
import type { Option6 } from "../../src/wire/dhcpv6/options.ts";
import { decodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import type { RelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import { formatIPv4 } from "../../src/wire/ipv4-address.ts";

/** The decoded answer to one message. */
export interface TestAnswer {
  /** `offer`, `ack`, `nak`. */
  readonly type: string | undefined;
  readonly address: string;
  readonly portParams: PortParams | undefined;
  readonly message: DhcpV4Message;
  /** The same message, undecoded. */
  readonly octets: Uint8Array;
  /** DHCPv6 options of the DHCPV4-RESPONSE, without option 87. */
  readonly options: readonly Option6[];
  /** RELAY-REPL of each level except our own, outermost first. */
  readonly levels: readonly RelayMessage[];
  /** RELAY-REPL of our own level. */
  readonly envelope: RelayMessage;
  /** Header of the DHCPV4-RESPONSE: type and flags. */
  readonly header: Uint8Array;
}

/** Decodes a datagram toward a client: a DHCPV4-RESPONSE inside any number of RELAY-REPL levels. */
export function readAnswer(datagram: Uint8Array): Omit<TestAnswer, "envelope"> {
  const levels: RelayMessage[] = [];
  let octets = datagram;
  while (octets[0] === MessageType6.relayReply) {
    levels.push(decodeRelayMessage(octets));
    octets = levels.at(-1)!.message;
  }
  const { options, dhcpv4 } = decodeDhcpV4Response(octets);
  const message = decodeDhcpV4(dhcpv4);
  const type = message.options.get(OptionCode.messageType)?.[0];
  return {
    type: Object.entries(MessageType).find(([, value]) => value === type)?.[0],
    address: formatIPv4(message.yiaddr),
    portParams: tryDecode(decodePortParams, message.options.get(OptionCode.portParams)),
    message,
    octets: dhcpv4,
    options,
    levels,
    header: octets.subarray(0, 4),
  };
}
