/** Requests that would keep others waiting, or whose answers would be long: what is refused, and how much is said. */
import { describe, expect, test } from "vitest";
import { operator } from "../../../test/support/admin.ts";
import type { AdminAnswer } from "../../../test/support/admin.ts";
import { createTestAllocator } from "../../../test/support/allocator.ts";
import { temporaryDatabase } from "../../../test/support/database.ts";
import { execute } from "../../../test/support/sql.ts";
import {
  applyChangesMax,
  faultsCountedMax,
  faultsShownMax,
  linesMax,
  listedPortRangesMax,
  pageOctetsMax,
  yamlAliasesMax,
  yamlBodyCharactersMax,
  textDepthMax,
} from "../../limits.ts";

const serverIdentifier = "203.0.113.1";
const isp = { name: "isp", serverIdentifier, pools: [] as object[] };
const pool = { domain: "isp", kind: "shared", psidLength: 6, range: "192.0.2.0/24" };
const many = <T>(count: number, item: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => item(index));

async function open() {
  const allocator = await createTestAllocator({ domains: [{ name: "isp", serverIdentifier, pools: [] }] });
  const call = operator(allocator.app);
  const putYaml = (text: string) => call("PUT", "/config", text, { "content-type": "application/yaml" });
  return { allocator, call, putYaml };
}

/** The faults and the length of an answer. */
const summaryOf = ({ status, body }: AdminAnswer) => ({
  status,
  errors: (body.errors as unknown[] | undefined)?.length,
  isShort: JSON.stringify(body).length < 20_000,
  detail: String(body.detail),
});

describe("T23 an answer lists the first faults only, whatever is wrong", () => {
  const bad = { domain: "isp", kind: "shared", psidLength: 6, range: "192.0.2.0/24" };
  const long = "x".repeat(200_000);
  test.each([
    ["ports of a pool", "POST /pools:plan", { ...bad, reservedPorts: many(100_000, () => "x") }, 1],
    [
      "64 ports of a pool",
      "POST /pools:plan",
      { ...bad, reservedPorts: many(64, () => "x") },
      faultsShownMax,
    ],
    ["a long port", "POST /pools:plan", { ...bad, reservedPorts: [long] }, 1],
    [
      "fields that do not exist",
      "POST /pools:plan",
      { ...bad, ...Object.fromEntries(many(9000, (i) => [`f${i}`, 1])) },
      1,
    ],
    ["a long field", "POST /pools:plan", { ...bad, [long]: 1 }, 1],
    ["a text like a message", "POST /pools:plan", { ...bad, fill: ": found ".repeat(25_000) }, 1],
    ["prefixes", "PUT /domains/new", { serverIdentifier, prefixes: many(1000, () => "x") }, faultsShownMax],
    ["lines", "PUT /domains/new", { serverIdentifier, lines: many(linesMax, () => ({})) }, faultsShownMax],
    ["too many lines", "PUT /domains/new", { serverIdentifier, lines: many(linesMax + 1, () => 0) }, 1],
    ["a patch", "PATCH /domains/isp", { prefixes: many(1000, () => "x") }, faultsShownMax],
    ["domains", "PUT /config", { domains: many(1000, () => ({})) }, faultsShownMax],
    ["too many domains", "PUT /config", { domains: many(500_000, () => ({})) }, 1],
    [
      "pools",
      "PUT /config",
      { domains: many(900, () => ({ ...isp, pools: many(900, () => 0) })) },
      faultsShownMax,
    ],
    [
      "options",
      "PUT /config",
      { domains: [{ ...isp, options: { other: many(64, () => 0) } }] },
      faultsShownMax,
    ],
    [
      "names",
      "PUT /config",
      {
        domains: [
          {
            ...isp,
            pools: many(1000, (i) => ({ name: "p", kind: "full", range: `10.0.${i >> 8}.${i & 255}/32` })),
          },
        ],
      },
      faultsShownMax,
    ],
    [
      "nesting up to the bound",
      "PUT /config",
      `{"domains":${"[".repeat(textDepthMax - 1)}${"]".repeat(textDepthMax - 1)}}`,
      1,
    ],
    ["deeper nesting", "PUT /config", `{"domains":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, undefined],
  ])("%s", async (_, request, body, errors) => {
    const { call } = await open();
    const [method, path] = request.split(" ") as [string, string];
    const answer = await call(method, path, body);
    expect(summaryOf(answer)).toMatchObject({ status: 400, errors, isShort: true });
  });

  test("and says how many more there are", async () => {
    const { call } = await open();
    const state = { domains: [{ ...isp, lines: many(700, () => ({ linkAddress: "::", interfaceId: "" })) }] };
    expect(summaryOf(await call("PUT", "/config", state)).detail).toMatch(/, and 699 more$/);
    const worse = { domains: [{ ...isp, lines: many(linesMax, () => 0) }] };
    const counted = Number(
      /, and (\d+) more$/.exec(summaryOf(await call("PUT", "/config", worse)).detail)![1],
    );
    expect(counted).toBeGreaterThanOrEqual(faultsCountedMax - 1);
    expect(counted).toBeLessThan(2 * faultsCountedMax);
  });

  test("and the first refused steps only", async () => {
    const { call } = await open();
    await call("PUT", "/pools/all", { ...pool, kind: "full", psidLength: undefined, range: "10.0.0.0/8" });
    const pools = many(1000, (i) => ({ name: `p${i}`, kind: "full", range: `10.0.${i >> 8}.${i & 255}/32` }));
    const answer = await call("PUT", "/config", { domains: [{ ...isp, pools }] });
    expect(summaryOf(answer)).toMatchObject({ status: 409, errors: faultsShownMax, isShort: true });
    expect(answer.body.detail).toMatch(/and 980 more$/);
  });
});

describe("T23 YAML", () => {
  const begin = `domains:\n- name: isp\n  serverIdentifier: ${serverIdentifier}\n  pools: []\n`;
  test("of more than the bound is 413, and names JSON", async () => {
    const { putYaml } = await open();
    const answer = await putYaml(`${begin}#${"x".repeat(yamlBodyCharactersMax)}`);
    expect([answer.status, answer.body.detail]).toEqual([413, expect.stringContaining("JSON")]);
    expect((await putYaml(`${begin}#${"x".repeat(yamlBodyCharactersMax - begin.length - 1)}`)).status).toBe(
      200,
    );
  });

  test.each([
    ["more tokens than the bound", "[]\n".repeat(30_000), "tokens"],
    ["brackets without an end", "[".repeat(30_000), "levels of nesting"],
    ["lists in lists on one line", "- ".repeat(30_000), "levels of nesting"],
    [
      "mappings in mappings",
      many(textDepthMax + 1, (i) => `${" ".repeat(i)}a:`).join("\n"),
      "levels of nesting",
    ],
    ["ends without a beginning", "]".repeat(60_000), "Unexpected flow-seq-end"],
    ["values without text", `[${",".repeat(60_000)}]`, "Unexpected , in flow sequence"],
    ["anchors without a value", "& ".repeat(30_000), "at most one anchor"],
    ["escapes that do not exist", `"${"\\x".repeat(60_000)}"`, "Invalid escape sequence"],
    ["a key twice", `${begin}  pools: []\n`, "Map keys must be unique at line 5, column 3"],
    ["a list as a key", "? [a]\n: 1\n", "keys must be strings"],
    ["aliases", `a: &a x\nb: [${"*a, ".repeat(yamlAliasesMax + 1)}]`, "aliases"],
    [
      "aliases of aliases",
      many(20, (i) => `a${i}: &a${i} [${i === 0 ? "x" : `*a${i - 1}, `.repeat(5)}]`).join("\n"),
      "alias",
    ],
    ["an alias of a long list", `a: &a [${"1,".repeat(20_000)}]\nb: [${"*a, ".repeat(90)}]`, "values"],
    ["an alias inside its anchor", "a: &a [*a]", ""],
    ["several documents", "a: 1\n---\nb: 1\n", "several documents"],
  ])("with %s is 400 with one fault", async (_, text, found) => {
    const { putYaml } = await open();
    const answer = await putYaml(text);
    expect([answer.status, answer.body.detail]).toEqual([400, expect.stringContaining(found)]);
    expect(JSON.stringify(answer.body).length).toBeLessThan(2000);
  });

  test("writes no warning of the text to standard error", async () => {
    const { putYaml } = await open();
    const warnings: Error[] = [];
    const listen = (warning: Error) => void warnings.push(warning);
    process.on("warning", listen);
    await putYaml(`%FOO\n---\n${begin}  x: !!unknown y\n`);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", listen);
    expect(warnings).toEqual([]);
  });

  test("of a large configuration is what JSON says", async () => {
    const { call, putYaml } = await open();
    const lines = many(1000, (i) => ({
      linkAddress: "2001:db8::1",
      interfaceId: i === 7 ? "a: 'b'\n #\n\n c" : `ge-${i}`,
    }));
    const pools = many(300, (i) => ({ name: `p${i}`, kind: "full", range: `10.0.${i >> 8}.${i & 255}/32` }));
    const other = { name: "other", serverIdentifier, pools: [] };
    expect((await call("PUT", "/config", { domains: [{ ...isp, lines, pools }, other] })).status).toBe(200);
    const yaml = await call("GET", "/config", undefined, { accept: "application/yaml" });
    const again = await putYaml(yaml.body.text as string);
    const changes = (again.body.steps as { change: string }[]).map(({ change }) => change);
    expect(new Set(changes)).toEqual(new Set(["unchanged"]));
    expect(changes).toHaveLength(302);
  });
});

test("T23 a request makes a bounded number of changes, and one with more says how else", async () => {
  const { call } = await open();
  const pools = (domain: number) =>
    many(1000, (i) => ({
      name: `p${domain}-${i}`,
      kind: "full",
      range: `10.${domain}.${i >> 8}.${i & 255}/32`,
    }));
  const state = { domains: many(2, (domain) => ({ ...isp, name: `d${domain}`, pools: pools(domain) })) };
  for (const query of ["", "?dryRun=true"]) {
    const answer = await call("PUT", `/config${query}`, state);
    expect([answer.status, answer.body.detail]).toEqual([
      413,
      expect.stringContaining(`at most ${applyChangesMax}`),
    ]);
  }
  expect((await call("PUT", "/config", { domains: state.domains.slice(0, 1) })).status).toBe(200);
  expect((await call("PUT", "/config", state)).status).toBe(200);
});

test("T23 pools whose PSIDs no memory has room for are refused before they are computed", async () => {
  const { call } = await open();
  const pools = many(257, (i) => ({
    name: `p${i}`,
    kind: "shared",
    psidLength: 16,
    range: `10.0.${i >> 8}.${i & 255}/32`,
  }));
  const answer = await call("PUT", "/config", { domains: [{ ...isp, pools }] });
  expect([answer.status, answer.body.detail]).toEqual([400, expect.stringContaining("PSIDs in all")]);
});

describe("T23 a page of a list has a bounded length", () => {
  test("of domains with many lines: the list goes on with the next page", async () => {
    const database = await temporaryDatabase({ domains: [] });
    const { app } = await createTestAllocator(database);
    const call = operator(app);
    await call("PUT", "/domains/d0", { serverIdentifier, lines: [{ linkAddress: "::1", interfaceId: "x" }] });
    const long = "x".repeat(Math.ceil(pageOctetsMax / 2));
    await execute(
      database,
      `UPDATE domain SET settings = json_set(settings, '$.lines[0].interfaceId', '${long}')`,
      ...many(
        6,
        (i) => `INSERT INTO domain (name, settings) SELECT 'd${i + 1}', settings FROM domain LIMIT 1`,
      ),
    );
    const found: unknown[] = [];
    let path = "/domains?limit=5";
    const sizes: number[] = [];
    for (let cursor: unknown = ""; cursor !== null; path = `/domains?limit=5&cursor=${String(cursor)}`) {
      const { body } = await call("GET", path);
      const items = body.items as { name: string }[];
      found.push(...items.map(({ name }) => name));
      sizes.push(items.length);
      cursor = body.next;
    }
    expect(found).toEqual(many(7, (i) => `d${i}`));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(3);
  });

  test("of changes of such domains", async () => {
    const { call, allocator } = await open();
    await call("PATCH", "/domains/isp", { rapidCommit: true });
    const long = JSON.stringify({ text: "x".repeat(pageOctetsMax) });
    await execute(
      allocator.database,
      ...many(
        5,
        () =>
          `INSERT INTO audit (at, actor, action, resource, name, before, after) VALUES (1, 'x', 'change', 'domain', 'isp', NULL, '${long}')`,
      ),
    );
    const names: unknown[] = [];
    let pages = 0;
    let path = "/audit?actor=x";
    for (let cursor: unknown = ""; cursor !== null; path = `/audit?actor=x&cursor=${String(cursor)}`) {
      const { body } = await call("GET", path);
      names.push(...(body.items as unknown[]));
      for (const item of body.items as object[]) expect(item).not.toHaveProperty("isLeftOut");
      cursor = body.next;
      pages++;
    }
    expect([names.length, pages]).toEqual([5, 5]);
  });

  test("of pairs with thousands of port ranges", async () => {
    const { call } = await open();
    const wide = { ...pool, psidLength: 1, psidOffset: 15, reservedPorts: [] };
    expect((await call("PUT", "/pools/wide", wide)).status).toBe(201);
    const pair = { domain: "isp", clientIdentifier: "ff:00:00:00:01", address: "192.0.2.1", psid: 1 };
    const one = await call("PUT", "/reservations/one", pair);
    expect(one.body.ports).toHaveLength(2 ** 15 - 1);
    for (const path of ["/reservations", "/leases"]) {
      const [item] = (await call("GET", path)).body.items as { ports: unknown[] }[];
      expect(item!.ports).toHaveLength(listedPortRangesMax);
    }
    expect(
      (await call("POST", "/pools:plan", { ...wide, reservedPorts: ["2"] })).body.lostPsids,
    ).toMatchObject([{ psid: 0, reserved: "2" }]);
  });
});
