/**
 * Information-Request and its Reply: a DHCPv6 exchange that provides parameters but no lease
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
  /** DUID of the client; undefined when the request has none. */
  readonly clientIdentifier: Uint8Array | undefined;
  /** DUID of the only server that should answer; undefined when any server may. */
  readonly serverIdentifier: Uint8Array | undefined;
  /** Codes listed in option 6, without duplicates, in the client's order. */
  readonly requested: readonly number[];
}

/** Lease options, which this message must not contain (RFC 8415 §16.12). */
const leaseOptions: readonly number[] = [OptionCode6.iaNa, OptionCode6.iaTa, OptionCode6.iaPd];

/**
 * Decodes an Information-Request.
 *
 * @param octets The DHCPv6 message.
 * @returns Views of the octets. A malformed option 6 counts as an empty list.
 * @throws {DecodeError} When the message has another type or a lease option, or an identifier is not a DUID.
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
      `Cannot decode Information-Request: found option ${lease.code}, expected no IA_NA, IA_TA or IA_PD`,
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

/** The content of a Reply to an Information-Request. */
interface InformationReply {
  /** Transaction id of the request. */
  readonly transactionId: number;
  /** DUID of the server. */
  readonly serverIdentifier: Uint8Array;
  /** Client identifier of the request, if it had one. */
  readonly clientIdentifier: Uint8Array | undefined;
  /** The options that the client requested. */
  readonly options: readonly Option6[];
}

/**
 * Encodes the Reply to an Information-Request.
 *
 * @param reply Content of the Reply.
 * @returns The message (type 7).
 * @throws {RangeError} When an option is too long.
 */
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
