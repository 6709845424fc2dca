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
  /** What the simulator lacks, so that no seed shows the bug. */
  readonly needs?: string | undefined;
}
