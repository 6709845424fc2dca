/**
 * `apportion housekeeping`: deletes what has been kept long enough, once. For a timer of the system.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { housekeepingDaysMax } from "../limits.ts";
import { prepareDatabase } from "../runtime/node.ts";
import { keepHouse } from "../store/retention.ts";
import { exitOnFailure } from "./process.ts";

interface Options {
  readonly database: string;
  readonly historyDays?: number;
  readonly bindingLogDays: number;
}

/** Creates the command. */
export function housekeepingCommand(): Command {
  return new Command("housekeeping")
    .description("delete evidence and change logs that have been kept long enough")
    .requiredOption(
      "--database <url>",
      "file:PATH, http(s)://… or libsql://…",
      process.env.APPORTION_DATABASE_URL,
    )
    .option(
      "--history-days <days>",
      "days that tenures are kept after their end (default: for ever)",
      parseDays,
    )
    .option(
      "--binding-log-days <days>",
      "days that a consumer of the binding table may be away",
      parseDays,
      1,
    )
    .addHelpText("after", "\nEnvironment: APPORTION_DATABASE_URL, APPORTION_DATABASE_TOKEN.")
    .action(exitOnFailure(runHousekeeping));
}

function parseDays(text: string): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (days >= 1 && days <= housekeepingDaysMax) return days;
  throw new InvalidArgumentError(`expected 1 to ${housekeepingDaysMax} days`);
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
