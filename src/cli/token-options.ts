/**
 * The flags of a token: `--token`, which every user of the machine can read in the list of processes, and `--token-file`,
 * which names a file instead.
 *
 * @module
 */
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import { secretFileOctetsMax } from "../limits.ts";
import { readTextFile } from "../text-file.ts";
import type { TextFileError } from "../text-file.ts";

/** What a token is for. */
export interface TokenPurpose {
  /** The first words of the help: `token of the database server`. */
  readonly description: string;
  /** The variable that may have the token. */
  readonly variable: string;
}

/** Adds the flags of a token to a command. {@link tokenOf} reads them. */
export function addTokenFlags(command: Command, { description, variable }: TokenPurpose): Command {
  return command
    .addOption(new Option("--token <token>", `${description}; better in a file or in ${variable}`))
    .addOption(
      new Option("--token-file <file>", `file that has the ${description} in one line`).argParser(readToken),
    );
}

/** @throws {InvalidArgumentError} When the file cannot be read, or has no token. */
function readToken(path: string): string {
  let text: string;
  try {
    text = readTextFile(path, { octetsMax: secretFileOctetsMax, expected: "a file with one token" });
  } catch (error) {
    const { code, message } = error as TextFileError;
    throw new InvalidArgumentError(`Expected a file that can be read (${code ?? message.split(",", 1)[0]!})`);
  }
  const token = text.trim();
  if (token === "" || /\s/.test(token)) throw new InvalidArgumentError("Expected a file with one token");
  return token;
}

/**
 * Reads the flags of {@link addTokenFlags}. A flag has precedence over the variable. Ends the process as for a wrong command
 * line if both flags are given.
 *
 * @param environment Its variable counts if no flag is given.
 */
export function tokenOf(
  command: Command,
  { variable }: Pick<TokenPurpose, "variable">,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const { token, tokenFile } = command.opts<{ readonly token?: string; readonly tokenFile?: string }>();
  if (token !== undefined && tokenFile !== undefined)
    command.error("error: --token-file: found --token beside it, expected one of them");
  return tokenFile ?? token ?? environment[variable];
}
