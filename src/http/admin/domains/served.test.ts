/** The settings that select the clients of a domain: who may change them, and that no two domains share one. */
import { describe, expect, test } from "vitest";
import { operator } from "../../../../test/support/admin.ts";
import type { AdminAnswer } from "../../../../test/support/admin.ts";
import { createTestAllocator } from "../../../../test/support/allocator.ts";
import { clientProfile, says } from "../../../../test/support/clients.ts";
import { temporaryDatabase } from "../../../../test/support/database.ts";
import { execute } from "../../../../test/support/sql.ts";

const serverIdentifier = "203.0.113.1";
const line = { linkAddress: "2001:db8:a::1", interfaceId: "ge-0/0/1" };
const north = {
  name: "north",
  serverIdentifier,
  default: true,
  prefixes: ["2001:db8:1::/48"],
  lines: [line],
  pools: [{ name: "n", kind: "full" as const, range: "192.0.2.0/24" }],
};
const southSettings = {
  name: "south",
  serverIdentifier,
  prefixes: ["2001:db8:2::/48", "2001:db8:3::/48"],
};
const south = {
  ...southSettings,
  pools: [{ name: "s", kind: "full" as const, range: "198.51.100.0/24" }],
};
const anyVersion = { "if-match": "*" };

/** Opens an allocator with both domains in one database, or with the south in a second one. */
async function open(isPlaced = false) {
  const main = await temporaryDatabase({ domains: isPlaced ? [north] : [north, south] });
  const placed = isPlaced ? new Map([["south", await temporaryDatabase({ domains: [south] })]]) : undefined;
  const allocator = await createTestAllocator(main, { ...(placed && { placed }) });
  const call = operator(allocator.app);
  const token = await call("PUT", "/tokens/southern", { scope: "admin", domain: "south" });
  const southern = operator(allocator.app, token.body.secret as string);
  /** The configuration, and how often it was changed. */
  const stateOf = async () => [
    (await call("GET", "/config")).body,
    (await call("GET", "/audit")).body.items as unknown[],
  ];
  return { allocator, main, call, southern, stateOf };
}

const pathsOf = ({ body }: AdminAnswer) => (body.errors as { path: string }[]).map(({ path }) => path);

describe("T14 a token of one domain", () => {
  test.each([
    ["prefixes of another domain", { prefixes: north.prefixes }],
    ["a part of another domain's prefix", { prefixes: [...south.prefixes, "2001:db8:1:1::/64"] }],
    ["the prefix of everyone", { prefixes: ["::/0"] }],
    ["prefixes that nobody serves", { prefixes: [...south.prefixes, "2001:db8:4::/48"] }],
    ["fewer prefixes", { prefixes: ["2001:db8:2::/48"] }],
    ["no prefixes", { prefixes: null }],
    ["a line of another domain", { lines: [line] }],
    ["a line that nobody serves", { lines: [{ ...line, interfaceId: "new" }] }],
    ["default", { default: true }],
    ["a prefix beside what it may change", { rapidCommit: true, prefixes: north.prefixes }],
  ])("gets 403 for %s, by PATCH and PUT, and changes nothing", async (_, change) => {
    const { southern, stateOf } = await open();
    const before = await stateOf();
    const [field] = Object.keys(change).filter((name) => name !== "rapidCommit");
    const patch = await southern("PATCH", "/domains/south", change);
    expect([patch.status, pathsOf(patch)]).toEqual([403, [field]]);
    const wanted = { ...southSettings, prefixes: [], ...change };
    const put = await southern("PUT", "/domains/south", wanted, anyVersion);
    // Null only has a meaning in a patch.
    expect(put.status).toBe("prefixes" in change && change.prefixes === null ? 400 : 403);
    expect(JSON.stringify([patch.body, put.body])).not.toContain("north");
    expect(await stateOf()).toEqual(before);
  });

  test("gets 403 for a replacement that leaves its prefixes out, with and without If-Match", async () => {
    const { southern, stateOf } = await open();
    const before = await stateOf();
    for (const headers of [{}, anyVersion, { "if-match": '"1"' }]) {
      const answer = await southern("PUT", "/domains/south", { serverIdentifier }, headers);
      expect([answer.status, pathsOf(answer)]).toEqual([403, ["prefixes"]]);
    }
    expect(await stateOf()).toEqual(before);
  });

  test("gets 403 for the whole configuration, a new domain and the end of its own", async () => {
    const { southern, stateOf } = await open();
    const before = await stateOf();
    const state = { domains: [{ ...south, prefixes: north.prefixes }] };
    expect((await southern("PUT", "/config", state)).status).toBe(403);
    expect((await southern("PUT", "/config?dryRun=true", state)).status).toBe(403);
    expect((await southern("PUT", "/domains/west", { serverIdentifier })).status).toBe(403);
    expect((await southern("DELETE", "/domains/south")).status).toBe(403);
    expect(await stateOf()).toEqual(before);
  });

  test("changes everything else, and writes its prefixes as it likes", async () => {
    const { southern } = await open();
    const prefixes = ["2001:DB8:3::/48", "2001:db8:0002:0::/48"];
    const answer = await southern("PATCH", "/domains/south", {
      prefixes,
      rapidCommit: true,
      siteBy: ["source"],
      serverIdentifier: "203.0.113.9",
    });
    expect([answer.status, answer.body]).toEqual([
      200,
      expect.objectContaining({
        prefixes: ["2001:db8:3::/48", "2001:db8:2::/48"],
        rapidCommit: true,
        siteBy: ["source"],
      }),
    ]);
  });
});

const clashes = [
  ["a prefix", { prefixes: ["2001:db8:9::/48", ...north.prefixes] }, "prefixes.1"],
  ["a prefix that is written differently", { prefixes: ["2001:0DB8:1:0::/48"] }, "prefixes.0"],
  ["a line", { lines: [line] }, "lines.0"],
  [
    "a line that is written differently",
    { lines: [{ linkAddress: "2001:0DB8:A::0001", interfaceId: "hex:67652d302f302f31" }] },
    "lines.0",
  ],
  ["the default", { default: true }, "default"],
] as const;

describe.each([
  ["in one database", false],
  ["in two databases", true],
])("T15 two domains %s", (_, isPlaced) => {
  test.each(clashes)("do not both serve %s: 409 names the other", async (_name, fields, path) => {
    const { call, stateOf } = await open(isPlaced);
    const before = await stateOf();
    const answers = [
      await call("PATCH", "/domains/south", fields),
      await call("PUT", "/domains/south", { ...southSettings, ...fields }, anyVersion),
      await call("PUT", "/domains/west", { serverIdentifier, ...fields }),
    ];
    for (const answer of answers) {
      expect([answer.status, answer.body.detail, pathsOf(answer)]).toEqual([
        409,
        expect.stringContaining('domain "north"'),
        [path],
      ]);
    }
    // Two defaults in one document are a fault of the document.
    const isDefault = path === "default";
    for (const query of ["", "?dryRun=true"]) {
      const state = { domains: [north, { ...south, ...fields }] };
      const applied = await call("PUT", `/config${query}`, state);
      expect(applied.status).toBe(isDefault ? 400 : query === "" ? 409 : 200);
      expect(JSON.stringify(applied.body)).toContain(isDefault ? "domains.0 has" : "north");
    }
    expect(await stateOf()).toEqual(before);
  });

  test("that take the same at the same time do not both get it", async () => {
    const { call } = await open(isPlaced);
    const take = (name: string) => call("PATCH", `/domains/${name}`, { prefixes: ["2001:db8:9::/48"] });
    const answers = await Promise.all([take("north"), take("south")]);
    const got = answers.filter(({ status }) => status === 200);
    expect(got.length).toBeLessThanOrEqual(1);
    const state = JSON.stringify((await call("GET", "/config")).body);
    expect(state.split("2001:db8:9::/48").length - 1).toBe(got.length);
  });

  test("hand over a prefix in one document", async () => {
    const { call } = await open(isPlaced);
    const state = {
      domains: [
        { ...north, prefixes: south.prefixes },
        { ...south, prefixes: north.prefixes },
      ],
    };
    expect((await call("PUT", "/config", state)).status).toBe(200);
    expect((await call("GET", "/domains/south")).body.prefixes).toEqual(north.prefixes);
  });

  test("share neither a prefix that a document takes from a domain that it omits", async () => {
    const { call } = await open(isPlaced);
    const answer = await call("PUT", "/config", { domains: [{ ...south, prefixes: north.prefixes }] });
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([
      409,
      expect.stringContaining('domain \\"north\\" serves'),
    ]);
  });
});

test("T15 of domains that are created at the same time, one gets the prefix", async () => {
  const { call } = await open();
  const names = ["a", "b", "c", "d"];
  const create = (name: string) =>
    call("PUT", `/domains/${name}`, { serverIdentifier, prefixes: ["2001:db8:9::/48"] });
  const answers = await Promise.all(names.map(create));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
});

test("T15 a longer prefix inside another domain's is allowed, and wins", async () => {
  const { call, allocator } = await open();
  expect((await call("PATCH", "/domains/south", { prefixes: ["2001:db8:1:1::/64"] })).status).toBe(200);
  const [offer] = await allocator.ask({
    ...says.discover(clientProfile(1)),
    linkAddress: "2001:db8:1:1::1",
  });
  expect(offer!.address).toMatch(/^198\.51\.100\./);
});

test("T15 databases that have it twice go on serving, and may be changed elsewhere and mended", async () => {
  const { call, main, allocator, southern } = await open();
  await execute(
    main,
    `UPDATE domain SET settings = json_set(settings, '$.prefixes', json('["2001:db8:1::/48"]')) WHERE name = 'south'`,
  );
  const [offer] = await allocator.ask({ ...says.discover(clientProfile(1)), linkAddress: "2001:db8:1::1" });
  expect(offer!.type).toBe("offer");
  expect((await southern("PATCH", "/domains/south", { rapidCommit: true })).status).toBe(200);
  const { body } = await call("GET", "/config");
  expect((await call("PUT", "/config", body)).status).toBe(200);
  expect((await call("PATCH", "/domains/north", { rapidCommit: true })).status).toBe(200);
  expect((await call("PATCH", "/domains/south", { prefixes: south.prefixes })).status).toBe(200);
  expect((await call("PATCH", "/domains/south", { prefixes: north.prefixes })).status).toBe(409);
});

test("T15 the configuration can be read although two databases contradict each other", async () => {
  const { call, main } = await open(true);
  await execute(main, "UPDATE domain SET settings = json_set(settings, '$.default', json('false'))");
  expect((await call("PATCH", "/domains/south", { default: true })).status).toBe(200);
  await execute(main, "UPDATE domain SET settings = json_set(settings, '$.default', json('true'))");
  expect((await call("GET", "/config")).status).toBe(200);
});

describe("T23 a domain that names one place twice", () => {
  const repeats: readonly [string, object, string][] = [
    ["a line", { lines: Array.from({ length: 100 }, () => line) }, "lines.1"],
    [
      "a line in another form",
      {
        lines: [
          line,
          { linkAddress: "2001:0DB8:A::0:1", interfaceId: `hex:${Buffer.from("ge-0/0/1").toString("hex")}` },
        ],
      },
      "lines.1",
    ],
    ["a prefix", { prefixes: ["2001:db8:9::/48", "2001:db8:8::/48", "2001:DB8:9:0::/48"] }, "prefixes.2"],
  ];

  test.each(repeats)("by %s is refused", async (_what, fields, path) => {
    const { call, stateOf } = await open();
    const before = await stateOf();
    const put = await call("PUT", "/domains/new", { serverIdentifier, ...fields });
    expect([put.status, pathsOf(put)]).toEqual([400, [path]]);
    const patch = await call("PATCH", "/domains/south", fields);
    expect([patch.status, pathsOf(patch)]).toEqual([400, [path]]);
    const whole = await call("PUT", "/config", { domains: [north, { ...south, lines: [], ...fields }] });
    expect([whole.status, pathsOf(whole)]).toEqual([400, [`domains.1.${path}`]]);
    expect(await stateOf()).toEqual(before);
  });

  test("because an earlier release allowed it may be changed elsewhere", async () => {
    const { call, main } = await open();
    await execute(
      main,
      `UPDATE domain SET settings = json_set(settings, '$.prefixes', json('["2001:db8:2::/48","2001:db8:2::/48"]')) WHERE name = 'south'`,
    );
    expect((await call("PATCH", "/domains/south", { rapidCommit: true })).status).toBe(200);
    expect((await call("PATCH", "/domains/south", { prefixes: ["2001:db8:2::/48"] })).status).toBe(200);
  });
});
