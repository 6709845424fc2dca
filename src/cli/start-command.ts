/**
 * `apportion start`: runs allocator and relay in one process, on a database file. Meant for trying it out, for a lab,
 * or for a small site.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { Command } from "commander";
import { parseRelaySettings } from "../../relay/config/config.ts";
import { namingFaults } from "../../relay/config/config-error.ts";
import {
  interfaceOption,
  listenerFlagOf,
  listenersOf,
  listenOption,
} from "../../relay/config/listener-flags.ts";
import type { ListenerInput } from "../../relay/config/listener-flags.ts";
import type { Endpoint } from "../../relay/endpoint.ts";
import { startRelay } from "../../relay/relay.ts";
import { tryListeners } from "../../relay/sockets/listener.ts";
import { parseDeclaration } from "../declaration/declaration.ts";
import { addLogFlags } from "../log/options.ts";
import type { LogFlags } from "../log/options.ts";
import { printNote } from "../program-output.ts";
import { readAdminToken } from "../runtime/config.ts";
import { demoDeclaration } from "../runtime/demo.ts";
import { startHousekeeping } from "../runtime/housekeeping.ts";
import {
  applyFile,
  awaitStore,
  fileModeOf,
  logWarnings,
  readDeclaration,
  startAllocator,
} from "../runtime/node.ts";
import type { AccessSettings, ConfigMode } from "../runtime/node.ts";
import { tryToListen } from "../runtime/http-server.ts";
import type { ListenAddress } from "../runtime/http-server.ts";
import { showDatabaseUrl } from "../store/store.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import { addHousekeepingFlags, housekeepingSettings } from "./housekeeping-options.ts";
import type { HousekeepingFlags } from "./housekeeping-options.ts";
import { allocatorListenOption, trustedProxyOption } from "./listen-address.ts";
import { configModeOption } from "./config-mode.ts";
import { createServiceLog } from "./service-log.ts";
import { invocationOf } from "./invocation.ts";
import { clientFlagsFor } from "./next-step.ts";
import { exitOnFailure, stopOnSignal } from "./process.ts";

interface Options extends HousekeepingFlags, LogFlags {
  readonly config?: string;
  readonly configMode?: ConfigMode;
  readonly database: string;
  readonly http: ListenAddress;
  readonly trustedProxy?: AccessSettings["trustedProxies"];
  readonly listen?: readonly ListenerInput[];
  readonly interface?: readonly ListenerInput[];
}

/** Creates the command. */
export function startCommand(): Command {
  const command = new Command("start")
    .description("run allocator and relay in one process, on a database file")
    .option("--database <url>", "database that keeps the leases", "file:data/apportion.db")
    .option(
      "--config <file>",
      "declared state (JSON or YAML) to apply; without one, an empty database gets a demo domain",
    )
    .addOption(configModeOption())
    .addOption(allocatorListenOption())
    .addOption(trustedProxyOption())
    .addOption(listenOption())
    .addOption(interfaceOption());
  return addHousekeepingFlags(addLogFlags(command)).action(exitOnFailure(runStart));
}

async function runStart(options: Options): Promise<void> {
  const stopWith = stopOnSignal();
  const log = createServiceLog(options);
  // Only the relay in this process uses the token, so it need not outlive the process.
  const token = encodeBase64url(randomBytes(32));
  const adminToken = readAdminToken(process.env);
  const declaration = options.config === undefined ? undefined : await readDeclaration(options.config);
  const listeners = listenersOf(options);
  const relaySettings = (allocatorUrl: string) =>
    namingFaults(
      (path) => listenerFlagOf(path, options) ?? path,
      () => parseRelaySettings({ allocator: { urls: [allocatorUrl] }, listeners }),
    );
  // Reject wrong flags, and ports in use, before a database is created or changed.
  await tryListeners(relaySettings("http://127.0.0.1").listeners);
  await tryToListen(options.http);
  const file = options.config === undefined ? undefined : fileModeOf(options.config, options.configMode);
  const store = await awaitStore({ url: options.database, setting: "--database" }, log, async (opened) => {
    const { domains } = await opened.partitions[0].loadDirectory();
    const wanted =
      declaration ?? (domains.length === 0 ? parseDeclaration(demoDeclaration, "demo") : undefined);
    if (wanted !== undefined) await applyFile(opened, wanted, log, file);
    await logWarnings(opened, log);
  });

  const access = { relayToken: token, adminToken, trustedProxies: options.trustedProxy };
  const allocator = await startAllocator(store, access, options.http, log);
  log.info({ url: allocator.url, database: showDatabaseUrl(options.database) }, "allocator listening");
  const relay = await startRelay({ ...relaySettings(allocator.url), secrets: { token } }, { log });
  const stopHousekeeping = startHousekeeping(store.maintenance, housekeepingSettings(options), log);
  stopWith(async () => {
    await stopHousekeeping();
    await relay.close();
    await allocator.close();
    log.info({ counters: allocator.counters.snapshot() }, "stopped");
  });
  printNextStep(relay.addresses);
}

/** Tells a newcomer which command to run next. */
function printNextStep(listeners: readonly Endpoint[]): void {
  // A closed standard output does not stop the service.
  printNote(`
Apportion is running. In a second terminal:

  ${invocationOf("client")} lease${clientFlagsFor(listeners)}

`);
}
