/**
 * `/pools`: which addresses are leased, and in how many parts.
 *
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import { dateSchema } from "../../../declaration/dates.ts";
import type { PoolDeclaration } from "../../../declaration/pool-declaration.ts";
import { nameSchema, textOf } from "../../../declaration/schema-parts.ts";
import { allPlaces, findIn, listByName } from "../../../store/database/databases.ts";
import type { Databases } from "../../../store/database/databases.ts";
import { poolParameters } from "../../../store/configuration/declared.ts";
import { deletePool, findOverlap, listPools } from "../../../store/configuration/pools.ts";
import { parseIPv4 } from "../../../wire/ipv4-address.ts";
import type { AuthEnv, Principal } from "../../auth.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { checkVersion, readPrecondition } from "../etag.ts";
import { namePosition, pageFields, pageOf, pageSchema, readPage, respondPage } from "../paging.ts";
import { longestLeaseEnd, putPool, updatePool, whyNotDeleted } from "./changes.ts";
import { planPool } from "./plan.ts";
import { readPool, respondPool, showPool } from "./pool.ts";
import { checkName, maySee, patched, placesFor } from "../resource.ts";
import { mergePatchSchema, poolPlanRequestSchema, poolPlanSchema, poolSchema } from "../schemas.ts";
import { requireJson, validBody, validQuery } from "../validation.ts";

const tag = "pools";

const listQuery = v.strictObject({
  ...pageFields,
  domain: v.optional(nameSchema),
  kind: v.optional(v.picklist(["shared", "full"])),
  draining: v.optional(v.picklist(["true", "false"])),
  address: v.optional(v.pipe(textOf(parseIPv4), v.description("Only the pool that has this address."))),
});

const drainRequest = v.strictObject({
  until: v.optional(
    v.pipe(dateSchema, v.description("Renewals go on until then; by default for the longest lease.")),
  ),
});

const deleteQuery = v.strictObject({
  force: v.optional(
    v.pipe(
      v.picklist(["true", "false"]),
      v.description(
        "End the leases that run; each is kept in history. Their clients are refused at the next renewal.",
      ),
    ),
  ),
});

/** The routes of pools. */
export function poolRoutes(deps: AdminDeps) {
  return new Hono<AuthEnv>()
    .route("/", readRoutes(deps))
    .route("/", changeRoutes(deps))
    .route("/", endRoutes(deps));
}

function readRoutes({ databases }: AdminDeps) {
  return new Hono<AuthEnv>()
    .get(
      "/pools",
      operation({ tag, summary: "List pools", answers: { 200: pageSchema(poolSchema) } }),
      validQuery(listQuery),
      async (context) =>
        respondPage(context, await list(databases, context.get("principal"), context.req.valid("query"))),
    )
    .post(
      "/pools:plan",
      operation({
        tag,
        summary: "Plan a pool",
        answers: { 200: poolPlanSchema },
        description:
          "Says how many fit into a pool, and which PSIDs are lost to reserved ports. Creates nothing.",
      }),
      requireJson(),
      validBody(poolPlanRequestSchema),
      async (context) => {
        const shape = context.req.valid("json");
        const { firstAddress, lastAddress } = poolParameters({ ...shape, name: "plan" });
        const isWhole = context.get("principal").domain === null;
        const other = isWhole
          ? await findIn(allPlaces(databases), (place) => findOverlap(place, { firstAddress, lastAddress }))
          : undefined;
        return context.json({ ...planPool(shape), overlaps: other?.found.declared.name ?? null }, 200);
      },
    )
    .get(
      "/pools/:name",
      operation({ tag, summary: "Read a pool", answers: { 200: poolSchema }, problems: [404] }),
      async (context) =>
        respondPool(
          context,
          (await readPool(databases, context.get("principal"), context.req.param("name"))).found,
        ),
    );
}

function changeRoutes({ databases }: AdminDeps) {
  return new Hono<AuthEnv>()
    .put(
      "/pools/:name",
      operation({
        tag,
        summary: "Create or replace a pool",
        problems: [409, 412, 428],
        description:
          "A pool of millions of leases is created at once. Its range, kind, offset, length, reserved ports and fill order never change: drain it and create another.",
        answers: { 200: poolSchema, 201: poolSchema },
      }),
      requireJson(),
      validBody(poolSchema),
      async (context) => {
        const name = context.req.param("name");
        const body = context.req.valid("json");
        checkName(name, body.name);
        return putPool(context, databases, body.domain, declaredOf(name, body));
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
      async (context) => {
        const stored = await readPool(databases, context.get("principal"), context.req.param("name"));
        checkVersion(readPrecondition(context), stored.found.version);
        const body = patched(poolSchema, showPool(stored.found), context.req.valid("json"));
        const { name } = stored.found.declared;
        checkName(name, body.name);
        return updatePool(context, stored, body.domain, declaredOf(name, body));
      },
    );
}

function endRoutes({ databases }: AdminDeps) {
  return new Hono<AuthEnv>()
    .post(
      "/pools/:name/drain",
      operation({
        tag,
        summary: "Drain a pool",
        answers: { 200: poolSchema },
        problems: [404, 409, 412],
        description: "From now on it gives no new leases; those that run may be renewed until the date.",
      }),
      requireJson(),
      validBody(drainRequest),
      async (context) => {
        const stored = await readPool(databases, context.get("principal"), context.req.param("name"));
        const { domain, declared, version } = stored.found;
        checkVersion(readPrecondition(context), version);
        const drainUntil = context.req.valid("json").until ?? (await longestLeaseEnd(stored));
        return updatePool(context, stored, domain, { ...declared, drainUntil });
      },
    )
    .delete(
      "/pools/:name",
      operation({
        tag,
        summary: "Delete a pool",
        answers: { 202: null, 204: null },
        problems: [404, 409, 412],
        description: "A pool with very many leases is deleted in several requests: 202 says to ask again.",
      }),
      validQuery(deleteQuery),
      async (context) => {
        const stored = await readPool(databases, context.get("principal"), context.req.param("name"));
        checkVersion(readPrecondition(context), stored.found.version);
        const force = context.req.valid("query").force === "true";
        const { database } = stored.place;
        const deletion = await deletePool(database, context.get("principal").name, stored.found, { force });
        if (deletion.kind === "deleted") return context.body(null, 204);
        if (deletion.kind === "unfinished") return context.body(null, 202);
        throw await whyNotDeleted(stored, deletion.kind);
      },
    );
}

/** What is declared of a pool, without its domain and what is computed. */
function declaredOf(name: string, body: v.InferOutput<typeof poolSchema>): PoolDeclaration {
  const declared: Partial<typeof body> = { ...body };
  delete declared.domain;
  delete declared.sizes;
  return { ...declared, name } as PoolDeclaration;
}

async function list(databases: Databases, principal: Principal, query: v.InferOutput<typeof listQuery>) {
  const page = readPage(query, namePosition);
  const { domain, kind, draining, address } = query;
  if (domain !== undefined && !maySee(principal, domain)) return { items: [], next: null };
  const filters = {
    limit: page.limit + 1,
    after: page.after?.[0] as string | undefined,
    kind,
    draining: draining === undefined ? undefined : draining === "true",
    address: address === undefined ? undefined : parseIPv4(address),
  };
  const found = await listByName(
    placesFor(databases, principal, domain),
    filters.limit,
    (place) => listPools(place, filters),
    ({ declared }) => declared.name,
  );
  return pageOf(found, page, ({ declared }) => [declared.name], showPool);
}
