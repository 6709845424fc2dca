/**
 * Prints the manual page apportion(1), which is made from the commands themselves, so that it has every flag.
 *
 * @module
 */
import type { Command } from "commander";
import { exitCodes } from "../../failure.ts";
import { describeOption } from "../../help.ts";
import { createProgram } from "../program.ts";

/** Text as roff: a hyphen is a minus, and no line begins a request. */
const roff = (text: string): string =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^([.'])/gm, "\\&$1");

const usageOf = (command: Command): string =>
  [
    ...command.registeredArguments.map((each) => (each.required ? `<${each.name()}>` : `[${each.name()}]`)),
  ].join(" ");

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
    ...command.commands.flatMap((each) => sectionsOf(each, `${path} ${each.name()}`)),
  ];
}

const program = createProgram();
const page = [
  '.TH APPORTION 1 "" "Apportion" "User Commands"',
  ".SH NAME",
  "apportion \\- lease shared IPv4 addresses over DHCP 4o6",
  ".SH SYNOPSIS",
  ".B apportion",
  ".I COMMAND",
  ".RI [ options ]",
  ".SH DESCRIPTION",
  roff(`${program.description()}. The option --help of each command also shows examples.`),
  ".SH COMMANDS",
  ...program.commands.flatMap((each) => sectionsOf(each, `apportion ${each.name()}`)),
  ".SH EXIT STATUS",
  `${exitCodes.done} done; ${exitCodes.refused} refused or failed; ${exitCodes.usage} wrong flag, variable or file;`,
  `${exitCodes.unreachable} server unreachable.`,
  ".SH SEE ALSO",
  ".BR apportion\\-allocator (8),",
  ".BR apportion\\-relay (8)",
];
process.stdout.write(`${page.join("\n")}\n`);
