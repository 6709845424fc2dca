/** JSON is not parsed when it nests too deeply. */
import { expect, test } from "vitest";
import { operator } from "../../../test/support/admin.ts";
import { adminToken, createTestAllocator } from "../../../test/support/allocator.ts";
import { adminBodyOctetsMax, textDepthMax } from "../../limits.ts";
import { parseText } from "../../declaration/declaration-text.ts";
import { refuseDeepJson } from "../../declaration/json-depth.ts";

const nested = (levels: number, [open, close] = ["[", "]"]) =>
  `${open.repeat(levels)}${close.repeat(levels)}`;

test.each([
  nested(textDepthMax),
  `[${"[],".repeat(100)}[]]`,
  `["${"[{".repeat(100)}"]`,
  `["\\"${"[".repeat(100)}\\\\"]`,
  `{"${"{".repeat(100)}":"\\\\"}`,
  "]".repeat(100),
])("T23 refuseDeepJson() takes %s", (text) => {
  expect(() => {
    refuseDeepJson(text);
  }).not.toThrow();
});

test.each([
  nested(textDepthMax + 1),
  '{"a":'.repeat(textDepthMax + 1),
  '[{"a":'.repeat(textDepthMax),
  `["\\\\",${"[".repeat(textDepthMax)}`,
])("T23 refuseDeepJson() refuses %s", (text) => {
  expect(() => {
    refuseDeepJson(text);
  }).toThrow(`found more than ${textDepthMax} levels of nesting`);
});

test("T23 a file of deep JSON is refused before it is parsed", () => {
  expect(() => parseText("[".repeat(20_000), "json", "FILE")).toThrow(
    "Cannot read FILE: found more than 32 levels",
  );
});

test.each([
  ["PUT", "/config"],
  ["PUT", "/domains/new"],
  ["PATCH", "/domains/north"],
  ["POST", "/pools:plan"],
  ["PUT", "/tokens/new"],
  ["PUT", "/domains/config"],
])("T23 %s %s answers deep JSON with 400", async (method, path) => {
  const { app } = await createTestAllocator({
    domains: [{ name: "north", serverIdentifier: "203.0.113.1", pools: [] }],
  });
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const answer = await app.request(`/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${adminToken}`, "content-type": type },
    body: "[".repeat(20_000),
  });
  expect(answer.status).toBe(400);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(await answer.json()).toMatchObject({
    detail: `Cannot read the body: found more than ${textDepthMax} levels of nesting`,
  });
  // Other bodies are still read after the check.
  const body = { serverIdentifier: "203.0.113.1" };
  expect((await operator(app)("PUT", "/domains/new", body)).status).toBe(201);
});

test("T23 a domain named config has the bound of a domain on its size", async () => {
  const { app } = await createTestAllocator({
    domains: [{ name: "north", serverIdentifier: "203.0.113.1", pools: [] }],
  });
  const answer = await operator(app)("PUT", "/domains/config", " ".repeat(adminBodyOctetsMax + 1));
  expect(answer.status).toBe(413);
});
