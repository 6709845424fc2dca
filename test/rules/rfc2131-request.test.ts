/**
 * DHCPREQUEST in its four states: RFC 2131 §4.3.2.
 */
import { describe, expect, test } from "vitest";
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { encodeAddress } from "../../src/wire/dhcpv4/options/address.ts";
import { parseIPv4 } from "../../src/wire/ipv4-address.ts";
import type { MessageOverrides } from "./acting-client.ts";
import { domain, Stage } from "./stage.ts";
import { execute, query } from "../support/sql.ts";

/** A domain with a single address, so that no second client can get one. */
const oneAddress: Partial<typeof domain> = {
  offerHoldSeconds: 60,
  quarantineSeconds: 0,
  leaseSeconds: { default: 1000, min: 60, max: 2000 },
  pools: [{ name: "one", kind: "full", range: "203.0.113.7/32" }],
};
const twoAddresses: Partial<typeof domain> = {
  ...oneAddress,
  pools: [{ name: "two", kind: "full", range: "203.0.113.6/31" }],
};
const seven = { address: "203.0.113.7", portParams: undefined };
const elsewhere = { address: "192.0.2.200", portParams: undefined };

const octets = (address: string) => encodeAddress(parseIPv4(address));
const [ourServer, otherServer] = [octets("198.51.100.1"), octets("198.51.100.2")];

/** Sends a REQUEST while every COMMIT fails after its statements have run. @returns The answers. */
async function sendWhileCommitsFail(stage: Stage, request: Uint8Array): Promise<Uint8Array[]> {
  const { database } = stage;
  for (const sql of [
    "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
    "CREATE TABLE orphan (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
    `CREATE TRIGGER break_commit AFTER UPDATE ON lease WHEN NEW.state = 2
      BEGIN INSERT INTO orphan VALUES (1); END`,
  ]) {
    await execute(database, sql);
  }
  const { write } = database;
  await new Promise<void>((tried) => {
    const writeOnce: typeof write = (statements) => write(statements).finally(tried);
    Object.assign(database, { write: writeOnce });
    void stage.transmit(request);
  });
  Object.assign(database, { write });
  await execute(database, "DROP TRIGGER break_commit");
  return stage.send();
}

describe("the state of a REQUEST", () => {
  const held = parseIPv4(seven.address);
  const wrong = octets(elsewhere.address);

  test.each<[fields: string, overrides: MessageOverrides, outcome: string]>([
    [
      "54 with all others: SELECTING",
      { unicast: true, header: { ciaddr: held }, options: { 54: otherServer, 50: wrong } },
      "silence:other-server-chosen",
    ],
    [
      "R2 our 54 with ciaddr and U, without 50: RENEWING",
      { unicast: true, header: { ciaddr: held }, options: { 54: ourServer } },
      "ack",
    ],
    [
      "R2 our 54 with ciaddr, without 50: REBINDING",
      { header: { ciaddr: held }, options: { 54: ourServer } },
      "ack",
    ],
    [
      "R2 our 54 with the ciaddr of another pair, without 50: RENEWING",
      { unicast: true, header: { ciaddr: parseIPv4(elsewhere.address) }, options: { 54: ourServer } },
      "nak:pair-not-held",
    ],
    [
      "R2 our 54 with ciaddr and a 50 of a wrong length: REBINDING",
      { header: { ciaddr: held }, options: { 54: ourServer, 50: [203, 0, 113] } },
      "ack",
    ],
    [
      "R2 our 54 with ciaddr and an equal 50: SELECTING",
      { unicast: true, header: { ciaddr: held }, options: { 54: ourServer, 50: octets(seven.address) } },
      "ack",
    ],
    [
      "R2 ciaddr with an equal 50: RENEWING",
      { unicast: true, header: { ciaddr: held }, options: { 50: octets(seven.address) } },
      "ack",
    ],
    [
      "R2 another server's 54 with ciaddr and U, without 50: RENEWING, for that server",
      { unicast: true, header: { ciaddr: held }, options: { 54: otherServer } },
      "silence:other-server-chosen",
    ],
    [
      "R2 another server's 54 with ciaddr, without 50: REBINDING, for that server",
      { header: { ciaddr: held }, options: { 54: otherServer } },
      "silence:other-server-chosen",
    ],
    [
      "R2 another server's 54 with ciaddr and an equal 50: SELECTING",
      { header: { ciaddr: held }, options: { 54: otherServer, 50: octets(seven.address) } },
      "silence:other-server-chosen",
    ],
    [
      "R2 our 54 without ciaddr and 50: no state",
      { unicast: true, options: { 54: ourServer } },
      "silence:unknown-request-state",
    ],
    [
      "54 with ciaddr and 50: SELECTING of the address in 50",
      { header: { ciaddr: held }, options: { 54: ourServer, 50: wrong } },
      "nak:pair-not-offered",
    ],
    [
      "ciaddr and U with 50: RENEWING",
      { unicast: true, header: { ciaddr: held }, options: { 50: wrong } },
      "ack",
    ],
    ["ciaddr with 50: REBINDING", { header: { ciaddr: held }, options: { 50: wrong } }, "ack"],
    [
      "a wrong ciaddr with 50: REBINDING",
      { header: { ciaddr: parseIPv4(elsewhere.address) }, options: { 50: octets(seven.address) } },
      "nak:pair-not-held",
    ],
    ["50 alone: INIT-REBOOT", { options: { 50: wrong } }, "nak:wrong-network"],
    [
      "50 and U: INIT-REBOOT, because U has no meaning here",
      { unicast: true, options: { 50: wrong } },
      "nak:wrong-network",
    ],
    ["no field: no state", {}, "silence:unknown-request-state"],
    ["only U: no state", { unicast: true }, "silence:unknown-request-state"],
    ["50 with a wrong length: no state", { options: { 50: [203, 0, 113] } }, "silence:unknown-request-state"],
  ])("R2131-4.3.2-01 %s", async (_fields, overrides, outcome) => {
    const stage = await Stage.open(oneAddress);
    const client = stage.client(1);
    await client.lease();
    const before = stage.count(outcome);
    const answer = await client.send(MessageType.request, overrides);
    expect(stage.count(outcome)).toBe(before + 1);
    expect(answer?.type).toBe(outcome.startsWith("silence") ? undefined : outcome.split(":")[0]);
    expect(await stage.leases()).toBe(1);
  });
});

describe("SELECTING", () => {
  test("R2131-4.3.2-02 a REQUEST for another server gets no answer and frees our offer", async () => {
    const stage = await Stage.open(oneAddress);
    const offer = (await stage.client(1).discover())!;
    expect(await stage.client(1).select(offer, { options: { 54: otherServer } })).toBeUndefined();
    expect(stage.count("silence:other-server-chosen")).toBe(1);
    expect(await stage.client(2).lease()).toMatchObject({ address: offer.address });
  });

  test("R2131-4.3.2-02 a REQUEST for another server does not change a lease", async () => {
    const stage = await Stage.open(oneAddress);
    const ack = await stage.client(1).lease();
    expect(await stage.client(1).select(ack, { options: { 54: otherServer } })).toBeUndefined();
    expect(await stage.client(2).discover()).toBeUndefined();
    expect(await stage.client(1).renew(ack)).toMatchObject({ type: "ack", address: ack.address });
  });

  test("R2131-4.3.2-03 no ACK is sent when its lease cannot be committed", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const offer = (await client.discover())!;
    const overrides = { portParams: offer.portParams, options: { 50: octets(offer.address), 54: ourServer } };
    const request = client.message(MessageType.request, overrides);
    expect(await sendWhileCommitsFail(stage, request.datagram)).toEqual([]);
    const rows = await query(stage.database, "SELECT state FROM lease");
    expect(rows).toMatchObject([{ state: 1 }]);
    expect(await client.select(offer)).toMatchObject({ type: "ack", address: offer.address });
  });

  test("R2131-4.3.2-03 no ACK is sent when the extension of its lease cannot be committed", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const ack = await client.lease();
    const overrides = { portParams: ack.portParams, header: { ciaddr: parseIPv4(ack.address) } };
    const request = client.message(MessageType.request, overrides);
    expect(await sendWhileCommitsFail(stage, request.datagram)).toEqual([]);
    expect(await client.rebind(ack)).toMatchObject({ type: "ack", address: ack.address });
  });

  test("R2131-4.3.2-04 a pair that was never offered gets DHCPNAK", async () => {
    const stage = await Stage.open(oneAddress);
    expect(await stage.client(1).select(seven)).toMatchObject({ type: "nak", address: "0.0.0.0" });
    expect(stage.count("nak:pair-not-offered")).toBe(1);
    expect(await stage.leases()).toBe(0);
  });

  test("R2131-4.3.2-04 an expired offer whose pair went to another client gets DHCPNAK", async () => {
    const stage = await Stage.open(oneAddress);
    const offer = (await stage.client(1).discover())!;
    stage.now += 60;
    await stage.client(2).lease();
    expect(await stage.client(1).select(offer)).toMatchObject({ type: "nak" });
    expect(stage.count("nak:pair-not-offered")).toBe(1);
    expect(await stage.client(2).renew(seven)).toMatchObject({ type: "ack" });
  });

  test.each([
    ["an address other than the offered one", { address: "203.0.113.6", portParams: undefined }],
    ["an address of no pool", elsewhere],
    [
      "another full address, with a port set,",
      { address: "203.0.113.6", portParams: { psidOffset: 0, psidLength: 6, psid: 20 } },
    ],
  ])("R2131-4.3.2-04 %s gets DHCPNAK, and the offer stays valid", async (_what, pair) => {
    const stage = await Stage.open(twoAddresses);
    const client = stage.client(1);
    const offer = (await client.discover({ address: parseIPv4(seven.address) }))!;
    expect(offer.address).toBe(seven.address);
    expect(await client.select(pair)).toMatchObject({ type: "nak" });
    expect(stage.count("nak:pair-not-offered")).toBe(1);
    expect(await client.select(offer)).toMatchObject({ type: "ack", address: seven.address });
  });
});

describe("INIT-REBOOT", () => {
  test("R2131-4.3.2-05 on the wrong network gets DHCPNAK, even from an unknown client", async () => {
    const stage = await Stage.open(oneAddress);
    await stage.client(1).lease();
    expect(await stage.client(1).reboot(elsewhere)).toMatchObject({ type: "nak" });
    expect(await stage.client(2).reboot(elsewhere)).toMatchObject({ type: "nak" });
    expect(stage.count("nak:wrong-network")).toBe(2);
    expect(await stage.client(1).renew(seven)).toMatchObject({ type: "ack" });
  });

  test("R2131-4.3.2-05 with an address of another domain gets DHCPNAK", async () => {
    const other = {
      ...domain,
      ...twoAddresses,
      name: "other",
      default: false,
      prefixes: ["2001:db8:b::/48"],
    };
    const stage = await Stage.open([
      domain,
      { ...other, pools: [{ ...other.pools[0]!, range: "203.0.113.6/31" }] },
    ]);
    const moved = stage.client(1, { linkAddress: "2001:db8:b::1" });
    const ack = await stage.client(1).lease();
    expect(await moved.reboot(ack)).toMatchObject({ type: "nak" });
    expect(stage.count("nak:wrong-network")).toBe(1);
  });

  test("R2131-4.3.2-06 of an unknown client on the right network gets no answer", async () => {
    const stage = await Stage.open({ ...oneAddress, refusesUnknownRenewals: true });
    expect(await stage.client(1).reboot(seven)).toBeUndefined();
    expect(await stage.client(1).reboot(seven, { unicast: true })).toBeUndefined();
    expect(stage.count("silence:unknown-client")).toBe(2);
    expect(await stage.leases()).toBe(0);
  });

  test("R2131-4.3.2-06 of an unknown client gets no answer even if another client has the pair", async () => {
    const stage = await Stage.open(oneAddress);
    await stage.client(1).lease();
    expect(await stage.client(2).reboot(seven)).toBeUndefined();
    expect(stage.count("silence:unknown-client")).toBe(1);
  });

  test.each([
    ["another address", "203.0.113.1", { psidOffset: 0, psidLength: 6, psid: 1 }],
    ["another address of its pool", "192.0.2.19", "same"],
    ["another PSID", "192.0.2.18", { psidOffset: 0, psidLength: 6, psid: 33 }],
    ["another length", "192.0.2.18", { psidOffset: 0, psidLength: 5, psid: 1 }],
    ["another offset", "192.0.2.18", { psidOffset: 4, psidLength: 6, psid: 1 }],
  ] as const)(
    "R2131-4.3.2-07 with %s than the recorded one gets DHCPNAK",
    async (_what, address, portParams) => {
      const stage = await Stage.open();
      const client = stage.client(1);
      const ack = await client.lease({ address: parseIPv4("192.0.2.18") });
      expect(ack.address).toBe("192.0.2.18");
      const pair = { address, portParams: portParams === "same" ? ack.portParams : portParams };
      expect(await client.reboot(pair)).toMatchObject({ type: "nak" });
      expect(stage.count("nak:pair-not-held")).toBe(1);
      expect(await client.reboot(ack)).toMatchObject({ type: "ack" });
    },
  );

  test("R2131-4.3.2-08 with the recorded pair gets DHCPACK and a full lease time", async () => {
    const stage = await Stage.open(oneAddress);
    const ack = await stage.client(1).lease();
    stage.now += 900;
    expect(await stage.client(1).reboot(ack)).toMatchObject({ type: "ack", address: ack.address });
    stage.now += 999;
    expect(await stage.leases()).toBe(1);
  });

  test("R2131-4.3.2-08 with a pair that was only offered gets DHCPNAK", async () => {
    const stage = await Stage.open({ ...oneAddress, rebootNeedsSameSource: false });
    const offer = (await stage.client(1).discover())!;
    expect(await stage.client(1).reboot(offer)).toMatchObject({ type: "nak" });
    stage.now += 60;
    expect(await stage.leases()).toBe(0);
  });

  test("R2131-4.3.2-09 with the pair of an ended lease gets it again if no other client took it", async () => {
    const stage = await Stage.open(oneAddress);
    const ack = await stage.client(1).lease();
    stage.now += 5000;
    expect(await stage.leases()).toBe(0);
    expect(await stage.client(1).reboot(ack)).toMatchObject({ type: "ack", address: ack.address });
    expect(await stage.leases()).toBe(1);
  });

  test("R2131-4.3.2-09 with the pair of an ended lease gets no ACK if another client took it", async () => {
    const stage = await Stage.open(oneAddress);
    const ack = await stage.client(1).lease();
    stage.now += 5000;
    await stage.client(2).lease();
    expect((await stage.client(1).reboot(ack))?.type).not.toBe("ack");
    expect(await stage.client(2).renew(ack)).toMatchObject({ type: "ack" });
  });
});

describe.each([
  ["RENEWING", "R2131-4.3.2-10", true],
  ["REBINDING", "R2131-4.3.2-11", false],
] as const)("%s", (state, id, unicast) => {
  test(`${id} ${state} with the leased pair gets DHCPACK and extends the lease`, async () => {
    const stage = await Stage.open(oneAddress);
    const ack = await stage.client(1).lease();
    stage.now += 700;
    const again = await stage.client(1).rebind(ack, { unicast });
    expect(again).toMatchObject({ type: "ack", address: ack.address });
    expect([...again!.message.options.get(51)!]).toEqual([0, 0, 1000 >> 8, 1000 & 255]);
    stage.now += 999;
    expect(await stage.leases()).toBe(1);
    expect(await stage.client(2).discover()).toBeUndefined();
  });

  test(`${id} ${state} from another IPv6 source extends the lease too`, async () => {
    const stage = await Stage.open(oneAddress);
    const ack = await stage.client(1).lease();
    const moved = stage.client(1, { source: "fe80::77" });
    expect(await moved.rebind(ack, { unicast })).toMatchObject({ type: "ack", address: ack.address });
  });

  const shared = { psidOffset: 0, psidLength: 6 };
  test.each([
    ["another address", { address: "192.0.2.19", portParams: { ...shared, psid: 1 } }],
    ["another PSID", { address: "192.0.2.18", portParams: { ...shared, psid: 2 } }],
    ["no port set", { address: "192.0.2.18", portParams: undefined }],
    ["an address of no pool", elsewhere],
    ["a full address", { address: "203.0.113.1", portParams: undefined }],
  ])(`R2131-4.3.2-12 ${state} of a known client with %s gets DHCPNAK`, async (_what, pair) => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const held = { address: parseIPv4("192.0.2.18"), portParams: { ...shared, psid: 1 } };
    const ack = await client.lease(held);
    expect(ack).toMatchObject({ address: "192.0.2.18", portParams: held.portParams });
    expect(await client.rebind(pair, { unicast })).toMatchObject({ type: "nak", address: "0.0.0.0" });
    expect(stage.count("nak:pair-not-held")).toBe(1);
    expect(await client.rebind(ack, { unicast })).toMatchObject({ type: "ack", address: ack.address });
  });
});

describe("an unknown client", () => {
  test.each([
    ["RENEWING", true],
    ["REBINDING", false],
  ])("R2131-4.3.2-13 %s of a pair that another client holds gets DHCPNAK", async (_state, unicast) => {
    const stage = await Stage.open(oneAddress);
    const ack = await stage.client(1).lease();
    expect(await stage.client(2).rebind(ack, { unicast })).toMatchObject({ type: "nak", address: "0.0.0.0" });
    expect(stage.count("nak:pair-not-held")).toBe(1);
    expect(await stage.client(1).rebind(ack, { unicast })).toMatchObject({ type: "ack" });
  });

  test("R2131-4.3.2-13 REBINDING of such a pair gets no answer after the other client's lease has ended", async () => {
    const stage = await Stage.open(oneAddress);
    const ack = await stage.client(1).lease();
    stage.now += 1000;
    expect(await stage.client(2).rebind(ack)).toBeUndefined();
    expect(stage.count("silence:unknown-client")).toBe(1);
  });

  test.each<[what: string, unicast: boolean, refuses: boolean | undefined, outcome: string]>([
    ["REBINDING gets no answer", false, undefined, "silence:unknown-client"],
    [
      "REBINDING gets no answer, even if the domain refuses unknown renewals",
      false,
      true,
      "silence:unknown-client",
    ],
    ["RENEWING gets no answer by default", true, undefined, "silence:unknown-client"],
    [
      "RENEWING gets no answer if the domain leaves it to other servers",
      true,
      false,
      "silence:unknown-client",
    ],
    ["RENEWING gets DHCPNAK if the domain refuses unknown renewals", true, true, "nak:unknown-client"],
  ])("R2131-4.3.2-14 %s", async (_what, unicast, refuses, outcome) => {
    const stage = await Stage.open({
      ...oneAddress,
      ...(refuses !== undefined && { refusesUnknownRenewals: refuses }),
    });
    const client = stage.client(1);
    const answers = [await client.rebind(seven, { unicast }), await client.rebind(elsewhere, { unicast })];
    const type = outcome.startsWith("nak") ? "nak" : undefined;
    expect(answers.map((answer) => answer?.type)).toEqual([type, type]);
    expect(stage.count(outcome)).toBe(2);
    expect(await stage.leases()).toBe(0);
  });
});
