/**
 * An allocator in a process of its own, on a database file.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { adminToken, askBy, postTo, relayToken } from "./allocator.ts";
import type { TestAllocator } from "./allocator.ts";

const main = join(import.meta.dirname, "../../src/cli/main.ts");

/** Options of {@link startAllocatorProcess}. */
export interface AllocatorProcessOptions {
  /** Its working folder. The database is `apportion.db` in it unless `database` says otherwise. */
  readonly folder: string;
  /** Path of the database file. */
  readonly database?: string;
  /** The declared state to apply at the start. Default: none. */
  readonly declaration?: object;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** A command that runs the allocator, such as `prlimit --fsize=…`. Default: none. */
  readonly under?: readonly string[];
}

/** A running process. It is killed after the test. */
export interface AllocatorProcess extends Pick<TestAllocator, "ask" | "post"> {
  readonly pid: number;
  readonly url: string;
  /** Its log so far. */
  readonly lines: readonly string[];
  /** Resolves with the first log line that contains a text, now or later. */
  readonly logs: (text: string) => Promise<string>;
  /** Resolves with the status of a path such as `/readyz`. */
  readonly status: (path: string) => Promise<number>;
  /** Sends a signal and waits for the end. */
  readonly end: (signal?: NodeJS.Signals) => Promise<void>;
}

/**
 * Starts `apportion allocator` on a free port.
 *
 * @throws {Error} When it exits before it listens; the message has its log.
 */
export async function startAllocatorProcess({
  folder,
  database = join(folder, "apportion.db"),
  declaration,
  environment = {},
  under = [],
}: AllocatorProcessOptions): Promise<AllocatorProcess> {
  const flags = ["allocator", "--listen", "127.0.0.1:0", "--database", `file:${database}`];
  if (declaration !== undefined) {
    await writeFile(join(folder, "declared.json"), JSON.stringify(declaration));
    flags.push("--config", join(folder, "declared.json"));
  }
  const [command, ...rest] = [
    ...under,
    process.execPath,
    "--import",
    import.meta.resolve("tsx"),
    main,
    ...flags,
  ];
  const child = spawn(command!, rest, {
    cwd: folder,
    env: {
      ...process.env,
      APPORTION_RELAY_TOKEN: relayToken,
      APPORTION_ADMIN_TOKEN: adminToken,
      ...environment,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const closed = once(child, "close");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await closed;
  });
  const lines: string[] = [];
  const listeners = new Set<(line: string) => void>();
  createInterface(child.stderr).on("line", (line) => {
    lines.push(line);
    for (const listener of listeners) listener(line);
  });
  const logs = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (line: string): void => {
        if (!line.includes(text)) return;
        listeners.delete(look);
        resolve(line);
      };
      listeners.add(look);
      lines.forEach(look);
      void closed.then(() => {
        reject(new Error(`The allocator ended without logging "${text}":\n${lines.join("\n")}`));
      });
    });
  const { url } = JSON.parse(await logs("allocator listening")) as { readonly url: string };
  const post = postTo(url, relayToken);
  return {
    pid: child.pid!,
    url,
    lines,
    logs,
    post,
    ask: askBy(post),
    status: async (path) => (await fetch(url + path)).status,
    end: async (signal = "SIGTERM") => {
      child.kill(signal);
      await closed;
    },
  };
}
