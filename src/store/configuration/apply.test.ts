import { expect, test } from "vitest";
import { applyDeclaration } from "../../../test/support/apply-declaration.ts";
import { temporaryDatabase } from "../../../test/support/database.ts";
import { parseDeclaration } from "../../declaration/declaration.ts";
import type { Declaration } from "../../declaration/declaration.ts";
import { ApplyError } from "./apply.ts";
import { loadDirectory } from "./directory.ts";

const north = { name: "north", kind: "shared", range: "192.0.2.0/24", psidLength: 6 } as const;
const domain = { name: "isp", default: true, serverIdentifier: "203.0.113.1" };

const declare = (...pools: object[]): Declaration =>
  parseDeclaration({ domains: [{ ...domain, pools }] }, "test");

const changesOf = async (...args: Parameters<typeof applyDeclaration>) =>
  (await applyDeclaration(...args)).map(({ what, name, change }) => `${what} ${name} ${change}`);

test("applyDeclaration() creates what is declared, and changes nothing when it is repeated", async () => {
  const database = await temporaryDatabase();
  expect(await changesOf(database, declare(north))).toEqual(["domain isp create", "pool north create"]);
  const { revision } = await loadDirectory(database);
  expect(await changesOf(database, declare(north))).toEqual(["domain isp unchanged", "pool north unchanged"]);
  expect((await loadDirectory(database)).revision).toBe(revision);
});

test("applyDeclaration() changes settings and options, and increases the revision", async () => {
  const database = await temporaryDatabase();
  await applyDeclaration(database, declare(north));
  const before = await loadDirectory(database);
  const changed = declare({ ...north, options: { mtu: 1400 } });
  changed.domains[0]!.leaseSeconds.default = 7200;
  expect(await changesOf(database, changed)).toEqual(["domain isp change", "pool north change"]);
  const after = await loadDirectory(database);
  expect(after.revision).toBeGreaterThan(before.revision);
  expect(after.domains[0]!.leaseSeconds.default).toBe(7200);
});

test("applyDeclaration() keeps what is no longer declared, and reports it", async () => {
  const database = await temporaryDatabase();
  await applyDeclaration(database, declare(north));
  expect(await changesOf(database, declare())).toEqual(["domain isp unchanged", "pool north keep"]);
  expect((await loadDirectory(database)).domains[0]!.pools).toHaveLength(1);
});

test.each([
  [
    "another length",
    { ...north, psidLength: 7 },
    /pool "north": psidLength: found 7, expected 6: these fields never change/,
  ],
  [
    "another range",
    { ...north, range: "192.0.2.0/25" },
    /range: found "192.0.2.0\/25", expected "192.0.2.0\/24"/,
  ],
  ["another fill order", { ...north, fill: "pack" }, /fill: found "pack", expected "spread"/],
  [
    "other reserved ports",
    { ...north, reservedPorts: ["0-2047"] },
    /reservedPorts: found \["0-2047"\], expected \["0-1023"\]/,
  ],
  ["a range that overlaps a pool that is kept", { ...north, name: "new" }, /overlaps pool "north"/],
])("applyDeclaration() refuses the whole state for %s", async (_, pool, message) => {
  const database = await temporaryDatabase();
  await applyDeclaration(database, declare(north));
  const south = { ...north, name: "south", range: "198.51.100.0/24" };
  await expect(applyDeclaration(database, declare(south, pool))).rejects.toThrow(message);
  await expect(applyDeclaration(database, declare(south, pool))).rejects.toThrow(ApplyError);
  expect((await loadDirectory(database)).poolsById.size).toBe(1);
});

test("two processes that start with the same file both succeed", async () => {
  const database = await temporaryDatabase();
  const results = await Promise.all([
    applyDeclaration(database, declare(north)),
    applyDeclaration(database, declare(north)),
  ]);
  expect(results).toHaveLength(2);
  expect((await loadDirectory(database)).poolsById.size).toBe(1);
});
