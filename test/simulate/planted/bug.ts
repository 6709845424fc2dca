/**
 * The type of a planted bug: a change of the source that breaks a promise which the simulator has to notice.
 *
 * @module
 */
import type { Change } from "../../mutants/workshop.ts";

/** A change of the source that breaks a promise. */
export interface PlantedBug extends Change {
  /** What the change breaks, in words. */
  readonly promise: string;
  /** Another change that it takes, where two places guard the same promise. */
  readonly further?: Omit<Change, "name"> | undefined;
  /** What the world of the simulator lacks, so that the bug can't be noticed yet. */
  readonly needs?: Need | undefined;
}

/**
 * `operators`: changes of the configuration, moves, ends and drains while clients are served. `evidence`: audits of the
 * history and of the binding table. `clock-steps`: a machine whose clock is set while no lease runs, or
 * for ever. `rapid-commit`: domains that allow it.
 * `visitors`: clients that change their site.
 */
export type Need = "operators" | "evidence" | "clock-steps" | "rapid-commit" | "visitors";
