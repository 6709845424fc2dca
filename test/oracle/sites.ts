/**
 * How many pairs a site may have (R7618-10-02), and that a site which comes and goes uses up no pool (T6).
 *
 * @module
 */
import type { BindClaim, OfferClaim } from "../../src/lease/claim.ts";
import { declined, freeNever, isOccupied } from "./leases.ts";
import type { Leases } from "./leases.ts";
import { poolIdOf } from "./pools.ts";
import type { LeaseRow } from "./rows.ts";
import type { Transaction } from "./transitions.ts";
import { must } from "./violation.ts";

/** A limit that was lowered later does not end leases, so only what is added counts. */
export function checkSite(after: LeaseRow, siteLeasesMax: number | null, now: number, leases: Leases): void {
  // A client that an operator moves already had a pair at this site.
  if (after.moveFrom !== null) return;
  if (siteLeasesMax === null || after.site === null) return;
  const used = leases.ofSite(after.domainId, after.site).filter((row) => isOccupied(row, now));
  must(used.length <= siteLeasesMax, "a site has more leases than siteLeasesMax", after, used);
}

/**
 * A client that moves to a full site keeps its lease unchanged, and the row notes when the client was told.
 *
 * @param refused Its messages from other sites that would bind it.
 */
export function checkRefusedSite(
  row: LeaseRow,
  refused: readonly Pick<BindClaim, "site">[],
  { now, claims, rulesOf }: Transaction,
  leases: Leases,
): void {
  const { siteLeasesMax } = rulesOf(row.domainId)!;
  // Other claims of the transaction may have left the site since it was counted.
  const isFull = ({ site }: Pick<BindClaim, "site">): boolean =>
    siteLeasesMax !== null &&
    leases.ofSite(row.domainId, site).filter((other) => isOccupied(other, now)).length + claims.length >
      siteLeasesMax;
  must(refused.some(isFull), "a lease does not follow its client to a site with room", row, refused);
}

/** A site that has as many rows as its limit, whatever their state, gets the pair again that it left. */
export function checkLeftover(
  before: LeaseRow | undefined,
  after: LeaseRow,
  { siteLeasesMax, poolIds, site }: OfferClaim,
  now: number,
  leases: Leases,
): void {
  if (siteLeasesMax === null || before?.site === site) return;
  const others = leases.ofSite(after.domainId, site).filter(({ slot }) => slot !== after.slot);
  if (others.length < siteLeasesMax) return;
  const left = others.filter(
    (row) =>
      row.expiresAt <= now &&
      row.freeAt !== freeNever &&
      row.moveFrom === null &&
      (row.state !== declined || row.freeAt <= now) &&
      poolIds.includes(poolIdOf(row.slot)),
  );
  must(left.length === 0, "a site at its limit got another pair than the one that it left", after, left);
}
