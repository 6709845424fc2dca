/**
 * What a program says about a wrong command line: one line with the name of the flag or the variable, what was found,
 * and what was expected.
 *
 * @module
 */
import process from "node:process";
import type { Command } from "commander";
import { exitCodes } from "./failure.ts";
import { describeOption } from "./help.ts";

/** Where a command prints its help, and its faults. */
export interface UsageOutput {
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
}

/**
 * Makes a command and its subcommands report a wrong command line in one line, end with the code for it, and describe their
 * flags in the form of {@link describeOption}.
 */
export function reportUsage(command: Command, output: UsageOutput): Command {
  command.configureOutput({
    writeOut: output.print,
    writeErr: output.printError,
    outputError: (text, write) => {
      write(`${describeUsageFault(text, command)}\n`);
    },
  });
  command.configureHelp({ optionDescription: describeOption });
  command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? exitCodes.done : exitCodes.usage));
  for (const each of command.commands) reportUsage(each, output);
  return command;
}

/** What is wrong with a value. */
export interface ValueFault {
  readonly found: string;
  readonly expected: string;
}

/**
 * Describes a value that the parser of a flag refused. It stands in one line, whatever it contains.
 *
 * @param why The parser's message.
 */
export function describeValue(value: string, why: string): ValueFault {
  return { found: JSON.stringify(value), expected: expectation(why) };
}

const refusal = (name: string, value: string, why: string): string => {
  const { found, expected } = describeValue(value, why);
  return `${name}: found ${found}, expected ${expected}`;
};

/** Forms of commander's messages, and what is said instead. */
const forms: readonly [RegExp, (parts: readonly string[], command: Command) => string][] = [
  [
    /^option '.*' value '(.*)' from env '(\w+)' is invalid\. (.*)$/s,
    ([value, variable, why]) => refusal(variable!, value!, why!),
  ],
  [
    /^option '(?:-\w, )?(--[\w-]+).*?' argument '(.*)' is invalid\. (.*)$/s,
    ([flag, value, why]) => refusal(flag!, value!, why!),
  ],
  [
    /^required option '((--[\w-]+).*)' not specified$/s,
    ([flags, flag], { options }) => {
      const variable = options.find((each) => each.flags === flags)?.envVar;
      return `${flag}: found nothing, expected a value${variable === undefined ? "" : `, here or in ${variable}`}`;
    },
  ],
  [
    /^option '(--[\w-]+).*' argument missing$/s,
    ([flag]) => `${flag}: found nothing after it, expected a value`,
  ],
  [
    /^unknown option '(.*?)'(?:\n\(Did you mean (.*)\?\))?$/s,
    ([flag, near]) =>
      `${flag}: found an unknown flag, expected ${near === undefined ? "one that --help lists" : `${near}, or another that --help lists`}`,
  ],
  [
    /^unknown command '(.*?)'(?:\n\(Did you mean (.*)\?\))?$/s,
    ([name, near]) =>
      `${name}: found an unknown command, expected ${near === undefined ? "one that --help lists" : `${near}, or another that --help lists`}`,
  ],
  [
    /^option '(--[\w-]+).*' cannot be used with option '(--[\w-]+).*'$/s,
    ([flag, other]) => `${flag}: found ${other} beside it, expected one of them`,
  ],
  [
    /^command-argument value '(.*)' is invalid for argument '(.*)'\. (.*)$/s,
    ([value, name, why]) => refusal(`<${name!}>`, value!, why!),
  ],
  [/^missing required argument '(.*)'$/s, ([name]) => `<${name}>: found nothing, expected a value`],
  [
    /^too many arguments.* Expected (\d+) arguments? but got (\d+)(?:: (.*))?\.$/s,
    ([expected, found]) =>
      `found ${found} arguments, expected ${expected}; --help lists the flags and commands`,
  ],
];

/**
 * Rewrites a message of commander.
 *
 * @param text Its message, with `error: ` and a suggestion on a second line.
 */
export function describeUsageFault(text: string, command: Command): string {
  const message = text.replace(/^error: /, "").trim();
  for (const [form, describe] of forms) {
    const found = form.exec(message);
    if (found !== null) return `Cannot read the command line: ${describe(found.slice(1), command)}`;
  }
  return `Cannot read the command line: ${message.replaceAll("\n", " ")}`;
}

/** The part of a parser's message that says what it expected. */
function expectation(why: string): string {
  const choices = /^Allowed choices are (.*)$/s.exec(why)?.[1];
  const other = choices === undefined ? `another value: ${why}` : `one of ${choices}`;
  return (/expected (.*)$/is.exec(why)?.[1] ?? other).replace(/\.$/, "");
}
