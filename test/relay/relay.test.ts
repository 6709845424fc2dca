/**
 * The relay through real sockets: UDP on ::1 on one side, HTTP on 127.0.0.1 on the other.
 */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { parseRelaySettings } from "../../relay/config/config.ts";
import { believedLevels, encodeInterfaceId } from "../../src/wire/relay-interface-id.ts";
import { startRelay } from "../../relay/relay.ts";
import type { Relay } from "../../relay/relay.ts";
import { linkCheckIntervalMs, loopBeatMs } from "../../src/limits.ts";
import { systemTiming } from "../../src/timing.ts";
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import {
  decodeRelayMessage,
  decodeRelayPath,
  encodeRelayMessage,
  encodeRelayReply,
} from "../../src/wire/dhcpv6/relay.ts";
import type { RelayLevel } from "../../src/wire/dhcpv6/relay.ts";
import { findOption6 } from "../../src/wire/dhcpv6/options.ts";
import { encodeFrames } from "../../src/wire/frames.ts";
import { formatIPv6, parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { vectorOctets } from "../support/vectors.ts";
import { Mailbox } from "./mailbox.ts";
import { framesType, mirror, startScriptedAllocator } from "./scripted-allocator.ts";
import type { Post } from "./scripted-allocator.ts";
import type { RelaySettingsInput } from "./stage.ts";
import { openUdpPeer } from "./udp-peer.ts";

const token = "0123456789abcdef";

/** Resources of a test are closed in reverse order. */
const leftovers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of leftovers.splice(0).reverse()) await close();
});

/** A pause of the relay that the test ends. */
interface Pause {
  readonly ms: number;
  readonly end: () => void;
}

/** A listener that forwards what untrusted relays send. */
const reporting = { address: "::1", port: 0, untrustedRelays: "report" } as const;

interface Stage {
  readonly relay: Relay;
  /** UDP port of the relay. */
  readonly port: number;
  readonly pauses: Mailbox<Pause>;
  readonly logged: string[];
  /** Moves the relay's clock forward. */
  readonly skip: (ms: number) => void;
}

async function stageRelay(allocatorUrl: string, input: RelaySettingsInput = {}): Promise<Stage> {
  const pauses = new Mailbox<Pause>();
  const logged: string[] = [];
  let skippedMs = 0;
  const log = (_fields: object, message: string) => logged.push(message);
  const settings = parseRelaySettings({
    listeners: [{ address: "::1", port: 0 }],
    ...input,
    allocator: { urls: [allocatorUrl], ...input.allocator },
  });
  const config = { ...settings, secrets: { token } };
  const relay = await startRelay(config, {
    log: { info: log, warn: log },
    timing: {
      ...systemTiming,
      nowMs: () => performance.now() + skippedMs,
      later: (end, ms) => {
        // The event loop and the links are watched by the real time.
        if (ms === loopBeatMs || ms === linkCheckIntervalMs) return systemTiming.later(end, ms);
        pauses.put({ ms, end });
        return () => undefined;
      },
    },
  });
  leftovers.push(() => relay.close());
  const skip = (ms: number): void => void (skippedMs += ms);
  return { relay, port: relay.addresses[0]!.port, pauses, logged, skip };
}

async function stageAllocator(port = 0) {
  const allocator = await startScriptedAllocator(port);
  leftovers.push(() => allocator.close());
  return allocator;
}

async function stagePeer() {
  const peer = await openUdpPeer();
  leftovers.push(() => {
    peer.close();
  });
  return peer;
}

/** An allocator, a relay and a client, connected. */
async function stage(input: RelaySettingsInput = {}) {
  const allocator = await stageAllocator();
  return { allocator, ...(await stageRelay(allocator.url, input)), client: await stagePeer() };
}

/** Encodes a query that contains a number. */
const query = (id: number): Uint8Array =>
  Uint8Array.of(
    ...[20, 0, 0, 0], // DHCPV4-QUERY
    ...[0, 87, 0, 2, id >> 8, id & 255], // option 87
  );
const reply = (message: Uint8Array): Uint8Array => message.with(0, 21);
const idOf = (message: Uint8Array): number => message[8]! * 256 + message[9]!;
const answerAll = (post: Post): void => {
  post.answer(post.frames.map((frame) => mirror(frame, reply)));
};

/** UDP has no acknowledgement: a datagram has arrived when the relay has counted it. */
async function untilReceived({ counters }: Relay, count: number): Promise<void> {
  await vi.waitUntil(() => counters.received === count, { interval: 5, timeout: 10_000 });
}

/** Waits until the drops are exactly as expected. */
async function untilDropped({ counters }: Relay, expected: Record<string, number>): Promise<void> {
  await vi.waitFor(
    () => {
      expect(counters.snapshot().dropped).toEqual(expected);
    },
    { interval: 5, timeout: 10_000 },
  );
}

/** Checks that the relay still serves. */
async function expectToServe({ allocator, port, client }: Awaited<ReturnType<typeof stage>>): Promise<void> {
  await client.send(query(999), port);
  answerAll(await allocator.posts.next());
  expect(idOf((await client.received.next()).octets)).toBe(999);
}

test("R8415-19.1-01 R8415-19.1.1-01 R8415-19.2-01 a query goes up in a RELAY-FORW, and its answer comes back to its source port", async () => {
  const { allocator, client, port, relay } = await stage({
    listeners: [{ address: "::1", port: 0, linkAddress: "2001:db8:a::1" }],
  });
  await client.send(query(1), port);

  const post = await allocator.posts.next();
  expect(post.request).toMatchObject({
    method: "POST",
    url: "/v1/relay",
    headers: { authorization: `Bearer ${token}`, "content-type": framesType },
  });
  const level = decodeRelayMessage(post.frames[0]!);
  expect(level).toMatchObject({ type: 12, hopCount: 0, message: query(1) });
  expect(formatIPv6(level.peerAddress)).toBe("::1");
  expect(formatIPv6(level.linkAddress)).toBe("2001:db8:a::1");

  answerAll(post);
  expect(await client.received.next()).toEqual({ octets: reply(query(1)), port });
  expect(relay.counters.snapshot()).toEqual({
    received: 1,
    forwarded: 1,
    posts: 1,
    postsFailed: 0,
    answered: 1,
    sent: 1,
    toServers: 0,
    untrusted: 0,
    dropped: {},
    receivedByType: { "dhcpv4-query": 1 },
    sentByType: { "dhcpv4-response": 1 },
  });
});

test("R8415-19.1.2-02 R8415-19.4-01 a message of two relays goes up in a third level, and comes back as it was answered", async () => {
  const { allocator, client: downstream, port } = await stage({ listeners: [reporting] });
  const { octets } = vectorOctets("relay-forw-2hop");
  await downstream.send(octets, port);

  const post = await allocator.posts.next();
  const { path } = decodeRelayPath(post.frames[0]!);
  expect(path.map((level) => level.hopCount)).toEqual([2, 1, 0]);
  expect(decodeRelayMessage(post.frames[0]!).message).toEqual(octets);

  answerAll(post);
  const expected = encodeRelayReply(path.slice(1), reply(decodeRelayPath(octets).message));
  expect((await downstream.received.next()).octets).toEqual(expected);
});

/** A RELAY-FORW of a relay on this host, and one that its client sent. */
const forged = (message: Uint8Array): Uint8Array => {
  const level = {
    hopCount: 0,
    linkAddress: new Uint8Array(16),
    peerAddress: parseIPv6("fe80::5"),
    options: [],
  };
  return encodeRelayMessage(12, { ...level, hopCount: 1 }, encodeRelayMessage(12, level, message));
};

test("T5 a RELAY-FORW with a level of an untrusted relay is dropped, and the log names address and listener", async () => {
  const staged = await stage();
  const { client, port, relay, logged } = staged;
  for (let count = 0; count < 50; count++) await client.send(forged(query(count)), port);
  await expectToServe(staged);
  expect(relay.counters.snapshot()).toMatchObject({ forwarded: 1, dropped: { "untrusted-relay": 50 } });
  expect(relay.status().untrustedRelays).toEqual([
    { address: "fe80::5", listener: `[::1]:${port}`, count: 50 },
  ]);
  const lines = logged.filter((message) => message.includes("trustedRelays"));
  expect(lines).toHaveLength(1);
});

test("T5 untrustedRelays = report: it is forwarded, and our level states how far it is believed", async () => {
  const { allocator, client, port, logged } = await stage({ listeners: [reporting] });
  await client.send(forged(query(1)), port);
  const post = await allocator.posts.next();
  answerAll(post);
  const [{ options }] = decodeRelayPath(post.frames[0]!).path as [RelayLevel];
  expect(believedLevels(findOption6(options, OptionCode6.interfaceId))).toBe(1);
  expect(logged.filter((message) => message.includes("not believed"))).toHaveLength(1);
});

test("T5 a trusted relay is believed, and a reload that removes it takes effect", async () => {
  const allocator = await stageAllocator();
  const trusted = { address: "::1", port: 0, trustedRelays: [{ prefix: "2001:db8:b::/64" }] };
  const { relay, port } = await stageRelay(allocator.url, { listeners: [trusted] });
  const client = await stagePeer();
  const level = { hopCount: 0, linkAddress: new Uint8Array(16), options: [] };
  const inner = encodeRelayMessage(12, { ...level, peerAddress: parseIPv6("fe80::5") }, query(1));
  const chain = encodeRelayMessage(
    12,
    { ...level, hopCount: 1, peerAddress: parseIPv6("2001:db8:b::1") },
    inner,
  );
  await client.send(chain, port);
  const post = await allocator.posts.next();
  answerAll(post);
  const [{ options }] = decodeRelayPath(post.frames[0]!).path as [RelayLevel];
  expect(believedLevels(findOption6(options, OptionCode6.interfaceId))).toBe(2);
  const settings = parseRelaySettings({
    listeners: [{ address: "::1", port: 0 }],
    allocator: { urls: [allocator.url] },
  });
  await relay.reload({ ...settings, secrets: { token } });
  await client.send(chain, port);
  await client.send(query(2), port);
  const next = await allocator.posts.next();
  answerAll(next);
  expect(next.frames).toHaveLength(1);
  expect(relay.counters.snapshot().dropped).toEqual({ "untrusted-relay": 1 });
});

test.each(["drop", "report"] as const)(
  "T22 an Information-Request inside an untrusted relay's RELAY-FORW gets no answer (untrustedRelays = %s)",
  async (untrustedRelays) => {
    const staged = await stage({
      listeners: [{ address: "::1", port: 0, untrustedRelays }],
      information: { enabled: true, serverIdentifier: "00:03:00:01:02:00:5e:53:00:01" },
    });
    const request = Uint8Array.of(
      ...[11, 0xab, 0xcd, 0xef], // Information-Request
      ...[0, 6, 0, 2, 0, 88], // Option Request: option 88
    );
    await staged.client.send(forged(request), staged.port);
    await expectToServe(staged);
    expect(staged.relay.counters.snapshot()).toMatchObject({ sent: 1, dropped: { "untrusted-relay": 1 } });
  },
);

test("R8415-19.1.2-01 a RELAY-FORW with hop-count 7 is forwarded, one with hop-count 8 is dropped", async () => {
  const { allocator, client: downstream, port, relay } = await stage({ listeners: [reporting] });
  await downstream.send(vectorOctets("bad-relay-hop8").octets, port);
  await downstream.send(vectorOctets("relay-forw-8deep-hop7").octets, port);
  const post = await allocator.posts.next();
  answerAll(post);
  expect(post.frames.map((frame) => decodeRelayMessage(frame).hopCount)).toEqual([8]);
  expect(relay.counters.snapshot().dropped).toEqual({ "hop-limit": 1 });
});

test.each([
  ["bad-relay-short", "runt"],
  ["bad-truncated-header", "runt"],
  ["bad-relay-no-msg", "malformed-relay-forward"],
  ["bad-relay-repl-to-server", "relay-reply-from-below"],
  ["bad-response-to-server", "response-from-below"],
  ["bad-msgtype-200", "unserved-message-type"],
] as const)("packet %s is dropped as %s", async (name, reason) => {
  const staged = await stage();
  await staged.client.send(vectorOctets(name).octets, staged.port);
  await expectToServe(staged);
  expect(staged.relay.counters.snapshot()).toMatchObject({ forwarded: 1, dropped: { [reason]: 1 } });
});

test("R7341-11-06 an answer leaves from the socket that received the query", async () => {
  const { allocator, client, relay } = await stage({
    listeners: new Array(3).fill({ address: "::1", port: 0 }),
  });
  for (const { port } of relay.addresses) {
    await client.send(query(port), port);
    answerAll(await allocator.posts.next());
    expect(await client.received.next()).toEqual({ octets: reply(query(port)), port });
  }
});

test("many datagrams go in few POSTs, within the limit of POSTs in flight, and all are answered", async () => {
  const { allocator, client, port, relay } = await stage({ allocator: { postsInFlight: 2 } });
  const count = 600;
  for (let id = 0; id < count; id++) await client.send(query(id), port);
  await untilReceived(relay, count);
  const answered = new Set<number>();
  const collect = async (): Promise<void> => {
    while (answered.size < count) answered.add(idOf((await client.received.next()).octets));
  };
  const collected = collect();
  for (let frames = 0; frames < count;) {
    const post = await allocator.posts.next();
    frames += post.frames.length;
    answerAll(post);
  }
  await collected;
  expect(allocator.inFlightMax()).toBe(2);
  // Two POSTs left at once with the first frames; by then the rest had gathered and fills whole batches.
  expect(relay.counters.posts).toBeLessThanOrEqual(2 + Math.ceil(count / 256));
});

test("a single datagram does not wait for others", async () => {
  const staged = await stage();
  for (let round = 0; round < 3; round++) await expectToServe(staged);
  expect(staged.relay.counters.snapshot()).toMatchObject({ posts: 3, forwarded: 3 });
});

test("503 with Retry-After pauses for that time, and then the relay serves again", async () => {
  const staged = await stage();
  const { allocator, client, port, pauses, relay, logged } = staged;
  await client.send(query(1), port);
  (await allocator.posts.next()).respond(503, { "retry-after": "7" }, "{}");
  const pause = await pauses.next();
  expect(pause.ms).toBe(7000);

  // Frames that arrive during the pause wait for its end.
  await client.send(query(2), port);
  await untilReceived(relay, 2);
  expect(allocator.posts.size).toBe(0);
  pause.end();
  answerAll(await allocator.posts.next());
  expect(idOf((await client.received.next()).octets)).toBe(2);
  await expectToServe(staged);
  expect(relay.counters.snapshot()).toMatchObject({
    postsFailed: 1,
    dropped: { "allocator-unavailable": 1 },
  });
  expect(logged.slice(1)).toEqual([
    "allocator unavailable: retrying after a pause",
    "allocator available again",
  ]);
});

test("an allocator that is not running yet is retried after pauses, and then used", async () => {
  const gone = await startScriptedAllocator();
  await gone.close();
  const client = await stagePeer();
  const { port, pauses, relay } = await stageRelay(gone.url);
  await client.send(query(1), port);
  const firstPause = await pauses.next();
  // Frames that arrive meanwhile wait: none is used to find out that the allocator is away.
  await client.send(query(2), port);
  await untilReceived(relay, 2);
  firstPause.end();
  const secondPause = await pauses.next();
  expect(firstPause.ms).toBeGreaterThanOrEqual(100);
  expect(firstPause.ms).toBeLessThanOrEqual(200);
  expect(secondPause.ms).toBeGreaterThanOrEqual(200);
  expect(secondPause.ms).toBeLessThanOrEqual(400);

  const allocator = await stageAllocator(gone.port);
  secondPause.end();
  answerAll(await allocator.posts.next());
  const answered = [await client.received.next(), await client.received.next()];
  expect(answered.map(({ octets }) => idOf(octets))).toEqual([1, 2]);
  expect(relay.counters.snapshot().dropped).toEqual({});
});

test("an allocator that does not answer in time loses the datagrams of its POST, and is retried", async () => {
  const { allocator, client, port, pauses, relay } = await stage({ queue: { deadlineMs: 200 } });
  await client.send(query(1), port);
  await allocator.posts.next();
  const pause = await pauses.next();
  await untilDropped(relay, { "allocator-unavailable": 1 });
  pause.end();
  await client.send(query(2), port);
  answerAll(await allocator.posts.next());
  expect(idOf((await client.received.next()).octets)).toBe(2);
});

test("the queue stays bounded while the allocator is busy, and drops the oldest", async () => {
  const { allocator, client, port, relay } = await stage({
    allocator: { postsInFlight: 1 },
    queue: { length: 10 },
  });
  await client.send(query(0), port);
  const first = await allocator.posts.next();
  for (let id = 1; id <= 50; id++) await client.send(query(id), port);
  await untilReceived(relay, 51);
  answerAll(first);
  const second = await allocator.posts.next();
  expect(second.frames.map((frame) => idOf(decodeRelayPath(frame).message))).toEqual([
    ...[41, 42, 43, 44, 45, 46, 47, 48, 49, 50],
  ]);
  answerAll(second);
  expect(relay.counters.snapshot().dropped).toEqual({ "queue-full": 40 });
});

test("a datagram that waited for more than half of its deadline is dropped: its POST may take the other half", async () => {
  const { allocator, client, port, relay, skip } = await stage({
    allocator: { postsInFlight: 1 },
    queue: { deadlineMs: 4000 },
  });
  await client.send(query(1), port);
  const first = await allocator.posts.next();
  await client.send(query(2), port);
  await untilReceived(relay, 2);
  skip(2001);
  await client.send(query(3), port);
  await untilReceived(relay, 3);
  answerAll(first);
  const second = await allocator.posts.next();
  answerAll(second);
  expect(second.frames.map((frame) => idOf(decodeRelayPath(frame).message))).toEqual([3]);
  expect(relay.counters.snapshot().dropped).toEqual({ "deadline-passed": 1 });
});

const ours = encodeInterfaceId({ listener: 0, port: 546, believed: 0, zone: "" });
const answerFrame = (interfaceId: Uint8Array, peer = "::1"): Uint8Array =>
  encodeRelayMessage(
    13,
    {
      hopCount: 0,
      linkAddress: new Uint8Array(16),
      peerAddress: parseIPv6(peer),
      options: [{ code: OptionCode6.interfaceId, data: interfaceId }],
    },
    reply(query(1)),
  );
const html = { "content-type": "text/html" };
const frames = { "content-type": framesType };

test.each([
  ["an HTML page of a proxy", 200, html, encodeFrames([answerFrame(ours)]), "malformed-body"],
  ["half a frame", 200, frames, Uint8Array.of(0, 9, 13), "malformed-body"],
  [
    "more frames than the POST had",
    200,
    frames,
    encodeFrames([answerFrame(ours), answerFrame(ours)]),
    "malformed-body",
  ],
  ["an oversized body", 200, frames, new Uint8Array(1024 * 1024 + 1), "allocator-unavailable"],
  ["status 401", 401, {}, "{}", "allocator-refused"],
  ["status 404", 404, html, "<html>", "allocator-refused"],
  ["a redirect", 302, { location: "/" }, "", "allocator-refused"],
  ["status 500", 500, {}, "{}", "allocator-unavailable"],
  ["status 429", 429, {}, "{}", "allocator-unavailable"],
] as const)(
  "%s instead of answers fails this POST, and the relay continues",
  async (_what, status, headers, body, reason) => {
    const staged = await stage();
    await staged.client.send(query(1), staged.port);
    (await staged.allocator.posts.next()).respond(status, headers, body);
    (await staged.pauses.next()).end();
    await expectToServe(staged);
    expect(staged.relay.counters.snapshot()).toMatchObject({ postsFailed: 1, dropped: { [reason]: 1 } });
  },
);

test.each([
  ["a message that is not a RELAY-REPL", reply(query(1)), "malformed-answer"],
  ["an empty frame", new Uint8Array(0), "malformed-answer"],
  ["an Interface-Id of an unknown listener", answerFrame(ours.with(1, 1)), "unknown-interface-id"],
  ["an Interface-Id of another format", answerFrame(ours.with(0, 0)), "unknown-interface-id"],
  ["an Interface-Id of another relay", answerFrame(Uint8Array.of(1, 2)), "unknown-interface-id"],
  ["a multicast destination", answerFrame(ours, "ff02::1"), "unusable-destination"],
  ["a destination that no socket can send to", answerFrame(ours, "::ffff:127.0.0.1"), "send-failed"],
] as const)("%s in place of an answer is dropped, and the relay continues", async (_what, frame, reason) => {
  const staged = await stage();
  await staged.client.send(query(1), staged.port);
  (await staged.allocator.posts.next()).answer([frame]);
  await expectToServe(staged);
  expect(staged.relay.counters.snapshot()).toMatchObject({ postsFailed: 0, dropped: { [reason]: 1 } });
});

test("no octets from a client or an allocator stop the relay", async () => {
  const staged = await stage();
  const octets = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }),
    fc
      .tuple(fc.constantFrom(12, 13, 20, 21), fc.uint8Array({ maxLength: 200 }))
      .map(([type, rest]) => Uint8Array.of(type, ...rest)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(octets, { maxLength: 8 }), octets, async (datagrams, answer) => {
      for (const datagram of datagrams) await staged.client.send(datagram, staged.port);
      await staged.client.send(query(1), staged.port);
      // Every POST gets a random answer, up to the one that contains the valid query.
      let post: Post;
      do {
        post = await staged.allocator.posts.next();
        post.answer([answer]);
      } while (!post.frames.some((each) => isDeepStrictEqual(decodeRelayMessage(each).message, query(1))));
    }),
    { numRuns: 100 },
  );
  await expectToServe(staged);
});

test("the relay keeps no state of an exchange: another process delivers the answer", async () => {
  const allocator = await stageAllocator();
  const client = await stagePeer();
  const before = await stageRelay(allocator.url);
  await client.send(query(1), before.port);
  const first = await allocator.posts.next();
  first.answer([]);
  await before.relay.close();

  const after = await stageRelay(allocator.url, { listeners: [{ address: "::1", port: before.port }] });
  await (await stagePeer()).send(query(2), after.port);
  (await allocator.posts.next()).answer(first.frames.map((frame) => mirror(frame, reply)));
  expect(await client.received.next()).toEqual({ octets: reply(query(1)), port: before.port });
});

test("close() sends the waiting frames, delivers the pending answers, and accepts no more datagrams", async () => {
  const { allocator, client, port, relay } = await stage({ allocator: { postsInFlight: 1 } });
  await client.send(query(1), port);
  const first = await allocator.posts.next();
  await client.send(query(2), port);
  await untilReceived(relay, 2);
  const closed = relay.close();
  await client.send(query(3), port);
  await untilReceived(relay, 3);
  expect(relay.counters.snapshot().dropped).toEqual({ "relay-closing": 1 });
  answerAll(first);
  answerAll(await allocator.posts.next());
  await closed;
  const ids = [await client.received.next(), await client.received.next()].map(({ octets }) => idOf(octets));
  expect(ids).toEqual([1, 2]);
  await relay.close();
});

test("startRelay() names the socket that it can't open, and leaves none open", async () => {
  const { port } = await stage();
  const settings = parseRelaySettings({
    listeners: [
      { address: "::1", port: 0 },
      { address: "::1", port },
    ],
  });
  const config = { ...settings, secrets: { token } };
  const log = { info: vi.fn(), warn: vi.fn() };
  await expect(startRelay(config, { log })).rejects.toThrow(`Cannot listen on [::1]:${port}: `);
});

test("E18 startRelay() names the missing interface", async () => {
  const settings = parseRelaySettings({ listeners: [{ interface: "nosuch0" }] });
  const log = { info: vi.fn(), warn: vi.fn() };
  await expect(startRelay({ ...settings, secrets: { token } }, { log })).rejects.toThrow(
    "found no interface nosuch0 (EINVAL), expected --interface, --listen or listeners to name an interface of this host",
  );
});
