/**
 * `apportion housekeeping`: deletes expired history and change logs once, then exits. Meant for a system timer.
 *
 * @module
 */
import { Command, Option } from "commander";
import { print } from "../program-output.ts";
import { openExistingStore } from "../runtime/node.ts";
import { addKeepFlags } from "./housekeeping-options.ts";
import type { KeepFlags } from "./housekeeping-options.ts";
import { exitOnFailure, nameOfOption } from "./process.ts";

interface Options extends KeepFlags {
  readonly database: string;
}

/** Creates the command. */
export function housekeepingCommand(): Command {
  const command = new Command("housekeeping")
    .description("delete history and change logs that are older than their retention time")
    // The help shows a default, but not the value of a variable, which may have a password.
    .addOption(
      new Option("--database <url>", "file:PATH, http(s)://… or libsql://…")
        .env("APPORTION_DATABASE_URL")
        .makeOptionMandatory(),
    )
    .addHelpText("after", "\nEnvironment: APPORTION_DATABASE_URL, APPORTION_DATABASE_TOKEN.");
  return addKeepFlags(command).action(exitOnFailure(runHousekeeping));
}

async function runHousekeeping(
  { database: url, historyDays, bindingLogDays }: Options,
  command: Command,
): Promise<void> {
  const setting = nameOfOption(command, "database");
  const store = await openExistingStore({ url, token: process.env.APPORTION_DATABASE_TOKEN, setting });
  try {
    const kept = { historyDays: historyDays ?? null, bindingLogDays };
    for await (const report of store.maintenance.runHousekeeping(kept)) {
      print(`${JSON.stringify(report)}\n`);
    }
  } finally {
    store.close();
  }
}
