/**
 * Dependencies of the admin API's routes.
 *
 * @module
 */
import type { Store } from "../../store/store.ts";
import type { Guard } from "../auth.ts";

/** Dependencies of the admin API. */
export interface AdminDeps {
  readonly store: Store;
  readonly guard: Guard;
}
