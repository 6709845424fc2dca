/**
 * `npm run build [FOLDER]`: makes the package that people install, in `dist/apportion` unless a folder is given. It has the
 * program as one file, the migrations that it applies, and a manifest of its own. `npm pack ./dist/apportion` makes a
 * tarball of it.
 *
 * @module
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import release from "../../../package.json" with { type: "json" };
import { bundleProgram } from "../../bundle.ts";
import { publishedManifest } from "./published-manifest.ts";

const root = join(import.meta.dirname, "../../..");
const folder = resolve(process.argv[2] ?? join(root, "dist/apportion"));

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
await bundleProgram({
  entry: "src/cli/main.ts",
  outfile: join(folder, "apportion.mjs"),
  // The flag is that of `npm run allocator`.
  interpreter: "/usr/bin/env -S node --max-semi-space-size=32",
  // It has a native part, which is another one on each system.
  external: ["libsql"],
});
cpSync(join(root, "migrations"), join(folder, "migrations"), {
  recursive: true,
  // The snapshots are for drizzle-kit only.
  filter: (path) => !path.endsWith("_snapshot.json"),
});
cpSync(join(import.meta.dirname, "README.package"), join(folder, "README.md"));
for (const name of ["CHANGELOG.md", "LICENSE"]) cpSync(join(root, name), join(folder, name));
writeFileSync(join(folder, "package.json"), `${JSON.stringify(publishedManifest(release), undefined, 2)}\n`);
