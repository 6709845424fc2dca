/**
 * What of a relay path is kept with a lease, to answer later on which line a client was.
 *
 * @module
 */
import { evidenceOctetsMax } from "../limits.ts";
import { OptionCode6 } from "../wire/dhcpv6/codes.ts";
import type { RelayLevel } from "../wire/dhcpv6/relay.ts";

/** Options that name a line, a port, a subscriber or a device. */
const evidenceCodes: readonly number[] = [
  OptionCode6.interfaceId,
  OptionCode6.remoteId,
  OptionCode6.subscriberId,
  OptionCode6.clientLinkLayerAddress,
];

/**
 * Reduces a relay path to what identifies.
 *
 * @returns The same levels, with the options that name something and are not too long to keep.
 */
export function evidenceOf(path: readonly RelayLevel[]): RelayLevel[] {
  return path.map((level) => ({
    ...level,
    options: level.options.filter(
      ({ code, data }) => evidenceCodes.includes(code) && data.length <= evidenceOctetsMax,
    ),
  }));
}
