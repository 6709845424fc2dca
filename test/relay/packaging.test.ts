/**
 * The installed relay: one file on plain Node and on Deno, a systemd service, a Debian package.
 */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeAll, expect, test } from "vitest";
import { watchdogIntervalMs } from "../../relay/service/service-manager.ts";
import { findCommand, whyWithout } from "../support/tools.ts";
import { Mailbox } from "./mailbox.ts";
import { mirror, startScriptedAllocator } from "./scripted-allocator.ts";
import { openUdpPeer } from "./udp-peer.ts";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "apportion-packaging-"));
const bundle = join(folder, "apportion-relay.mjs");

const leftovers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of leftovers.splice(0).reverse()) await close();
});

beforeAll(() => {
  execFileSync(process.execPath, ["--import", "tsx", "relay/packaging/bundle.ts", bundle], { cwd: root });
  return () => {
    rmSync(folder, { recursive: true });
  };
});

interface Child {
  readonly process: ChildProcess;
  readonly lines: Mailbox<string>;
  readonly ended: Promise<unknown[]>;
}

/** Starts a process with only the given environment. */
function start(command: readonly string[], cwd: string, environment: Record<string, string> = {}): Child {
  const child = spawn(command[0]!, command.slice(1), {
    cwd,
    env: { PATH: process.env.PATH ?? "", HOME: folder, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines = new Mailbox<string>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => {
      lines.put(line);
    });
  }
  const ended = once(child, "close");
  leftovers.push(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { process: child, lines, ended };
}

/** Starts the bundle in an empty folder, and relays one query through it. */
async function serveOnce(runtime: readonly string[], environment: Record<string, string> = {}) {
  const empty = mkdtempSync(join(folder, "empty-"));
  copyFileSync(bundle, join(empty, "apportion-relay.mjs"));
  const allocator = await startScriptedAllocator();
  const client = await openUdpPeer();
  leftovers.push(() => allocator.close());
  leftovers.push(() => {
    client.close();
  });
  const relay = start(
    [...runtime, "apportion-relay.mjs", "--listen", "[::1]:0", "--allocator", allocator.url],
    empty,
    { APPORTION_RELAY_TOKEN: "0123456789abcdef", ...environment },
  );
  const ready = await relay.lines.next();
  expect(ready).toContain('"relay listening"');
  const { listeners } = JSON.parse(ready) as { listeners: string[] };
  const query = Uint8Array.of(20, 0, 0, 0);
  await client.send(query, Number(/\d+$/.exec(listeners[0]!)![0]));
  const post = await allocator.posts.next();
  post.answer(post.frames.map((frame) => mirror(frame, () => query.with(0, 21))));
  expect((await client.received.next()).octets).toEqual(query.with(0, 21));
  return relay;
}

test("the bundle serves on plain Node, from an otherwise empty folder", async () => {
  const relay = await serveOnce([process.execPath]);
  relay.process.kill("SIGTERM");
  expect(await relay.ended).toEqual([0, null]);
});

const deno = process.env.APPORTION_DENO ?? findCommand("deno");
const denoPermissions = ["--allow-net", "--allow-env", "--allow-read", "--allow-sys"];

test.skipIf(deno === undefined)(
  `the same bundle serves on Deno${deno === undefined ? " (skipped: no deno)" : ""}`,
  async () => {
    const relay = await serveOnce([deno!, "run", "--no-prompt", ...denoPermissions]);
    relay.process.kill("SIGTERM");
    await relay.ended;
  },
);

/** Plays systemd: prints what arrives at NOTIFY_SOCKET. */
const receiver = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    for line in s.recv(4096).decode().splitlines():
        print(line, flush=True)
`;

const withoutNotify = whyWithout("python3", "systemd-notify");

test.skipIf(withoutNotify !== "")(
  `sd_notify(3): the relay notifies that it is ready, alive and stopping${withoutNotify}`,
  async () => {
    const socket = join(folder, "notify.sock");
    const systemd = start(["python3", "-c", receiver, socket], folder);
    expect(await systemd.lines.next()).toBe("bound");
    const until = async (line: string | RegExp): Promise<void> => {
      for (;;) {
        const received = await systemd.lines.next();
        if (typeof line === "string" ? received === line : line.test(received)) return;
      }
    };
    const relay = await serveOnce([process.execPath], { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "100000" });
    await until("READY=1");
    await until(`MAINPID=${relay.process.pid}`);
    for (let times = 0; times < 3; times++) await until("WATCHDOG=1");
    relay.process.kill("SIGTERM");
    await until("STOPPING=1");
    expect(await relay.ended).toEqual([0, null]);
  },
);

test.each([
  [{}, undefined],
  [{ WATCHDOG_USEC: "30000000" }, 15_000],
  [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: String(process.pid) }, 15_000],
  [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "1" }, undefined],
  [{ WATCHDOG_USEC: "0" }, undefined],
  [{ WATCHDOG_USEC: "soon" }, undefined],
])("sd_watchdog_enabled(3): watchdogIntervalMs() of %j is %s", (environment, expected) => {
  expect(watchdogIntervalMs(environment)).toBe(expected);
});

const unit = readFileSync(join(root, "relay/packaging/apportion-relay.service"), "utf8");

test.each([
  "Type=notify",
  "NotifyAccess=all",
  "WatchdogSec=30s",
  "User=apportion-relay",
  "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
  "AmbientCapabilities=CAP_NET_BIND_SERVICE",
  "NoNewPrivileges=yes",
  "ProtectSystem=strict",
])("the systemd unit has %s", (line) => {
  expect(unit.split("\n")).toContain(line);
});

const withoutMan = whyWithout("man");

test.skipIf(withoutMan !== "")(`the manual page is well formed${withoutMan}`, () => {
  const page = join(root, "relay/packaging/apportion-relay.8");
  const warnings = execFileSync("sh", ["-c", `man --warnings -l ${page} 2>&1 >/dev/null`], {
    encoding: "utf8",
  });
  expect(warnings).toBe("");
});

const isRoot = process.getuid?.() === 0;
const withoutDpkg = whyWithout("dpkg-deb");

function buildPackage(name: string): string {
  const into = join(folder, name);
  execFileSync(join(root, "relay/packaging/build-deb.sh"), [into], { stdio: "pipe" });
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  return join(into, `apportion-relay_${version}_all.deb`);
}

test.skipIf(withoutDpkg !== "")(`the Debian package build is reproducible${withoutDpkg}`, () => {
  const [first, second] = [buildPackage("first"), buildPackage("second")];
  expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
});

function installSkipReason(): string {
  const without = whyWithout("dpkg-deb", "adduser");
  if (without !== "") return without;
  if (!isRoot) return " (skipped: no root)";
  return existsSync("/usr/lib/apportion-relay") ? " (skipped: already installed)" : "";
}

const withoutInstall = installSkipReason();

function run(command: string, ...flags: string[]): string {
  return execFileSync(command, flags, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function userExists(): boolean {
  try {
    return run("getent", "passwd", "apportion-relay") !== "";
  } catch {
    return false;
  }
}

test.skipIf(withoutInstall !== "")(
  `the Debian package can be installed, removed and purged${withoutInstall}`,
  () => {
    const deb = buildPackage("installed");
    leftovers.push(() => {
      execFileSync("dpkg", ["--purge", "--force-all", "apportion-relay"], { stdio: "ignore" });
    });
    run("dpkg", "--install", deb);
    expect(run("dpkg-query", "--show", "--showformat=${Status}", "apportion-relay")).toBe(
      "install ok installed",
    );
    expect(userExists()).toBe(true);
    const files = [
      ["/etc/apportion/relay.toml", "root:root 644"],
      ["/usr/lib/systemd/system/apportion-relay.service", "root:root 644"],
      ["/usr/share/man/man8/apportion-relay.8.gz", "root:root 644"],
      ["/usr/share/doc/apportion-relay/examples/relay.toml", "root:root 644"],
      ["/usr/lib/apportion-relay/apportion-relay.mjs", "root:root 755"],
    ] as const;
    for (const [file, mode] of files) {
      expect([file, run("stat", "--format=%U:%G %a", file).trim()]).toEqual([file, mode]);
    }
    expect(run("/usr/bin/apportion-relay", "--help")).toContain("Usage: apportion-relay");

    // postinst makes the operator's token readable for the service, and for no other user.
    execFileSync("sh", ["-c", "umask 022; echo 0123456789abcdef > /etc/apportion/relay.token"]);
    run("dpkg", "--install", deb);
    expect(run("stat", "--format=%U:%G %a", "/etc/apportion/relay.token").trim()).toBe(
      "root:apportion-relay 640",
    );
    expect(run("/usr/bin/apportion-relay", "check", "/etc/apportion/relay.toml")).toContain("no faults");

    run("dpkg", "--remove", "apportion-relay");
    expect(existsSync("/usr/bin/apportion-relay")).toBe(false);
    expect(existsSync("/etc/apportion/relay.toml")).toBe(true);

    run("dpkg", "--purge", "apportion-relay");
    expect(existsSync("/etc/apportion")).toBe(false);
    expect(userExists()).toBe(false);
  },
);
