/**
 * Flags that say how long things are kept; each has a variable of the environment.
 *
 * @module
 */
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import {
  bindingLogDays,
  housekeepingDaysMax,
  housekeepingMinutes,
  housekeepingMinutesMax,
} from "../limits.ts";

/** What the flags give. */
export interface KeepFlags {
  readonly historyDays?: number;
  readonly bindingLogDays: number;
}

/** What the flags of a process that runs on give. */
export interface HousekeepingFlags extends KeepFlags {
  readonly housekeepingMinutes: number;
}

function wholeNumber(min: number, max: number, unit: string): (text: string) => number {
  return (text) => {
    const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`expected ${min} to ${max} ${unit}`);
  };
}

const days = wholeNumber(1, housekeepingDaysMax, "days");

/** Adds how long things are kept. */
export function addKeepFlags(command: Command): Command {
  const history = "days that tenures are kept after their end (default: for ever)";
  const log = "days that a consumer of the binding table may be away";
  return command
    .addOption(new Option("--history-days <days>", history).env("APPORTION_HISTORY_DAYS").argParser(days))
    .addOption(
      new Option("--binding-log-days <days>", log)
        .env("APPORTION_BINDING_LOG_DAYS")
        .default(bindingLogDays)
        .argParser(days),
    );
}

/** Adds that, and how often a process that runs on looks at it. */
export function addHousekeepingFlags(command: Command): Command {
  const often = "minutes from one deletion of what was kept long enough to the next; 0 for never";
  return addKeepFlags(command).addOption(
    new Option("--housekeeping-minutes <minutes>", often)
      .env("APPORTION_HOUSEKEEPING_MINUTES")
      .default(housekeepingMinutes)
      .argParser(wholeNumber(0, housekeepingMinutesMax, "minutes")),
  );
}

/** Flags -> settings. */
export function housekeepingSettings({
  historyDays,
  bindingLogDays,
  housekeepingMinutes,
}: HousekeepingFlags) {
  return { historyDays: historyDays ?? null, bindingLogDays, everyMinutes: housekeepingMinutes };
}
