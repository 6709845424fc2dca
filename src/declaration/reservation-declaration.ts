/**
 * A reservation as an operator declares it: which pair belongs to whom.
 *
 * @module
 */
import * as v from "valibot";
import { clientIdentifierOctetsMax } from "../limits.ts";
import { clientIdentifierOctetsMin } from "../wire/dhcpv4/options/client-identifier.ts";
import { decodeHex } from "../wire/hex.ts";
import { parseIPv4 } from "../wire/ipv4-address.ts";
import { described, nameSchema, textOf } from "./schema-parts.ts";

/** Octets of a client identifier in hexadecimal; colons may stand between them. */
export function parseClientIdentifier(text: string): Uint8Array {
  const octets = decodeHex(text.replaceAll(":", ""));
  const { length } = octets;
  if (length >= clientIdentifierOctetsMin && length <= clientIdentifierOctetsMax) return octets;
  throw new RangeError(
    `Cannot parse client identifier: found ${length} octets, ` +
      `expected ${clientIdentifierOctetsMin} to ${clientIdentifierOctetsMax}`,
  );
}

/** Which pair belongs to whom. */
export const reservationFields = {
  clientIdentifier: described(
    "Option 61 in hexadecimal: type 255, IAID and DUID for 4o6 clients (RFC 7618 §6).",
    textOf(parseClientIdentifier),
  ),
  address: textOf(parseIPv4),
  psid: v.optional(
    described(
      "Port set of the address, right-justified; null in a full pool.",
      v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff))),
    ),
    null,
  ),
};

/** The schema of a reservation of a declared state. */
export const reservationSchema = v.strictObject({ name: nameSchema, ...reservationFields });
export type ReservationDeclaration = v.InferOutput<typeof reservationSchema>;
