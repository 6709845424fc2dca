/**
 * A client identifier says who, a line says where: what a message from another line can do, and what one customer can
 * take. The relay of these tests trusts this host and 2001:db8::/32.
 */
import { describe, expect, test } from "vitest";
import { arrangeRound } from "../../src/allocator/round.ts";
import { decodeQuery } from "../../src/lease/query.ts";
import { loadDirectory } from "../../src/store/configuration/directory.ts";
import { MessageType } from "../../src/wire/dhcpv4/codes.ts";
import { OptionCode6 } from "../../src/wire/dhcpv6/codes.ts";
import type { Option6 } from "../../src/wire/dhcpv6/options.ts";
import { decodeRelayPathRecord } from "../../src/wire/dhcpv6/relay-path.ts";
import { query } from "../support/sql.ts";
import { encodeInterfaceId } from "../../src/wire/relay-interface-id.ts";
import { enclose, levelAt } from "./acting-client.ts";
import type { ClientLocation } from "./acting-client.ts";
import { domain, sharedOnly, Stage } from "./stage.ts";
import type { Answer } from "./stage.ts";

const remoteId = (value: string | Uint8Array): Option6 => ({
  code: OptionCode6.remoteId,
  data: Uint8Array.of(0, 0, 0x7e, 0xd9, ...(typeof value === "string" ? text(value) : value)),
});
const subscriberId = (value: string | Uint8Array): Option6 => ({
  code: OptionCode6.subscriberId,
  data: typeof value === "string" ? text(value) : value,
});
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const lineA: ClientLocation = { options: [remoteId("line-a")] };
const lineB: ClientLocation = { options: [remoteId("line-b")] };

/** A message that chose another server. */
const otherServer = { options: { 54: [192, 0, 2, 254] } };

/** The running lease of client 1 as the database has it. */
async function stored(stage: Stage) {
  const sql =
    "SELECT slot, site, line, expires_at, hex(relay_path) AS path FROM lease WHERE state = 2 AND line LIKE 'remote:%'";
  return await query(stage.database, sql);
}

describe("T8 a message with a client's identifier from another line", () => {
  test.each<
    [string, string, (client: ReturnType<Stage["client"]>, lease: Answer) => Promise<Answer | undefined>]
  >([
    ["RELEASE", "silence:other-line", (client, lease) => client.release(lease)],
    ["DECLINE", "silence:other-line", (client, lease) => client.decline(lease.address)],
    ["RENEW", "nak:other-line", (client, lease) => client.renew(lease)],
    ["REBIND", "nak:other-line", (client, lease) => client.rebind(lease)],
    ["INIT-REBOOT", "nak:other-line", (client, lease) => client.reboot(lease)],
    ["REQUEST after an offer that it did not get", "nak:other-line", (client, lease) => client.select(lease)],
    [
      "RENEW of a pair that no pool has",
      "nak:other-line",
      (client) => client.renew({ address: "198.18.0.1", portParams: undefined }),
    ],
    [
      "REQUEST that chose another server",
      "silence:other-server-chosen",
      (client, lease) => client.select(lease, otherServer),
    ],
  ])("%s changes nothing: %s", async (_what, outcome, say) => {
    const stage = await Stage.open();
    const lease = await stage.client(1, lineA).lease();
    const before = await stored(stage);
    stage.now += 60;
    expect(await stage.outcome(() => say(stage.client(1, lineB), lease))).toBe(outcome);
    expect(await stored(stage)).toEqual(before);
    expect(await stage.outcome(() => stage.client(1, lineA).renew(lease))).toBe("ack 192.0.2.18 PSID 1");
  });

  test.each<[string, (client: ReturnType<Stage["client"]>, offer: Answer) => Promise<Answer | undefined>]>([
    ["RELEASE", (client, offer) => client.release(offer)],
    ["DECLINE", (client, offer) => client.decline(offer.address)],
    ["REQUEST that chose another server", (client, offer) => client.select(offer, otherServer)],
    ["REQUEST for the offered pair", (client, offer) => client.select(offer)],
    ["DISCOVER", (client) => client.discover()],
  ])("T8 %s leaves an offer to the client that got it", async (_what, say) => {
    const stage = await Stage.open();
    const offer = (await stage.client(1, lineA).discover())!;
    await stage.outcome(() => say(stage.client(1, lineB), offer));
    expect(await stage.outcome(() => stage.client(1, lineA).select(offer))).toBe("ack 192.0.2.18 PSID 1");
  });

  test("T8 gets no pair in its quarantine, and gets it afterwards", async () => {
    const stage = await Stage.open();
    const lease = await stage.client(1, lineA).lease();
    await stage.client(1, lineA).release(lease);
    expect(await stage.outcome(() => stage.client(1, lineB).discover())).toBe("offer 192.0.2.19 PSID 1");
    expect(await stage.outcome(() => stage.client(1, lineA).discover())).toBe("offer 192.0.2.18 PSID 1");
    await stage.client(2, lineA).release(await stage.client(2, lineA).lease());
    stage.now += 60;
    expect(await stage.outcome(() => stage.client(2, lineB).discover())).toBe("offer 192.0.2.18 PSID 2");
  });

  test("DISCOVER and REQUEST get another pair, and the holder keeps its own", async () => {
    const stage = await Stage.open();
    const lease = await stage.client(1, lineA).lease();
    expect(await stage.outcome(() => stage.client(1, lineB).discover())).toBe("offer 192.0.2.19 PSID 1");
    const other = await stage.client(1, lineB).lease();
    expect(await stage.outcome(() => stage.client(1, lineB).renew(other))).toBe("ack 192.0.2.19 PSID 1");
    expect(await stage.outcome(() => stage.client(1, lineA).renew(lease))).toBe("ack 192.0.2.18 PSID 1");
    expect(await stage.outcome(() => stage.client(1, lineB).release(lease))).toBe(
      "silence:release-without-lease",
    );
    expect(await stage.leases()).toBe(2);
  });

  test("a rapid commit gets another pair too", async () => {
    const stage = await Stage.open({ rapidCommit: true });
    const fast = { options: { 80: [] } };
    await stage.client(1, lineA).discover({}, fast);
    expect(await stage.outcome(() => stage.client(1, lineB).discover({}, fast))).toBe(
      "ack 192.0.2.19 PSID 1",
    );
    expect(await stage.leases()).toBe(2);
  });

  test("the same octets from one site in one batch are a message of its own", async () => {
    const stage = await Stage.open({ siteBy: ["link"] });
    const queries = [lineA, lineB, lineA].map((place) => {
      const client = stage.client(1, { ...place, source: "fe80::7" });
      const { datagram } = client.message(MessageType.discover, { xid: 0x7777 });
      const interfaceId = encodeInterfaceId({ listener: 0, port: 547, believed: 1, zone: "" });
      const ours = levelAt({ options: [{ code: OptionCode6.interfaceId, data: interfaceId }] });
      const result = decodeQuery(enclose(datagram, [ours]));
      if (result.kind !== "query") throw new Error(`Cannot decode: ${result.reason}`);
      return result.query;
    });
    const [fromA, fromB, again] = queries;
    const { entries, later } = arrangeRound(queries, await loadDirectory(stage.database));
    expect(entries.map((entry) => entry.queries)).toEqual([[fromA, again]]);
    expect(later.map(({ query }) => query)).toEqual([fromB]);
  });
});

describe("T8 an honest client", () => {
  test.each<[string, ClientLocation, ClientLocation]>([
    [
      "after a failover from one relay to another",
      { ...lineA, linkAddress: "2001:db8:a::1", interfaceId: "bng-1:7" },
      { ...lineA, linkAddress: "2001:db8:a::2", interfaceId: "bng-2:9" },
    ],
    [
      "with a new source prefix",
      { ...lineA, source: "2001:db8:1::1" },
      { ...lineA, source: "2001:db8:2::1" },
    ],
    ["with a new source prefix and no line", { source: "2001:db8:1::1" }, { source: "2001:db8:2::1" }],
    ["whose relay begins to name its line", {}, lineA],
    ["whose relay no longer names its line", lineA, {}],
  ])("%s keeps its lease", async (_what, before, after) => {
    const stage = await Stage.open();
    const lease = await stage.client(1, before).lease();
    expect(await stage.outcome(() => stage.client(1, after).renew(lease))).toBe("ack 192.0.2.18 PSID 1");
    expect(await stage.outcome(() => stage.client(1, after).rebind(lease))).toBe("ack 192.0.2.18 PSID 1");
    expect(await stage.outcome(() => stage.client(1, after).release(lease))).toBe("silence:released");
  });

  test("that moved to another line starts again, and gets a pair there", async () => {
    const stage = await Stage.open();
    const lease = await stage.client(1, lineA).lease();
    expect(await stage.outcome(() => stage.client(1, lineB).rebind(lease))).toBe("nak:other-line");
    expect(await stage.client(1, lineB).lease()).toMatchObject({ type: "ack", address: "192.0.2.19" });
  });
});

test("T8 an Interface-Id names a line only where the domain says that it is unique", async () => {
  const [here, there] = [{ interfaceId: "eth1" }, { interfaceId: "eth2" }];
  for (const [interfaceIdsAreUnique, outcome] of [
    [false, "ack 192.0.2.18 PSID 1"],
    [true, "nak:other-line"],
  ] as const) {
    const stage = await Stage.open({ interfaceIdsAreUnique });
    const lease = await stage.client(1, here).lease();
    expect(await stage.outcome(() => stage.client(1, there).renew(lease))).toBe(outcome);
  }
});

/** A pool of 32 port sets of 2,048 ports each, one with reserved ports. */
const small = {
  quarantineSeconds: 60,
  pools: [{ name: "small", kind: "shared" as const, range: "192.0.2.18/32", psidLength: 5 }],
};

describe("T6 one customer that comes and goes with new client identifiers", () => {
  test.each<[string, (stage: Stage, number: number, lease: Answer) => Promise<unknown>]>([
    ["RELEASE", (stage, number, lease) => stage.client(number, lineA).release(lease)],
    ["DECLINE", (stage, number, lease) => stage.client(number, lineA).decline(lease.address)],
    ["nothing", () => Promise.resolve()],
  ])("and %s leaves the rest of the pool to others", async (_what, leave) => {
    const stage = await Stage.open({ ...small, siteBy: ["remote-id"], siteLeasesMax: 4 });
    for (let number = 1; number <= 40; number++) {
      const client = stage.client(number, lineA);
      const offer = await client.discover();
      if (offer === undefined) continue;
      await leave(stage, number, (await client.select(offer))!);
    }
    for (let number = 101; number <= 127; number++) {
      const place = { options: [remoteId(`other-${number}`)] };
      expect(await stage.outcome(() => stage.client(number, place).discover())).toMatch(/^offer /);
    }
  });

  test("has 16 pairs where the domain only says what a customer is", async () => {
    const stage = await Stage.open({ ...small, siteBy: ["remote-id"] });
    for (let number = 1; number <= 20; number++) await stage.client(number, lineA).discover();
    expect(await stage.leases()).toBe(16);
    expect(stage.count("silence:site-limit")).toBe(4);
  });

  test.each<[string, DomainSiteBy, (number: number) => ClientLocation]>([
    ["leaves out its identifier", ["remote-id"], () => ({})],
    ["makes up link-local sources", ["source"], (number) => ({ source: `fe80::${number}` })],
    [
      "sends empty identifiers",
      ["remote-id", "subscriber-id"],
      (number) => ({ options: [remoteId(""), subscriberId("")], source: `fe80::${number}` }),
    ],
  ])("does not escape its limit when it %s", async (_what, siteBy, place) => {
    const stage = await Stage.open({ ...small, siteBy, siteLeasesMax: 2 });
    for (let number = 1; number <= 6; number++) await stage.client(number, place(number)).discover();
    expect(await stage.leases()).toBe(2);
    // A customer that something identifies is not concerned.
    const known = { source: "2001:db8:1::1", options: [remoteId("known")] };
    expect(await stage.outcome(() => stage.client(9, known).discover())).toMatch(/^offer /);
  });
});

type DomainSiteBy = ["remote-id" | "source" | "subscriber-id", ...("remote-id" | "subscriber-id")[]];

describe("T26 identifiers of a relay", () => {
  const long = (last: number) => Uint8Array.of(...new Uint8Array(199).fill(7), last);

  test("a Remote-Id with an enterprise number alone does not make one site of a BNG", async () => {
    const stage = await Stage.open({ siteLeasesMax: 1 });
    const at = (number: number): ClientLocation => ({
      options: [remoteId("")],
      source: `2001:db8:${number}::1`,
    });
    await stage.client(1, at(1)).lease();
    expect(await stage.outcome(() => stage.client(2, at(2)).discover())).toMatch(/^offer /);
  });

  test.each([
    ["Remote-Id", remoteId],
    ["Subscriber-Id", subscriberId],
  ])(
    "a %s of 200 octets counts, is told from another, and is kept whole as evidence",
    async (_what, option) => {
      const stage = await Stage.open({ ...sharedOnly, siteLeasesMax: 1 });
      await stage.client(1, { options: [option(long(1))] }).lease();
      expect(await stage.outcome(() => stage.client(2, { options: [option(long(1))] }).discover())).toBe(
        "silence:site-limit",
      );
      expect(await stage.outcome(() => stage.client(2, { options: [option(long(2))] }).discover())).toMatch(
        /^offer /,
      );
      const [row] = await query(stage.database, "SELECT relay_path AS path FROM lease WHERE state = 2");
      const levels = decodeRelayPathRecord(row!.path as Uint8Array);
      expect(levels.at(-1)!.options).toContainEqual(option(long(1)));
    },
  );

  test("a Remote-Id of 300 octets is kept whole, too", async () => {
    const stage = await Stage.open();
    const option = remoteId(new Uint8Array(300).fill(9));
    await stage.client(1, { options: [option] }).lease();
    const [row] = await query(stage.database, "SELECT relay_path AS path FROM lease WHERE state = 2");
    const levels = decodeRelayPathRecord(row!.path as Uint8Array);
    expect(levels.at(-1)!.options).toContainEqual(option);
  });

  test("a line of a domain is found by the link-address around an LDRA's level", async () => {
    const onLine = {
      ...domain,
      name: "on-line",
      default: false,
      lines: [{ linkAddress: "2001:db8:a::1", interfaceId: "port-3" }],
      pools: [{ name: "lines", kind: "shared" as const, range: "198.51.100.8/31", psidLength: 6 }],
    };
    const stage = await Stage.open([domain, onLine]);
    const place = { linkAddress: "2001:db8:a::1", interfaceId: "port-3" };
    expect(await stage.outcome(() => stage.client(1, place).discover())).toBe("offer 198.51.100.8 PSID 1");
    const unknown = { linkAddress: "2001:db8:a::1", interfaceId: "" };
    expect(await stage.outcome(() => stage.client(2, unknown).discover())).toBe("offer 192.0.2.18 PSID 1");
  });
});
