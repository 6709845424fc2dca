import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mutants } from "../mutants/mutants.ts";
import { countVerdicts, formatMatrix, idsOf, matrixOf } from "./matrix.ts";
import type { TestResult } from "./matrix.ts";
import { rows } from "./rows.ts";

const passed = (file: string, title: string): TestResult => ({ file, title, status: "passed" });
const rowOf = (id: string, results: readonly TestResult[], who = "server") =>
  matrixOf(results).find((row) => row.id === id && row.who === who)!;

test("idsOf() finds whole ids, each once", () => {
  expect(idsOf("R7618-8-07a R7618-10-02 A1: A17 does R2131-4.3.1-T3-05, R7618-8-07a")).toEqual([
    "R7618-8-07a",
    "R7618-10-02",
    "A1",
    "A17",
    "R2131-4.3.1-T3-05",
  ]);
  expect(idsOf("XR7618-8-01 AA1 A123 R7618-8 a1 RFC 7618")).toEqual([]);
});

test("matrixOf() requires a test through sockets that is about the same side", () => {
  const id = "R8415-16-01";
  expect(rowOf(id, []).verdict).toBe("no test");
  expect(rowOf(id, [passed("src/wire/a.test.ts", id)]).verdict).toBe("no test");
  expect(rowOf(id, [passed("test/relay/a.test.ts", id)]).verdict).toBe("no test");
  expect(rowOf(id, [passed("test/rules/a.test.ts", id)]).verdict).toBe("proved");
  expect(rowOf(id, [passed("test/rules/a.test.ts", id)], "relay").verdict).toBe("no test");
  expect(rowOf(id, [passed("test/relay/a.test.ts", id)], "relay").verdict).toBe("proved");
});

test("matrixOf() reports failed when any test of a rule fails, and does not count a skipped test", () => {
  const proof = passed("test/rules/a.test.ts", "A1");
  const red = { ...passed("src/lease/b.test.ts", "A1"), status: "failed" as const };
  expect(rowOf("A1", [proof, red]).verdict).toBe("failed");
  expect(rowOf("A1", [{ ...proof, status: "skipped" }]).verdict).toBe("no test");
});

test("matrixOf() requires no test for a rule that says why there is nothing to test", () => {
  expect(rowOf("R7341-11-08", []).verdict).toBe("not tested");
});

test("formatMatrix() and countVerdicts() show every rule", () => {
  const matrix = matrixOf([passed("test/rules/a.test.ts", "A1 holds")]);
  const text = formatMatrix(matrix).join("\n");
  for (const { id, rule } of rows) {
    expect(text).toContain(id);
    expect(text).toContain(rule);
  }
  expect(text).toContain("test/rules/a.test.ts: A1 holds");
  expect(Object.values(countVerdicts(matrix)).reduce((a, b) => a + b)).toBe(rows.length);
});

test("no rule has two rows for the same side", () => {
  const keys = rows.map(({ id, who }) => `${id} ${who}`);
  expect(new Set(keys).size).toBe(keys.length);
});

const known = new Set(rows.map(({ id }) => id));

test("every rule id that a mutant names is in the list of rules", () => {
  const ids = mutants.flatMap((mutant) => mutant.rules.flatMap(idsOf));
  expect(ids.filter((id) => !known.has(id))).toEqual([]);
});

/** @returns The ids in strings of the test files of a folder: in titles of tests, or in parts of titles. */
function idsBelow(folder: string): Set<string> {
  const path = join(import.meta.dirname, "../..", folder);
  const files = readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".test.ts"),
  );
  const texts = files.map((name) => readFileSync(join(path, name), "utf8"));
  const titles = texts.flatMap((text) => text.match(/["`][^"`\n]*\b(?:R\d|A\d)[^"`\n]*["`]/g) ?? []);
  return new Set(titles.flatMap(idsOf));
}

test("tests through sockets have only ids of known rules", () => {
  const ids = [...idsBelow("test/rules"), ...idsBelow("test/relay")];
  expect(ids.filter((id) => !known.has(id))).toEqual([]);
});

test("every rule has a test through sockets with its id; `npm run conformance` runs them", () => {
  const bySide = { server: idsBelow("test/rules"), relay: idsBelow("test/relay") };
  const without = rows.filter(({ id, who, untested }) => untested === undefined && !bySide[who].has(id));
  expect(without.map(({ id, who }) => `${id} ${who}`)).toEqual([]);
});
