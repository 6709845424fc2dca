/**
 * Deno, where this machine has it: it is beside the project, because its packages for other systems would spoil the
 * lock file.
 *
 * @module
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = join(import.meta.dirname, "../..");

/** Path of Deno, or undefined where there is none: `APPORTION_DENO`, else what PATH finds. */
export const deno = [process.env.APPORTION_DENO, "deno"].find(
  (path) => path !== undefined && spawnSync(path, ["--version"]).status === 0,
);

/** Variables that the allocator reads; Deno asks permission for each. */
const variables = [
  "APPORTION_DATABASE_URL",
  "APPORTION_DATABASE_TOKEN",
  "APPORTION_PLACEMENTS",
  "APPORTION_RELAY_TOKEN",
  "APPORTION_ADMIN_TOKEN",
  "APPORTION_HISTORY_DAYS",
];

/** What the entry needs with a libSQL server at an address: its settings, and the way there. */
export function serverPermissions(hostPort: string): string[] {
  return [`--allow-env=${variables.join(",")}`, `--allow-net=${hostPort}`];
}

/** Permissions for a database file: settings, the folder of the file, the migrations, and the native driver. */
export function filePermissions(folder: string): string[] {
  return [
    `--allow-env=${[...variables, "LIBSQL_JS_DEV"].join(",")}`,
    `--allow-read=migrations,${folder}`,
    `--allow-write=${folder}`,
    "--allow-ffi=node_modules/@libsql",
    "--allow-sys=cpus,hostname,networkInterfaces,osRelease,osUptime",
  ];
}

/** An allocator as `deno serve` runs it, on a free port. */
export interface DenoServer {
  readonly url: string;
  /** Waits for a line of its output, from now on. */
  readonly nextLine: (pattern: RegExp) => Promise<string>;
  readonly signal: (name: NodeJS.Signals) => void;
  /** Its end, by itself or by {@link DenoServer.close}. */
  readonly ended: Promise<unknown>;
  readonly close: () => Promise<void>;
}

/**
 * Starts it and waits until it listens.
 *
 * @param flags Of Deno: permissions, and what else a test wants.
 * @throws {Error} With its output, if it does not start.
 */
export async function serveOnDeno(
  environment: Readonly<Record<string, string>>,
  flags: readonly string[],
  entry = "src/runtime/deno.ts",
): Promise<DenoServer> {
  const child = spawn(
    deno!,
    ["serve", "--no-prompt", "--host", "127.0.0.1", "--port", "0", ...flags, entry],
    { cwd: root, env: { ...process.env, NO_COLOR: "1", ...environment }, stdio: ["ignore", "pipe", "pipe"] },
  );
  const ended = once(child, "exit");
  const lines: string[] = [];
  const readers = new Set<(line: string) => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => {
      lines.push(line);
      for (const read of readers) read(line);
    });
  }
  const nextLine = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const read = (line: string): void => {
        if (!pattern.test(line)) return;
        readers.delete(read);
        resolve(line);
      };
      readers.add(read);
      child.once("exit", () => {
        reject(new Error(`Deno ended before it said ${String(pattern)}:\n${lines.join("\n")}`));
      });
    });
  const listening = /Listening on (http:\/\/\S+?)\/?$/;
  return {
    url: listening.exec(await nextLine(listening))![1]!,
    nextLine,
    signal: (name) => child.kill(name),
    ended,
    close: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
