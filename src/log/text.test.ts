import { expect, test } from "vitest";
import { createTextFormat } from "./text.ts";

const lineOf = (fields: object): string => `${JSON.stringify(fields)}\n`;

const time = "2026-11-28T14:37:32.632Z";

test("createTextFormat() writes time, level, message and fields on one line", () => {
  const format = createTextFormat(false);
  const line = lineOf({
    level: 40,
    time,
    pid: 1,
    hostname: "a",
    allocator: "http://b",
    count: 2,
    msg: "away",
  });
  expect(format(line)).toBe(`[${time}] WARN: away {"allocator":"http://b","count":2}\n`);
});

test("createTextFormat() escapes what a terminal would obey, in messages and in fields", () => {
  const format = createTextFormat(false);
  const text = format(lineOf({ level: 30, time, site: "a\u001b[2J\u202eb\u009b", msg: "x\u0007y" }));
  expect(text).toBe(`[${time}] INFO: x\\u0007y {"site":"a\\u001b[2J\\u202eb\\u009b"}\n`);
});

test("createTextFormat() colors the level only where it is told to", () => {
  expect(createTextFormat(true)(lineOf({ level: 30, time, msg: "x" }))).toContain("\u001b[");
});
