/**
 * The binding table as commands of VPP's MAP plug-in, for `vppctl exec`: one MAP domain for each address, and one rule
 * for each row (independent 1:1 mapping, `ea-bits-len 0`).
 *
 * Pitfalls of the plug-in:
 * - Rules refer to their domain by an index, which VPP assigns in order of creation. Therefore every address of every
 *   pool gets a domain, leased or not, in the order of the pools. The index of an address is then known, and it does
 *   not change unless a pool is added or removed. This requires that VPP has no other MAP domains.
 * - There is no command to delete a rule. VPP treats a rule with the destination `::` as deleted.
 * - There are no comments, so only the headers of the response state the version.
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
  // A domain without pools needs no border relay, so it may lack one.
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

/** Computes the index of the MAP domain that VPP assigned to the address of an entry. */
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

/** The format of VPP's MAP plug-in. */
export const vpp: BindingFormat = {
  mediaType: "text/plain; charset=utf-8",
  whyUnsupported: (_pool, domain) =>
    domain.softwire.borderRelays.length === 0
      ? `domain "${domain.name}" has no softwire.borderRelays, but VPP needs an ip6-src`
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
