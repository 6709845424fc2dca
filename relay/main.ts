/**
 * The relay as a process of its own.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import pino from "pino";
import type { Logger } from "pino";
import { relayReportIntervalMs } from "../src/limits.ts";
import { relayCommand } from "./command.ts";
import type { RelayConfig } from "./config.ts";
import { startRelay } from "./relay.ts";
import type { Relay } from "./relay.ts";

async function run(readConfig: () => RelayConfig): Promise<void> {
  const config = readConfig();
  const log = pino({ level: process.env.LOG_LEVEL ?? config.log.level }, pino.destination(2));
  const relay = await startRelay(config, { log });
  const stopReports = reportCounters(relay, log);
  const stop = (): void => {
    stopReports();
    void relay.close().then(() => {
      log.info(relay.counters.snapshot(), "relay stopped");
    });
  };
  // Only once: a second signal ends the process at once, as it does by default.
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

/** Logs the counters now and then, when they have changed. */
function reportCounters({ counters }: Relay, log: Logger): () => void {
  let last = counters.snapshot();
  const timer = setInterval(() => {
    const now = counters.snapshot();
    if (!isDeepStrictEqual(now, last)) log.info(now, "relay counters");
    last = now;
  }, relayReportIntervalMs);
  return () => {
    clearInterval(timer);
  };
}

try {
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  await relayCommand({ run, print }, process.env).parseAsync();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
