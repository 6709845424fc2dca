/**
 * `apportion housekeeping`: deletes expired history and change logs once, then exits. Meant for a system timer.
 *
 * @module
 */
import { Command } from "commander";
import { print } from "../program-output.ts";
import { openExistingStore } from "../runtime/node.ts";
import { addDatabaseFlags, databaseOf } from "./database-options.ts";
import { addKeepFlags } from "./housekeeping-options.ts";
import type { KeepFlags } from "./housekeeping-options.ts";
import { exitOnFailure } from "./process.ts";

/** Creates the command. */
export function housekeepingCommand(): Command {
  const command = new Command("housekeeping").description(
    "delete history and change logs that are older than their retention time",
  );
  return addKeepFlags(addDatabaseFlags(command)).action(exitOnFailure(runHousekeeping));
}

async function runHousekeeping({ historyDays, bindingLogDays }: KeepFlags, command: Command): Promise<void> {
  const store = await openExistingStore(databaseOf(command));
  try {
    const kept = { historyDays: historyDays ?? null, bindingLogDays };
    for await (const report of store.maintenance.runHousekeeping(kept)) {
      print(`${JSON.stringify(report)}\n`);
    }
  } finally {
    store.close();
  }
}
