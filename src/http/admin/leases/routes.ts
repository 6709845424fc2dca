/**
 * `/leases`: found by what is known of them.
 *
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import { parseDate } from "../../../declaration/dates.ts";
import { findAddressPool, findAddressSlots, findSlotKey, onlySlot } from "../../../lease/domain.ts";
import type { Directory, Pool } from "../../../lease/domain.ts";
import { textOf } from "../../../declaration/schema-parts.ts";
import { clientIdentifierOctetsMax } from "../../../limits.ts";
import { psidOfPort } from "../../../portset/port-set.ts";
import type { Databases, Place } from "../../../store/database/databases.ts";
import { loadPlace } from "../../../store/configuration/directory.ts";
import { findLeases, slotStates } from "../../../store/evidence/leases.ts";
import type { LeaseFilter } from "../../../store/evidence/leases.ts";
import { encodeClientIdentifier } from "../../../wire/dhcpv4/options/client-identifier.ts";
import { parseIPv4 } from "../../../wire/ipv4-address.ts";
import { parseIPv6 } from "../../../wire/ipv6-address.ts";
import type { AuthEnv, Principal } from "../../auth.ts";
import type { AdminDeps } from "../deps.ts";
import { operation } from "../document.ts";
import { findLeaseById, leaseSchema, portSetOf, respondLease, showLease } from "./lease.ts";
import { encodeCursor, pageFields, pageSchema, readPage, respondPage } from "../paging.ts";
import type { Page, PageRequest } from "../paging.ts";
import { hexSchema, portSchema, wholeNumber } from "../query-fields.ts";
import { maySee, notFound, placesFor } from "../resource.ts";
import { invalid, validQuery } from "../validation.ts";

const ipv6 = v.pipe(textOf(parseIPv6), v.transform(parseIPv6));
const date = v.pipe(textOf(parseDate), v.transform(parseDate));

const querySchema = v.strictObject({
  ...pageFields,
  domain: v.optional(v.string()),
  pool: v.optional(v.string()),
  address: v.optional(v.pipe(textOf(parseIPv4), v.description("All slots of an IPv4 address. By index."))),
  port: v.optional(v.pipe(portSchema, v.description("With `address`: the slot whose port set has it."))),
  clientId: v.optional(
    v.pipe(hexSchema(clientIdentifierOctetsMax), v.description("Option 61 in hexadecimal. By index.")),
  ),
  duid: v.optional(
    v.pipe(
      hexSchema(130),
      v.description("DUID in hexadecimal (RFC 4361). With `iaid` by index, else a scan."),
    ),
  ),
  iaid: v.optional(wholeNumber(0, 0xffffffff)),
  softwire: v.optional(v.pipe(ipv6, v.description("Softwire source address. By index."))),
  source: v.optional(v.pipe(ipv6, v.description("IPv6 source of the last REQUEST. A scan."))),
  site: v.optional(v.pipe(v.string(), v.description("Customer site, as a lease shows it. By index."))),
  state: v.optional(v.pipe(v.picklist(slotStates), v.description("A scan."))),
  expiresFrom: v.optional(v.pipe(date, v.description("Expiry at this time or later. A scan."))),
  expiresBefore: v.optional(v.pipe(date, v.description("Expiry before this time. A scan."))),
});

const tag = "leases";

/** The routes that find leases. */
export function leaseRoutes({ databases, now }: AdminDeps) {
  const find = (principal: Principal, id: string) => findLeaseById(databases, principal, id, now?.());
  return new Hono<AuthEnv>()
    .get(
      "/leases",
      operation({
        tag,
        summary: "Find leases",
        description:
          "In the order of pools and slots. What goes by index is found at once; a scan looks at a bounded number of leases for each page, so that a page may be empty and `next` say that there is more to look at.",
        answers: { 200: pageSchema(leaseSchema) },
        problems: [404],
      }),
      validQuery(querySchema),
      async (context) => {
        const query = context.req.valid("query");
        const page = readPage(query, position);
        const sections = await sectionsOf(databases, context.get("principal"), query);
        return respondPage(context, await findPage(sections, query, page, now?.()));
      },
    )
    .get(
      "/leases/:id",
      operation({
        tag,
        summary: "Read a lease",
        answers: { 200: leaseSchema },
        problems: [404],
        description:
          "Its ETag stays the same as long as the same client has it: a renewal does not change it.",
      }),
      async (context) => respondLease(context, await find(context.get("principal"), context.req.param("id"))),
    );
}

type Query = v.InferOutput<typeof querySchema>;

/** A database that is searched, with the domains in it that may be. */
interface Section {
  readonly place: Place;
  readonly directory: Directory;
}

/** Number of the section, and the slot behind which its search goes on. */
const position = v.strictTuple([v.pipe(v.number(), v.safeInteger()), v.pipe(v.number(), v.safeInteger())]);

/** Before the slots of a section. */
const noSlot = -1;

async function sectionsOf(databases: Databases, principal: Principal, query: Query): Promise<Section[]> {
  const { domain, pool } = query;
  if (domain !== undefined && !maySee(principal, domain)) throw notFound("domain", domain);
  const places = placesFor(databases, principal, domain);
  const sections = await Promise.all(
    places.map(async (place) => ({ place, directory: await loadPlace(place) })),
  );
  const domains = sections.flatMap(({ directory }) => directory.domains);
  if (domain !== undefined && domains.length === 0) throw notFound("domain", domain);
  const hasPool = domains.some(({ pools }) => pools.some(({ name }) => name === pool));
  if (pool !== undefined && !hasPool) throw notFound("pool", pool);
  return sections;
}

/** One section after the other: the next begins where the one before has no more. */
async function findPage(
  sections: readonly Section[],
  query: Query,
  { limit, after }: PageRequest,
  now: number | undefined,
): Promise<Page<v.InferOutput<typeof leaseSchema>>> {
  const items: v.InferOutput<typeof leaseSchema>[] = [];
  const [firstIndex, firstAfter] = (after as [number, number] | undefined) ?? [0, noSlot];
  for (let index = firstIndex; index < sections.length; index++) {
    if (items.length === limit) return { items, next: encodeCursor([index, noSlot]) };
    const { place, directory } = sections[index]!;
    const filter = filterOf(directory, query);
    if (filter === undefined) continue;
    const request = { after: index === firstIndex ? firstAfter : noSlot, limit: limit - items.length, now };
    const found = await findLeases(place.database, filter, request);
    items.push(...found.leases.map((lease) => showLease(directory, lease)));
    if (found.next !== null) return { items, next: encodeCursor([index, found.next]) };
  }
  return { items, next: null };
}

/** @returns What the store is to look for; undefined when no lease can be so. */
function filterOf({ domains }: Directory, query: Query): LeaseFilter | undefined {
  const pools = domains.flatMap((domain) => domain.pools);
  const pool = pools.find(({ name }) => name === query.pool);
  if (query.pool !== undefined && pool === undefined) return undefined;
  const slots = slotsOf(pools, query);
  if (slots === null) return undefined;
  const { duid, iaid, softwire, source, site, state, expiresFrom, expiresBefore } = query;
  const clientId = query.clientId ?? clientIdOf(duid, iaid);
  return {
    slots,
    clientId,
    softwire,
    source,
    site,
    state,
    expiresFrom,
    expiresBefore,
    duid: query.clientId === undefined && iaid !== undefined ? undefined : duid,
    domainIds: domains.map(({ id }) => id),
    poolId: pool?.id,
  };
}

/** @returns Undefined without an address, null when no slot of the pools has it. */
function slotsOf(pools: readonly Pool[], { address, port }: Query) {
  if (address === undefined) {
    if (port === undefined) return undefined;
    throw invalid("query", [{ path: ["address"], received: "nothing", message: "expected one beside port" }]);
  }
  const number = parseIPv4(address);
  const pool = findAddressPool(pools, number);
  if (pool === undefined || port === undefined) return findAddressSlots(pools, number) ?? null;
  const psid = psidOfPort(pool.geometry, port);
  const slot =
    psid === undefined ? undefined : findSlotKey(pools, { address: number, ...portSetOf(pool, psid) });
  return slot === undefined ? null : onlySlot(slot);
}

/** DUID and IAID are all of a client identifier (RFC 4361 §6.1). */
function clientIdOf(duid: Uint8Array | undefined, iaid: number | undefined): Uint8Array | undefined {
  if (iaid === undefined) return undefined;
  if (duid === undefined || duid.length < 3) {
    const message = "expected a DUID of 3 to 130 octets beside iaid";
    throw invalid("query", [
      { path: ["duid"], received: duid === undefined ? "nothing" : "a shorter one", message },
    ]);
  }
  return encodeClientIdentifier({ iaid, duid });
}
