import { afterEach, describe, expect, test } from "vitest";
import { createManualTiming } from "../../test/support/manual-timing.ts";
import { encodeReply, startScriptedServer } from "../../test/support/scripted-server.ts";
import type { ReceivedQuery, ScriptedServer } from "../../test/support/scripted-server.ts";
import { MessageType } from "../wire/dhcpv4/codes.ts";
import { decodePortParams } from "../wire/dhcpv4/options/port-params.ts";
import { encodeHex } from "../wire/hex.ts";
import { formatIPv6, parseIPv6 } from "../wire/ipv6-address.ts";
import { leasesOf } from "./lease-table.ts";
import { leaseLoad, releaseLoad, renewLoad } from "./load.ts";
import { clientOfIdentifier } from "./queries.ts";
import { findOverlaps } from "./overlaps.ts";

const firstAddress = 0xc0000200;

let server: ScriptedServer;
afterEach(() => server.close());

function clientOf(query: ReceivedQuery): number {
  return clientOfIdentifier(query.message.options.get(61)!)!;
}

/** Computes the pair of a client from its number; 63 clients share an address. */
function pairOf(client: number) {
  const portParams = { psidOffset: 0, psidLength: 6, psid: 1 + (client % 63) };
  return { address: firstAddress + Math.floor(client / 63), portParams };
}

/** Answers each client with the pair for its number. */
function answers(query: ReceivedQuery, pair = pairOf(clientOf(query))): Uint8Array[] {
  if (query.type === MessageType.discover) return [encodeReply(query, { type: MessageType.offer, ...pair })];
  if (query.type === MessageType.request) return [encodeReply(query, { type: MessageType.ack, ...pair })];
  return [];
}

async function listen(answer: (query: ReceivedQuery) => readonly Uint8Array[]) {
  server = await startScriptedServer(answer);
  return { server: "::1", port: server.port, inFlight: 7 };
}

describe("leaseLoad()", () => {
  test("R7618-5-01 gets every client its lease, and no two clients share a port", async () => {
    const target = await listen(answers);
    const result = await leaseLoad({ ...target, clients: 200, firstClient: 1000 });
    const leases = leasesOf(result.leases);
    expect(leases.length).toBe(200);
    expect(leases[5]).toMatchObject({
      client: 1005,
      address: pairOf(1005).address,
      ...pairOf(1005).portParams,
    });
    expect(findOverlaps(leases)).toEqual([]);
    expect(result.counts).toEqual({
      retransmits: 0,
      naks: 0,
      timeouts: 0,
      withoutOffer: 0,
      unfinished: 0,
      ignored: 0,
      moved: 0,
      lost: 0,
      socketErrors: 0,
    });
    expect([result.offer.count, result.ack.count, result.exchange.count]).toEqual([200, 200, 200]);
    expect(result.exchange.maxMs).toBeGreaterThanOrEqual(result.ack.p50Ms);
  });

  test("R7618-5-01 detects a server that gives one pair to two clients", async () => {
    const target = await listen((query) => answers(query, pairOf(Math.floor(clientOf(query) / 2))));
    const { leases } = await leaseLoad({ ...target, clients: 20 });
    expect(findOverlaps(leasesOf(leases)).length).toBe(10);
  });

  test("R7618-5-01 a pair that is leased again after its lease has ended is no overlap", async () => {
    const timing = createManualTiming();
    const target = await listen((query) => {
      const pair = pairOf(1);
      if (query.type === MessageType.discover)
        return [encodeReply(query, { type: MessageType.offer, ...pair })];
      return [encodeReply(query, { type: MessageType.ack, ...pair, leaseSeconds: 11 })];
    });
    const { leases } = await leaseLoad({
      ...target,
      clients: 3,
      perSecond: 0.1,
      timing,
      onAck: () => {
        setImmediate(() => {
          timing.advance(10_000);
        });
      },
    });
    expect(findOverlaps(leasesOf(leases))).toEqual([]);
    const { fromMs, untilMs } = leases;
    expect([...fromMs]).toEqual([0, 10_000, 20_000]);
    // A lease lasts from the first transmission of its REQUEST, less the second that servers may round away.
    expect([...untilMs]).toEqual([10_000, 20_000, 30_000]);
  });

  test("a client that starts over may get another pair, which does not count as a renewal with another pair", async () => {
    const timing = createManualTiming();
    let shift = 0;
    const target = await listen((query) => answers(query, pairOf(clientOf(query) + shift)));
    const { counts, exchange } = await leaseLoad({
      ...target,
      clients: 1,
      perSecond: 1,
      beginsForMs: 2000,
      timing,
      onAck: () => {
        shift++;
        setImmediate(() => {
          timing.advance(1000);
        });
      },
    });
    expect([exchange.count, counts.moved]).toEqual([2, 0]);
  });

  test("R7618-6-06 each REQUEST has the pair, server and xid of the offer", async () => {
    const target = await listen(answers);
    await leaseLoad({ ...target, clients: 30 });
    const discovers = server.received.filter(({ type }) => type === MessageType.discover);
    const requests = server.received.filter(({ type }) => type === MessageType.request);
    for (const { message } of requests) {
      const client = clientOfIdentifier(message.options.get(61)!)!;
      const { address, portParams } = pairOf(client);
      expect(encodeHex(message.options.get(50)!)).toBe(address.toString(16));
      expect(encodeHex(message.options.get(54)!)).toBe("c6336401");
      expect(decodePortParams(message.options.get(159)!)).toEqual(portParams);
      const discover = discovers.find((query) => clientOf(query) === client);
      expect(message.xid).toBe(discover!.message.xid);
      expect(encodeHex(message.chaddr.subarray(0, 6))).toBe(`0200${client.toString(16).padStart(8, "0")}`);
    }
    expect(new Set(discovers.map(({ message }) => message.xid)).size).toBe(30);
  });

  test("clients that cannot share ports request full addresses", async () => {
    const target = await listen((query) =>
      answers(query, { address: firstAddress + clientOf(query), portParams: undefined! }),
    );
    const { leases } = await leaseLoad({ ...target, clients: 9, sharesPorts: false });
    expect(leasesOf(leases).map(({ psidLength }) => psidLength)).toEqual(Array(9).fill(0));
    expect(server.received.every(({ message }) => !message.options.has(159))).toBe(true);
  });

  test("sends in a RELAY-FORW", async () => {
    const target = await listen(answers);
    const relay = {
      hopCount: 0,
      linkAddress: parseIPv6("2001:db8:a::1"),
      peerAddress: parseIPv6("fe80::1"),
      options: [{ code: 18, data: Uint8Array.of(1, 2) }],
    };
    const { counts, leases } = await leaseLoad({ ...target, clients: 20, relay });
    expect(counts.ignored).toBe(0);
    expect(leasesOf(leases).length).toBe(20);
    expect(formatIPv6(server.received[0]!.path[0]!.linkAddress)).toBe("2001:db8:a::1");
  });

  test("names a line for each client", async () => {
    const target = await listen(answers);
    const relay = {
      hopCount: 0,
      linkAddress: parseIPv6("2001:db8:a::1"),
      peerAddress: parseIPv6("fe80::1"),
      options: [],
    };
    const line = { code: 18, prefix: new TextEncoder().encode("line-") };
    const { exchange } = await leaseLoad({ ...target, clients: 3, firstClient: 4_294_967_290, relay, line });
    expect(exchange.count).toBe(3);
    const lines = server.received.map(({ path }) => new TextDecoder().decode(path[0]!.options[0]!.data));
    expect([...new Set(lines)].sort()).toEqual(["line-4294967290", "line-4294967291", "line-4294967292"]);
    for (const { path, message } of server.received) {
      const client = clientOfIdentifier(message.options.get(61)!)!;
      expect(new TextDecoder().decode(path[0]!.options[0]!.data)).toBe(`line-${client}`);
    }
  });

  test("rejects a server to which there is no route, and a local port that is in use", async () => {
    const target = await listen(answers);
    const load = { ...target, clients: 1 };
    await expect(leaseLoad({ ...load, server: "fe80::1" })).rejects.toThrow("connect EINVAL");
    await expect(leaseLoad({ ...load, localPort: target.port })).rejects.toThrow(
      `Cannot send from --local-port ${target.port}: found it in use (EADDRINUSE)`,
    );
  });

  test("counts NAKs, and refused clients hold no lease", async () => {
    const target = await listen((query) =>
      query.type === MessageType.request && clientOf(query) % 2 === 1
        ? [encodeReply(query, { type: MessageType.nak })]
        : answers(query),
    );
    const { counts, leases } = await leaseLoad({ ...target, clients: 10 });
    expect(counts.naks).toBe(5);
    expect(leasesOf(leases).map(({ client }) => client)).toEqual([0, 2, 4, 6, 8]);
  });

  test("ignores repeated, foreign and malformed answers, and answers to another exchange", async () => {
    const target = await listen((query) => {
      const { message } = query;
      const [answer] = answers(query) as [Uint8Array];
      const ofOther = { ...message, options: new Map([[61, message.options.get(61)!.with(5, 9)]]) };
      const earlier = { ...message, xid: (message.xid + 2 ** 31) % 2 ** 32 };
      const badPortParams = encodeReply(query, {
        type: query.type === MessageType.discover ? MessageType.offer : MessageType.ack,
        address: firstAddress,
        options: new Map([[159, Uint8Array.of(0, 6, 72)]]),
      });
      return [
        ...answers({ ...query, message: ofOther }, pairOf(9)),
        ...answers({ ...query, message: earlier }, pairOf(9)),
        badPortParams,
        Uint8Array.of(21),
        answer,
        answer,
      ];
    });
    const { counts, leases } = await leaseLoad({ ...target, clients: 1, inFlight: 1, sockets: 1 });
    expect(leasesOf(leases)).toMatchObject([{ client: 0, address: firstAddress, ...pairOf(0).portParams }]);
    // Four bad datagrams before the OFFER, a repeated OFFER after it, and four bad ones before the final ACK.
    expect(counts.ignored).toBe(9);
  });

  test("retransmits unanswered messages, and gives up after the last try", async () => {
    const timing = createManualTiming();
    const target = await listen((query) => (clientOf(query) === 1 ? answers(query) : []));
    const pending = leaseLoad({
      ...target,
      clients: 2,
      inFlight: 1,
      retransmitMs: 1000,
      triesMax: 3,
      timing,
    });
    const first = await server.next();
    timing.advance(1000);
    expect(await server.next()).toEqual(first);
    timing.advance(1750);
    expect(server.received.length).toBe(2);
    timing.advance(250);
    expect(await server.next()).toEqual(first);
    timing.advance(4000);
    const { counts, leases } = await pending;
    expect(counts).toMatchObject({ retransmits: 2, timeouts: 1, unfinished: 0 });
    expect(leasesOf(leases).map(({ client }) => client)).toEqual([1]);
    expect(timing.waiting()).toBe(0);
  });

  test("ends when the time limit is reached", async () => {
    const timing = createManualTiming();
    const target = await listen(() => []);
    const pending = leaseLoad({ ...target, clients: 5, inFlight: 2, durationMsMax: 500, timing });
    await server.next();
    timing.advance(500);
    const { counts, elapsedMs, endedEarly } = await pending;
    expect(counts.unfinished).toBe(5);
    expect([elapsedMs, endedEarly]).toEqual([500, "time-limit"]);
  });

  test("begins no exchange after it was stopped, and finishes those in flight", async () => {
    const stopping = new AbortController();
    const target = await listen((query) => {
      stopping.abort();
      return answers(query);
    });
    const load = { ...target, clients: 50, stop: stopping.signal };
    const { exchange, counts, endedEarly } = await leaseLoad(load);
    expect([exchange.count, counts.unfinished, endedEarly]).toEqual([7, 43, "stopped"]);
    expect((await leaseLoad(load)).counts.unfinished).toBe(50);
  });

  test("is stopped while it waits for its next exchange", async () => {
    const timing = createManualTiming();
    const stopping = new AbortController();
    const target = await listen(answers);
    const { exchange, endedEarly } = await leaseLoad({
      ...target,
      clients: 5,
      perSecond: 0.1,
      timing,
      stop: stopping.signal,
      onAck: () => {
        setImmediate(() => {
          stopping.abort();
        });
      },
    });
    expect([exchange.count, endedEarly]).toEqual([1, "stopped"]);
  });

  test("tells a DISCOVER without an OFFER from a REQUEST without an ACK", async () => {
    const timing = createManualTiming();
    const target = await listen((query) =>
      clientOf(query) === 1 && query.type === MessageType.discover ? answers(query) : [],
    );
    const pending = leaseLoad({ ...target, clients: 3, retransmitMs: 1000, triesMax: 1, timing });
    for (let count = 0; count < 4; count++) await server.next();
    timing.advance(1000);
    expect((await pending).counts).toMatchObject({ timeouts: 3, withoutOffer: 2 });
  });

  test.each([
    ["clients", { clients: 0 }],
    ["inFlight", { inFlight: 65_537 }],
    ["triesMax", { triesMax: 11 }],
    ["sockets", { sockets: 1.5 }],
  ])("rejects %s out of range", async (name, change) => {
    const target = await listen(answers);
    expect(() => leaseLoad({ ...target, clients: 1, ...change })).toThrow(`${name} is`);
  });
});

describe("renewLoad() and releaseLoad()", () => {
  test("R7618-7-06 renew and release name the pair that each client holds", async () => {
    const target = await listen(answers);
    const { leases } = await leaseLoad({ ...target, clients: 40 });
    const renewal = await renewLoad(target, leases);
    expect(renewal.counts).toMatchObject({ naks: 0, moved: 0, unfinished: 0 });
    expect([renewal.offer.count, renewal.ack.count]).toEqual([0, 40]);
    expect(await releaseLoad(target, leases)).toBe(40);
    expect(leasesOf(leases)).toEqual([]);
    for (let count = 0; count < 160; count++) await server.next();
    const [renews, releases] = [server.received.slice(80, 120), server.received.slice(120)];
    expect(renews.every(({ type, unicast }) => type === MessageType.request && unicast)).toBe(true);
    expect(releases.every(({ type, unicast }) => type === MessageType.release && unicast)).toBe(true);
    for (const query of [...renews, ...releases]) {
      const { address, portParams } = pairOf(clientOf(query));
      expect(query.message.ciaddr).toBe(address);
      expect(decodePortParams(query.message.options.get(159)!)).toEqual(portParams);
    }
  });

  test("renewLoad() skips clients without a lease", async () => {
    const target = await listen((query) =>
      query.type === MessageType.request && clientOf(query) > 1
        ? [encodeReply(query, { type: MessageType.nak })]
        : answers(query),
    );
    const { leases } = await leaseLoad({ ...target, clients: 10 });
    expect((await renewLoad(target, leases)).ack.count).toBe(2);
  });

  test("renewLoad() counts clients that the server moved to another pair", async () => {
    let shift = 0;
    const target = await listen((query) => answers(query, pairOf(clientOf(query) + shift)));
    const { leases } = await leaseLoad({ ...target, clients: 3 });
    shift = 1;
    expect((await renewLoad(target, leases)).counts.moved).toBe(3);
  });

  test("renewLoad() lets the clients with a lease take turns, and ends when none is left", async () => {
    const timing = createManualTiming();
    let left = 5;
    const isRefused = (query: ReceivedQuery): boolean =>
      query.type === MessageType.request && (query.unicast ? left-- <= 0 : clientOf(query) > 1);
    const target = await listen((query) =>
      isRefused(query) ? [encodeReply(query, { type: MessageType.nak })] : answers(query),
    );
    const { leases } = await leaseLoad({ ...target, clients: 40 });
    const renewal = await renewLoad({ ...target, beginsForMs: 60_000, timing }, leases);
    expect(renewal).toMatchObject({ endedEarly: "no-leases", ack: { count: 5 }, counts: { naks: 2 } });
    const renewers = server.received.filter(({ unicast }) => unicast).map(clientOf);
    expect(renewers).toHaveLength(7);
    expect(new Set(renewers)).toEqual(new Set([0, 1]));
  });

  test("releaseLoad() keeps a rate, and ends when it is stopped", async () => {
    const timing = createManualTiming();
    const stopping = new AbortController();
    const target = await listen(answers);
    const { leases } = await leaseLoad({ ...target, clients: 40 });
    const pending = releaseLoad({ ...target, perSecond: 0.5, timing, stop: stopping.signal }, leases);
    while ((await server.next()).type !== MessageType.release);
    timing.advance(1999);
    await new Promise(setImmediate);
    timing.advance(1);
    expect((await server.next()).type).toBe(MessageType.release);
    stopping.abort();
    await new Promise(setImmediate);
    timing.advance(10);
    expect(await pending).toBe(2);
    expect(leasesOf(leases)).toHaveLength(38);
  });

  test("renewLoad() ends immediately when no client holds a lease", async () => {
    const target = await listen(() => []);
    const timing = createManualTiming();
    const pending = leaseLoad({ ...target, clients: 1, durationMsMax: 1, timing });
    await server.next();
    timing.advance(1);
    const { leases } = await pending;
    expect((await renewLoad(target, leases)).ack.count).toBe(0);
    expect(await releaseLoad(target, leases)).toBe(0);
  });
});
