/**
 * `apportion migrate`: upgrades a database to the schema of this release, before allocators of this release use it.
 *
 * @module
 */
import { Command } from "commander";
import { databaseCommandMsMax } from "../limits.ts";
import { logLevelOption } from "../log-level.ts";
import type { LogLevel } from "../log-level.ts";
import { print } from "../program-output.ts";
import type { ConfigMode } from "../runtime/node.ts";
import {
  applyFile,
  fileModeOf,
  logWarnings,
  migrate,
  prepareStore,
  readDeclaration,
} from "../runtime/node.ts";
import { configModeOption } from "./config-mode.ts";
import { addDatabaseFlags, databaseOf } from "./database-options.ts";
import { createLog } from "./log.ts";
import { exitOnFailure } from "./process.ts";

interface Options {
  readonly config?: string;
  readonly configMode?: ConfigMode;
  readonly logLevel?: LogLevel;
}

/** Creates the command. */
export function migrateCommand(): Command {
  return addDatabaseFlags(new Command("migrate"))
    .description("upgrade a database to the schema of this release; safe to repeat")
    .option("--config <file>", "declared state (JSON or YAML) to apply after the migrations")
    .addOption(configModeOption())
    .addOption(logLevelOption())
    .action(exitOnFailure(runMigrate));
}

async function runMigrate({ config, configMode, logLevel }: Options, command: Command): Promise<void> {
  const declaration = config === undefined ? undefined : await readDeclaration(config);
  const access = databaseOf(command);
  const { applied, present } = await migrate(access, databaseCommandMsMax);
  for (const name of applied) print(`applied ${name}\n`);
  print(
    applied.length === 0
      ? `nothing to do: the database has all ${present.length} migrations\n`
      : `done: ${applied.length} applied, ${present.length} already present\n`,
  );
  if (declaration === undefined) return;
  const store = await prepareStore(access, databaseCommandMsMax);
  try {
    const log = createLog(logLevel);
    await applyFile(store, declaration, log, fileModeOf(config!, configMode));
    await logWarnings(store, log);
  } finally {
    store.close();
  }
}
