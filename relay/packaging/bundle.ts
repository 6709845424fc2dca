/**
 * `npm run build:relay [FILE]`: bundles the relay and all its imports into one file, which runs on plain Node 20 and
 * later, and on Deno, without node_modules.
 *
 * @module
 */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "../..");
const outfile = process.argv[2] ?? join(root, "dist/apportion-relay.mjs");

await build({
  entryPoints: [join(root, "relay/main.ts")],
  outfile,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  // Keep names, because readable stack traces are worth more than a smaller file.
  minifySyntax: true,
  legalComments: "eof",
  // Some dependencies are CommonJS and load built-in modules with require(), which ES modules do not have.
  banner: {
    js: '#!/usr/bin/env node\nimport { createRequire as bundleRequire } from "node:module";\nconst require = bundleRequire(import.meta.url);',
  },
  logLevel: "warning",
});
chmodSync(outfile, 0o755);
