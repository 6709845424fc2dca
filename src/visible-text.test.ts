import { expect, test } from "vitest";
import { visibleText } from "./visible-text.ts";

test.each([
  ["a\u001b[31mred", "a\\u001b[31mred"],
  ["bell\u0007, delete\u007f, C1\u009b31m", "bell\\u0007, delete\\u007f, C1\\u009b31m"],
  ["back\rover", "back\\u000dover"],
  ["\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"],
  ["two\n\tlines, Zürich 🙂", "two\n\tlines, Zürich 🙂"],
])("visibleText(%j)", (text, shown) => {
  expect(visibleText(text)).toBe(shown);
});
