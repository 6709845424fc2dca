/**
 * `apportion allocator`: runs the allocator alone, in its own process.
 *
 * @module
 */
import { Command } from "commander";
import {
  applyFile,
  awaitStore,
  fileModeOf,
  logWarnings,
  readDeclaration,
  startAllocator,
} from "../runtime/node.ts";
import type { AccessSettings, ConfigMode } from "../runtime/node.ts";
import { addLogFlags } from "../log/options.ts";
import type { LogFlags } from "../log/options.ts";
import { tryToListen } from "../runtime/http-server.ts";
import type { ListenAddress } from "../runtime/http-server.ts";
import { readConfig } from "../runtime/config.ts";
import { withCredentials } from "../runtime/credentials.ts";
import { startHousekeeping } from "../runtime/housekeeping.ts";
import { addHousekeepingFlags, housekeepingSettings } from "./housekeeping-options.ts";
import type { HousekeepingFlags } from "./housekeeping-options.ts";
import { allocatorListenOption, trustedProxyOption } from "./listen-address.ts";
import { configModeOption } from "./config-mode.ts";
import { connectServiceManager } from "../service-manager.ts";
import type { Store } from "../store/store.ts";
import { databaseOption, databaseSetting } from "./database-options.ts";
import { createServiceLog } from "./service-log.ts";
import { exitOnFailure, stopOnSignal } from "./process.ts";

interface Options extends HousekeepingFlags, LogFlags {
  readonly config?: string;
  readonly configMode?: ConfigMode;
  readonly database?: string;
  readonly http: ListenAddress;
  readonly trustedProxy?: AccessSettings["trustedProxies"];
}

/** Creates the command. */
export function allocatorCommand(): Command {
  const command = new Command("allocator")
    .description("run the allocator: serve relays and the admin API over HTTP, on a libSQL database")
    .addOption(allocatorListenOption())
    .addOption(trustedProxyOption())
    .addOption(databaseOption())
    .option("--config <file>", "declared state (JSON or YAML) to apply before serving requests")
    .addOption(configModeOption());
  return addHousekeepingFlags(addLogFlags(command)).action(exitOnFailure(runAllocator));
}

async function runAllocator(options: Options, command: Command): Promise<void> {
  const stopWith = stopOnSignal();
  const log = createServiceLog(options);
  const setting = databaseSetting(command);
  const config = readConfig(
    {
      ...withCredentials(process.env),
      ...(options.database !== undefined && { APPORTION_DATABASE_URL: options.database }),
    },
    (variable) =>
      variable === "APPORTION_DATABASE_URL" && options.database !== undefined ? setting : variable,
  );
  const declaration = options.config === undefined ? undefined : await readDeclaration(options.config);
  // Another allocator on this port may still use the database.
  await tryToListen(options.http);
  const manager = connectServiceManager({ environment: process.env, log });
  const begin = async (opened: Store): Promise<void> => {
    if (declaration !== undefined)
      await applyFile(opened, declaration, log, fileModeOf(options.config!, options.configMode));
    await logWarnings(opened, log);
  };
  // A start job that lasts as long as an outage would delay the boot and package upgrades. /readyz tells whether it serves.
  const onAway = (): void => void manager.ready("waiting for a database server");
  const store = await awaitStore({ ...config.store, setting }, log, begin, { onAway });
  const access = { ...config, trustedProxies: options.trustedProxy };
  const allocator = await startAllocator(store, access, options.http, log);
  log.info({ url: allocator.url }, "allocator listening");
  const stopHousekeeping = startHousekeeping(store.maintenance, housekeepingSettings(options), log);
  stopWith(async () => {
    await manager.stopping();
    await stopHousekeeping();
    await allocator.close();
    log.info({ counters: allocator.counters.snapshot() }, "allocator stopped");
  });
  await manager.ready("serving");
}
