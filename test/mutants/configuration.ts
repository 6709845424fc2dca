/**
 * Mutants of the configuration: who owns it, and how it is read, compared and changed over HTTP.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

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
    search: "Array.isArray(dataset.value)\n",
    replacement: "dataset.value === notAnArray\n",
    tests: bodyTests,
  },
];
