/**
 * Tells the operator what happens to the files of a database, and what to do.
 *
 * @module
 */
import type { Log } from "../allocator/log.ts";
import type { FileEvent, FileFault } from "../store/store.ts";

/** @returns A listener that logs each event once. */
export function fileLog(log: Log): (event: FileEvent) => void {
  return (event) => {
    switch (event.kind) {
      case "lost":
        log.error({ ...event.fault }, whatToDo(event.fault.found));
        return;
      case "returned":
        log.warn({}, "the database is the one that was opened again: serving");
        return;
      case "exposed":
        log.warn(
          { paths: event.paths },
          "other users of this machine may read the database: chmod 600 its files",
        );
    }
  };
}

const runbook = 'see "When the database file is lost" in src/runtime/README.md';

/** @returns What a line in the log tells of a lost file. */
export function whatToDo(found: FileFault["found"]): string {
  return found === "a truncated file"
    ? `the database was truncated or overwritten, nothing is served: stop all allocators on it, and restore it; ${runbook}`
    : `the database is not the one that was opened, nothing is served: move it back, or stop all allocators on it; ${runbook}`;
}
