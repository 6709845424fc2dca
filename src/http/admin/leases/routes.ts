/**
 * `/leases`: finds and reads leases.
 *
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import { parseDate } from "../../../declaration/dates.ts";
import { textOf, wholeNumberText } from "../../../declaration/schema-parts.ts";
import { clientIdentifierOctetsMax, listedPortRangesMax } from "../../../limits.ts";
import type { LeasePosition, LeaseQuery } from "../../../store/evidence/find-leases.ts";
import { slotStates } from "../../../store/evidence/slot-state.ts";
import { encodeClientIdentifier } from "../../../wire/dhcpv4/options/client-identifier.ts";
import { duidLengths, duidOctetsMax, isDuidLength } from "../../../wire/duid.ts";
import { parseIPv4 } from "../../../wire/ipv4-address.ts";
import { parseIPv6 } from "../../../wire/ipv6-address.ts";
import type { AuthEnv } from "../../auth.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { encodeCursor, pageFields, pageSchema, readPage, respondPage } from "../paging.ts";
import { hexSchema, portSchema } from "../query-fields.ts";
import { notFound } from "../resource.ts";
import { invalid, validQuery, withoutQuery } from "../validation.ts";
import { leaseSchema, respondLease, showLease } from "./lease.ts";

const ipv6 = v.pipe(textOf(parseIPv6), v.transform(parseIPv6));
const date = v.pipe(textOf(parseDate), v.transform(parseDate));

const querySchema = v.strictObject({
  ...pageFields,
  domain: v.optional(v.string()),
  pool: v.optional(v.string()),
  address: v.optional(
    v.pipe(textOf(parseIPv4), v.description("All slots of an IPv4 address. Uses an index.")),
  ),
  port: v.optional(
    v.pipe(portSchema, v.description("With `address`: the slot whose port set contains this port.")),
  ),
  clientId: v.optional(
    v.pipe(hexSchema(clientIdentifierOctetsMax), v.description("Option 61 in hexadecimal. Uses an index.")),
  ),
  duid: v.optional(
    v.pipe(
      hexSchema(duidOctetsMax),
      v.description("DUID in hexadecimal (RFC 4361). Uses an index with `iaid`, otherwise a scan."),
    ),
  ),
  iaid: v.optional(wholeNumberText(0, 0xffffffff)),
  softwire: v.optional(v.pipe(ipv6, v.description("Softwire source address. Uses an index."))),
  source: v.optional(v.pipe(ipv6, v.description("IPv6 source address of the last REQUEST. Uses a scan."))),
  site: v.optional(v.pipe(v.string(), v.description("Customer site, as leases show it. Uses an index."))),
  state: v.optional(v.pipe(v.picklist(slotStates), v.description("State of the slot. Uses a scan."))),
  expiresFrom: v.optional(v.pipe(date, v.description("Expiry at this time or later. Uses a scan."))),
  expiresBefore: v.optional(v.pipe(date, v.description("Expiry before this time. Uses a scan."))),
});

const tag = "leases";

/** Creates the routes that find leases. */
export function leaseRoutes({ store }: AdminDeps) {
  return new Hono<AuthEnv>()
    .get(
      "/leases",
      operation({
        tag,
        summary: "Find leases",
        description:
          "Ordered by pool and slot. A filter that uses an index reads only the leases that match. A scan reads a limited number of leases for each page, so a page may be empty and still have a `next`.",
        answers: { 200: pageSchema(leaseSchema) },
        problems: [404],
      }),
      validQuery(querySchema),
      async (context) => {
        const query = context.req.valid("query");
        const { limit, after } = readPage(query, position);
        const page = { limit, after: positionOf(after) };
        const found = await store.leases.list(context.get("principal"), leaseQueryOf(query), page);
        if (found.kind === "no-domain") throw notFound("domain", query.domain ?? "");
        if (found.kind === "no-pool") throw notFound("pool", query.pool ?? "");
        const next = found.next === null ? null : encodeCursor(found.next);
        return respondPage(context, {
          items: found.leases.map((lease) => showLease(lease, listedPortRangesMax)),
          next,
        });
      },
    )
    .get(
      "/leases/:id",
      operation({
        tag,
        summary: "Read a lease",
        answers: { 200: leaseSchema },
        problems: [404],
        description: "The ETag identifies the tenure of the client: a renewal does not change it.",
      }),
      withoutQuery,
      async (context) => {
        const id = context.req.param("id");
        const lease = await store.leases.find(context.get("principal"), id);
        if (lease === undefined) throw notFound("lease", id);
        return respondLease(context, lease);
      },
    );
}

type LeaseQueryFields = v.InferOutput<typeof querySchema>;

/** The number of a database, and the slot after which the search in it continues. */
const position = v.strictTuple([v.pipe(v.number(), v.safeInteger()), v.pipe(v.number(), v.safeInteger())]);

function positionOf(after: readonly (string | number)[] | undefined): LeasePosition | undefined {
  return after === undefined ? undefined : v.parse(position, after);
}

/**
 * Converts query fields to a lease query: parses the address, and builds a client identifier from DUID and IAID.
 *
 * @throws {HTTPException} 400 for a field that requires another one: `port` without `address`, `iaid` without `duid`.
 */
function leaseQueryOf(query: LeaseQueryFields): LeaseQuery {
  const { domain, pool, address, port, softwire, source, site, state, expiresFrom, expiresBefore } = query;
  if (address === undefined && port !== undefined) {
    throw invalid("query", [
      { path: ["address"], received: "nothing", message: "expected an address together with port" },
    ]);
  }
  const clientId = query.clientId ?? clientIdOf(query.duid, query.iaid);
  const isDuidInClientId = query.clientId === undefined && query.iaid !== undefined;
  return {
    domain,
    pool,
    address: address === undefined ? undefined : parseIPv4(address),
    port,
    clientId,
    duid: isDuidInClientId ? undefined : query.duid,
    softwire,
    source,
    site,
    state,
    expiresFrom,
    expiresBefore,
  };
}

/** Builds a client identifier, which consists of an IAID and a DUID (RFC 4361 §6.1). */
function clientIdOf(duid: Uint8Array | undefined, iaid: number | undefined): Uint8Array | undefined {
  if (iaid === undefined) return undefined;
  if (duid === undefined || !isDuidLength(duid.length)) {
    const message = `expected a DUID of ${duidLengths} octets together with iaid`;
    throw invalid("query", [
      { path: ["duid"], received: duid === undefined ? "nothing" : "a shorter DUID", message },
    ]);
  }
  return encodeClientIdentifier({ iaid, duid });
}
