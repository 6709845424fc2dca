/**
 * The programs as processes of their own, so that a test can stop them, kill them, or take their log away.
 *
 * @module
 */
import { spawn } from "node:child_process";
import type { ChildProcess, StdioOptions } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { Mailbox } from "../relay/mailbox.ts";

const root = join(import.meta.dirname, "../..");

/** The programs, by name. */
const programs = { relay: "relay/main.ts", apportion: "src/cli/main.ts" } as const;

/** A program that runs. */
export interface RunningProgram {
  readonly child: ChildProcess;
  /** Code and signal that it ended with. */
  readonly exited: Promise<[number | null, NodeJS.Signals | null]>;
  /** Its log so far, if its standard error is a pipe. */
  readonly log: readonly string[];
  /** Waits for a line of its log with this message; only if its standard error is a pipe. */
  readonly logged: (message: string) => Promise<Record<string, unknown>>;
}

/** Starts a program, which ends with the test. */
export function startProgram(
  program: keyof typeof programs,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  stdio: StdioOptions = ["ignore", "ignore", "pipe"],
): RunningProgram {
  const child = spawn(process.execPath, ["--import", "tsx", join(root, programs[program]), ...args], {
    cwd: root,
    env: { ...process.env, LOG_LEVEL: "info", ...environment },
    stdio,
  });
  const exited = once(child, "exit") as RunningProgram["exited"];
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  const lines = new Mailbox<string>();
  const log: string[] = [];
  if (child.stderr !== null) {
    createInterface(child.stderr).on("line", (line) => {
      log.push(line);
      lines.put(line);
    });
  }
  const logged: RunningProgram["logged"] = async (message) => {
    for (;;) {
      const line = await lines.next();
      if (!line.startsWith("{")) throw new Error(`Cannot find "${message}" in the log: found ${line}`);
      const fields = JSON.parse(line) as Record<string, unknown>;
      if (fields.msg === message) return fields;
    }
  };
  return { child, exited, log, logged };
}

/**
 * Starts `apportion allocator`, and waits until it listens.
 *
 * @param flags Further flags.
 */
export async function startAllocatorProcess(
  databaseUrl: string,
  tokens: { readonly relayToken: string; readonly adminToken: string },
  flags: readonly string[] = [],
): Promise<RunningProgram & { readonly url: string }> {
  const program = startProgram("apportion", ["allocator", "--http", "127.0.0.1:0", ...flags], {
    APPORTION_DATABASE_URL: databaseUrl,
    APPORTION_RELAY_TOKEN: tokens.relayToken,
    APPORTION_ADMIN_TOKEN: tokens.adminToken,
  });
  const { url } = await program.logged("allocator listening");
  return { ...program, url: url as string };
}

/**
 * Starts `apportion-relay` on ::1, and waits until it listens.
 *
 * @param flags Further flags.
 */
export async function startRelayProcess(
  allocatorUrl: string,
  token: string,
  flags: readonly string[] = [],
): Promise<RunningProgram & { readonly port: number }> {
  const program = startProgram("relay", ["--listen", "[::1]:0", ...flags], {
    APPORTION_ALLOCATOR_URL: allocatorUrl,
    APPORTION_RELAY_TOKEN: token,
  });
  const { listeners } = await program.logged("relay listening");
  return { ...program, port: Number(/]:(\d+)$/.exec((listeners as string[])[0]!)![1]) };
}
