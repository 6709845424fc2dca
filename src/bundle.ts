/**
 * Bundles a program of this project, for a release: one file with all that it imports, which plain Node runs.
 *
 * @module
 */
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");

/** What is bundled. */
export interface Bundled {
  /** Its entry module, from the root of the checkout. */
  readonly entry: string;
  readonly outfile: string;
  /** The command of its first line, which runs it. */
  readonly interpreter: string;
  /** Packages that are not in the file. Default: none. */
  readonly external?: string[];
}

/**
 * Makes the file, and beside it `OUTFILE.LEGAL.txt` with the licences of the libraries that are in it. Prints the name of
 * the file and its size.
 *
 * @throws {Error} When the program cannot be bundled, or a library has no licence.
 */
export async function bundleProgram({ entry, outfile, interpreter, external = [] }: Bundled): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    metafile: true,
    platform: "node",
    target: "node20",
    format: "esm",
    external,
    // Names are kept, because readable stack traces are worth more than a smaller file.
    minifySyntax: true,
    legalComments: "eof",
    // Dependencies that are CommonJS load built-in modules with require(), which ES modules do not have.
    banner: {
      js: `#!${interpreter}\nimport { createRequire as bundleRequire } from "node:module";\nconst require = bundleRequire(import.meta.url);`,
    },
    logLevel: "warning",
  });
  chmodSync(outfile, 0o755);
  writeFileSync(`${outfile}.LEGAL.txt`, licencesOf(Object.keys(metafile.inputs)));
  process.stdout.write(`${outfile} ${(statSync(outfile).size / 2 ** 20).toFixed(1)} MiB\n`);
}

/** @returns The licences of the packages that files belong to, each after the name of its package. */
function licencesOf(files: readonly string[]): string {
  const folders = files.flatMap((file) => /^(.*\bnode_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
  return [...new Set(folders)].sort().map(licenceOf).join("\n");
}

function licenceOf(folder: string): string {
  const name = folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
  const file = readdirSync(join(root, folder)).find((each) => /^(licen[cs]e|copying)/i.test(each));
  const text =
    file === undefined ? declaredLicence(name, folder) : readFileSync(join(root, folder, file), "utf8");
  const rule = "-".repeat(name.length);
  return `${name}\n${rule}\n\n${text.trim()}\n`;
}

/** Some packages name their licence only, and have no text of it. */
function declaredLicence(name: string, folder: string): string {
  const manifest = readFileSync(join(root, folder, "package.json"), "utf8");
  const { license, homepage = "" } = JSON.parse(manifest) as { license?: string; homepage?: string };
  if (license === undefined)
    throw new Error(
      `Cannot bundle ${name}: found no licence in ${folder}, expected one, in a file or the manifest`,
    );
  return `Licence: ${license} ${homepage}`;
}
