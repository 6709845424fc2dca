/**
 * Logs events of the files and clocks of databases, with advice.
 *
 * @module
 */
import type { Log } from "../allocator/log.ts";
import type { ClockEvent, FileEvent, FileFault } from "../store/store.ts";

/** Creates a listener that logs lost and exposed files. */
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

/** Creates a listener that logs steps of the clock, with advice. */
export function clockLog(log: Log): (event: ClockEvent) => void {
  return (event) => {
    switch (event.kind) {
      case "step":
        log.warn(
          { differenceSeconds: Math.round(event.differenceMs / 1000) },
          "the machine's clock was set; the database's clock runs on: see `apportion admin clock show`",
        );
        return;
      case "followed":
        log.warn(
          { differenceSeconds: Math.round(event.differenceMs / 1000), how: event.how },
          "the database's clock follows the machine's clock",
        );
        return;
      case "agrees":
        log.info({}, "the clocks of machine and database agree again");
    }
  };
}

const runbook = 'see "When the database file is lost" in src/runtime/README.md';

/** Returns the advice that the log gives for a fault. */
export function whatToDo(found: FileFault["found"]): string {
  return found === "a truncated file"
    ? `the database was truncated or overwritten, nothing is served: stop all allocators on it, and restore it; ${runbook}`
    : `the database is not the one that was opened, nothing is served: move it back, or stop all allocators on it; ${runbook}`;
}
