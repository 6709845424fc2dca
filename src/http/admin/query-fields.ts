/**
 * Fields of queries: they come as text, and mean numbers and octets.
 *
 * @module
 */
import * as v from "valibot";
import { decodeHex } from "../../wire/hex.ts";

/** A whole number within bounds. */
export const wholeNumber = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,15}$/, `expected ${min} to ${max}`),
    v.transform(Number),
    v.minValue(min, `expected ${min} to ${max}`),
    v.maxValue(max, `expected ${min} to ${max}`),
  );

/** A port. */
export const portSchema = wholeNumber(0, 65_535);

/** Octets in hexadecimal, with or without colons between them. */
export const hexSchema = (octetsMax: number) =>
  v.pipe(
    v.string(),
    v.transform((text) => text.replaceAll(":", "")),
    v.regex(/^([0-9a-f]{2})+$/i, "expected octets in hexadecimal"),
    v.maxLength(octetsMax * 2, `expected at most ${octetsMax} octets`),
    v.transform(decodeHex),
  );
