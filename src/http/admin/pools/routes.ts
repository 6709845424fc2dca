/**
 * `/pools`: plans, creates, changes, drains and deletes pools.
 *
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import { dateSchema } from "../../../declaration/dates.ts";
import { parseIPv4Range } from "../../../declaration/pool-declaration.ts";
import type { PoolDeclaration } from "../../../declaration/pool-declaration.ts";
import { nameSchema, objectOf, textOf } from "../../../declaration/schema-parts.ts";
import type { StoredPool } from "../../../store/configuration/declared.ts";
import { parseIPv4 } from "../../../wire/ipv4-address.ts";
import type { AuthEnv } from "../../auth.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { readPrecondition } from "../etag.ts";
import { namePosition, pageFields, pageOf, pageSchema, readPage, respondPage } from "../paging.ts";
import { respondChange, respondDeletion, respondPool, respondPut, showPool } from "./answers.ts";
import { planPool } from "./plan.ts";
import { checkName, checkNewName, notFound, patched, requireFiltered } from "../resource.ts";
import { mergePatchSchema, poolPlanRequestSchema, poolPlanSchema, poolSchema } from "../schemas.ts";
import { requireJson, validBody, validQuery, withoutQuery } from "../validation.ts";

const tag = "pools";

const listQuery = v.strictObject({
  ...pageFields,
  domain: v.optional(nameSchema),
  kind: v.optional(v.picklist(["shared", "full"])),
  draining: v.optional(v.picklist(["true", "false"])),
  address: v.optional(v.pipe(textOf(parseIPv4), v.description("Only the pool that contains this address."))),
});

const drainRequest = objectOf({
  until: v.optional(
    v.pipe(
      dateSchema,
      v.description("Leases may be renewed until then. Default: now plus the longest lease time."),
    ),
  ),
});

const deleteQuery = v.strictObject({
  force: v.optional(
    v.pipe(
      v.picklist(["true", "false"]),
      v.description(
        "End running leases, and keep them in history. The next renewal of their clients is refused.",
      ),
    ),
  ),
});

const drainQuery = v.strictObject({
  force: v.optional(
    v.pipe(
      v.picklist(["true", "false"]),
      v.description("Accept a drain date that is past: the pool is drained at once. Default: it is refused."),
    ),
  ),
});

/** Creates the routes of pools. */
export function poolRoutes(deps: AdminDeps) {
  return new Hono<AuthEnv>()
    .route("/", readRoutes(deps))
    .route("/", changeRoutes(deps))
    .route("/", endRoutes(deps));
}

function readRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>()
    .get(
      "/pools",
      operation({ tag, summary: "List pools", answers: { 200: pageSchema(poolSchema) }, problems: [404] }),
      validQuery(listQuery),
      async (context) => {
        const query = context.req.valid("query");
        const page = readPage(query, namePosition);
        const { domain, kind, draining, address } = query;
        const filter = {
          domain,
          kind,
          draining: draining === undefined ? undefined : draining === "true",
          address: address === undefined ? undefined : parseIPv4(address),
        };
        const found = await store.pools.list(context.get("principal"), filter, {
          limit: page.limit + 1,
          after: page.after?.[0],
        });
        if (found.length === 0) await requireFiltered(store, context.get("principal"), { domain });
        return respondPage(
          context,
          pageOf(found, page, ({ declared }) => [declared.name], showPool),
        );
      },
    )
    .post(
      "/pools:plan",
      operation({
        tag,
        summary: "Plan a pool",
        answers: { 200: poolPlanSchema },
        description:
          "Calculates how many clients fit into a pool, and which PSIDs are lost to reserved ports. Creates nothing.",
      }),
      withoutQuery,
      requireJson(),
      validBody(poolPlanRequestSchema),
      async (context) => {
        const shape = context.req.valid("json");
        const range = parseIPv4Range(shape.range);
        const other = await store.pools.findOverlap(context.get("principal"), range);
        return context.json({ ...planPool(shape), overlaps: other?.declared.name ?? null }, 200);
      },
    )
    .get(
      "/pools/:name",
      operation({ tag, summary: "Read a pool", answers: { 200: poolSchema }, problems: [404] }),
      withoutQuery,
      async (context) => {
        const name = context.req.param("name");
        const found = await store.pools.find(context.get("principal"), name);
        if (found === undefined) throw notFound("pool", name);
        return respondPool(context, found);
      },
    );
}

function changeRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>()
    .put(
      "/pools/:name",
      operation({
        tag,
        summary: "Create or replace a pool",
        problems: [409, 412, 428],
        description:
          "Creating a pool takes equally long for any size. Its range, kind, PSID offset, PSID length, reserved ports and fill order never change: to change them, drain the pool and create another.",
        answers: { 200: poolSchema, 201: poolSchema },
      }),
      requireJson(),
      validBody(poolSchema),
      validQuery(drainQuery),
      async (context) => {
        const name = context.req.param("name");
        const body = context.req.valid("json");
        checkName(name, body.name);
        const precondition = readPrecondition(context);
        checkNewName(nameSchema, name, precondition);
        const wanted = { domain: body.domain, declared: declaredOf(name, body) };
        return respondPut(
          context,
          wanted,
          await store.pools.put(context.get("principal"), wanted, precondition, {
            force: context.req.valid("query").force === "true",
          }),
        );
      },
    )
    .patch(
      "/pools/:name",
      operation({
        tag,
        summary: "Change fields of a pool",
        isPatch: true,
        problems: [404, 409, 412],
        answers: { 200: poolSchema },
      }),
      requireJson("application/merge-patch+json"),
      validBody(mergePatchSchema),
      validQuery(drainQuery),
      async (context) => {
        const patch = context.req.valid("json");
        const name = context.req.param("name");
        const options = { force: context.req.valid("query").force === "true" };
        const principal = context.get("principal");
        const revise = (stored: StoredPool) => {
          const body = patched(poolSchema, showPool(stored), patch);
          checkName(name, body.name);
          return { domain: body.domain, declared: declaredOf(name, body) };
        };
        return respondChange(
          context,
          name,
          await store.pools.change(principal, name, readPrecondition(context), revise, options),
        );
      },
    );
}

function endRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>()
    .post(
      "/pools/:name/drain",
      operation({
        tag,
        summary: "Drain a pool",
        answers: { 200: poolSchema },
        problems: [404, 409, 412],
        description:
          "The pool gives no new leases. Running leases may be renewed until `until`. With `force=true`, `until` may be past, and is now by default.",
      }),
      requireJson(),
      validBody(drainRequest),
      validQuery(drainQuery),
      async (context) => {
        const name = context.req.param("name");
        const { until } = context.req.valid("json");
        const principal = context.get("principal");
        const options = { force: context.req.valid("query").force === "true" };
        return respondChange(
          context,
          name,
          await store.pools.drain(principal, name, readPrecondition(context), until, options),
          "until",
        );
      },
    )
    .delete(
      "/pools/:name",
      operation({
        tag,
        summary: "Delete a pool",
        answers: { 202: null, 204: null },
        problems: [404, 409, 412],
        description:
          "A pool with very many leases is deleted in several requests: repeat the request while the status is 202.",
      }),
      validQuery(deleteQuery),
      async (context) => {
        const name = context.req.param("name");
        const force = context.req.valid("query").force === "true";
        const principal = context.get("principal");
        return respondDeletion(
          context,
          name,
          await store.pools.delete(principal, name, readPrecondition(context), { force }),
        );
      },
    );
}

/** Returns the declared fields of a pool, without its domain and the computed fields. */
function declaredOf(name: string, body: v.InferOutput<typeof poolSchema>): PoolDeclaration {
  const { range, fill, options, drainUntil } = body;
  const common = { name, range, fill, options, drainUntil };
  if (body.kind === "full") return { ...common, kind: "full" };
  const { psidOffset, psidLength, reservedPorts } = body;
  return { ...common, kind: "shared", psidOffset, psidLength, reservedPorts };
}
