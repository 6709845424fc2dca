/**
 * How a command begins and ends as a process.
 *
 * @module
 */
import { Option } from "commander";
import type { Command } from "commander";

/** Adds the flags of commands that work on a database themselves; each can also come from the environment. */
export function databaseOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--url <url>", "database: file:PATH, http(s)://… or libsql://…")
        .env("APPORTION_DATABASE_URL")
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        "--token <token>",
        "token of its server; better in the environment, where no list of processes shows it",
      ).env("APPORTION_DATABASE_TOKEN"),
    );
}

/** Exit code of a process that could not start: wrong configuration, port in use, no database. */
const exitFailure = 1;

/**
 * Ends the process with the message of what went wrong, without the stack that only a programmer wants.
 * `DEBUG=1` shows it.
 */
export function exitOnFailure<A extends unknown[]>(
  run: (...args: A) => Promise<void>,
): (...args: A) => Promise<void> {
  return async (...args) => {
    try {
      await run(...args);
    } catch (error) {
      const isShown = process.env.DEBUG !== undefined || !(error instanceof Error);
      process.stderr.write(`${isShown ? describe(error) : error.message}\n`);
      process.exit(exitFailure);
    }
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/**
 * Stops in order at SIGINT and SIGTERM: what has begun is finished first. A second signal ends the process at once.
 */
export function stopOnSignal(stop: () => Promise<void>): void {
  let isStopping = false;
  const onSignal = (): void => {
    if (isStopping) process.exit(exitFailure);
    isStopping = true;
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${describe(error)}\n`);
        process.exit(exitFailure);
      },
    );
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}
