/**
 * Attacks on the database file: it is moved, copied, locked, read by others, and has no room.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import Driver from "libsql";
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { encodeFrames } from "../../src/wire/frames.ts";
import type { Attack } from "./attack.ts";
import { root } from "./field.ts";
import type { Field } from "./field.ts";
import { domainOf, linkOf } from "./parts.ts";

const run = promisify(execFile);

/** @returns The status of a POST with a DISCOVER, and its Retry-After. */
async function postDiscover(field: Field, number: string, client: number) {
  const { datagram } = field
    .client(client, { linkAddress: linkOf(number) })
    .message(MessageType.discover, {});
  const response = await field.post(encodeFrames([datagram]));
  await response.arrayBuffer();
  return { status: response.status, retryAfter: response.headers.get("retry-after") };
}

const statusOf = async (field: Field, path: string): Promise<number> => (await field.http(path)).status;

/** Waits until `/readyz` has this status. */
const untilReady = (field: Field, status: number): Promise<void> =>
  field.until(async () => (await statusOf(field, "/readyz")) === status);

const movedFile: Attack = {
  id: "T10",
  tried:
    "the database file is moved, then a copy is put in its place, then its log is deleted; then a restart",
  setup: { domains: [domainOf("10")] },
  run: async (field) => {
    const client = field.client(1, { linkAddress: linkOf("10") });
    const ack = await client.lease();
    const { database } = field;
    const posts: number[] = [];
    await rename(database, `${database}.moved`);
    await untilReady(field, 503);
    posts.push((await postDiscover(field, "10", 2)).status);
    await copyFile(`${database}.moved`, database);
    posts.push((await postDiscover(field, "10", 3)).status);
    const health = await statusOf(field, "/healthz");
    await rename(`${database}.moved`, database);
    await untilReady(field, 200);
    const renewed = await client.renew(ack);
    // Now the log, whose pages may not be in the database yet.
    await rm(`${database}-wal`);
    posts.push((await postDiscover(field, "10", 4)).status);
    await untilReady(field, 503);
    const lines = field.lines.filter(({ msg }) => String(msg).includes("nothing is served")).length;
    await field.allocator.stop();
    await field.restartAllocator();
    const again = await client.renew(ack);
    return {
      seen:
        `POSTs meanwhile: ${posts.join(", ")}; healthz ${health}; ${lines} log lines; ` +
        `back: ${renewed?.type ?? "silence"}; after a restart: ${again?.type ?? "silence"}`,
      held:
        posts.every((status) => status === 503) &&
        health === 200 &&
        renewed?.type === "ack" &&
        again?.type === "ack" &&
        again.address === ack.address,
    };
  },
};

/** Asks for `/healthz` again and again while something is pending. */
async function watchHealth(field: Field, pending: Promise<unknown>) {
  const state = { isOver: false, checks: 0, slowestMs: 0 };
  const end = (): void => void (state.isOver = true);
  pending.then(end, end);
  while (!state.isOver) {
    const startMs = performance.now();
    await statusOf(field, "/healthz");
    state.slowestMs = Math.max(state.slowestMs, performance.now() - startMs);
    state.checks++;
  }
  return state;
}

const lockedFile: Attack = {
  id: "T16",
  tried: "another process holds the write lock: shortly, then for longer than a POST may wait",
  domains: [domainOf("16")],
  deadlineMs: 30_000,
  run: async (field) => {
    const other = new Driver(field.database);
    try {
      other.exec("BEGIN IMMEDIATE");
      const short = postDiscover(field, "16", 1);
      const healthOfShort = await statusOf(field, "/healthz");
      other.exec("COMMIT");
      const { status: shortStatus } = await short;
      other.exec("BEGIN IMMEDIATE");
      const long = Promise.all([2, 3, 4, 5].map((client) => postDiscover(field, "16", client)));
      const { checks, slowestMs } = await watchHealth(field, long);
      const answers = await long;
      other.exec("COMMIT");
      await untilReady(field, 200);
      const refused = answers.filter(
        ({ status, retryAfter }) => status === 503 && retryAfter !== null,
      ).length;
      return {
        seen:
          `short: ${shortStatus}; long: ${refused} of ${answers.length} POSTs 503 with Retry-After, ` +
          `${checks} healthz meanwhile, the slowest ${Math.round(slowestMs)} ms`,
        // One answer after the other, each after seconds, would mean that the process stood still.
        held:
          healthOfShort === 200 &&
          shortStatus === 200 &&
          refused === answers.length &&
          checks > answers.length,
      };
    } finally {
      other.close();
    }
  },
};

/** The units of both programs, and what systemd thinks of them: 0 is the hardest, 10 the most exposed. */
const units = ["apportion-relay", "apportion-allocator"].map(
  (name) => `src/cli/packaging/debian/${name}.service`,
);

/** @returns The exposure of each unit; undefined where systemd is not installed. */
async function exposures(): Promise<string[] | undefined> {
  try {
    return await Promise.all(
      units.map(async (unit) => {
        const { stdout } = await run("systemd-analyze", ["security", "--offline=true", join(root, unit)]);
        return /exposure level for \S+: (\d+\.\d+)/.exec(stdout)?.[1] ?? "unknown";
      }),
    );
  } catch {
    return undefined;
  }
}

const readableFile: Attack = {
  id: "T21",
  tried: "reading the database, its log and its index as another user; the units of both programs",
  run: async (field) => {
    const names = (await readdir(field.folder)).filter((name) => name.startsWith("apportion.db"));
    const modes = await Promise.all(
      names.map(async (name) => (await stat(join(field.folder, name))).mode & 0o777),
    );
    const found = existsSync(join(root, units[1]!)) ? await exposures() : undefined;
    return {
      seen:
        `${names.length} files: ${[...new Set(modes)].map((mode) => mode.toString(8)).join(", ")}; ` +
        `exposure of units: ${found?.join(" and ") ?? "not measured"}`,
      held:
        names.length === 3 &&
        modes.every((mode) => (mode & 0o077) === 0) &&
        (found?.every((exposure) => Number(exposure) <= 2) ?? true),
    };
  },
};

const fullDisk: Attack = {
  id: "E24",
  tried: "files may not grow (prlimit), as on a full disk",
  setup: { domains: [domainOf("24")] },
  missing: existsSync("/usr/bin/prlimit") ? undefined : "prlimit",
  run: async (field) => {
    await field.client(1, { linkAddress: linkOf("24") }).lease();
    const limit = (octets: string) =>
      run("prlimit", ["--pid", String(field.allocator.pid), `--fsize=${octets}:`]);
    await limit(String((await stat(`${field.database}-wal`)).size));
    const { status, retryAfter } = await postDiscover(field, "24", 2);
    await untilReady(field, 503);
    const health = await statusOf(field, "/healthz");
    await limit("unlimited");
    await untilReady(field, 200);
    const after = await postDiscover(field, "24", 3);
    return {
      seen: `POST ${status}, readyz 503, healthz ${health}; with room again: readyz 200, POST ${after.status}`,
      held: status === 503 && retryAfter !== null && health === 200 && after.status === 200,
    };
  },
};

/** Attacks on the database file. */
export const storageAttacks: readonly Attack[] = [movedFile, lockedFile, readableFile, fullDisk];
