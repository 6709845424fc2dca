/**
 * Faults of the allocator's settings: variables of the environment, or of a file of them.
 *
 * @module
 */
import { InvalidArgumentError } from "commander";
import type { Option } from "commander";
import { withoutEmptyVariables } from "../environment.ts";
import { findConfigFaults } from "../runtime/config.ts";
import type { SettingFault } from "../runtime/config.ts";
import { findMisspelt, misspeltFound } from "../setting-names.ts";
import { describeValue } from "../usage-fault.ts";
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
  const faults = findConfigFaults(set).filter(({ name }) => isWhole || set[variableOf(name)] !== undefined);
  const ofFlags = allocatorCommand()
    .options.flatMap((option) => findOptionFaults(option, set))
    .filter(({ name }) => faults.every((each) => variableOf(each.name) !== name));
  const misspelt = findMisspelt(set).map((each) => ({
    name: each.variable,
    found: misspeltFound,
    expected: `${each.nearest}?`,
  }));
  return [...faults, ...ofFlags, ...misspelt];
}

/** @param path Name of a variable, or of a field in it. */
export const variableOf = (path: string): string => path.split(".", 1)[0]!;

/** Reads the variable of a flag as the command does. */
function findOptionFaults(option: Option, environment: Environment): SettingFault[] {
  const { envVar: name, parseArg } = option;
  const value = name === undefined ? undefined : environment[name];
  if (name === undefined || value === undefined || parseArg === undefined) return [];
  try {
    parseArg.call(option, value, undefined);
    return [];
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return [{ name, ...describeValue(value, error.message) }];
  }
}
