/**
 * Guards that are broken: the lock of a database file, the identity and the mode of its files, readiness.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const lockQueue = "src/store/database/lock-queue.ts";
const connection = "src/store/database/connection.ts";
const files = "src/store/database/database-files.ts";
const log = "src/store/database/log-file.ts";
const pipeline = "src/allocator/pipeline.ts";
const tests = [
  "src/store/database/lock-queue.test.ts",
  "src/store/database/file.test.ts",
  "src/store/database/database-files.test.ts",
  "src/allocator/probe.test.ts",
];

const mutant = (rule: string, name: string, file: string, search: string, replacement: string): Mutant => ({
  name,
  rules: [rule],
  file,
  search,
  replacement,
  tests,
});

export const storageMutants: readonly Mutant[] = [
  mutant("T16", "lock-blocks-the-event-loop", connection, "{ timeout: 0 }", "{ timeout: 5000 }"),
  mutant(
    "T16",
    "locked-file-is-a-failure",
    lockQueue,
    'startsWith("SQLITE_BUSY")',
    'startsWith("SQLITE_NEVER")',
  ),
  mutant(
    "T16",
    "work-overtakes-what-waits",
    lockQueue,
    "if (this.#waiting.length === 0 && attempt()) return;",
    "if (attempt()) return;",
  ),
  mutant("T16", "work-waits-for-a-lock-for-ever", lockQueue, "deadlineMs <= now);", "deadlineMs < 0);"),
  mutant("T16", "any-number-waits-for-a-lock", lockQueue, ">= fileWaitersMax)", ">= Infinity)"),
  mutant(
    "T16",
    "pauses-stay-short",
    lockQueue,
    "Math.min(this.#pauseMs * 2, fileLockPauseMsMax)",
    "fileLockPauseMsMin",
  ),
  mutant(
    "T16",
    "pauses-grow-without-bound",
    lockQueue,
    "Math.min(this.#pauseMs * 2, fileLockPauseMsMax)",
    "this.#pauseMs * 2",
  ),
  mutant(
    "T10",
    "result-of-a-lost-file-counts",
    connection,
    "      const result = work(driver);\n      this.files.assertSame();",
    "      const result = work(driver);",
  ),
  mutant(
    "T10",
    "lost-file-is-left-for-a-new-one",
    connection,
    "if (this.files.fault === undefined && !isUndone) this.#drop();",
    "if (!isUndone) this.#drop();",
  ),
  mutant(
    "T10",
    "migration-leaves-a-lost-file",
    connection,
    "if (this.files.fault === undefined) this.#drop();\n      else",
    "if (this.files.fault?.path !== null) this.#drop();\n      else",
  ),
  mutant(
    "T10",
    "truncated-log-goes-on",
    connection,
    "      if (time !== undefined) this.files.checkLog();\n",
    "",
  ),
  mutant(
    "T10",
    "deleted-log-is-not-rescued",
    connection,
    'driver.exec("PRAGMA wal_checkpoint(TRUNCATE)");',
    "driver.inTransaction;",
  ),
  mutant(
    "T10",
    "new-connection-creates-a-lost-file",
    files,
    "    if (this.#database !== undefined) {\n      this.assertSame();\n      return;\n    }\n",
    "",
  ),
  mutant("T10", "copy-passes-for-the-file", files, "found.ino !== expected.ino ||", ""),
  mutant("T10", "log-and-index-are-not-looked-at", files, "if (found !== undefined) return found;", ""),
  mutant("T10", "shrunk-database-passes", files, "size < this.#size", "size < 0"),
  mutant("T10", "vacuum-is-a-fault", files, "extent.octets >= this.#size", "extent.octets >= 0"),
  mutant(
    "T10",
    "smaller-copy-passes-for-a-vacuum",
    files,
    "extent.schemaVersion === this.#schemaVersion",
    "extent.schemaVersion < 0",
  ),
  mutant("T10", "unused-log-is-not-looked-at", files, "    this.#lookAtLog(false);\n", ""),
  mutant("T10", "missing-frames-pass", log, "this.#last !== undefined && this.#lacks(this.#last)", "false"),
  mutant(
    "T10",
    "log-without-a-beginning-passes",
    log,
    "return wrote || this.#last !== undefined;",
    "return false;",
  ),
  mutant(
    "T10",
    "cut-page-passes",
    log,
    "?.equals(octets) ?? false",
    "?.subarray(0, 24).equals(octets.subarray(0, 24)) ?? false",
  ),
  mutant("T10", "killed-commit-is-a-fault", log, "&& !this.#isValidTo(last.number, salts)", ""),
  mutant("T10", "log-that-begins-again-is-a-fault", log, "return !isLater &&", "return isLater ||"),
  mutant("T10", "log-of-an-earlier-generation-passes", log, "return !isLater &&", "return isLater &&"),
  mutant(
    "T10",
    "truncated-file-heals",
    files,
    "this.#database === undefined || this.#isTruncated",
    "this.#database === undefined",
  ),
  mutant(
    "T10",
    "lost-file-is-told-again",
    files,
    "before?.path === fault?.path &&",
    "fault === undefined &&",
  ),
  mutant(
    "T10",
    "nobody-looks-at-an-unused-file",
    "src/store/database/file.ts",
    "connection.files.watch();",
    "",
  ),
  mutant(
    "T10",
    "database-is-created-beside-a-log",
    files,
    "(statSync(log, { throwIfNoEntry: false })?.size ?? 0) > 0",
    "(statSync(log, { throwIfNoEntry: false })?.size ?? 0) < 0",
  ),
  mutant(
    "T21",
    "others-may-read-a-new-database",
    files,
    'openSync(path, "a", 0o600)',
    'openSync(path, "a", 0o644)',
  ),
  mutant(
    "T20",
    "secret-names-a-file",
    "src/store/database/database-url.ts",
    "/[?#]/.test(url)",
    "url.length === 0",
  ),
  mutant("T2", "refused-values-cost-the-connection", connection, " || isRefusal(failure);", ";"),
  mutant("T21", "exposed-database-is-not-told", files, "modeOfOthers) !== 0", "modeOfOthers) < 0"),
  mutant(
    "E24",
    "ready-without-a-write",
    pipeline,
    "const { clockMs, revision } = await partition.commit([], { revision: 0 });",
    "const { clockMs, revision } = await Promise.resolve({ clockMs: Date.now(), revision: known });",
  ),
  mutant("E24", "failed-batch-counts-as-committed", pipeline, "      last.atMs = undefined;\n", ""),
];
