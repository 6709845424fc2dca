/**
 * `/pools`: which addresses are leased, and in how many parts.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import * as v from "valibot";
import { dateSchema, formatDate } from "../../lease/dates.ts";
import type { PoolDeclaration } from "../../lease/pool-declaration.ts";
import { nameSchema } from "../../lease/schema-parts.ts";
import { textOf } from "../../lease/schema-parts.ts";
import { commitChange } from "../../store/change.ts";
import { allPlaces, databaseOf, findIn, listByName, placeOf, wholeDatabase } from "../../store/databases.ts";
import type { Databases, Found, Place } from "../../store/databases.ts";
import { poolParameters } from "../../store/declared.ts";
import type { StoredPool } from "../../store/declared.ts";
import { findDomain } from "../../store/domains.ts";
import {
  changePool,
  createPool,
  deletePool,
  findOverlap,
  findPool,
  fixedDifferences,
  type FixedDifference,
  listPools,
  reservationsOfPool,
} from "../../store/pools.ts";
import { parseIPv4 } from "../../wire/ipv4-address.ts";
import type { AuthEnv, Principal } from "../auth.ts";
import { problem } from "../problem.ts";
import type { AdminDeps } from "./deps.ts";
import { operation } from "./document.ts";
import { checkVersion, formatETag, readPrecondition } from "./etag.ts";
import { namePosition, pageFields, pageOf, pageSchema, readPage, respondPage } from "./paging.ts";
import { planPool, sizesOf } from "./pool-plan.ts";
import {
  alreadyThere,
  changedMeanwhile,
  checkName,
  checkNewName,
  maySee,
  notFound,
  patched,
  placesFor,
  replacesBlindly,
} from "./resource.ts";
import { mergePatchSchema, poolPlanRequestSchema, poolPlanSchema, poolSchema } from "./schemas.ts";
import { requireJson, validBody, validQuery } from "./validation.ts";

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
        ...{ tag, summary: "Plan a pool", answers: { 200: poolPlanSchema } },
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
        respond(context, (await read(databases, context.get("principal"), context.req.param("name"))).found),
    );
}

function changeRoutes({ databases }: AdminDeps) {
  return new Hono<AuthEnv>()
    .put(
      "/pools/:name",
      operation({
        ...{ tag, summary: "Create or replace a pool", problems: [409, 412, 428] },
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
        ...{ tag, summary: "Change fields of a pool", isPatch: true, problems: [404, 409, 412] },
        answers: { 200: poolSchema },
      }),
      requireJson("application/merge-patch+json"),
      validBody(mergePatchSchema),
      async (context) => {
        const stored = await read(databases, context.get("principal"), context.req.param("name"));
        checkVersion(readPrecondition(context), stored.found.version);
        const body = patched(poolSchema, shown(stored.found), context.req.valid("json"));
        const { name } = stored.found.declared;
        checkName(name, body.name);
        return change(context, stored, body.domain, declaredOf(name, body));
      },
    );
}

function endRoutes({ databases }: AdminDeps) {
  return new Hono<AuthEnv>()
    .post(
      "/pools/:name/drain",
      operation({
        ...{ tag, summary: "Drain a pool", answers: { 200: poolSchema }, problems: [404, 409, 412] },
        description: "From now on it gives no new leases; those that run may be renewed until the date.",
      }),
      requireJson(),
      validBody(drainRequest),
      async (context) => {
        const stored = await read(databases, context.get("principal"), context.req.param("name"));
        const { domain, declared, version } = stored.found;
        checkVersion(readPrecondition(context), version);
        const drainUntil = context.req.valid("json").until ?? (await longestLeaseEnd(stored));
        return change(context, stored, domain, { ...declared, drainUntil });
      },
    )
    .delete(
      "/pools/:name",
      operation({
        ...{ tag, summary: "Delete a pool", answers: { 202: null, 204: null }, problems: [404, 409, 412] },
        description: "A pool with very many leases is deleted in several requests: 202 says to ask again.",
      }),
      validQuery(deleteQuery),
      async (context) => {
        const stored = await read(databases, context.get("principal"), context.req.param("name"));
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

const shown = ({ domain, declared, geometry }: StoredPool) => ({
  domain,
  ...declared,
  sizes: sizesOf(geometry),
});

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
  return pageOf(found, page, ({ declared }) => [declared.name], shown);
}

/** @returns The pool, wherever it is. */
function find(databases: Databases, name: string): Promise<Found<StoredPool> | undefined> {
  return findIn(allPlaces(databases), (place) => findPool(place, name));
}

async function read(databases: Databases, principal: Principal, name: string): Promise<Found<StoredPool>> {
  const stored = await find(databases, name);
  if (stored === undefined || !maySee(principal, stored.found.domain)) throw notFound("pool", name);
  return stored;
}

function respond(context: Context, stored: StoredPool, status: 200 | 201 = 200) {
  context.header("etag", formatETag(stored.version));
  if (status === 201) context.header("location", new URL(context.req.url).pathname);
  return context.json(shown(stored), status);
}

async function putPool(
  context: Context<AuthEnv>,
  databases: Databases,
  domain: string,
  declared: PoolDeclaration,
) {
  const principal = context.get("principal");
  const { name } = declared;
  const precondition = readPrecondition(context);
  const stored = await find(databases, name);
  if (stored !== undefined && !maySee(principal, stored.found.domain)) {
    throw problem(409, `Cannot create pool "${name}": found one of this name, expected another name`);
  }
  if (stored === undefined) {
    if (precondition.version !== undefined) throw notFound("pool", name);
    checkNewName(nameSchema, name);
    const created = maySee(principal, domain)
      ? await create(databases, principal, domain, declared)
      : undefined;
    if (created !== undefined) return respond(context, created, 201);
    throw await whyNotCreated(databases, principal, domain, declared);
  }
  if (precondition.mustBeNew) throw alreadyThere("pool", name);
  checkVersion(precondition, stored.found.version);
  const isSame = isUnchanged(stored.found, domain, declared);
  if (!isSame && precondition.version === undefined) throw replacesBlindly("pool", name);
  return isSame ? respond(context, stored.found) : change(context, stored, domain, declared);
}

/**
 * Within a database the statement sees to it that no pools overlap. Two databases know nothing of each other: so the
 * others are asked before, and again behind it, in case that someone created a pool there at the same time. Then both
 * may go again; a pool that was given out from meanwhile stays, and allocators refuse to serve the two.
 *
 * @returns Undefined when it can't be.
 */
async function create(
  databases: Databases,
  { name: actor }: Principal,
  domain: string,
  declared: PoolDeclaration,
): Promise<StoredPool | undefined> {
  const place = placeOf(databases, domain);
  const others = allPlaces(databases).filter(({ database }) => database !== place.database);
  const isElsewhere = async (): Promise<boolean> =>
    (await findIn(others, (other) => findOverlap(other, poolParameters(declared)))) !== undefined ||
    (await findIn(others, (other) => findPool(other, declared.name))) !== undefined;
  if (await isElsewhere()) return undefined;
  if (!(await commitChange(place.database, createPool(actor, domain, declared)))) return undefined;
  const created = await findPool(place, declared.name);
  if (created === undefined || !(await isElsewhere())) return created;
  await deletePool(place.database, actor, created, { force: false });
  return undefined;
}

function isUnchanged(stored: StoredPool, domain: string, declared: PoolDeclaration): boolean {
  return (
    stored.domain === domain &&
    JSON.stringify(poolParameters(stored.declared)) === JSON.stringify(poolParameters(declared))
  );
}

async function change(
  context: Context<AuthEnv>,
  { place, found: stored }: Found<StoredPool>,
  domain: string,
  declared: PoolDeclaration,
) {
  const { name } = declared;
  const fixed = fixedDifferences(stored, domain, declared);
  if (fixed.length > 0) throw neverChanges(declared.name, fixed);
  if (isUnchanged(stored, domain, declared)) return respond(context, stored);
  const change = changePool(context.get("principal").name, stored, declared);
  const isDone = await commitChange(place.database, change);
  const current = await findPool(place, name);
  if (isDone && current !== undefined) return respond(context, current);
  if (current?.version !== stored.version) throw changedMeanwhile("pool", name);
  throw await hasReservations({ place, found: stored }, "drain");
}

function neverChanges(name: string, errors: readonly FixedDifference[]): Error {
  const paths = errors.map(({ path }) => path).join(", ");
  return problem(
    409,
    `Cannot change pool "${name}": found another ${paths}, which never changes because leases and history name its slots by number; drain it and create another`,
    { errors },
  );
}

async function longestLeaseEnd({ place, found }: Found<StoredPool>): Promise<string> {
  const { rows } = await place.database.execute("SELECT unixepoch() AS now");
  const settings = (await findDomain(place.database, found.domain))?.settings;
  return formatDate(Number(rows[0]!.now) + (settings?.leaseSeconds.max ?? 0));
}

/** All that counts, and what is left of moved domains in the database of this one: that is in the way, too. */
function everywhere(databases: Databases, domain: string): readonly Place[] {
  return [...allPlaces(databases), wholeDatabase(databaseOf(databases, domain))];
}

async function whyNotCreated(
  databases: Databases,
  principal: Principal,
  domain: string,
  declared: PoolDeclaration,
): Promise<Error> {
  const { name, range } = declared;
  if (!maySee(principal, domain) || (await findDomain(databaseOf(databases, domain), domain)) === undefined) {
    const errors = [{ path: "domain", found: `"${domain}"`, expected: "a domain that is there" }];
    return problem(409, `Cannot create pool "${name}": found no domain "${domain}"`, { errors });
  }
  if ((await find(databases, name)) !== undefined) return alreadyThere("pool", name);
  const overlap = await findIn(everywhere(databases, domain), (place) =>
    findOverlap(place, poolParameters(declared)),
  );
  if (overlap === undefined) return changedMeanwhile("pool", name);
  const other = overlap.found;
  const whose = maySee(principal, other.domain)
    ? `pool "${other.declared.name}" (${other.declared.range})`
    : "a pool of another domain";
  const errors = [{ path: "range", found: `"${range}"`, expected: `a range that does not overlap ${whose}` }];
  return problem(409, `Cannot create pool "${name}": its range ${range} overlaps ${whose}`, { errors });
}

async function hasReservations({ place, found: stored }: Found<StoredPool>, verb: string): Promise<Error> {
  const names = (await reservationsOfPool(place.database, stored.id)).join(", ");
  return problem(
    409,
    `Cannot ${verb} pool "${stored.declared.name}": found reservations ${names}, expected none; move or delete them first`,
  );
}

async function whyNotDeleted(
  stored: Found<StoredPool>,
  kind: "in-use" | "has-reservations" | "changed",
): Promise<Error> {
  const { name } = stored.found.declared;
  switch (kind) {
    case "changed":
      return changedMeanwhile("pool", name);
    case "has-reservations":
      return hasReservations(stored, "delete");
    case "in-use":
      return problem(
        409,
        `Cannot delete pool "${name}": found leases, offers or quarantines that run, expected none; drain it first, or use ?force=true`,
      );
  }
}
