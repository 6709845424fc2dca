/**
 * Writes lines to standard error, or to another open file, and never waits for it. If a pipe has no reader, or the
 * disk is full, lines are lost and counted, and the program keeps running. Once lines can be written again, one line
 * states how many are missing.
 *
 * Not all writes return at once: a write to a full pipe takes until somebody reads it, and a disk may be slow. So pipes
 * and sockets are written to as sockets that do not block, and files from a thread, one write at a time. A thread that
 * waits for a pipe would also keep the process from ending.
 *
 * @example
 * ```ts
 * const lines = openLogLines(2, { octetsMax: 65_536, retryMs: 1000, exitWaitMs: 100 });
 * pino({}, lines).info("something happened");
 * lines.lost(); // 0
 * ```
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { constants, fstatSync, openSync, write, writeSync } from "node:fs";
import { Socket } from "node:net";
import process from "node:process";

/** Bounds of the lines that wait. */
export interface LogLinesOptions {
  /** Octets that may wait, those that are being written included; a line that would exceed them is lost. */
  readonly octetsMax: number;
  /** Milliseconds after which a pipe whose reader went away is tried again. */
  readonly retryMs: number;
  /** Milliseconds for which a process that ends waits for the write to a file that is in progress. */
  readonly exitWaitMs: number;
  /** Turns a line of JSON into what is written. Default: nothing changes. */
  readonly format?: ((line: string) => string) | undefined;
}

/** Lines for one open file. */
export interface LogLines {
  /** Writes a line, or loses it. Returns at once and never throws. */
  readonly write: (line: string) => void;
  /** Returns how many lines were lost. */
  readonly lost: () => number;
}

/** Standard error as Deno writes to it. */
interface DenoErrors {
  readonly write: (octets: Uint8Array) => Promise<number>;
}

/** Deno has no sockets over descriptors. It writes from a thread, and does not wait for its threads when it ends. */
const denoErrors = (globalThis as { readonly Deno?: { readonly stderr: DenoErrors } }).Deno?.stderr;

/** Writes text to an open file. Calls `done` once, when it is written or could not be. */
type WriteText = (text: string, done: (isWritten: boolean) => void) => void;

/**
 * Opens a file descriptor for lines.
 *
 * @param descriptor Standard error stays open. A socket with another number is closed when its reader goes away. On Deno,
 *   lines always go to standard error.
 */
export function openLogLines(descriptor: number, options: LogLinesOptions): LogLines {
  const kind = kindOf(descriptor);
  const file = new FileWriter(descriptor);
  const writeText =
    denoErrors !== undefined
      ? createDenoWriter(denoErrors)
      : kind === "file"
        ? file.write
        : createSocketWriter(descriptor, kind, options.retryMs);
  const { format = (line: string) => line } = options;
  const lines = new WaitingLines(writeText, options.octetsMax, format);
  if (kind === "file") {
    // The process may end before its last lines are written. Files do not block, so they are written now, after those
    // that a thread is writing.
    process.once("exit", () => {
      file.waitForThread(options.exitWaitMs);
      const rest = lines.takeRest();
      try {
        if (rest !== "") writeSync(descriptor, rest);
      } catch {
        // Nothing can be done about it any more.
      }
    });
  }
  return {
    write: (line) => {
      lines.add(line);
    },
    lost: () => lines.lost,
  };
}

/** Lines that wait while an earlier write takes its time. */
class WaitingLines {
  lost = 0;
  readonly #writeText: WriteText;
  readonly #octetsMax: number;
  readonly #format: (line: string) => string;
  #waiting: string[] = [];
  /** Octets of the lines that wait or are being written. */
  #octets = 0;
  #isWriting = false;
  /** Lines lost since a line last said so. */
  #unreported = 0;

  constructor(writeText: WriteText, octetsMax: number, format: (line: string) => string) {
    this.#writeText = writeText;
    this.#octetsMax = octetsMax;
    this.#format = format;
  }

  add(json: string): void {
    const line = this.#format(json);
    const octets = Buffer.byteLength(line);
    if (this.#octets + octets > this.#octetsMax) {
      this.#lose(1);
      return;
    }
    this.#waiting.push(line);
    this.#octets += octets;
    if (!this.#isWriting) this.#writeWaiting();
  }

  /** @returns What still waits, which is then forgotten here. */
  takeRest(): string {
    const text = this.#waiting.join("");
    this.#waiting = [];
    return text;
  }

  #writeWaiting(): void {
    const count = this.#waiting.length;
    if (count === 0) return;
    const reported = this.#unreported;
    const octets = this.#octets;
    const text = this.takeRest() + (reported > 0 ? this.#format(formatLost(reported)) : "");
    this.#isWriting = true;
    this.#writeText(text, (isWritten) => {
      this.#isWriting = false;
      this.#octets -= octets;
      if (isWritten) this.#unreported -= reported;
      else this.#lose(count);
      this.#writeWaiting();
    });
  }

  #lose(count: number): void {
    this.lost += count;
    this.#unreported += count;
  }
}

/** Formats the line that states how many lines are missing, as a warning of pino. */
function formatLost(count: number): string {
  return `${JSON.stringify({ level: 40, time: new Date().toISOString(), count, msg: "log lines were lost" })}\n`;
}

/** What a descriptor is: a terminal counts as a file. */
function kindOf(descriptor: number): "file" | "pipe" | "socket" {
  try {
    const status = fstatSync(descriptor);
    return status.isFIFO() ? "pipe" : status.isSocket() ? "socket" : "file";
  } catch {
    return "file";
  }
}

function createDenoWriter(errors: DenoErrors): WriteText {
  const writeAll = async (octets: Uint8Array): Promise<void> => {
    for (let at = 0; at < octets.length;) at += await errors.write(octets.subarray(at));
  };
  return (text, done) => {
    writeAll(Buffer.from(text)).then(
      () => {
        done(true);
      },
      () => {
        done(false);
      },
    );
  };
}

/** Writes to a file from a thread of libuv. */
class FileWriter {
  readonly #descriptor: number;
  /** Size of the file in octets after the write in progress; undefined if nothing is being written. */
  #sizeAfter: number | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  readonly write: WriteText = (text, done) => {
    const octets = Buffer.from(text);
    this.#sizeAfter = this.#size() + octets.length;
    this.#writeFrom(octets, 0, (isWritten) => {
      this.#sizeAfter = undefined;
      done(isWritten);
    });
  };

  /** Waits until the file has grown by the write in progress. The thread cannot call back while the process ends. */
  waitForThread(waitMs: number): void {
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    for (let leftMs = waitMs; this.#sizeAfter !== undefined && leftMs > 0; leftMs--) {
      if (this.#size() >= this.#sizeAfter) return;
      Atomics.wait(sleeper, 0, 0, 1);
    }
  }

  /** A terminal has no size, so nothing waits for it. */
  #size(): number {
    try {
      const status = fstatSync(this.#descriptor);
      return status.isFile() ? status.size : Infinity;
    } catch {
      return Infinity;
    }
  }

  #writeFrom(octets: Buffer, at: number, done: (isWritten: boolean) => void): void {
    write(this.#descriptor, octets, at, octets.length - at, null, (error, written) => {
      if (error !== null || written === 0) done(false);
      else if (at + written === octets.length) done(true);
      else this.#writeFrom(octets, at + written, done);
    });
  }
}

/**
 * Opens a pipe again, so that no process that shares the descriptor can make writes block: a child process that
 * inherits it does so. This is not allowed for a pipe of another user.
 */
function reopenPipe(descriptor: number): number {
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return descriptor;
  }
}

/** A socket does not block. When the reader goes away it ends, but libuv leaves standard error itself open. */
function createSocketWriter(descriptor: number, kind: "pipe" | "socket", retryMs: number): WriteText {
  let socket: Socket | undefined;
  let brokenMs = -Infinity;
  const open = (): Socket => {
    const fd = kind === "pipe" ? reopenPipe(descriptor) : descriptor;
    const opened = new Socket({ fd, readable: false, writable: true });
    opened.unref();
    const forget = (): void => {
      if (socket === opened) socket = undefined;
      brokenMs = performance.now();
    };
    opened.on("error", forget).on("close", forget);
    return opened;
  };
  return (text, done) => {
    if (socket === undefined && performance.now() - brokenMs < retryMs) {
      done(false);
      return;
    }
    try {
      socket ??= open();
      socket.write(text, (error) => {
        done(error === null || error === undefined);
      });
    } catch {
      brokenMs = performance.now();
      done(false);
    }
  };
}
