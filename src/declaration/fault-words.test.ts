import * as v from "valibot";
import { expect, test } from "vitest";
import { parseText } from "./declaration-text.ts";
import { describeFault, expectationOf } from "./fault-words.ts";

const strict = v.strictObject({
  name: v.string(),
  many: v.optional(v.union([v.array(v.number()), v.null()])),
  kind: v.optional(v.picklist(["shared", "full"])),
});

test.each<[input: unknown, words: string]>([
  [[], "found nothing, expected this field"],
  [null, "found null, expected an object"],
  [{ name: 7 }, "found 7, expected text"],
  [{ name: "a", many: 1 }, "found 1, expected a list or null"],
  [{ name: "a", kind: "half" }, 'found "half", expected ("shared" | "full")'],
  [{ name: "a", colour: 1 }, 'found "colour", expected no field of this name'],
])("E18 describeFault() says of %j what was found and expected", (input, words) => {
  const [issue] = v.safeParse(strict, input).issues ?? [];
  expect(describeFault(issue!)).toBe(words);
  expect(words.endsWith(`expected ${expectationOf(issue!)}`)).toBe(true);
});

test("E18 describeFault() leaves our own messages as they are", () => {
  const message = "min: found 9, expected at most 3";
  expect(describeFault({ message })).toBe(message);
});

test("E18 parseText() tells how a file that is not JSON has to be named", () => {
  expect(() => parseText("domains = []", "json", "state.toml")).toThrow(
    /^Cannot read state\.toml: found no JSON \(.+\), expected JSON, or YAML in a file whose name ends in \.yaml or \.yml$/,
  );
});
