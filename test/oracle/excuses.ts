/**
 * How often a rule was not applied because of an excuse. A rule that is always excused proves nothing, so the counts are
 * shown.
 *
 * @module
 */

/** How often a rule was to be applied, and how often it was not. */
export interface ExcuseCount {
  readonly judged: number;
  readonly excused: number;
}

/** Counts of a run, by rule and excuse. */
export class Excuses {
  readonly #counts = new Map<string, { judged: number; excused: number }>();

  /**
   * A rule is to be applied.
   *
   * @param name The rule, and the excuse.
   * @param isExcused Whether the excuse holds.
   * @returns The same.
   */
  count(name: string, isExcused: boolean): boolean {
    let count = this.#counts.get(name);
    if (count === undefined) this.#counts.set(name, (count = { judged: 0, excused: 0 }));
    count.judged++;
    if (isExcused) count.excused++;
    return isExcused;
  }

  /** By rule and excuse. */
  get counts(): Readonly<Record<string, ExcuseCount>> {
    return Object.fromEntries(this.#counts);
  }
}

/** Adds the counts of one run to those of others. */
export function addCounts(
  sums: Map<string, ExcuseCount>,
  counts: Readonly<Record<string, ExcuseCount>>,
): void {
  for (const [name, { judged, excused }] of Object.entries(counts)) {
    const before = sums.get(name) ?? { judged: 0, excused: 0 };
    sums.set(name, { judged: before.judged + judged, excused: before.excused + excused });
  }
}
