/**
 * Shared parts of commands that run as processes: failures, and signals.
 *
 * @module
 */
import { exitCodeOf, exitCodes } from "../failure.ts";
import { printError } from "../program-output.ts";
import { describeLoss } from "../runtime/opening-fault.ts";
import { isDatabaseError } from "../store/store.ts";

/**
 * Wraps a command so that a failure prints its message and ends the process with its exit code.
 *
 * Operators do not need the stack trace; setting `DEBUG` shows it.
 */
export function exitOnFailure<A extends unknown[]>(
  run: (...args: A) => Promise<void>,
): (...args: A) => Promise<void> {
  return async (...args) => {
    try {
      await run(...args);
    } catch (failure) {
      // A database server may go away in the middle of the work.
      const error = isDatabaseError(failure) ? (describeLoss(failure) ?? failure) : failure;
      const isShown = process.env.DEBUG !== undefined || !(error instanceof Error);
      printError(`${isShown ? describe(error) : error.message}\n`);
      process.exit(exitCodeOf(error));
    }
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/**
 * Shuts down gracefully on SIGINT, SIGTERM or SIGHUP, which a terminal sends when it is closed. A second signal ends the
 * process immediately.
 *
 * Called before a service begins to start: the first process of a container ignores signals that it does not handle, so
 * otherwise nothing would end a service that waits for its database.
 *
 * @returns A function that is told what finishes the work in progress; the process exits when that resolves. Until then
 *   there is no such work, and a signal ends the process at once with 0.
 */
export function stopOnSignal(): (stop: () => Promise<void>) => void {
  let finish = (): Promise<void> => process.exit(exitCodes.done);
  onFirstSignal(() => {
    finish().then(
      () => process.exit(exitCodes.done),
      (error: unknown) => {
        printError(`${describe(error)}\n`);
        process.exit(exitCodes.refused);
      },
    );
  });
  return (stop) => {
    finish = stop;
  };
}

/**
 * Lets a command that works for long end early, with what it has so far, on SIGINT or SIGTERM. A second signal ends the
 * process immediately.
 *
 * @param note What standard error tells at the first signal.
 * @returns It is aborted at the first signal.
 */
export function interruption(note: string): AbortSignal {
  const controller = new AbortController();
  onFirstSignal(() => {
    printError(`${note}\n`);
    controller.abort();
  });
  return controller.signal;
}

function onFirstSignal(stop: () => void): void {
  let isStopping = false;
  const onSignal = (): void => {
    if (isStopping) process.exit(exitCodes.refused);
    isStopping = true;
    stop();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  process.on("SIGHUP", onSignal);
}
