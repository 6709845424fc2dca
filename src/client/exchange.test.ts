import { afterEach, describe, expect, test } from "vitest";
import { createManualTiming } from "../../test/support/manual-timing.ts";
import {
  encodeReply,
  leaseAnswers,
  scriptedAddress,
  scriptedPortParams,
  startScriptedServer,
} from "../../test/support/scripted-server.ts";
import type { ReceivedQuery } from "../../test/support/scripted-server.ts";
import { gatheredOffersMax } from "../limits.ts";
import { decodeHex } from "../wire/hex.ts";
import type { Expected } from "./answer.ts";
import { exchange, retransmissionDelayMs } from "./exchange.ts";
import { findSourceAddress, openLink } from "./link.ts";
import type { Link } from "./link.ts";
import { encodeDiscover, parameterRequestList } from "./query.ts";
import type { ClientProfile } from "./query.ts";

const client: ClientProfile = {
  clientIdentifier: decodeHex("ff000000010003000102005e100001"),
  hardwareAddress: decodeHex("02005e100001"),
  parameterRequestList: parameterRequestList({ sharesPorts: true }),
  optionRequest: [],
  leaseSeconds: undefined,
};
const xid = 0x4f0a0001;
const discover = encodeDiscover(client, { xid, hint: {} });
const expected: Expected = {
  xid,
  clientIdentifier: client.clientIdentifier,
  sharesPorts: true,
  kinds: ["offer"],
};

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** Creates a scripted server, a link to it, and a clock that only the test advances. */
async function setUp(answer: (query: ReceivedQuery) => readonly Uint8Array[]) {
  const server = await startScriptedServer(answer);
  const link = await openLink({ server: "::1", port: server.port });
  closers.push(link.close, server.close);
  const timing = createManualTiming();
  const options = { timing, firstDelayMs: 4000, deadlineMs: 60_000, gatherMs: 0 };
  return { server, link, timing, options };
}

/** Resolves when `count` datagrams have arrived and every listener has received them. */
function datagramsOn(link: Link, count: number): Promise<void> {
  return new Promise((resolve) => {
    let left = count;
    const stop = link.listen(
      () => {
        if (--left > 0) return;
        stop();
        resolve();
      },
      () => undefined,
    );
  });
}

describe("retransmissionDelayMs()", () => {
  test("RFC 2131 §4.1: doubles from 4 s to 64 s, and stays there", () => {
    const delays = [1, 2, 3, 4, 5, 6, 60].map((sent) => retransmissionDelayMs(sent, 4000, 0.5));
    expect(delays).toEqual([4000, 8000, 16_000, 32_000, 64_000, 64_000, 64_000]);
  });

  test("RFC 2131 §4.1: is shifted by up to one second", () => {
    expect(retransmissionDelayMs(1, 4000, 0)).toBe(3000);
    expect(retransmissionDelayMs(3, 4000, 1)).toBe(17_000);
  });
});

describe("exchange()", () => {
  test("ends with the first answer and cancels its timers", async () => {
    const { link, timing, options } = await setUp(leaseAnswers);
    const result = await exchange(link, discover, expected, options);
    expect(result.answers.map(({ kind }) => kind)).toEqual(["offer"]);
    expect(result.sent).toBe(1);
    expect(timing.waiting()).toBe(0);
  });

  test("RFC 2131 §4.1: retransmits the same octets after 4 s, and again after another 8 s", async () => {
    const { server, link, timing, options } = await setUp((query) =>
      server.received.length < 3 ? [] : leaseAnswers(query),
    );
    const pending = exchange(link, discover, expected, options);
    const first = await server.next();
    timing.advance(3999);
    expect(server.received.length).toBe(1);
    timing.advance(1);
    expect(await server.next()).toEqual(first);
    timing.advance(8000);
    expect(await server.next()).toEqual(first);
    const result = await pending;
    expect(result.sent).toBe(3);
    expect(result.answers.length).toBe(1);
  });

  test("gives up at the deadline and counts the datagrams that it ignored", async () => {
    const { server, link, timing, options } = await setUp((query) => [
      encodeReply(
        { ...query, message: { ...query.message, xid: xid + 1 } },
        { type: 2, address: scriptedAddress, portParams: scriptedPortParams },
      ),
      Uint8Array.of(1, 2, 3),
    ]);
    const arrived = datagramsOn(link, 2);
    const pending = exchange(link, discover, expected, { ...options, deadlineMs: 3000 });
    await server.next();
    await arrived;
    timing.advance(3000);
    const result = await pending;
    expect(result.answers).toEqual([]);
    expect(Object.fromEntries(result.ignored)).toEqual({ "other-exchange": 1, malformed: 1 });
    expect(timing.waiting()).toBe(0);
  });

  test("R7618-5-05 waits for more offers for the given time, without retransmitting", async () => {
    const { link, server, timing, options } = await setUp((query) => [
      ...leaseAnswers(query),
      encodeReply(query, { type: 2, address: scriptedAddress + 1 }),
    ]);
    const arrived = datagramsOn(link, 2);
    const pending = exchange(link, discover, expected, { ...options, gatherMs: 10_000 });
    await arrived;
    timing.advance(10_000);
    const { answers, sent } = await pending;
    expect(answers.map((answer) => answer.kind === "offer" && answer.lease.address)).toEqual([
      scriptedAddress,
      scriptedAddress + 1,
    ]);
    expect(sent).toBe(1);
    expect(server.received.length).toBe(1);
  });

  test("keeps a bounded number of offers when it is flooded", async () => {
    const { link, options } = await setUp((query) =>
      Array.from({ length: gatheredOffersMax + 5 }, () => leaseAnswers(query)[0]!),
    );
    const { answers } = await exchange(link, discover, expected, { ...options, gatherMs: 10_000 });
    expect(answers.length).toBe(gatheredOffersMax);
  });
});

test("findSourceAddress() rejects a server to which there is no route", async () => {
  await expect(findSourceAddress({ server: "fe80::1", port: 547 })).rejects.toThrow("connect EINVAL");
});

describe("openLink()", () => {
  test("rejects a server that is not an IPv6 address", async () => {
    await expect(openLink({ server: "192.0.2.1", port: 547 })).rejects.toThrow(SyntaxError);
  });

  test("rejects a local port that is in use", async () => {
    const { server } = await setUp(() => []);
    const taken = await openLink({ server: "::1", port: server.port });
    closers.push(taken.close);
    await expect(openLink({ server: "::1", port: 547, localPort: server.port })).rejects.toThrow(
      "EADDRINUSE",
    );
  });
});
