/**
 * `/leases`: found by what is known of them, released and moved by hand.
 *
 * A lease is named by its pair: `192.0.2.7-18` is PSID 18 of that address, `198.51.100.7` is the whole address.
 *
 * **What its ETag stands for** is the tenure: state, client, and since when all that is said of the client is so. Who
 * ends or moves a lease has decided that by who has it. A renewal changes dates and not that: if it changed the ETag,
 * every busy lease would refuse the change until its operator were faster than its client. The same is what the
 * statements in `store/leases.ts` require of the row that they change, so that nothing comes between check and change.
 *
 * @module
 */
import { Hono } from "hono";
import type { Context } from "hono";
import * as v from "valibot";
import { formatDate, parseDate } from "../../lease/dates.ts";
import type { Directory, Domain, Pool } from "../../lease/domain.ts";
import {
  findAddressPool,
  findAddressSlots,
  findSlotKey,
  isOpen,
  onlySlot,
  pairOfKey,
} from "../../lease/domain.ts";
import { textOf } from "../../lease/schema-text.ts";
import { clientIdentifierOctetsMax } from "../../limits.ts";
import { portRanges, psidOfPort } from "../../portset/port-set.ts";
import { auditOfLast } from "../../store/audit.ts";
import { findIn } from "../../store/databases.ts";
import type { Databases, Place } from "../../store/databases.ts";
import { loadPlace } from "../../store/directory.ts";
import { findLeases, moveLease, releaseLease, slotStates } from "../../store/leases.ts";
import type { LeaseFilter, LeaseRecord } from "../../store/leases.ts";
import { encodeClientIdentifier } from "../../wire/dhcpv4/options/client-identifier.ts";
import { encodeHex } from "../../wire/hex.ts";
import { formatIPv4, parseIPv4 } from "../../wire/ipv4-address.ts";
import { parseIPv6 } from "../../wire/ipv6-address.ts";
import type { AuthEnv, Principal } from "../auth.ts";
import { problem } from "../problem.ts";
import type { AdminDeps } from "./app.ts";
import { operation } from "./document.ts";
import { checkVersion, formatETag, readPrecondition } from "./etag.ts";
import { evidenceFields, showEvidence } from "./evidence.ts";
import { encodeCursor, pageFields, pageSchema, readPage, respondPage } from "./paging.ts";
import type { Page, PageRequest } from "./paging.ts";
import { hexSchema, portSchema, wholeNumber } from "./query-fields.ts";
import { maySee, notFound, placesFor } from "./resource.ts";
import { invalid, requireJson, validBody, validQuery } from "./validation.ts";

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

const portRange = v.strictObject({ first: v.number(), last: v.number() });
const leaseSchema = v.strictObject({
  id: v.string(),
  domain: v.string(),
  pool: v.string(),
  address: v.string(),
  psid: v.nullable(v.pipe(v.number(), v.description("Plain number; null for a whole address."))),
  ports: v.array(portRange),
  state: v.picklist(slotStates),
  isReserved: v.boolean(),
  ...evidenceFields,
  since: v.nullable(v.pipe(v.string(), v.description("Since when all that is said of the client is so."))),
  expiresAt: v.string(),
  freeAt: v.nullable(v.pipe(v.string(), v.description("When another client may get it; null is never."))),
  updatedAt: v.string(),
});

const moveSchema = v.strictObject({
  address: textOf(parseIPv4),
  psid: v.optional(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535))), null),
});

const tag = "leases";

/** The routes that find leases. */
export function leaseRoutes({ databases, now }: AdminDeps) {
  const find = (principal: Principal, id: string) => findById(databases, principal, id, now?.());
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
        ...{ tag, summary: "Read a lease", answers: { 200: leaseSchema }, problems: [404] },
        description:
          "Its ETag stays the same as long as the same client has it: a renewal does not change it.",
      }),
      async (context) => respond(context, await find(context.get("principal"), context.req.param("id"))),
    );
}

/** The routes that change a lease. */
export function leaseChangeRoutes({ databases, now }: AdminDeps) {
  const find = (principal: Principal, id: string) => findById(databases, principal, id, now?.());
  return new Hono<AuthEnv>()
    .post(
      "/leases/:id/release",
      operation({
        ...{ tag, summary: "End a lease or an offer by hand", problems: [404, 409, 412] },
        description:
          "As a DHCPRELEASE would: the pair is kept from other clients for the quarantine of its domain. The client learns of it at its next renewal.",
        answers: { 200: leaseSchema },
      }),
      async (context) => {
        const [principal, id] = [context.get("principal"), context.req.param("id")];
        const precondition = readPrecondition(context);
        const { place, directory, domain, lease } = await find(principal, id);
        checkVersion(precondition, await versionOf(lease));
        const handle = requireRunning(lease, id);
        const before = show(directory, lease);
        const record = recordOf(principal, "release", domain, before, { state: "quarantined" });
        const isDone = await releaseLease(place.database, handle, domain.quarantineSeconds, {
          record,
          now: now?.(),
        });
        const after = await find(principal, id);
        if (isDone) return respond(context, after);
        checkVersion(precondition, await versionOf(after.lease));
        throw changed(id);
      },
    )
    .post(
      "/leases/:id/move",
      operation({
        ...{ tag, summary: "Move a lease to another pair", problems: [404, 409, 412] },
        description:
          "The pair has to be free and of the same domain. The client is refused at its next renewal, asks anew and gets it. The old pair is kept until the lease that the client knows of has ended, and through the quarantine.",
        answers: { 200: leaseSchema },
      }),
      requireJson(),
      validBody(moveSchema),
      async (context) => {
        const [principal, id] = [context.get("principal"), context.req.param("id")];
        const precondition = readPrecondition(context);
        const { place, directory, domain, lease } = await find(principal, id);
        checkVersion(precondition, await versionOf(lease));
        const handle = requireRunning(lease, id);
        const target = targetOf(domain, context.req.valid("json"));
        const before = show(directory, lease);
        const record = recordOf(principal, "move", domain, before, { movedTo: idOf(directory, target) });
        const isDone = await moveLease(place.database, handle, target, domain.quarantineSeconds, {
          record,
          now: now?.(),
        });
        if (isDone) return respond(context, await find(principal, idOf(directory, target)));
        checkVersion(precondition, await versionOf((await find(principal, id)).lease));
        throw changed(id);
      },
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
    items.push(...found.leases.map((lease) => show(directory, lease)));
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
    ...{ slots, clientId, softwire, source, site, state, expiresFrom, expiresBefore },
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

function portSetOf({ kind, geometry }: Pool, psid: number) {
  if (kind === "full") return {};
  return { portSet: { psidOffset: geometry.psidOffset, psidLength: geometry.psidLength, psid } };
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

interface FoundLease {
  readonly place: Place;
  readonly directory: Directory;
  readonly domain: Domain;
  readonly lease: LeaseRecord;
}

async function respond(context: Context, { directory, lease }: FoundLease) {
  context.header("etag", formatETag(await versionOf(lease)));
  return context.json(show(directory, lease), 200);
}

/** @returns 48 bits of a hash of what a tenure is known by: no client identifier in a header, and as long as other ETags. */
async function versionOf({ slot, clientId, since, state }: LeaseRecord): Promise<number> {
  const tenure = JSON.stringify([slot, clientId === null ? null : encodeHex(clientId), since, state]);
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(tenure));
  return Number(new DataView(hash).getBigUint64(0) >> 16n);
}

async function findById(
  databases: Databases,
  principal: Principal,
  id: string,
  now: number | undefined,
): Promise<FoundLease> {
  const located = await findIn(placesFor(databases, principal), async (place) => {
    const directory = await loadPlace(place);
    const slot = slotOfId(directory, id);
    return slot === undefined ? undefined : { directory, slot };
  });
  if (located === undefined) throw notFound("lease", id);
  const { place, found: where } = located;
  const { directory, slot } = where;
  const page = { after: undefined, limit: 1, now };
  const { leases } = await findLeases(place.database, { slots: onlySlot(slot) }, page);
  const [lease] = leases;
  if (lease === undefined) throw notFound("lease", id);
  const domain = directory.domains.find((each) => each.id === lease.domainId)!;
  return { place, directory, lease, domain };
}

function slotOfId({ domains }: Directory, id: string): number | undefined {
  const [, addressText = "", psidText] = /^([\d.]{7,15})(?:-(\d{1,5}))?$/.exec(id) ?? [];
  if (!v.is(textOf(parseIPv4), addressText)) return undefined;
  const pools = domains.flatMap((domain) => domain.pools);
  return slotOfPair(pools, parseIPv4(addressText), psidText === undefined ? null : Number(psidText));
}

function slotOfPair(pools: readonly Pool[], address: number, psid: number | null): number | undefined {
  const pool = findAddressPool(pools, address);
  if (pool === undefined || (pool.kind === "full") !== (psid === null)) return undefined;
  return findSlotKey([pool], { address, ...portSetOf(pool, psid ?? 0) });
}

function requireRunning({ slot, clientId, since, state }: LeaseRecord, id: string) {
  if (clientId !== null && (state === "bound" || state === "offered")) return { slot, clientId, since };
  throw problem(409, `Cannot change lease ${id}: it is ${state}, expected one that is bound or offered`);
}

/** @returns Key of the slot that a lease shall move to. */
function targetOf(domain: Domain, { address, psid }: v.InferOutput<typeof moveSchema>): number {
  const open = domain.pools.filter(isOpen);
  const slot = slotOfPair(open, parseIPv4(address), psid);
  if (slot !== undefined) return slot;
  const received = psid === null ? address : `${address} with PSID ${psid}`;
  const message = `expected a pair of a pool of domain ${domain.name} that is not drained`;
  throw invalid("json", [{ path: ["address"], received, message }]);
}

/** Someone else was faster: the client renewed with another softwire, released, or the target was taken. */
function changed(id: string): Error {
  return problem(
    409,
    `Cannot change lease ${id}: it has changed meanwhile, is reserved, or the pair that it shall move to is not free; read both again`,
  );
}

function recordOf(
  principal: Principal,
  action: string,
  domain: Domain,
  before: ReturnType<typeof show>,
  after: unknown,
) {
  const entry = { actor: principal.name, action, resource: "lease", name: before.id, domain: domain.name };
  return auditOfLast({ ...entry, before, after });
}

function idOf(directory: Directory, slot: number): string {
  const { pair } = pairOfKey(directory, slot);
  return pair.portSet === undefined
    ? formatIPv4(pair.address)
    : `${formatIPv4(pair.address)}-${pair.portSet.psid}`;
}

function show(directory: Directory, lease: LeaseRecord): v.InferOutput<typeof leaseSchema> {
  const { pool, pair } = pairOfKey(directory, lease.slot);
  const domain = directory.domains.find(({ id }) => id === lease.domainId)!;
  return {
    id: idOf(directory, lease.slot),
    domain: domain.name,
    pool: pool.name,
    address: formatIPv4(pair.address),
    psid: pair.portSet?.psid ?? null,
    ports: portRanges(pool.geometry, pair.portSet?.psid ?? 0),
    state: lease.state,
    isReserved: lease.isReserved,
    ...showEvidence(lease),
    since: lease.since === null ? null : formatDate(lease.since),
    expiresAt: formatDate(lease.expiresAt),
    freeAt: lease.isReserved ? null : formatDate(lease.freeAt),
    updatedAt: formatDate(lease.updatedAt),
  };
}
