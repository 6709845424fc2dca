import { afterEach, describe, expect, test } from "vitest";
import { createManualTiming } from "../../test/support/manual-timing.ts";
import {
  encodeReply,
  leaseAnswers,
  scriptedAddress,
  scriptedPortParams,
  scriptedServerIdentifier,
  startScriptedServer,
} from "../../test/support/scripted-server.ts";
import type { ReceivedQuery } from "../../test/support/scripted-server.ts";
import { MessageType } from "../wire/dhcpv4/codes.ts";
import { decodePortParams } from "../wire/dhcpv4/options/port-params.ts";
import { decodeHex, encodeHex } from "../wire/hex.ts";
import { parseIPv6 } from "../wire/ipv6-address.ts";
import { openLink } from "./link.ts";
import { parameterRequestList, softwireOptionRequest } from "./query.ts";
import type { ServerPair } from "./query.ts";
import { declineLease, extendLease, obtainLease, releaseLease, requestParameters } from "./session.ts";
import type { Session } from "./session.ts";

const pair: ServerPair = {
  address: scriptedAddress,
  portParams: scriptedPortParams,
  serverIdentifier: scriptedServerIdentifier,
};
const softwire = parseIPv6("2001:db8:1234:5600:0:c000:212:12");
const borderRelay = { code: 90, data: parseIPv6("2001:db8:ffff::1") };
const noWishes = { hint: {}, softwire: undefined };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function setUp(answer: (query: ReceivedQuery) => readonly Uint8Array[], change: Partial<Session> = {}) {
  const server = await startScriptedServer(answer);
  const link = await openLink({ server: "::1", port: server.port });
  closers.push(link.close, server.close);
  const timing = createManualTiming();
  const session: Session = {
    link,
    profile: {
      clientIdentifier: decodeHex("ff000000010003000102005e100001"),
      hardwareAddress: decodeHex("02005e100001"),
      parameterRequestList: parameterRequestList({ sharesPorts: true }),
      optionRequest: softwireOptionRequest,
      leaseSeconds: undefined,
    },
    relay: undefined,
    timing,
    firstDelayMs: 4000,
    deadlineMs: 60_000,
    gatherMs: 0,
    prefers: "full",
    needsBorderRelay: false,
    ...change,
  };
  return { server, session, timing };
}

/** Answers a DISCOVER with an OFFER, and ignores everything else. */
function offersOnly(query: ReceivedQuery): Uint8Array[] {
  return query.type === MessageType.discover ? leaseAnswers(query) : [];
}

describe("obtainLease()", () => {
  test("R7618-6-06 requests the offer with the offer's own option 159 and xid", async () => {
    const { server, session } = await setUp(leaseAnswers);
    const outcome = await obtainLease(session, noWishes);
    expect(outcome).toMatchObject({ kind: "lease", lease: pair, trace: { sent: 2 } });
    const [discover, request] = server.received;
    expect(request!.message.xid).toBe(discover!.message.xid);
    expect(decodePortParams(request!.message.options.get(159)!)).toEqual(scriptedPortParams);
    expect(encodeHex(request!.message.options.get(54)!)).toBe("c6336401");
    expect(request!.unicast).toBe(false);
  });

  test("R7618-7-05 uses the port set of the ACK, not the one of the OFFER", async () => {
    const { session } = await setUp((query) =>
      query.type === MessageType.discover
        ? leaseAnswers(query)
        : [
            encodeReply(query, {
              type: 5,
              address: scriptedAddress,
              portParams: { ...scriptedPortParams, psid: 19 },
            }),
          ],
    );
    expect(await obtainLease(session, noWishes)).toMatchObject({ lease: { portParams: { psid: 19 } } });
  });

  test("reports a NAK as a refusal", async () => {
    const { session } = await setUp((query) =>
      query.type === MessageType.discover
        ? leaseAnswers(query)
        : [
            encodeReply(query, {
              type: MessageType.nak,
              options: new Map([[56, new TextEncoder().encode("taken")]]),
            }),
          ],
    );
    expect(await obtainLease(session, noWishes)).toMatchObject({
      kind: "refused",
      message: "taken",
      serverIdentifier: scriptedServerIdentifier,
      trace: { sent: 2 },
    });
  });

  test("reports which answer is missing, and how many queries both phases sent", async () => {
    const { server, session, timing } = await setUp(offersOnly);
    const pending = obtainLease(session, noWishes);
    await server.next();
    await server.next();
    timing.advance(4000);
    await server.next();
    timing.advance(60_000);
    expect(await pending).toMatchObject({ kind: "no-answer", awaited: "ack" });
    expect((await pending).trace.sent).toBeGreaterThanOrEqual(3);
  });

  test("RFC 8539 §5 keeps the border relay of the OFFER, and sends the softwire address in the REQUEST", async () => {
    const { server, session } = await setUp((query) => [
      encodeReply(query, {
        type: query.type === MessageType.discover ? 2 : 5,
        address: scriptedAddress,
        portParams: scriptedPortParams,
        options6: query.type === MessageType.discover ? [borderRelay] : [],
      }),
    ]);
    const outcome = await obtainLease(session, { hint: {}, softwire });
    expect(outcome).toMatchObject({ parameters: { borderRelays: [borderRelay.data] } });
    const [discover, request] = server.received;
    expect(discover!.message.options.has(109)).toBe(false);
    expect(encodeHex(request!.message.options.get(109)!)).toBe(encodeHex(softwire));
    expect(discover!.options.map(({ code }) => code)).toEqual([6]);
  });

  test("RFC 8539 §7.1 ignores an offer without a border relay when it requires one", async () => {
    const { server, session, timing } = await setUp(leaseAnswers, {
      needsBorderRelay: true,
      deadlineMs: 1000,
    });
    const pending = obtainLease(session, noWishes);
    await server.next();
    // The scripted answer is in flight. Whether it arrives before the deadline or not, it must not count as an offer.
    timing.advance(1000);
    expect(await pending).toMatchObject({ kind: "no-answer", awaited: "offer" });
  });

  test("R7618-5-05 takes the full address when offered both kinds", async () => {
    const { server, session, timing } = await setUp(
      (query) =>
        query.type === MessageType.discover
          ? [...leaseAnswers(query), encodeReply(query, { type: 2, address: 0xcb00714d })]
          : [encodeReply(query, { type: 5, address: 0xcb00714d })],
      { gatherMs: 500 },
    );
    let datagrams = 0;
    const both = new Promise<void>((resolve) => {
      session.link.listen(
        () => {
          if (++datagrams === 2) resolve();
        },
        () => undefined,
      );
    });
    const pending = obtainLease(session, noWishes);
    await both;
    timing.advance(500);
    expect(await pending).toMatchObject({
      kind: "lease",
      lease: { address: 0xcb00714d, portParams: undefined },
    });
    expect(server.received[1]!.message.options.has(159)).toBe(false);
  });

  test("RFC 8415 §19.1 sends in a RELAY-FORW and unwraps the RELAY-REPL", async () => {
    const relay = {
      hopCount: 0,
      linkAddress: parseIPv6("2001:db8:a::1"),
      peerAddress: parseIPv6("fe80::1"),
      options: [{ code: 18, data: new TextEncoder().encode("ge-0/0/1:100") }],
    };
    const { server, session } = await setUp(leaseAnswers, { relay });
    expect(await obtainLease(session, noWishes)).toMatchObject({ kind: "lease", lease: pair });
    expect(encodeHex(server.received[0]!.path[0]!.linkAddress)).toBe(encodeHex(relay.linkAddress));
  });
});

describe("extendLease()", () => {
  test.each([
    ["init-reboot", false, 0, true],
    ["renewing", true, scriptedAddress, false],
    ["rebinding", false, scriptedAddress, false],
  ] as const)(
    "R7618-7-06 %s: U = %s, ciaddr %i, option 50: %s, always option 159",
    async (how, unicast, ciaddr, has50) => {
      const { server, session } = await setUp(leaseAnswers);
      const outcome = await extendLease(session, how, { pair, softwire });
      expect(outcome).toMatchObject({ kind: "lease", lease: pair });
      const [{ message, ...request }] = server.received as [ReceivedQuery];
      expect(request.unicast).toBe(unicast);
      expect(message.ciaddr).toBe(ciaddr);
      expect(message.options.has(50)).toBe(has50);
      expect(message.options.has(54)).toBe(false);
      expect(decodePortParams(message.options.get(159)!)).toEqual(scriptedPortParams);
      expect(encodeHex(message.options.get(109)!)).toBe(encodeHex(softwire));
    },
  );
});

describe("messages without an answer", () => {
  test("R7618-6-10 releaseLease() names the address and port set, and requests no options", async () => {
    const { server, session } = await setUp(() => []);
    await releaseLease(session, pair);
    const { message, type, unicast, options } = await server.next();
    expect(type).toBe(MessageType.release);
    expect(unicast).toBe(true);
    expect(message.ciaddr).toBe(scriptedAddress);
    expect([...message.options.keys()]).toEqual([53, 54, 61, 159]);
    expect(options).toEqual([]);
  });

  test("A14 declineLease() names the address and port set", async () => {
    const { server, session } = await setUp(() => []);
    await declineLease(session, pair);
    const { message, type } = await server.next();
    expect(type).toBe(MessageType.decline);
    expect([...message.options.keys()]).toEqual([53, 50, 54, 61, 159]);
  });
});

test("requestParameters() gets parameters and no lease", async () => {
  const { server, session } = await setUp(leaseAnswers);
  const outcome = await requestParameters(session, { address: scriptedAddress, knowsServer: true });
  expect(outcome).toMatchObject({ kind: "parameters", serverIdentifier: scriptedServerIdentifier });
  expect(server.received[0]!.message.ciaddr).toBe(scriptedAddress);
});
