/**
 * Broken rules of the relay endpoint: what it counts and logs, and the batch that it puts queries into.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";
import { endTests, httpTests, transportTests } from "./noticing-tests.ts";

const pipeline = "src/http/pipeline.ts";

export const httpMutants: readonly Mutant[] = [
  {
    name: "stale-configuration-accepted",
    rules: ["no answer follows a former configuration"],
    file: pipeline,
    search: "if (result.revision !== current.revision) {",
    replacement: "if (result.revision < 0) {",
    tests: httpTests,
  },
  {
    name: "drops-not-counted",
    rules: ["R7341-11-02"],
    file: pipeline,
    search: "    note(notebook, undefined, silence(result.reason));\n",
    replacement: "",
    tests: transportTests,
  },
  {
    name: "no-site-limit-within-a-batch",
    rules: ["R7618-10-02"],
    file: "src/http/round.ts",
    search: "if (claim.siteLeasesMax !== null) keys.push(`site ${claim.domainId} ${claim.site}`);",
    replacement: "",
    tests: httpTests,
  },
  {
    name: "decline-not-told",
    rules: ["R2131-4.3.3-01"],
    file: "src/http/note.ts",
    search: 'if (reason === "declined") log.warn(fields, reasons[reason].meaning);\n  else log.debug',
    replacement: "void reasons;\n  log.debug",
    tests: endTests,
  },
];
