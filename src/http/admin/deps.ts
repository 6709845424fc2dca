/**
 * What the routes of the admin API work with.
 *
 * @module
 */
import type { Databases } from "../../store/database/databases.ts";
import type { SlotCounter } from "../../store/evidence/statistics.ts";
import type { Guard } from "../auth.ts";

/** What the admin API works with. */
export interface AdminDeps {
  readonly databases: Databases;
  readonly guard: Guard;
  /** One for each database. */
  readonly slotCounters: readonly SlotCounter[];
  /** Unix seconds to judge leases by, in place of the database's clock: for tests. */
  readonly now?: (() => number | undefined) | undefined;
}
