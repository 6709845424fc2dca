import fc from "fast-check";
import { expect, test } from "vitest";
import { temporaryDatabase } from "../../../test/support/database.ts";
import { earliestClockMs, earliestLocalMs, latestClockMs } from "../../clock-reading.ts";
import type { ClockReading } from "../../clock-reading.ts";
import { clockDriftRatioMax, clockReadingMsMax } from "../../limits.ts";
import { isOldReading, readClock } from "./clock.ts";
import { receivedAt, wantedUntil } from "./deadline.ts";

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

/** Such a clock that also runs faster or slower than the local one, as far as clocks may. */
const anyDriftingClock = fc
  .record({
    rate: fc.constantFrom(1 - clockDriftRatioMax, 1, 1 + clockDriftRatioMax),
    offsetMs: quarters(2 ** 40),
    sentMs: quarters(1_000_000),
    thereMs: quarters(5000),
    backMs: quarters(5000),
  })
  .map(({ rate, offsetMs, sentMs, thereMs, backMs }) => {
    const clockAt = (localMs: number): number => localMs * rate + offsetMs;
    const readMs = sentMs + thereMs;
    const reading: ClockReading = {
      clockMs: Math.floor(clockAt(readMs)),
      sentMs,
      answeredMs: readMs + backMs,
    };
    return { clockAt, reading };
  });

/** Up to hours before or after the reading. Sums of these numbers are rounded. */
const farMoment = quarters(50_000_000).map((ms) => ms - 25_000_000);
const roundingMs = 0.01;

test("T4 receivedAt() and earliestLocalMs() are never too late, and wantedUntil() is never too early, however clocks drift", () => {
  fc.assert(
    fc.property(anyDriftingClock, farMoment, quarters(20_000), ({ clockAt, reading }, atMs, waitMs) => {
      expect(receivedAt(reading, { receivedMs: atMs })).toBeLessThanOrEqual(clockAt(atMs) + roundingMs);
      const local = earliestLocalMs(reading, clockAt(atMs), clockDriftRatioMax);
      expect(local).toBeLessThanOrEqual(atMs + roundingMs);
      const until = wantedUntil(reading, atMs, waitMs);
      expect(until).toBeGreaterThanOrEqual(Math.floor((clockAt(atMs + waitMs) - roundingMs) / 1000));
    }),
  );
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
      const driftMs = Math.abs(sentMs + waitMs - reading.sentMs) * clockDriftRatioMax;
      expect(until * 1000).toBeLessThan(endMs + widthMs + driftMs + 3);
    }),
  );
});

test("receivedAt() is before every later change, and not before an earlier one that is a round trip and the drift away", () => {
  fc.assert(
    fc.property(anyClock, anyMoment, quarters(20_000), ({ clockAt, reading, widthMs }, receivedMs, agoMs) => {
      const received = receivedAt(reading, { receivedMs });
      const changedLater = Math.floor(clockAt(receivedMs + 1 + agoMs));
      const driftMs = Math.abs(receivedMs - reading.answeredMs) * clockDriftRatioMax;
      const changedEarlier = Math.floor(clockAt(receivedMs - widthMs - driftMs - 2 - agoMs));
      expect(changedLater).toBeGreaterThan(received);
      expect(changedEarlier).toBeLessThanOrEqual(received);
    }),
  );
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
