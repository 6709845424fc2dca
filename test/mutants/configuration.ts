/**
 * Mutants of the configuration: who owns it, and how it is read, compared and changed over HTTP.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const ownerTests = ["src/http/admin/config/owner.test.ts"];
const bodyTests = ["src/http/admin/bodies.test.ts"];

export const configurationMutants: readonly Mutant[] = [
  {
    name: "body-with-a-field-twice",
    rules: ["E5"],
    file: "src/declaration/json.ts",
    search: "if (level.names?.has(name) === true) {",
    replacement: "if (level.names?.has(name) === true && levels.length > 9) {",
    tests: bodyTests,
  },
  {
    name: "field-twice-in-two-spellings",
    rules: ["E5"],
    file: "src/declaration/json.ts",
    search: '  const name = token.includes("\\\\") ? (JSON.parse(token) as string) : token.slice(1, -1);',
    replacement: "  const name = token.slice(1, -1);",
    tests: bodyTests,
  },
  {
    name: "patch-with-a-list",
    rules: ["E10"],
    file: "src/http/admin/schemas.ts",
    search: 'typeof value === "object" && value !== null && !Array.isArray(value)',
    replacement: 'typeof value === "object" && value !== null',
    tests: bodyTests,
  },
  {
    name: "list-instead-of-an-object",
    rules: ["E10"],
    file: "src/declaration/schema-parts.ts",
    search: "Array.isArray(dataset.value) ?",
    replacement: "dataset.value === notAnArray ?",
    tests: bodyTests,
  },
  {
    name: "weak-tag-matches-strongly",
    rules: ["E9"],
    file: "src/http/admin/etag.ts",
    search: "match.filter(({ isWeak }) => !isWeak)",
    replacement: "match",
    tests: ["src/http/admin/preconditions.test.ts"],
  },
  {
    name: "only-the-first-etag-counts",
    rules: ["E9"],
    file: "src/http/entity-tags.ts",
    search: 'if (end === "") return tags;',
    replacement: "return tags;",
    tests: ["src/http/admin/preconditions.test.ts"],
  },
  {
    name: "read-is-unconditional",
    rules: ["E9"],
    file: "src/http/admin/app.ts",
    search: "  app.use(answerConditionalReads);\n",
    replacement: "",
    tests: ["src/http/admin/preconditions.test.ts"],
  },
  {
    name: "api-changes-what-a-file-owns",
    rules: ["E4"],
    file: "src/store/configuration/change.ts",
    search: "const guards = mustBeUnowned(writer, audit);",
    replacement: "const guards = mustBeUnowned(writer, { ...audit, resource: '' });",
    tests: ownerTests,
  },
  {
    name: "declared-state-changes-what-a-file-owns",
    rules: ["E4"],
    file: "src/store/configuration/plan-owners.ts",
    search: "if (owner !== null) return owner === file?.name ?",
    replacement: "if (owner !== null) return owner !== null ?",
    tests: ownerTests,
  },
  {
    name: "start-undoes-changes-of-operators",
    rules: ["E4"],
    file: "src/store/configuration/plan-owners.ts",
    search: "if (file.mayOverwrite) {",
    replacement: "if (file.mode === 'own') {",
    tests: ownerTests,
  },
  {
    name: "prune-takes-what-a-file-owns",
    rules: ["E4"],
    file: "src/store/configuration/plan-unnamed.ts",
    search: 'unnamed === "drain" && !isOwned.has(domain)',
    replacement: 'unnamed === "drain"',
    tests: ownerTests,
  },
  {
    name: "prune-without-being-asked",
    rules: ["E6"],
    file: "src/http/admin/config/routes.ts",
    search: 'context.req.valid("query").prune === "true" ? "drain" : "keep"',
    replacement: '"drain"',
    tests: ["src/http/admin/config/config.test.ts"],
  },
];
