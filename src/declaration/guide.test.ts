/**
 * Checks the guide of the declared state against the code: its examples are valid, and it describes every field.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readDeclarationText } from "./declaration-text.ts";
import { declarationSchema } from "./declaration.ts";

const guide = readFileSync(join(import.meta.dirname, "README.md"), "utf8");

/** Returns the guide's only code block in a language. */
function blockOf(language: string): string {
  const blocks = [...guide.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))];
  expect(blocks).toHaveLength(1);
  return blocks[0]![1]!;
}

test("the examples in YAML and JSON are the same valid declared state", () => {
  const yaml = readDeclarationText(blockOf("yaml"), "yaml", "the guide");
  expect(yaml.domains[0]!.pools).toHaveLength(2);
  expect(readDeclarationText(blockOf("json"), "json", "the guide")).toEqual(yaml);
});

/** The parts of a schema that contain others: the fields of an object, or what wraps one. */
interface AnySchema {
  readonly entries?: Readonly<Record<string, AnySchema>>;
  readonly wrapped?: AnySchema;
  readonly item?: AnySchema;
  readonly options?: readonly unknown[];
  readonly pipe?: readonly AnySchema[];
}

/** Returns the names of all fields of a schema, including nested ones. */
function fieldsOf({ entries = {}, wrapped, item, options = [], pipe = [] }: AnySchema): string[] {
  const within = [wrapped, item, pipe[0], ...options].filter(
    (each): each is AnySchema => typeof each === "object" && each !== null,
  );
  return [
    ...Object.entries(entries).flatMap(([name, each]) => [name, ...fieldsOf(each)]),
    ...within.flatMap(fieldsOf),
  ];
}

test("every field of the schemas is in the guide", () => {
  const fields = [...new Set(fieldsOf(declarationSchema as AnySchema))];
  expect(fields).toEqual(expect.arrayContaining(["psidLength", "bindPrefix", "dns-servers", "drainUntil"]));
  const isNamed = (field: string): boolean => new RegExp(`[\`. ]${field}[\`:]`).test(guide);
  expect(fields.filter((field) => !isNamed(field))).toEqual([]);
});
