/**
 * Faults of the allocator's settings: variables of the environment, or of a file of them as systemd reads it.
 *
 * @module
 */
import { InvalidArgumentError } from "commander";
import type { Command, Option } from "commander";
import { withoutEmptyVariables } from "../environment.ts";
import { findConfigFaults } from "../runtime/config.ts";
import type { SettingFault } from "../runtime/config.ts";
import { describeMisspelt, findMisspelt } from "../setting-names.ts";
import { describeUsageFault, usageFaultStart } from "../usage-fault.ts";
import { allocatorCommand } from "./allocator-command.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Finds all faults of settings.
 *
 * @param isWhole Whether they are all that the allocator has, so that those which it requires must be there. Otherwise
 *   they are a part: a token may also be a credential of systemd.
 */
export function findSettingFaults(environment: Environment, isWhole: boolean): readonly SettingFault[] {
  const set = withoutEmptyVariables(environment);
  const command = allocatorCommand();
  const faults = findConfigFaults(set).filter(({ name }) => isWhole || set[variableOf(name)] !== undefined);
  const ofFlags = command.options
    .flatMap((option) => findOptionFaults(command, option, set))
    .filter(({ name }) => faults.every((each) => variableOf(each.name) !== name));
  const misspelt = findMisspelt(set).map((each) => ({
    name: each.variable,
    problem: describeMisspelt(each).slice(`${each.variable}: `.length),
  }));
  return [...faults, ...ofFlags, ...misspelt];
}

/** @param path Name of a variable, or of a field in it. */
export const variableOf = (path: string): string => path.split(".", 1)[0]!;

/** Reads the variable of a flag as the command does. */
function findOptionFaults(command: Command, option: Option, environment: Environment): SettingFault[] {
  const { envVar: name, parseArg, flags } = option;
  const value = name === undefined ? undefined : environment[name];
  if (name === undefined || value === undefined || parseArg === undefined) return [];
  try {
    parseArg.call(option, value, undefined);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    const message = `option '${flags}' value '${value}' from env '${name}' is invalid. ${error.message}`;
    const described = describeUsageFault(message, command);
    return [{ name, problem: described.slice(`${usageFaultStart} ${name}: `.length) }];
  }
}
