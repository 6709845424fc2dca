/**
 * Checks the bundle of the Worker as it would be deployed: its size, and that it imports no Node modules.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/database.ts";
import { bundleWorker } from "../support/workerd.ts";

const root = join(import.meta.dirname, "../..");

/** Largest bundle, in octets after gzip: a tenth of what Cloudflare accepts on its free plan. */
const bundleOctetsMax = 300 * 1024;

test("the bundle is smaller than 300 KiB after gzip, and imports no Node module", async () => {
  const folder = await temporaryFolder();
  await bundleWorker(folder);
  const scripts = (await readdir(folder)).filter((name) => name.endsWith(".js"));
  expect(scripts).toEqual(["worker.js"]);
  const code = await readFile(join(folder, "worker.js"), "utf8");
  expect(gzipSync(code).length).toBeLessThan(bundleOctetsMax);
  expect(code).not.toMatch(/(from|require\()\s*"(node:|fs"|ws")/);
});

test("wrangler.toml sets placement, logs and the cron trigger, and contains no secret", async () => {
  const settings = parse(await readFile(join(root, "wrangler.toml"), "utf8"));
  expect(settings).toMatchObject({
    main: "src/runtime/worker.ts",
    placement: { mode: "smart" },
    observability: { enabled: true },
    triggers: { crons: [expect.any(String)] },
  });
  expect(settings.compatibility_flags).toBeUndefined();
  expect(settings.vars).toBeUndefined();
});
