/**
 * A RELEASE waits in one relay while its client continues through another. UDP, HTTP and the database are real.
 */
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { startRelay } from "../relay/relay.ts";
import type { Relay } from "../relay/relay.ts";
import { parseDeclaration } from "../src/declaration/declaration.ts";
import { applyFile, prepareStore, startAllocator } from "../src/runtime/node.ts";
import { openFile } from "../src/store/database/file.ts";
import { freePort, configOf, stagePeer, token } from "./relay/stage.ts";
import { readAnswer } from "./support/allocator.ts";
import type { TestAnswer, TestMessage } from "./support/allocator.ts";
import { clientProfile, says } from "./support/clients.ts";
import { temporaryFolder, vectorDomain } from "./support/database.ts";
import { query as queryRows } from "./support/sql.ts";

const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** Opens an allocator in this process. A separate process would behave the same: they share only the database. */
async function openAllocator(databaseUrl: string, port = 0) {
  const store = await prepareStore({ url: databaseUrl });
  await applyFile(store, parseDeclaration(vectorDomain, "test"), log);
  const tokens = { relayToken: token, adminToken: undefined };
  const listen = { host: "127.0.0.1", port };
  const allocator = await startAllocator(store, tokens, listen, log);
  onTestFinished(() => allocator.close());
  const database = openFile(databaseUrl);
  onTestFinished(() => {
    database.close();
  });
  return { database, ...allocator };
}

/**
 * Starts a relay for an allocator that may be unavailable. Frames may wait for a minute, so that the test can start the
 * allocator later.
 */
async function openRelay(allocatorUrl: string): Promise<Relay> {
  const config = configOf({ allocator: { urls: [allocatorUrl] }, queue: { deadlineMs: 60_000 } });
  const relay = await startRelay(config, { log });
  onTestFinished(() => relay.close());
  return relay;
}

const waitOptions = { interval: 5, timeout: 20_000 };

test("a RELEASE that waited in a relay does not end the lease that its client got meanwhile through another relay", async () => {
  const databaseUrl = `file:${join(await temporaryFolder(), "apportion.db")}`;
  const { url: connectedUrl, database } = await openAllocator(databaseUrl);
  const connected = await openRelay(connectedUrl);
  const port = await freePort();
  const isolated = await openRelay(`http://127.0.0.1:${port}`);
  const [peer, profile] = [await stagePeer(), clientProfile(1)];
  const send = ({ octets }: TestMessage, { addresses }: Relay) => peer.send(octets, addresses[0]!.port);
  const ask = async (message: TestMessage): Promise<TestAnswer> => {
    await send(message, connected);
    return readAnswer((await peer.received.next()).octets) as TestAnswer;
  };
  const before = await ask(says.selecting(profile, await ask(says.discover(profile))));
  expect(before.type).toBe("ack");

  // The relay has found its allocator unavailable. Frames wait.
  await vi.waitUntil(() => isolated.status().allocators[0]!.state === "quarantined", waitOptions);
  await send(says.release(profile, before), isolated);
  await vi.waitUntil(() => isolated.status().queue.frames === 1, waitOptions);
  const after = await ask(says.selecting(profile, await ask(says.discover(profile))));
  expect([after.type, after.address, after.portParams]).toEqual(["ack", before.address, before.portParams]);

  const { counters } = await openAllocator(databaseUrl, port);
  const endings = () => Object.entries(counters.snapshot()).filter(([name]) => name.startsWith("silence:"));
  await vi.waitUntil(() => endings().length > 0, waitOptions);
  expect(endings()).toEqual([["silence:release-overtaken", 1]]);
  const rows = await queryRows(
    database,
    "SELECT state, expires_at > ? AS runs FROM lease",
    Math.floor(Date.now() / 1000),
  );
  expect(rows.map(({ state, runs }) => [state, runs])).toEqual([[2, 1]]);

  // A RELEASE that does not wait ends the lease.
  await send(says.release(profile, after), connected);
  const isReleased = async () =>
    (await queryRows(database, "SELECT 1 FROM lease WHERE state = 3")).length === 1;
  await vi.waitUntil(isReleased, waitOptions);
});
