/**
 * The flags of commands that open a database directly. Each can also be set by an environment variable.
 *
 * @module
 */
import { Option } from "commander";
import type { Command } from "commander";
import { addTokenFlags, tokenOf } from "./token-options.ts";
import type { TokenPurpose } from "./token-options.ts";

const serverToken: TokenPurpose = {
  description: "token of the database server",
  variable: "APPORTION_DATABASE_TOKEN",
};

/** Adds the flags to a command. {@link databaseOf} reads them. */
export function addDatabaseFlags(command: Command): Command {
  // The help shows a default, but not the value of a variable, which may have a password.
  const database = new Option("--database <url>", "file:PATH, http(s)://… or libsql://…")
    .env("APPORTION_DATABASE_URL")
    .makeOptionMandatory();
  return addTokenFlags(command.addOption(database), serverToken);
}

/** @returns The database that the flags or variables name, and the setting that names it. */
export function databaseOf(command: Command): {
  readonly url: string;
  readonly setting: string;
  readonly token: string | undefined;
} {
  const { database: url } = command.opts<{ readonly database: string }>();
  const setting =
    command.getOptionValueSource("database") === "env" ? "APPORTION_DATABASE_URL" : "--database";
  return { url, setting, token: tokenOf(command, serverToken, process.env) };
}
