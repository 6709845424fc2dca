/**
 * A RELEASE that waits where no clock runs: in the socket of a stopped process, or between relay and
 * allocator. Meanwhile its client gets its pair again through another relay and another allocator. Over real processes,
 * UDP, HTTP and a database.
 */
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { startRelay } from "../relay/relay.ts";
import { parseDeclaration } from "../src/declaration/declaration.ts";
import { applyFile, prepareStore, startAllocator } from "../src/runtime/node.ts";
import { openFile } from "../src/store/database/file.ts";
import { encodeFrames } from "../src/wire/frames.ts";
import { configOf, query, stagePeer, token } from "./relay/stage.ts";
import { postTo, readAnswer, wrap } from "./support/allocator.ts";
import type { TestAnswer, TestMessage } from "./support/allocator.ts";
import { clientProfile, says } from "./support/clients.ts";
import { temporaryFolder, vectorDomain } from "./support/database.ts";
import { startAllocatorProcess, startRelayProcess } from "./support/processes.ts";
import type { RunningProgram } from "./support/processes.ts";
import { query as queryRows } from "./support/sql.ts";

const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const adminToken = "an-admin-token-of-the-tests";
const isTrue = { interval: 5, timeout: 20_000 };
/** How long a process or the network is stopped, in milliseconds. */
const pauseMs = 110;

/** A database with a client, and the other path to it: a relay and an allocator in this process. */
async function stage() {
  const databaseUrl = `file:${join(await temporaryFolder(), "apportion.db")}`;
  const store = await prepareStore({ url: databaseUrl });
  await applyFile(store, parseDeclaration(vectorDomain, "test"), log);
  const tokens = { relayToken: token, adminToken };
  const allocator = await startAllocator(store, tokens, { host: "127.0.0.1", port: 0 }, log);
  onTestFinished(() => allocator.close());
  const openRelay = async (url: string): Promise<number> => {
    const relay = await startRelay(configOf({ allocator: { urls: [url] } }), { log });
    onTestFinished(() => relay.close());
    return relay.addresses[0]!.port;
  };
  const otherPort = await openRelay(allocator.url);
  const database = openFile(databaseUrl);
  onTestFinished(() => {
    database.close();
  });
  const [peer, profile] = [await stagePeer(), clientProfile(1)];
  const send = ({ octets }: TestMessage, port: number) => peer.send(octets, port);
  const ask = async (message: TestMessage, port: number): Promise<TestAnswer> => {
    await send(message, port);
    return readAnswer((await peer.received.next()).octets) as TestAnswer;
  };
  /** Gets a lease, or the same one again. */
  const obtain = async (port: number): Promise<TestAnswer> => {
    const ack = await ask(says.selecting(profile, await ask(says.discover(profile), port)), port);
    expect(ack.type).toBe("ack");
    return ack;
  };
  /** Sends a RELEASE, and lets the client get its pair again by the other path in the meantime. */
  const overtake = async (ack: TestAnswer, release: () => Promise<unknown>): Promise<void> => {
    const startMs = performance.now();
    await release();
    const again = await obtain(otherPort);
    expect([again.address, again.portParams]).toEqual([ack.address, ack.portParams]);
    await vi.waitUntil(() => performance.now() - startMs > pauseMs, isTrue);
  };
  const isBound = async () => (await queryRows(database, "SELECT 1 FROM lease WHERE state = 2")).length === 1;
  return { databaseUrl, tokens, allocator, openRelay, otherPort, profile, send, obtain, overtake, isBound };
}

/** Waits until an allocator has counted this many messages that came too late to end a lease. */
async function countOvertaken(url: string, atLeast = 1): Promise<number> {
  const read = async () => {
    const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${adminToken}` } });
    const text = await response.text();
    const of = (reason: string) =>
      Number(new RegExp(`outcome="silence",reason="${reason}"} (\\d+)`).exec(text)?.[1] ?? 0);
    return { overtaken: of("release-overtaken"), all: of("release-overtaken") + of("released") };
  };
  await vi.waitUntil(async () => (await read()).all >= atLeast, isTrue);
  return (await read()).overtaken;
}

/** Stops a process with SIGSTOP. Returns a function that resumes it. */
function pause({ child }: RunningProgram): () => void {
  child.kill("SIGSTOP");
  return () => void child.kill("SIGCONT");
}

test.each([0, 300])(
  "T4 a RELEASE behind %i datagrams in the socket of a relay that was stopped leaves its client the new lease",
  async (before) => {
    const { allocator, profile, send, obtain, overtake, isBound } = await stage();
    const relay = await startRelayProcess(allocator.url, token);
    const ack = await obtain(relay.port);
    const goOn = pause(relay);
    await overtake(ack, async () => {
      for (let id = 0; id < before; id++) await send({ octets: query(id) }, relay.port);
      await send(says.release(profile, ack), relay.port);
    });
    goOn();
    expect(await countOvertaken(allocator.url)).toBe(1);
    expect(await isBound()).toBe(true);

    // The same message, when it does not wait, is obeyed.
    await vi.waitUntil(async () => {
      await send(says.release(profile, ack), relay.port);
      return !(await isBound());
    }, isTrue);
  },
  30_000,
);

test("T4 a RELEASE in a connection to an allocator that was stopped leaves its client the new lease", async () => {
  const { databaseUrl, tokens, openRelay, profile, send, obtain, overtake, isBound } = await stage();
  const allocator = await startAllocatorProcess(databaseUrl, tokens);
  const port = await openRelay(allocator.url);
  const ack = await obtain(port);
  const goOn = pause(allocator);
  await overtake(ack, () => send(says.release(profile, ack), port));
  goOn();
  expect(await countOvertaken(allocator.url)).toBe(1);
  expect(await isBound()).toBe(true);
}, 30_000);

test("T4 a RELEASE of an older relay in a connection to an allocator that was stopped leaves its client the new lease", async () => {
  const { databaseUrl, tokens, profile, obtain, otherPort, overtake, isBound } = await stage();
  const allocator = await startAllocatorProcess(databaseUrl, tokens);
  const ack = await obtain(otherPort);
  const post = postTo(allocator.url, token);
  const release = encodeFrames([wrap(says.release(profile, ack), 0)]);
  const goOn = pause(allocator);
  // Old relays do not state the judging clock. Each of these POSTs has its own connection.
  const posted: Promise<Response>[] = [];
  await overtake(ack, async () => {
    for (let count = 0; count < 8; count++) posted.push(post(release, { "apportion-age-ms": "1" }));
    await Promise.race([posted[0], new Promise(setImmediate)]);
  });
  goOn();
  for (const { status } of await Promise.all(posted)) expect(status).toBe(200);
  expect(await countOvertaken(allocator.url, 8)).toBe(8);
  expect(await isBound()).toBe(true);
}, 30_000);

/** A proxy that forwards everything, and holds POSTs back on request. */
async function startHoldingProxy(target: string) {
  const state = { held: undefined as Promise<void> | undefined, onHeld: (): void => undefined };
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      if (state.held !== undefined && incoming.method === "POST") {
        state.onHeld();
        await state.held;
      }
      const { method, headers, url } = incoming;
      const forwarded = request(`${target}${url!}`, { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(outgoing);
      });
      incoming.pipe(forwarded);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Holds POSTs back from now on: resolves when one came, and lets it go by what it resolves with. */
    hold: (): { readonly held: Promise<void>; readonly letGo: () => void } => {
      let letGo = quiet as () => void;
      state.held = new Promise((resolve) => (letGo = resolve));
      return { held: new Promise((resolve) => (state.onHeld = resolve)), letGo };
    },
  };
}

test.each(["has sent POSTs before", "sends its first POST"])(
  "T4 a RELEASE that the network holds back leaves its client the new lease, if its relay %s",
  async (relayState) => {
    const { allocator, openRelay, profile, send, obtain, overtake, otherPort, isBound } = await stage();
    const proxy = await startHoldingProxy(allocator.url);
    const port = await openRelay(proxy.url);
    const ack = await obtain(relayState === "sends its first POST" ? otherPort : port);
    const { held, letGo } = proxy.hold();
    await overtake(ack, async () => {
      await send(says.release(profile, ack), port);
      await held;
    });
    letGo();
    expect(await countOvertaken(allocator.url)).toBe(1);
    expect(await isBound()).toBe(true);
  },
  30_000,
);
