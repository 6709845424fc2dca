/**
 * Paging of lists: a request has a limit and a cursor, a response has items and the next cursor.
 *
 * @module
 */
import type { Context, TypedResponse } from "hono";
import type { JSONParsed } from "hono/utils/types";
import * as v from "valibot";
import { cursorCharactersMax, pageItemsDefault, pageItemsMax, unparsedCharactersMax } from "../../limits.ts";
import { wholeNumberText } from "../../declaration/schema-parts.ts";
import { decodeBase64url, encodeBase64url } from "../../wire/base64url.ts";
import { invalid } from "./validation.ts";

/** Query fields that every list accepts. */
export const pageFields = {
  limit: v.optional(
    v.pipe(
      wholeNumberText(1, pageItemsMax),
      v.description(`Items on a page: 1 to ${pageItemsMax}, by default ${pageItemsDefault}.`),
    ),
  ),
  cursor: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(cursorCharactersMax),
      v.description("The `next` of the previous page. It is opaque."),
    ),
  ),
};

/** Query of a list without filters. */
export const pageQuerySchema = v.strictObject(pageFields);

/** The paging fields of a list query. */
export interface PageQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** The position of an item in a list. A cursor encodes it. */
export type Position = readonly (string | number)[];

/** The start and the size limit of a page. */
export interface PageRequest<P extends Position = Position> {
  /** Largest number of items on the page. */
  readonly limit: number;
  /** The position of the last item on the previous page; undefined for the first page. */
  readonly after: P | undefined;
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Cursor of the next page; null after the last item. */
  readonly next: string | null;
}

/**
 * Reads the limit and the cursor of a query.
 *
 * @param schema Schema of the list's positions.
 * @returns Where the page begins, and its limit. The default limit is `pageItemsDefault`.
 * @throws {HTTPException} 400 when the cursor does not encode a position of this list.
 */
export function readPage<P extends Position>(query: PageQuery, schema: v.GenericSchema<P>): PageRequest<P> {
  const limit = query.limit ?? pageItemsDefault;
  if (query.cursor === undefined) return { limit, after: undefined };
  const result = v.safeParse(schema, decodeCursor(query.cursor));
  if (result.success) return { limit, after: result.output };
  throw foreignCursor(query);
}

/** Creates a 400: the cursor does not come from this list. */
export function foreignCursor({ cursor = "" }: PageQuery): Error {
  const message = "expected the `next` of a page of this list";
  return invalid("query", [
    { path: ["cursor"], received: `"${cursor.slice(0, unparsedCharactersMax)}"`, message },
  ]);
}

/** Schema of the positions in a list that is ordered by name. */
export const namePosition = v.strictTuple([v.string()]);

/**
 * Creates a page from the store's rows. One row more than the limit shows that there is a next page.
 *
 * @param found Rows of the store, at most `limit + 1`.
 * @param positionOf Returns the position that the cursor of a row encodes.
 * @param itemOf Returns the item that the page shows for a row.
 * @param isCut Whether more rows follow although the page is not full.
 * @returns At most `limit` items and the next cursor.
 */
export function pageOf<Row, T>(
  found: readonly Row[],
  { limit }: PageRequest,
  positionOf: (row: Row) => Position,
  itemOf: (row: Row) => T,
  isCut = false,
): Page<T> {
  const rows = found.slice(0, limit);
  const next = found.length > limit || isCut ? encodeCursor(positionOf(rows.at(-1)!)) : null;
  return { items: rows.map(itemOf), next };
}

/**
 * Answers with a page, and a Link header to the next page (RFC 8288).
 *
 * The return type is explicit, because the inferred type is too deep for a compiler that emits declarations. The second
 * `deno check` on a machine emits them for files that have changed since the first.
 */
export function respondPage<T>(
  context: Context,
  page: Page<T>,
): Response & TypedResponse<JSONParsed<{ items: T[]; next: string | null }>, 200, "json"> {
  if (page.next !== null) {
    const url = new URL(context.req.url);
    url.searchParams.set("cursor", page.next);
    context.header("link", `<${url.pathname}${url.search}>; rel="next"`);
  }
  return context.json({ items: page.items as T[], next: page.next }, 200);
}

/** @returns The cursor of a position. */
export function encodeCursor(position: Position): string {
  return encodeBase64url(new TextEncoder().encode(JSON.stringify(position)));
}

/** @returns The decoded value of a cursor, or undefined when the text is not a cursor. */
function decodeCursor(cursor: string): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(decodeBase64url(cursor));
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** @returns The schema of a page, for the OpenAPI document. */
export function pageSchema<T extends v.GenericSchema>(item: T) {
  return v.strictObject({
    items: v.array(item),
    next: v.pipe(
      v.nullable(v.string()),
      v.description("`cursor` of the next page; null after the last item."),
    ),
  });
}
