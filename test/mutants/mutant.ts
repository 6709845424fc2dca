/**
 * The type of a mutant: a change of the source that breaks a rule.
 *
 * @module
 */

/** A change of the source that breaks a rule. */
export interface Mutant {
  readonly name: string;
  /** Rules that it breaks: ids from `conformance/rows.ts`, else sections of RFCs, else the rule in words. */
  readonly rules: readonly string[];
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly search: string;
  readonly replacement: string;
  /** Test files or folders that should fail. They run first, and the whole suite only if they pass. */
  readonly tests: readonly string[];
}
