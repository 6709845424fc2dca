/**
 * RFC 8539: the client learns the border relay, and the server learns the source address of the client's softwire.
 */
import { describe, expect, test } from "vitest";
import { OptionCode } from "../../src/wire/dhcpv4/codes.ts";
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import { encodeHex } from "../../src/wire/hex.ts";
import { formatIPv6, parseIPv6 } from "../../src/wire/ipv6-address.ts";
import { domain, pairText, sharedOnly, Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";
import { query } from "../support/sql.ts";

const [first, second] = ["2001:db8:1234:5600::1", "2001:db8:1234:5600::2"];
const asking = { optionRequest: [OptionCode6.s46Br, OptionCode6.s46BindIPv6Prefix] };

/** @returns Option 109 of an answer as text. */
const softwireOf = (answer: Answer | undefined): string | undefined => {
  const data = answer?.message.options.get(OptionCode.softwireSourceAddress);
  return data === undefined ? undefined : formatIPv6(data);
};
/** @returns Client and softwire address of each running lease that has one. */
async function bindings(stage: Stage): Promise<string[]> {
  const rows = await query(
    stage.database,
    `SELECT hex(client_id) AS client, hex(softwire) AS softwire FROM lease
      WHERE softwire IS NOT NULL AND state = 2 AND expires_at > ? ORDER BY client_id`,
    stage.now,
  );
  return rows.map(({ client, softwire }) => `${client as string} ${softwire as string}`.toLowerCase());
}
const binding = (client: { readonly clientIdentifier: Uint8Array }, softwire: string): string =>
  `${encodeHex(client.clientIdentifier)} ${encodeHex(parseIPv6(softwire))}`;

describe("an option request", () => {
  test("R8539-5-01 R8539-6.1-01 for 90 and 137 is answered in OFFER and ACK, next to option 87", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const offer = (await client.discover({}, asking))!;
    const ack = await client.select(offer, asking);
    for (const { options } of [offer, ack!]) {
      expect(options.map(({ code, data }) => [code, encodeHex(data)])).toEqual([
        [90, "20010db8ffff00000000000000000001"],
        [137, "3820010db8123456"],
      ]);
    }
  });

  test.each([
    ["90 alone", [90], [90]],
    ["137 alone", [137], [137]],
    ["nothing", [], []],
    ["something else", [88, 23], []],
  ])("R8539-5-01 for %s", async (_what, optionRequest, codes) => {
    const stage = await Stage.open();
    const offer = await stage.client(1).discover({}, { optionRequest });
    expect(offer!.options.map(({ code }) => code)).toEqual(codes);
  });

  test("R8539-6.1-01 that lists 137 twice gets it once", async () => {
    const stage = await Stage.open();
    const offer = await stage.client(1).discover({}, { optionRequest: [137, 90, 137] });
    expect(offer!.options.map(({ code }) => code)).toEqual([90, 137]);
  });

  test("R8539-5-01 is answered with every border relay of the domain, and with no prefix if none is configured", async () => {
    const borderRelays = ["2001:db8:ffff::1", "2001:db8:ffff::2"];
    const stage = await Stage.open({ softwire: { borderRelays } });
    const offer = await stage.client(1).discover({}, asking);
    expect(offer!.options.map(({ data }) => formatIPv6(data))).toEqual(borderRelays);
  });
});

describe("option 109", () => {
  test("R8539-8-01 R8539-8-02 is stored with the lease, and is in every ACK from then on", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const offer = (await client.discover())!;
    expect(softwireOf(offer)).toBeUndefined();
    expect(softwireOf(await client.select(offer, { softwire: first }))).toBe(first);
    expect(await bindings(stage)).toEqual([binding(client, first)]);
    for (const softwire of [first, undefined]) {
      expect(softwireOf(await client.renew(offer, { softwire }))).toBe(first);
      expect(softwireOf(await client.rebind(offer, { softwire }))).toBe(first);
      expect(softwireOf(await client.reboot(offer, { softwire }))).toBe(first);
      expect(softwireOf(await client.select(offer, { softwire }))).toBe(first);
    }
  });

  test("R8539-8-02 is in no ACK of a lease that has no softwire address", async () => {
    const stage = await Stage.open();
    const lease = await stage.client(1).lease();
    expect(lease.message.options.has(OptionCode.softwireSourceAddress)).toBe(false);
  });

  test("R8539-8-02 is in the ACK of a rapid commit too", async () => {
    const stage = await Stage.open({ rapidCommit: true });
    const ack = await stage.client(1).discover({}, { options: { 80: [] }, softwire: first });
    expect([ack!.type, softwireOf(ack)]).toEqual(["ack", first]);
  });

  test("R8539-8-03 is removed when the lease is released", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const lease = await client.lease({}, { softwire: first });
    await client.release(lease);
    expect(await bindings(stage)).toEqual([]);
    // It is removed from the row too, so that a search for the address does not find its former client.
    const rows = await query(stage.database, "SELECT slot FROM lease WHERE softwire IS NOT NULL");
    expect(rows).toEqual([]);
    const again = await client.lease();
    expect(softwireOf(again)).toBeUndefined();
  });

  test("R8539-8-03 is no longer bound when the lease has expired, and another client may have it", async () => {
    const stage = await Stage.open();
    const [one, two] = [stage.client(1), stage.client(2)];
    await one.lease({}, { softwire: first });
    stage.now += 3600;
    expect(await bindings(stage)).toEqual([]);
    expect(softwireOf(await two.lease({}, { softwire: first }))).toBe(first);
    expect(softwireOf(await one.lease())).toBeUndefined();
  });

  test("R8539-8-03 is no longer bound when the lease has expired, even if its client gets the same pair again", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const lease = await client.lease({}, { softwire: first });
    stage.now += 3600;
    const late = await client.renew(lease);
    expect([pairText(late!), softwireOf(late)]).toEqual([pairText(lease), undefined]);
    expect(await bindings(stage)).toEqual([]);
  });

  test("R8539-8.1-01 with another address changes the binding, and the ACK has the new address", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const lease = await client.lease({}, { softwire: first });
    stage.now += 60;
    expect(softwireOf(await client.renew(lease, { softwire: second }))).toBe(second);
    expect(await bindings(stage)).toEqual([binding(client, second)]);
  });

  test.each([
    [undefined, 60],
    [300, 300],
    [0, 0],
  ])(
    "R8539-8.1-02 with updateIntervalSeconds %s can change after %i s, not earlier",
    async (updateIntervalSeconds, seconds) => {
      const stage = await Stage.open({
        softwire: { ...(updateIntervalSeconds !== undefined && { updateIntervalSeconds }) },
      });
      const client = stage.client(1);
      const lease = await client.lease({}, { softwire: first });
      if (seconds > 0) {
        stage.now += seconds - 1;
        const early = await client.renew(lease, { softwire: second });
        expect([early!.type, softwireOf(early)]).toEqual(["ack", first]);
        expect(await bindings(stage)).toEqual([binding(client, first)]);
        stage.now += 1;
      }
      expect(softwireOf(await client.renew(lease, { softwire: second }))).toBe(second);
    },
  );

  test("R8539-8.1-02 is accepted at once for a lease without a softwire address", async () => {
    const stage = await Stage.open();
    const client = stage.client(1);
    const lease = await client.lease();
    expect(softwireOf(await client.renew(lease, { softwire: first }))).toBe(first);
  });

  test("R8539-8.2-01 R8539-8.2-02 with another client's address gets DHCPNAK if the client has no lease, and changes no binding", async () => {
    const stage = await Stage.open();
    const [one, two] = [stage.client(1), stage.client(2)];
    await one.lease({}, { softwire: first });
    const offer = (await two.discover())!;
    expect(await stage.outcome(() => two.select(offer, { softwire: first }))).toBe("nak:softwire-taken");
    expect(await bindings(stage)).toEqual([binding(one, first)]);
    // The offer is still valid for a REQUEST with another address.
    expect(await stage.outcome(() => two.select(offer, { softwire: second }))).toBe("ack 192.0.2.19 PSID 1");
  });

  test.each(["renew", "rebind", "reboot", "select"] as const)(
    "R8539-8.2-01 R8539-8.2-03 with another client's address keeps the binding of a client with a lease: %s",
    async (what) => {
      const stage = await Stage.open();
      const [one, two] = [stage.client(1), stage.client(2)];
      await one.lease({}, { softwire: first });
      const lease = await two.lease({}, { softwire: second });
      stage.now += 600;
      const ack = await two[what](lease, { softwire: first });
      expect([ack!.type, softwireOf(ack)]).toEqual(["ack", second]);
      expect(await bindings(stage)).toEqual([binding(one, first), binding(two, second)]);
    },
  );

  test("R8539-8.2-01 is compared with the leases of all domains", async () => {
    const other = {
      ...domain,
      name: "other",
      default: false,
      prefixes: ["2001:db8:b::/48"],
      pools: [{ name: "others", kind: "shared" as const, range: "198.51.100.128/25", psidLength: 6 }],
    };
    const stage = await Stage.open([{ ...domain, ...sharedOnly }, other]);
    await stage.client(1).lease({}, { softwire: first });
    const elsewhere = stage.client(2, { linkAddress: "2001:db8:b::1" });
    const offer = (await elsewhere.discover())!;
    expect(await stage.outcome(() => elsewhere.select(offer, { softwire: first }))).toBe(
      "nak:softwire-taken",
    );
  });

  test("R8539-8.2-01 that two clients send in one batch is bound to the first", async () => {
    const stage = await Stage.open();
    const offers = [await stage.client(1).discover(), await stage.client(2).discover()];
    const messages = [1, 2].map((number, index) => {
      const { message, portParams } = offers[index]!;
      return stage.client(number).message(3, { portParams: portParams!, softwire: first }, [
        [OptionCode.requestedAddress, message.yiaddr],
        [OptionCode.serverIdentifier, 0xc6336401],
      ]);
    });
    const answers = await stage.askAll(...messages);
    expect(answers.map((answer) => answer!.type)).toEqual(["ack", "nak"]);
    expect(await bindings(stage)).toEqual([binding(stage.client(1), first)]);
  });

  test("R8539-8-01 is ignored if it is malformed", async () => {
    const stage = await Stage.open();
    const lease = await stage.client(1).lease({}, { options: { 109: [1, 2, 3] } });
    expect([lease.type, softwireOf(lease)]).toEqual(["ack", undefined]);
    expect(await bindings(stage)).toEqual([]);
  });
});
