/**
 * Lists in pages: a limit and a cursor in, items and the next cursor out.
 *
 * @module
 */
import type { Context, TypedResponse } from "hono";
import type { JSONParsed } from "hono/utils/types";
import * as v from "valibot";
import { cursorCharactersMax, pageItemsDefault, pageItemsMax, unparsedCharactersMax } from "../../limits.ts";
import { decodeBase64url, encodeBase64url } from "../../wire/base64url.ts";
import { invalid } from "./validation.ts";

/** Fields of the query of every list. */
export const pageFields = {
  limit: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[1-9]\d{0,4}$/, `expected 1 to ${pageItemsMax}`),
      v.transform(Number),
      v.maxValue(pageItemsMax, `expected 1 to ${pageItemsMax}`),
      v.description(`Items on a page: 1 to ${pageItemsMax}, by default ${pageItemsDefault}.`),
    ),
  ),
  cursor: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(cursorCharactersMax),
      v.description("The `next` of the page before; it means nothing else."),
    ),
  ),
};

/** The query of a list without filters. */
export const pageQuerySchema = v.strictObject(pageFields);

/** What every list is asked. */
export interface PageQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** What a cursor is made of: where in a list an item is. */
export type Position = readonly (string | number)[];

/** Where a page begins. */
export interface PageRequest<P extends Position = Position> {
  /** Items that are wanted. */
  readonly limit: number;
  /** The position of the last item of the page before; undefined for the first page. */
  readonly after: P | undefined;
}

/** A page. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Cursor of the page after it; null after the last item. */
  readonly next: string | null;
}

/**
 * Reads where a page begins.
 *
 * @param schema What a position is made of.
 * @throws {HTTPException} 400 for a cursor that this list did not give.
 */
export function readPage<P extends Position>(query: PageQuery, schema: v.GenericSchema<P>): PageRequest<P> {
  const limit = query.limit ?? pageItemsDefault;
  if (query.cursor === undefined) return { limit, after: undefined };
  const result = v.safeParse(schema, decodeCursor(query.cursor));
  if (result.success) return { limit, after: result.output };
  throw foreignCursor(query);
}

/** The cursor is one that this list did not give. */
export function foreignCursor({ cursor = "" }: PageQuery): Error {
  const message = "expected the `next` of a page of this list";
  return invalid("query", [
    { path: ["cursor"], received: `"${cursor.slice(0, unparsedCharactersMax)}"`, message },
  ]);
}

/** A list that is ordered by name. */
export const namePosition = v.strictTuple([v.string()]);

/**
 * Makes a page of one item more than was wanted: the last says that there is a next page.
 *
 * @param found Items of the store, at most `limit + 1`.
 * @param positionOf What the cursor of an item is made of.
 */
export function pageOf<Row, T>(
  found: readonly Row[],
  { limit }: PageRequest,
  positionOf: (row: Row) => Position,
  itemOf: (row: Row) => T,
): Page<T> {
  const rows = found.slice(0, limit);
  const next = found.length > limit ? encodeCursor(positionOf(rows.at(-1)!)) : null;
  return { items: rows.map(itemOf), next };
}

/**
 * Answers with a page, and a Link to the next (RFC 8288). The type is written out: inferred, it is too deep for a
 * compiler that writes declarations, as the second `deno check` on a machine does for what changed since the first.
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

/** @returns What a cursor says, or undefined when it is none. */
function decodeCursor(cursor: string): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(decodeBase64url(cursor));
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The document's schema of a page. */
export function pageSchema<T extends v.GenericSchema>(item: T) {
  return v.strictObject({
    items: v.array(item),
    next: v.pipe(
      v.nullable(v.string()),
      v.description("`cursor` of the next page; null after the last item."),
    ),
  });
}
