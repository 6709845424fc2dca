/**
 * Bugs on the way of a batch through the allocator: rounds, facts, answers and clocks.
 *
 * @module
 */
import type { PlantedBug } from "./bug.ts";

const pipeline = "src/allocator/pipeline.ts";
const round = "src/allocator/round.ts";
const commit = "src/store/batch/commit.ts";
const write = "const results = await database.write(needed.map(({ fill }) => fill(values)));";

export const allocatorBugs: readonly PlantedBug[] = [
  {
    name: "failed-write-answered-with-earlier-facts",
    promise: "no answer without a commit",
    file: commit,
    search: write,
    replacement: [
      "const kept = globalThis as { results?: readonly Result[] };",
      "  const results = await database",
      "    .write(needed.map(({ fill }) => fill(values)))",
      "    .catch((error: unknown) => {",
      "      if (kept.results === undefined) throw error;",
      "      return kept.results;",
      "    });",
      "  kept.results = results;",
    ].join("\n"),
  },
  {
    name: "facts-from-before-the-writes",
    promise: "facts say what is true after the transaction",
    file: commit,
    search: write,
    replacement: [
      "const all = needed.map(({ fill }) => fill(values));",
      "  const [early, ...changes] = await database.write([...all.slice(-1), ...all.slice(0, -1)]);",
      "  const results = [...changes, early!];",
    ].join("\n"),
  },
  {
    name: "one-commit-in-ten-is-undone",
    promise: "an answered batch is durable",
    file: "src/store/database/connection.ts",
    search: '      driver.exec("COMMIT");\n      if (time',
    replacement: [
      "      const isUndone = results.some(({ rows }) => rows[0]?.length === 3 && Number(rows[0][1]) % 10 === 7);",
      '      driver.exec(isUndone ? "ROLLBACK" : "COMMIT");',
      "      if (time",
    ].join("\n"),
  },
  {
    name: "facts-of-the-neighbour",
    promise: "each claim is answered by its own fact",
    file: pipeline,
    search: "const fact = facts[index];",
    replacement: "const fact = facts.at(index - 1);",
  },
  {
    name: "every-message-of-a-client-is-a-repeat",
    promise: "each message gets its own answer",
    file: round,
    search: "equalOctets(first.octets, query.octets) &&",
    replacement: "first.octets.length > 0 &&",
  },
  {
    name: "two-claims-of-a-client-in-a-round",
    promise: "a client has one claim in a round",
    file: round,
    search: "} else if (keys.some((key) => taken.has(key))) {",
    replacement: "} else if (keys.slice(1).some((key) => taken.has(key))) {",
  },
  {
    name: "two-claims-of-a-softwire-in-a-round",
    promise: "R8539-8.2-01 no two leases have one softwire address",
    file: round,
    search: "if (softwire !== null && softwire !== undefined) keys.push(`softwire ${softwire}`);",
    replacement: "",
  },
  {
    name: "no-arrival-of-the-batch",
    promise: "T4 a delayed message does not end a newer lease of its client",
    file: pipeline,
    search: "received: arrival.received,",
    replacement: "received: undefined,",
  },
  {
    name: "batch-arrives-when-it-is-committed",
    promise: "T4 a delayed message does not end a newer lease of its client",
    file: pipeline,
    search: "arrival.received ??= receivedAt(clock.reading, arrival.stated);\n  }\n  const result",
    replacement:
      "arrival.received ??= receivedAt(clock.reading, { receivedMs: sentMs });\n  }\n  const result",
  },
  {
    name: "no-deadline-of-the-batch",
    promise: "a batch is not committed after its deadline",
    file: pipeline,
    search: "until: clock.reading && wantedUntil(clock.reading, sentMs, databaseAnswerMsMax),",
    replacement: "until: clock.reading && wantedUntil(clock.reading, sentMs, databaseAnswerMsMax * 10),",
  },
  {
    name: "clock-is-read-once",
    promise: "T4 a reading of the clock is not used for ever",
    needs: "a rule for arrivals that is exact to the round trip of a reading",
    file: pipeline,
    search: "  clock.reading = { clockMs: result.clockMs, sentMs, answeredMs };\n  arrival",
    replacement: "  clock.reading ??= { clockMs: result.clockMs, sentMs, answeredMs };\n  arrival",
    further: {
      file: pipeline,
      search: "return reading !== undefined && !isOldReading(reading, nowMs);",
      replacement: "return reading !== undefined && (!isOldReading(reading, nowMs) || true);",
    },
  },
  {
    name: "reading-counts-from-its-question",
    promise: "T4 a clock that was read long ago has moved on by no more than the time since",
    file: "src/clock-reading.ts",
    search:
      "export function earliestClockMs({ clockMs, answeredMs }: ClockReading, atMs: number, driftRatio = 0): number {\n  const sinceMs = atMs - answeredMs;",
    replacement:
      "export function earliestClockMs({ clockMs, sentMs }: ClockReading, atMs: number, driftRatio = 0): number {\n  const sinceMs = atMs - sentMs;",
    needs: "a rule for arrivals that is exact to the round trip of a reading",
  },
  {
    name: "arrival-is-forgotten-for-other-databases",
    promise: "T4 a delayed message does not end a newer lease of its client",
    file: "src/allocator/placement.ts",
    search:
      "return { receivedMs: Math.min(receivedMs, earliestLocalMs(reading, clockMs, clockDriftRatioMax)) };",
    replacement: "return { receivedMs: reading.answeredMs };",
  },
  {
    name: "all-domains-are-served-by-the-main-database",
    promise: "each domain is served by its own database",
    file: "src/allocator/placement.ts",
    search: "return (domain && owners.get(domain)) ?? first;",
    replacement: "return (domain && owners.get(domain) && first) ?? first;",
  },
  {
    name: "texts-of-the-batch-before",
    promise: "a claim is stored with its own line and site",
    file: "src/store/batch/cells.ts",
    search: "    this.#end = 0;\n    this.#texts.clear();\n",
    replacement: "    this.#end = 0;\n",
  },
  {
    name: "domain-without-a-site-limit",
    promise: "R7618-10-02 a site has at most siteLeasesMax leases",
    file: "src/store/configuration/directory.ts",
    search: "siteLeasesMax: siteLimitOf(settings),",
    replacement: "siteLeasesMax: siteLimitOf(settings) === 0 ? 0 : null,",
  },
  {
    name: "revision-is-not-loaded-again",
    promise: "no answer uses an outdated configuration",
    file: pipeline,
    search: "        directory = undefined;\n        // A clock",
    replacement: "        // A clock",
  },
];
