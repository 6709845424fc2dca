/**
 * `/audit`: who changed what, and when.
 *
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import { dateSchema, formatDate, parseDate } from "../../lease/dates.ts";
import { readAudit } from "../../store/audit.ts";
import type { AuthEnv } from "../auth.ts";
import type { AdminDeps } from "./app.ts";
import { operation } from "./document.ts";
import { numberPosition, pageFields, pageOf, pageSchema, readPage, respondPage } from "./paging.ts";
import { maySee } from "./resource.ts";
import { auditSchema } from "./schemas.ts";
import { validQuery } from "./validation.ts";

const word = v.optional(v.pipe(v.string(), v.maxLength(64)));

const listQuery = v.strictObject({
  ...pageFields,
  ...{ resource: word, name: word, actor: word, domain: word },
  since: v.optional(dateSchema),
  until: v.optional(dateSchema),
});

/** The routes of the record of changes. A token for one domain sees what concerns that domain. */
export function auditRoutes({ database }: AdminDeps) {
  return new Hono<AuthEnv>().get(
    "/audit",
    operation({
      ...{
        tag: "audit",
        summary: "List changes, the newest first",
        answers: { 200: pageSchema(auditSchema) },
      },
    }),
    validQuery(listQuery),
    async (context) => {
      const query = context.req.valid("query");
      const page = readPage(query, numberPosition);
      const principal = context.get("principal");
      if (query.domain !== undefined && !maySee(principal, query.domain)) {
        return respondPage(context, { items: [], next: null });
      }
      const { resource, name, actor } = query;
      const found = await readAudit(database, {
        ...{ limit: page.limit + 1, beforeId: page.after?.[0] as number | undefined },
        ...{ resource, name, actor, domain: principal.domain?.name ?? query.domain },
        since: query.since === undefined ? undefined : parseDate(query.since),
        until: query.until === undefined ? undefined : parseDate(query.until),
      });
      const shown = pageOf(
        found,
        page,
        ({ id }) => [id],
        (record) => ({ ...record, at: formatDate(record.at) }),
      );
      return respondPage(context, shown);
    },
  );
}
