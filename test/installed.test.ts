/**
 * The installed program: `npm run build`, `npm pack`, `npm install -g` into an empty folder, and a lease by it.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { version } from "../src/version.ts";
import { whyWithout } from "./support/tools.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "apportion-installed-"));
const prefix = join(folder, "prefix");
const program = join(prefix, "bin/apportion");
/** Nothing of the checkout is in it, and nothing that npm sets for its scripts. */
const environment = { PATH: process.env.PATH ?? "", HOME: folder };

beforeAll(() => {
  const built = join(folder, "built");
  execFileSync(process.execPath, ["--import", "tsx", "src/cli/packaging/build.ts", built], { cwd: root });
  const tarball = execFileSync("npm", ["pack", "--silent", built], { cwd: folder, encoding: "utf8" }).trim();
  const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--prefix", prefix];
  execFileSync("npm", ["install", "--global", ...flags, join(folder, tarball)], { cwd: folder });
  const mebibytes = (octets: number): string => `${(octets / 2 ** 20).toFixed(1)} MiB`;
  console.log(
    `tarball ${mebibytes(statSync(join(folder, tarball)).size)}, installed ${mebibytes(octetsIn(prefix))}`,
  );
  return () => {
    rmSync(folder, { recursive: true });
  };
}, 120_000);

function octetsIn(path: string): number {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** Runs the installed program. */
function run(...args: readonly string[]): string {
  return execFileSync(program, args, { cwd: folder, env: environment, encoding: "utf8" });
}

/** Starts the installed service, which ends with the test. @returns The UDP port of its relay, and how to stop it. */
async function startService(database: string) {
  const flags = ["--database", `file:${database}`, "--http", "127.0.0.1:0", "--listen", "[::1]:0"];
  const child = spawn(program, ["start", ...flags], {
    cwd: folder,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  const printed: string[] = [];
  createInterface(child.stdout).on("line", (line) => printed.push(line));
  for await (const line of createInterface(child.stderr)) {
    const { msg, listeners } = JSON.parse(line) as { msg: string; listeners: readonly string[] };
    if (msg !== "relay listening") continue;
    child.stderr.resume();
    const port = /\d+$/.exec(listeners[0]!)![0];
    const stop = async () => {
      child.kill("SIGTERM");
      return (await exited) as [number | null, string | null];
    };
    return { port, printed, stop };
  }
  throw new Error("Cannot start the installed service: it ended");
}

test("the installed package has the program, its migrations and libsql, and no tools", () => {
  const packages = join(prefix, "lib/node_modules/apportion");
  expect(readdirSync(packages).sort()).toEqual([
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "apportion.mjs",
    "apportion.mjs.LEGAL.txt",
    "migrations",
    "node_modules",
    "package.json",
  ]);
  const modules = readdirSync(join(packages, "node_modules")).filter((name) => !name.startsWith("."));
  expect(modules.filter((name) => !name.startsWith("@"))).toEqual(["detect-libc", "libsql"]);
  expect(octetsIn(prefix)).toBeLessThan(60 * 2 ** 20);
  const manifest = JSON.parse(readFileSync(join(packages, "package.json"), "utf8")) as object;
  expect(manifest).toMatchObject({ name: "apportion", version, bin: { apportion: "apportion.mjs" } });
  expect(manifest).not.toHaveProperty("scripts");
});

test("the installed program prints its version, and its help names each command", () => {
  const beganMs = performance.now();
  expect(run("--version")).toBe(`${version}\n`);
  console.log(`start time ${(performance.now() - beganMs).toFixed(0)} ms`);
  const help = run("--help");
  for (const command of [
    "start",
    "allocator",
    "relay",
    "client",
    "load",
    "admin",
    "check",
    "complete",
    "migrate",
    "verify",
    "housekeeping",
  ])
    expect(help).toMatch(new RegExp(`^ {2}${command} `, "m"));
});

const bashCompletion = "/usr/share/bash-completion/bash_completion";
const withoutBash = existsSync(bashCompletion) ? "" : " (skipped: no bash-completion)";

test.skipIf(withoutBash !== "").each([
  ["apportion sta", "start"],
  ["apportion start --log-level w", "warn"],
  ["apportion admin pools dr", "drain"],
  ["apportion check dat", "data/"],
  ["apportion complete fi", "fish"],
])(`bash completes %j${withoutBash}`, (line, expected) => {
  mkdirSync(join(folder, "data"), { recursive: true });
  const words = line.split(" ");
  const script = [
    `. ${bashCompletion}`,
    'eval "$(apportion complete bash)"',
    // A shell may read it again, without a complaint.
    'eval "$(apportion complete bash)" 2>&1',
    `COMP_LINE='${line}' COMP_POINT=${line.length} COMP_CWORD=${words.length - 1}`,
    `COMP_WORDS=(${words.join(" ")})`,
    "__apportion_complete",
    'printf "%s\\n" "${COMPREPLY[@]%%$\'\\t\'*}"',
  ];
  const env = { ...environment, PATH: `${join(prefix, "bin")}:${environment.PATH}` };
  const completed = execFileSync("bash", ["--norc", "-c", script.join("\n")], {
    cwd: folder,
    env,
    encoding: "utf8",
  });
  expect(completed.trim().split(/\s+/)[0]).toBe(expected);
});

test.each(["bash", "zsh", "fish"])("%s accepts the script for its completion", (shell) => {
  const script = run("complete", shell);
  expect(script).toContain("apportion");
  const file = join(folder, `completion.${shell}`);
  writeFileSync(file, script);
  if (whyWithout(shell) === "") execFileSync(shell, ["-n", file]);
});

test("the installed program leases an address, and renews it after a restart", async () => {
  mkdirSync(join(folder, "data"), { recursive: true });
  const first = await startService("data/apportion.db");
  expect(first.printed.join("\n")).toContain(`apportion client lease --server ::1 --port ${first.port}`);
  const client = (port: string, action: string) =>
    JSON.parse(run("client", action, "--server", "::1", "--port", port, "--json")) as {
      readonly lease: { readonly address: string };
    };
  const { address } = client(first.port, "lease").lease;
  expect(address).toMatch(/^192\.0\.2\.\d+$/);
  expect(await first.stop()).toEqual([0, null]);
  const second = await startService("data/apportion.db");
  expect(client(second.port, "renew").lease.address).toBe(address);
  expect(await second.stop()).toEqual([0, null]);
});

test("the README of the package names only files and commands that it has", () => {
  const packages = join(prefix, "lib/node_modules/apportion");
  const readme = readFileSync(join(packages, "README.md"), "utf8");
  expect(readme).not.toMatch(/npm (start|run)|\]\(/);
  for (const [, file] of readme.matchAll(/`([\w.]+\.(?:md|txt|mjs))`/g))
    expect(readdirSync(packages)).toContain(file);
  for (const [, command] of readme.matchAll(/^(?:\S+=\S+ \S+ )?apportion (\w+)/gm))
    expect(run(command!, "--help")).toContain(`Usage: apportion ${command!}`);
});
