/**
 * The binding table as RFC 8676 JSON (module `ietf-softwire-br`, encoding of RFC 7951): one `bind-instance` for each
 * domain.
 *
 * Pitfalls of the module:
 * - The version is a string, because it has 64 bits.
 * - `port-set` has mandatory leaves, so a full address has `psid-len` 0 and `psid` 0.
 * - The PSID is right-justified. A left-justified PSID would pass validation and be wrong.
 * - The key is `binding-ipv6info`, so a softwire address that moves to another pair is a changed entry.
 * - The largest `psid-len` is 15, so a pool of single ports cannot be expressed.
 *
 * @module
 */
import { formatIPv4 } from "../wire/ipv4-address.ts";
import { formatIPv6 } from "../wire/ipv6-address.ts";
import type { Domain } from "../lease/domain.ts";
import { slotCount } from "./entry.ts";
import type { BindingEntry, BindingFormat, EntryChange, TableVersion } from "./entry.ts";

const psidLengthMax = 15;
const uint32Max = 0xffffffff;

/** Both leaves are mandatory. An IPv6 link with an MTU of 1540 octets carries 1500-octet IPv4 packets unfragmented. */
const mtu = { "softwire-payload-mtu": 1500, "softwire-path-mru": 1540 };

const entryJson = ({ domain, pool, address, psid, softwire }: BindingEntry) => {
  const { psidOffset, psidLength } = pool.geometry;
  const [borderRelay] = domain.softwire.borderRelays;
  return {
    "binding-ipv6info": formatIPv6(softwire),
    "binding-ipv4-addr": formatIPv4(address),
    "port-set": { ...(psidLength > 0 && { "psid-offset": psidOffset }), "psid-len": psidLength, psid },
    ...(borderRelay !== undefined && { "br-ipv6-addr": formatIPv6(borderRelay) }),
  };
};

/** An instance without its entries. */
const instanceJson = (domain: Domain, { versionOf, date }: TableVersion) => ({
  name: domain.name,
  "binding-table-versioning": { version: String(versionOf(domain)), date },
  "softwire-num-max": Math.min(Math.max(slotCount(domain), 1), uint32Max),
  ...mtu,
  "enable-hairpinning": true,
});

/** The format of RFC 8676. */
export const rfc8676: BindingFormat = {
  mediaType: "application/yang-data+json",
  whyUnsupported: ({ name, geometry }) =>
    geometry.psidLength > psidLengthMax
      ? `pool "${name}" has psidLength ${geometry.psidLength}, but RFC 8676 allows only 0..${psidLengthMax}`
      : undefined,
  begin: () => '{"ietf-softwire-br:br-instances":{"binding":{"bind-instance":[\n',
  beginDomain: (domain, table) => {
    const head = JSON.stringify(instanceJson(domain, table)).slice(0, -1);
    return [`${domain === table.domains[0] ? "" : ",\n"}${head},"binding-table":{"binding-entry":[\n`];
  },
  entry: (entry, _table, isFirst) => `${isFirst ? "" : ",\n"}${JSON.stringify(entryJson(entry))}`,
  endDomain: () => "\n]}}",
  end: () => "\n]}}}\n",
  *changes(changes, table, since) {
    const { version, date, domains } = table;
    const head = { since, version, date };
    yield `${JSON.stringify(head).slice(0, -1)},"bind-instance":[\n`;
    const keyed = keyedByAddress(changes);
    for (const [index, domain] of domains.entries()) {
      const isOwn = (entry: BindingEntry) => entry.domain === domain;
      yield `${index === 0 ? "" : ",\n"}{"name":${JSON.stringify(domain.name)}`;
      yield* list("removed", keyed.removed.filter(isOwn), ({ softwire }) => formatIPv6(softwire));
      yield* list("changed", keyed.changed.filter(isOwn), entryJson);
      yield* list("added", keyed.added.filter(isOwn), entryJson);
      yield "}";
    }
    yield "\n]}\n";
  },
};

function* list<T>(name: string, items: readonly T[], format: (item: T) => unknown): Iterable<string> {
  yield `,\n"${name}":[`;
  for (const [index, item] of items.entries())
    yield `${index === 0 ? "\n" : ",\n"}${JSON.stringify(format(item))}`;
  yield "]";
}

/** Converts changes of slots to changes of entries, whose key is the softwire address within its domain. */
function keyedByAddress(changes: readonly EntryChange[]) {
  const byKey = (entries: readonly (BindingEntry | null)[]) =>
    new Map(
      entries
        .filter((entry) => entry !== null)
        .map((entry) => [`${entry.domain.name} ${formatIPv6(entry.softwire)}`, entry]),
    );
  const before = byKey(changes.map((change) => change.before));
  const after = byKey(changes.map((change) => change.after));
  return {
    removed: [...before].filter(([key]) => !after.has(key)).map(([, entry]) => entry),
    changed: [...after].filter(([key]) => before.has(key)).map(([, entry]) => entry),
    added: [...after].filter(([key]) => !before.has(key)).map(([, entry]) => entry),
  };
}
