/**
 * Messages for a fuzzed relay, and the answers of its allocator.
 *
 * @module
 */
import type { DropReason } from "../../relay/reasons.ts";
import type { HttpAnswer } from "../../relay/uplink/connections.ts";
import { MessageType6 } from "../../src/wire/dhcpv6/codes.ts";
import { decodeRelayPath, encodeRelayReply } from "../../src/wire/dhcpv6/relay.ts";
import { clockHeader, framesType } from "../../src/wire/relay-call.ts";
import { uint32 } from "./dictionary.ts";

/** A datagram to a relay: numbers of an origin and of a setting of `relay-settings.ts`. */
export interface Up {
  readonly target: "up";
  readonly origin: number;
  readonly setting: number;
  readonly octets: Uint8Array;
}

/** A frame of an answer to a relay, from its allocator or a DHCPv6 server. */
export interface Down {
  readonly target: "down";
  readonly setting: number;
  readonly octets: Uint8Array;
}

/** An answer on its way to the relay. */
export interface Answer {
  /** Undefined for the answer to a good query. */
  readonly message: Down | undefined;
  readonly octets: Uint8Array;
}

/** How an allocator answers a POST; the weights say how often in 256. */
export const failures: readonly (DropReason | undefined)[] = [
  "allocator-unavailable",
  "allocator-refused",
  "malformed-body",
  ...new Array<undefined>(253).fill(undefined),
];

/** @returns The answer to a good query: a DHCPV4-RESPONSE of its own, in a level for each level of the frame. */
export function goodAnswer(frame: Uint8Array): Answer {
  const { path, message } = decodeRelayPath(frame);
  const response = Uint8Array.of(MessageType6.dhcpv4Response, 0, 0, 0, ...message.subarray(-8));
  return { message: undefined, octets: encodeRelayReply(path, response) };
}

/** @returns An answer to a POST or a probe. */
export const httpAnswer = (status: number, body: Uint8Array = new Uint8Array(0)): HttpAnswer => ({
  status,
  headers: { "content-type": framesType, [clockHeader]: "1750000000000" },
  body,
});

/** @returns An answer that the relay must count as this. */
export function failureOf(reason: DropReason): HttpAnswer {
  if (reason === "allocator-unavailable") return httpAnswer(503);
  return reason === "allocator-refused" ? httpAnswer(401) : httpAnswer(200, uint32(0xffff_0000));
}
