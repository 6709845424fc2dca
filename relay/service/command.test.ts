import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { relayCommand } from "./command.ts";
import type { RelayConfig } from "../config/config.ts";

const token = "0123456789abcdef";

/** Runs the command, and returns the settings it was run with and what it printed. */
async function runCommand(words: readonly string[], environment: Record<string, string> = {}) {
  const configs: RelayConfig[] = [];
  const printed: string[] = [];
  const run = (readConfig: () => RelayConfig) => Promise.resolve(void configs.push(readConfig()));
  const readStatus = (socket: string) => Promise.reject(new Error(`status of ${socket}`));
  const command = relayCommand({ run, readStatus, print: (line) => printed.push(line) }, environment);
  await command.parseAsync(words, { from: "user" });
  return { config: configs[0]!, printed };
}

const configOf = async (flags: readonly string[], environment?: Record<string, string>) =>
  (await runCommand(flags, environment)).config;

function stageFile(content: string): string {
  const folder = mkdtempSync(join(tmpdir(), "relay-command-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, "relay.toml");
  writeFileSync(file, content);
  return file;
}

test("relayCommand() needs only a token", async () => {
  expect(await configOf([], { APPORTION_RELAY_TOKEN: token })).toMatchObject({
    secrets: { token },
    allocator: { urls: [new URL("http://127.0.0.1:8467")] },
    listeners: [{ address: "::1", port: 8547 }],
  });
});

test("relayCommand() passes on every flag", async () => {
  const flags = [
    ...["--listen", "[::1]:1547,link=2001:db8::1", "--listen", "[::1]:2547"],
    ...["--interface", "eth0"],
    ...["--allocator", "https://a.example", "--allocator", "https://b.example"],
    ...["--policy", "spread"],
    ...["--reply-port", "source"],
    ...["--posts-in-flight", "3"],
    ...["--batch-frames", "64"],
    ...["--queue-length", "100"],
    ...["--queue-octets", "100000"],
    ...["--deadline-ms", "3000"],
    ...["--receive-buffer-octets", "65536"],
    ...["--http", "127.0.0.1:9547"],
    ...["--status-socket", "/run/status.sock"],
    ...["--pcap", "/tmp/relay.pcapng"],
  ];
  expect(await configOf(flags, { APPORTION_RELAY_TOKEN: token })).toMatchObject({
    listeners: [{ port: 1547 }, { port: 2547 }, { address: "ff02::1:2%eth0", port: 547 }],
    replyPort: "source",
    allocator: {
      urls: [new URL("https://a.example"), new URL("https://b.example")],
      policy: "spread",
      postsInFlight: 3,
      batchFrames: 64,
    },
    queue: { length: 100, octets: 100_000, deadlineMs: 3000, receiveBufferOctets: 65_536 },
    metrics: { listen: { host: "127.0.0.1", port: 9547 } },
    status: { socket: "/run/status.sock" },
    capture: { file: "/tmp/relay.pcapng" },
  });
});

test("relayCommand() reads a file, and flags override it", async () => {
  const file = stageFile(`
    replyPort = "source"
    listeners = [{ address = "::1", port = 1 }, { address = "::1", port = 2 }]
    [allocator]
    urls = ["https://a.example"]
    batchFrames = 7
    [queue]
    length = 9
  `);
  const flags = ["--config", file, "--listen", "[::1]:3", "--batch-frames", "8"];
  expect(await configOf(flags, { APPORTION_RELAY_TOKEN: token })).toMatchObject({
    replyPort: "source",
    listeners: [{ address: "::1", port: 3 }],
    allocator: { urls: [new URL("https://a.example")], batchFrames: 8 },
    queue: { length: 9 },
  });
});

test("relayCommand() reads the file again each time the settings are requested", async () => {
  const file = stageFile("[queue]\nlength = 1");
  let readConfig: (() => RelayConfig) | undefined;
  const run = (read: () => RelayConfig) => Promise.resolve(void (readConfig = read));
  const command = relayCommand(
    { run, readStatus: () => Promise.reject(new Error()), print: () => undefined },
    { APPORTION_RELAY_TOKEN: token },
  );
  await command.parseAsync(["--config", file], { from: "user" });
  expect(readConfig!().queue.length).toBe(1);
  writeFileSync(file, "[queue]\nlength = 2");
  expect(readConfig!().queue.length).toBe(2);
});

test("relayCommand() names an unreadable file", async () => {
  await expect(configOf(["--token-file", "/no/such/token"])).rejects.toThrow("/no/such/token");
  await expect(configOf(["--config", "/no/such/file"])).rejects.toThrow("/no/such/file");
});

test("relayCommand() rejects a start without a token", async () => {
  await expect(configOf([])).rejects.toThrow("APPORTION_RELAY_TOKEN: found nothing, expected");
});

test("check accepts a file without faults, and needs no token in the environment", async () => {
  const file = stageFile("[queue]\nlength = 1");
  expect((await runCommand(["check", file])).printed).toEqual([
    "[::1]:8547: trusts no relay but those of this host; RELAY-FORW of others is dropped",
    `${file}: no faults`,
  ]);
});

test.each([
  ["[queue]\nlength = 0", "relay.toml:2: queue.length: found 0, expected a whole number of 1 to 262144"],
  ["[queue]\nlength = ", "relay.toml:2:10: found Invalid TOML document: invalid value, expected TOML"],
  ['allocator = "x"', 'allocator: found "x", expected a table'],
  ['[allocator]\ntokenFile = "/no/token"', "relay.toml:2: allocator.tokenFile: found no such file"],
])("check rejects %j", async (content, expected) => {
  const file = stageFile(content);
  await expect(runCommand(["check", file])).rejects.toThrow(expected);
});

test("check --environment also checks the token that the service has", async () => {
  const file = stageFile("[queue]\nlength = 1");
  const check = (environment: Record<string, string>) =>
    runCommand(["check", "--environment", file], environment);
  await expect(check({})).rejects.toThrow("APPORTION_RELAY_TOKEN: found nothing, expected");
  await expect(check({ APPORTION_RELAY_TOKEN: "short" })).rejects.toThrow("APPORTION_RELAY_TOKEN: found 5");
  expect((await check({ APPORTION_RELAY_TOKEN: token })).printed.at(-1)).toBe(`${file}: no faults`);
});

const withoutRoot = process.getuid?.() === 0 ? "" : " (skipped: no root)";

test.skipIf(withoutRoot !== "")(`check names a file that only root may read${withoutRoot}`, async () => {
  const secret = stageFile(token);
  const file = stageFile(`[allocator]\ntokenFile = "${secret}"`);
  const linesOf = async () => (await runCommand(["check", file])).printed.slice(1, -1);
  chmodSync(secret, 0o600);
  expect(await linesOf()).toEqual([
    `allocator.tokenFile: only root may read ${secret}, so a relay of another user does not start`,
  ]);
  chmodSync(secret, 0o640);
  expect(await linesOf()).toEqual([]);
});

test("check rejects a file that needs a server identifier if none can be derived", async () => {
  const actions = {
    run: () => Promise.resolve(),
    readStatus: () => Promise.reject(new Error()),
    print: () => undefined,
    readMachineId: () => {
      throw new Error("ENOENT");
    },
  };
  const check = (content: string) =>
    relayCommand(actions, {}).parseAsync(["check", stageFile(content)], { from: "user" });
  await expect(check("[information]\nenabled = true")).rejects.toThrow(
    "information.serverIdentifier: found nothing, and no machine id in /etc/machine-id, expected a DUID",
  );
  await check("[information]\nenabled = false");
  await check('[information]\nenabled = true\nserverIdentifier = "0003000102005e530001"');
});

test.each([
  [["status"], "status of /run/apportion-relay/status.sock"],
  [["status", "--status-socket", "/tmp/other"], "status of /tmp/other"],
])("%j reads the status from the status socket", async (words, expected) => {
  await expect(runCommand(words)).rejects.toThrow(expected);
});
