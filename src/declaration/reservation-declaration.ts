/**
 * A reservation as an operator declares it: a pair that only one client may get.
 *
 * @module
 */
import * as v from "valibot";
import { clientIdentifierOctetsMax } from "../limits.ts";
import { clientIdentifierOctetsMin } from "../wire/dhcpv4/options/client-identifier.ts";
import { decodeHex, encodeHex } from "../wire/hex.ts";
import { parseIPv4 } from "../wire/ipv4-address.ts";
import { canonicalText, described, nameSchema, objectOf, textOf } from "./schema-parts.ts";

/**
 * Parses a client identifier.
 *
 * @param text Octets of option 61 in hexadecimal, optionally separated by colons.
 * @returns The octets.
 * @throws {SyntaxError} When the text is not hexadecimal.
 * @throws {RangeError} When the identifier is too short or too long.
 */
export function parseClientIdentifier(text: string): Uint8Array {
  const octets = decodeHex(text.replaceAll(":", ""));
  const { length } = octets;
  if (length >= clientIdentifierOctetsMin && length <= clientIdentifierOctetsMax) return octets;
  throw new RangeError(
    `Cannot parse client identifier: found ${length} octets, ` +
      `expected ${clientIdentifierOctetsMin} to ${clientIdentifierOctetsMax}`,
  );
}

/** Fields of a reservation: the client and its pair. */
export const reservationFields = {
  clientIdentifier: described(
    "Option 61 in hexadecimal. 4o6 clients send type 255, IAID and DUID (RFC 7618 §6).",
    canonicalText(parseClientIdentifier, encodeHex),
  ),
  address: textOf(parseIPv4),
  psid: v.optional(
    described(
      "PSID of the port set, right-justified; null in a full pool.",
      v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff))),
    ),
    null,
  ),
};

/** Schema of a reservation in a declared state. */
export const declaredReservationSchema = objectOf({ name: nameSchema, ...reservationFields });
export type ReservationDeclaration = v.InferOutput<typeof declaredReservationSchema>;
