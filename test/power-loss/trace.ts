/**
 * Reads what strace recorded, and turns it into the events of a disk.
 *
 * A call that changes a file in a way that is not known here is an error: a replay without it would prove nothing.
 *
 * @module
 */
import { createReadStream } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";

/** A file as long as it exists: a new file under the same path has another number. */
export type FileNumber = number;

/** What happened to the disk, in order. */
export type DiskEvent =
  | { readonly kind: "create"; readonly path: string; readonly file: FileNumber }
  | { readonly kind: "unlink"; readonly path: string }
  | { readonly kind: "write"; readonly file: FileNumber; readonly offset: number; readonly data: Buffer }
  | { readonly kind: "truncate"; readonly file: FileNumber; readonly length: number }
  /** The disk has all that the file was told before the event with the number `from`, when the call began. */
  | { readonly kind: "sync"; readonly file: FileNumber; readonly from: number }
  | { readonly kind: "sync-folder"; readonly from: number }
  /** A text that the recorded program left between its calls. */
  | { readonly kind: "mark"; readonly text: string };

/** Which files matter. */
export interface TracedFiles {
  readonly database: string;
  /** The file to which the program writes its marks. */
  readonly marks: string;
}

/**
 * The calls to record. A question mark lets strace ignore a call that this machine does not have. Those that could change
 * a file in another way are recorded so that they are noticed.
 */
export const tracedCalls = [
  ..."open openat openat2 creat close".split(" "),
  ..."write pwrite64 writev pwritev pwritev2 sendfile copy_file_range splice fallocate".split(" "),
  ..."truncate ftruncate unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat".split(" "),
  ..."fsync fdatasync sync syncfs sync_file_range msync mmap io_uring_setup io_setup".split(" "),
].map((name) => `?${name}`);

/** Reads the events of a recording. */
export async function readTrace(path: string, files: TracedFiles): Promise<DiskEvent[]> {
  const reader = new TraceReader(files);
  const lines = createInterface({ input: createReadStream(path, "latin1"), crlfDelay: Infinity });
  for await (const line of lines) reader.read(line);
  return reader.events;
}

interface Unfinished {
  readonly text: string;
  /** Number of the next event when the call began. */
  readonly from: number;
}

class TraceReader {
  readonly events: DiskEvent[] = [];
  readonly #files: TracedFiles;
  /** Calls that other threads interrupted in the recording, by thread. */
  readonly #unfinished = new Map<string, Unfinished>();
  readonly #names = new Map<string, FileNumber>();
  #fileCount = 0;

  constructor(files: TracedFiles) {
    this.#files = files;
  }

  read(line: string): void {
    const [, thread, text] = /^(\d+) +(.*)$/s.exec(line) ?? [];
    if (thread === undefined || text === undefined) throw new Error(`Cannot read the trace: found ${line}`);
    const begun = / <unfinished \.\.\.>$/.exec(text);
    if (begun !== null) {
      this.#unfinished.set(thread, { text: text.slice(0, begun.index), from: this.events.length });
      return;
    }
    const resumed = /^<\.\.\. \w+ resumed>/.exec(text);
    if (resumed === null) {
      this.#readCall(text, this.events.length);
      return;
    }
    const before = this.#unfinished.get(thread);
    this.#unfinished.delete(thread);
    if (before !== undefined) this.#readCall(before.text + text.slice(resumed[0].length), before.from);
  }

  #readCall(text: string, from: number): void {
    const [, name, args, result] = /^(\w+)\((.*)\) += (-?\d+|\?|0x[0-9a-f]+)/s.exec(text) ?? [];
    // The other lines are signals and ends of processes.
    if (name === undefined || args === undefined || result === "-1" || result === "?") return;
    if (name === "io_uring_setup" || name === "io_setup") throw unknownCall(text);
    const path = pathOf(args);
    if (path === undefined) return;
    if (path === dirname(this.#files.database) && /^f(data)?sync$/.test(name)) {
      this.events.push({ kind: "sync-folder", from });
    } else if (path === this.#files.marks && name === "pwrite64") {
      this.events.push({ kind: "mark", text: dataOf(args, Number(result)).toString("utf8") });
    } else if (path.startsWith(this.#files.database) && !path.startsWith(`${this.#files.database}-shm`)) {
      // The index of the log (-shm) is created again when the first connection opens the database.
      this.#readFileCall(name, { path, args, result: Number(result), from });
    }
  }

  #readFileCall(name: string, call: { path: string; args: string; result: number; from: number }): void {
    const { path, args, result, from } = call;
    if (name === "close") return;
    if (name === "open" || name === "openat" || name === "creat") {
      this.#open(path, args);
    } else if (name === "unlink" || name === "unlinkat") {
      this.#names.delete(path);
      this.events.push({ kind: "unlink", path });
    } else if (name === "mmap") {
      if (args.includes("PROT_WRITE") && args.includes("MAP_SHARED")) throw unknownCall(`${name}(${args})`);
    } else {
      const file = this.#names.get(path);
      if (file === undefined) throw new Error(`Cannot replay ${name} of ${path}: found no such file`);
      if (name === "pwrite64") {
        const offset = Number(/, (\d+)$/.exec(args)![1]);
        this.events.push({ kind: "write", file, offset, data: dataOf(args, result) });
      } else if (name === "ftruncate") {
        this.events.push({ kind: "truncate", file, length: Number(/, (\d+)$/.exec(args)![1]) });
      } else if (name === "fsync" || name === "fdatasync") {
        this.events.push({ kind: "sync", file, from });
      } else {
        throw unknownCall(`${name}(${args})`);
      }
    }
  }

  #open(path: string, args: string): void {
    if (/O_TRUNC|O_D?SYNC|O_DIRECT\b/.test(args)) throw unknownCall(`open(${args})`);
    if (this.#names.has(path) || !args.includes("O_CREAT")) return;
    const file = this.#fileCount++;
    this.#names.set(path, file);
    this.events.push({ kind: "create", path, file });
  }
}

/** @returns The file that a call is about: that of its descriptor, or a path; undefined if it has none. */
function pathOf(args: string): string | undefined {
  const [, descriptor, suffix] = /^\d+<([^>]*)>(\(deleted\))?/.exec(args) ?? [];
  if (descriptor !== undefined) return octetsOf(descriptor).toString("utf8") + (suffix ?? "");
  const [, path] = /^(?:AT_FDCWD(?:<[^>]*>)?, )?"((?:\\x[0-9a-f]{2})*)"/.exec(args) ?? [];
  if (path !== undefined) return octetsOf(path).toString("utf8");
  const [, mapped] = /, \d+<([^>]*)>, (?:0x)?[0-9a-f]+$/.exec(args) ?? [];
  return mapped === undefined ? undefined : octetsOf(mapped).toString("utf8");
}

/** @returns The octets that a call wrote: the first of those it was given. */
function dataOf(args: string, length: number): Buffer {
  const [, text] = /"((?:\\x[0-9a-f]{2})*)"(?!\.)/.exec(args) ?? [];
  const data = octetsOf(text ?? "");
  if (data.length < length) {
    throw new Error(`Cannot replay a write: found ${data.length} octets in the trace, expected ${length}`);
  }
  return data.subarray(0, length);
}

/** @param text As strace prints it with -xx: each octet as `\x2f`. */
function octetsOf(text: string): Buffer {
  return Buffer.from(text.replaceAll("\\x", ""), "hex");
}

function unknownCall(text: string): Error {
  return new Error(`Cannot replay ${text.slice(0, 200)}: expected a call that the model of the disk knows`);
}
