/**
 * The part of a relay path that is stored with a lease, as evidence of the line on which the client was.
 *
 * @module
 */
import { evidenceOctetsMax } from "../limits.ts";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";

/** Options that identify a line, a port, a subscriber or a device. */
const evidenceCodes: readonly number[] = [
  OptionCode6.interfaceId,
  OptionCode6.remoteId,
  OptionCode6.subscriberId,
  OptionCode6.clientLinkLayerAddress,
];

/**
 * Reduces a relay path to the options that identify a subscriber.
 *
 * @param path Relay path, outermost level first.
 * @returns The same levels with only the identifying options of at most {@link evidenceOctetsMax} octets.
 */
export function evidenceOf(path: readonly RelayLevel[]): RelayLevel[] {
  return path.map(({ hopCount, linkAddress, peerAddress, options }) => ({
    hopCount,
    linkAddress,
    peerAddress,
    options: options.filter(
      ({ code, data }) => evidenceCodes.includes(code) && data.length <= evidenceOctetsMax,
    ),
  }));
}
