/**
 * The folder of the guides' examples.
 *
 * @module
 */
import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";

/** Folder of the database of a first look, in the folder that the process runs in. */
const defaultFolder = "data";

/**
 * Creates the folder of a database file if it is that of the guides' examples. Another folder that does not exist may be
 * misspelt.
 *
 * @param path The database file.
 */
export function createDefaultFolder(path: string): void {
  try {
    if (dirname(path) === defaultFolder && !existsSync(defaultFolder)) mkdirSync(defaultFolder);
  } catch {
    // Opening the database says what is wrong with the folder.
  }
}
