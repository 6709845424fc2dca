/**
 * `/audit`: who changed what, and when.
 *
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import { dateSchema, formatDate, parseDate } from "../../../declaration/dates.ts";
import { readAudit } from "../../../store/configuration/audit.ts";
import type { Place } from "../../../store/database/databases.ts";
import type { AuthEnv } from "../../auth.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { encodeCursor, pageFields, pageSchema, readPage, respondPage } from "../paging.ts";
import type { PageRequest } from "../paging.ts";
import { maySee, placesFor } from "../resource.ts";
import { auditSchema } from "../schemas.ts";
import { validQuery } from "../validation.ts";

const word = v.optional(v.pipe(v.string(), v.maxLength(64)));

const listQuery = v.strictObject({
  ...pageFields,
  resource: word,
  name: word,
  actor: word,
  domain: word,
  since: v.optional(dateSchema),
  until: v.optional(dateSchema),
});

/** The routes of the record of changes. A token for one domain sees what concerns that domain. */
export function auditRoutes({ databases }: AdminDeps) {
  return new Hono<AuthEnv>().get(
    "/audit",
    operation({
      tag: "audit",
      summary: "List changes, the newest first",
      answers: { 200: pageSchema(auditSchema) },
    }),
    validQuery(listQuery),
    async (context) => {
      const query = context.req.valid("query");
      const principal = context.get("principal");
      if (query.domain !== undefined && !maySee(principal, query.domain)) {
        return respondPage(context, { items: [], next: null });
      }
      const places = placesFor(databases, principal, query.domain);
      const page = readPage(query, positionsIn(places));
      const { resource, name, actor } = query;
      const filters = {
        limit: page.limit + 1,
        resource,
        name,
        actor,
        since: query.since === undefined ? undefined : parseDate(query.since),
        until: query.until === undefined ? undefined : parseDate(query.until),
      };
      const found = await Promise.all(
        places.map(async (place, index) => {
          const beforeId = positionOf(page, index);
          const records = await readAudit(place, { ...filters, beforeId });
          return records.map((record) => ({ index, record }));
        }),
      );
      const merged = found.flat().sort((a, b) => b.record.at - a.record.at);
      const shown = merged.slice(0, page.limit);
      const lastIds = places.map(
        (_, index) =>
          shown.findLast((each) => each.index === index)?.record.id ?? positionOf(page, index) ?? beforeAll,
      );
      return respondPage(context, {
        items: shown.map(({ record }) => ({ ...record, at: formatDate(record.at) })),
        next: merged.length > page.limit ? encodeCursor(lastIds) : null,
      });
    },
  );
}

/** Position of a database of which no record was shown yet. */
const beforeAll = 0;

/** The position is a record's id for each database: all that are older in it are behind. */
function positionsIn(places: readonly Place[]) {
  return v.pipe(v.array(v.pipe(v.number(), v.safeInteger())), v.length(places.length));
}

function positionOf({ after }: PageRequest, index: number): number | undefined {
  const id = after?.[index] as number | undefined;
  return id === beforeAll ? undefined : id;
}
