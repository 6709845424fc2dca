/**
 * Runs the commands of the README, word for word and in order, in a copy that is like a fresh clone.
 */
import { execFileSync, spawn } from "node:child_process";
import { cpSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { codeBlocksOf, readDocument, root, untrackedFolders } from "./support/documents.ts";
import { temporaryFolder } from "./support/folder.ts";

/**
 * Copies the tracked files into a new folder. Its packages are those of this checkout, so `npm install` is not needed.
 *
 * @returns The folder, which is removed when the test ends.
 */
async function freshClone(): Promise<string> {
  const folder = await temporaryFolder();
  const isTracked = (path: string) => path === root || !untrackedFolders.has(basename(path));
  cpSync(root, folder, { recursive: true, filter: isTracked });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/**
 * Puts the shell into its own network namespace if that is permitted, so that the ports of the README are free.
 *
 * @returns The command that runs a script, which is to be appended.
 */
function shellCommand(): readonly string[] {
  const command = ["unshare", "--map-root-user", "--net", "bash", "-c"];
  try {
    execFileSync(command[0]!, [...command.slice(1), "ip link set lo up"], { stdio: "ignore" });
    return [...command, 'ip link set lo up && exec bash -c "$0"'];
  } catch {
    return ["bash", "-c"];
  }
}

/** Runs a script in a process group that is killed when the test ends. */
async function runScript(script: string, folder: string) {
  const [command, ...args] = shellCommand();
  const child = spawn(command!, [...args, script], {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => {
    endGroup(child.pid);
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString("utf8")));
  const code = await new Promise((resolve) => child.on("close", resolve));
  return { ...output, code };
}

function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, "SIGKILL");
  } catch {
    // All processes of the group have already ended.
  }
}

/** Runs the first block in the background, as in a first terminal, and the others when it is ready. */
function twoTerminals([first, ...others]: readonly string[]): string {
  return `set -euo pipefail
(${first}) >start.log 2>&1 &
until grep -q "Apportion is running" start.log; do
  kill -0 $! || { cat start.log >&2; exit 1; }
  sleep 0.1
done
${others.join("\n")}
`;
}

test("E21 the commands of the README run in a fresh clone, in order", async () => {
  const blocks = codeBlocksOf(readDocument("README.md").text);
  const commands = blocks.filter(({ language }) => language === "sh").map(({ code }) => code);
  const [install, ...start] = commands[0]!.split("\n");
  expect(install).toBe("npm install"); // Not run: the clone already has its packages.
  const script = twoTerminals([start.join("\n"), ...commands.slice(1)]);
  const { code, stdout, stderr } = await runScript(script, await freshClone());
  expect(code, stderr).toBe(0);
  const shown = blocks.find(({ language }) => language === "text")!.code;
  for (const line of shown.trimEnd().split("\n")) {
    expect(stdout).toContain(line.replace(/until .*$/, "until "));
  }
  expect(stdout).toContain('"usablePsids":63');
  expect(stdout).toContain("203.0.113.128 (shared)");
  expect(stdout).toContain('"id":"203.0.113.128-1"');
  expect(stdout).toMatch(/^north-shared +access-north +shared +203\.0\.113\.128\/25 /m);
}, 300_000);
