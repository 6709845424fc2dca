/**
 * Responses about a pool: the pool, or why it cannot be changed.
 *
 * @module
 */
import type { Context } from "hono";
import type { StoredPool } from "../../../store/configuration/declared.ts";
import type { FixedDifference } from "../../../store/configuration/pool-changes.ts";
import type { PoolPut, WantedPool } from "../../../store/configuration/pool-put.ts";
import type { PoolDeletion } from "../../../store/configuration/pools.ts";
import { problem } from "../../problem.ts";
import { formatETag } from "../etag.ts";
import { drainAtOnce, pastDates } from "../past-dates.ts";
import { refusalOf } from "../resource.ts";
import { sizesOf } from "./plan.ts";

/** @returns A pool as the API shows it. */
export const showPool = ({ domain, declared, geometry }: StoredPool) => ({
  domain,
  ...declared,
  sizes: sizesOf(geometry),
});

/** Answers with a pool and its ETag. The response to a creation (201) also has a Location. */
export function respondPool(context: Context, stored: StoredPool, status: 200 | 201 = 200) {
  context.header("etag", formatETag(stored.version));
  if (status === 201) context.header("location", new URL(context.req.url).pathname);
  return context.json(showPool(stored), status);
}

/** Answers with the result of a creation or a replacement. */
export function respondPut(context: Context, { domain, declared }: WantedPool, result: PoolPut) {
  const { name } = declared;
  switch (result.kind) {
    case "created":
      return respondPool(context, result.pool, 201);
    case "name-taken":
      throw problem(409, `Cannot create pool "${name}": found one of this name, expected another name`);
    case "no-domain":
      throw noDomain(name, domain);
    case "overlaps":
      throw overlaps(name, declared.range, result.other);
    case "contains-server":
      throw containsServer(name, declared.range, result.serverIdentifier);
    default:
      return respondChange(context, name, result);
  }
}

type PoolChangeResult = Exclude<
  PoolPut,
  { readonly kind: "created" | "name-taken" | "no-domain" | "overlaps" | "contains-server" }
>;

/**
 * Answers with the result of a change.
 *
 * @param datePath The field of the request that has the drain date.
 */
export function respondChange(
  context: Context,
  name: string,
  result: PoolChangeResult,
  datePath = "drainUntil",
) {
  switch (result.kind) {
    case "past-date":
      throw pastDates(`drain pool "${name}"`, [{ ...result, path: datePath }], drainAtOnce);
    case "changed":
    case "unchanged":
      return respondPool(context, result.pool);
    case "fixed":
      throw fixedFieldsDiffer(name, result.differences);
    case "has-reservations":
      throw hasReservations(name, "drain", result.reservations);
    default:
      throw refusalOf("pool", name, result);
  }
}

/** Answers with the result of a deletion. */
export function respondDeletion(context: Context, name: string, result: PoolDeletion) {
  switch (result.kind) {
    case "deleted":
      return context.body(null, 204);
    case "unfinished":
      return context.body(null, 202);
    case "has-reservations":
      throw hasReservations(name, "delete", result.reservations);
    case "in-use":
      throw problem(
        409,
        `Cannot delete pool "${name}": found running leases, offers or quarantines, expected none; drain it first, or use ?force=true`,
      );
    default:
      throw refusalOf("pool", name, result);
  }
}

function noDomain(name: string, domain: string): Error {
  const errors = [{ path: "domain", found: `"${domain}"`, expected: "an existing domain" }];
  return problem(409, `Cannot create pool "${name}": found no domain "${domain}"`, { errors });
}

function overlaps(name: string, range: string, other: StoredPool | undefined): Error {
  const whose =
    other === undefined
      ? "a pool of another domain"
      : `pool "${other.declared.name}" (${other.declared.range})`;
  const errors = [{ path: "range", found: `"${range}"`, expected: `a range that does not overlap ${whose}` }];
  return problem(409, `Cannot create pool "${name}": its range ${range} overlaps ${whose}`, { errors });
}

function containsServer(name: string, range: string, server: string): Error {
  const expected = `a range without ${server}, the server identifier of the domain`;
  const errors = [{ path: "range", found: `"${range}"`, expected }];
  return problem(409, `Cannot create pool "${name}": found range ${range}, expected ${expected}`, { errors });
}

function fixedFieldsDiffer(name: string, errors: readonly FixedDifference[]): Error {
  const paths = errors.map(({ path }) => path).join(", ");
  return problem(
    409,
    `Cannot change pool "${name}": found another ${paths}, which cannot change because leases and history identify slots by number; drain this pool and create another`,
    { errors },
  );
}

function hasReservations(name: string, verb: string, reservations: readonly string[]): Error {
  return problem(
    409,
    `Cannot ${verb} pool "${name}": found reservations ${reservations.join(", ")}, expected none; move or delete them first`,
  );
}
