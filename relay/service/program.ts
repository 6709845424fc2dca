/**
 * The relay's command with its real actions, for `apportion-relay` and `apportion relay`.
 *
 * @module
 */
import type { Command } from "commander";
import pino from "pino";
import { logExitWaitMs, logLinesOctetsMax, logRetryMs } from "../../src/limits.ts";
import type { LogLevel } from "../../src/log-level.ts";
import { openLogLines } from "../../src/log-lines.ts";
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

async function run(readConfig: () => RelayConfig, level: LogLevel | undefined): Promise<void> {
  const lines = openLogLines(2, {
    octetsMax: logLinesOctetsMax,
    retryMs: logRetryMs,
    exitWaitMs: logExitWaitMs,
  });
  const log = Object.assign(pino({}, lines), { linesLost: lines.lost });
  for (const each of findMisspelt(process.env)) log.warn(describeMisspelt(each));
  const starting = startDaemon(readConfig, log, level);
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
