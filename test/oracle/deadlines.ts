/**
 * Judges the times that an allocator states with a batch: until when it is wanted, and when its messages arrived.
 *
 * @module
 */
import type { Claim } from "../../src/lease/claim.ts";
import type { Excuses } from "./excuses.ts";
import { lastMs } from "./given-up.ts";
import type { GivenUp } from "./given-up.ts";
import { must } from "./violation.ts";

/** How long an allocator waits for a database. */
const waitMs = 3000;

/**
 * How much later than its sender waits a deadline may be. The sender knows the clock by a reading, which may have taken as
 * long as it waits for any answer; a second is for rounding.
 */
const lateMs = waitMs + 1100;

/**
 * How much later than a message arrived its allocator may take it to have arrived: the usual way of a POST from a relay
 * that knows no clock yet.
 */
const postMs = 60;

/** How much earlier than its transaction a message may have arrived, if nobody says for how long it may be under way. */
const underWayMsMax = 900_000;

/** A batch with its times, in milliseconds of the database's clock, which is right. */
export interface TimedBatch {
  readonly claims: readonly Claim[];
  readonly sentMs: number;
  readonly committedMs: number;
  readonly hasChanges: boolean;
  /** The last Unix second at which it may change anything; undefined if the allocator knew no clock. */
  readonly until: number | undefined;
  /** A time that is stated as before the arrival of each message; undefined if the allocator knew no clock. */
  readonly received: number | undefined;
}

/**
 * @param givenUpBy Messages of a client that give a pair up.
 * @param toClockMs Converts a time of those into one of the database's clock.
 * @throws {Violation} If a time is wrong, or a late batch changed something.
 */
export function checkDeadlines(
  { claims, sentMs, committedMs, hasChanges, until, received }: TimedBatch,
  givenUpBy: (client: string) => readonly GivenUp[],
  toClockMs: (atMs: number) => number,
  excuses: Excuses,
): void {
  if (!excuses.count("deadline: no clock", until === undefined)) {
    must(
      until! * 1000 <= sentMs + waitMs + lateMs,
      "the deadline of a batch is later than its sender waits",
      {
        until,
        sentMs,
      },
    );
    must(
      !hasChanges || Math.floor(committedMs / 1000) <= until!,
      "a transaction changed rows after its deadline",
      { until, committedMs },
    );
  }
  const ends = claims.filter(({ kind }) => kind === "end");
  if (ends.length === 0) return;
  must(received !== undefined, "a batch ends leases and does not state when its messages arrived", ends);
  must(received >= sentMs - underWayMsMax, "a batch states that its messages arrived long before they did", {
    received,
    sentMs,
  });
  for (const claim of ends) {
    // Which of a client's messages made the claim is not known, so the latest counts.
    const arrivals = givenUpBy(claim.clientId).map((given) => toClockMs(lastMs(given)));
    must(
      arrivals.length > 0 && received <= Math.max(...arrivals) + postMs,
      "a batch states that its messages arrived later than they did",
      claim,
      { received, arrivals },
    );
  }
}
