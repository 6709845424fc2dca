/**
 * An allocator whose database server is away when it starts, and at its first request. It serves as soon as the server
 * is back, without a restart. Node is tried in `server-failures.test.ts` and `wrong-settings.test.ts`.
 */
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { prepareDatabase, temporaryFolder } from "../support/database.ts";
import { deno, serveOnDeno, serverPermissions } from "../support/deno.ts";
import { hasSqld, startSqld, withoutSqld } from "../support/sqld.ts";
import { startWorkerd } from "../support/workerd.ts";

const adminToken = "an-admin-token-of-the-platform-tests";

type Start = (
  environment: Readonly<Record<string, string>>,
  folder: string,
) => Promise<{
  readonly url: string;
  readonly close: () => Promise<void>;
  readonly nextLine?: (pattern: RegExp) => Promise<string>;
}>;

const platforms: readonly [name: string, missing: string, start: Start][] = [
  [
    "Deno",
    deno === undefined ? " (skipped: no deno)" : withoutSqld,
    (environment) =>
      serveOnDeno(environment, serverPermissions(new URL(environment.APPORTION_DATABASE_URL!).host)),
  ],
  ["workerd", withoutSqld, (environment, folder) => startWorkerd(join(folder, "worker"), environment)],
];

for (const [name, missing, start] of platforms) {
  test.skipIf(missing !== "" || !hasSqld)(
    `E15 on ${name}, a database server that is away at the start is found when it is back${missing}`,
    { timeout: 120_000 },
    async () => {
      const folder = await temporaryFolder();
      const sqld = await startSqld({ folder: join(folder, "sqld") });
      onTestFinished(() => sqld.kill());
      (await prepareDatabase({ url: sqld.url })).close();
      await sqld.kill();
      const environment = {
        APPORTION_DATABASE_URL: sqld.url,
        APPORTION_RELAY_TOKEN: "a-token-of-the-platform-tests",
        APPORTION_ADMIN_TOKEN: adminToken,
      };
      const { url, close, nextLine } = await start(environment, folder);
      onTestFinished(close);
      // Workers have no start of their own that could tell.
      const told = nextLine?.(/not serving yet: trying again in 5 s/);
      const domains = async (): Promise<number> => {
        const headers = { authorization: `Bearer ${adminToken}` };
        const response = await fetch(`${url}/admin/v1/domains`, { headers });
        await response.text();
        return response.status;
      };
      expect([await domains(), (await fetch(`${url}/readyz`)).status]).toEqual([503, 503]);
      if (told !== undefined) {
        expect(await told).toContain(`Cannot open the database ${sqld.url}`);
      }
      await sqld.restart();
      expect(await domains()).toBe(200);
    },
  );
}
