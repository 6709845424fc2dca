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
  /**
   * Asks it to end, and waits.
   *
   * @returns Its last line.
   * @throws {Error} When it ended otherwise than in order.
   */
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
 * @throws {Error} With its last lines when it ends before, or is not ready in time.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { name, script, environment, readyMessage, profileFolder } = options;
  const profile = profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`];
  const child = spawn(process.execPath, [...profile, "--import", "tsx", ...script], {
    env: { ...process.env, LOG_LEVEL: "info", ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const lines: string[] = [];
  const log = createInterface(child.stderr);
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  const ready = await new Promise<LogLine>((resolve, reject) => {
    const fail = (what: string): void => {
      kill();
      reject(new Error(`Cannot start the ${name}: it ${what}\n${lines.join("\n")}`));
    };
    const timer = setTimeout(fail, readyMsMax, `was not ready within ${readyMsMax} ms`);
    log.on("line", (line) => {
      lines.push(line);
      if (lines.length > linesKept) lines.shift();
      const parsed = parseLine(line);
      if (parsed.msg === readyMessage) resolve(parsed);
    });
    log.once("close", fail.bind(undefined, "ended"));
    child.once("exit", () => {
      clearTimeout(timer);
    });
  });
  return {
    pid: child.pid!,
    ready,
    kill,
    stop: async () => {
      const closed = once(log, "close");
      child.kill("SIGTERM");
      const [[code, signal]] = await Promise.all([exited, closed]);
      if (code !== 0) throw new Error(`The ${name} ended with ${code ?? signal}\n${lines.join("\n")}`);
      return parseLine(lines.at(-1) ?? "");
    },
  };
}

/** A line that is not JSON, such as a warning of Node's, says nothing to us. */
function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return {};
  }
}
