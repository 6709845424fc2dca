/**
 * Prints the manual page apportion(1), which is made from the commands themselves, so that it has every flag.
 *
 * @module
 */
import type { Command } from "commander";
import { exitCodes } from "../../failure.ts";
import { describeOption, helpEndOf } from "../../help.ts";
import { createProgram } from "../program.ts";

/** Text as roff: a hyphen is a minus, and no line begins a request. */
const roff = (text: string): string =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^([.'])/gm, "\\&$1");

const usageOf = (command: Command): string =>
  command.registeredArguments
    .map((each) => {
      const name = `${each.name()}${each.variadic ? "..." : ""}`;
      return each.required ? `<${name}>` : `[${name}]`;
    })
    .join(" ");

/** The sections of a command and of those that belong to it. */
function sectionsOf(command: Command, path: string): string[] {
  const own = command.options.flatMap((option) => [
    ".TP",
    `.B ${roff(option.flags)}`,
    roff(describeOption(option)),
  ]);
  const name = `${path} ${usageOf(command)}`.trim();
  return [
    `.SS ${roff(name)}`,
    roff(`${command.description()}.`),
    ...own,
    ...endOf(command, path),
    ...command.commands.flatMap((each) => sectionsOf(each, `${path} ${each.name()}`)),
  ];
}

/** The notes and the examples of a command. */
function endOf(command: Command, path: string): string[] {
  const { notes = [], examples = [] } = helpEndOf(command) ?? {};
  return [
    ...notes.flatMap((note) => [".PP", roff(note)]),
    ...examples.flatMap(([args, does]) => [
      ".TP",
      `Example: \\fB${roff(`${path} ${args}`.trim())}\\fR`,
      roff(does),
    ]),
  ];
}

/** The variables that commands read, and what they are for; those of a flag have its words. */
function variablesOf(command: Command): (readonly [name: string, meaning: string])[] {
  return [
    ...command.options.flatMap(({ envVar, description }) =>
      envVar === undefined ? [] : [[envVar, description] as const],
    ),
    ...Object.entries(helpEndOf(command)?.variables ?? {}),
    ...command.commands.flatMap(variablesOf),
  ];
}

const program = createProgram();
// The first command that has a variable explains it.
const variables = new Map(variablesOf(program).reverse());
const page = [
  '.TH APPORTION 1 "" "Apportion" "User Commands"',
  ".SH NAME",
  "apportion \\- lease shared IPv4 addresses over DHCP 4o6",
  ".SH SYNOPSIS",
  ".B apportion",
  ".I COMMAND",
  ".RI [ options ]",
  ".SH DESCRIPTION",
  roff(`${program.description()}. An empty variable counts as unset.`),
  ".SH COMMANDS",
  ...program.commands.flatMap((each) => sectionsOf(each, `apportion ${each.name()}`)),
  ".SH ENVIRONMENT",
  ...[...variables]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, meaning]) => [".TP", `.B ${name}`, roff(meaning)]),
  ".SH EXIT STATUS",
  `${exitCodes.done} done; ${exitCodes.refused} refused or failed; ${exitCodes.usage} wrong flag, variable or file;`,
  `${exitCodes.unreachable} server unreachable.`,
  ".SH SEE ALSO",
  ".BR apportion\\-allocator (8),",
  ".BR apportion\\-relay (8)",
];
process.stdout.write(`${page.join("\n")}\n`);
