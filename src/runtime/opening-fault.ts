/**
 * Why a database cannot be opened, in one line for the operator: the setting, what was found, what is expected.
 *
 * @module
 */
import { accessSync, closeSync, constants, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { exitCodes } from "../failure.ts";
import type { ExitCode } from "../failure.ts";
import { showDatabaseUrl } from "../store/store.ts";
import type { DatabaseAccess } from "../store/store.ts";

/** A database that cannot be opened. */
export class OpeningError extends Error {
  /** Whether the same setting may work later: a server, or the way to it, does not answer now. */
  readonly isTemporary: boolean;
  /** That of a command that needs the database. */
  readonly exitCode: ExitCode;

  constructor(message: string, { exitCode, isTemporary = false, cause }: OpeningCause) {
    super(message, { cause });
    this.name = "OpeningError";
    this.isTemporary = isTemporary;
    this.exitCode = exitCode;
  }
}

interface OpeningCause {
  readonly exitCode: ExitCode;
  /** Default: false. */
  readonly isTemporary?: boolean;
  /** What the driver or the network reported. */
  readonly cause?: unknown;
}

/** What is wrong, and whether it may pass. */
interface Fault {
  readonly problem: string;
  /** Default: that of a wrong setting. */
  readonly exitCode?: ExitCode;
  readonly isTemporary?: boolean;
}

/**
 * Describes why a database could not be opened.
 *
 * @param access Its URL, and the setting that has the URL.
 * @param error What the driver or the network reported.
 */
export function describeOpening({ url, setting }: DatabaseAccess, error: unknown): OpeningError {
  if (error instanceof OpeningError) return error;
  const of = setting === undefined ? "" : ` of ${setting}`;
  const message = error instanceof Error ? error.message : String(error);
  // These messages are complete, and do not show the URL, which may have a secret.
  const own = /^Cannot (open|use|migrate) (the database|\S*): (.*)$/s.exec(message);
  if (own !== null) {
    const exitCode = own[1] === "open" ? exitCodes.usage : exitCodes.refused;
    return new OpeningError(`Cannot ${own[1]!} ${own[2]!}${of}: ${own[3]!}`, { exitCode, cause: error });
  }
  const isFile = url.startsWith("file:");
  const { problem, ...fault } = isFile
    ? faultOfFile(url.slice("file:".length), message)
    : faultOfServer(error, message);
  return new OpeningError(`Cannot open the database ${showDatabaseUrl(url)}${of}: ${problem}`, {
    exitCode: exitCodes.usage,
    ...fault,
    cause: error,
  });
}

/**
 * Describes why the first work on open databases failed, if a server does not answer any more and may answer later.
 *
 * @param error What the driver or the network reported.
 * @returns Undefined for every other failure.
 */
export function describeLoss(error: unknown): OpeningError | undefined {
  const message = error instanceof Error ? error.message : String(error);
  const { found, isTemporary } = answerOf(error, message);
  if (!isTemporary) return undefined;
  return new OpeningError(`Cannot use a database: found ${found}, expected its server to answer`, {
    exitCode: exitCodes.unreachable,
    isTemporary,
    cause: error,
  });
}

function faultOfFile(path: string, message: string): Fault {
  const folder = dirname(path);
  const inFolder = codeOf(() => {
    if (!statSync(folder).isDirectory()) throw Object.assign(new Error(), { code: "ENOTDIR" });
  });
  if (inFolder === "ENOENT") {
    return { problem: `found no folder ${folder}, expected it to exist: create it, or correct the path` };
  }
  if (inFolder === "ENOTDIR")
    return { problem: `found a file in the place of the folder ${folder}, expected a folder` };
  if (codeOf(() => statSync(path)) === undefined && statSync(path).isDirectory()) {
    return { problem: "found a folder, expected a file, or a name that is free" };
  }
  const unwritable = unwritableOf(path);
  if (unwritable !== undefined) return { problem: unwritable };
  const toWrite = codeOf(() => {
    accessSync(folder, constants.W_OK | constants.X_OK);
  });
  if (toWrite !== undefined) {
    const found = `found a folder ${folder} that cannot be written (${toWrite})`;
    return { problem: `${found}, expected one that ${describeUser()} may write` };
  }
  return message.includes("not a database")
    ? { problem: "found another kind of file, expected a database: correct the path, or move the file away" }
    : {
        problem: `found ${oneLine(message)}, expected a database that can be opened`,
        exitCode: exitCodes.refused,
      };
}

/** Tries whether a file may be read and written, and throws the system's error if it may not. */
type TryFile = (path: string) => void;

const askSystem: TryFile = (path) => {
  accessSync(path, constants.R_OK | constants.W_OK);
};

/**
 * Tries a file by opening it, for Deno, whose `access` looks only at the mode for the owner. To close a file ends the locks
 * that this process has on it, so the database must not be open yet.
 */
export const tryByOpening: TryFile = (path) => {
  closeSync(openSync(path, "r+"));
};

/**
 * Refuses a database of which a file cannot be written. SQLite opens such a file for reading without a word, and only the
 * first lease would fail.
 *
 * @param tryFile Default: asks the system.
 * @throws {OpeningError} When the database, its `-wal` or its `-shm` exists and this user may not write it.
 */
export function refuseUnwritable(access: DatabaseAccess, path: string, tryFile = askSystem): void {
  const problem = unwritableOf(path, tryFile);
  if (problem === undefined) return;
  const of = access.setting === undefined ? "" : ` of ${access.setting}`;
  throw new OpeningError(`Cannot open the database ${access.url}${of}: ${problem}`, {
    exitCode: exitCodes.usage,
  });
}

/** @returns What is wrong with the first file of a database that exists and cannot be written. */
function unwritableOf(path: string, tryFile = askSystem): string | undefined {
  for (const suffix of ["", "-wal", "-shm"]) {
    const code = codeOf(() => {
      tryFile(path + suffix);
    });
    if (code === undefined || code === "ENOENT") continue;
    const subject = suffix === "" ? "a file" : `${path}${suffix}, a file`;
    return `found ${subject} that cannot be written (${code}), expected one that ${describeUser()} may write`;
  }
  return undefined;
}

function describeUser(): string {
  const unknown = "the user of this process";
  try {
    const id = process.getuid?.();
    return id === undefined ? unknown : `user ${id}`;
  } catch {
    // Deno tells only those who have a permission for it.
    return unknown;
  }
}

/** Codes of the system and of `undici` when nobody answers. */
const awayCodes =
  /^(ECONNREFUSED|ECONNRESET|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|UND_ERR_(CONNECT_TIMEOUT|SOCKET|HEADERS_TIMEOUT|BODY_TIMEOUT))$/;

/** Statuses of a server, or of a proxy in front of it, that mean "later". */
const awayStatuses = ["429", "502", "503", "504"];

function faultOfServer(error: unknown, message: string): Fault {
  const { found, isTemporary, status } = answerOf(error, message);
  if (status === "401" || status === "403") {
    return {
      problem: `found status ${status}, expected a token that the server accepts, in APPORTION_DATABASE_TOKEN`,
      exitCode: exitCodes.refused,
    };
  }
  const exitCode =
    status?.startsWith("4") === true && !isTemporary ? exitCodes.refused : exitCodes.unreachable;
  const server = isTemporary && status === undefined ? "a libSQL server that runs" : "a libSQL server";
  return { problem: `found ${found}, expected ${server} at this URL`, isTemporary, exitCode };
}

/** What a server answered, or that it did not, and whether it may answer otherwise later. */
function answerOf(error: unknown, message: string) {
  const status = /\bstatus (\d{3})\b/.exec(message)?.[1];
  if (status !== undefined)
    return { found: `status ${status}`, isTemporary: awayStatuses.includes(status), status };
  const code = causesOf(error)
    .map(networkCodeOf)
    .find((each) => each !== undefined);
  return code === undefined
    ? { found: oneLine(message), isTemporary: false }
    : { found: `no answer (${code})`, isTemporary: true };
}

/** An error and its causes. An attempt to connect to several addresses has an error for each. */
function causesOf(error: unknown): readonly Error[] {
  if (!(error instanceof Error)) return [];
  const several = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  return [error, ...several.flatMap(causesOf), ...causesOf(error.cause)];
}

function networkCodeOf(error: Error): string | undefined {
  if (error.name === "TimeoutError") return "timeout";
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && awayCodes.test(code) ? code : undefined;
}

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

function oneLine(message: string): string {
  return message.replaceAll(/\s+/g, " ");
}
