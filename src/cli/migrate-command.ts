/**
 * `apportion migrate`: upgrades a database to the schema of this release, before allocators of this release use it.
 *
 * @module
 */
import { Command } from "commander";
import { databaseCommandMsMax } from "../limits.ts";
import { createProgramLog } from "../log/program-log.ts";
import { addLogFlags } from "../log/options.ts";
import type { LogFlags } from "../log/options.ts";
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
import { exitOnFailure } from "./process.ts";

interface Options extends LogFlags {
  readonly config?: string;
  readonly configMode?: ConfigMode;
}

/** Creates the command. */
export function migrateCommand(): Command {
  return addLogFlags(addDatabaseFlags(new Command("migrate")))
    .description("upgrade a database to the schema of this release; safe to repeat")
    .option("--config <file>", "declared state (JSON or YAML) to apply after the migrations")
    .addOption(configModeOption())
    .action(exitOnFailure(runMigrate));
}

async function runMigrate({ config, configMode, ...logFlags }: Options, command: Command): Promise<void> {
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
    const log = createProgramLog(logFlags);
    await applyFile(store, declaration, log, fileModeOf(config!, configMode));
    await logWarnings(store, log);
  } finally {
    store.close();
  }
}
