/**
 * Sends each golden packet to an allocator with its own database, after the packets that it depends on, and expects the
 * answer in the table.
 */
import { expect, test } from "vitest";
import { OptionCode } from "../src/wire/dhcpv4/codes.ts";
import { OptionCode6 } from "../src/wire/dhcpv6/codes.ts";
import { encodeHex } from "../src/wire/hex.ts";
import { createTestAllocator } from "./support/allocator.ts";
import { vectorDomain } from "./support/database.ts";
import { vectorOctets, vectors } from "./support/vectors.ts";

/** Packets that are sent first: client 1 is offered PSID 18 (`offered`), and also leases it (`leased`). */
const offered = ["discover-shared-hint-addr-psid"];
const leased = [...offered, "request-selecting"];

/** Packet -> packets that are sent before it, expected outcome, and the rules that it shows. */
const outcomes: Record<string, readonly [before: readonly string[], outcome: string, rules: string]> = {
  "discover-shared-nohint": [[], "offer", "R7618-6-03"],
  "discover-shared-hint-psidlen": [[], "offer", "R7618-6-04"],
  "discover-shared-hint-addr-psid": [[], "offer 192.0.2.18 PSID 18", "R7618-8-07c"],
  "discover-shared-map": [[], "offer", "R7618-6-04"],
  "discover-full": [[], "silence:shared-pools-only", "R7618-8.1-03"],
  "discover-opt159-without-prl": [[], "silence:shared-pools-only", "R7618-5-03"],
  "discover-unpadded": [[], "offer", ""],
  "discover-softwire-oro": [[], "offer", "R8539-6.1-01"],
  "request-selecting": [offered, "ack 192.0.2.18 PSID 18", "R7618-6-08"],
  "request-selecting-saddr": [offered, "ack 192.0.2.18 PSID 18", "R8539-8-02"],
  "request-init-reboot": [leased, "ack 192.0.2.18 PSID 18", "R7618-6-11"],
  "request-renewing": [leased, "ack 192.0.2.18 PSID 18", "R7618-7-06"],
  "request-rebinding": [leased, "ack 192.0.2.18 PSID 18", "R7618-7-06"],
  "release-shared": [leased, "silence:released", "R7618-8-08"],
  "release-shared-wrong-psid": [leased, "silence:release-without-lease", "R7618-8-08"],
  "decline-shared": [leased, "silence:declined", ""],
  inform: [leased, "settings", ""],
  "query-unicast-dst": [[], "offer", ""],
  "relay-forw-1hop": [[], "offer", "R7341-11-07"],
  "relay-forw-2hop": [[], "offer", "R7341-11-07"],
  "relay-forw-ldra": [[], "offer", ""],
  "relay-forw-ldra-l3": [[], "offer", ""],
  "relay-forw-port135": [[], "offer", ""],
  "relay-forw-msg-first": [[], "offer", ""],
  "relay-forw-lladdr79": [[], "offer", ""],
  "relay-forw-ero43": [[], "offer", ""],
  "relay-forw-8deep-hop7": [[], "offer", ""],
  "odd-prl-split": [[], "offer", "R7618-5-03"],
  "odd-overload-file": [[], "offer", "R7618-5-03"],
  "odd-overload-both": [[], "offer", "R7618-5-03"],
  "odd-flags-mbz": [[], "offer", "R7341-6.4-01"],
  "odd-broadcast-flag": [[], "offer", ""],
  "odd-no-chaddr": [[], "offer", ""],
  "odd-unknown-opt6": [[], "offer", "R8415-16-01"],
  "odd-psid-padding-bits": [[], "offer 192.0.2.18 PSID 18", "R7618-9-04"],
  "odd-psidlen-0": [[], "offer", "R7618-9-03"],
  "odd-oro-88": [[], "offer", ""],
  "bad-no-option87": [[], "silence:no-dhcpv4-message", "R7341-11-01"],
  "bad-two-option87": [[], "silence:duplicate-dhcpv4-message", ""],
  "bad-option87-empty": [[], "silence:no-dhcpv4-message", ""],
  "bad-option87-overrun": [[], "silence:option-overrun", ""],
  "bad-truncated-header": [[], "silence:message-truncated", ""],
  "bad-inner-short": [[], "silence:dhcpv4-truncated", ""],
  "bad-inner-op-reply": [[], "silence:not-a-bootrequest", ""],
  "bad-inner-cookie": [[], "silence:dhcpv4-bad-cookie", ""],
  "bad-inner-no-msgtype": [[], "silence:no-message-type", ""],
  "bad-inner-opt-overrun": [[], "silence:dhcpv4-option-overrun", ""],
  "bad-response-to-server": [[], "silence:unexpected-message-type", ""],
  "bad-relay-repl-to-server": [[], "silence:unexpected-message-type", ""],
  "bad-relay-no-msg": [[], "silence:no-relay-message", ""],
  "bad-relay-short": [[], "silence:message-truncated", ""],
  "bad-relay-hop8": [[], "offer", ""],
  "bad-msgtype-200": [[], "silence:unexpected-message-type", ""],
  "bad-request-other-server": [offered, "silence:other-server-chosen", ""],
  "bad-opt159-len3": [[], "offer", ""],
  "bad-opt159-len8-two": [[], "offer", ""],
  "bad-opt159-offset16": [[], "offer", ""],
  "bad-opt159-k17": [[], "offer", ""],
  "bad-opt159-a6k12": [[], "offer", ""],
  "bad-request-opt159-mismatch": [offered, "nak:pair-not-offered", ""],
  "bad-renew-opt159-mismatch": [leased, "nak:pair-not-held", ""],
  "bad-no-clientid": [[], "silence:no-client-identifier", ""],
};

/** Tells whether a packet is one that a server sends. The allocator drops it, as everything that is not a query. */
const isAnswer = (name: string): boolean => /^(offer|ack|nak|reply|relay-repl)/.test(name);

test.each(vectors.map(({ name }) => [outcomes[name]?.[2] ?? "", name]))(
  "%s %s gets the expected answer",
  async (_, name) => {
    const [before, outcome] = outcomes[name] ?? [[], "silence:unexpected-message-type"];
    expect(name in outcomes).toBe(!isAnswer(name));
    const { ask, counters } = await createTestAllocator(vectorDomain);
    for (const each of before) await ask(vectorOctets(each));
    const countedBefore = counters.snapshot();
    const [answer] = await ask(vectorOctets(name));

    const [kind, ...pair] = outcome.split(" ");
    expect(counters.snapshot()[kind!] ?? 0).toBe((countedBefore[kind!] ?? 0) + 1);
    expect(answer === undefined).toBe(kind!.startsWith("silence"));
    if (answer === undefined) return;
    if (pair.length > 0) expect(`${answer.address} PSID ${answer.portParams!.psid}`).toBe(pair.join(" "));
    // The rest holds for every answer.
    expect(encodeHex(answer.header)).toBe("15000000");
    const client = vectors.find((each) => each.name === name)!.src === "fe80::5eff:fe10:2" ? "2" : "1";
    expect(encodeHex(answer.message.options.get(OptionCode.clientIdentifier)!)).toBe(
      `ff000000010003000102005e10000${client}`,
    );
    expect(answer.portParams !== undefined).toBe(kind === "offer" || kind === "ack");
    expect(answer.message.options.has(OptionCode.leaseTime)).toBe(kind === "offer" || kind === "ack");
  },
);

test("R8539-6.1-01: options 90 and 137 are sent next to option 87 on request, once each", async () => {
  const { ask } = await createTestAllocator(vectorDomain);
  const [answer] = await ask(vectorOctets("discover-softwire-oro"));
  expect(answer!.options.map(({ code, data }) => [code, encodeHex(data)])).toEqual([
    [OptionCode6.s46Br, "20010db8ffff00000000000000000001"],
    [OptionCode6.s46BindIPv6Prefix, "3820010db8123456"],
  ]);
});

test("R8539-8-02: option 109 is in the ACK that binds it and in every later ACK", async () => {
  const { ask } = await createTestAllocator(vectorDomain);
  await ask(vectorOctets("discover-shared-hint-addr-psid"));
  for (const name of [
    "request-selecting-saddr",
    "request-renewing",
    "request-rebinding",
    "request-init-reboot",
  ]) {
    const [answer] = await ask(vectorOctets(name));
    expect(encodeHex(answer!.message.options.get(OptionCode.softwireSourceAddress)!)).toBe(
      "20010db8123456000000c00002120012",
    );
  }
});

test.each([
  [
    "relay-forw-2hop",
    [
      [1, "::", "eth7"],
      [0, "2001:db8:a::1", "ge-0/0/1:100"],
    ],
  ],
  ["relay-forw-msg-first", [[0, "2001:db8:a::1", "ge-0/0/1:100"]]],
] as const)(
  "R7341-11-07, RFC 8415 §19.3: the answer to %s mirrors each level, Interface-Id included",
  async (name, levels) => {
    const { ask } = await createTestAllocator(vectorDomain);
    const [answer] = await ask(vectorOctets(name));
    expect(
      answer!.levels.map(({ hopCount, options }) => [
        hopCount,
        options.map(({ code, data }) => [code, new TextDecoder().decode(data)]),
      ]),
    ).toEqual(
      levels.map(([hopCount, , interfaceId]) => [hopCount, [[OptionCode6.interfaceId, interfaceId]]]),
    );
  },
);
