/**
 * The `apportion` command.
 *
 * @module
 */
import { Command } from "commander";
import { relayProgram } from "../../relay/service/program.ts";
import { removeEmptyVariables } from "../environment.ts";
import { exitCodeOf } from "../failure.ts";
import { print, printError } from "../program-output.ts";
import { describeMisspelt, findMisspelt } from "../setting-names.ts";
import { reportUsage } from "../usage-fault.ts";
import { version } from "../version.ts";
import { adminCommand } from "./admin-command.ts";
import { allocatorCommand } from "./allocator-command.ts";
import { clientCommand } from "./client-command.ts";
import { housekeepingCommand } from "./housekeeping-command.ts";
import { migrateCommand } from "./migrate-command.ts";
import { startCommand } from "./start-command.ts";
import { verifyCommand } from "./verify-command.ts";

removeEmptyVariables(process.env);

const services = new Set<Command>();

function service(command: Command): Command {
  services.add(command);
  return command;
}

/** A service names misspelt variables in its log. */
function warnOfMisspelt(command: Command): void {
  if (services.has(command)) return;
  for (const each of findMisspelt(process.env)) printError(`warning: ${describeMisspelt(each)}\n`);
}

const program = new Command("apportion")
  .description("Leases shared IPv4 addresses (RFC 7618) over DHCP 4o6 (RFC 7341)")
  .version(version, "--version", "print the version of this release")
  .addCommand(service(startCommand()))
  .addCommand(service(allocatorCommand()))
  .addCommand(service(relayProgram("relay")))
  .addCommand(clientCommand())
  .addCommand(adminCommand())
  .addCommand(migrateCommand())
  .addCommand(verifyCommand())
  .addCommand(housekeepingCommand());

program.hook("preAction", (_, command) => {
  warnOfMisspelt(command);
});
try {
  await reportUsage(program, { print, printError }).parseAsync();
} catch (error) {
  printError(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
