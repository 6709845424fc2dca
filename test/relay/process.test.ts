/**
 * The relay as a process: its log, how it stops, and how it rejects a start.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { Mailbox } from "./mailbox.ts";
import { mirror, startScriptedAllocator } from "./scripted-allocator.ts";
import { answerAll, portsOf, query, stageAllocator, stageFolder, stagePeer } from "./stage.ts";
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

test("a relay process serves, and on SIGTERM answers what it has received before it stops", async () => {
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

  const sent = Uint8Array.of(20, 0, 0, 0);
  await client.send(sent, port);
  const post = await allocator.posts.next();
  child.kill("SIGTERM");
  post.answer(post.frames.map((frame) => mirror(frame, () => sent.with(0, 21))));
  expect(await client.received.next()).toEqual({ octets: sent.with(0, 21), port });
  expect(await nextLog()).toMatchObject({ msg: "relay stopped", received: 1, sent: 1 });
  expect(await exited).toEqual([0, null]);
});

test("a relay process with wrong settings prints the faults, and exits with 2", async () => {
  const { lines, exited } = spawnRelay(["--posts-in-flight", "many"], {});
  expect(await exited).toEqual([2, null]);
  expect(await lines.next()).toBe(
    'Cannot configure the relay: --posts-in-flight: found "many", expected a whole number of 1 to 16',
  );
});

test("a relay process applies new settings on SIGHUP, keeps the old ones after a fault, and reports its status", async () => {
  const [before, after] = [await stageAllocator(), await stageAllocator()];
  const client = await stagePeer();
  const folder = stageFolder();
  const [file, tokenFile, socket] = ["relay.toml", "token", "status.sock"].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  const configure = (url: string, more = ""): void => {
    writeFileSync(
      file,
      `listeners = [{ address = "::1", port = 0 }]
       [allocator]
       urls = ["${url}"]
       tokenFile = "${tokenFile}"
       [status]
       socket = "${socket}"
       ${more}`,
    );
  };
  configure(before.url);
  writeFileSync(tokenFile, "0123456789abcdef\n");
  const { child, nextLog } = spawnRelay(["--config", file], {});
  const port = portsOf(await nextLog())[0]!;
  expect(await nextLog()).toMatchObject({ msg: "status listening", address: socket });

  configure("no URL");
  child.kill("SIGHUP");
  expect(await nextLog()).toMatchObject({
    msg: "reload rejected: keeping the current settings",
    faults: [`${file}:3: allocator.urls.0: found "no URL", expected "https://HOST" or "http://HOST"`],
  });
  await client.send(query(1), port);
  answerAll(await before.posts.next());
  await client.received.next();

  configure(after.url, '[log]\nlevel = "warn"');
  writeFileSync(tokenFile, "fedcba9876543210\n");
  child.kill("SIGHUP");
  expect(await nextLog()).toMatchObject({ msg: "relay reconfigured", allocators: [`${after.url}/`] });
  await client.send(query(2), port);
  const post = await after.posts.next();
  expect(post.request.headers.authorization).toBe("Bearer fedcba9876543210");
  answerAll(post);
  await client.received.next();

  const run = promisify(execFile);
  const relay = ["--import", "tsx", main];
  const status = await run(process.execPath, [...relay, "status", "--status-socket", socket]);
  expect(status.stdout).toContain("2 datagrams received, 2 sent");
  const json = await run(process.execPath, [...relay, "status", "--status-socket", socket, "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({ pid: child.pid });
});

test("check prints the faults of a file and exits with 2, or with 0 if there are none", async () => {
  const folder = stageFolder();
  const [right, wrong] = [join(folder, "right.toml"), join(folder, "wrong.toml")];
  writeFileSync(right, "[queue]\nlength = 100");
  writeFileSync(wrong, "[queue]\nlength = 0\nlenght = 0");
  const checked = spawnRelay(["check", wrong], {});
  expect(await checked.exited).toEqual([2, null]);
  expect([await checked.lines.next(), await checked.lines.next(), await checked.lines.next()]).toEqual([
    "Cannot configure the relay:",
    `  ${wrong}:2: queue.length: found 0, expected a whole number of 1 to 262144`,
    expect.stringMatching(/:3: queue\.lenght: found an unknown name, expected one of length, /),
  ]);
  expect(await spawnRelay(["check", right], {}).exited).toEqual([0, null]);
});
