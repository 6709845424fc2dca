/**
 * The flags of commands that open a database directly. Each can also be set by an environment variable.
 *
 * @module
 */
import { Option } from "commander";
import type { Command } from "commander";
import { addTokenFlags, tokenOf } from "./token-options.ts";
import type { TokenPurpose } from "./token-options.ts";

export const serverToken: TokenPurpose = {
  description: "token of the database server",
  variable: "APPORTION_DATABASE_TOKEN",
};

/** Creates the flag of the database. {@link databaseSetting} says where its value comes from. */
export function databaseOption(): Option {
  return new Option("--database <url>", "file:PATH, http(s)://… or libsql://…").env("APPORTION_DATABASE_URL");
}

/** @returns The flag or the variable that names the database. */
export function databaseSetting(command: Command): string {
  return command.getOptionValueSource("database") === "cli" ? "--database" : "APPORTION_DATABASE_URL";
}

/** Adds the flags to a command that needs a database. {@link databaseOf} reads them. */
export function addDatabaseFlags(command: Command): Command {
  return addTokenFlags(command.addOption(databaseOption().makeOptionMandatory()), serverToken);
}

/** @returns The database that the flags or variables name, and the setting that names it. */
export function databaseOf(command: Command): {
  readonly url: string;
  readonly setting: string;
  readonly token: string | undefined;
} {
  const { database: url } = command.opts<{ readonly database: string }>();
  return { url, setting: databaseSetting(command), token: tokenOf(command, serverToken, process.env) };
}
