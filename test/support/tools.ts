/**
 * Commands that a test asks and that need not be installed.
 *
 * @module
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * Finds out which command keeps a test from running here.
 *
 * @returns For the test's title: empty, or ` (skipped: no openssl)` and the like.
 */
export function whyWithout(...commands: string[]): string {
  const missing = commands.find((command) => findCommand(command) === undefined);
  return missing === undefined ? "" : ` (skipped: no ${missing})`;
}

/** @returns Where a command is on the PATH; undefined when it is not there. */
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
