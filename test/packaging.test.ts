/**
 * The installed services: the relay as one file on plain Node and on Deno, notifications to systemd, units and manual pages.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { findFreePort } from "../src/free-port.ts";
import { watchdogIntervalMs } from "../src/service-manager.ts";
import { findCommand, whyWithout } from "./support/tools.ts";
import { receiver, start } from "./support/service-process.ts";
import { mirror, startScriptedAllocator } from "./relay/scripted-allocator.ts";
import { openUdpPeer } from "./relay/udp-peer.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "apportion-packaging-"));
const bundle = join(folder, "apportion-relay.mjs");

beforeAll(() => {
  execFileSync(process.execPath, ["--import", "tsx", "relay/packaging/bundle.ts", bundle], { cwd: root });
  return () => {
    rmSync(folder, { recursive: true });
  };
});

/** Starts the bundle in an empty folder, and relays one query through it. */
async function serveOnce(runtime: readonly string[], environment: Record<string, string> = {}) {
  const empty = mkdtempSync(join(folder, "empty-"));
  copyFileSync(bundle, join(empty, "apportion-relay.mjs"));
  const allocator = await startScriptedAllocator();
  const client = await openUdpPeer();
  onTestFinished(() => allocator.close());
  onTestFinished(() => {
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

test.skipIf(withoutNotify !== "")(
  `sd_notify(3): an allocator that waits for its database server holds up no start job, and ends at once${withoutNotify}`,
  async () => {
    const socket = join(folder, "waiting.sock");
    const systemd = start(["python3", "-c", receiver, socket], folder);
    expect(await systemd.lines.next()).toBe("bound");
    const flags = ["--http", "127.0.0.1:0", "--database", `http://127.0.0.1:${await findFreePort()}`];
    const program = [process.execPath, "--import", "tsx", "src/cli/main.ts", "allocator"];
    const allocator = start([...program, ...flags], root, {
      NOTIFY_SOCKET: socket,
      WATCHDOG_USEC: "100000",
      APPORTION_RELAY_TOKEN: "0123456789abcdef",
    });
    expect(await allocator.lines.next()).toContain("not serving yet");
    const notified = [await systemd.lines.next(), await systemd.lines.next(), await systemd.lines.next()];
    expect(notified.sort()).toEqual([
      `MAINPID=${allocator.process.pid}`,
      "READY=1",
      "STATUS=waiting for a database server",
    ]);
    while ((await systemd.lines.next()) !== "WATCHDOG=1");
    allocator.process.kill("SIGTERM");
    expect(await allocator.ended).toEqual([0, null]);
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

const everyUnit = [
  "Type=notify",
  "NotifyAccess=all",
  "Restart=always",
  "NoNewPrivileges=yes",
  "ProtectSystem=strict",
];

test.each([
  ["apportion-relay", ["WatchdogSec=30s", "AmbientCapabilities=CAP_NET_BIND_SERVICE"]],
  // `clock accept` blocks the process for some seconds, and the service needs no capability.
  ["apportion-allocator", ["WatchdogSec=5min", "CapabilityBoundingSet="]],
])("the systemd unit of %s notifies, is watched, and is restricted", (name, lines) => {
  const unit = readFileSync(join(root, `src/cli/packaging/debian/${name}.service`), "utf8");
  expect(unit.split("\n")).toEqual(expect.arrayContaining([...everyUnit, ...lines, `User=${name}`]));
});

const withoutMan = whyWithout("man");

test.skipIf(withoutMan !== "").each(["apportion.1", "apportion-allocator.8", "apportion-relay.8"])(
  `the manual page %s is well formed${withoutMan}`,
  (name) => {
    const page = join(folder, name);
    if (name === "apportion.1") {
      const made = execFileSync(process.execPath, ["--import", "tsx", "src/cli/packaging/manual.ts"], {
        cwd: root,
      });
      writeFileSync(page, made);
    } else copyFileSync(join(root, "src/cli/packaging/debian", name), page);
    const warnings = execFileSync("sh", ["-c", `man --warnings -l ${page} 2>&1 >/dev/null`], {
      encoding: "utf8",
    });
    expect(warnings).toBe("");
  },
);
