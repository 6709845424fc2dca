import fc from "fast-check";
import { expect, test } from "vitest";
import { temporaryDatabase } from "../../../test/support/database.ts";
import { earliestClockMs, earliestLocalMs, latestClockMs } from "../../clock-reading.ts";
import type { ClockReading } from "../../clock-reading.ts";
import { clockReadingMsMax, sameBatchMsMax } from "../../limits.ts";
import { isOldReading, readClock } from "./clock.ts";
import { receivedAfterRound, receivedAt, wantedUntil } from "./deadline.ts";

/** Quarters of a millisecond, which are exact in floating point and cover times between two milliseconds. */
const quarters = (max: number) => fc.nat({ max: max * 4 }).map((count) => count / 4);

/** A database clock with any offset, and one reading of it between request and answer. */
const anyClock = fc
  .record({
    offsetMs: quarters(2 ** 40),
    sentMs: quarters(1_000_000),
    thereMs: quarters(5000),
    backMs: quarters(5000),
  })
  .map(({ offsetMs, sentMs, thereMs, backMs }) => {
    const clockAt = (localMs: number): number => localMs + offsetMs;
    const readMs = sentMs + thereMs;
    const answeredMs = readMs + backMs;
    const reading: ClockReading = { clockMs: Math.floor(clockAt(readMs)), sentMs, answeredMs };
    return { clockAt, reading, widthMs: thereMs + backMs };
  });

/** Moments before or after the reading. */
const anyMoment = quarters(2_000_000);

test("the database's clock is between its bounds, for any clocks and round trip", () => {
  fc.assert(
    fc.property(anyClock, anyMoment, ({ clockAt, reading, widthMs }, atMs) => {
      const [earliest, latest] = [earliestClockMs(reading, atMs), latestClockMs(reading, atMs)];
      expect(earliest).toBeLessThanOrEqual(clockAt(atMs));
      expect(latest).toBeGreaterThanOrEqual(clockAt(atMs));
      expect(latest - earliest).toBeLessThan(widthMs + 3);
    }),
  );
});

test("T4 earliestLocalMs() is never later than the moment at which the clock showed a time", () => {
  fc.assert(
    fc.property(anyClock, anyMoment, ({ clockAt, reading, widthMs }, atMs) => {
      const local = earliestLocalMs(reading, clockAt(atMs));
      expect(local).toBeLessThanOrEqual(atMs);
      expect(local).toBeGreaterThan(atMs - widthMs - 3);
    }),
  );
});

test("wantedUntil() is never too early, and too late by less than a second and a round trip", () => {
  fc.assert(
    fc.property(anyClock, anyMoment, quarters(60_000), ({ clockAt, reading, widthMs }, sentMs, waitMs) => {
      const until = wantedUntil(reading, sentMs, waitMs);
      const endMs = clockAt(sentMs + waitMs);
      expect(until).toBeGreaterThanOrEqual(Math.floor(endMs / 1000));
      expect(until * 1000).toBeLessThan(endMs + widthMs + 3);
    }),
  );
});

test("receivedAt() is before every later change, and not before an earlier one that is a round trip away", () => {
  fc.assert(
    fc.property(anyClock, anyMoment, quarters(20_000), ({ clockAt, reading, widthMs }, receivedMs, agoMs) => {
      const received = receivedAt(reading, { receivedMs });
      const changedLater = Math.floor(clockAt(receivedMs + 1 + agoMs));
      const changedEarlier = Math.floor(clockAt(receivedMs - widthMs - 2 - agoMs));
      expect(changedLater).toBeGreaterThan(received);
      expect(changedEarlier).toBeLessThanOrEqual(received);
    }),
  );
});

test("receivedAfterRound() includes the changes of a round of the same batch, unless the round was late", () => {
  expect(receivedAfterRound(5000, 5020)).toBe(5020);
  expect(receivedAfterRound(5000, 5000 + sameBatchMsMax)).toBe(5000 + sameBatchMsMax);
  expect(receivedAfterRound(5000, 5001 + sameBatchMsMax)).toBe(5000);
  expect(receivedAfterRound(5000, 4990)).toBe(5000);
});

test("readClock() reads the clock of a database in milliseconds", async () => {
  const database = await temporaryDatabase();
  const before = Date.now();
  const local = [10, 25];
  const reading = await readClock(database, () => local.shift()!);
  expect(reading).toMatchObject({ sentMs: 10, answeredMs: 25 });
  expect(reading.clockMs).toBeGreaterThanOrEqual(before);
  expect(reading.clockMs).toBeLessThanOrEqual(Date.now());
});

test("isOldReading() tells when clocks may have drifted apart", () => {
  const reading: ClockReading = { clockMs: 0, sentMs: 5, answeredMs: 10 };
  expect(isOldReading(reading, 10 + clockReadingMsMax)).toBe(false);
  expect(isOldReading(reading, 11 + clockReadingMsMax)).toBe(true);
});
