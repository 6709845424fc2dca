/**
 * Answers requests that failed, and logs the cause.
 *
 * @module
 */
import { HTTPException } from "hono/http-exception";
import { createLineLimit } from "../allocator/faults.ts";
import type { Log } from "../allocator/log.ts";
import { databaseRetryAfterSeconds, fieldFoundCharactersMax } from "../limits.ts";
import { migrateCommand } from "../migrate-advice.ts";
import { isDatabaseError, isUnmigrated } from "../store/store.ts";
import { OwnedDomainError } from "../store/configuration/ownership.ts";
import { traceIdOf } from "../wire/trace-context.ts";
import { problemResponse } from "./problem.ts";

/** Adds a problem document to Hono's own exceptions. Here Hono throws them only for a body that is not JSON. */
function refusal(error: HTTPException): Response {
  return error.res ?? problemResponse(400, `Cannot read the request: ${error.message}`);
}

/** Whether the client hung up while it sent the body: Node reports a reset connection, Deno a resource that is gone. */
function isBodyLost(error: Error): boolean {
  return ("code" in error && error.code === "ECONNRESET") || error.name === "BadResource";
}

/** @returns A path as an answer repeats it: it may be as long as the headers of a request. */
export function shorten(path: string): string {
  return path.length > fieldFoundCharactersMax ? `${path.slice(0, fieldFoundCharactersMax)}…` : path;
}

/** What an operator mends before the database can be used again, by the code of SQLite. */
const mendable: readonly (readonly [RegExp, string])[] = [
  [
    /^SQLITE_FULL\b/,
    "Cannot write to the database: found its disk full (SQLITE_FULL), expected room; make room, then try again",
  ],
  [
    /^SQLITE_IOERR/,
    "Cannot use the database: found a disk that fails (SQLITE_IOERR), expected one without faults; the allocator's log has the cause",
  ],
  [
    /^SQLITE_READONLY/,
    "Cannot write to the database: found it read-only (SQLITE_READONLY), expected files that the allocator may write",
  ],
  [
    /^SQLITE_BUSY/,
    "Cannot lock the database: found another process that holds its lock (SQLITE_BUSY), expected it to let go; try again",
  ],
];

/** @returns What a request is told about a database that failed it. */
function detailOf({ cause }: Error): string {
  const code = String((cause as { readonly code?: unknown } | undefined)?.code);
  const [, detail] = mendable.find(([form]) => form.test(code)) ?? [];
  return detail ?? "Cannot reach the database; try again";
}

/**
 * Creates a function that answers an error that the request did not cause: an unreachable database, or a bug in the
 * allocator. Strangers can repeat such a request, because it needs no token. So the log gets one line of each kind per
 * interval, with the number of requests.
 *
 * @param localMs Milliseconds of a monotonic clock of this process.
 */
function createFailureAnswer(
  log: Log,
  localMs: () => number,
): (error: Error, traceId: string | undefined) => Response {
  const [databaseFailed, failed] = [createLineLimit(localMs), createLineLimit(localMs)];
  const unmigrated = createLineLimit(localMs);
  return (error, traceId) => {
    const report = (count: number | undefined, cause: Error, message: string): void => {
      if (count !== undefined) log.error({ err: cause, count, ...(traceId && { traceId }) }, message);
    };
    if (isBodyLost(error)) {
      return problemResponse(400, "Cannot read the body: found a part of it, expected all");
    }
    if (error instanceof OwnedDomainError) return problemResponse(409, error.message);
    if (!isDatabaseError(error)) {
      report(failed(), error, "unexpected error");
      return problemResponse(500, "Cannot serve the request; the allocator's log has the cause");
    }
    const headers = { "retry-after": String(databaseRetryAfterSeconds) };
    if (isUnmigrated(error)) {
      report(unmigrated(), error, `database not migrated: run ${migrateCommand} with this release`);
      const detail = `Cannot use the database: it is not migrated to this release; run ${migrateCommand} with this release`;
      return problemResponse(503, detail, { headers });
    }
    report(databaseFailed(), error, "database unavailable");
    return problemResponse(503, detailOf(error), { headers });
  };
}

/**
 * Creates a function that answers a request that failed, whoever caused it. The log names the trace of a POST that was
 * refused, one line per interval, because strangers can send such POSTs, too.
 *
 * @param localMs Milliseconds of a monotonic clock of this process.
 */
export function createRefusal(
  log: Log,
  localMs: () => number,
): (error: Error, trace: string | undefined) => Response {
  const answerFailure = createFailureAnswer(log, localMs);
  const countRefused = createLineLimit(localMs);
  return (error, trace) => {
    const traceId = traceIdOf(trace);
    if (!(error instanceof HTTPException)) return answerFailure(error, traceId);
    const response = refusal(error);
    if (traceId === undefined) return response;
    const count = countRefused();
    if (count) log.warn({ status: response.status, traceId, count }, "a request was refused");
    return response;
  };
}
