/**
 * Deno, where this machine has it: it is beside the project, because its packages for other systems would spoil the
 * lock file.
 *
 * @module
 */
import { spawnSync } from "node:child_process";

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

/** What it needs with a database file: its settings, the folder of the file, the migrations, and the native driver. */
export function filePermissions(folder: string): string[] {
  return [
    `--allow-env=${[...variables, "LIBSQL_JS_DEV"].join(",")}`,
    `--allow-read=migrations,${folder}`,
    `--allow-write=${folder}`,
    "--allow-ffi=node_modules/@libsql",
    "--allow-sys=cpus,hostname,networkInterfaces,osRelease",
  ];
}
