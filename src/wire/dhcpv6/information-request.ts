/**
 * Information-Request and the Reply to it: a DHCPv6 exchange that gives parameters and leases nothing
 * (RFC 8415 §18.2.6, §18.3.6).
 *
 * @module
 */
import { DecodeError, tryDecode } from "../decode-error.ts";
import { MessageType6, OptionCode6 } from "./codes.ts";
import { decodeMessage6, encodeMessage6 } from "./message.ts";
import { findOption6 } from "./options.ts";
import type { Option6 } from "./options.ts";
import { decodeCodeList } from "./options/code-list.ts";
import { decodeDuid } from "../duid.ts";

/** What a client asks for. */
export interface InformationRequest {
  /** 24 bits. */
  readonly transactionId: number;
  /** DUID of the client; absent when it does not say. */
  readonly clientIdentifier: Uint8Array | undefined;
  /** DUID of the one server that shall answer; absent when any may. */
  readonly serverIdentifier: Uint8Array | undefined;
  /** Codes of option 6, each once, in the client's order. */
  readonly requested: readonly number[];
}

/** Options of leases, which have no place in this message (RFC 8415 §16.12). */
const leaseOptions: readonly number[] = [OptionCode6.iaNa, OptionCode6.iaTa, OptionCode6.iaPd];

/**
 * @returns Views of the octets. A malformed option 6 asks for nothing.
 * @throws {DecodeError} When it is of another type, asks for a lease, or an identifier is no DUID.
 */
export function decodeInformationRequest(octets: Uint8Array): InformationRequest {
  const { type, flags, options } = decodeMessage6(octets);
  if (type !== MessageType6.informationRequest) {
    throw new DecodeError(
      "unexpected-message-type",
      `Cannot decode Information-Request: type is ${type}, expected ${MessageType6.informationRequest}`,
    );
  }
  const lease = options.find(({ code }) => leaseOptions.includes(code));
  if (lease !== undefined) {
    throw new DecodeError(
      "bad-option-value",
      `Cannot decode Information-Request: found option ${lease.code}, expected no option of a lease`,
    );
  }
  const codes = tryDecode(decodeCodeList, findOption6(options, OptionCode6.optionRequest)) ?? [];
  return {
    transactionId: flags,
    clientIdentifier: findDuid(options, OptionCode6.clientIdentifier),
    serverIdentifier: findDuid(options, OptionCode6.serverIdentifier),
    requested: [...new Set(codes)],
  };
}

function findDuid(options: readonly Option6[], code: number): Uint8Array | undefined {
  const data = findOption6(options, code);
  return data === undefined ? undefined : decodeDuid(`option ${code}`, data);
}

/** A server's answer. */
interface InformationReply {
  /** That of the request. */
  readonly transactionId: number;
  /** DUID of the server. */
  readonly serverIdentifier: Uint8Array;
  /** That of the request, if it had one. */
  readonly clientIdentifier: Uint8Array | undefined;
  /** What was asked for. */
  readonly options: readonly Option6[];
}

/** @returns The Reply (type 7). */
export function encodeInformationReply(reply: InformationReply): Uint8Array {
  const { transactionId, serverIdentifier, clientIdentifier, options } = reply;
  const identifiers = [{ code: OptionCode6.serverIdentifier as number, data: serverIdentifier }];
  if (clientIdentifier !== undefined) {
    identifiers.unshift({ code: OptionCode6.clientIdentifier, data: clientIdentifier });
  }
  return encodeMessage6({
    type: MessageType6.reply,
    flags: transactionId,
    options: [...identifiers, ...options],
  });
}
