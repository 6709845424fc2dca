/**
 * The database file of a running allocator: locked by another process, moved away, on a full disk, read by others.
 */
import { join } from "node:path";
import Driver from "libsql";
import { expect, onTestFinished, test } from "vitest";
import { encodeFrames } from "../src/wire/frames.ts";
import { vectorDomain } from "./support/database.ts";
import { wrap } from "./support/allocator.ts";
import { startAllocatorProcess } from "./support/allocator-process.ts";
import { clientProfile, says } from "./support/clients.ts";
import { temporaryFolder } from "./support/folder.ts";

/** Starts an allocator on a new database. */
async function start() {
  const folder = await temporaryFolder();
  const path = join(folder, "apportion.db");
  return { folder, path, allocator: await startAllocatorProcess({ folder, declaration: vectorDomain }) };
}

/** Locks a database file as another process does that changes much at once. */
function lock(path: string): Driver.Database {
  const other = new Driver(path);
  onTestFinished(() => {
    other.close();
  });
  other.exec("BEGIN IMMEDIATE");
  return other;
}

const discover = (client: number) => says.discover(clientProfile(client));
const bodyOf = (client: number) => encodeFrames([discover(client)].map(wrap));

test("T16 while another process holds the lock, the allocator waits without standing still", async () => {
  const { allocator, path } = await start();
  const other = lock(path);
  const asking = allocator.ask(discover(1));
  // Both are answered before the lock is released, so nothing waits for the POST.
  expect(await allocator.status("/healthz")).toBe(200);
  other.exec("COMMIT");
  expect((await asking)[0]!.type).toBe("offer");
});

test("T16 a lock that stays: 503 with Retry-After for all that wait, and service afterwards", async () => {
  const { allocator, path } = await start();
  await allocator.ask(discover(1));
  const other = lock(path);
  const posts = Array.from({ length: 8 }, (_, client) => allocator.post(bodyOf(client)));
  for (const response of await Promise.all(posts)) {
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
  }
  expect(allocator.lines.filter((line) => line.includes("Cannot lock the database"))).not.toEqual([]);
  other.exec("COMMIT");
  expect((await allocator.ask(discover(1)))[0]!.type).toBe("offer");
});
