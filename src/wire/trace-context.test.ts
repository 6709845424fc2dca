import { expect, test } from "vitest";
import { beginTrace, traceIdOf } from "./trace-context.ts";

test("beginTrace() makes a header of version 00, whose trace id traceIdOf() finds", () => {
  const { header, traceId } = beginTrace((octets) => octets.fill(0xab));
  expect(header).toBe(`00-${"ab".repeat(16)}-${"ab".repeat(8)}-00`);
  expect(traceId).toBe("ab".repeat(16));
  expect(traceIdOf(header)).toBe(traceId);
});

test("beginTrace() makes no id of zeros, which is invalid", () => {
  expect(beginTrace(() => undefined).header).toBe(`00-01${"00".repeat(15)}-01${"00".repeat(7)}-00`);
});

test.each([
  undefined,
  "",
  "00",
  "00-ABCD",
  `00-${"g".repeat(32)}-${"a".repeat(16)}-00`,
  `00-${"a".repeat(31)}`,
])("traceIdOf() finds none in %j", (header) => {
  expect(traceIdOf(header)).toBeUndefined();
});
