/**
 * Changes of a pool, and why one can't be made.
 *
 * @module
 */
import type { Context } from "hono";
import { formatDate } from "../../../declaration/dates.ts";
import type { PoolDeclaration } from "../../../declaration/pool-declaration.ts";
import { nameSchema } from "../../../declaration/schema-parts.ts";
import { commitChange } from "../../../store/configuration/change.ts";
import { allPlaces, databaseOf, findIn, placeOf, wholeDatabase } from "../../../store/database/databases.ts";
import type { Databases, Found, Place } from "../../../store/database/databases.ts";
import { poolParameters } from "../../../store/configuration/declared.ts";
import type { StoredPool } from "../../../store/configuration/declared.ts";
import { findDomain } from "../../../store/configuration/domains.ts";
import {
  changePool,
  createPool,
  deletePool,
  findOverlap,
  findPool,
  fixedDifferences,
  reservationsOfPool,
} from "../../../store/configuration/pools.ts";
import type { FixedDifference } from "../../../store/configuration/pools.ts";
import type { AuthEnv, Principal } from "../../auth.ts";
import { problem } from "../../problem.ts";
import { checkVersion, readPrecondition } from "../etag.ts";
import { findPoolAnywhere, respondPool } from "./pool.ts";
import {
  alreadyThere,
  changedMeanwhile,
  checkNewName,
  maySee,
  notFound,
  replacesBlindly,
} from "../resource.ts";

/**
 * Creates a pool, or replaces what may change of it.
 *
 * @throws {HTTPException} 404, 409, 412 or 428 when it can not.
 */
export async function putPool(
  context: Context<AuthEnv>,
  databases: Databases,
  domain: string,
  declared: PoolDeclaration,
) {
  const principal = context.get("principal");
  const { name } = declared;
  const precondition = readPrecondition(context);
  const stored = await findPoolAnywhere(databases, name);
  if (stored !== undefined && !maySee(principal, stored.found.domain)) {
    throw problem(409, `Cannot create pool "${name}": found one of this name, expected another name`);
  }
  if (stored === undefined) {
    if (precondition.version !== undefined) throw notFound("pool", name);
    checkNewName(nameSchema, name);
    const created = maySee(principal, domain)
      ? await create(databases, principal, domain, declared)
      : undefined;
    if (created !== undefined) return respondPool(context, created, 201);
    throw await whyNotCreated(databases, principal, domain, declared);
  }
  if (precondition.mustBeNew) throw alreadyThere("pool", name);
  checkVersion(precondition, stored.found.version);
  const isSame = isUnchanged(stored.found, domain, declared);
  if (!isSame && precondition.version === undefined) throw replacesBlindly("pool", name);
  return isSame ? respondPool(context, stored.found) : updatePool(context, stored, domain, declared);
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

/**
 * Changes what may change of a pool.
 *
 * @throws {HTTPException} 409 for what never changes, 412 when someone else was faster.
 */
export async function updatePool(
  context: Context<AuthEnv>,
  { place, found: stored }: Found<StoredPool>,
  domain: string,
  declared: PoolDeclaration,
) {
  const { name } = declared;
  const fixed = fixedDifferences(stored, domain, declared);
  if (fixed.length > 0) throw neverChanges(declared.name, fixed);
  if (isUnchanged(stored, domain, declared)) return respondPool(context, stored);
  const change = changePool(context.get("principal").name, stored, declared);
  const isDone = await commitChange(place.database, change);
  const current = await findPool(place, name);
  if (isDone && current !== undefined) return respondPool(context, current);
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

/** @returns When the last lease ends that is given out now, as a date. */
export async function longestLeaseEnd({ place, found }: Found<StoredPool>): Promise<string> {
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
  if ((await findPoolAnywhere(databases, name)) !== undefined) return alreadyThere("pool", name);
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

/** @returns What to tell of a deletion that did not take place. */
export async function whyNotDeleted(
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
