/**
 * A database file, opened with the synchronous driver of libSQL. Statements are prepared once and kept, because
 * preparing the statements of a batch costs more than running them. A commit is on the disk before it returns.
 *
 * The driver is native code, so only the entry modules of platforms with a file system import this module.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { clearInterval, setInterval } from "node:timers";
import { sql } from "drizzle-orm";
import { fileLockWaitMsMax, fileMigrationWaitMsMax, fileWatchMs, walCheckpointPages } from "../../limits.ts";
import { systemTiming } from "../../timing.ts";
import type { Timing } from "../../timing.ts";
import { Connection } from "./connection.ts";
import { DatabaseError } from "./database.ts";
import type { Database, Statement } from "./database.ts";
import { FileClock, givenTime, lookOf } from "./file-clock.ts";
import type { FileTime } from "./file-clock.ts";
import { filePathOf } from "./database-url.ts";
import { thisMachine } from "./machine.ts";
import type { Machine } from "./machine.ts";
import { statementOf } from "./queries.ts";
import { isLocked, LockQueue } from "./lock-queue.ts";

/** Options of {@link openFile}. */
export interface FileOptions {
  /** The time in milliseconds of Unix time, for tests of the rules. Default: the file's own clock. */
  readonly clockMs?: (() => number) | undefined;
  /** What the file's own clock is made of. Default: this machine. */
  readonly machine?: Machine | undefined;
  /**
   * How a commit waits for the disk. `full`, the default, makes it durable. `off` is for tests of the rules, where a
   * sync at each commit would take most of the time.
   */
  readonly sync?: "full" | "off" | undefined;
  /**
   * Starts a timer that calls a function once a second, so that the files are checked while the database is idle.
   * Returns a function that stops it.
   * Default: a timer that does not keep the process alive.
   */
  readonly everySecond?: ((run: () => void) => () => void) | undefined;
  /** Clock, timers and randomness of the waits for a locked file. Default: those of the system. */
  readonly timing?: Timing | undefined;
}

/** The pragmas of each connection. With `full`, a lease is on the disk before its DHCPACK is sent. */
const pragmasOf = (sync: "full" | "off"): readonly string[] => [
  "PRAGMA journal_mode = WAL",
  `PRAGMA synchronous = ${sync}`,
  `PRAGMA wal_autocheckpoint = ${walCheckpointPages}`,
];

/**
 * Opens a database file, and creates it if it is missing.
 *
 * @param url `file:PATH`.
 * @throws {DatabaseError} When the file cannot be opened.
 */
export function openFile(url: string, options: FileOptions = {}): Database {
  const { clockMs, machine, sync = "full", timing = systemTiming, everySecond = startTimer } = options;
  const path = filePathOf(url);
  refuseFormerPath(url.slice("file:".length), path);
  const connection = new Connection(path, pragmasOf(sync));
  openUnlessLocked(connection);
  const clock = clockMs === undefined ? new FileClock(machine ?? thisMachine()) : undefined;
  const time: FileTime = clock ?? givenTime(clockMs!);
  const stopWatch = everySecond(() => {
    connection.files.watch();
  });
  const [writers, readers] = [new LockQueue(timing), new LockQueue(timing)];
  const write = (statements: readonly Statement[]) => connection.write(statements, time);
  const readRow = (statement: Statement) => connection.read([statement])[0]!.rows[0];
  const inTurn = <T>(work: () => T) => writers.run(work, fileLockWaitMsMax);
  /** Reads need no lock of a writer, so they do not wait behind writes. */
  const reading = <T>(work: () => T) => readers.run(work, fileLockWaitMsMax);
  return {
    read: (statements) => reading(() => connection.read(statements)),
    write: (statements) =>
      inTurn(() => {
        const results = write(statements);
        time.settle(write);
        return results;
      }),
    migrate: (statements) =>
      writers.run(() => {
        connection.migrate(statements);
      }, fileMigrationWaitMsMax),
    clock: () => reading(() => readRow(statementOf(sql`SELECT ${time.now()}`))![0] as number),
    clockMs: () => time.now(),
    ownClock: clock && {
      look: () => reading(() => lookOf(readRow(clock.lookStatement()))),
      accept: (look, record) => inTurn(() => clock.accept(write, look, record)),
      onEvent: (listener) => {
        clock.onEvent(listener);
      },
    },
    onFileEvent: (listener) => {
      connection.files.onEvent(listener);
    },
    close: () => {
      stopWatch();
      connection.close();
    },
  };
}

/**
 * Earlier releases took all after `file:` for the path. A database that one of them created under such a name is not
 * found any more, and an empty one in its place would give its leases to others.
 *
 * @throws {DatabaseError} When there is a file at the former path, but none at the path.
 */
function refuseFormerPath(former: string, path: string): void {
  if (former === path || !existsSync(former) || existsSync(path)) return;
  throw new DatabaseError(
    `Cannot open the database: found ${former}, as an earlier release named it, expected ${path}; rename the file, or write %25 for each % in the URL`,
  );
}

function startTimer(run: () => void): () => void {
  const timer = setInterval(run, fileWatchMs);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}

/** Opens the file now, so that a wrong path is noticed. If it is locked, the first work opens it, and waits for that. */
function openUnlessLocked(connection: Connection): void {
  try {
    connection.open();
  } catch (error) {
    if (!isLocked(error)) throw error;
  }
}
