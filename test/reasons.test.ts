/**
 * Compares the guides with the code: the lists of reasons, in which operators look up a log line or a metric, and our
 * answers to the questions that the RFCs leave open.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dropReasons } from "../relay/reasons.ts";
import { reasons } from "../src/lease/reasons.ts";
import { decodeReasons } from "../src/wire/decode-error.ts";
import { rows } from "./conformance/rows.ts";

/** @returns The cells of each row of the table under a heading of a guide. */
function tableUnder(guide: string, heading: string): string[][] {
  const text = readFileSync(join(import.meta.dirname, "..", guide), "utf8");
  const [, section = ""] = text.split(`\n${heading}\n`);
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

test("the guide of the rules lists each reason of the allocator with id, meaning and source", () => {
  expect(tableUnder("src/lease/README.md", "## Reasons of the allocator")).toEqual(
    Object.entries(reasons).map(([id, { meaning, source }]) => [`\`${id}\``, meaning, source]),
  );
});

test("the guide of the relay lists each reason of the relay with id and meaning", () => {
  expect(tableUnder("relay/README.md", "## Reasons of the relay")).toEqual(
    Object.entries(dropReasons).map(([id, meaning]) => [`\`${id}\``, meaning]),
  );
});

test("the guide of the rules has our answers to the questions that the RFCs leave open", () => {
  const ambiguities = rows.filter(({ id }) => id.startsWith("A"));
  expect(tableUnder("src/lease/README.md", "### What the RFCs leave open")).toEqual(
    ambiguities.map(({ id, rule }) => [id, rule]),
  );
});

test("every reason of a decoder has a meaning, and every meaning is one sentence", () => {
  for (const reason of decodeReasons) expect(reasons).toHaveProperty(reason);
  for (const { meaning } of Object.values(reasons)) expect(meaning).toMatch(/^[A-Z][^.]*\.$/);
});
