/**
 * What a program prints. The reader of a pipe may go away at any time (`… | head -1`): the rest is then discarded, and
 * the program finishes its work as usual. Without this, Node would end it with a stack trace.
 *
 * @module
 */
import { fstatSync, statSync } from "node:fs";
import { devNull } from "node:os";
import process from "node:process";
import { exitCodes } from "./failure.ts";
import { visibleText } from "./visible-text.ts";

let isRead = true;
const guarded = new Set<NodeJS.WriteStream>();

/**
 * Prints text to standard output, which has results only.
 *
 * When it cannot be written for another reason than a missing reader, such as a full disk, the program says so and ends
 * with code 1: a script must not take half of a result for all of it.
 */
export function print(text: string): void {
  const { stdout } = process;
  guard(stdout, onLoss).write(text);
  // The stream tells its listeners in a later turn, which a program that exits now does not have.
  if (stdout.errored !== null) onLoss(stdout.errored);
}

function onLoss(error: NodeJS.ErrnoException): void {
  if (isRead && error.code !== "EPIPE") {
    printError(`Cannot print the result: ${error.message}, expected a standard output that can be written\n`);
    process.once("exit", () => (process.exitCode = exitCodes.refused));
  }
  isRead = false;
}

/**
 * Whether all that is printed is lost: standard output is the null device. A program that is started with a closed
 * standard output has it too, because the platform opens it in its place.
 */
export function isDiscarded(): boolean {
  try {
    const found = fstatSync(1);
    return found.isCharacterDevice() && found.rdev === statSync(devNull).rdev;
  } catch {
    // Writing to it will say what is wrong with it.
    return false;
  }
}

/** Prints a note for people to standard output. A service serves, and ends with code 0, if nobody can read it. */
export function printNote(text: string): void {
  guard(process.stdout, () => undefined).write(text);
}

/**
 * Prints text to standard error. What cannot be written is lost, because there is no place left to say so. Faults repeat
 * texts from outside, so control characters are made visible.
 */
export function printError(text: string): void {
  printProgress(visibleText(text));
}

/** Prints a line of progress to standard error, which a terminal may overwrite with the next. */
export function printProgress(text: string): void {
  guard(process.stderr, () => undefined).write(text);
}

/**
 * Waits until the printed text has been written, so that a long result does not accumulate in memory.
 *
 * @returns Whether more text may still find a reader.
 */
export async function printed(): Promise<boolean> {
  const { stdout } = process;
  if (isRead && stdout.writableNeedDrain) {
    await new Promise<void>((resolve) => {
      const end = (): void => {
        stdout.off("drain", end).off("error", end);
        resolve();
      };
      stdout.on("drain", end).on("error", end);
    });
  }
  return isRead;
}

/** Node ends the process on the error of a stream without a listener. */
function guard(
  stream: NodeJS.WriteStream,
  onError: (error: NodeJS.ErrnoException) => void,
): NodeJS.WriteStream {
  if (!guarded.has(stream)) stream.on("error", onError);
  guarded.add(stream);
  return stream;
}
