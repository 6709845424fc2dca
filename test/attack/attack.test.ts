/**
 * A small and fast part of the attacks, and how they are run. `npm run attack` runs all of them.
 */
import { beforeAll, expect, test } from "vitest";
import { formatCounts, runAttacks } from "./attack.ts";
import type { Attack, Row } from "./attack.ts";
import { attacks } from "./attacks.ts";

/** Quick attacks of different kinds, which share one field. */
const quick = ["T1", "T2", "T8", "T14", "T22", "T24"].map((id) =>
  attacks.find((attack) => attack.id === id)!,
);

/** An attack under which a process hangs, as the runner sees it. */
const hanging: Attack = {
  id: "T99",
  tried: "a process that hangs",
  deadlineMs: 50,
  run: () => new Promise(() => undefined),
};

const rows: Row[] = [];

beforeAll(async () => {
  for await (const row of runAttacks([...quick, hanging])) rows.push(row);
}, 120_000);

test.each(quick)("$id a running relay and allocator hold: $tried", ({ id }) => {
  const row = rows.find((each) => each.id === id)!;
  expect(row.result, row.seen).toBe("held");
});

test("an attack that gets no answer is broken, and does not end the run", () => {
  expect(rows.at(-1)).toEqual({
    id: "T99",
    tried: "a process that hangs",
    seen: "no answer within 0.05 s",
    result: "broken",
  });
  expect(formatCounts(rows)).toBe("6 held, 1 broken");
});

test("an attack that lacks a tool is skipped", async () => {
  const missing: Attack = { ...hanging, missing: "a tool" };
  for await (const { seen, result } of runAttacks([missing])) {
    expect([seen, result]).toEqual(["a tool is not installed", "skipped"]);
  }
});

test("every fault of the list has an attack", () => {
  const ids = Array.from({ length: 26 }, (_, index) => `T${index + 1}`);
  expect(attacks.map(({ id }) => id)).toEqual([...ids, "E24"]);
});
