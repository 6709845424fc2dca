/**
 * A process of ours that logs JSON lines to standard error: started, awaited, stopped.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** What to run. */
export interface ServiceOptions {
  /** For messages: `relay`. */
  readonly name: string;
  /** Script and its flags. */
  readonly script: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** `msg` of the line that says that it is ready. */
  readonly readyMessage: string;
  /** Folder for a CPU profile, written when the process ends. */
  readonly profileFolder?: string | undefined;
}

/** A line of a log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A process that is ready. */
export interface Service {
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

/** Milliseconds that a process may take until it is ready: it compiles itself, and migrates a database. */
const readyMsMax = 30_000;

/** Lines of a log that are kept, to be shown when the process fails. */
const linesKept = 20;

/**
 * Starts a process and waits until it is ready.
 *
 * @throws {Error} With its last lines when it ends before. One that is not ready in time is ended.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { name, readyMessage } = options;
  const child = spawnNode(options);
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  const lines: string[] = [];
  let isReady = false;
  let isStopping = false;
  const becameReady = new Promise<LogLine>((resolve) => {
    createInterface(child.stderr).on("line", (line) => {
      lines.push(line);
      if (lines.length > linesKept) lines.shift();
      const parsed = isReady ? undefined : parseLine(line);
      if (parsed?.msg === readyMessage) resolve(parsed);
    });
  });
  const ended = (once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>).then(
    ([code, signal]) => {
      if (isStopping && code === 0) return parseLine(lines.at(-1) ?? "");
      const when = isReady ? "" : " before it was ready";
      throw new Error(`The ${name} ended with ${code ?? signal}${when}\n${lines.join("\n")}`);
    },
  );
  // Who kills a service, or ends before it does, need not wait for it.
  ended.catch(() => undefined);
  const timer = setTimeout(kill, readyMsMax);
  const ready = await Promise.race([becameReady, ended]);
  clearTimeout(timer);
  isReady = true;
  return {
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

function spawnNode({ script, environment, profileFolder }: ServiceOptions) {
  const profile = profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`];
  return spawn(process.execPath, [...profile, "--import", "tsx", ...script], {
    env: { ...process.env, LOG_LEVEL: "info", ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
}

/** A line that is not JSON, such as a warning of Node's, says nothing to us. */
function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return {};
  }
}
