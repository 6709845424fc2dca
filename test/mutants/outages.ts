/**
 * Mutants of what is said of domains that a table leaves out, of databases that are not migrated, and during outages.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

export const outageMutants: readonly Mutant[] = [
  {
    name: "changes-of-a-domain-that-is-left-out",
    rules: ["E14"],
    file: "src/http/admin/bindings/routes.ts",
    search: "changes.filter(isShown)",
    replacement: "changes.filter((each) => isShown(each) || true)",
    tests: ["src/http/admin/evidence.test.ts"],
  },
  {
    name: "domain-left-out-in-silence",
    rules: ["E14"],
    file: "src/http/admin/bindings/routes.ts",
    search: "...(names.length > 0 && {",
    replacement: "...(names.length < 0 && {",
    tests: ["src/http/admin/evidence.test.ts"],
  },
  {
    name: "unmigrated-database-said-to-be-away",
    rules: ["E15"],
    file: "src/http/failure-answer.ts",
    search: "    if (isUnmigrated(error)) {",
    replacement: "    if (isUnmigrated(error) && error.message === '') {",
    tests: ["src/http/app.test.ts"],
  },
  {
    name: "token-kept-for-ever-while-the-database-is-away",
    rules: ["E20"],
    file: "src/http/token-check.ts",
    search: "entry !== undefined && localMs() < entry.untilMs - tokenCacheMs + tokenKeptAwayMs;",
    replacement: "entry !== undefined && tokenKeptAwayMs > 0;",
    tests: ["src/http/metrics/metrics.test.ts"],
  },
  {
    name: "token-kept-for-everything-while-the-database-is-away",
    rules: ["E20"],
    file: "src/http/auth.ts",
    search: "Object.assign(guardBy(check),",
    replacement: "Object.assign(guardBy(checkWhileAway),",
    tests: ["src/http/metrics/metrics.test.ts"],
  },
];
