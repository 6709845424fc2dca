/**
 * What the routes of the admin API work with.
 *
 * @module
 */
import type { Store } from "../../store/store.ts";
import type { Guard } from "../auth.ts";

/** What the admin API works with. */
export interface AdminDeps {
  readonly store: Store;
  readonly guard: Guard;
}
