/**
 * The other services of a relay, through real sockets on ::1: it relays other DHCPv6 messages to DHCPv6 servers, and
 * answers Information-Requests.
 */
import { afterEach, expect, test, vi } from "vitest";
import { parseRelaySettings } from "../../relay/config/config.ts";
import { startRelay } from "../../relay/relay.ts";
import { decodeMessage6 } from "../../src/wire/dhcpv6/message.ts";
import { findOption6 } from "../../src/wire/dhcpv6/options.ts";
import { decodeRelayMessage, encodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { formatIPv6, parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { octets } from "../support/octets.ts";
import { vectorOctets } from "../support/vectors.ts";
import { mirror, startScriptedAllocator } from "./scripted-allocator.ts";
import { freePort } from "./stage.ts";
import type { RelaySettingsInput } from "./stage.ts";
import { openUdpPeer } from "./udp-peer.ts";

/** Closes what a test opened, in reverse order. */
const leftovers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of leftovers.splice(0).reverse()) await close();
});

async function stagePeer() {
  const peer = await openUdpPeer();
  leftovers.push(() => {
    peer.close();
  });
  return peer;
}

/** Starts a relay with an allocator, a client and a DHCPv6 server, all on free ports. */
async function stage(input: (serverPort: number) => RelaySettingsInput) {
  const allocator = await startScriptedAllocator();
  leftovers.push(() => allocator.close());
  const client = await stagePeer();
  const server = await stagePeer();
  const logged: object[] = [];
  const log = (fields: object, message: string) => void logged.push({ ...fields, message });
  const settings = parseRelaySettings({
    listeners: [{ address: "::1", port: 0 }],
    allocator: { urls: [allocator.url] },
    ...input(server.port),
  });
  const config = { ...settings, secrets: { token: "0123456789abcdef" } };
  const relay = await startRelay(config, { log: { info: log, warn: log } });
  leftovers.push(() => relay.close());
  const { port } = relay.addresses[0]!;
  /** Reloads with other settings, on the same listener. */
  const reload = (changed: RelaySettingsInput) =>
    relay.reload({
      ...config,
      ...parseRelaySettings({
        listeners: [{ address: "::1", port: 0 }],
        allocator: { urls: [allocator.url] },
        ...changed,
      }),
    });
  const dropped = () => relay.counters.snapshot().dropped;
  return { allocator, client, server, relay, port, dropped, logged, reload };
}

const withServer = (port: number): RelaySettingsInput => ({
  servers: { destinations: [`[::1]:${port}`], sourceAddress: "::1" },
});

const solicit = octets("01 abcdef 0001 000a 0003000102005e100001");
const advertise = octets("02 abcdef 0001 000a 0003000102005e100001");
const query = octets("14 000000 0057 0002 aabb");

test("R7341-10-01 R7341-10-02 R8415-19-03 R8415-19-01 R8415-19.2-02 messages other than 4o6 go to DHCPv6 servers, and their answers come back", async () => {
  const { client, server, port, relay } = await stage(withServer);
  for (const type of [1, 200]) {
    await client.send(solicit.with(0, type), port);
    const up = await server.received.next();
    const level = decodeRelayMessage(up.octets);
    expect(level).toMatchObject({ type: 12, hopCount: 0, message: solicit.with(0, type) });
    expect(formatIPv6(level.peerAddress)).toBe("::1");
    // Our socket does not use port 547, so the relay requests answers at its port (RFC 8357 §5.2).
    expect(findOption6(level.options, 135)).toEqual(octets("0000"));
    await server.send(
      mirror(up.octets, () => advertise),
      up.port,
    );
    expect(await client.received.next()).toEqual({ octets: advertise, port });
  }
  expect(relay.counters.snapshot()).toMatchObject({
    received: 2,
    sent: 2,
    forwarded: 0,
    toServers: 2,
    untrusted: 0,
    dropped: {},
  });
});

test("R7341-10-02 a query goes only to the allocator", async () => {
  const { client, server, allocator, port } = await stage(withServer);
  await client.send(query, port);
  const post = await allocator.posts.next();
  post.answer(post.frames.map((frame) => mirror(frame, () => query.with(0, 21))));
  expect((await client.received.next()).octets).toEqual(query.with(0, 21));
  expect(server.received.size).toBe(0);
});

const relayed = (message: Uint8Array): Uint8Array =>
  encodeRelayMessage(
    12,
    { hopCount: 0, linkAddress: new Uint8Array(16), peerAddress: parseIPv6("fe80::9"), options: [] },
    message,
  );

test.each([
  ["examine", "allocator", "server"],
  ["allocator", "allocator", "allocator"],
  ["servers", "server", "server"],
] as const)("R7341-10-03 relayed = %s: a RELAY-FORW goes to %s or %s", async (rule, ofQuery, ofSolicit) => {
  const { client, server, allocator, port } = await stage((serverPort) => ({
    servers: { ...withServer(serverPort).servers, relayed: rule },
  }));
  const nextFrame = {
    allocator: async () => {
      const post = await allocator.posts.next();
      post.answer([]);
      return post.frames[0]!;
    },
    server: async () => (await server.received.next()).octets,
  };
  for (const [message, to] of [
    [query, ofQuery],
    [solicit, ofSolicit],
  ] as const) {
    await client.send(relayed(message), port);
    expect(decodeRelayMessage(await nextFrame[to]())).toMatchObject({
      hopCount: 1,
      message: relayed(message),
    });
  }
});

test("R8415-19.2-01 an answer from an address that is not a configured server, and a response from below, are dropped", async () => {
  const { client, server, port, dropped, relay, logged } = await stage((serverPort) => ({
    // The test sends from ::1, which is not a configured server here.
    servers: { destinations: [`[fd00::1]:${serverPort}`], sourceAddress: "::1" },
  }));
  const { serversSource } = logged[0] as { serversSource: string };
  await server.send(octets("0d00"), Number(/\d+$/.exec(serversSource)![0]));
  await vi.waitUntil(() => dropped()["unknown-server"] === 1, { interval: 5 });
  await client.send(solicit.with(0, 7), port);
  await vi.waitUntil(() => relay.counters.received === 1, { interval: 5 });
  expect(dropped()).toEqual({ "unknown-server": 1, "response-from-below": 1 });
});

test("a reload changes the servers: pending answers still arrive, and later messages go to the new servers", async () => {
  const { client, server, port, reload } = await stage(withServer);
  const other = await stagePeer();
  await client.send(solicit, port);
  const before = await server.received.next();
  await reload(withServer(other.port));
  await server.send(
    mirror(before.octets, () => advertise),
    before.port,
  );
  expect((await client.received.next()).octets).toEqual(advertise);
  await client.send(solicit, port);
  const after = await other.received.next();
  // The settings of our socket have not changed, so it stayed open.
  expect(after.port).toBe(before.port);
});

test("a reload removes and adds servers and information", async () => {
  const { client, port, server, dropped, reload } = await stage(withServer);
  await reload({});
  await client.send(solicit, port);
  await vi.waitUntil(() => dropped()["unserved-message-type"] === 1, { interval: 5 });
  await reload({ ...withInformation, ...withServer(server.port) });
  await client.send(solicit, port);
  expect(decodeRelayMessage((await server.received.next()).octets).message).toEqual(solicit);
  await client.send(relayed(informationRequest), port);
  expect((await client.received.next()).octets[0]).toBe(13);
});

test("a reload that can't bind the address towards the servers changes nothing", async () => {
  const { client, port, server, reload } = await stage(withServer);
  const { servers } = withServer(server.port);
  await expect(reload({ servers: { ...servers, sourceAddress: "2001:db8::1" } })).rejects.toThrow(
    "Cannot listen on [2001:db8::1]",
  );
  await client.send(solicit, port);
  expect(decodeRelayMessage((await server.received.next()).octets).message).toEqual(solicit);
});

test("a reload that moves the socket towards the servers to [::] on the same port reports that this needs a restart", async () => {
  const sourcePort = await freePort();
  const { client, port, server, reload } = await stage((serverPort) => ({
    servers: { ...withServer(serverPort).servers, sourcePort },
  }));
  const { servers } = withServer(server.port);
  await expect(reload({ servers: { ...servers, sourcePort, sourceAddress: "::" } })).rejects.toThrow(
    /^Cannot listen on \[::\]:\d+: bind EADDRINUSE .*restart the relay$/,
  );
  await client.send(solicit, port);
  expect((await server.received.next()).port).toBe(sourcePort);
});

test("R8415-19.2-01 a datagram from a server that is not an answer to this relay is dropped", async () => {
  const { client, server, port, dropped } = await stage(withServer);
  await client.send(solicit, port);
  const up = await server.received.next();
  await server.send(advertise, up.port);
  const withoutInterfaceId = { ...decodeRelayMessage(up.octets), options: [] };
  await server.send(encodeRelayMessage(13, withoutInterfaceId, advertise), up.port);
  await vi.waitUntil(() => dropped()["unknown-interface-id"] === 1, { interval: 5 });
  expect(dropped()).toEqual({ "malformed-answer": 1, "unknown-interface-id": 1 });
  expect(client.received.size).toBe(0);
});

const withInformation: RelaySettingsInput = {
  information: {
    enabled: true,
    serverIdentifier: "00:03:00:01:02:00:5e:53:00:01",
    dhcp4o6Servers: ["2001:db8:53::1"],
  },
};
const informationRequest = octets(
  "0b abcdef", // Information-Request, transaction-id
  "0001 000a 0003000102005e100001", // Client-Id
  "0006 0002 0058", // option request: 88
);

test("RFC 7341 §7.2 a relayed Information-Request is answered with option 88, through that relay", async () => {
  const { client: downstream, port, allocator } = await stage(() => withInformation);
  await downstream.send(relayed(informationRequest), port);
  const { octets: reply } = await downstream.received.next();
  const level = decodeRelayMessage(reply);
  expect(level).toMatchObject({ type: 13, hopCount: 0 });
  expect(formatIPv6(level.peerAddress)).toBe("fe80::9");
  expect(encodeHex(level.message)).toBe(encodeHex(vectorOctets("reply-option88").octets));
  expect(allocator.posts.size).toBe(0);
});

test("the derived DUID of a relay is the same after a restart", async () => {
  const duids = [];
  for (let round = 0; round < 2; round++) {
    const { client, port } = await stage(() => ({ information: { enabled: true } }));
    await client.send(relayed(informationRequest), port);
    const { message } = decodeRelayMessage((await client.received.next()).octets);
    duids.push(encodeHex(findOption6(decodeMessage6(message).options, 2)!));
  }
  expect(duids[0]).toMatch(/^0004/);
  expect(duids[1]).toBe(duids[0]);
});

test.each([
  [
    "RFC 8415 §16 a client sends it to a unicast address",
    withInformation,
    informationRequest,
    "unicast-information-request",
  ],
  ["answers are not configured", {}, informationRequest, "unserved-message-type"],
  [
    "it requests other options only",
    withInformation,
    relayed(octets("0b 000001 0006 0002 0017")),
    "information-not-served",
  ],
])("no answer to an Information-Request: %s", async (_why, input, datagram, reason) => {
  const { client, port, dropped } = await stage(() => input);
  await client.send(datagram, port);
  await vi.waitUntil(() => Object.keys(dropped()).length > 0, { interval: 5 });
  expect(dropped()).toEqual({ [reason]: 1 });
  expect(client.received.size).toBe(0);
});

test("an Information-Request for other options goes to the DHCPv6 servers", async () => {
  const { client, server, port } = await stage((serverPort) => ({
    ...withInformation,
    ...withServer(serverPort),
  }));
  const forDns = octets("0b 000001 0006 0002 0017");
  await client.send(relayed(forDns), port);
  expect(decodeRelayMessage((await server.received.next()).octets).message).toEqual(relayed(forDns));
});

test.each([
  [
    { servers: { destinations: ["ff05::1:3%eth0"] } },
    'servers.destinations.0: found "ff05::1:3%eth0", expected a unicast',
  ],
  [{ servers: { destinations: ["fe80::1"] } }, "expected the name of an interface"],
  [{ servers: { destinations: ["[::1]:0"] } }, "expected a port of 1 to 65535"],
  [{ servers: { destinations: ["[::1]:65536"] } }, "expected a port of 1 to 65535"],
  [{ listeners: [{ address: "::" }] }, "expected an address of this host"],
  [{ information: { serverIdentifier: "0001" } }, "information.serverIdentifier"],
  [{ information: { softwireContainer: true } }, "information.borderRelays: found none"],
  [{ information: { refreshSeconds: 599 } }, "expected a whole number of 600 to 4294967295"],
] as [RelaySettingsInput, string][])(
  "R8415-19-02 R8415-19-01 settings %j are rejected",
  (input, expected) => {
    expect(() => parseRelaySettings(input)).toThrow(expected);
  },
);
