/**
 * Runs the programs with real pipes whose readers go away, as in `… | head -1`.
 */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { adminToken } from "./support/allocator.ts";
import { startAllocatorProcess, startRelayProcess } from "./support/processes.ts";
import { temporaryFolder } from "./support/folder.ts";

const root = join(import.meta.dirname, "..");
const relayToken = "a-secret-of-the-relays";

/** Runs a line of a shell, in which `apportion` and `relay` are the programs. */
async function shell(line: string, environment: Readonly<Record<string, string>> = {}) {
  const node = `${process.execPath} --import tsx`;
  const script = `set -o pipefail; apportion() { ${node} src/cli/main.ts "$@"; }; relay() { ${node} relay/main.ts "$@"; }
${line}`;
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const env = { PATH: process.env.PATH, LOG_LEVEL: "silent", ...environment };
    execFile("bash", ["--norc", "-c", script], { cwd: root, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** A reader that is gone before anything is printed, so that each write fails. */
const gone = "{ exec <&-; }";

test.each([
  "apportion --help",
  "apportion admin --help",
  "relay --help",
  "relay status --help",
  "relay check relay/relay.example.toml",
])(
  "E23 `%s` ends quietly when its reader is gone",
  async (command) => {
    expect(await shell(`{ sleep 0; ${command}; } | ${gone}`)).toMatchObject({ code: 0, stderr: "" });
  },
  120_000,
);

test("E23 commands that list or print a lease end quietly when their reader is gone", async () => {
  const folder = await temporaryFolder();
  const allocator = await startAllocatorProcess(`file:${join(folder, "a.db")}`, { relayToken, adminToken });
  const environment = { APPORTION_URL: allocator.url, APPORTION_ADMIN_TOKEN: adminToken };
  const state = join(folder, "state.yaml");
  const declare = `cat > ${state} <<'END'
domains:
  - name: isp
    default: true
    serverIdentifier: 203.0.113.1
    pools: [{ name: north, kind: full, range: 192.0.2.0/24 }]
END
apportion admin apply ${state}`;
  expect(await shell(declare, environment)).toMatchObject({ code: 0 });
  const socket = join(folder, "status.sock");
  const relay = await startRelayProcess(allocator.url, relayToken, ["--status-socket", socket]);
  const flags = `--port ${relay.port} --state ${join(folder, "leases.json")}`;
  const commands = [
    ...["domains list", "pools list", "leases list", "audit list", "export"].map(
      (each) => `apportion admin ${each}`,
    ),
    ...["bindings", "--json leases list"].map((each) => `apportion admin ${each}`),
    ...[`apportion client lease ${flags}`, `apportion client renew --json ${flags}`],
    ...[`relay status --status-socket ${socket}`, `relay status --json --status-socket ${socket}`],
    ...[
      `apportion migrate --database file:${join(folder, "b.db")}`,
      `apportion verify --database file:${join(folder, "a.db")}`,
    ],
    `apportion housekeeping --database file:${join(folder, "a.db")}`,
  ];
  for (const command of commands) {
    const ended = await shell(`{ ${command}; } | ${gone}`, environment);
    // The headers of some answers belong to standard error.
    const stderr = ended.stderr.replaceAll(/^(etag|apportion-\w+): .*\n/gm, "");
    expect({ command, ...ended, stderr }).toMatchObject({ command, code: 0, stderr: "" });
  }
  // The lease that nobody read about was kept, and the migrations that nobody read about were applied.
  expect((await shell(`apportion client release ${flags}`)).code).toBe(0);
  const again = await shell(`apportion migrate --database file:${join(folder, "b.db")}`);
  expect(again.stdout).toContain("nothing to do");
}, 300_000);

test("E23 a command works without standard error, and fails with the same code", async () => {
  const lines = [
    "apportion admin domains list 2>&-",
    "{ apportion admin domains list 2>&1 >&3; } 3>&1 | { exec <&-; }",
  ];
  for (const line of lines) expect(await shell(line)).toEqual({ code: 2, stdout: "", stderr: "" });
}, 120_000);

test("E23 a result that cannot be written for another reason is no success", async () => {
  const ended = await shell(
    `apportion migrate --database file:${join(await temporaryFolder(), "a.db")} > /dev/full`,
  );
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toMatch(
    /^Cannot print the result: .*ENOSPC.*, expected a standard output that can be written\n$/,
  );
}, 120_000);

test
  .skipIf(!existsSync("/dev/full"))
  .each([
    ...["apportion --help", "apportion --version", "apportion admin pools --help", "apportion complete bash"],
    ...["relay --help", "relay --version", "relay check relay/relay.example.toml"],
  ])("E23 `%s` says so and ends with 1 when its output cannot be written", async (command) => {
  const ended = await shell(`${command} > /dev/full`);
  expect(ended).toEqual({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(
      /^Cannot print the result: ENOSPC.*, expected a standard output.*\n$/,
    ) as string,
  });
});

test.each(
  ["put name FILE", "rotate name"].flatMap((command) => [">&-", ">/dev/null"].map((to) => [command, to])),
)("E23 `apportion admin tokens %s %s` asks for no secret that nobody could read", async (command, to) => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    response.end();
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const environment = { APPORTION_URL: `http://127.0.0.1:${port}`, APPORTION_ADMIN_TOKEN: adminToken };
  const ended = await shell(
    `apportion admin tokens ${command.replace("FILE", "package.json")} ${to}`,
    environment,
  );
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toMatch(
    /^Cannot print the secret of the token: found a standard output that is closed/,
  );
  expect(asked).toEqual([]);
});

test("T18 an allocator whose terminal is closed (SIGHUP) stops as at SIGTERM", async () => {
  const folder = await temporaryFolder();
  const allocator = await startAllocatorProcess(`file:${join(folder, "a.db")}`, { relayToken, adminToken });
  allocator.child.kill("SIGHUP");
  expect(await allocator.exited).toEqual([0, null]);
});
