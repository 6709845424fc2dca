/**
 * The relay's command with its real actions, for `apportion-relay` and `apportion relay`.
 *
 * @module
 */
import type { Command } from "commander";
import type { LogFlags } from "../../src/log/options.ts";
import { createProgramLog } from "../../src/log/program-log.ts";
import { print } from "../../src/program-output.ts";
import { describeMisspelt, findMisspelt } from "../../src/setting-names.ts";
import type { RelayConfig } from "../config/config.ts";
import { relayCommand } from "./command.ts";
import { startDaemon } from "./daemon.ts";
import { connectServiceManager } from "../../src/service-manager.ts";
import { readStatus } from "./status.ts";

/**
 * Creates the command.
 *
 * @param name What its help calls it.
 */
export function relayProgram(name: string): Command {
  const printLine = (line: string): void => {
    print(`${line}\n`);
  };
  return relayCommand({ run, readStatus, print: printLine }, process.env).name(name);
}

async function run(readConfig: () => RelayConfig, flags: LogFlags): Promise<void> {
  const log = createProgramLog(flags);
  for (const each of findMisspelt(process.env)) log.warn(describeMisspelt(each));
  const starting = startDaemon(readConfig, log, flags.logLevel);
  // Handle SIGHUP from the start, because by default it ends the process. A reload waits until the relay has started.
  process.on("SIGHUP", () => {
    starting.then(
      (daemon) => daemon.reload(),
      () => undefined,
    );
  });
  const daemon = await starting;
  const manager = connectServiceManager({ environment: process.env, log });
  // Log lines that cannot be written must not keep the process running.
  const stop = (): void => void Promise.all([manager.stopping(), daemon.close()]).then(() => process.exit());
  // Handle the first signal only: a second one ends the process at once, which is the default.
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  await manager.ready("serving");
}
