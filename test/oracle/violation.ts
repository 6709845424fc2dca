/**
 * What the oracle finds.
 *
 * @module
 */

/** A rule that does not hold. */
export class Violation extends Error {
  readonly rule: string;
  readonly found: readonly unknown[];

  /** @param found What shows it. */
  constructor(rule: string, ...found: readonly unknown[]) {
    super(`${rule}: ${JSON.stringify(found)}`);
    this.name = "Violation";
    this.rule = rule;
    this.found = found;
  }
}

/** @throws {Violation} If a rule does not hold. */
export function must(condition: boolean, rule: string, ...found: readonly unknown[]): asserts condition {
  if (!condition) throw new Violation(rule, ...found);
}
