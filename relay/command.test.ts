import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { relayCommand } from "./command.ts";
import type { RelayConfig } from "./config.ts";

const token = "0123456789abcdef";

async function configOf(
  flags: readonly string[],
  environment: Record<string, string> = {},
): Promise<RelayConfig> {
  const configs: RelayConfig[] = [];
  const command = relayCommand((config) => Promise.resolve(void configs.push(config)), environment);
  await command.parseAsync(flags, { from: "user" });
  return configs[0]!;
}

test("relayCommand() needs nothing but a token", async () => {
  expect(await configOf([], { APPORTION_RELAY_TOKEN: token })).toMatchObject({
    token,
    allocator: new URL("http://127.0.0.1:8467"),
    listeners: [{ address: "::1", port: 8547 }],
  });
});

test("relayCommand() hands every flag on", async () => {
  const flags = [
    ...["--listen", "[::1]:1547,link=2001:db8::1", "--listen", "[::1]:2547"],
    ...["--interface", "eth0"],
    ...["--allocator", "https://allocator.example"],
    ...["--reply-port", "source"],
    ...["--posts-in-flight", "3"],
    ...["--batch-frames", "64"],
    ...["--queue-length", "100"],
    ...["--queue-octets", "100000"],
    ...["--deadline-ms", "3000"],
    ...["--receive-buffer-octets", "65536"],
  ];
  expect(await configOf(flags, { APPORTION_RELAY_TOKEN: token })).toMatchObject({
    listeners: [{ port: 1547 }, { port: 2547 }, { address: "ff02::1:2%eth0", port: 547 }],
    allocator: new URL("https://allocator.example"),
    replyPort: "source",
    postsInFlight: 3,
    batchFrames: 64,
    queueLength: 100,
    queueOctets: 100_000,
    deadlineMs: 3000,
    receiveBufferOctets: 65_536,
  });
});

test("relayCommand() reads the token from a file rather than from the environment", async () => {
  const folder = mkdtempSync(join(tmpdir(), "relay-command-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, "token");
  writeFileSync(file, "fedcba9876543210\n");
  const config = await configOf(["--token-file", file], { APPORTION_RELAY_TOKEN: token });
  expect(config.token).toBe("fedcba9876543210");
});

test("relayCommand() names the file that it can't read", async () => {
  await expect(configOf(["--token-file", "/no/such/token"])).rejects.toThrow("/no/such/token");
});

test("relayCommand() refuses to start without a token", async () => {
  await expect(configOf([])).rejects.toThrow("token: found nothing, expected a value");
});
