/**
 * Both programs with a standard error that takes nothing: a full disk, a pipe that nobody reads, a reader that is gone.
 * They lose lines, count them, serve on and end when they are told to.
 */
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { parseDeclaration } from "../src/declaration/declaration.ts";
import {
  query,
  reply,
  stageAllocator,
  answerAlways,
  freePort,
  stageFolder,
  stagePeer,
} from "./relay/stage.ts";
import { askBy, postTo } from "./support/allocator.ts";
import { clientProfile, says } from "./support/clients.ts";
import { prepareDatabase, vectorDomain } from "./support/database.ts";
import { findFreePort } from "../src/free-port.ts";
import { startProgram } from "./support/processes.ts";

const relayToken = "a-relay-token-of-the-tests";
const adminToken = "an-admin-token-of-the-tests";
const isTrue = { interval: 5, timeout: 20_000 };

/** Something for a program to write to, and whether it takes what it gets. */
interface Target {
  readonly descriptor: number;
  /** Lets it take lines from now on, and returns a function that reads what it got; undefined if it never does. */
  readonly mend?: () => () => string;
}

function open(path: string, flags: number): number {
  const descriptor = openSync(path, flags);
  onTestFinished(() => {
    closeSync(descriptor);
  });
  return descriptor;
}

/** Writes into a pipe until it is full. */
function fill(descriptor: number): void {
  try {
    for (;;) writeSync(descriptor, "x".repeat(4096));
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("EAGAIN");
  }
}

/** Reads from a pipe what is in it now. */
function drain(descriptor: number): string {
  const octets = Buffer.alloc(1024 * 1024);
  let length = 0;
  try {
    for (let read = -1; read !== 0; length += read) {
      read = readSync(descriptor, octets, length, octets.length - length, null);
    }
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("EAGAIN");
  }
  return octets.toString("utf8", 0, length);
}

const openFifo = () => {
  const path = join(stageFolder(), "log");
  execFileSync("mkfifo", [path]);
  return path;
};

const targets: Record<string, () => Target> = {
  "a file on a full disk": () => ({ descriptor: open("/dev/full", constants.O_WRONLY) }),
  "a pipe that nobody reads": () => {
    const path = openFifo();
    open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    fill(open(path, constants.O_WRONLY | constants.O_NONBLOCK));
    return { descriptor: open(path, constants.O_WRONLY) };
  },
  "a pipe that is read too late": () => {
    const path = openFifo();
    const reading = open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const filling = open(path, constants.O_WRONLY | constants.O_NONBLOCK);
    const descriptor = open(path, constants.O_WRONLY);
    fill(filling);
    return {
      descriptor,
      mend: () => {
        drain(reading);
        return () => drain(reading);
      },
    };
  },
  "a pipe whose reader is gone": () => {
    const path = openFifo();
    const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const descriptor = open(path, constants.O_WRONLY);
    closeSync(reading);
    return {
      descriptor,
      mend: () => {
        const again = open(path, constants.O_RDONLY | constants.O_NONBLOCK);
        return () => drain(again);
      },
    };
  },
};

const kinds = Object.entries(targets);

/** Reads a counter of the metrics. */
async function readCounter(url: string, name: string): Promise<number> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${adminToken}` } });
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(await response.text())?.[1]);
}

const isUp = (url: string) => async (): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );

/** Makes lines until some are lost and, if the target can be mended, until one says so. */
async function expectLosses(target: Target, say: () => Promise<unknown>, lost: () => Promise<number>) {
  await vi.waitUntil(async () => {
    await say();
    return (await lost()) > 0;
  }, isTrue);
  const read = target.mend?.();
  if (read === undefined) return;
  let text = "";
  await vi.waitUntil(async () => {
    await say();
    return (text += read()).includes("log lines were lost");
  }, isTrue);
  const notice = text.split("\n").find((line) => line.includes("log lines were lost"))!;
  expect(JSON.parse(notice)).toMatchObject({ level: 40, count: expect.any(Number) as number });
}

test.each(kinds)(
  "T17 an allocator whose log is %s loses lines, serves on, and ends at SIGTERM",
  async (_kind, openTarget) => {
    const url = `file:${join(stageFolder(), "apportion.db")}`;
    (await prepareDatabase({ url }, parseDeclaration(vectorDomain, "test"))).close();
    const target = openTarget();
    const port = await findFreePort();
    const base = `http://127.0.0.1:${port}`;
    const environment = {
      APPORTION_DATABASE_URL: url,
      APPORTION_RELAY_TOKEN: relayToken,
      APPORTION_ADMIN_TOKEN: adminToken,
      LOG_LEVEL: "debug",
    };
    const args = ["allocator", "--http", `127.0.0.1:${port}`];
    const { child, exited } = startProgram("apportion", args, environment, [
      "ignore",
      "ignore",
      target.descriptor,
    ]);
    await vi.waitUntil(isUp(`${base}/healthz`), isTrue);
    const ask = askBy(postTo(base, relayToken));
    let client = 0;
    // A RENEW without a lease is refused, and each refusal is a line.
    const [offer] = await ask(says.discover(clientProfile(0)));
    const refuse = () =>
      ask(...Array.from({ length: 256 }, () => says.renew(clientProfile(++client), offer!)));
    await expectLosses(target, refuse, () =>
      readCounter(`${base}/metrics`, "apportion_log_lines_lost_total"),
    );
    expect((await ask(says.discover(clientProfile(0))))[0]!.type).toBe("offer");
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  },
  60_000,
);

test.each(kinds)(
  "T17 a relay whose log is %s loses lines, serves on, and ends at SIGTERM",
  async (_kind, openTarget) => {
    const allocator = await stageAllocator();
    answerAlways(allocator);
    const [target, client, port, metrics] = [
      openTarget(),
      await stagePeer(),
      await freePort(),
      await findFreePort(),
    ];
    const file = join(stageFolder(), "relay.toml");
    writeFileSync(file, `listeners = [{ address = "::1", port = ${port} }]`);
    const args = ["--config", file, "--http", `127.0.0.1:${metrics}`];
    const { child, exited } = startProgram(
      "relay",
      args,
      { APPORTION_ALLOCATOR_URL: allocator.url, APPORTION_RELAY_TOKEN: relayToken },
      ["ignore", "ignore", target.descriptor],
    );
    const url = `http://127.0.0.1:${metrics}/metrics`;
    await vi.waitUntil(isUp(url), isTrue);
    let id = 0;
    const exchange = async (): Promise<void> => {
      const asked = query(++id);
      await client.send(asked, port);
      expect((await client.received.next()).octets).toEqual(reply(asked));
    };
    // A refused reload is a line with its faults.
    writeFileSync(file, "[[listeners]]\nwrong = 1\n".repeat(250));
    const reload = async (): Promise<void> => {
      child.kill("SIGHUP");
      await exchange();
    };
    await expectLosses(target, reload, () => readCounter(url, "apportion_relay_log_lines_lost_total"));
    await exchange();
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  },
  60_000,
);

test("T17 a program whose output is lost altogether serves, and ends at SIGTERM", async () => {
  const [port, folder] = [await findFreePort(), stageFolder()];
  const base = `http://127.0.0.1:${port}`;
  const args = ["start", "--database", `file:${join(folder, "a.db")}`, "--http", `127.0.0.1:${port}`];
  const { child, exited } = startProgram("apportion", [...args, "--listen", "[::1]:0"], {}, [
    "ignore",
    open("/dev/full", constants.O_WRONLY),
    open("/dev/full", constants.O_WRONLY),
  ]);
  await vi.waitUntil(isUp(`${base}/readyz`), isTrue);
  child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
}, 60_000);
