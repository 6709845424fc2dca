/**
 * What a broken rule is.
 *
 * @module
 */

/** One broken rule. */
export interface Mutant {
  readonly name: string;
  /** Ids of the rules that it breaks, as `conformance` lists them; else sections of RFCs, or promises in words. */
  readonly rules: readonly string[];
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly search: string;
  readonly replacement: string;
  /** Tests that should notice it, so that the run is short; the whole suite runs when they do not. */
  readonly tests: readonly string[];
}
