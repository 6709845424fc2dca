/**
 * A side of a comparison: a folder with a checkout of this project, and the packages of that checkout.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import * as v from "valibot";

/** A checkout to measure. */
export interface Side {
  /** Absolute path. */
  readonly folder: string;
  /** Its git revision; undefined when the folder is not a repository. */
  readonly revision: Revision | undefined;
}

/** The git revision of a checkout. */
export interface Revision {
  /** Output of `git describe --always --tags`. */
  readonly name: string;
  readonly commit: string;
  /** Whether a tracked file differs from the commit. */
  readonly isDirty: boolean;
}

/** The checkout that contains this file. */
export const thisFolder = join(import.meta.dirname, "../..");

/** Names of the two sides in reports and JSON: this checkout, and the one given with `--against`. */
export const sideNames = ["this", "other"] as const;
export type SideName = (typeof sideNames)[number];

/** Scripts that a checkout must have. */
const scripts = ["src/cli/main.ts", "relay/main.ts"];

/**
 * Checks whether a folder can be a side.
 *
 * A side runs with its own packages only. If `node_modules` were missing, Node would look for them in the folders
 * above, and a checkout inside another one would silently be measured with the packages of the outer one.
 *
 * @returns A sentence that describes the fault; undefined when the folder can be a side.
 */
export function faultOfCheckout(folder: string): string | undefined {
  const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!isFolder(folder)) return "Found no such folder, expected a checkout of Apportion.";
  const name = packageName(join(folder, "package.json"));
  if (name === undefined) return "Found no package.json in it, expected a checkout of Apportion.";
  if (name !== "apportion") return `Found a package.json of ${name}, expected a checkout of Apportion.`;
  const missing = scripts.find((script) => !existsSync(join(folder, script)));
  if (missing !== undefined) return `Found no ${missing} in it, expected a checkout of Apportion.`;
  if (isFolder(join(folder, "node_modules/tsx"))) return undefined;
  return "Found no node_modules with tsx in it, expected its own packages; run npm ci there.";
}

/** @returns The name in a package.json; `(no name)` when it has none; undefined when the file is missing. */
function packageName(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  return readPackage(path).name ?? "(no name)";
}

/**
 * Reads the flags that a checkout gives to Node where it starts a program, so that it is measured as it is run.
 *
 * @param program - Name of a script in its package.json, such as `allocator`.
 * @returns The flags between `node` and `--import`; none when it has no such script, or one that does not begin so.
 */
export function nodeFlagsOf({ folder }: Pick<Side, "folder">, program: string): string[] {
  const command = readPackage(join(folder, "package.json")).scripts?.[program];
  const flags = /^node (?<flags>.*?) ?--import tsx /.exec(command ?? "")?.groups?.flags;
  return flags?.split(" ").filter((flag) => flag !== "") ?? [];
}

const packageSchema = v.object({
  name: v.optional(v.string()),
  scripts: v.optional(v.record(v.string(), v.string())),
});

/** Reads a package.json. A file that is not one has neither name nor scripts. */
function readPackage(path: string): v.InferOutput<typeof packageSchema> {
  try {
    return v.parse(packageSchema, JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return {};
  }
}

/** Opens a folder that {@link faultOfCheckout} accepts as a side. */
export async function openSide(folder: string): Promise<Side> {
  const absolute = realpathSync(folder);
  return { folder: absolute, revision: await readRevision(absolute) };
}

/** Reads the git revision. If the folder is not the root of its repository, that commit does not describe it. */
async function readRevision(folder: string): Promise<Revision | undefined> {
  const git = async (...flags: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)("git", ["-C", folder, ...flags]);
    return stdout.trim();
  };
  try {
    if ((await git("rev-parse", "--show-toplevel")) !== folder) return undefined;
    return {
      name: await git("describe", "--always", "--tags"),
      commit: await git("rev-parse", "HEAD"),
      isDirty: (await git("status", "--porcelain", "--untracked-files=no")) !== "",
    };
  } catch {
    return undefined;
  }
}
