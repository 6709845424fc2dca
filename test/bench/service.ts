/**
 * A process of ours that logs JSON lines to standard error: started, awaited, stopped.
 *
 * @module
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** What to run. */
export interface ProcessOptions {
  /** For messages: `relay`. */
  readonly name: string;
  /** Script and its flags. */
  readonly script: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Folder to run in; its `tsx` compiles the script. Default: that of this process. */
  readonly folder?: string | undefined;
  /** Folder for a CPU profile, written when the process ends. */
  readonly profileFolder?: string | undefined;
  /** Ends the process at once when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** What to run, and how to see that it is ready. */
export interface ServiceOptions extends ProcessOptions {
  /** `msg` of the line that says that it is ready. */
  readonly readyMessage: string;
}

/** A line of a log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A process that is ready. */
export interface Service {
  /** That of its options. */
  readonly name: string;
  readonly pid: number;
  /** The line that said so. */
  readonly ready: LogLine;
  /** Resolves with its last line when it has ended as asked; rejects, with its last lines, when it ended otherwise. */
  readonly ended: Promise<LogLine>;
  /** Asks it to end, and waits. */
  readonly stop: () => Promise<LogLine>;
  /** Ends it at once, whatever it does; for when something else went wrong. */
  readonly kill: () => void;
}

/** A process that failed. The message says which, and shows its last lines. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
}

/** Milliseconds that a process may take until it is ready: it compiles itself, and migrates a database. */
const readyMsMax = 30_000;

/** Lines of a log that are kept, to be shown when the process fails. */
const linesKept = 20;

/**
 * Starts a process and waits until it is ready.
 *
 * @throws {ServiceError} When it ends before. One that is not ready in time is ended.
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
    const parsed = isReady ? undefined : parseLine(line);
    if (parsed?.msg === readyMessage) becomeReady(parsed);
  });
  const ended = closed.then((code) => {
    if (isStopping && code === 0) return parseLine(lines.at(-1) ?? "");
    throw new ServiceError(
      describeEnd(`The ${name} ended with ${code}${isReady ? "" : " before it was ready"}`, lines),
    );
  });
  // Who kills a service, or ends before it does, need not wait for it.
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
 * Runs a process that ends by itself.
 *
 * @throws {ServiceError} When it fails. One that takes longer than a service may until it is ready is ended.
 */
export async function runToEnd(options: ProcessOptions): Promise<void> {
  const { kill, lines, closed } = launch(options);
  const timer = setTimeout(kill, readyMsMax);
  const code = await closed.finally(() => {
    clearTimeout(timer);
  });
  if (code !== 0) throw new ServiceError(describeEnd(`The ${options.name} ended with ${code}`, lines));
}

/** A process that has begun. */
interface Launched {
  readonly child: ChildProcess;
  readonly kill: () => void;
  /** The last lines of its standard error so far. */
  readonly lines: readonly string[];
  /** Resolves with its exit code, or with the signal that ended it. */
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

function spawnNode({ script, environment, folder, profileFolder }: ProcessOptions) {
  const profile = profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`];
  return spawn(process.execPath, [...profile, "--import", "tsx", ...script], {
    cwd: folder,
    env: { ...process.env, LOG_LEVEL: "info", ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
}

function describeEnd(what: string, lines: readonly string[]): string {
  return [what, ...lines].join("\n");
}

/** A line that is not JSON, such as a warning of Node's, says nothing to us. */
function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return {};
  }
}
