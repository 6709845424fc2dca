/**
 * A RELEASE that waits in one relay while its client goes on through another: over UDP, HTTP and a database, all real.
 */
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { startRelay } from "../relay/relay.ts";
import type { Relay } from "../relay/relay.ts";
import { parseDeclaration } from "../src/declaration/declaration.ts";
import { applyFile, prepareStore, startAllocator } from "../src/runtime/node.ts";
import { openFile } from "../src/store/database/file.ts";
import { freePort, configOf, query, stagePeer, token } from "./relay/stage.ts";
import { readAnswer } from "./support/allocator.ts";
import type { TestAnswer, TestMessage } from "./support/allocator.ts";
import { clientProfile, says } from "./support/clients.ts";
import { temporaryFolder, vectorDomain } from "./support/database.ts";
import { query as queryRows } from "./support/sql.ts";

const quiet = () => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** An allocator process of its own would do the same: it shares nothing with others but the database. */
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

/** A relay in front of an allocator that may be away. It lets datagrams wait for long: the test decides when that ends. */
async function openRelay(allocatorUrl: string): Promise<Relay> {
  const config = configOf({ allocator: { urls: [allocatorUrl] }, queue: { deadlineMs: 60_000 } });
  const relay = await startRelay(config, { log });
  onTestFinished(() => relay.close());
  return relay;
}

const isTrue = { interval: 5, timeout: 20_000 };

test("a RELEASE that waited in a relay leaves its client the lease that it got meanwhile through another", async () => {
  const databaseUrl = `file:${join(await temporaryFolder(), "apportion.db")}`;
  const { url: usualUrl, database } = await openAllocator(databaseUrl);
  const usual = await openRelay(usualUrl);
  const port = await freePort();
  const cut = await openRelay(`http://127.0.0.1:${port}`);
  const [peer, profile] = [await stagePeer(), clientProfile(1)];
  const send = ({ octets }: TestMessage, { addresses }: Relay) => peer.send(octets, addresses[0]!.port);
  const ask = async (message: TestMessage): Promise<TestAnswer> => {
    await send(message, usual);
    return readAnswer((await peer.received.next()).octets) as TestAnswer;
  };
  const before = await ask(says.selecting(profile, await ask(says.discover(profile))));
  expect(before.type).toBe("ack");

  // What finds out that the allocator is away is lost; what comes then waits.
  await send({ octets: query(1) }, cut);
  await vi.waitUntil(() => cut.status().allocators[0]!.state === "quarantined", isTrue);
  await send(says.release(profile, before), cut);
  await vi.waitUntil(() => cut.status().queue.frames === 1, isTrue);
  const after = await ask(says.selecting(profile, await ask(says.discover(profile))));
  expect([after.type, after.address, after.portParams]).toEqual(["ack", before.address, before.portParams]);

  const { counters } = await openAllocator(databaseUrl, port);
  const endings = () => Object.entries(counters.snapshot()).filter(([name]) => name.startsWith("silence:"));
  await vi.waitUntil(() => endings().length > 0, isTrue);
  expect(endings()).toEqual([["silence:release-overtaken", 1]]);
  const rows = await queryRows(
    database,
    "SELECT state, expires_at > ? AS runs FROM lease",
    Math.floor(Date.now() / 1000),
  );
  expect(rows.map(({ state, runs }) => [state, runs])).toEqual([[2, 1]]);

  // The same message, when it does not wait, is obeyed.
  await send(says.release(profile, after), usual);
  const isReleased = async () =>
    (await queryRows(database, "SELECT 1 FROM lease WHERE state = 3")).length === 1;
  await vi.waitUntil(isReleased, isTrue);
});
