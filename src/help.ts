/**
 * The help of a command: how its flags are described, and what stands at its end.
 *
 * @module
 */
import type { Command, Option } from "commander";
import { exitCodes } from "./failure.ts";

/** What stands at the end of a command's help. */
export interface HelpEnd {
  /** Sentences about the command. */
  readonly notes?: readonly string[];
  /** Variables that it reads, apart from those that its flags name, and what they are for. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Arguments of the command, and what they do. */
  readonly examples: readonly (readonly [args: string, does: string])[];
}

const exitCodesLine =
  `Exit codes: ${exitCodes.done} done, ${exitCodes.refused} refused or failed, ` +
  `${exitCodes.usage} wrong flag, variable or file, ${exitCodes.unreachable} server unreachable.`;

const ends = new WeakMap<Command, HelpEnd>();

/** @returns The end of a command's help, for its manual page; undefined if there is none. */
export function helpEndOf(command: Command): HelpEnd | undefined {
  return ends.get(command);
}

/** Adds the end of a command's help: notes, variables, exit codes, and at last examples. */
export function endHelp(command: Command, end: HelpEnd): Command {
  const { notes = [], variables = {}, examples } = end;
  ends.set(command, end);
  const ofVariables = Object.entries(variables).map(([name, meaning]) => `  ${name}: ${meaning}`);
  return command.addHelpText("after", () => {
    const name = nameOf(command);
    const ofExamples = examples.flatMap(([args, does]) => [`  # ${does}`, `  ${`${name} ${args}`.trim()}`]);
    return [
      ...(notes.length > 0 ? ["", ...notes] : []),
      ...(ofVariables.length > 0 ? ["", "Variables:", ...ofVariables] : []),
      ...["", exitCodesLine],
      ...(examples.length > 0 ? ["", "Examples:", ...ofExamples] : []),
    ].join("\n");
  });
}

/** @returns The name of a command with those of the commands that it belongs to, as people type it. */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

/**
 * Describes a flag with its default and its variable, as text: commander shows defaults as JSON, and the value of no
 * variable.
 */
export function describeOption(option: Option): string {
  const { description, defaultValueDescription, envVar } = option;
  const choices = option.argChoices?.join(", ");
  const preset = option.negate ? undefined : (defaultValueDescription ?? textOf(option.defaultValue));
  const details = [
    ...(choices === undefined ? [] : [`one of ${choices}`]),
    ...(preset === undefined ? [] : [`default: ${preset}`]),
    ...(envVar === undefined ? [] : [`variable: ${envVar}`]),
  ];
  return details.length === 0 ? description : `${description} (${details.join("; ")})`;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : JSON.stringify(value);
}
