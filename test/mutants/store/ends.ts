/**
 * Broken guards: when a lease ends, and what look-ups and statistics say about it.
 *
 * @module
 */
import type { Mutant } from "../mutant.ts";

const folder = "src/store/batch/statements";
const history = "src/store/evidence/history.ts";
const endTests = ["test/lease-ends.test.ts"];
const historyTests = ["src/store/evidence/history.test.ts"];

export const endOfLeaseMutants: readonly Mutant[] = [
  {
    name: "renewal-shortens-the-row",
    rules: ["R3"],
    file: `${folder}/bind.ts`,
    search: "max(c.told_until, c.now_up + c.lease_seconds)",
    replacement: "(c.now_up + c.lease_seconds)",
    tests: endTests,
  },
  {
    name: "ack-tells-the-end-of-the-row",
    rules: ["R3"],
    file: "src/lease/decision.ts",
    search: "secondsBeforeDrain(Math.min(remainingSeconds, statedSeconds ?? granted), pool, now)",
    replacement: "remainingSeconds",
    tests: endTests,
  },
  {
    name: "ack-tells-a-time-past-the-drain-date",
    rules: ["R3"],
    file: "src/lease/decision.ts",
    search: "drainUntil === null ? seconds : Math.min(seconds, drainUntil - now)",
    replacement: "drainUntil === null ? seconds : Math.min(seconds, seconds + now)",
    tests: endTests,
  },
  {
    name: "end-of-a-wrong-clock-kept",
    rules: ["R3"],
    file: `${folder}/bind.ts`,
    search: "iif(${isFromFuture}, ${own.updatedAt} - now, 0)",
    replacement: "0",
    tests: ["src/store/batch/commit-late.test.ts"],
  },
  {
    name: "lease-ends-a-part-of-a-second-early",
    rules: ["R10"],
    file: `${folder}/statement.ts`,
    search: "(${instant.nowMs} + 999) / 1000",
    replacement: "${instant.nowMs} / 1000",
    tests: endTests,
  },
  {
    name: "quarantine-a-part-of-a-second-short",
    rules: ["R10"],
    file: `${folder}/end.ts`,
    search: "iif(c.quarantine > 0, now_up, now) AS kept_from",
    replacement: "now AS kept_from",
    tests: endTests,
  },
  {
    name: "newcomer-certain-of-the-whole-second",
    rules: ["R10"],
    file: history,
    search: "holders.filter(({ tenure }) => isPartOf(tenure, at));",
    replacement: "holders.filter(({ tenure }) => isPartOf(tenure, at) && at < tenure.until);",
    tests: historyTests,
  },
  {
    name: "last-second-of-a-tenure-forgotten",
    rules: ["R10"],
    file: history,
    search: "lastSecond: row.until }",
    replacement: "lastSecond: row.until - 1 }",
    tests: historyTests,
  },
  {
    name: "certain-where-the-record-was-deleted",
    rules: ["R10"],
    file: history,
    search: "if (one.tenure.since === at && at < historyFrom) return holders;",
    replacement: "",
    tests: historyTests,
  },
  {
    name: "quarantine-of-a-part-of-a-second-counted-as-bound",
    rules: ["R10"],
    file: "src/store/evidence/count-statements.ts",
    search: "1 + max(",
    replacement: "max(",
    tests: endTests,
  },
  {
    name: "look-up-of-the-future-answered",
    rules: ["E2"],
    file: history,
    search: "if (at - question.toleranceSeconds > now && !found.isInDoubt)",
    replacement: "if (at - question.toleranceSeconds > now && found.isInDoubt)",
    tests: historyTests,
  },
  {
    name: "certain-before-the-time-has-come",
    rules: ["E2"],
    file: history,
    search: "!isInDoubt && at <= clockNow",
    replacement: "!isInDoubt",
    tests: historyTests,
  },
  {
    name: "statistics-dated-when-they-are-read",
    rules: ["E22"],
    file: "src/store/evidence/slot-counts.ts",
    search: "asOf: rowsOf(countSelections.clock(now), clock!)[0]!.now }",
    replacement: "asOf: Math.floor((await database.clock()) / 1000) }",
    tests: ["src/store/evidence/slot-counts.test.ts"],
  },
];
