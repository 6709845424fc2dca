/**
 * The flags with which a client reaches a relay, for the hint that `apportion start` prints.
 *
 * @module
 */
import { hostOf, zoneOf } from "../../relay/endpoint.ts";
import type { Endpoint } from "../../relay/endpoint.ts";
import { defaultRelay } from "../defaults.ts";

/** Ports of RFC 8415 §7.2. */
const [clientPort, serverPort] = [546, 547];

/**
 * Chooses the flags.
 *
 * @param listeners Where the relay listens: one or more. The flags are for the first.
 * @returns Empty, or flags that each begin with a space.
 */
export function clientFlagsFor(listeners: readonly Endpoint[]): string {
  const { address, port } = listeners[0]!;
  const zone = zoneOf(address);
  const isDefault = address === defaultRelay.address && port === defaultRelay.port;
  // A relay with a listener on the standard port answers to the clients' standard port, on every listener.
  const isStandard = listeners.some((each) => each.port === serverPort);
  return [
    isDefault ? "" : ` --server ${hostOf(address)} --port ${port}`,
    isStandard ? ` --local-port ${clientPort}` : "",
    zone === undefined ? "" : ` --interface ${zone}`,
  ].join("");
}
