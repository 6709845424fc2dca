/** Bodies that are JSON, but not what a client can have meant: a field twice, or a list instead of an object. */
import { expect, test } from "vitest";
import { operator } from "../../../test/support/admin.ts";
import { createTestAllocator } from "../../../test/support/allocator.ts";
import { query } from "../../../test/support/sql.ts";
import { readDeclarationText } from "../../declaration/declaration-text.ts";
import { parseJson } from "../../declaration/json.ts";
import { readConfig } from "../../runtime/config.ts";

const pool = { name: "shared", kind: "shared", range: "192.0.2.0/24", psidLength: 6 } as const;

async function open() {
  const allocator = await createTestAllocator({
    domains: [{ name: "isp", default: true, serverIdentifier: "203.0.113.1", pools: [pool] }],
  });
  return { ...allocator, call: operator(allocator.app) };
}

test.each([
  ['{"a":1,"a":2}', "a"],
  ['{"domains":[{},{"pools":[1],"b":{"c":[]},"pools":[]}]}', "domains.1.pools"],
  ['{"pools":1,"\\u0070ools":2}', "pools"],
  ['{"\\u0070ools":1,"pools":2}', "pools"],
  ['{"__proto__":{},"__proto__":{}}', "__proto__"],
  ['[[],{"x":{"y":[{"z":1,"z":1}]}}]', "1.x.y.0.z"],
  ['{"domains":[],"":1,"":2}', 'the body: ""'],
  ['{"a":[{"":{"":1,"":1}}]}', 'a.0."".""'],
  ['{"a\\"b":1,"a\\"b":1}', 'a"b'],
])("E5 parseJson() refuses a field twice in %s", (text, path) => {
  expect(() => parseJson(text)).toThrow(`${path}: found this field twice`);
});

test.each([
  '{"a":{"b":1},"b":{"a":1}}',
  '[{"a":1},{"a":1}]',
  '{"a":"a","b":"{\\"a\\":1,\\"a\\":2}"}',
  '["a","a"]',
])("E5 parseJson() takes %s", (text) => {
  expect(parseJson(text)).toEqual(JSON.parse(text));
});

test.each(['{"a', '{"a\\', '{"a":1,"\\u00', "{,}", "]]}}", '"'])(
  "E5 parseJson() reports that %s is not JSON",
  (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  },
);

test("E5 bodies, files and variables with a field twice are refused with its path", async () => {
  const { call, database } = await open();
  const before = await query(database, "SELECT * FROM pool");
  const twice = '{"domains":[{"name":"isp","pools":[],"reservations":[],\n"pools":[]}]}';
  for (const path of ["/config", "/config?dryRun=true"]) {
    const answer = await call("PUT", path, twice);
    expect([answer.status, answer.body.errors, answer.body.detail]).toEqual([
      400,
      [{ path: "domains.0.pools", found: "this field twice, in line 2 again", expected: "it once" }],
      "Cannot read the body: domains.0.pools: found this field twice, in line 2 again, expected it once",
    ]);
  }
  const patch = { "content-type": "application/merge-patch+json" };
  for (const [method, path, body, headers] of [
    ["PUT", "/domains/new", '{"lines":[],"lines":[]}', {}],
    ["PATCH", "/domains/isp", '{"leaseSeconds":{"max":90,"max":80000}}', patch],
    ["PATCH", "/pools/shared", '{"drainUntil":null,"drainUntil":null}', patch],
    ["POST", "/pools/shared/drain", '{"until":"2999-01-01T00:00:00Z","until":"2999-01-01T00:00:00Z"}', {}],
    ["PUT", "/tokens/t", '{"scope":"read","scope":"admin"}', {}],
  ] as const) {
    const { status, body: answer } = await call(method, path, body, headers);
    expect([path, status, answer.detail]).toEqual([
      path,
      400,
      expect.stringContaining("found this field twice"),
    ]);
  }
  expect(await query(database, "SELECT * FROM pool")).toEqual(before);
  expect(() => readDeclarationText(twice, "json", "state.json")).toThrow(
    "Cannot read state.json: domains.0.pools: found this field twice, in line 2 again, expected it once",
  );
  const placements = '{"a":{"url":"http://one"},"a":{"url":"http://two"}}';
  const variables = { APPORTION_DATABASE_URL: "file:a.db", APPORTION_RELAY_TOKEN: "r".repeat(32) };
  expect(() => readConfig({ ...variables, APPORTION_PLACEMENTS: placements })).toThrow(
    "expected each domain once",
  );
});

const patches = ["/domains/isp", "/pools/shared", "/reservations/one", "/tokens/t"] as const;

test.each([["[]"], ["[{}]"], ["null"], ['"text"'], ["7"], ["true"]])(
  "E10 PATCH with %s is 400",
  async (body) => {
    const { call, database } = await open();
    await call("PUT", "/tokens/t", { scope: "read" });
    await call("PUT", "/reservations/one", {
      domain: "isp",
      clientIdentifier: "ff00:0007",
      address: "192.0.2.9",
      psid: 40,
    });
    const before = await query(database, "SELECT count(*) AS n FROM audit");
    for (const path of patches) {
      for (const type of ["application/merge-patch+json", "application/json"]) {
        const answer = await call("PATCH", path, body, { "content-type": type });
        expect([path, answer.status]).toEqual([path, 400]);
        expect(answer.body.detail).toMatch(
          /^Cannot read the body: \(top level\): found .*, expected (an object|Object)$/,
        );
      }
    }
    expect(await query(database, "SELECT count(*) AS n FROM audit")).toEqual(before);
  },
);

test.each([
  ["PUT", "/domains/new", "[]"],
  ["PUT", "/domains/new", '{"leaseSeconds":[]}'],
  ["PUT", "/domains/new", '{"softwire":[]}'],
  ["PUT", "/domains/new", '{"options":[]}'],
  ["PATCH", "/domains/isp", '{"softwire":[]}'],
  ["PATCH", "/domains/isp", '{"__proto__":{"default":false}}'],
  ["PATCH", "/pools/shared", '{"options":[]}'],
  ["POST", "/pools/shared/drain", "[]"],
  ["PUT", "/config", "[]"],
  ["PUT", "/config", '{"domains":[[]]}'],
])("E10 a list is no object: %s %s %s", async (method, path, body) => {
  const { call, database } = await open();
  const before = await query(database, "SELECT count(*) AS n FROM audit");
  expect((await call(method, path, body)).status).toBe(400);
  expect(await query(database, "SELECT count(*) AS n FROM audit")).toEqual(before);
});

test.each(["text/plain", "application/json-patch+json", "application/x-www-form-urlencoded", ""])(
  "E10 PATCH with content type '%s' is 415",
  async (type) => {
    const { call } = await open();
    for (const path of patches) {
      expect([path, (await call("PATCH", path, "{}", { "content-type": type })).status]).toEqual([path, 415]);
    }
  },
);

test("E10 PATCH merges as RFC 7396 says: null resets, an empty object changes nothing", async () => {
  const { call } = await open();
  const read = async () => (await call("GET", "/domains/isp")).body;
  const before = await read();
  const type = { "content-type": "application/merge-patch+json; charset=utf-8" };
  expect((await call("PATCH", "/domains/isp", "{}", type)).status).toBe(200);
  expect(await read()).toEqual(before);
  await call("PATCH", "/domains/isp", { leaseSeconds: { max: 7200 } }, type);
  expect((await read()).leaseSeconds).toEqual({ default: 3600, min: 60, max: 7200 });
  await call("PATCH", "/domains/isp", { leaseSeconds: { max: null } }, type);
  expect(await read()).toEqual(before);
  await call("PATCH", "/domains/isp", { leaseSeconds: null }, type);
  expect(await read()).toEqual(before);
});
