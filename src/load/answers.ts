/**
 * Reads the answers to a load: leases, and evidence for the wire log.
 *
 * @module
 */
import { OptionCode } from "../wire/dhcpv4/codes.ts";
import type { DhcpV4Message } from "../wire/dhcpv4/message.ts";
import { decodeAddress } from "../wire/dhcpv4/options/address.ts";
import { decodePortParams } from "../wire/dhcpv4/options/port-params.ts";
import { decodeSeconds, infiniteSeconds } from "../wire/dhcpv4/options/seconds.ts";
import { encodeHex } from "../wire/hex.ts";
import { readUint32, writeUint32 } from "../wire/octets.ts";
import { identifierOfClient } from "./queries.ts";
import type { PackedPair } from "./queries.ts";
import type { WireRecord } from "./wire-log.ts";

/**
 * Reads the lease in an OFFER or ACK.
 *
 * @returns Undefined when the message has no address or no server identifier.
 * @throws {DecodeError} When an option is malformed: a bad option 159 must not be taken for a full address.
 */
export function pairOfMessage({ yiaddr, options }: DhcpV4Message): PackedPair | undefined {
  const serverIdentifier = options.get(OptionCode.serverIdentifier);
  if (yiaddr === 0 || serverIdentifier === undefined) return undefined;
  const portParams = options.get(OptionCode.portParams);
  if (portParams !== undefined) decodePortParams(portParams);
  return {
    address: yiaddr,
    serverIdentifier: decodeAddress(serverIdentifier),
    portParams: portParams === undefined ? 0 : readUint32(portParams, 0),
  };
}

/**
 * Computes until when a client certainly holds the lease of an ACK. Its lease time counts from the moment at which it
 * sent the REQUEST (RFC 2131 §4.4.1). One second is subtracted, because servers may count whole seconds.
 *
 * @param sentAtMs When the client first sent its REQUEST: the server may have answered any of its transmissions.
 * @param leaseSeconds Option 51.
 * @returns Milliseconds on the clock of `sentAtMs`.
 */
export function leaseEndMs(sentAtMs: number, leaseSeconds: number): number {
  return leaseSeconds === infiniteSeconds ? Infinity : sentAtMs + (leaseSeconds - 1) * 1000;
}

/** @returns Option 51 of an ACK, in seconds; undefined when it has none. */
export function leaseSecondsOf({ options }: DhcpV4Message): number | undefined {
  const leaseTime = options.get(OptionCode.leaseTime);
  return leaseTime === undefined ? undefined : decodeSeconds(leaseTime);
}

/**
 * Makes the wire log record of an ACK.
 *
 * @param message The ACK.
 * @param pair The lease in the message.
 * @param context.client Number of the client.
 * @param context.at When the message arrived, in milliseconds since 1970.
 * @param context.waitedMs Milliseconds since the client first sent its request.
 * @returns Undefined when the message has no lease time.
 */
export function ackRecordOf(
  message: DhcpV4Message,
  { address, portParams }: PackedPair,
  { client, at, waitedMs }: { readonly client: number; readonly at: number; readonly waitedMs: number },
): WireRecord | undefined {
  const leaseSeconds = leaseSecondsOf(message);
  if (leaseSeconds === undefined) return undefined;
  const data = new Uint8Array(4);
  writeUint32(data, 0, portParams);
  return {
    is: "ack",
    client: encodeHex(identifierOfClient(client)),
    at,
    sentAt: at - waitedMs,
    address,
    ...decodePortParams(data),
    leaseSeconds,
  };
}
