/**
 * Paging of lists that are ordered by name.
 *
 * @module
 */

/** A page of a list that is ordered by name. */
export interface NamePage {
  readonly limit: number;
  /** Only names after this one. */
  readonly after: string | undefined;
}
