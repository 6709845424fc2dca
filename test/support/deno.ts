/**
 * Starts the allocator on Deno, if Deno is installed. Deno is no dependency of the project, because its npm package
 * would add packages of other operating systems to the lock file.
 *
 * @module
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = join(import.meta.dirname, "../..");

/** Path of Deno: `APPORTION_DENO`, else the one on the PATH; undefined when neither runs. */
export const deno = [process.env.APPORTION_DENO, "deno"].find(
  (path) => path !== undefined && spawnSync(path, ["--version"]).status === 0,
);

/** Variables that the allocator reads. Deno requires permission for each. */
const variables = [
  "APPORTION_DATABASE_URL",
  "APPORTION_DATABASE_TOKEN",
  "APPORTION_PLACEMENTS",
  "APPORTION_RELAY_TOKEN",
  "APPORTION_ADMIN_TOKEN",
  "APPORTION_TRUSTED_PROXIES",
  "APPORTION_HISTORY_DAYS",
];

/** Permissions for a libSQL server at an address: the settings, and the connection to the server. */
export function serverPermissions(hostPort: string): string[] {
  return [`--allow-env=${variables.join(",")}`, `--allow-net=${hostPort}`];
}

/** Permissions for a database file: the settings, the folder of the file, the migrations, and the native driver. */
export function filePermissions(folder: string): string[] {
  return [
    `--allow-env=${[...variables, "LIBSQL_JS_DEV"].join(",")}`,
    `--allow-read=migrations,${folder}`,
    `--allow-write=${folder}`,
    "--allow-ffi=node_modules/@libsql",
    "--allow-sys=cpus,hostname,networkInterfaces,osRelease,osUptime",
  ];
}

/** A running `deno serve` process with an allocator. */
export interface DenoServer {
  readonly url: string;
  /** Waits for the next line of its output that matches. Earlier lines are not considered. */
  readonly nextLine: (pattern: RegExp) => Promise<string>;
  readonly signal: (name: NodeJS.Signals) => void;
  /** Resolves when the process has exited. */
  readonly ended: Promise<unknown>;
  readonly close: () => Promise<void>;
}

/**
 * Starts an allocator on a free port and waits until it listens.
 *
 * @param flags Flags of Deno, such as permissions.
 * @throws {Error} With the output of the process, when it does not start.
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
        reject(new Error(`Deno exited before it printed ${String(pattern)}:\n${lines.join("\n")}`));
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
