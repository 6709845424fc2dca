/**
 * The Worker as it would be deployed: small enough to start in a moment, and without Node's modules.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/database.ts";
import { bundleWorker } from "../support/workerd.ts";

const root = join(import.meta.dirname, "../..");

/** Octets after gzip: a tenth of what Cloudflare takes on its free plan. */
const bundleOctetsMax = 300 * 1024;

test("the bundle is below 300 KiB after gzip, and asks for no module of Node", async () => {
  const folder = await temporaryFolder();
  await bundleWorker(folder);
  const scripts = (await readdir(folder)).filter((name) => name.endsWith(".js"));
  expect(scripts).toEqual(["worker.js"]);
  const code = await readFile(join(folder, "worker.js"), "utf8");
  expect(gzipSync(code).length).toBeLessThan(bundleOctetsMax);
  expect(code).not.toMatch(/(from|require\()\s*"(node:|fs"|ws")/);
});

test("wrangler.toml says where the Worker runs, that it logs and when it cleans up, and holds no secret", async () => {
  const settings = parse(await readFile(join(root, "wrangler.toml"), "utf8"));
  expect(settings).toMatchObject({
    main: "src/runtime/worker.ts",
    placement: { mode: "smart" },
    observability: { enabled: true },
    triggers: { crons: [expect.any(String)] },
  });
  expect(settings.compatibility_flags).toBeUndefined();
  expect(Object.keys(settings.vars as object)).toEqual(["APPORTION_DATABASE_URL"]);
});
