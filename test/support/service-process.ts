/**
 * A service as systemd starts it: with few variables, and told where its notifications go.
 *
 * @module
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { Mailbox } from "../relay/mailbox.ts";

/** A process that runs. */
export interface Child {
  readonly process: ChildProcess;
  readonly lines: Mailbox<string>;
  readonly ended: Promise<unknown[]>;
}

/** Starts a process with only the given environment. It ends with the test. */
export function start(
  command: readonly string[],
  cwd: string,
  environment: Record<string, string> = {},
): Child {
  const child = spawn(command[0]!, command.slice(1), {
    cwd,
    env: { PATH: process.env.PATH ?? "", HOME: cwd, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines = new Mailbox<string>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => {
      lines.put(line);
    });
  }
  const ended = once(child, "close");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { process: child, lines, ended };
}

/** Plays systemd: prints what arrives at NOTIFY_SOCKET. */
export const receiver = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    for line in s.recv(4096).decode().splitlines():
        print(line, flush=True)
`;
