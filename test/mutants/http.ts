/**
 * Mutants of the relay endpoint: its counters and log, and the batch that it makes from queries.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";
import { endTests, httpTests, transportTests } from "./noticing-tests.ts";

const pipeline = "src/allocator/pipeline.ts";

export const httpMutants: readonly Mutant[] = [
  {
    name: "stale-configuration-accepted",
    rules: ["no answer uses an outdated configuration"],
    file: pipeline,
    search: "if (result.revision !== current.revision) {",
    replacement: "if (result.revision !== current.revision && result.facts.length > 0) {",
    tests: httpTests,
  },
  {
    name: "allocator-keeps-every-answer",
    rules: ["memory is flat"],
    file: pipeline,
    search: "      waiting = turns.next(entries, [...served.unserved, ...later]);",
    replacement:
      "      ((globalThis as { kept?: unknown[] }).kept ??= []).push(...served.answers);\n      waiting = turns.next(entries, [...served.unserved, ...later]);",
    tests: ["test/simulate/memory.test.ts"],
  },
  {
    name: "request-is-served-although-its-pair-is-given-up",
    rules: ["T4"],
    file: "src/allocator/round.ts",
    search: "before !== undefined && givesUp(step.claim, before.claim)",
    replacement: "before !== undefined && givesUp(before.claim, step.claim)",
    tests: httpTests,
  },
  {
    name: "request-is-dropped-for-another-pair",
    rules: ["T4"],
    file: "src/allocator/round.ts",
    search: "isInRange(later.slots, earlier.slots.first) ||",
    replacement: "later.slots.step > 0 ||",
    tests: httpTests,
  },
  {
    name: "allocator-acts-without-a-clock",
    rules: ["a delayed message does not end a newer lease of its client"],
    file: pipeline,
    search: 'if (claims.some(({ kind }) => kind === "end") && !isKnown(clock.reading, localMs())) {',
    replacement: "if (claims.length < 0) {",
    tests: httpTests,
  },
  {
    name: "age-of-messages-ignored",
    rules: ["a delayed message does not end a newer lease of its client"],
    file: "src/http/relay-endpoint.ts",
    search: "const ageMs = ageOf(header(ageHeader));",
    replacement: "const ageMs = 0 * ageOf(header(ageHeader));",
    tests: httpTests,
  },
  {
    name: "drops-not-counted",
    rules: ["R7341-11-02"],
    file: pipeline,
    search: "    recordDecision(record, undefined, silence(result.reason));\n",
    replacement: "",
    tests: transportTests,
  },
  {
    name: "no-site-limit-within-a-batch",
    rules: ["R7618-10-02"],
    file: "src/allocator/round.ts",
    search: "if (claim.siteLeasesMax !== null) keys.push(`site ${claim.domainId} ${claim.site}`);",
    replacement: "",
    tests: httpTests,
  },
  {
    name: "decline-not-logged-as-warning",
    rules: ["R2131-4.3.3-01"],
    file: "src/allocator/record-decision.ts",
    search:
      'if (reason === "declined") log.warn(fieldsOf(query, reason), reasons[reason].meaning);\n  else if (',
    replacement: "void reasons;\n  if (",
    tests: endTests,
  },
];
