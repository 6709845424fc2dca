import { expect, test } from "vitest";
import { formatTable } from "./text-table.ts";

const rows = [
  ["a", "7", "x"],
  ["bcd", "1024", ""],
];

test("formatTable() makes each column as wide as its widest cell", () => {
  expect(formatTable(["name", "n", ""], rows)).toEqual(["name  n", "a     7     x", "bcd   1024"]);
});

test("formatTable() puts columns of whole numbers to the right when asked", () => {
  expect(formatTable(["name", "n", ""], rows, { alignNumbersRight: true })).toEqual([
    "name     n",
    "a        7  x",
    "bcd   1024",
  ]);
});

test("formatTable() without rows is its head", () => {
  expect(formatTable(["name", "n"], [])).toEqual(["name  n"]);
});
