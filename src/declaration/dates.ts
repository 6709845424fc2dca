/**
 * The schema of dates.
 *
 * @module
 */
import * as v from "valibot";
import { formatDate, parseDate } from "../wire/date.ts";
import { canonicalText } from "./schema-parts.ts";

export { formatDate, formatDateOrNull, parseDate } from "../wire/date.ts";

/**
 * Schema of a date in a request. The value stays text, so that the OpenAPI document describes it as text. It is in UTC
 * and without a fraction, whatever the request had.
 */
export const dateSchema = v.pipe(
  canonicalText(parseDate, formatDate),
  v.description("RFC 3339 date with a time zone."),
);
