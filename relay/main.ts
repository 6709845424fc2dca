/**
 * The relay as a process of its own.
 *
 * @module
 */
import pino from "pino";
import { relayCommand } from "./service/command.ts";
import type { RelayConfig } from "./config/config.ts";
import { startDaemon } from "./service/daemon.ts";
import { connectServiceManager } from "./service/service-manager.ts";
import { readStatus } from "./service/status.ts";

async function run(readConfig: () => RelayConfig): Promise<void> {
  const log = pino({}, pino.destination(2));
  const starting = startDaemon(readConfig, log, process.env.LOG_LEVEL);
  // A SIGHUP that comes too early must not end the process, as it does by default: it is obeyed after the start.
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
      log.warn({ error: message }, "can't tell systemd how the relay is: is systemd-notify there?");
    },
  });
  const stop = (): void => void Promise.all([manager.stopping(), daemon.close()]);
  // Only once: a second signal ends the process at once, as it does by default.
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  await manager.ready("serving");
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

try {
  await relayCommand({ run, readStatus, print }, process.env).parseAsync();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
