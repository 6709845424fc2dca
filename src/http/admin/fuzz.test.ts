import fc from "fast-check";
import { expect, test } from "vitest";
import { operator } from "../../../test/support/admin.ts";
import { createTestAllocator } from "../../../test/support/allocator.ts";
import { clientProfile, says } from "../../../test/support/clients.ts";
import { query } from "../../../test/support/sql.ts";
import { formatText } from "../../declaration/declaration-text.ts";
import { encodeHex } from "../../wire/hex.ts";

/** The parts of a JSON schema from which values are generated. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: unknown[];
  readonly properties?: Record<string, Schema>;
  readonly required?: string[];
  readonly items?: Schema;
  readonly anyOf?: Schema[];
  readonly oneOf?: Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

interface Operation {
  readonly parameters?: { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: Schema }> };
}

/** Texts that some fields accept, hostile texts, and arbitrary ones. */
const text = fc.oneof(
  fc.constantFrom(
    "isp",
    "north",
    "new",
    "192.0.2.0/24",
    "10.0.0.0/8",
    "192.0.2.9",
    "0-1023",
    "ff00000007",
    "2001:db8::/32",
  ),
  fc.constantFrom(
    "2099-01-01T00:00:00Z",
    "",
    "\u0000",
    "'; DROP TABLE pool; --",
    "__proto__",
    "${x}",
    "\ud800",
  ),
  fc.string(),
);

/** Generates values that mostly fit the schema, and sometimes arbitrary JSON. */
function valueOf(schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  const fitting = fittingValue(schema, depth);
  return fc.oneof(
    { weight: 12, arbitrary: fitting },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  );
}

function fittingValue(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return fc.oneof(...alternatives.map((each) => valueOf(each, depth)));
  if ("const" in schema) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case "object":
      return fc.record(
        Object.fromEntries(
          Object.entries(schema.properties ?? {}).map(([key, each]) => [key, valueOf(each, depth + 1)]),
        ),
        { requiredKeys: schema.required ?? [] },
      );
    case "array":
      return fc.array(valueOf(schema.items ?? {}, depth + 1), { maxLength: depth > 3 ? 1 : 3 });
    case "integer":
    case "number":
      return fc.oneof(
        fc.integer({ min: schema.minimum ?? -5, max: schema.maximum ?? 70_000 }),
        fc.double(),
        fc.constantFrom(2 ** 31, 2 ** 53, 2 ** 63, -(2 ** 63), 1e308),
      );
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "string":
      // Most query fields with a pattern are numbers.
      return schema.pattern === undefined ? text : fc.oneof(fc.nat(20).map(String), text);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

const state = `SELECT json_group_array(json_array(name, settings, version)) AS rows FROM domain
  UNION ALL SELECT json_group_array(json_array(name, options, drain_until, version, cursor)) FROM pool
  UNION ALL SELECT json_group_array(json_array(name, slot, version)) FROM reservation
  UNION ALL SELECT json_group_array(json_array(name, scope, expires_at, version)) FROM access_token
  UNION ALL SELECT json_group_array(json_array(slot, state, free_at)) FROM lease
  UNION ALL SELECT count(*) FROM audit`;

const isRead = new Set(["GET", "HEAD", "OPTIONS", "QUERY"]);

const north = { name: "north", kind: "shared" as const, range: "192.0.2.0/24", psidLength: 6 };
const hiddenLink = "2001:db8:2::1";
const declaration = {
  domains: [
    { name: "isp", default: true, serverIdentifier: "203.0.113.1", pools: [north] },
    {
      name: "hidden-domain",
      serverIdentifier: "203.0.113.2",
      prefixes: [`${hiddenLink}/128`],
      pools: [{ ...north, name: "hidden-pool", range: "198.51.100.0/24" }],
    },
  ],
};

/** Headers with current, old and invalid ETags: `*`, weak ETags, lists, and a number larger than any version. */
const anyHeaders = fc.record(
  {
    "if-match": fc.constantFrom(
      "*",
      '"1"',
      '"2"',
      "nonsense",
      'W/"1"',
      '"1", "2"',
      `"${"9".repeat(15)}"`,
      "",
    ),
    "if-none-match": fc.constantFrom("*", '"1"', ""),
    accept: fc.constantFrom("application/yaml", "text/html", "*/*;q=0", ""),
    "content-type": fc.constantFrom("application/yaml", "application/json; charset=latin1", "text/plain", ""),
  },
  { requiredKeys: [] },
);

/** Names of resources in the callers' domain and in another, ids of leases, and arbitrary text. */
const anyName = fc.oneof(
  fc.constantFrom("isp", "north", "new", "reader", "hidden-domain", "hidden-pool").map(encodeURIComponent),
  fc
    .constantFrom("192.0.2.0-1", "192.0.2.1-1", "198.51.100.0-1", "198.51.100.0", "192.0.2.0-99999")
    .map(encodeURIComponent),
  fc.webSegment().map(encodeURIComponent),
  fc.string({ unit: "grapheme" }).map(encodeURIComponent),
  fc.constantFrom("%", "%zz", "%00", "%2e%2e%2fdomains", "%c3%28", "..", "a%2Fb", "x".repeat(8000)),
);

/** Sends values other than text as JSON, because some generated objects cannot be converted to text. */
const queryText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** The default is for the suite. A longer run: `ADMIN_FUZZ_RUNS=5000 npx vitest run src/http/admin/fuzz.test.ts`. */
const runs = Number(process.env.ADMIN_FUZZ_RUNS ?? 400);

test("no generated request causes a 500, changes data when refused, or reads across domains and scopes", async () => {
  const allocator = await createTestAllocator(declaration);
  const { app, database } = allocator;
  const admin = operator(app);
  const secretOf = async (name: string, scope: string) =>
    (await admin("PUT", `/tokens/${name}`, { scope, domain: "isp" })).body.secret as string;
  const callers = {
    admin,
    reader: operator(app, await secretOf("reader", "read")),
    northern: operator(app, await secretOf("northern", "admin")),
  };
  for (const linkAddress of ["::", hiddenLink]) {
    const client = clientProfile(linkAddress === "::" ? 1 : 0xbeef);
    const [offer] = await allocator.ask({ ...says.discover(client), linkAddress });
    await allocator.ask({ ...says.selecting(client, offer!), linkAddress });
  }
  const rows = await query(database, "SELECT DISTINCT domain_id FROM lease WHERE since IS NOT NULL");
  expect(rows).toHaveLength(2);
  // Names of the hidden domain and its pool, and its client.
  const secrets = new RegExp(`hidden-(pool|domain)|${encodeHex(clientProfile(0xbeef).clientIdentifier)}`);
  const read = async () => JSON.stringify(await query(database, state));
  const document = await (
    await app.request("/openapi.json")
  ).json<{
    paths: Record<string, Record<string, Operation>>;
  }>();
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  expect(operations.length).toBeGreaterThan(20);
  const request = fc.constantFrom(...operations).chain(({ path, method, operation }) => {
    const schema = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
    const query = (operation.parameters ?? []).filter((each) => each.in === "query");
    return fc.record({
      method: fc.oneof(
        { weight: 9, arbitrary: fc.constant(method) },
        fc.constantFrom("HEAD", "OPTIONS", "QUERY"),
      ),
      path: fc.constant(path),
      name: anyName,
      body: schema === undefined ? fc.constant(undefined) : valueOf(schema),
      query: fc.record(Object.fromEntries(query.map(({ name, schema: each }) => [name, valueOf(each)])), {
        requiredKeys: [],
      }),
      headers: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: anyHeaders }),
      // Repeated fields, a cursor of another list, and a field that no schema has.
      further: fc.array(fc.tuple(fc.constantFrom("cursor", "limit", "domain", "force", "x"), text), {
        maxLength: 2,
      }),
      asYaml: fc.boolean(),
      caller: fc.constantFrom(...(Object.keys(callers) as (keyof typeof callers)[])),
    });
  });
  await fc.assert(
    fc.asyncProperty(request, async (generated) => {
      const { method, path, name, body, query, further, caller } = generated;
      const search = new URLSearchParams([
        ...Object.entries(query).map(([key, value]): [string, string] => [key, queryText(value)]),
        ...further,
      ]);
      const where = `${path.replace("/admin/v1", "").replace(/\{\w+\}/, () => name)}?${search.toString()}`;
      const before = await read();
      const isYaml = generated.asYaml && path.endsWith("/config") && body !== undefined;
      const headers = { ...generated.headers, ...(isYaml && { "content-type": "application/yaml" }) };
      const sent = method === "HEAD" ? undefined : isYaml ? formatText(body, "yaml") : body;
      const answer = await callers[caller](method, where, sent, headers);
      const answered = JSON.stringify(answer.body);
      expect(answer.status, `${method} ${where}: ${answered}`).toBeLessThan(500);
      if (answer.status >= 400 && method !== "HEAD")
        expect(answer.body).toMatchObject({ status: answer.status });
      const changesNothing = isRead.has(method) || path.endsWith(":plan") || query.dryRun === "true";
      if (answer.status >= 400 || changesNothing || caller === "reader") expect(await read()).toBe(before);
      if (caller !== "admin" && answer.status < 400) expect(answered).not.toMatch(secrets);
    }),
    { numRuns: runs },
  );
  expect(allocator.logged).toEqual([]);
}, 600_000);
