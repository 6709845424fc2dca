/**
 * The binding table as commands of VPP's MAP plug-in, for `vppctl exec`: one MAP domain for each address, and a rule for
 * each row (independent 1:1 mapping, `ea-bits-len 0`).
 *
 * Its traps: rules name their domain by an index that VPP gives out in the order of creation. So all addresses of all
 * pools get a domain, leased or not, in the order of the pools; the index of an address is then known, and stays, as
 * long as pools neither come nor go. It holds where VPP has no other MAP domains. There is no command to delete a
 * rule: one to `::` is VPP's own form of none. And no comments: the version is in the headers of the response alone.
 *
 * @module
 */
import { formatIPv4 } from "../wire/ipv4-address.ts";
import { formatIPv6 } from "../wire/ipv6-address.ts";
import { vppPieceLines } from "../limits.ts";
import type { Domain } from "../lease/domain.ts";
import { addressCount, sortChanges } from "./entry.ts";
import type { BindingEntry, BindingFormat, TableVersion } from "./entry.ts";

function* domainLines({ pools, softwire }: Domain): Iterable<string> {
  // A domain without pools needs no border relay, and is not refused for it.
  if (pools.length === 0) return;
  const source = formatIPv6(softwire.borderRelays[0]!);
  for (const { geometry } of pools) {
    const { firstAddress, lastAddress, psidOffset, psidLength } = geometry;
    for (let from = firstAddress; from <= lastAddress; from += vppPieceLines) {
      const count = Math.min(vppPieceLines, lastAddress - from + 1);
      yield Array.from(
        { length: count },
        (_, index) =>
          `map add domain ip4-pfx ${formatIPv4(from + index)}/32 ip6-pfx ::/0 ip6-src ${source} ` +
          `ea-bits-len 0 psid-offset ${psidOffset} psid-len ${psidLength}\n`,
      ).join("");
    }
  }
}

/** The domain that VPP has given this address. */
function indexOf({ pool, address }: BindingEntry, { domains }: TableVersion): number {
  let base = 0;
  for (const each of domains.flatMap(({ pools }) => pools)) {
    if (each.id === pool.id) break;
    base += addressCount(each);
  }
  return base + address - pool.geometry.firstAddress;
}

const rule = (entry: BindingEntry, table: TableVersion, target: string): string =>
  `map add rule index ${indexOf(entry, table)} psid ${entry.psid} ip6-dst ${target}\n`;
const addition = (entry: BindingEntry, table: TableVersion): string =>
  rule(entry, table, formatIPv6(entry.softwire));

/** The format. */
export const vpp: BindingFormat = {
  mediaType: "text/plain; charset=utf-8",
  refuse: (_pool, domain) =>
    domain.softwire.borderRelays.length === 0
      ? `domain "${domain.name}" has no softwire.borderRelays, and VPP wants an ip6-src`
      : undefined,
  begin: () => "",
  beginDomain: domainLines,
  entry: addition,
  endDomain: () => "",
  end: () => "",
  *changes(changes, table) {
    const { removed, changed, added } = sortChanges(changes);
    for (const entry of removed) yield rule(entry, table, "::");
    for (const entry of [...changed, ...added]) yield addition(entry, table);
  },
};
