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

test("matrixOf() wants a test through sockets, and one about the same side", () => {
  const id = "R8415-16-01";
  expect(rowOf(id, []).verdict).toBe("no test");
  expect(rowOf(id, [passed("src/wire/a.test.ts", id)]).verdict).toBe("no test");
  expect(rowOf(id, [passed("test/relay/a.test.ts", id)]).verdict).toBe("no test");
  expect(rowOf(id, [passed("test/rules/a.test.ts", id)]).verdict).toBe("proved");
  expect(rowOf(id, [passed("test/rules/a.test.ts", id)], "relay").verdict).toBe("no test");
  expect(rowOf(id, [passed("test/relay/a.test.ts", id)], "relay").verdict).toBe("proved");
});

test("matrixOf() is red when any test of a rule is, and takes a skipped test for none", () => {
  const proof = passed("test/rules/a.test.ts", "A1");
  const red = { ...passed("src/lease/b.test.ts", "A1"), status: "failed" as const };
  expect(rowOf("A1", [proof, red]).verdict).toBe("failed");
  expect(rowOf("A1", [{ ...proof, status: "skipped" }]).verdict).toBe("no test");
});

test("matrixOf() asks nothing of a rule that says why there is nothing to test", () => {
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

test("no rule has two rows of one side", () => {
  const keys = rows.map(({ id, who }) => `${id} ${who}`);
  expect(new Set(keys).size).toBe(keys.length);
});

const known = new Set(rows.map(({ id }) => id));

test("every broken rule of `npm run mutants` that has an id is one of these", () => {
  const ids = mutants.flatMap((mutant) => mutant.rules.flatMap(idsOf));
  expect(ids.filter((id) => !known.has(id))).toEqual([]);
});

test("tests through sockets carry no id that is no rule", () => {
  for (const folder of ["test/rules", "test/relay"]) {
    const path = join(import.meta.dirname, "../..", folder);
    for (const name of readdirSync(path, { recursive: true, encoding: "utf8" })) {
      if (!name.endsWith(".test.ts")) continue;
      const titles = readFileSync(join(path, name), "utf8").match(/"[^"\n]*\b(?:R\d|A\d)[^"\n]*"/g) ?? [];
      const unknown = titles.flatMap(idsOf).filter((id) => !known.has(id));
      expect(unknown, name).toEqual([]);
    }
  }
});
