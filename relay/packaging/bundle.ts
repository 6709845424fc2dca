/**
 * `npm run build:relay [FILE]`: bundles the relay and all its imports into one file, which runs on plain Node 20 and
 * later, and on Deno, without node_modules.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { bundleProgram } from "../../src/bundle.ts";

await bundleProgram({
  entry: "relay/main.ts",
  outfile: resolve(process.argv[2] ?? join(import.meta.dirname, "../../dist/apportion-relay.mjs")),
  interpreter: "/usr/bin/env node",
});
