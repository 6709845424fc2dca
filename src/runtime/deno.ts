/**
 * The allocator on Deno: the entry module for `deno serve` and Deno Deploy. It migrates a database file when it opens
 * it. A libSQL server is migrated from a command line, as for Workers.
 *
 * ```sh
 * deno serve --port 8467 --allow-env --allow-net src/runtime/deno.ts
 * ```
 *
 * @module
 */
import process from "node:process";
import { setTimeout } from "node:timers";
import type { Hono } from "hono";
import { exitCodeOf } from "../failure.ts";
import { createApp } from "../http/app.ts";
import { createClientAddress } from "../http/client-address.ts";
import { refuseBadHost } from "../http/host.ts";
import { createCounters } from "../allocator/counters.ts";
import { startSummaries } from "../allocator/summary.ts";
import { httpGraceMs, logExitWaitMs, logLinesOctetsMax, logRetryMs, summaryIntervalMs } from "../limits.ts";
import { openLogLines } from "../log/lines.ts";
import { printError } from "../program-output.ts";
import { backgroundLater } from "../timing.ts";
import { openServer } from "../store/database/server.ts";
import { identifyFile } from "../store/database/file-identity.ts";
import { filePathOf, isFileUrl } from "../store/database/database-url.ts";
import { openStore } from "../store/store.ts";
import type { DatabaseAccess } from "../store/store.ts";
import { readConfig } from "./config.ts";
import { createLineLog } from "./console-log.ts";
import { scheduleHousekeeping } from "./deno-housekeeping.ts";
import type { Scheduler } from "./deno-housekeeping.ts";
import { createDefaultFolder } from "./default-folder.ts";
import { describeOpening, refuseUnwritable, tryByOpening } from "./opening-fault.ts";
import { tellWhileAway } from "./tell-while-away.ts";
import { watchRequests } from "./watch-requests.ts";

/** The file driver is native code and needs extra permissions, so it is loaded only for file databases. */
async function openDatabase(access: DatabaseAccess) {
  const { url, token } = access;
  if (!isFileUrl(url)) {
    const server = openServer({ url, authToken: token });
    void tellWhileAway(server, access, log, pause);
    return server;
  }
  const [{ openFile }, { migrateDatabase }] = await Promise.all([
    import("../store/database/file.ts"),
    import("../store/database/migrate.ts"),
  ]);
  try {
    createDefaultFolder(filePathOf(url));
    refuseUnwritable(access, filePathOf(url), tryByOpening);
    const database = openFile(url);
    await migrateDatabase(database);
    return database;
  } catch (error) {
    throw describeOpening(access, error);
  }
}

/** The timer does not keep the process alive. */
function pause(ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    setTimeout(() => {
      resolve(!closing.signal.aborted);
    }, ms).unref();
  });
}

/** The part of Deno's connection information that is used. A Unix socket has no host name. */
export interface ConnectionInfo {
  readonly remoteAddr: { readonly hostname?: string };
}

const log = createLineLog(
  openLogLines(2, { octetsMax: logLinesOctetsMax, retryMs: logRetryMs, exitWaitMs: logExitWaitMs }),
);
const closing = new AbortController();

/** Starts the allocator. Deno Deploy finds the schedule because nothing is awaited before it is made. */
async function start(): Promise<Hono> {
  const { historyDays, relayToken, adminToken, trustedProxies, store: settings } = readConfig(process.env);
  const opening = openStore({ ...settings, setting: "APPORTION_DATABASE_URL" }, openDatabase, identifyFile);
  const { Deno: scheduler } = globalThis as unknown as { Deno: Scheduler };
  for (const name of ["SIGINT", "SIGTERM"]) {
    process.once(name, () => {
      closing.abort();
      // Deno waits for requests that are half sent. The timer does not keep the process alive when there are none.
      setTimeout(() => process.exit(0), httpGraceMs).unref();
    });
  }
  const watch = watchRequests();
  closing.signal.addEventListener("abort", watch.stop);
  await scheduleHousekeeping(opening, historyDays, log, scheduler, closing.signal);
  const counters = createCounters();
  const stopSummaries = startSummaries(counters, log, {
    intervalMs: summaryIntervalMs,
    later: backgroundLater,
  });
  closing.signal.addEventListener("abort", stopSummaries);
  const clientOf = createClientAddress(trustedProxies);
  return createApp({
    store: await opening,
    relayToken,
    adminToken,
    log,
    counters,
    clientAddress: ({ env, req }) =>
      clientOf((env as ConnectionInfo).remoteAddr.hostname, (name) => req.header(name)),
    // Deno does not report connections, so each request counts as a new one.
    arrivedMs: () => {
      watch.recordConnection();
      return watch.arrivedMs();
    },
  });
}

/** One line for the operator, who needs no stack, and an exit code. */
function fail(error: unknown): never {
  printError(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(exitCodeOf(error));
}

const app = await start().catch(fail);

export default {
  fetch: (request: Request, connection: ConnectionInfo): Response | Promise<Response> =>
    refuseBadHost(request) ?? app.fetch(request, connection),
};
