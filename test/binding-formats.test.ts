import { expect, test } from "vitest";
import type { BindingEntry, BindingFormat, EntryChange, TableVersion } from "../src/binding-table/entry.ts";
import { rfc8676 } from "../src/binding-table/rfc8676.ts";
import { snabb } from "../src/binding-table/snabb.ts";
import { vpp } from "../src/binding-table/vpp.ts";
import { loadDirectory } from "../src/store/configuration/directory.ts";
import { parseIPv4 } from "../src/wire/ipv4-address.ts";
import { parseIPv6 } from "../src/wire/ipv6-address.ts";
import { temporaryDatabase } from "./support/database.ts";

/** A table of three bindings: two in a shared pool (PSID offset 6, PSID length 8) and one in a full pool. */
async function exampleTable() {
  const database = await temporaryDatabase({
    domains: [
      {
        name: "north",
        default: true,
        serverIdentifier: "192.0.2.1",
        softwire: { borderRelays: ["2001:db8:ffff::1"] },
        pools: [
          { name: "shared", kind: "shared", range: "192.0.2.18/31", psidOffset: 6, psidLength: 8 },
          { name: "full", kind: "full", range: "203.0.113.77/32" },
        ],
      },
    ],
  });
  const { domains } = await loadDirectory(database);
  const domain = domains[0]!;
  const entryOf = (pool: number, address: string, psid: number, softwire: string): BindingEntry => ({
    domain,
    pool: domain.pools[pool]!,
    address: parseIPv4(address),
    psid,
    softwire: parseIPv6(softwire),
  });
  const entries = [
    entryOf(0, "192.0.2.18", 0x34, "2001:db8:1::1"),
    entryOf(0, "192.0.2.19", 255, "2001:db8:1::2"),
    entryOf(1, "203.0.113.77", 0, "2001:db8:1::3"),
  ] as const;
  const table: TableVersion = {
    version: "42",
    versionOf: () => 42,
    date: "2026-01-01T00:00:00Z",
    domains,
    leftOut: [],
  };
  const moved = entryOf(0, "192.0.2.18", 1, "2001:db8:1::1");
  const changes: readonly EntryChange[] = [
    // The client of ::1 got another pair, the pair of ::2 got another softwire address, the full address became free.
    { before: entries[0], after: null },
    { before: null, after: moved },
    { before: entries[1], after: { ...entries[1], softwire: parseIPv6("2001:db8:1::9") } },
    { before: entries[2], after: null },
  ];
  const whole = (format: BindingFormat): string =>
    [
      format.begin(table),
      ...format.beginDomain(domain, table),
      ...entries.map((entry, index) => format.entry(entry, table, index === 0)),
      format.endDomain(domain, table),
      format.end(),
    ].join("");
  const increment = (format: BindingFormat): string => [...format.changes(changes, table, "41")].join("");
  return { whole, increment };
}

const psid52 = { "psid-offset": 6, "psid-len": 8, psid: 52 };

test("rfc8676 writes the PSID as a plain number, the version as text, and a full address with PSID 0 of 0 bits", async () => {
  const { whole } = await exampleTable();
  expect(JSON.parse(whole(rfc8676))).toEqual({
    "ietf-softwire-br:br-instances": {
      binding: {
        "bind-instance": [
          {
            name: "north",
            "binding-table-versioning": { version: "42", date: "2026-01-01T00:00:00Z" },
            "softwire-num-max": 513,
            "softwire-payload-mtu": 1500,
            "softwire-path-mru": 1540,
            "enable-hairpinning": true,
            "binding-table": {
              "binding-entry": [
                {
                  "binding-ipv6info": "2001:db8:1::1",
                  "binding-ipv4-addr": "192.0.2.18",
                  "port-set": psid52,
                  "br-ipv6-addr": "2001:db8:ffff::1",
                },
                {
                  "binding-ipv6info": "2001:db8:1::2",
                  "binding-ipv4-addr": "192.0.2.19",
                  "port-set": { ...psid52, psid: 255 },
                  "br-ipv6-addr": "2001:db8:ffff::1",
                },
                {
                  "binding-ipv6info": "2001:db8:1::3",
                  "binding-ipv4-addr": "203.0.113.77",
                  "port-set": { "psid-len": 0, psid: 0 },
                  "br-ipv6-addr": "2001:db8:ffff::1",
                },
              ],
            },
          },
        ],
      },
    },
  });
});

test("rfc8676 keys changes by softwire address: a softwire that moved to another pair is changed, not removed", async () => {
  const { increment } = await exampleTable();
  const parsed = JSON.parse(increment(rfc8676)) as {
    "bind-instance": Record<string, Record<string, unknown>[]>[];
  };
  expect(parsed).toMatchObject({ since: "41", version: "42", date: "2026-01-01T00:00:00Z" });
  expect(parsed["bind-instance"]).toMatchObject([
    {
      name: "north",
      removed: ["2001:db8:1::2", "2001:db8:1::3"],
      changed: [{ "binding-ipv6info": "2001:db8:1::1", "port-set": { psid: 1 } }],
      added: [{ "binding-ipv6info": "2001:db8:1::9", "binding-ipv4-addr": "192.0.2.19" }],
    },
  ]);
});

test("snabb writes the table as configuration text", async () => {
  const { whole } = await exampleTable();
  expect(whole(snabb)).toBe(`// version 42, 2026-01-01T00:00:00Z
softwire-config {
  binding-table {
    softwire { ipv4 192.0.2.18; psid 52; b4-ipv6 2001:db8:1::1; br-address 2001:db8:ffff::1; port-set { psid-length 8; reserved-ports-bit-count 6; } }
    softwire { ipv4 192.0.2.19; psid 255; b4-ipv6 2001:db8:1::2; br-address 2001:db8:ffff::1; port-set { psid-length 8; reserved-ports-bit-count 6; } }
    softwire { ipv4 203.0.113.77; psid 0; b4-ipv6 2001:db8:1::3; br-address 2001:db8:ffff::1; port-set { psid-length 0; reserved-ports-bit-count 0; } }
  }
}
`);
});

test("snabb writes changes as commands that remove before they add", async () => {
  const { increment } = await exampleTable();
  const snabbConfig = (verb: string) => `snabb config ${verb} -s snabb-softwire-v3 "$LWAFTR"`;
  const path = "/softwire-config/binding-table/softwire";
  expect(increment(snabb))
    .toBe(`# from version 41 to 42, 2026-01-01T00:00:00Z; LWAFTR is the name of the instance
${snabbConfig("remove")} '${path}[ipv4=192.0.2.18][psid=52]'
${snabbConfig("remove")} '${path}[ipv4=203.0.113.77][psid=0]'
${snabbConfig("remove")} '${path}[ipv4=192.0.2.19][psid=255]'
${snabbConfig("add")} ${path} '{ ipv4 192.0.2.19; psid 255; b4-ipv6 2001:db8:1::9; br-address 2001:db8:ffff::1; port-set { psid-length 8; reserved-ports-bit-count 6; } }'
${snabbConfig("add")} ${path} '{ ipv4 192.0.2.18; psid 1; b4-ipv6 2001:db8:1::1; br-address 2001:db8:ffff::1; port-set { psid-length 8; reserved-ports-bit-count 6; } }'
`);
});

test("vpp writes a MAP domain for each address, and rules that refer to it by index", async () => {
  const { whole } = await exampleTable();
  expect(whole(vpp))
    .toBe(`map add domain ip4-pfx 192.0.2.18/32 ip6-pfx ::/0 ip6-src 2001:db8:ffff::1 ea-bits-len 0 psid-offset 6 psid-len 8
map add domain ip4-pfx 192.0.2.19/32 ip6-pfx ::/0 ip6-src 2001:db8:ffff::1 ea-bits-len 0 psid-offset 6 psid-len 8
map add domain ip4-pfx 203.0.113.77/32 ip6-pfx ::/0 ip6-src 2001:db8:ffff::1 ea-bits-len 0 psid-offset 0 psid-len 0
map add rule index 0 psid 52 ip6-dst 2001:db8:1::1
map add rule index 1 psid 255 ip6-dst 2001:db8:1::2
map add rule index 2 psid 0 ip6-dst 2001:db8:1::3
`);
});

test("vpp writes changes as rules, and the rules with destination :: first", async () => {
  const { increment } = await exampleTable();
  expect(increment(vpp)).toBe(`map add rule index 0 psid 52 ip6-dst ::
map add rule index 2 psid 0 ip6-dst ::
map add rule index 1 psid 255 ip6-dst 2001:db8:1::9
map add rule index 0 psid 1 ip6-dst 2001:db8:1::1
`);
});

test.each([
  ["rfc8676", rfc8676, 16, ["2001:db8::1"], /has psidLength 16, but RFC 8676 allows only 0..15/],
  ["snabb", snabb, 8, [], /no softwire.borderRelays/],
  ["vpp", vpp, 8, [], /no softwire.borderRelays/],
])("%s says what it can't express", async (_, format, psidLength, borderRelays, expected) => {
  const database = await temporaryDatabase({
    domains: [
      {
        name: "north",
        default: true,
        serverIdentifier: "192.0.2.1",
        softwire: { borderRelays },
        pools: [{ name: "shared", kind: "shared", range: "192.0.2.18/31", psidLength }],
      },
    ],
  });
  const [domain] = (await loadDirectory(database)).domains;
  expect(format.whyUnsupported(domain!.pools[0]!, domain!)).toMatch(expected);
});

test("vpp skips a domain without pools, which needs no border relay", async () => {
  const database = await temporaryDatabase({
    domains: [{ name: "empty", serverIdentifier: "192.0.2.1", pools: [] }],
  });
  const [domain] = (await loadDirectory(database)).domains;
  const table = {
    version: "1",
    versionOf: () => 1,
    date: "2026-11-24T00:00:00Z",
    domains: [domain!],
    leftOut: [],
  };
  expect([...vpp.beginDomain(domain!, table)]).toEqual([]);
});
