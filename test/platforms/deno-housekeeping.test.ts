/**
 * Housekeeping on Deno: by a timer of the process, or by `Deno.cron` if it is available. `deno-clock.ts` controls both.
 */
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { prepareDatabase, temporaryFolder } from "../support/database.ts";
import { deno, filePermissions, serveOnDeno } from "../support/deno.ts";
import { execute, query } from "../support/sql.ts";

const skipped = deno === undefined ? " (skipped: no deno)" : "";

/** Creates an empty database in its own folder, and starts an allocator on it. */
async function open(flags: readonly string[], entry?: string) {
  const folder = await temporaryFolder();
  const url = `file:${join(folder, "apportion.db")}`;
  const database = await prepareDatabase({ url });
  onTestFinished(() => {
    database.close();
  });
  const server = await serveOnDeno(
    {
      APPORTION_DATABASE_URL: url,
      APPORTION_RELAY_TOKEN: "a-token-of-the-platform-tests",
      APPORTION_HISTORY_DAYS: "30",
    },
    [...flags, ...filePermissions(folder)],
    entry,
  );
  onTestFinished(() => server.close());
  return { database, server };
}

test.skipIf(deno === undefined).each([
  ["by a timer of the process", [], "SIGUSR2"],
  ["by Deno.cron", ["--unstable-cron"], "SIGWINCH"],
] as const)(
  `%s, housekeeping deletes history that is older than its retention time${skipped}`,
  async (_, flags, signal) => {
    const { database, server } = await open(flags, "test/platforms/deno-clock.ts");
    const tenure = (days: number) =>
      `(4294967296, 1, x'ff', unixepoch() - ${days} * 86400 - 60, unixepoch() - ${days} * 86400)`;
    await execute(
      database,
      `INSERT INTO history (slot, domain_id, client_id, since, until) VALUES ${tenure(40)}, ${tenure(20)}`,
    );
    const done = server.nextLine(/housekeeping done/);
    server.signal(signal);
    expect(JSON.parse(await done)).toMatchObject({ level: "info", tenures: 1 });
    const rows = await query(database, "SELECT count(*) AS n FROM history");
    expect(rows[0]!.n).toBe(1);
  },
);

test.skipIf(deno === undefined).each([
  ["by a timer", []],
  ["by Deno.cron", ["--unstable-cron"]],
] as const)(`housekeeping %s does not keep a process alive after SIGTERM${skipped}`, async (_, flags) => {
  const { server } = await open(flags);
  server.signal("SIGTERM");
  await server.ended;
});
