import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { plantedBugs } from "./planted.ts";

const root = join(import.meta.dirname, "../..");

test("every planted bug changes places of the source that occur once, and has a unique name", () => {
  const changes = plantedBugs.flatMap(({ name, file, search, replacement, further }) => [
    { name, file, search, replacement },
    ...(further === undefined ? [] : [{ name, ...further }]),
  ]);
  const found = changes.map(({ name, file, search, replacement }) => ({
    name,
    search,
    places: readFileSync(join(root, file), "utf8").split(search).length - 1,
    changes: search !== replacement,
  }));
  expect(found.filter(({ places, changes }) => places !== 1 || !changes)).toEqual([]);
  expect(new Set(plantedBugs.map(({ name }) => name)).size).toBe(plantedBugs.length);
});
