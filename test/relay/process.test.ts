/**
 * The relay as a process: what it says, how it stops, how it refuses to start.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { Mailbox } from "./mailbox.ts";
import { mirror, startScriptedAllocator } from "./scripted-allocator.ts";
import { openUdpPeer } from "./udp-peer.ts";

const main = join(import.meta.dirname, "../../relay/main.ts");

function spawnRelay(flags: readonly string[], environment: Record<string, string>) {
  const child = spawn(process.execPath, ["--import", "tsx", main, ...flags], {
    env: { ...process.env, APPORTION_RELAY_TOKEN: undefined, LOG_LEVEL: "info", ...environment },
    stdio: ["ignore", "inherit", "pipe"],
  });
  const lines = new Mailbox<string>();
  createInterface(child.stderr).on("line", (line) => {
    lines.put(line);
  });
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  const nextLog = async () => JSON.parse(await lines.next()) as Record<string, unknown>;
  return { child, lines, exited, nextLog };
}

test("a relay process serves, and at SIGTERM finishes what it has begun", async () => {
  const allocator = await startScriptedAllocator();
  const client = await openUdpPeer();
  onTestFinished(async () => {
    client.close();
    await allocator.close();
  });
  const { child, exited, nextLog } = spawnRelay(["--listen", "[::1]:0"], {
    APPORTION_RELAY_TOKEN: "0123456789abcdef",
    APPORTION_ALLOCATOR_URL: allocator.url,
  });
  const ready = await nextLog();
  expect(ready).toMatchObject({
    msg: "relay listening",
    allocators: [`${allocator.url}/`],
    replyPort: "source",
  });
  const port = Number(/\]:(\d+)$/.exec((ready.listeners as string[])[0]!)![1]);

  const query = Uint8Array.of(20, 0, 0, 0);
  await client.send(query, port);
  const post = await allocator.posts.next();
  child.kill("SIGTERM");
  post.answer(post.frames.map((frame) => mirror(frame, () => query.with(0, 21))));
  expect(await client.received.next()).toEqual({ octets: query.with(0, 21), port });
  expect(await nextLog()).toMatchObject({ msg: "relay stopped", received: 1, sent: 1 });
  expect(await exited).toEqual([0, null]);
});

test("a relay process that is configured wrong says so in words, and exits with 1", async () => {
  const { lines, exited } = spawnRelay(["--posts-in-flight", "many"], {});
  expect(await exited).toEqual([1, null]);
  expect([await lines.next(), await lines.next()]).toEqual([
    "Cannot configure the relay:",
    '  allocator.postsInFlight: found "many", expected a whole number of 1 to 16',
  ]);
});
