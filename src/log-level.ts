/**
 * The level of a program's log: `--log-level`, or the variable `LOG_LEVEL`.
 *
 * @module
 */
import { Option } from "commander";

const logLevels = ["debug", "info", "warn", "error", "silent"] as const;

/** A level of the log. */
export type LogLevel = (typeof logLevels)[number];

/**
 * Creates the flag.
 *
 * @param preset What its help shows as default.
 */
export function logLevelOption(preset = "info"): Option {
  return new Option("--log-level <level>", "least important lines that are logged")
    .env("LOG_LEVEL")
    .choices(logLevels)
    .default(undefined, preset);
}
