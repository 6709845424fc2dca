/**
 * Rules of a relay that are tested over loopback: what it drops, what it ignores, and to which port it answers.
 */
import { expect, onTestFinished, test } from "vitest";
import { parseRelaySettings } from "../../relay/config/config.ts";
import type { DropReason } from "../../relay/reasons.ts";
import { startRelay } from "../../relay/relay.ts";
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { findOption6 } from "../../src/wire/dhcpv6/options.ts";
import { decodeRelayMessage, decodeRelayPath, encodeRelayMessage } from "../../src/wire/dhcpv6/relay.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { octets } from "../support/octets.ts";
import { vectorOctets } from "../support/vectors.ts";
import { mirror, startScriptedAllocator } from "./scripted-allocator.ts";
import { openUdpPeer } from "./udp-peer.ts";

async function stage(replyPort: "standard" | "source" = "source") {
  const allocator = await startScriptedAllocator();
  onTestFinished(() => allocator.close());
  const settings = parseRelaySettings({
    listeners: [{ address: "::1", port: 0 }],
    replyPort,
    allocator: { urls: [allocator.url], postsInFlight: 1 },
  });
  const quiet = () => undefined;
  const config = { ...settings, secrets: { token: "0123456789abcdef" } };
  const relay = await startRelay(config, { log: { info: quiet, warn: quiet } });
  onTestFinished(() => relay.close());
  const client = await openUdpPeer();
  onTestFinished(() => {
    client.close();
  });
  const { port } = relay.addresses[0]!;
  return { allocator, relay, client, send: (message: Uint8Array) => client.send(message, port) };
}

const query = octets(
  "14 000000", // DHCPV4-QUERY, flags
  "0057 0002 abcd", // option 87
);

test.each<[string, Uint8Array, DropReason]>([
  ["three octets", octets("14 0000"), "runt"],
  ["a RELAY-FORW of 33 octets", octets("0c", "00".repeat(32)), "runt"],
  ["a RELAY-FORW without option 9", octets("0c", "00".repeat(33)), "malformed-relay-forward"],
  ["a DHCPV4-RESPONSE", octets("15 000000"), "response-from-below"],
  ["a RELAY-REPL", vectorOctets("relay-repl-1hop").octets, "relay-reply-from-below"],
])("R8415-19-04 %s from below is dropped and counted", async (_what, datagram, reason) => {
  const { allocator, relay, send } = await stage();
  await send(datagram);
  // Once the next datagram is forwarded, the relay has finished with this one.
  await send(query);
  const { frames, answer } = await allocator.posts.next();
  answer([]);
  expect(frames.map((frame) => encodeHex(decodeRelayMessage(frame).message))).toEqual([encodeHex(query)]);
  expect(relay.counters.snapshot().dropped).toEqual({ [reason]: 1 });
});

test("R8415-16-01 unknown options of a relay level or of the client are forwarded unchanged", async () => {
  const { allocator, client, send } = await stage();
  const unknown = { code: 65_000, data: Uint8Array.of(1, 2, 3) };
  const level = { hopCount: 0, linkAddress: parseIPv6("2001:db8::1"), peerAddress: parseIPv6("fe80::1") };
  const withUnknown = octets("14 000000", "fde8 0001 ff", "0057 0002 abcd");
  const datagram = encodeRelayMessage(12, { ...level, options: [unknown] }, withUnknown);
  await send(datagram);
  const post = await allocator.posts.next();
  const { path, message } = decodeRelayPath(post.frames[0]!);
  expect(path[1]!.options).toEqual([unknown]);
  expect(encodeHex(message)).toBe(encodeHex(withUnknown));
  post.answer([mirror(post.frames[0]!, (inner) => inner.with(0, 21))]);
  expect((await client.received.next()).octets[0]).toBe(13);
});

test("R8357-5.1-01 a relay with option 135 gets answers at its source port", async () => {
  const { allocator, client, send } = await stage("standard");
  await send(vectorOctets("relay-forw-port135").octets);
  const post = await allocator.posts.next();
  const ours = decodeRelayMessage(post.frames[0]!);
  const port = findOption6(ours.options, OptionCode6.relayPort)!;
  expect(port[0]! * 256 + port[1]!).toBe(client.port);
  post.answer([mirror(post.frames[0]!, (inner) => inner.with(0, 21))]);
  // Without option 135 the answer would go to port 547, where nothing listens.
  expect((await client.received.next()).octets[0]).toBe(13);
});
