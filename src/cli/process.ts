/**
 * Shared parts of commands that run as processes: database flags, failures, and signals.
 *
 * @module
 */
import { Option } from "commander";
import { printError } from "../program-output.ts";
import type { Command } from "commander";

/**
 * Adds the flags of a command that opens a database directly. Each can also be set by an environment variable. `--url`
 * is the name that 0.1.0 had for `--database`.
 */
export function databaseOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--database <url>", "file:PATH, http(s)://… or libsql://…").env("APPORTION_DATABASE_URL"),
    )
    .addOption(new Option("--url <url>").hideHelp())
    .addOption(
      new Option(
        "--token <token>",
        "token of the database server; better set in the environment, because process lists show flags",
      ).env("APPORTION_DATABASE_TOKEN"),
    );
}

/**
 * Names the setting that an option got its value from, as the operator knows it.
 *
 * @param key Name of the option as commander's values have it.
 */
export function nameOfOption(command: Command, key: string): string {
  const option = command.options.find((each) => each.attributeName() === key)!;
  return command.getOptionValueSource(key) === "env" ? option.envVar! : option.long!;
}

/** A database, and the setting that names it. */
interface NamedDatabase {
  readonly url: string;
  readonly setting: string;
}

/**
 * Reads the flags of {@link databaseOptions}. Ends the process as for a wrong command line when no database is named, or
 * two are.
 */
export function namedDatabase(command: Command): NamedDatabase {
  const { database, url: former } = command.opts<{ readonly database?: string; readonly url?: string }>();
  if (former === undefined) {
    // Commander's own text, so that the fault is reported as for other flags.
    if (database === undefined) command.error("error: required option '--database <url>' not specified");
    return { url: database, setting: nameOfOption(command, "database") };
  }
  if (command.getOptionValueSource("database") === "cli")
    command.error("error: --url: found --database beside it, expected one of them");
  return { url: former, setting: "--url" };
}

/** Exit code of a process that failed, for example: wrong configuration, port in use, database unreachable. */
const exitFailure = 1;

/**
 * Wraps a command so that a failure prints its message and ends the process with code 1.
 *
 * Operators do not need the stack trace; setting `DEBUG` shows it.
 */
export function exitOnFailure<A extends unknown[]>(
  run: (...args: A) => Promise<void>,
): (...args: A) => Promise<void> {
  return async (...args) => {
    try {
      await run(...args);
    } catch (error) {
      const isShown = process.env.DEBUG !== undefined || !(error instanceof Error);
      printError(`${isShown ? describe(error) : error.message}\n`);
      process.exit(exitFailure);
    }
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/**
 * Shuts down gracefully on SIGINT or SIGTERM. A second signal ends the process immediately.
 *
 * @param stop Finishes the work in progress. The process exits when it resolves.
 */
export function stopOnSignal(stop: () => Promise<void>): void {
  let isStopping = false;
  const onSignal = (): void => {
    if (isStopping) process.exit(exitFailure);
    isStopping = true;
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        printError(`${describe(error)}\n`);
        process.exit(exitFailure);
      },
    );
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}
