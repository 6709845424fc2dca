/**
 * Schemas of query fields, which convert text to numbers and octets.
 *
 * @module
 */
import * as v from "valibot";
import { wholeNumberText } from "../../declaration/schema-parts.ts";
import { decodeHex } from "../../wire/hex.ts";

/** A port, 0 to 65535. */
export const portSchema = wholeNumberText(0, 65_535);

/** At most `octetsMax` octets in hexadecimal, with or without colons. */
export const hexSchema = (octetsMax: number) =>
  v.pipe(
    v.string(),
    v.transform((text) => text.replaceAll(":", "")),
    v.regex(/^([0-9a-f]{2})+$/i, "expected octets in hexadecimal"),
    v.maxLength(octetsMax * 2, `expected at most ${octetsMax} octets`),
    v.transform(decodeHex),
  );
