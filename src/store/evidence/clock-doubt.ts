/**
 * Which recorded times are in doubt because the database's clock was set, or may have to be.
 *
 * A step says that two clocks differ, not which of them is right. So a time between the last setting of the file's clock
 * and the end of the step may be by either clock. A look-up of such a time finds no certain holder. It also looks at the
 * time that the file's clock showed at that moment if the machine's clock is right. While a step is open, the times up to
 * now are in doubt. A step that was undone puts nothing in doubt: the machine's clock was the wrong one.
 *
 * @module
 */
import { secondsOfStep } from "../database/clock-step.ts";

/** A step that is open or was followed. Times are Unix seconds of the file's clock before it followed. */
export interface DoubtfulStep {
  /** When the file's clock was last set before the step. */
  readonly since: number;
  readonly differenceMs: number;
  /** When it was followed; null while it is open. */
  readonly settledAt: number | null;
}

/** Times that are in doubt, in Unix seconds, both ends included. */
export interface DoubtfulSpan {
  readonly from: number;
  readonly until: number;
  /**
   * What to subtract from such a time to get what the file's clock may have shown then, in whole seconds: from the
   * least to the most. They differ if the clocks do not differ by whole seconds, because each time is one of a second.
   */
  readonly shift: { readonly least: number; readonly most: number };
}

/** The shift of a time by the clock as it is now. */
const unmoved = { least: 0, most: 0 };

/**
 * Works out which times are in doubt. If a clock followed several steps in a row, times from before the first step differ
 * from the present clock by the sum of the steps.
 *
 * @param latestFirst The steps, the latest first.
 */
export function doubtfulSpans(latestFirst: readonly DoubtfulStep[]): DoubtfulSpan[] {
  const steps = latestFirst.toReversed();
  const spans: DoubtfulSpan[] = [];
  for (const [first, { since, settledAt }] of steps.entries()) {
    const until = settledAt ?? Infinity;
    const shift = { least: 0, most: 0 };
    for (const [index, step] of steps.entries()) {
      if (index < first) continue;
      if (index > first && step.since !== endOfStep(steps[index - 1]!)) break;
      // A clock follows a step by whole seconds. What is left of the difference is followed later, or was before.
      shift.least += Math.floor(step.differenceMs / 1000);
      shift.most += Math.ceil(step.differenceMs / 1000);
      // A clock that was set forward skipped the times in between.
      spans.push(
        spanOf(since, until + Math.max(shift.most, 0), unmoved),
        spanOf(since + shift.least, until + shift.most, { ...shift }),
      );
    }
  }
  return spans;
}

/** The time that a clock showed after it had followed a step. */
function endOfStep({ settledAt, differenceMs }: DoubtfulStep): number {
  return (settledAt ?? Infinity) + secondsOfStep(differenceMs);
}

/** Adds a second at both ends, because times are rounded down to seconds. */
function spanOf(from: number, until: number, shift: DoubtfulSpan["shift"]): DoubtfulSpan {
  return { from: from - 1, until: until + 1, shift };
}

/** What {@link doubtAt} finds. */
export interface Doubt {
  readonly isInDoubt: boolean;
  /** Other times at which to look, in Unix seconds. */
  readonly otherTimes: readonly number[];
}

/**
 * @param at Unix seconds.
 * @param toleranceSeconds How far `at` may be off.
 */
export function doubtAt(spans: readonly DoubtfulSpan[], at: number, toleranceSeconds: number): Doubt {
  const near = spans.filter(
    ({ from, until }) => from <= at + toleranceSeconds && at - toleranceSeconds <= until,
  );
  const shifts = new Set(
    near.flatMap(({ shift: { least, most } }) =>
      Array.from({ length: most - least + 1 }, (_, index) => least + index),
    ),
  );
  shifts.delete(0);
  return { isInDoubt: near.length > 0, otherTimes: [...shifts].map((shift) => at - shift) };
}
