/** Fields of a query that a route does not have: who sends them means something, so ignoring them would surprise. */
import { expect, test } from "vitest";
import { operator } from "../../../test/support/admin.ts";
import { createTestAllocator } from "../../../test/support/allocator.ts";

interface Operation {
  readonly parameters?: readonly { readonly in: string }[];
}

const pool = { name: "shared", kind: "shared", range: "192.0.2.0/24", psidLength: 6 } as const;

async function open() {
  const allocator = await createTestAllocator({
    domains: [{ name: "isp", default: true, serverIdentifier: "203.0.113.1", pools: [pool] }],
  });
  return { ...allocator, call: operator(allocator.app) };
}

test("E8 a route without a query refuses every field of it, before it looks at anything else", async () => {
  const { app, call } = await open();
  const document: { paths: Record<string, Record<string, Operation>> } = await (
    await app.request("/openapi.json")
  ).json();
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(
        ([, { parameters = [] }]) =>
          path.startsWith("/admin/") && !parameters.some((each) => each.in === "query"),
      )
      .map(([method]) => ({ method: method.toUpperCase(), path: path.slice("/admin/v1".length) })),
  );
  expect(routes.length).toBeGreaterThan(20);
  for (const { method, path } of routes) {
    const target = `${path.replace(/\{\w+\}/g, "1")}?dryRun=true`;
    const answer = await call(method, target, method === "GET" ? undefined : {});
    expect([method, path, answer.status, answer.body.errors]).toEqual([
      method,
      path,
      400,
      [{ path: "?dryRun", found: '"dryRun"', expected: "no field of this name" }],
    ]);
  }
});

test("E8 dryRun=true changes nothing where there are no dry runs", async () => {
  const { call } = await open();
  await call("PUT", "/domains/spare", { serverIdentifier: "203.0.113.9" });
  const before = (await call("GET", "/config")).body;
  for (const [method, path, body] of [
    ["PATCH", "/domains/isp", { rapidCommit: true }],
    ["DELETE", "/domains/spare", undefined],
    ["PUT", "/domains/third", { serverIdentifier: "203.0.113.7" }],
    ["PATCH", "/pools/shared", { drainUntil: "2031-01-01T00:00:00Z" }],
    ["DELETE", "/pools/shared", undefined],
    ["PUT", "/reservations/one", { domain: "isp", clientIdentifier: "ff00", address: "192.0.2.9", psid: 40 }],
  ] as const) {
    expect((await call(method, `${path}?dryRun=true`, body)).status).toBe(400);
  }
  expect((await call("GET", "/config")).body).toEqual(before);
});

test("E13 a fault names what is expected, in words", async () => {
  const { call } = await open();
  const expectedOf = async (options: object) => {
    const { body } = await call("PATCH", "/domains/isp", { options });
    return (body.errors as { expected: string }[])[0]!.expected;
  };
  expect(await expectedOf({ "captive-portal": "https://" })).toBe("a valid URL");
  expect(await expectedOf({ other: [{ code: 224.5, hex: "00" }] })).toBe("a whole number");
});
