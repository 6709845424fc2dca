/**
 * `/reservations`: reserves pairs (address and port set), each for one client.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import * as v from "valibot";
import { formatDate } from "../../../declaration/dates.ts";
import { parseClientIdentifier } from "../../../declaration/reservation-declaration.ts";
import { nameSchema, textOf } from "../../../declaration/schema-parts.ts";
import { listedPortRangesMax } from "../../../limits.ts";
import { portRanges } from "../../../portset/port-set.ts";
import type { StoredReservation } from "../../../store/configuration/declared.ts";
import type { ReservationPut, WantedReservation } from "../../../store/configuration/reservation-put.ts";
import type { AuthEnv } from "../../auth.ts";
import { problem } from "../../problem.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { formatETag, readPrecondition } from "../etag.ts";
import { namePosition, pageFields, pageOf, pageSchema, readPage, respondPage } from "../paging.ts";
import { checkName, checkNewName, notFound, patched, refusalOf, requireFiltered } from "../resource.ts";
import { mergePatchSchema, reservationSchema } from "../schemas.ts";
import { requireJson, validBody, validQuery, withoutQuery } from "../validation.ts";

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
        "Reserve the pair even if the client has a lease of another pair. The client then moves: that lease ends when the client is told, at its next renewal.",
      ),
    ),
  ),
});

/** Creates the routes of reservations. */
export function reservationRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>()
    .get(
      "/reservations",
      operation({
        tag,
        summary: "List reservations",
        answers: { 200: pageSchema(reservationSchema) },
        problems: [404],
      }),
      validQuery(listQuery),
      async (context) => {
        const query = context.req.valid("query");
        const page = readPage(query, namePosition);
        const { domain, pool, clientIdentifier } = query;
        const clientId = clientIdentifier === undefined ? undefined : parseClientIdentifier(clientIdentifier);
        const found = await store.reservations.list(
          context.get("principal"),
          { domain, pool, clientId },
          { limit: page.limit + 1, after: page.after?.[0] },
        );
        if (found.length === 0) await requireFiltered(store, context.get("principal"), query);
        return respondPage(
          context,
          pageOf(found, page, ({ declared }) => [declared.name], listed),
        );
      },
    )
    .get(
      "/reservations/:name",
      operation({ tag, summary: "Read a reservation", answers: { 200: reservationSchema }, problems: [404] }),
      withoutQuery,
      async (context) => {
        const name = context.req.param("name");
        const found = await store.reservations.find(context.get("principal"), name);
        if (found === undefined) throw notFound("reservation", name);
        return respond(context, found);
      },
    )
    .put(
      "/reservations/:name",
      operation({
        tag,
        summary: "Create or replace a reservation",
        problems: [409, 412, 428],
        description: "The pair must be free, or leased to this client. No other client gets it any more.",
        answers: { 200: reservationSchema, 201: reservationSchema },
      }),
      requireJson(),
      validQuery(forceQuery),
      validBody(reservationSchema),
      async (context) => {
        const body = context.req.valid("json");
        const name = context.req.param("name");
        checkName(name, body.name);
        const precondition = readPrecondition(context);
        checkNewName(nameSchema, name, precondition);
        const wanted = wantedOf(name, body, context.req.valid("query"));
        const result = await store.reservations.put(context.get("principal"), wanted, precondition);
        return respondChange(context, name, result);
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
        const patch = context.req.valid("json");
        const query = context.req.valid("query");
        const name = context.req.param("name");
        const revise = (stored: StoredReservation) => {
          const body = patched(reservationSchema, shown(stored), patch);
          checkName(name, body.name);
          return wantedOf(name, body, query);
        };
        const principal = context.get("principal");
        const result = await store.reservations.change(principal, name, readPrecondition(context), revise);
        return respondChange(context, name, result);
      },
    )
    .delete(
      "/reservations/:name",
      operation({ tag, summary: "Delete a reservation", answers: { 204: null }, problems: [404, 412] }),
      withoutQuery,
      async (context) => {
        const name = context.req.param("name");
        const principal = context.get("principal");
        const result = await store.reservations.delete(principal, name, readPrecondition(context));
        if (result.kind !== "deleted") throw refusalOf("reservation", name, result);
        return context.body(null, 204);
      },
    );
}

function wantedOf(
  name: string,
  { domain, clientIdentifier, address, psid }: v.InferOutput<typeof reservationSchema>,
  { force }: v.InferOutput<typeof forceQuery>,
): WantedReservation {
  return { domain, declared: { name, clientIdentifier, address, psid }, force: force === "true" };
}

const listed = (stored: StoredReservation) => shown(stored, listedPortRangesMax);

const shown = ({ domain, pool, declared, geometry }: StoredReservation, rangesMax?: number) => ({
  domain,
  ...declared,
  pool,
  ports: portRanges(geometry, declared.psid ?? 0, rangesMax),
});

function respond(context: Context, stored: StoredReservation, status: 200 | 201 = 200) {
  context.header("etag", formatETag(stored.version));
  if (status === 201) context.header("location", new URL(context.req.url).pathname);
  return context.json(shown(stored), status);
}

/** Answers with the result of a creation or a change. */
function respondChange(context: Context, name: string, result: ReservationPut) {
  switch (result.kind) {
    case "created":
      return respond(context, result.reservation, 201);
    case "changed":
    case "unchanged":
      return respond(context, result.reservation);
    case "name-taken":
      throw problem(
        409,
        `Cannot create reservation "${name}": found one of this name, expected another name`,
      );
    case "other-database":
      throw otherDatabase(name, result);
    case "no-pair":
      throw noPair(result);
    case "obstructed":
      throw problem(409, `${cannotReserve(result)}: ${obstacleText(result)}`);
    default:
      throw refusalOf("reservation", name, result);
  }
}

type Kind<K extends ReservationPut["kind"]> = Extract<ReservationPut, { readonly kind: K }>;

function otherDatabase(name: string, { from, to }: Kind<"other-database">): Error {
  const errors = [{ path: "domain", found: `"${to}"`, expected: `"${from}"` }];
  return problem(
    409,
    `Cannot move reservation "${name}" to domain "${to}", which is in another database; delete the reservation and create it there`,
    { errors },
  );
}

function noPair({ domain, pool, declared }: Kind<"no-pair">): Error {
  const where = pool === undefined ? `a pool of domain "${domain}"` : `pool "${pool}"`;
  const path = pool === undefined ? "address" : "psid";
  const value = pool === undefined ? declared.address : String(declared.psid);
  const errors = [{ path, found: value, expected: `one that ${where} leases` }];
  return problem(409, `Cannot reserve a pair: found ${path} ${value}, expected one that ${where} leases`, {
    errors,
  });
}

function cannotReserve({ declared: { address, psid } }: Kind<"obstructed">): string {
  return `Cannot reserve ${address}${psid === null ? "" : ` PSID ${psid}`}`;
}

function obstacleText({ obstacle }: Kind<"obstructed">): string {
  switch (obstacle.kind) {
    case "reserved":
      return `found reservation "${obstacle.reservation}" of the pair or of the client, expected none`;
    case "pair-in-use":
      return `another client has the pair until ${formatDate(obstacle.until)}`;
    case "move-pending":
      return obstacle.isOwn
        ? "a move of the client to this pair is pending, until the client is told; to take it back, move the lease to its present pair"
        : `the pair is kept until ${formatDate(obstacle.until)} for another client that moves to it`;
    case "client-in-use":
      return `the client has a lease of another pair until ${formatDate(obstacle.until)}; ?force=true moves the client`;
    case "pool-drained":
      return `pool "${obstacle.pool}" is drained, or was changed at the same time`;
  }
}
