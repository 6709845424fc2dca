/**
 * Bounded lists of faults in error texts.
 *
 * @module
 */
import { faultMessageCharactersMax, faultsShownMax } from "../limits.ts";

/** @returns The first faults, each on an indented line, and how many more there are. */
export function firstFaults(faults: readonly string[]): string {
  const lines = faults
    .slice(0, faultsShownMax)
    .map((fault) => `  ${fault.replaceAll("\n", "\\n").slice(0, faultMessageCharactersMax)}`);
  const more = faults.length - lines.length;
  return [...lines, ...(more > 0 ? [`  and ${more} more`] : [])].join("\n");
}
