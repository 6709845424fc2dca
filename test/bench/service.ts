/**
 * Starts and stops processes of this project, which log JSON lines to standard error.
 *
 * @module
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** The process to run. */
export interface ProcessOptions {
  /** Name for messages, such as `relay`. */
  readonly name: string;
  /** Script and its flags. */
  readonly script: readonly string[];
  /** Whether the script is JavaScript, which needs no `tsx` and starts faster. Default: false. */
  readonly isCompiled?: boolean | undefined;
  /** Flags for Node. Default: none. */
  readonly nodeFlags?: readonly string[] | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** Working folder, whose `tsx` compiles the script. Default: that of this process. */
  readonly folder?: string | undefined;
  /** Folder for a CPU profile, written when the process ends. */
  readonly profileFolder?: string | undefined;
  /** Kills the process when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of its log. */
  readonly onLine?: ((line: LogLine) => void) | undefined;
}

/** The process to run, and how to recognize that it is ready. */
export interface ServiceOptions extends ProcessOptions {
  /** `msg` of the log line that shows that it is ready. */
  readonly readyMessage: string;
}

/** A parsed log line. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A process that has become ready. */
export interface Service {
  /** Name from its options. */
  readonly name: string;
  readonly pid: number;
  /** The log line that showed that it is ready. */
  readonly ready: LogLine;
  /** Resolves with the last log line after {@link Service.stop}. Rejects with the last lines if it exits otherwise. */
  readonly ended: Promise<LogLine>;
  /** Sends SIGTERM and waits until it has exited. */
  readonly stop: () => Promise<LogLine>;
  /** Sends SIGKILL, for cleaning up after a failure. */
  readonly kill: () => void;
}

/** A process failed. The message names it and shows its last log lines. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
}

/** Time limit until a process is ready, in milliseconds. It compiles TypeScript and may migrate a database. */
const readyMsMax = 30_000;

/** Number of last log lines that are kept, to show them when the process fails. */
const linesKept = 20;

/**
 * Starts a process and waits until it is ready.
 *
 * @throws {ServiceError} When it exits before it is ready. A process that is not ready in time is killed.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { name, readyMessage } = options;
  let isReady = false;
  let isStopping = false;
  let becomeReady: (line: LogLine) => void;
  const becameReady = new Promise<LogLine>((resolve) => {
    becomeReady = resolve;
  });
  const { child, kill, lines, closed } = launch(options, (line) => {
    const parsed = isReady && options.onLine === undefined ? undefined : parseLine(line);
    if (parsed === undefined) return;
    options.onLine?.(parsed);
    if (!isReady && parsed.msg === readyMessage) becomeReady(parsed);
  });
  const ended = closed.then((code) => {
    if (isStopping && code === 0) return parseLine(lines.at(-1) ?? "");
    throw new ServiceError(
      describeEnd(`The ${name} exited with ${code}${isReady ? "" : " before it was ready"}`, lines),
    );
  });
  // A caller need not await `ended`, so its rejection must not count as unhandled.
  ended.catch(() => undefined);
  const timer = setTimeout(kill, readyMsMax);
  const ready = await Promise.race([becameReady, ended]).finally(() => {
    clearTimeout(timer);
  });
  isReady = true;
  return {
    name,
    pid: child.pid!,
    ready,
    kill,
    ended,
    stop: () => {
      isStopping = true;
      child.kill("SIGTERM");
      return ended;
    },
  };
}

/**
 * Runs a process until it exits.
 *
 * @throws {ServiceError} When its exit code is not 0. It is killed after 30 s.
 */
export async function runToEnd(options: ProcessOptions): Promise<void> {
  const { kill, lines, closed } = launch(options);
  const timer = setTimeout(kill, readyMsMax);
  const code = await closed.finally(() => {
    clearTimeout(timer);
  });
  if (code !== 0) throw new ServiceError(describeEnd(`The ${options.name} exited with ${code}`, lines));
}

/** A started process. */
interface Launched {
  readonly child: ChildProcess;
  readonly kill: () => void;
  /** The last lines of its standard error. */
  readonly lines: readonly string[];
  /** Resolves with its exit code, or with the signal that killed it. */
  readonly closed: Promise<number | NodeJS.Signals>;
}

function launch(options: ProcessOptions, onLine?: (line: string) => void): Launched {
  const { signal } = options;
  signal?.throwIfAborted();
  const child = spawnNode(options);
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  signal?.addEventListener("abort", kill, { once: true });
  const lines: string[] = [];
  createInterface(child.stderr).on("line", (line) => {
    lines.push(line);
    if (lines.length > linesKept) lines.shift();
    onLine?.(line);
  });
  const closed = (once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>)
    .then(([code, endedBy]) => code ?? endedBy ?? "SIGKILL")
    .finally(() => {
      signal?.removeEventListener("abort", kill);
    });
  return { child, kill, lines, closed };
}

function spawnNode(options: ProcessOptions) {
  const { script, isCompiled = false, nodeFlags = [], environment, folder, profileFolder } = options;
  const profile = profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`];
  const loader = isCompiled ? [] : ["--import", "tsx"];
  return spawn(process.execPath, [...profile, ...nodeFlags, ...loader, ...script], {
    cwd: folder,
    env: { ...process.env, LOG_LEVEL: "info", ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
}

function describeEnd(what: string, lines: readonly string[]): string {
  return [what, ...lines].join("\n");
}

/** Parses a log line. A line that is not JSON, such as a warning of Node, becomes an empty object. */
function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return {};
  }
}
