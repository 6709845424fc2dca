/**
 * The command `complete`: completion for bash, zsh and fish, from the definitions of the commands.
 *
 * @module
 */
import { readdirSync } from "node:fs";
import addComplete from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import { print } from "./program-output.ts";

type Completions = ReturnType<typeof addComplete>;
type AddWord = (value: string, description: string) => void;

/** Shells that the library has a script for. */
const shells = ["zsh", "bash", "fish", "powershell"];

/** Adds the command that prints the script for a shell, and that the script asks for words. */
export function addCompletion(program: Command): void {
  const completions = addComplete(program);
  completeFiles(program, completions);
  const shell = completions.commands.get("complete")?.arguments.get("shell");
  if (shell !== undefined) {
    shell.handler = (add) => {
      for (const each of shells) add(each, "");
    };
  }
  const command = program.commands.find((each) => each.name() === "complete")!;
  command.description("generate the completion script of a shell").hook("preAction", printByUs);
}

/**
 * Prints what the library writes to the console, which hides that it cannot be written. Its script for bash makes variables
 * that cannot be set again, so a shell that reads it twice would complain.
 */
function printByUs(): void {
  console.log = (text: string): void => {
    print(`${text.replaceAll(/^readonly /gm, "")}\n`);
  };
}

/** The library completes names of commands, flags and choices. Names of files are left to its user. */
function completeFiles(command: Command, completions: Completions, path = ""): void {
  const known = path === "" ? completions : completions.commands.get(path);
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
