/** If-Match and If-None-Match: lists, weak tags, `*`, several header lines, and what is neither (RFC 9110 §13.1). */
import { expect, test } from "vitest";
import { operator } from "../../../test/support/admin.ts";
import { createTestAllocator } from "../../../test/support/allocator.ts";
import { adminToken } from "../../../test/support/tokens.ts";
import { parseEntityTags } from "../entity-tags.ts";

async function open() {
  const pools = [{ name: "shared", kind: "shared", range: "192.0.2.0/24", psidLength: 6 } as const];
  const domains = [{ name: "isp", default: true, serverIdentifier: "203.0.113.1", pools }];
  const allocator = await createTestAllocator({ domains });
  const call = operator(allocator.app);
  await call("PATCH", "/domains/isp", { leaseSeconds: { max: 7200 } });
  await call("PATCH", "/domains/isp", { leaseSeconds: { max: 7201 } });
  return { ...allocator, call };
}

const tag = (opaque: string, isWeak = false) => ({ isWeak, opaque });

test.each([
  ["*", "any"],
  [" * ", "any"],
  ['"3"', [tag("3")]],
  ['"9", "3"', [tag("9"), tag("3")]],
  ['"9","3"', [tag("9"), tag("3")]],
  [',, "9" ,\t, W/"3",', [tag("9"), tag("3", true)]],
  ['"a,b", "c"', [tag("a,b"), tag("c")]],
  ['""', [tag("")]],
  ["", []],
])("E9 parseEntityTags() reads %s", (value, expected) => {
  expect(parseEntityTags(value)).toEqual(expected);
});

test.each([
  "3",
  "'3'",
  '"3',
  '3"',
  'w/"3"',
  'W/ "3"',
  '"3" "4"',
  '*, "3"',
  '"3", *',
  '"a b"',
  'W"3"',
  '"3";"4"',
])("E9 parseEntityTags() refuses %s", (value) => {
  expect(parseEntityTags(value)).toBeUndefined();
});

test.each([
  ["if-match", '"3"', 200],
  ["if-match", '"9", "3"', 200],
  ["if-match", '"3","9"', 200],
  ["if-match", ', "3" ,', 200],
  ["if-match", "*", 200],
  ["if-match", '"x,y", "3"', 200],
  ["if-match", '"9", "4"', 412],
  ["if-match", 'W/"3"', 412],
  ["if-match", '"9", W/"3"', 412],
  ["if-match", '"03"', 412],
  ["if-match", '"x"', 412],
  ["if-match", "3", 400],
  ["if-match", '*, "3"', 400],
  ["if-match", '"3', 400],
  ["if-none-match", "*", 412],
  ["if-none-match", '"3"', 412],
  ["if-none-match", '"9", W/"3"', 412],
  ["if-none-match", '"9"', 200],
  ["if-none-match", "nonsense", 400],
])("E9 a change with %s: %s is %i", async (name, value, status) => {
  const { call } = await open();
  const patch = { leaseSeconds: { max: 7300 } };
  expect((await call("PATCH", "/domains/isp", patch, { [name]: value })).status).toBe(status);
  const { max } = (await call("GET", "/domains/isp")).body.leaseSeconds as { max: number };
  expect(max).toBe(status === 200 ? 7300 : 7201);
});

test("E9 several header lines are one list, for every kind of change", async () => {
  const { app, call } = await open();
  const send = (method: string, path: string, values: readonly string[], body?: object) => {
    const headers = new Headers({
      authorization: `Bearer ${adminToken}`,
      "content-type": "application/json",
    });
    for (const value of values) headers.append("if-match", value);
    return app.request(`/admin/v1${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  };
  const { etag: revision, body } = await call("GET", "/config");
  expect((await send("PUT", "/config", ['"999"', revision!], body)).status).toBe(200);
  expect((await send("PUT", "/config", ['"999"', `W/${revision!}`], body)).status).toBe(412);
  expect((await send("POST", "/pools/shared/drain", ['"9"', '"8"'], {})).status).toBe(412);
  expect((await send("POST", "/pools/shared/drain", ['"9"', '"1"'], {})).status).toBe(200);
  expect((await send("DELETE", "/pools/shared", ['"9"', '"1"'])).status).toBe(412);
  expect((await send("DELETE", "/pools/shared", ['"9"', '"2"'])).status).toBe(204);
});

test.each([
  [{ "if-none-match": '"3"' }, 304],
  [{ "if-none-match": '"9", W/"3"' }, 304],
  [{ "if-none-match": "*" }, 304],
  [{ "if-none-match": '"9"' }, 200],
  [{ "if-none-match": "3" }, 400],
  [{ "if-match": '"3"' }, 200],
  [{ "if-match": 'W/"3"' }, 412],
  [{ "if-match": '"9"', "if-none-match": '"3"' }, 412],
])("E9 a read with %j is %i", async (headers, status) => {
  const { call, app } = await open();
  const answer = await call("GET", "/domains/isp", undefined, headers);
  expect(answer.status).toBe(status);
  if (status === 304) {
    expect([answer.etag, answer.body.text, answer.headers.get("content-type")]).toEqual(['"3"', "", null]);
  }
  expect((await app.request("/admin/v1/domains/isp", { headers })).status).toBe(401);
});

test("E9 documents for everyone take lists too, and ignore what is no list", async () => {
  const { app } = await open();
  const etag = (await app.request("/openapi.json")).headers.get("etag")!;
  const ask = async (value: string) =>
    (await app.request("/openapi.json", { headers: { "if-none-match": value } })).status;
  expect([await ask(`"a,b", W/${etag}`), await ask("*"), await ask('"x"'), await ask("x")]).toEqual([
    304, 304, 200, 200,
  ]);
});
