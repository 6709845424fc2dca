/**
 * Tells whether two paths name one file. Only the file system knows: a path may be relative, have `..`, or pass a link.
 *
 * @module
 */
import { statSync } from "node:fs";

/** @returns The same text for all paths of one file; undefined when there is no file. */
export function identifyFile(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `inode:${found.dev}:${found.ino}`;
}
