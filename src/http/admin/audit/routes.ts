/**
 * `/audit`: lists who changed what, and when.
 *
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import { dateSchema, formatDate, parseDate } from "../../../declaration/dates.ts";
import { auditWordCharactersMax } from "../../../limits.ts";
import type { AuthEnv } from "../../auth.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { encodeCursor, foreignCursor, pageFields, pageSchema, readPage, respondPage } from "../paging.ts";
import { auditSchema } from "../schemas.ts";
import { validQuery } from "../validation.ts";

const filterText = v.optional(v.pipe(v.string(), v.maxLength(auditWordCharactersMax)));

const listQuery = v.strictObject({
  ...pageFields,
  resource: filterText,
  name: filterText,
  actor: filterText,
  domain: filterText,
  since: v.optional(dateSchema),
  until: v.optional(dateSchema),
});

/** Creates the route of the audit log. A token for one domain sees only the changes of that domain. */
export function auditRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>().get(
    "/audit",
    operation({
      tag: "audit",
      summary: "List changes, newest first",
      answers: { 200: pageSchema(auditSchema) },
    }),
    validQuery(listQuery),
    async (context) => {
      const query = context.req.valid("query");
      const page = readPage(query, positionSchema);
      const { domain, resource, name, actor, since, until } = query;
      const filter = {
        domain,
        resource,
        name,
        actor,
        since: since === undefined ? undefined : parseDate(since),
        until: until === undefined ? undefined : parseDate(until),
      };
      const found = await store.audit.list(context.get("principal"), filter, page);
      if (found.kind === "bad-position") throw foreignCursor(query);
      return respondPage(context, {
        items: found.records.map((record) => ({ ...record, at: formatDate(record.at) })),
        next: found.next === null ? null : encodeCursor(found.next),
      });
    },
  );
}

/** A position in the audit log has one number per database. The store interprets them. */
const positionSchema = v.array(v.pipe(v.number(), v.safeInteger()));
