/**
 * Flags that set retention times. Each can also be set by an environment variable.
 *
 * @module
 */
import { Option } from "commander";
import type { Command } from "commander";
import {
  bindingLogDays,
  housekeepingDaysMax,
  housekeepingMinutes,
  housekeepingMinutesMax,
} from "../limits.ts";
import { parseWholeNumber } from "../wire/number.ts";
import { argument } from "./argument-parsers.ts";

/** Values of the retention flags. */
export interface KeepFlags {
  readonly historyDays?: number;
  readonly bindingLogDays: number;
}

/** Values of the retention flags of a long-running process. */
export interface HousekeepingFlags extends KeepFlags {
  readonly housekeepingMinutes: number;
}

const wholeNumber = (min: number, max: number, unit: string) =>
  argument((text) => parseWholeNumber(text, min, max), `${min} to ${max} ${unit}`);

const days = wholeNumber(1, housekeepingDaysMax, "days");

/** Adds the retention flags. */
export function addKeepFlags(command: Command): Command {
  const history = "days to keep tenures after they end";
  const log = "days to keep the binding log: how long a consumer of the binding table may be offline";
  return command
    .addOption(
      new Option("--history-days <days>", history)
        .env("APPORTION_HISTORY_DAYS")
        .default(undefined, "forever")
        .argParser(days),
    )
    .addOption(
      new Option("--binding-log-days <days>", log)
        .env("APPORTION_BINDING_LOG_DAYS")
        .default(bindingLogDays)
        .argParser(days),
    );
}

/** Adds the retention flags, and the interval at which a long-running process applies them. */
export function addHousekeepingFlags(command: Command): Command {
  const often = "minutes between deletions of expired history and logs; 0 disables them";
  return addKeepFlags(command).addOption(
    new Option("--housekeeping-minutes <minutes>", often)
      .env("APPORTION_HOUSEKEEPING_MINUTES")
      .default(housekeepingMinutes)
      .argParser(wholeNumber(0, housekeepingMinutesMax, "minutes")),
  );
}

/** Converts flags to settings. */
export function housekeepingSettings({
  historyDays,
  bindingLogDays,
  housekeepingMinutes,
}: HousekeepingFlags) {
  return { historyDays: historyDays ?? null, bindingLogDays, everyMinutes: housekeepingMinutes };
}
