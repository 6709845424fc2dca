/** A database of a release without owners, after the migrations of this one. */
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { operator } from "../../../test/support/admin.ts";
import { createTestAllocator } from "../../../test/support/allocator.ts";
import { clientProfile, says } from "../../../test/support/clients.ts";
import { temporaryFolder } from "../../../test/support/folder.ts";
import { earlierRelease } from "../../../test/support/later-release.ts";
import { execute, query } from "../../../test/support/sql.ts";
import { parseDeclaration } from "../../declaration/declaration.ts";
import { applyFile, fileModeOf } from "../../runtime/node.ts";
import { openFile } from "../database/file.ts";
import { migrateDatabase } from "../database/migrate.ts";

const settings = { default: true, serverIdentifier: "203.0.113.1" };
const domain = { name: "isp", ...settings };
const pool = { name: "north", kind: "full", range: "192.0.2.0/24" } as const;
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

test("E4 no file owns the domains of an earlier release, until one that declares the same is started", async () => {
  const database = openFile(`file:${join(await temporaryFolder(), "apportion.db")}`);
  onTestFinished(() => {
    database.close();
  });
  await migrateDatabase(database, await earlierRelease("0016_owner"));
  // As the earlier release stored them.
  await execute(
    database,
    `INSERT INTO domain (name, settings) VALUES ('isp', '${JSON.stringify(settings)}')`,
    `INSERT INTO pool (domain_id, name, first_address, last_address, psid_offset, psid_length, reserved_ports, fill, options, psids, slots)
      VALUES (1, 'north', 3221225984, 3221226239, 0, 0, '[]', 'spread', '{}', 1, 256)`,
  );
  expect((await migrateDatabase(database)).applied).toContain("0016_owner");
  expect(await query(database, "SELECT name, owner FROM domain")).toEqual([{ name: "isp", owner: null }]);

  const { app, ask, store } = await createTestAllocator(database);
  const call = operator(app);
  const client = clientProfile(1);
  const [offer] = await ask(says.discover(client));
  expect((await ask(says.selecting(client, offer!)))[0]!.type).toBe("ack");
  expect((await call("GET", "/domains/isp")).body.ownedBy).toBeNull();
  expect((await call("PATCH", "/domains/isp", { rapidCommit: true })).status).toBe(200);
  expect((await call("PATCH", "/domains/isp", { rapidCommit: false })).status).toBe(200);

  const declared = parseDeclaration({ domains: [{ ...domain, pools: [pool] }] }, "isp.yaml");
  await applyFile(store, declared, log, fileModeOf("isp.yaml", undefined));
  expect((await call("GET", "/domains/isp")).body.ownedBy).toBe("isp.yaml");
  expect((await call("PATCH", "/domains/isp", { rapidCommit: true })).status).toBe(409);
  expect((await ask(says.renew(client, offer!)))[0]!.type).toBe("ack");
});
