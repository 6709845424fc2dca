/**
 * Clients that list option 159 where they get full addresses (RFC 7618 §8.1): option 159 says nothing about a full
 * address, in whichever message it comes.
 */
import { describe, expect, test } from "vitest";
import { parseDeclaration } from "../../src/declaration/declaration.ts";
import { MessageType, OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import { applyDeclaration } from "../support/apply-declaration.ts";
import { enclose, levelAt } from "./acting-client.ts";
import type { ActingClient, MessageOverrides } from "./acting-client.ts";
import { changeDhcpV4 } from "./raw-message.ts";
import { domain, Stage } from "./stage.ts";

const [sharedPool, fullPool] = [domain.pools[0]!, domain.pools[1]!];

/** Domains whose clients get full addresses only. */
const fullOnly: [what: string, fields: Partial<typeof domain>][] = [
  ["a domain that ignores option 159", { ignoresOption159: true }],
  ["a domain without shared pools", { pools: [fullPool] }],
  [
    "a domain whose shared pools are drained",
    { pools: [{ ...sharedPool, drainUntil: "2099-01-01T00:00:00Z" }, fullPool] },
  ],
];

const address = "203.0.113.0";
const octetsOf = (text: string): number[] => text.split(".").map(Number);

/** The options that ISC's dhclient sends with `send v4-portparams 0, 6, 0`: in every message, 159 is the same. */
function dhclientOptions(type: number, addresses: readonly number[], clientIdentifier: Uint8Array): number[] {
  const listed = [0x01, 0x1c, 0x02, 0x03, 0x0f, 0x06, 0x77, 0x0c, 0x2c, 0x2f, 0x1a, 0x79, 0x2a, 0x9f];
  const isRequest = type === MessageType.discover || type === MessageType.request;
  return [
    ...[0x35, 0x01, type], // option 53: message type
    ...addresses, // options 54 and 50, where the message has them
    ...(isRequest ? [0x37, listed.length, ...listed] : []), // option 55: parameter request list
    ...[0x9f, 0x04, 0x00, 0x06, 0x00, 0x00], // option 159: offset 0, PSID length 6, PSID 0
    ...[0x3d, clientIdentifier.length, ...clientIdentifier], // option 61: client identifier
    0xff, // END
  ];
}

/** Sends a message of dhclient. @returns Its outcome. */
function dhclient(
  stage: Stage,
  client: ActingClient,
  type: number,
  message: { readonly addresses?: readonly number[]; readonly ciaddr?: string; readonly unicast?: boolean },
): Promise<string> {
  const { addresses = [], ciaddr = "0.0.0.0", unicast = false } = message;
  const query = client.query(type, { unicast, header: { ciaddr: parseIPv4(ciaddr) } });
  const octets = changeDhcpV4(query, (dhcpv4) => {
    const options = dhclientOptions(type, addresses, client.clientIdentifier);
    return Uint8Array.from([...dhcpv4.subarray(0, 240), ...options]);
  });
  return stage.outcome(() => stage.ask(enclose(octets, [levelAt({ source: "fe80::1" })])));
}

describe.each(fullOnly)("R1 in %s", (_what, fields) => {
  const server = [0x36, 0x04, ...octetsOf("198.51.100.1")];
  const requested = [0x32, 0x04, ...octetsOf(address)];

  test("ISC's dhclient with v4-portparams gets, keeps, releases and declines a full address", async () => {
    const stage = await Stage.open(fields);
    const client = stage.client(1);
    const say = (type: number, message: Parameters<typeof dhclient>[3] = {}) =>
      dhclient(stage, client, type, message);
    const { discover, request, release, decline } = MessageType;
    expect(await say(discover)).toBe(`offer ${address}`);
    expect(await say(request, { addresses: [...server, ...requested] })).toBe(`ack ${address}`);
    expect(await say(request, { ciaddr: address, unicast: true })).toBe(`ack ${address}`);
    expect(await say(request, { ciaddr: address })).toBe(`ack ${address}`);
    expect(await say(request, { addresses: requested })).toBe(`ack ${address}`);
    expect(await say(discover, { addresses: requested })).toBe(`offer ${address}`);
    expect(await say(release, { addresses: server, ciaddr: address, unicast: true })).toBe(
      "silence:released",
    );
    expect(await stage.leases()).toBe(0);
    expect(await say(discover)).toBe(`offer ${address}`);
    expect(await say(request, { addresses: [...server, ...requested] })).toBe(`ack ${address}`);
    expect(await say(decline, { addresses: [...server, ...requested] })).toBe("silence:declined");
    expect(await stage.leases()).toBe(0);
  });

  test.each<[what: string, portParams: readonly number[]]>([
    ["a size hint", [0, 6, 0, 0]],
    ["a port set", [0, 6, 0x50, 0]],
    ["PSID length 0", [0, 0, 0, 0]],
    ["3 octets", [0, 6, 0]],
    ["8 octets", [0, 6, 0, 0, 0, 6, 0, 0]],
    ["offset 16", [16, 6, 0, 0]],
    ["no octets", []],
  ])("an option 159 with %s is ignored in every message", async (_hint, portParams) => {
    const stage = await Stage.open(fields);
    const client = stage.client(1);
    const overrides: MessageOverrides = {
      portParams: null,
      options: { [OptionCode.portParams]: portParams },
    };
    const ack = await client.lease({ address: parseIPv4("203.0.113.1") }, overrides);
    expect(ack.address).toBe("203.0.113.1");
    expect(ack.message.options.has(OptionCode.portParams)).toBe(false);
    for (const what of ["renew", "rebind", "reboot", "select"] as const) {
      expect(await stage.outcome(() => client[what](ack, overrides))).toBe("ack 203.0.113.1");
    }
    expect(await stage.outcome(() => client.release(ack, overrides))).toBe("silence:released");
    const again = await client.lease({}, overrides);
    expect(await stage.outcome(() => client.decline(again.address, overrides))).toBe("silence:declined");
  });

  test("another client's full address is refused, whatever option 159 says", async () => {
    const stage = await Stage.open(fields);
    const hint = { portParams: { psidOffset: 0, psidLength: 6, psid: 0 } };
    const lease = await stage.client(1).lease({}, hint);
    const other = await stage.client(2).lease({}, hint);
    const taken = { ...lease, ...hint };
    for (const what of ["renew", "rebind", "reboot", "select"] as const) {
      expect(await stage.outcome(() => stage.client(2)[what](taken))).toMatch(/^nak:/);
    }
    await stage.client(2).release(taken);
    await stage.client(2).decline(lease.address, hint);
    expect(await stage.leases()).toBe(2);
    expect(other.address).not.toBe(lease.address);
  });
});

test("R1 a client that is identified by its hardware address may list an option 159 that is ignored", async () => {
  const overrides: MessageOverrides = {
    options: { [OptionCode.clientIdentifier]: null, [OptionCode.portParams]: [0, 6, 0, 0] },
  };
  for (const fields of [{ ignoresOption159: true }, { pools: [fullPool] }]) {
    const stage = await Stage.open({ ...fields, identifiesByHardwareAddress: true });
    const ack = await stage.client(1).lease({}, overrides);
    expect(ack.address).toBe(address);
    expect(await stage.outcome(() => stage.client(1).renew(ack, overrides))).toBe(`ack ${address}`);
  }
});

describe("R1 pools that change while a client holds a lease", () => {
  const hint = { portParams: { psidOffset: 0, psidLength: 6, psid: 0 } };
  const change = (stage: Stage, fields: Partial<typeof domain>) =>
    applyDeclaration(stage.database, parseDeclaration({ domains: [{ ...domain, ...fields }] }, "test"));

  test("a full address is kept when the domain gets a shared pool", async () => {
    const stage = await Stage.open({ pools: [fullPool] });
    const client = stage.client(1);
    const ack = await client.lease({}, hint);
    await change(stage, {});
    for (const what of ["renew", "rebind", "reboot", "select"] as const) {
      expect(await stage.outcome(() => client[what](ack, hint))).toBe(`ack ${address}`);
    }
    expect(await stage.outcome(() => client.discover({}, hint))).toBe(`offer ${address}`);
    expect(await stage.outcome(() => client.release(ack, hint))).toBe("silence:released");
    expect(await stage.outcome(() => client.discover({}, hint))).toBe("offer 192.0.2.18 PSID 1");
  });

  test("a full address is kept when the domain no longer ignores option 159", async () => {
    const stage = await Stage.open({ ignoresOption159: true });
    const client = stage.client(1);
    const ack = await client.lease({}, hint);
    await change(stage, { ignoresOption159: false });
    expect(await stage.outcome(() => client.renew(ack, hint))).toBe(`ack ${address}`);
    expect(await stage.outcome(() => client.release(ack, hint))).toBe("silence:released");
  });

  test("a shared pair is kept, and still named by option 159, when the domain begins to ignore the option", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const lease = await client.lease();
    await change(stage, { ignoresOption159: true });
    for (const what of ["renew", "rebind", "reboot", "select"] as const) {
      expect(await stage.outcome(() => client[what](lease))).toBe("ack 192.0.2.18 PSID 1");
    }
    expect(await stage.outcome(() => client.renew(lease, { portParams: null }))).toBe("nak:pair-not-held");
    expect(await stage.outcome(() => client.release(lease))).toBe("silence:released");
    expect(await stage.outcome(() => client.discover())).toBe(`offer ${address}`);
  });
});
