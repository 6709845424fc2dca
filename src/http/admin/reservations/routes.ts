/**
 * `/reservations`: pairs that belong to one client.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import * as v from "valibot";
import { formatDate } from "../../../declaration/dates.ts";
import { parseClientIdentifier } from "../../../declaration/reservation-declaration.ts";
import type { ReservationDeclaration } from "../../../declaration/reservation-declaration.ts";
import { nameSchema, textOf } from "../../../declaration/schema-parts.ts";
import { portRanges } from "../../../portset/port-set.ts";
import { commitAll, commitChange } from "../../../store/configuration/change.ts";
import { allPlaces, findIn, listByName, placeOf } from "../../../store/database/databases.ts";
import type { Databases, Found, Place } from "../../../store/database/databases.ts";
import { canonicalReservation, slotOfReservation } from "../../../store/configuration/declared.ts";
import type { StoredReservation } from "../../../store/configuration/declared.ts";
import { listPools } from "../../../store/configuration/pools.ts";
import {
  createReservation,
  deleteReservation,
  findObstacles,
  findReservation,
  listReservations,
} from "../../../store/configuration/reservations.ts";
import type { ReservedPair } from "../../../store/configuration/reservations.ts";
import { encodeHex } from "../../../wire/hex.ts";
import { parseIPv4 } from "../../../wire/ipv4-address.ts";
import type { AuthEnv, Principal } from "../../auth.ts";
import { problem } from "../../problem.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { checkVersion, formatETag, readPrecondition } from "../etag.ts";
import { namePosition, pageFields, pageOf, pageSchema, readPage, respondPage } from "../paging.ts";
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
} from "../resource.ts";
import { mergePatchSchema, reservationSchema } from "../schemas.ts";
import { requireJson, validBody, validQuery } from "../validation.ts";

const tag = "reservations";

const listQuery = v.strictObject({
  ...pageFields,
  domain: v.optional(nameSchema),
  pool: v.optional(nameSchema),
  clientIdentifier: v.optional(textOf(parseClientIdentifier)),
});

const forceQuery = v.strictObject({
  force: v.optional(
    v.pipe(
      v.picklist(["true", "false"]),
      v.description(
        "Also when the client has a lease of another pair: that lease ends, and is kept in history.",
      ),
    ),
  ),
});

/** The routes of reservations. */
export function reservationRoutes({ databases }: AdminDeps) {
  return new Hono<AuthEnv>()
    .get(
      "/reservations",
      operation({ tag, summary: "List reservations", answers: { 200: pageSchema(reservationSchema) } }),
      validQuery(listQuery),
      async (context) =>
        respondPage(context, await list(databases, context.get("principal"), context.req.valid("query"))),
    )
    .get(
      "/reservations/:name",
      operation({ tag, summary: "Read a reservation", answers: { 200: reservationSchema }, problems: [404] }),
      async (context) =>
        respond(context, (await read(databases, context.get("principal"), context.req.param("name"))).found),
    )
    .put(
      "/reservations/:name",
      operation({
        tag,
        summary: "Create or replace a reservation",
        problems: [409, 412, 428],
        description: "The pair has to be free, or its client's. Nobody else gets it from now on.",
        answers: { 200: reservationSchema, 201: reservationSchema },
      }),
      requireJson(),
      validQuery(forceQuery),
      validBody(reservationSchema),
      async (context) => {
        const body = context.req.valid("json");
        const name = context.req.param("name");
        checkName(name, body.name);
        const force = context.req.valid("query").force === "true";
        return put(context, databases, { domain: body.domain, declared: declaredOf(name, body), force });
      },
    )
    .patch(
      "/reservations/:name",
      operation({
        tag,
        summary: "Change fields of a reservation",
        isPatch: true,
        problems: [404, 409, 412],
        answers: { 200: reservationSchema },
      }),
      requireJson("application/merge-patch+json"),
      validQuery(forceQuery),
      validBody(mergePatchSchema),
      async (context) => {
        const stored = await read(databases, context.get("principal"), context.req.param("name"));
        checkVersion(readPrecondition(context), stored.found.version);
        const body = patched(reservationSchema, shown(stored.found), context.req.valid("json"));
        const { name } = stored.found.declared;
        checkName(name, body.name);
        const force = context.req.valid("query").force === "true";
        const wanted = { domain: body.domain, declared: declaredOf(name, body), force };
        return write(context, databases, wanted, stored);
      },
    )
    .delete(
      "/reservations/:name",
      operation({ tag, summary: "Delete a reservation", answers: { 204: null }, problems: [404, 412] }),
      async (context) => {
        const principal = context.get("principal");
        const { place, found } = await read(databases, principal, context.req.param("name"));
        checkVersion(readPrecondition(context), found.version);
        const isDone = await commitChange(place.database, deleteReservation(principal.name, found));
        if (!isDone) throw changedMeanwhile("reservation", found.declared.name);
        return context.body(null, 204);
      },
    );
}

/** What shall be. */
interface Wanted {
  readonly domain: string;
  readonly declared: ReservationDeclaration;
  readonly force: boolean;
}

function declaredOf(name: string, body: v.InferOutput<typeof reservationSchema>): ReservationDeclaration {
  const { clientIdentifier, address, psid } = body;
  return canonicalReservation({ name, clientIdentifier, address, psid });
}

const shown = ({ domain, pool, declared, geometry }: StoredReservation) => ({
  domain,
  ...declared,
  pool,
  ports: portRanges(geometry, declared.psid ?? 0),
});

async function list(databases: Databases, principal: Principal, query: v.InferOutput<typeof listQuery>) {
  const page = readPage(query, namePosition);
  const { domain, pool, clientIdentifier } = query;
  if (domain !== undefined && !maySee(principal, domain)) return { items: [], next: null };
  const filters = {
    limit: page.limit + 1,
    after: page.after?.[0] as string | undefined,
    pool,
    clientId: clientIdentifier === undefined ? undefined : encodeHex(parseClientIdentifier(clientIdentifier)),
  };
  const found = await listByName(
    placesFor(databases, principal, domain),
    filters.limit,
    (place) => listReservations(place, filters),
    ({ declared }) => declared.name,
  );
  return pageOf(found, page, ({ declared }) => [declared.name], shown);
}

type FoundReservation = Found<StoredReservation>;

/** @returns The reservation, wherever it is and whoever may see it. */
function find(databases: Databases, name: string): Promise<FoundReservation | undefined> {
  return findIn(allPlaces(databases), (place) => findReservation(place, name));
}

async function read(databases: Databases, principal: Principal, name: string): Promise<FoundReservation> {
  const stored = await findIn(placesFor(databases, principal), (place) => findReservation(place, name));
  if (stored === undefined) throw notFound("reservation", name);
  return stored;
}

function respond(context: Context, stored: StoredReservation, status: 200 | 201 = 200) {
  context.header("etag", formatETag(stored.version));
  if (status === 201) context.header("location", new URL(context.req.url).pathname);
  return context.json(shown(stored), status);
}

async function put(context: Context<AuthEnv>, databases: Databases, wanted: Wanted) {
  const { name } = wanted.declared;
  const precondition = readPrecondition(context);
  const stored = await find(databases, name);
  if (stored !== undefined && !maySee(context.get("principal"), stored.found.domain)) {
    throw problem(409, `Cannot create reservation "${name}": found one of this name, expected another name`);
  }
  if (stored === undefined) {
    if (precondition.version !== undefined) throw notFound("reservation", name);
    checkNewName(nameSchema, name);
  } else {
    if (precondition.mustBeNew) throw alreadyThere("reservation", name);
    checkVersion(precondition, stored.found.version);
    if (!isSame(stored.found, wanted) && precondition.version === undefined)
      throw replacesBlindly("reservation", name);
  }
  return write(context, databases, wanted, stored);
}

function isSame(stored: StoredReservation, { domain, declared }: Wanted): boolean {
  return stored.domain === domain && JSON.stringify(stored.declared) === JSON.stringify(declared);
}

async function write(
  context: Context<AuthEnv>,
  databases: Databases,
  wanted: Wanted,
  stored: FoundReservation | undefined,
) {
  if (stored !== undefined && isSame(stored.found, wanted)) return respond(context, stored.found);
  const principal = context.get("principal");
  const place = placeOf(databases, wanted.domain);
  const { database } = place;
  if (stored !== undefined && stored.place.database !== database) throw isElsewhere(stored.found, wanted);
  const pair = await findPair(place, principal, wanted);
  const { name } = principal;
  const { declared, force } = wanted;
  const isDone =
    stored === undefined
      ? await commitChange(database, createReservation(name, pair, declared, { force }))
      : await commitAll(database, [
          deleteReservation(name, stored.found),
          createReservation(name, pair, declared, { force, version: stored.found.version + 1 }),
        ]);
  if (!isDone) throw await whyNot(place, pair, wanted);
  const created = await findReservation(place, declared.name);
  if (created === undefined) throw changedMeanwhile("reservation", declared.name);
  return respond(context, created, stored === undefined ? 201 : 200);
}

/** What can't be done in one transaction is not done in two. */
function isElsewhere({ declared, domain }: StoredReservation, wanted: Wanted): Error {
  const errors = [{ path: "domain", found: `"${wanted.domain}"`, expected: `"${domain}"` }];
  return problem(
    409,
    `Cannot move reservation "${declared.name}" to domain "${wanted.domain}", which is in another database; delete it and create it there`,
    { errors },
  );
}

async function findPair(place: Place, principal: Principal, wanted: Wanted): Promise<ReservedPair> {
  const { domain, declared } = wanted;
  const address = parseIPv4(declared.address);
  const query = { limit: 1, after: undefined, kind: undefined, draining: undefined, address };
  const pools = maySee(principal, domain) ? await listPools(place, query) : [];
  const found = slotOfReservation(pools, declared);
  if (found !== undefined) return { domain, pool: found.pool.declared.name, number: found.number };
  const where = pools[0] === undefined ? `a pool of domain "${domain}"` : `pool "${pools[0].declared.name}"`;
  const path = pools[0] === undefined ? "address" : "psid";
  const value = pools[0] === undefined ? declared.address : String(declared.psid);
  const errors = [{ path, found: value, expected: `one that ${where} leases` }];
  throw problem(409, `Cannot reserve a pair: found ${path} ${value}, expected one that ${where} leases`, {
    errors,
  });
}

async function whyNot(place: Place, pair: ReservedPair, wanted: Wanted): Promise<Error> {
  const { declared, force } = wanted;
  const cannot = `Cannot reserve ${declared.address}${declared.psid === null ? "" : ` PSID ${declared.psid}`}`;
  const [obstacles] = await findObstacles(place.database, [{ pair, declared }]);
  const { reservation, pairUntil, clientUntil } = obstacles!;
  if (reservation !== undefined) {
    return problem(
      409,
      `${cannot}: found reservation "${reservation}" of the pair or of the client, expected none`,
    );
  }
  if (pairUntil !== undefined) {
    return problem(409, `${cannot}: someone else has the pair until ${formatDate(pairUntil)}`);
  }
  if (clientUntil !== undefined && !force) {
    const detail = `the client has a lease of another pair until ${formatDate(clientUntil)}; ?force=true ends it`;
    return problem(409, `${cannot}: ${detail}`);
  }
  const isThere = (await findReservation(place, declared.name)) !== undefined;
  if (isThere) return changedMeanwhile("reservation", declared.name);
  return problem(409, `${cannot}: pool "${pair.pool}" is drained, or was changed at the same time`);
}
