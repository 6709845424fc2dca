import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { operator } from "../../../test/support/admin.ts";
import { createTestAllocator } from "../../../test/support/allocator.ts";
import { applyDeclaration } from "../../../test/support/apply-declaration.ts";
import { onlyDatabase, temporaryDatabase } from "../../../test/support/database.ts";
import { query, queryNumber } from "../../../test/support/sql.ts";
import { temporaryServerDatabase } from "../../../test/support/server-database.ts";
import { hasSqld, withoutSqld } from "../../../test/support/sqld.ts";
import { parseDeclaration } from "../../declaration/declaration.ts";
import { commitAll } from "./change.ts";
import { writerOf } from "../database/queries.ts";
import { changeDomain, createDomain } from "./domain-changes.ts";
import { createDomainStore } from "./domains.ts";

const operatorOfAll = { name: "test", scope: "admin", domain: null } as const;
const isp = { name: "isp", default: true, serverIdentifier: "203.0.113.1", pools: [] };

const databases = [
  { where: "a file", open: () => temporaryDatabase(), isHere: true },
  { where: `a libSQL server${withoutSqld}`, open: temporaryServerDatabase, isHere: hasSqld },
];

describe.each(databases)("on $where", ({ open, isHere }) => {
  test.runIf(isHere)(
    "commitAll() makes all changes or none, and returns which",
    { timeout: 60_000 },
    async () => {
      const database = await open();
      await applyDeclaration(database, parseDeclaration({ domains: [isp] }, "test"));
      const writer = writerOf(database);
      const revision = () => queryNumber(database, "SELECT revision FROM configuration");
      const state = async () => [
        (await query(database, "SELECT name FROM domain ORDER BY name")).map(({ name }) => name),
        await queryNumber(database, "SELECT count(*) FROM audit"),
      ];
      const stored = (await createDomainStore(onlyDatabase(database)).find(operatorOfAll, "isp"))!;
      const settings = { ...stored.settings, default: false };
      const create = (name: string) => createDomain(writer, "test", name, settings);
      const before = await state();
      const now = await revision();
      // Another caller has changed the configuration.
      expect(await commitAll(database, [create("a")], now - 1)).toBe(false);
      expect(await state()).toEqual(before);
      // The condition of the second change does not hold.
      const other = { ...stored, version: stored.version + 7 };
      const stale = changeDomain(writer, "test", other, stored.settings);
      expect(await commitAll(database, [create("a"), stale], now)).toBe(false);
      expect(await state()).toEqual(before);
      // The connection still works afterwards.
      expect(await commitAll(database, [create("a"), create("b")], now)).toBe(true);
      expect(await state()).toEqual([["a", "b", "isp"], (before[1] as number) + 2]);
    },
  );

  test.runIf(isHere)("commitAll() throws any other error", { timeout: 60_000 }, async () => {
    const database = await open();
    const statement = writerOf(database).all(sql`INSERT INTO not_a_table VALUES (1)`);
    await expect(commitAll(database, [{ statement, audit: auditOfTest }])).rejects.toThrow(/not_a_table/);
  });

  test.runIf(isHere)(
    "PUT /config accepts the response of GET /config as JSON and as YAML, and changes nothing",
    { timeout: 60_000 },
    async () => {
      const database = await open();
      const { app } = await createTestAllocator(database);
      const call = operator(app);
      const document = {
        domains: [
          {
            ...isp,
            prefixes: ["2001:db8:1::/48"],
            options: { "dns-servers": ["192.0.2.53"], mtu: 1460 },
            pools: [
              { name: "shared", kind: "shared", range: "192.0.2.0/24", psidLength: 6, fill: "pack" },
              { name: "full", kind: "full", range: "198.51.100.1-198.51.100.9" },
            ],
            reservations: [{ name: "seven", clientIdentifier: "ff00:0007", address: "192.0.2.9", psid: 40 }],
          },
        ],
      };
      expect((await call("PUT", "/config", document)).status).toBe(200);
      const counts = async () =>
        (
          await query(
            database,
            "SELECT (SELECT revision FROM configuration) AS revision, (SELECT count(*) FROM audit) AS entries",
          )
        )[0];
      const before = await counts();
      const json = await call("GET", "/config");
      const yaml = await call("GET", "/config", undefined, { accept: "application/yaml" });
      for (const [body, type] of [
        [document, "application/json"],
        [json.body, "application/json"],
        [yaml.body.text, "application/yaml"],
      ]) {
        const again = await call("PUT", "/config", body, { "content-type": type as string });
        const steps = again.body.steps as { change: string }[];
        expect(steps.map(({ change }) => change)).toEqual(new Array(4).fill("unchanged"));
      }
      expect(await counts()).toEqual(before);
      expect((await call("GET", "/config")).body).toEqual(json.body);
    },
  );
});

const auditOfTest = {
  actor: "test",
  action: "create",
  resource: "domain",
  name: "x",
  domain: "x",
  before: null,
  after: {},
} as const;
