/**
 * Stateless DHCPv6: answers an Information-Request, from a client or through relays, with options 88, 90 and 96
 * (RFC 7341 §7.2, RFC 7598 §4.2, §5.3). So clients find the 4o6 service without a DHCPv6 server that announces
 * it. Pure.
 *
 * It answers only requests for an option that it has. A client accepts the first Reply, so a Reply without the DNS
 * servers that the client requested would be worse than none.
 *
 * @module
 */
import { tryDecode } from "../../src/wire/decode-error.ts";
import { MessageType6, OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import {
  decodeInformationRequest,
  encodeInformationReply,
} from "../../src/wire/dhcpv6/information-request.ts";
import type { InformationRequest } from "../../src/wire/dhcpv6/information-request.ts";
import type { Option6 } from "../../src/wire/dhcpv6/options.ts";
import { encodeDhcp4o6Server } from "../../src/wire/dhcpv6/options/dhcp4o6-server.ts";
import { encodeInformationRefreshTime } from "../../src/wire/dhcpv6/options/information-refresh-time.ts";
import { encodeS46Br } from "../../src/wire/dhcpv6/options/s46-br.ts";
import { encodeS46ContLw } from "../../src/wire/dhcpv6/options/s46-cont-lw.ts";
import { decodeRelayMessage, decodeRelayPath, encodeRelayReply } from "../../src/wire/dhcpv6/relay.ts";
import { equalOctets } from "../../src/wire/hex.ts";
import { canBeAnswered, formatPeer, ownAnswerPort } from "../messages/envelope.ts";
import type { Delivery, Drop, Origin, ReplyPort } from "../messages/envelope.ts";

/** Settings for answers to Information-Requests. */
export interface Information {
  /** DUID of this relay. */
  readonly serverIdentifier: Uint8Array;
  /** Option 88: addresses to send queries to, 16 octets each. Empty means ff02::1:2. */
  readonly dhcp4o6Servers: readonly Uint8Array[];
  /** Addresses of lwAFTRs or BRs, 16 octets each; each gets an option 90. */
  readonly borderRelays: readonly Uint8Array[];
  /** Whether to offer option 96 with the border relays, for clients that read them from it. Addresses come by 4o6. */
  readonly softwireContainer: boolean;
  /** Option 32: seconds for which the client may use the information. */
  readonly refreshSeconds: number;
}

/** An answer, the reason for a drop, or `pass` if the datagram is no Information-Request or goes to DHCPv6 servers. */
export type Answered = Delivery | Drop | { readonly kind: "pass" };

const pass: Answered = { kind: "pass" };

/**
 * Answers a datagram that is an Information-Request, directly from a client or inside RELAY-FORW.
 *
 * A Reply is several times as long as its request, so it must not go to a source that someone made up. A client's own
 * request counts only if it came by multicast, which stays on its link. A relayed one counts only if all its relays are
 * trusted, whatever its depth.
 *
 * @param isBelieved Whether trusted relays added all relay levels; true for a datagram without one.
 * @param hasServers Whether DHCPv6 servers are configured, to which requests for other options can go.
 */
export function answerDatagram(
  datagram: Uint8Array,
  origin: Origin,
  information: Information,
  {
    isBelieved,
    hasServers,
    replyPort,
  }: { readonly isBelieved: boolean; readonly hasServers: boolean; readonly replyPort: ReplyPort },
): Answered {
  const relayed = datagram[0] === MessageType6.relayForward;
  if (!relayed && datagram[0] !== MessageType6.informationRequest) return pass;
  const envelope = relayed ? tryDecode(decodeRelayPath, datagram) : { path: [], message: datagram };
  if (envelope?.message[0] !== MessageType6.informationRequest) return pass;
  if (!relayed && !origin.isGroup) return drop("unicast-information-request");
  if (!isBelieved) return drop("untrusted-relay");
  if (!canBeAnswered(origin)) return drop("unusable-source");
  const reply = answerInformationRequest(envelope.message, information);
  if (reply.kind === "drop") {
    return reply.reason === "information-not-served" && hasServers ? pass : reply;
  }
  const outermost = relayed ? decodeRelayMessage(datagram) : undefined;
  return {
    kind: "deliver",
    listener: origin.listener,
    address: formatPeer(origin.peer),
    port: ownAnswerPort(outermost, origin.port, replyPort),
    payload: relayed ? encodeRelayReply(envelope.path, reply.message) : reply.message,
  };
}

/**
 * Decides how to answer an Information-Request (RFC 8415 §18.3.6).
 *
 * @param message The request, without relay levels.
 * @returns The Reply, or the reason for a drop.
 */
export function answerInformationRequest(
  message: Uint8Array,
  information: Information,
): { readonly kind: "reply"; readonly message: Uint8Array } | Drop {
  const request = tryDecode(decodeInformationRequest, message);
  if (request === undefined) return drop("malformed-information-request");
  const { serverIdentifier } = information;
  if (request.serverIdentifier !== undefined && !equalOctets(request.serverIdentifier, serverIdentifier)) {
    return drop("information-of-another-server");
  }
  const options = requestedOptions(request, information);
  if (options.length === 0) return drop("information-not-served");
  if (request.requested.includes(OptionCode6.informationRefreshTime)) {
    const data = encodeInformationRefreshTime(information.refreshSeconds);
    options.push({ code: OptionCode6.informationRefreshTime, data });
  }
  const { transactionId, clientIdentifier } = request;
  const reply = { transactionId, serverIdentifier, clientIdentifier, options };
  return { kind: "reply", message: encodeInformationReply(reply) };
}

/** Encodes the requested options that we have, in the client's order. */
function requestedOptions({ requested }: InformationRequest, information: Information): Option6[] {
  const { dhcp4o6Servers, borderRelays, softwireContainer } = information;
  return requested.flatMap((code): Option6[] => {
    switch (code) {
      case OptionCode6.dhcp4o6Server:
        return [{ code, data: encodeDhcp4o6Server(dhcp4o6Servers) }];
      case OptionCode6.s46Br:
        return borderRelays.map((address) => ({ code, data: encodeS46Br(address) }));
      case OptionCode6.s46ContLw:
        return softwireContainer ? [{ code, data: encodeS46ContLw({ borderRelays }) }] : [];
      default:
        return [];
    }
  });
}

function drop(reason: Drop["reason"]): Drop {
  return { kind: "drop", reason };
}
