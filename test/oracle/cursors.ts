/**
 * How far the cursor of each pool has to be. Below it, each slot has a row, so a cursor that stays behind finds no new
 * slots.
 *
 * @module
 */
import { offerSkipMax, relayFramesMax } from "../../src/limits.ts";
import type { Claim } from "../../src/lease/claim.ts";
import type { LeaseRow } from "./rows.ts";
import { firstSlotOf } from "./pools.ts";
import type { OraclePool } from "./pools.ts";
import { must } from "./violation.ts";

/** Slots by which one transaction may advance a cursor. */
const stepMax = relayFramesMax + offerSkipMax;

/** The cursors of all pools. */
export class Cursors {
  /** By pool: a number that the cursor has reached. */
  readonly #reached = new Map<number, number>();

  /** A transaction that changed something has advanced the cursors of the pools from which its claims may get a pair. */
  advance(claims: readonly Claim[], rows: ReadonlyMap<number, LeaseRow>): void {
    const poolIds = new Set(claims.flatMap((claim) => (claim.kind === "offer" ? claim.poolIds : [])));
    for (const id of poolIds) {
      const first = this.#reached.get(id) ?? 0;
      let number = first;
      while (number < first + stepMax && rows.has(firstSlotOf(id) + number)) number++;
      this.#reached.set(id, number);
    }
  }

  /** Compares a cursor with the rows of its pool. */
  check({ shape, slots }: OraclePool, cursor: number, rows: ReadonlyMap<number, LeaseRow>): void {
    must(cursor >= 0 && cursor <= slots, "a cursor is outside its pool", cursor, shape);
    const reached = this.#reached.get(shape.id) ?? 0;
    must(cursor >= reached, "a cursor stays behind the slots in use", cursor, reached, shape);
    for (let number = 0; number < cursor; number++)
      must(rows.has(firstSlotOf(shape.id) + number), "a slot below the cursor has no row", number, shape);
  }
}
