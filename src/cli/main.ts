/**
 * The `apportion` command.
 *
 * @module
 */
import { Command } from "commander";
import { print, printError } from "../program-output.ts";
import { reportUsage } from "../usage-fault.ts";
import { adminCommand } from "./admin-command.ts";
import { allocatorCommand } from "./allocator-command.ts";
import { clientCommand } from "./client-command.ts";
import { housekeepingCommand } from "./housekeeping-command.ts";
import { migrateCommand } from "./migrate-command.ts";
import { startCommand } from "./start-command.ts";
import { verifyCommand } from "./verify-command.ts";

const program = new Command("apportion")
  .description("Leases shared IPv4 addresses (RFC 7618) over DHCP 4o6 (RFC 7341)")
  .addCommand(startCommand())
  .addCommand(allocatorCommand())
  .addCommand(clientCommand())
  .addCommand(adminCommand())
  .addCommand(migrateCommand())
  .addCommand(verifyCommand())
  .addCommand(housekeepingCommand());

await reportUsage(program, { print, printError }).parseAsync();
