/**
 * The quarantine of a lease whose pair is offered again.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import { literal } from "./columns.ts";
import { lease, LeaseState } from "./schema.ts";

/**
 * Until when the pair of an offer is in the quarantine of the lease before it; 0 if it is in none. Such a pair stays taken
 * for longer than its offer.
 */
export const restOfQuarantine = sql`iif(${lease.state} = ${literal(LeaseState.offered)} AND ${lease.freeAt} > ${lease.expiresAt},
    ${lease.freeAt}, 0)`;
