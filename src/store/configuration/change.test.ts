import { join } from "node:path";
import type { Client } from "@libsql/client";
import { describe, expect, onTestFinished, test } from "vitest";
import { operator } from "../../../test/support/admin.ts";
import { createTestAllocator } from "../../../test/support/allocator.ts";
import { temporaryDatabase, temporaryFolder } from "../../../test/support/database.ts";
import { hasSqld, startSqld, withoutSqld } from "../../../test/support/sqld.ts";
import { parseDeclaration } from "../../declaration/declaration.ts";
import { applyDeclaration } from "./apply.ts";
import { commitAll } from "./change.ts";
import { openServer } from "../database/connect.ts";
import { changeDomain, createDomain, findDomain } from "./domains.ts";
import { migrateDatabase } from "../database/migrate.ts";

const isp = { name: "isp", default: true, serverIdentifier: "203.0.113.1", pools: [] };

/** A database behind a libSQL server of its own. */
async function serverDatabase(): Promise<Client> {
  const server = await startSqld({ folder: join(await temporaryFolder(), "data") });
  onTestFinished(() => server.kill());
  const client = openServer({ url: server.url });
  onTestFinished(() => {
    client.close();
  });
  await migrateDatabase(client);
  return client;
}

const databases = [
  { where: "a file", open: () => temporaryDatabase(), isHere: true },
  { where: `a libSQL server${withoutSqld}`, open: serverDatabase, isHere: hasSqld },
];

describe.each(databases)("on $where", ({ open, isHere }) => {
  test.runIf(isHere)(
    "commitAll() makes all changes or none, and says which",
    { timeout: 60_000 },
    async () => {
      const client = await open();
      await applyDeclaration(client, parseDeclaration({ domains: [isp] }, "test"));
      const revision = async () =>
        Number((await client.execute("SELECT revision FROM configuration")).rows[0]!.revision);
      const state = async () => [
        (await client.execute("SELECT name FROM domain ORDER BY name")).rows.map(({ name }) => name),
        Number((await client.execute("SELECT count(*) AS entries FROM audit")).rows[0]!.entries),
      ];
      const stored = (await findDomain(client, "isp"))!;
      const create = (name: string) => createDomain("test", name, { ...stored.settings, default: false });
      const before = await state();
      const now = await revision();
      // Somebody else has changed the configuration.
      expect(await commitAll(client, [create("a")], now - 1)).toBe(false);
      expect(await state()).toEqual(before);
      // The condition of the second change does not hold.
      const stale = changeDomain("test", { ...stored, version: stored.version + 7 }, stored.settings);
      expect(await commitAll(client, [create("a"), stale], now)).toBe(false);
      expect(await state()).toEqual(before);
      // The connection is good afterwards.
      expect(await commitAll(client, [create("a"), create("b")], now)).toBe(true);
      expect(await state()).toEqual([["a", "b", "isp"], (before[1] as number) + 2]);
    },
  );

  test.runIf(isHere)("what else goes wrong is thrown", { timeout: 60_000 }, async () => {
    const client = await open();
    const stored = { statement: "INSERT INTO not_a_table VALUES (1)", audit: auditOfTest };
    await expect(commitAll(client, [stored])).rejects.toThrow(/not_a_table/);
  });

  test.runIf(isHere)(
    "PUT /config takes its own GET as JSON and as YAML, and changes nothing then",
    { timeout: 60_000 },
    async () => {
      const client = await open();
      const { app } = await createTestAllocator(client);
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
          await client.execute(
            "SELECT (SELECT revision FROM configuration) AS revision, (SELECT count(*) FROM audit) AS entries",
          )
        ).rows[0];
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
