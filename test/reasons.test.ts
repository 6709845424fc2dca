/**
 * The lists of reasons, and what the README says of them: an operator looks up what a log line or a metric has.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dropReasons } from "../relay/reasons.ts";
import { reasons } from "../src/lease/reasons.ts";
import { decodeReasons } from "../src/wire/decode-error.ts";

const readme = readFileSync(join(import.meta.dirname, "../README.md"), "utf8");

/** Cells of the rows of a table, by its heading. */
function tableUnder(heading: string): string[][] {
  const [, section = ""] = readme.split(`\n${heading}\n`);
  const lines = section
    .split(/\n#+ /)[0]!
    .split("\n")
    .filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test("the README lists the allocator's reasons: id, meaning and source of each", () => {
  expect(tableUnder("### Reasons of the allocator")).toEqual(
    Object.entries(reasons).map(([id, { meaning, source }]) => [`\`${id}\``, meaning, source]),
  );
});

test("the README lists the relay's reasons: id and meaning of each", () => {
  expect(tableUnder("### Reasons of the relay")).toEqual(
    Object.entries(dropReasons).map(([id, meaning]) => [`\`${id}\``, meaning]),
  );
});

test("every reason of a decoder has its text, and every text is one sentence", () => {
  for (const reason of decodeReasons) expect(reasons).toHaveProperty(reason);
  for (const { meaning } of Object.values(reasons)) expect(meaning).toMatch(/^[A-Z][^.]*\.$/);
});
