/**
 * The files of a database: the database itself, its write-ahead log (`-wal`) and the index of the log (`-shm`).
 *
 * SQLite keeps them open, so it keeps writing after they were moved, replaced or deleted. Those writes go to a file that
 * a restart does not open: the leases are gone then, and their pairs are given to others. So every
 * result is withheld until a look at the paths, after the commit, has found the files that were opened.
 *
 * @module
 */
import { closeSync, existsSync, openSync, statSync } from "node:fs";
import type { BigIntStats, Stats } from "node:fs";
import { DatabaseError } from "./database.ts";
import type { FileEvent, FileFault } from "./database.ts";
import { LogFile } from "./log-file.ts";
import { isLocked } from "./lock-queue.ts";

/** Names a file as long as it exists: a file that is moved keeps its inode, and a copy has another one. */
interface Identity {
  readonly dev: number | bigint;
  readonly ino: number | bigint;
}

interface KnownFile {
  readonly path: string;
  readonly identity: Identity;
}

/** Others than the owner may read or write such a file. */
const modeOfOthers = 0o077;

/** The size of a database as its connection sees it, including pages that are only in the log. */
export interface Extent {
  readonly octets: number;
  /** It is one more after each VACUUM, and after each change of the schema. */
  readonly schemaVersion: number;
}

/** The files of one database, as this process opened them. */
export class DatabaseFiles {
  readonly #path: string;
  readonly #listeners: ((event: FileEvent) => void)[] = [];
  /** Inode numbers above 2^53 are exact only as bigint, which costs twice as much. */
  #exact = false;
  #database: Identity | undefined;
  /** The size of the database in octets at the last look. A new one is empty until SQLite writes its first page. */
  #size = 0;
  #schemaVersion: number | undefined;
  #askExtent: (() => Extent) | undefined;
  /** The log and its index. They stay the same while a connection is open. */
  #companions: readonly KnownFile[] = [];
  #log: LogFile | undefined;
  #exposed: FileEvent | undefined;
  #fault: FileFault | undefined;

  /** @throws {DatabaseError} When this is no path of a file. */
  constructor(path: string) {
    if (path === "" || path === ":memory:") {
      throw new DatabaseError(
        `Cannot open the database: found "${path}", expected the path of a file that keeps the leases`,
      );
    }
    this.#path = path;
  }

  /** What is wrong with the files; undefined if they are as they were opened. As of the last look. */
  get fault(): FileFault | undefined {
    return this.#fault;
  }

  /**
   * Gets ready for a connection. Only the first connection of a process may create the database, and all later ones must
   * find the same file.
   *
   * @throws {DatabaseError} When the database cannot be created, or is not the one that was opened.
   */
  prepare(): void {
    if (this.#database !== undefined) {
      this.assertSame();
      return;
    }
    if (!existsSync(this.#path)) create(this.#path);
    const found = this.#look(this.#path);
    if (found === undefined) throw faultError({ path: this.#path, found: "no file" });
    this.#exact = !Number.isSafeInteger(found.ino);
    this.#database = this.#exact ? this.#look(this.#path) : found;
  }

  /**
   * Remembers the log and its index, once a connection has opened them.
   *
   * @param realPath The database without symbolic links: SQLite puts the other files beside it.
   * @param askExtent Asks the connection.
   * @throws {DatabaseError} When the database is not the one that {@link prepare} found.
   */
  opened(realPath: string, askExtent: () => Extent): void {
    this.#askExtent = askExtent;

    this.#companions = ["-wal", "-shm"].flatMap((suffix) => {
      const path = realPath + suffix;
      const identity = this.#look(path);
      return identity === undefined ? [] : [{ path, identity }];
    });
    const [log] = this.#companions;
    if (log?.path.endsWith("-wal")) this.#log = new LogFile(log.path);
    this.assertSame();
    const { octets, schemaVersion } = askExtent();
    // After a VACUUM that is in the log only, the database has yet to shrink.
    if (octets >= this.#size) this.#schemaVersion = schemaVersion;
    this.#reportExposure();
  }

  /** Forgets the log and its index when the connection is closed: the next one may make new ones. */
  closed(): void {
    this.#companions = [];
    this.#askExtent = undefined;
    this.#log?.close();
    this.#log = undefined;
  }

  /**
   * Checks the paths, and notifies the listeners of a change.
   *
   * @throws {DatabaseError} When a file is not the one that was opened. A commit before that may be lost.
   */
  assertSame(): void {
    this.#lookAtPaths();
    if (this.#fault !== undefined) throw faultError(this.#fault);
  }

  /** Notes after a commit whether the log has it, and those before it. {@link assertSame} comes next. */
  checkLog(): void {
    this.#lookAtLog(true);
  }

  /** Checks the paths and the log, and notifies the listeners of a change. */
  watch(): void {
    this.#lookAtLog(false);
    this.#lookAtPaths();
  }

  /** Adds a listener. It is called at once for the current state. */
  onEvent(listener: (event: FileEvent) => void): void {
    this.#listeners.push(listener);
    if (this.#exposed !== undefined) listener(this.#exposed);
    if (this.#fault !== undefined) listener({ kind: "lost", fault: this.#fault });
  }

  #lookAtLog(wrote: boolean): void {
    if (this.#isTruncated || !this.#log?.isBroken(wrote)) return;
    this.#setFault({ path: this.#companions[0]!.path, found: "a truncated file" });
  }

  #lookAtPaths(): void {
    if (this.#database === undefined || this.#isTruncated) return;
    this.#setFault(this.#findFault(this.#database));
  }

  /** A truncated file stays broken, even if it grows again. */
  get #isTruncated(): boolean {
    return this.#fault?.found === "a truncated file";
  }

  #findFault(database: Identity): FileFault | undefined {
    const fault = this.#compare(this.#path, database);
    if (fault !== undefined) return fault;
    for (const { path, identity } of this.#companions) {
      const found = this.#compare(path, identity);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #compare(path: string, expected: Identity): FileFault | undefined {
    const found = this.#look(path);
    if (found === undefined) return { path, found: "no file" };
    if (found.ino !== expected.ino || found.dev !== expected.dev) return { path, found: "another file" };
    const isCut = expected === this.#database && this.#isCutTo(Number(found.size));
    return isCut ? { path, found: "a truncated file" } : undefined;
  }

  /**
   * Whether the database lost octets. It may shrink only after a VACUUM of another process. Then our connection sees
   * fewer pages too, and a new version of the schema; it does not after a copy of a smaller database.
   */
  #isCutTo(size: number): boolean {
    if (size === 0) return this.#size > 0;
    if (size < this.#size) {
      // Between two connections, the extent is unknown. The next one is asked as soon as it is open.
      if (this.#askExtent === undefined) return false;
      const extent = this.#tryToAsk(this.#askExtent);
      if (extent === "locked") return false;
      if (extent === undefined || extent.octets >= this.#size) return true;
      if (extent.schemaVersion === this.#schemaVersion) return true;
      this.#schemaVersion = extent.schemaVersion;
      this.#size = size;
    }
    this.#size = Math.max(this.#size, size);
    return false;
  }

  #tryToAsk(askExtent: () => Extent): Extent | "locked" | undefined {
    try {
      return askExtent();
    } catch (error) {
      // A database that was cut off can often not be read.
      return isLocked(error) ? "locked" : undefined;
    }
  }

  #look(path: string): Stats | BigIntStats | undefined {
    try {
      return statSync(path, { throwIfNoEntry: false, bigint: this.#exact });
    } catch {
      // A folder that may not be read any more. SQLite would not find the file either.
      return undefined;
    }
  }

  #setFault(fault: FileFault | undefined): void {
    const before = this.#fault;
    if (before?.path === fault?.path && before?.found === fault?.found) return;
    this.#fault = fault;
    this.#emit(fault === undefined ? { kind: "returned" } : { kind: "lost", fault });
  }

  #reportExposure(): void {
    if (this.#exposed !== undefined) return;
    this.#exposed = exposureOf([this.#path, ...this.#companions.map(({ path }) => path)]);
    if (this.#exposed !== undefined) this.#emit(this.#exposed);
  }

  #emit(event: FileEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/**
 * Creates an empty database that only its owner may read, because it says who had which address. SQLite gives the other
 * files the same mode.
 *
 * @throws {DatabaseError} When it cannot be created, or when there is a log without its database. SQLite would delete
 *   that log, and with it the latest leases.
 */
function create(path: string): void {
  const log = `${path}-wal`;
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > 0) {
    throw new DatabaseError(
      `Cannot create ${path}: found ${log}, the log of a database that is missing; expected both or none. ` +
        "Move the database back, or move the log away",
    );
  }
  try {
    closeSync(openSync(path, "a", 0o600));
  } catch (error) {
    throw new DatabaseError(`Cannot create ${path}: ${(error as Error).message}`, error);
  }
}

/** Windows has no such modes. */
function exposureOf(paths: readonly string[]): FileEvent | undefined {
  if (process.platform === "win32") return undefined;
  const exposed = paths.filter(
    (path) => ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & modeOfOthers) !== 0,
  );
  return exposed.length === 0 ? undefined : { kind: "exposed", paths: exposed };
}

function faultError({ path, found }: FileFault): DatabaseError {
  return new DatabaseError(
    `Cannot use the database: found ${found} at ${path}, expected the file that was opened`,
  );
}
