/**
 * Finds external commands that some tests run and that may not be installed.
 *
 * @module
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * Finds the first command that is missing.
 *
 * @returns Suffix for the test's title, such as ` (skipped: no openssl)`; empty when all commands are installed.
 */
export function whyWithout(...commands: string[]): string {
  const missing = commands.find((command) => findCommand(command) === undefined);
  return missing === undefined ? "" : ` (skipped: no ${missing})`;
}

/** @returns Path of a command; undefined when it is not on the PATH. */
export function findCommand(command: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, command)).find(canRun);
}

function canRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
