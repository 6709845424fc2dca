/**
 * `apportion complete`: completion for bash, zsh and fish, from the definitions of the commands.
 *
 * @module
 */
import { readdirSync } from "node:fs";
import addComplete from "@bomb.sh/tab/commander";
import type { Command } from "commander";

type Completions = ReturnType<typeof addComplete>;
type AddWord = (value: string, description: string) => void;

/** Adds the command that prints the script for a shell, and that the script asks for words. */
export function addCompletion(program: Command): void {
  completeFiles(program, addComplete(program));
}

/** The library completes names of commands, flags and choices. Names of files are left to its user. */
function completeFiles(command: Command, completions: Completions, path = ""): void {
  const known = completions.commands.get(path);
  const handler = (add: AddWord): void => {
    addFiles(process.argv.at(-1) ?? "", add);
  };
  for (const { flags, long } of command.options) {
    const option = known?.options.get(long?.slice(2) ?? "");
    if (flags.endsWith(" <file>") && option !== undefined) option.handler = handler;
  }
  for (const name of ["file", "files"]) {
    const argument = known?.arguments.get(name);
    if (argument !== undefined) argument.handler = handler;
  }
  for (const each of command.commands) completeFiles(each, completions, `${path} ${each.name()}`.trim());
}

/**
 * Lists the files and folders that a word may become.
 *
 * @param word Begin of a path.
 */
function addFiles(word: string, add: AddWord): void {
  const folder = word.slice(0, word.lastIndexOf("/") + 1);
  try {
    for (const entry of readdirSync(folder === "" ? "." : folder, { withFileTypes: true }))
      add(`${folder}${entry.name}${entry.isDirectory() ? "/" : ""}`, "");
  } catch {
    // There is no such folder, so nothing can follow.
  }
}
