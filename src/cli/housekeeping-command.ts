/**
 * `apportion housekeeping`: deletes what has been kept long enough, once. For a timer of the system.
 *
 * @module
 */
import { Command } from "commander";
import { prepareDatabase } from "../runtime/node.ts";
import { keepHouse } from "../store/evidence/retention.ts";
import { addKeepFlags } from "./housekeeping-options.ts";
import type { KeepFlags } from "./housekeeping-options.ts";
import { exitOnFailure } from "./process.ts";

interface Options extends KeepFlags {
  readonly database: string;
}

/** Creates the command. */
export function housekeepingCommand(): Command {
  const command = new Command("housekeeping")
    .description("delete evidence and change logs that have been kept long enough")
    .requiredOption(
      "--database <url>",
      "file:PATH, http(s)://… or libsql://…",
      process.env.APPORTION_DATABASE_URL,
    )
    .addHelpText("after", "\nEnvironment: APPORTION_DATABASE_URL, APPORTION_DATABASE_TOKEN.");
  return addKeepFlags(command).action(exitOnFailure(runHousekeeping));
}

async function runHousekeeping({
  database: databaseUrl,
  historyDays,
  bindingLogDays,
}: Options): Promise<void> {
  const databaseToken = process.env.APPORTION_DATABASE_TOKEN;
  const database = await prepareDatabase({ databaseUrl, databaseToken });
  try {
    const report = await keepHouse(database, { historyDays: historyDays ?? null, bindingLogDays });
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } finally {
    database.close();
  }
}
