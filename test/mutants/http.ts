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
    name: "change-of-the-same-batch-forgotten",
    rules: ["the messages of a client in one batch are served in order"],
    file: pipeline,
    search: "arrival.ownChanges.set(claimantKey(claim), clockMs);",
    replacement: "arrival.ownChanges.delete(claimantKey(claim));",
    tests: httpTests,
  },
  {
    name: "late-round-counts-as-the-same-batch",
    rules: ["a delayed message does not end a newer lease of its client"],
    file: pipeline,
    search: "if (arrival.received === undefined || clockMs - arrival.received > sameBatchMsMax) return;",
    replacement: "if (arrival.received === undefined) return;",
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
    search: 'if (reason === "declined") log.warn(fields, reasons[reason].meaning);\n  else log.debug',
    replacement: "void reasons;\n  log.debug",
    tests: endTests,
  },
];
