/**
 * The `apportion` command with its subcommands.
 *
 * @module
 */
import { Command } from "commander";
import { relayProgram } from "../../relay/service/program.ts";
import { print, printError } from "../program-output.ts";
import { describeMisspelt, findMisspelt } from "../setting-names.ts";
import { reportUsage } from "../usage-fault.ts";
import { version } from "../version.ts";
import { adminCommand } from "./admin-command.ts";
import { allocatorCommand } from "./allocator-command.ts";
import { addCompletion } from "../completion.ts";
import { checkCommand } from "./check-command.ts";
import { clientCommand } from "./client-command.ts";
import { endHelps } from "./help-ends.ts";
import { housekeepingCommand } from "./housekeeping-command.ts";
import { loadCommand } from "./load-command.ts";
import { migrateCommand } from "./migrate-command.ts";
import { startCommand } from "./start-command.ts";
import { verifyCommand } from "./verify-command.ts";

/** Creates the command. */
export function createProgram(): Command {
  const services = [startCommand(), allocatorCommand(), relayProgram("relay")];
  const others = [
    ...[clientCommand(), loadCommand(), adminCommand(), checkCommand(), migrateCommand()],
    ...[verifyCommand(), housekeepingCommand()],
  ];
  const program = new Command("apportion")
    .description("lease shared IPv4 addresses (RFC 7618) over DHCP 4o6 (RFC 7341)")
    .version(version, "--version", "print the version of this release");
  for (const command of [...services, ...others]) program.addCommand(command);
  program.hook("preAction", (_, command) => {
    // A service names misspelt variables in its log.
    if (services.includes(command)) return;
    for (const each of findMisspelt(process.env)) printError(`warning: ${describeMisspelt(each)}\n`);
  });
  // The command that it adds takes over how the program reports.
  addCompletion(reportUsage(program, { print, printError }));
  endHelps(program);
  return reportUsage(program, { print, printError });
}
