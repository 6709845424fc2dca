/**
 * The manifest of the package that people install. That of the checkout is for developers: it has their scripts and tools,
 * and all dependencies that the program has in it.
 *
 * @module
 */

/** What both manifests have. */
interface Release {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly engines: { readonly node: string };
  readonly dependencies: { readonly libsql: string };
}

/** @returns The manifest, as `package.json` has it. */
export function publishedManifest(release: Release): object {
  const { name, version, description, license, engines, dependencies } = release;
  return {
    name,
    version,
    description,
    keywords: ["dhcp", "4o6", "lw4o6", "map-e", "a+p", "rfc7618", "rfc7341"],
    license,
    type: "module",
    engines,
    bin: { apportion: "apportion.mjs" },
    // It is a program: nothing in it is for import.
    exports: { "./package.json": "./package.json" },
    files: ["apportion.mjs", "apportion.mjs.LEGAL.txt", "migrations", "CHANGELOG.md"],
    dependencies: { libsql: dependencies.libsql },
  };
}
