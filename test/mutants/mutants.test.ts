import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mutants } from "./mutants.ts";

const root = join(import.meta.dirname, "../..");

test("every mutant changes one place of the source and has a unique name", () => {
  const found = mutants.map(({ name, file, search, replacement }) => ({
    name,
    places: readFileSync(join(root, file), "utf8").split(search).length - 1,
    changes: search !== replacement,
  }));
  expect(found.filter(({ places, changes }) => places !== 1 || !changes)).toEqual([]);
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});
