/**
 * The flags of a program's log, and the variables that they override: the level of its lines, and their form.
 *
 * @module
 */
import { Option } from "commander";
import type { Command } from "commander";

const logLevels = ["debug", "info", "warn", "error", "silent"] as const;

/** A level of the log. */
export type LogLevel = (typeof logLevels)[number];

const logFormats = ["text", "json"] as const;

/** A form of log lines: text for people, or JSON for programs. */
export type LogFormat = (typeof logFormats)[number];

/** Values of the flags. */
export interface LogFlags {
  readonly logLevel?: LogLevel;
  readonly logFormat?: LogFormat;
}

/**
 * Adds the flags to a command.
 *
 * @param presetLevel What its help shows as default of the level.
 */
export function addLogFlags(command: Command, presetLevel = "info"): Command {
  return command
    .addOption(
      new Option("--log-level <level>", "least important lines that are logged")
        .env("LOG_LEVEL")
        .choices(logLevels)
        .default(undefined, presetLevel),
    )
    .addOption(
      new Option("--log-format <form>", "form of log lines")
        .env("LOG_FORMAT")
        .choices(logFormats)
        .default(undefined, "text on a terminal, json elsewhere"),
    );
}
