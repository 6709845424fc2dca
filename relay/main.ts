/**
 * Entry point of the relay process, `apportion-relay`.
 *
 * @module
 */
import pino from "pino";
import { removeEmptyVariables } from "../src/environment.ts";
import { logExitWaitMs, logLinesOctetsMax, logRetryMs } from "../src/limits.ts";
import { openLogLines } from "../src/log-lines.ts";
import { print, printError } from "../src/program-output.ts";
import { describeMisspelt, findMisspelt, readLogLevel } from "../src/setting-names.ts";
import { reportUsage } from "../src/usage-fault.ts";
import { relayCommand } from "./service/command.ts";
import type { RelayConfig } from "./config/config.ts";
import { startDaemon } from "./service/daemon.ts";
import { connectServiceManager } from "./service/service-manager.ts";
import { readStatus } from "./service/status.ts";

async function run(readConfig: () => RelayConfig): Promise<void> {
  const level = readLogLevel(process.env);
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
  const manager = connectServiceManager({
    environment: process.env,
    onFailed: ({ message }) => {
      log.warn({ error: message }, "cannot notify systemd: is systemd-notify installed?");
    },
  });
  // Log lines that cannot be written must not keep the process running.
  const stop = (): void => void Promise.all([manager.stopping(), daemon.close()]).then(() => process.exit());
  // Handle the first signal only: a second one ends the process at once, which is the default.
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  await manager.ready("serving");
}

const printLine = (line: string): void => {
  print(`${line}\n`);
};

removeEmptyVariables(process.env);

try {
  const command = relayCommand({ run, readStatus, print: printLine }, process.env);
  await reportUsage(command, { print, printError }).parseAsync();
} catch (error) {
  printError(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
