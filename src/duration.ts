/**
 * Durations in flags of commands.
 *
 * @module
 */
import { InvalidArgumentError } from "commander";

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Parses a duration such as `30s`, `10m` or `2h`.
 *
 * @returns Milliseconds.
 * @throws {InvalidArgumentError} When the text has another form.
 */
export function parseDuration(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError("Expected a duration, such as 30s, 10m or 2h.");
  return Number(count) * unitMs[unit!]!;
}
