/**
 * `npm run build:relay [FILE]`: makes one file of the relay and all that it imports, which runs on plain Node 20 and
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
  // Names in stack traces are worth more than the octets.
  minifySyntax: true,
  legalComments: "eof",
  // Some of what is bundled is CommonJS and asks for built-in modules by require(), which ES modules do not have.
  banner: {
    js: '#!/usr/bin/env node\nimport { createRequire as bundleRequire } from "node:module";\nconst require = bundleRequire(import.meta.url);',
  },
  logLevel: "warning",
});
chmodSync(outfile, 0o755);
