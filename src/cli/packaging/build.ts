/**
 * `npm run build [FOLDER]`: makes the package that people install, in `dist/apportion` unless a folder is given. It has the
 * program as one file, the migrations that it applies, and a manifest of its own. `npm pack ./dist/apportion` makes a
 * tarball of it.
 *
 * @module
 */
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import release from "../../../package.json" with { type: "json" };
import { publishedManifest } from "./published-manifest.ts";

const root = join(import.meta.dirname, "../../..");
const folder = process.argv[2] ?? join(root, "dist/apportion");
const program = join(folder, "apportion.mjs");

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
await build({
  entryPoints: [join(root, "src/cli/main.ts")],
  outfile: program,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  // It has a native part, which is another one on each system.
  external: ["libsql"],
  // Names are kept, because readable stack traces are worth more than a smaller file.
  minifySyntax: true,
  legalComments: "eof",
  // Dependencies that are CommonJS load built-in modules with require(), which ES modules do not have. The flag is that of
  // `npm run allocator`.
  banner: {
    js: '#!/usr/bin/env -S node --max-semi-space-size=32\nimport { createRequire as bundleRequire } from "node:module";\nconst require = bundleRequire(import.meta.url);',
  },
  logLevel: "warning",
});
chmodSync(program, 0o755);
cpSync(join(root, "migrations"), join(folder, "migrations"), {
  recursive: true,
  // The snapshots are for drizzle-kit only.
  filter: (path) => !path.endsWith("_snapshot.json"),
});
for (const name of ["README.md", "CHANGELOG.md", "LICENSE"]) cpSync(join(root, name), join(folder, name));
writeFileSync(join(folder, "package.json"), `${JSON.stringify(publishedManifest(release), undefined, 2)}\n`);
