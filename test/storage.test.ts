/**
 * The database file of a running allocator: locked by another process, moved away, on a full disk, read by others.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { whatToDo } from "../src/http/store-log.ts";
import { encodeFrames } from "../src/wire/frames.ts";
import { vectorDomain } from "./support/database.ts";
import { adminToken, askBy, postTo, relayToken, wrap } from "./support/allocator.ts";
import { clientProfile, says } from "./support/clients.ts";
import { temporaryFolder } from "./support/folder.ts";
import { lockFile } from "./support/lock-file.ts";
import { startAllocatorProcess } from "./support/processes.ts";
import { whyWithout } from "./support/tools.ts";

/** Starts an allocator on a database in a folder, which is created if it is missing. */
async function startIn(folder: string) {
  const path = join(folder, "apportion.db");
  const declared = join(folder, "declared.json");
  await writeFile(declared, JSON.stringify(vectorDomain));
  const flags = ["--config", declared];
  const program = await startAllocatorProcess(`file:${path}`, { relayToken, adminToken }, flags);
  const post = postTo(program.url, relayToken);
  return {
    folder,
    path,
    ...program,
    post,
    ask: askBy(post),
    status: async (route: string) => (await fetch(program.url + route)).status,
    linesWith: (text: string) => program.log.filter((line) => line.includes(text)).length,
  };
}

const start = async () => startIn(await temporaryFolder());

type Running = Awaited<ReturnType<typeof start>>;

const lostMessage = whatToDo("no file");

const discover = (client: number) => says.discover(clientProfile(client));
const bodyOf = (client: number) => encodeFrames([discover(client)].map(wrap));

/** Resolves when /readyz has a status. It is checked once a second. */
async function untilReadiness({ status }: Running, expected: number): Promise<void> {
  while ((await status("/readyz")) !== expected);
}

test("T16 while another process holds the lock, the allocator waits without standing still", async () => {
  const allocator = await start();
  const { path } = allocator;
  const other = lockFile(path);
  const asking = allocator.ask(discover(1));
  // While the first of them are answered, the POST reaches the lock. The others would stand still with it.
  for (let time = 0; time < 10; time++) expect(await allocator.status("/healthz")).toBe(200);
  other.exec("COMMIT");
  expect((await asking)[0]!.type).toBe("offer");
});

test("T16 a lock that stays: 503 with Retry-After for all that wait, and service afterwards", async () => {
  const allocator = await start();
  const { path } = allocator;
  await allocator.ask(discover(1));
  const other = lockFile(path);
  const posts = Array.from({ length: 8 }, (_, client) => allocator.post(bodyOf(client)));
  for (const response of await Promise.all(posts)) {
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
  }
  const { err } = await allocator.logged("database unavailable");
  expect((err as Error).message).toMatch(/^Cannot lock the database/);
  other.exec("COMMIT");
  expect((await allocator.ask(discover(1)))[0]!.type).toBe("offer");
});

test("T10 a moved database: nothing is served, one line says so, and it serves again when it is back", async () => {
  const allocator = await start();
  const { path } = allocator;
  const [offer] = await allocator.ask(discover(1));
  const [ack] = await allocator.ask(says.selecting(clientProfile(1), offer!));
  expect(ack?.type).toBe("ack");
  const renewal = encodeFrames([wrap(says.renew(clientProfile(1), ack!), 0)]);

  renameSync(path, `${path}.moved`);
  // Nobody uses the database, and the allocator notices all the same.
  expect(await allocator.logged(lostMessage)).toMatchObject({ path, found: "no file" });
  expect((await allocator.post(renewal)).status).toBe(503);
  await untilReadiness(allocator, 503);
  expect(await allocator.status("/healthz")).toBe(200);
  copyFileSync(`${path}.moved`, path);
  expect((await allocator.post(renewal)).status).toBe(503);
  renameSync(`${path}.moved`, path);
  expect((await allocator.ask(says.renew(clientProfile(1), ack!)))[0]!.type).toBe("ack");
  await untilReadiness(allocator, 200);
  await allocator.logged("the database is the one that was opened again: serving");
  expect([allocator.linesWith("nothing is served"), allocator.linesWith("opened again")]).toEqual([2, 1]);

  // The same without a pause: no ACK for a lease in a log that is gone.
  rmSync(`${path}-wal`);
  expect((await allocator.post(renewal)).status).toBe(503);
  await untilReadiness(allocator, 503);
});

test("T10 a deleted log: what was answered before is in the database after a restart", async () => {
  const allocator = await start();
  const { path } = allocator;
  const [offer] = await allocator.ask(discover(1));
  const [ack] = await allocator.ask(says.selecting(clientProfile(1), offer!));
  rmSync(`${path}-wal`);
  await allocator.logged(lostMessage);
  allocator.child.kill("SIGTERM");
  await allocator.exited;
  const next = await startIn(allocator.folder);
  const [again] = await next.ask(says.renew(clientProfile(1), ack!));
  expect([again?.type, again?.address, again?.portParams]).toEqual(["ack", ack!.address, ack!.portParams]);
});

test("T21 only its owner may read what an allocator creates", async () => {
  const { folder } = await start();
  const created = readdirSync(folder).filter((name) => name.startsWith("apportion.db"));
  expect(created.sort()).toEqual(["apportion.db", "apportion.db-shm", "apportion.db-wal"]);
  for (const name of created) expect([name, statSync(join(folder, name)).mode & 0o077]).toEqual([name, 0]);
});

/** A POST is answered, and so is /readyz, in the same way. */
async function expectServed(allocator: Running, expected: number): Promise<void> {
  await untilReadiness(allocator, expected);
  expect((await allocator.post(bodyOf(1))).status).toBe(expected);
}

const withoutPrlimit = whyWithout("prlimit");

test.skipIf(withoutPrlimit !== "")(
  `E24 a full disk: /readyz is 503, until there is room${withoutPrlimit}`,
  async () => {
    const allocator = await start();
    const { path } = allocator;
    await expectServed(allocator, 200);
    // A limit for the size of files has the effect of a full disk. SQLite appends to the log.
    const limit = (octets: string) =>
      promisify(execFile)("prlimit", ["--pid", String(allocator.child.pid), `--fsize=${octets}:`]);
    await limit(String(statSync(`${path}-wal`).size));
    await expectServed(allocator, 503);
    expect(await allocator.status("/healthz")).toBe(200);
    await limit("unlimited");
    await expectServed(allocator, 200);
  },
);

const withoutStrace = await whyWithoutStrace();

/** Attaching to a process may be forbidden. */
async function whyWithoutStrace(): Promise<string> {
  const without = whyWithout("strace");
  if (without !== "") return without;
  const traced = await promisify(execFile)("strace", ["-q", "-o", "/dev/null", "true"]).catch(
    () => undefined,
  );
  return traced === undefined ? " (skipped: strace may not trace)" : "";
}

test.skipIf(withoutStrace !== "")(
  `E24 a disk that does not sync: /readyz is 503, until it does${withoutStrace}`,
  async () => {
    const allocator = await start();
    await expectServed(allocator, 200);
    const calls = "fsync,fdatasync";
    const flags = [
      "-f",
      "-p",
      String(allocator.child.pid),
      "-o",
      "/dev/null",
      "-e",
      `inject=${calls}:error=EIO`,
    ];
    const strace = spawn("strace", [...flags, "-e", `trace=${calls}`], { stdio: "ignore" });
    onTestFinished(() => void strace.kill("SIGKILL"));
    await expectServed(allocator, 503);
    expect(await allocator.status("/healthz")).toBe(200);
    const ended = once(strace, "close");
    strace.kill("SIGTERM");
    await ended;
    await expectServed(allocator, 200);
  },
);
